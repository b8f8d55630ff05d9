/* dns: names to records. Questions block the fiber, not the process; libunbound answers on a thread
 * of its own, caches, follows CNAMEs and checks DNSSEC. It is named in resolver.c only.
 *
 * What comes back was written by strangers: the records are parsed by rdata.h, at most
 * DNS_RECORDS_MAX of an answer are used, and names that no host may bear are dropped (HOSTILE 74,
 * 118). Nothing here says whether mail must wait or bounce: route/ does. */
#ifndef PORT26_DNS_DNS_H
#define PORT26_DNS_DNS_H

#include "base/arena.h"
#include "base/error.h"
#include "io/loop.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct dns;

enum { DNS_RECORDS_MAX = 100, DNS_NAME_MAX = 253, DNS_BATCH_MAX = 64 };

/* Record types by their number on the wire. */
enum dns_type {
    DNS_A = 1,
    DNS_CNAME = 5,
    DNS_PTR = 12,
    DNS_MX = 15,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_TLSA = 52,
};

#define DNS_RESULT_LIST(X)                                                                         \
    X(DNS_OK, "ok")               /* at least one usable record */                                 \
    X(DNS_NONE, "no-data")        /* the name exists, records of this type do not */               \
    X(DNS_NXDOMAIN, "no-name")    /* the name does not exist */                                    \
    X(DNS_TEMPORARY, "temporary") /* no answer in time, SERVFAIL, REFUSED, no network */           \
    X(DNS_BOGUS, "bogus")         /* the answer fails DNSSEC: temporary, but the zone's fault */
#define X(id, name) id,
enum dns_result { DNS_RESULT_LIST(X) };
#undef X
const char *dns_result_name(enum dns_result r);

/* How a question ended. */
struct dns_status {
    enum dns_result result;
    bool secure;     /* proven by DNSSEC, present records and absent ones alike */
    bool cut;        /* there were more records than are used */
    uint32_t ttl;    /* seconds; 0 when unknown */
    struct span why; /* words for a person when the result is not DNS_OK: "no answer within 10 s" */
};

struct dns_settings {
    /* "192.0.2.53", "192.0.2.53@5353", "2001:db8::53"; the single word "root": ask the root servers
     * and on from there, without any resolver; count 0: those of resolv_conf. */
    const struct span *resolvers;
    size_t resolver_count;
    const char *resolv_conf; /* NULL: /etc/resolv.conf */
    const char *hosts_file;  /* NULL: none */
    const char
        *anchor_file; /* DNSSEC trust anchor (Debian: /usr/share/dns/root.key); NULL: unchecked */
    int64_t timeout;  /* longest wait for one question in ms; 0: 10 s */
};

/* All files are read here, before the jail. The resolver's thread starts with the first question,
 * so it lives inside the jail. A new list of resolvers (another place) is a new dns_new, which
 * needs no file when `resolvers` is given. NULL and *e when a setting or a file is bad. */
struct dns *dns_new(struct loop *l, const struct dns_settings *s, struct error *e);
/* No question may be under way. Nulls the pointer; NULL is fine. */
void dns_free(struct dns **d);

/* One question and its raw answer. */
struct dns_lookup {
    struct span name; /* A-labels, with or without the last dot; anything else is DNS_NXDOMAIN */
    enum dns_type type;
    struct dns_status status; /* out */
    size_t count;             /* out: records, at most DNS_RECORDS_MAX; 0 unless DNS_OK */
    struct span *rdata;       /* out: each record's bytes, in the arena, names uncompressed */
};

/* Asks all `count` (at most DNS_BATCH_MAX) questions at once and returns when each has its answer
 * or the deadline (clock_now() ms; each question also ends by settings.timeout) has passed. Always
 * fills every status. A cancelled fiber gets DNS_TEMPORARY. Must run in a fiber, but for a
 * dns_fake. */
void dns_query(struct dns *d, struct dns_lookup *lookups, size_t count, int64_t deadline,
               struct arena *a);

/* ---- typed questions: spans and arrays live in the arena; names are lower case without the last
 * dot; records that do not parse are dropped, and when none is left the result is DNS_TEMPORARY.
 * Each returns status.result. ---- */

struct dns_mx {
    uint16_t preference;
    struct span host; /* empty: "." (RFC 7505, null MX) */
};
struct dns_mx_list {
    struct dns_status status;
    size_t count;
    struct dns_mx *mx;
};
/* In the order of the answer, unsorted. */
enum dns_result dns_mx(struct dns *d, struct span name, int64_t deadline, struct arena *a,
                       struct dns_mx_list *out);

struct dns_address_list {
    struct dns_status status;
    size_t count;
    struct sockaddr_storage *address; /* port 0; all IPv6 before all IPv4 */
};
/* A and AAAA, asked at once. One family's answer is enough for DNS_OK; without any, the worse of
 * the two results counts (a failure is never called absence). */
enum dns_result dns_address(struct dns *d, struct span name, int64_t deadline, struct arena *a,
                            struct dns_address_list *out);
/* The same for many names at once: names[i] fills out[i]. At most DNS_BATCH_MAX / 2. */
void dns_addresses(struct dns *d, const struct span *names, size_t count, int64_t deadline,
                   struct arena *a, struct dns_address_list *out);

struct dns_text_list {
    struct dns_status status;
    size_t count;
    struct span *text;
};
/* Host names of an address; port is ignored. */
enum dns_result dns_ptr(struct dns *d, const struct sockaddr *address, int64_t deadline,
                        struct arena *a, struct dns_text_list *out);
/* TXT: the strings of one record joined (RFC 7208 3.3); bytes are as they came, NUL included. */
enum dns_result dns_txt(struct dns *d, struct span name, int64_t deadline, struct arena *a,
                        struct dns_text_list *out);

struct dns_srv {
    uint16_t priority, weight, port;
    struct span host; /* empty: "." (RFC 2782: the service is decidedly not there) */
};
struct dns_srv_list {
    struct dns_status status;
    size_t count;
    struct dns_srv *srv;
};
/* In the order of the answer, unsorted. */
enum dns_result dns_srv(struct dns *d, struct span name, int64_t deadline, struct arena *a,
                        struct dns_srv_list *out);

#endif
