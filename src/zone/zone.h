/* zone: the DNS records that a domain of ours should have, from the configuration as it is, and
 * whether what the DNS holds does their work. Pure. */
#ifndef PORT26_ZONE_ZONE_H
#define PORT26_ZONE_ZONE_H

#include "base/arena.h"
#include "base/text.h"
#include "conf/config.h"
#include "dns/dns.h"
#include "route/spf.h"

/* What a record is for; the name is that of the JSON. */
#define ZONE_PURPOSES(X)                                                                           \
    X(ZONE_MX, "mx", DNS_MX)                  /* RFC 5321 5: where mail for the domain goes */     \
    X(ZONE_SPF, "spf", DNS_TXT)               /* RFC 7208: who may send its mail */                \
    X(ZONE_DKIM, "dkim", DNS_TXT)             /* RFC 6376: the keys that sign it */                \
    X(ZONE_DMARC, "dmarc", DNS_TXT)           /* RFC 7489: what to do with other mail */           \
    X(ZONE_SERVICE, "service", DNS_SRV)       /* RFC 6186, 8314: doors for mail programs */        \
    X(ZONE_HOST, "host", DNS_CNAME)           /* where mail programs look for their settings */    \
    X(ZONE_MTA_STS, "mta-sts", DNS_TXT)       /* RFC 8461: there is a policy */                    \
    X(ZONE_TLS_REPORT, "tls-report", DNS_TXT) /* RFC 8460: who hears of TLS that failed */
#define X(id, name, type) id,
enum zone_purpose { ZONE_PURPOSES(X) ZONE_PURPOSE_COUNT };
#undef X
const char *zone_purpose_name(enum zone_purpose p);

enum zone_need {
    ZONE_REQUIRED, /* without it mail is lost or refused */
    ZONE_ADVISED,
    ZONE_OPTIONAL,
};
const char *zone_need_name(enum zone_need n);

struct zone_record {
    enum zone_purpose purpose;
    enum dns_type type;
    enum zone_need need;
    struct span name; /* whole, lower case, without the last dot */
    struct span data; /* TXT: the text, unquoted; others as in a zone file */
    struct span note; /* why, or what to look after; one sentence */
};

enum { ZONE_RECORDS_MAX = 64, ZONE_TEXT_MAX = 4096 };

struct zone {
    struct zone_record record[ZONE_RECORDS_MAX];
    size_t count;
};

/* A DKIM key that is to be published. */
enum zone_key_state {
    ZONE_KEY_SIGNS,
    ZONE_KEY_NEW, /* it signs once it was seen */
    ZONE_KEY_OLD, /* it does not sign any more */
};
struct zone_key {
    struct span name, text;
    enum zone_key_state state;
};

/* The records for `domain` (canonical). All lives in `a` or is the caller's. */
void zone_make(const struct config *c, struct span domain, const struct zone_key *keys,
               size_t count, struct arena *a, struct zone *out);
/* One line of a zone file, without line end: TXT in pieces of 255 octets. False when it does not
 * fit. */
bool zone_line(const struct zone_record *r, struct text *out);
const char *zone_type_name(enum dns_type t);

/* Does no mail leave this machine but by relays? */
bool zone_all_by_relay(const struct config *c);
/* Is this address (as inet_pton reads it) one that others can see? */
bool zone_public(const char *address);

/* ---- compared with the world ---- */

struct zone_found {
    enum dns_result result;
    struct span why;   /* for DNS_TEMPORARY and DNS_BOGUS */
    struct span *data; /* each record: TXT joined, MX "10 host", SRV "0 0 465 host", HOST: the
                          addresses */
    size_t count;
    bool same;           /* HOST: all its addresses are those of the host that is meant */
    enum spf_result spf; /* SPF: the worst for one of our addresses */
    struct span address; /* SPF: that one; empty: our addresses are not known */
    struct span alias;   /* not HOST: where an alias (CNAME) at this name leads; empty: none */
};

#define ZONE_STATES(X)                                                                             \
    X(ZONE_RIGHT, "right")                                                                         \
    X(ZONE_MISSING, "missing")                                                                     \
    X(ZONE_WRONG, "wrong")                                                                         \
    X(ZONE_UNKNOWN, "unknown") /* the DNS did not answer, or it can not be judged */
#define X(id, name) id,
enum zone_state { ZONE_STATES(X) };
#undef X
const char *zone_state_name(enum zone_state s);

struct zone_verdict {
    enum zone_state state;
    struct span there;   /* what is there, in one line; empty: nothing */
    struct span words;   /* why it is wrong or unknown; empty where it is right */
    struct span publish; /* the data to publish instead; for SPF what is there with ours in it */
};

/* The server itself, which belongs to no domain: its name has an address, and each address that
 * mail leaves from has a name that leads back (many receivers refuse mail else). */
#define ZONE_SERVER_KINDS(X)                                                                       \
    X(ZONE_ADDRESS, "address") /* of the name this server says it has */                           \
    X(ZONE_REVERSE, "reverse") /* the name of an outgoing address */
#define X(id, name) id,
enum zone_server_kind { ZONE_SERVER_KINDS(X) };
#undef X
const char *zone_server_kind_name(enum zone_server_kind k);
struct zone_server {
    enum zone_server_kind kind;
    enum zone_state state;
    struct span name; /* the host's, or the address */
    struct span there, words;
};
enum { ZONE_SERVER_MAX = 33 };

/* Does what was found do the work of `r`? All lives in `a`. What was found is a stranger's: it may
 * hold any bytes; `there` is safe to show. */
void zone_compare(const struct zone_record *r, const struct zone_found *found, struct arena *a,
                  struct zone_verdict *out);

#endif
