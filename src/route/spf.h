/* spf: does a sender's domain allow a host to send its mail (SPF, RFC 7208), and what does it ask
 * receivers to do with mail from elsewhere (DMARC, RFC 7489)? For a warning before mail goes by a
 * relay that the domain may not know; nothing is refused by it. All records are strangers' words:
 * bounded in length, terms and questions. */
#ifndef PORT26_ROUTE_SPF_H
#define PORT26_ROUTE_SPF_H

#include "base/arena.h"
#include "dns/dns.h"

#include <sys/socket.h>

enum {
    SPF_RECORD_MAX = 4096, /* octets; a longer record is broken */
    SPF_TERMS = 64,
    SPF_QUESTIONS = 10, /* terms that ask DNS (RFC 7208 4.6.4) */
    SPF_VOIDS = 2,      /* of these without an answer */
    SPF_HOSTS = 10,     /* of one mx */
};

#define SPF_RESULT_LIST(X)                                                                         \
    X(SPF_NONE, "none")       /* the domain says nothing */                                        \
    X(SPF_UNKNOWN, "unknown") /* it uses macros, is broken, or DNS failed */                       \
    X(SPF_NEUTRAL, "neutral")                                                                      \
    X(SPF_PASS, "pass")                                                                            \
    X(SPF_SOFTFAIL, "softfail")                                                                    \
    X(SPF_FAIL, "fail")
#define X(id, name) id,
enum spf_result { SPF_RESULT_LIST(X) };
#undef X
const char *spf_result_name(enum spf_result r);

enum spf_kind { SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS };

struct spf_term {
    enum spf_kind kind;
    enum spf_result result; /* when it matches */
    struct span domain;     /* empty: the record's own; of IP4, IP6: the address */
    unsigned bits4, bits6;
    bool macro; /* the domain is made of the sender: we do not look */
};

struct spf_record {
    struct spf_term term[SPF_TERMS];
    size_t count;
    struct span redirect;
    bool redirect_macro;
};

/* Reads one record. False: it is none, or broken. Spans point into it. */
bool spf_parse(struct span text, struct spf_record *out);

/* May one of these addresses send for the domain? Blocks the fiber, until the deadline at most. */
enum spf_result spf_check(struct dns *d, struct span domain, const struct sockaddr_storage *address,
                          size_t count, int64_t deadline);

/* What is asked of receivers: "none", "quarantine" or "reject"; "" where the domain and those above
 * it say nothing. */
const char *spf_dmarc(struct dns *d, struct span domain, int64_t deadline);
/* The policy of one DMARC record; "" when it is none. */
const char *spf_dmarc_policy(struct span record);

#endif
