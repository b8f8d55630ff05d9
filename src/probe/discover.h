/* discover: from a mail address to the servers for sending: SRV records (RFC 6186, RFC 8314), the
 * provider's own settings file (autoconfig.h), the built-in table (providers.h) by the address's
 * domain and by its MX, and the customary names. All are asked at once; the first in this order
 * that knows is believed. */
#ifndef PORT26_PROBE_DISCOVER_H
#define PORT26_PROBE_DISCOVER_H

#include "base/error.h"
#include "io/loop.h"
#include "probe/findings.h"
#include "probe/providers.h"

enum { DISCOVER_DOORS_MAX = 12, DISCOVER_HOW = 48 };

/* In order of trust. */
#define DISCOVER_SOURCE_LIST(X)                                                                    \
    X(SOURCE_SRV, "srv")                                                                           \
    X(SOURCE_AUTOCONFIG, "autoconfig")                                                             \
    X(SOURCE_TABLE, "table")                                                                       \
    X(SOURCE_MX, "mx")                                                                             \
    X(SOURCE_GUESS, "guess")
#define X(id, name) id,
enum discover_source { DISCOVER_SOURCE_LIST(X) DISCOVER_SOURCES };
#undef X
const char *discover_source_name(enum discover_source s);

struct discover_door {
    char host[FINDINGS_NAME];
    unsigned port;              /* 0: not said */
    enum steps_sealing sealing; /* SEALING_UNKNOWN: not said */
    unsigned login;             /* bits of providers_login; 0: not said */
    char user[FINDINGS_NAME];   /* the name to log in with, escaped; "": not said */
    enum discover_source source;
};

#define DISCOVER_END_LIST(X)                                                                       \
    X(DISCOVER_FOUND, "found")                                                                     \
    X(DISCOVER_GUESSED, "guessed") /* only customary names, which exist */                         \
    X(DISCOVER_NOT_OFFERED, "not-offered")                                                         \
    X(DISCOVER_NO_DOMAIN, "no-domain") /* the part behind the @ does not exist */                  \
    X(DISCOVER_NOTHING, "nothing")     /* it exists, but names no server for sending */            \
    X(DISCOVER_NO_ANSWER, "no-answer") /* nobody could be asked */                                 \
    X(DISCOVER_NOT_ASKED, "not-asked") /* the table does not know it, and it was all */
#define X(id, name) id,
enum discover_end { DISCOVER_END_LIST(X) };
#undef X
const char *discover_end_name(enum discover_end e);

struct discover {
    /* The best door. When nothing is found: the first guess, whose absence the check then tells. */
    char host[FINDINGS_NAME];
    unsigned port;   /* 0: not said */
    const char *how; /* "SRV _submissions._tcp", "guess smtp."; static */

    enum discover_end end;
    char words[FINDINGS_TEXT]; /* what came of it, a sentence; no names beyond the domain */
    size_t count;
    struct discover_door door[DISCOVER_DOORS_MAX]; /* the best first, then the others known */
    const struct providers_row *provider;          /* whose mailboxes these are, or NULL */
    char provider_name[64];                        /* the same for people, escaped; or "" */
    int64_t elapsed_ms;
};

struct discover_settings {
    struct span address; /* all of it: goes to the provider, over https only; may be empty */
    const char *domain;
    const char *resolver; /* instead of the system's: "192.0.2.53", "192.0.2.53@5353"; or NULL */
    const char *second;   /* asked when the first knows nothing, or NULL */
    const char *cafile;   /* authorities for https, NULL: the system's */
    bool no_web;          /* leave the provider's settings file alone */
    bool offline;         /* ask nobody: the built-in table alone */
};

/* Runs l, at most two seconds; call it outside of fibers. *out is filled always. 0, or -1 and *e
 * when a setting is bad. */
int discover_find(struct loop *l, const struct discover_settings *s, struct discover *out,
                  struct error *e);
/* `host` is no server: finds the one that is meant, by s->domain, or when that is NULL by the
 * domain that the host seems to be of (the public suffix list tells). Fills `right`, "" when
 * nothing other than `host` itself was found. 0, or -1 and *e. */
int discover_right(struct loop *l, const char *host, const struct discover_settings *s,
                   char right[FINDINGS_NAME], struct error *e);

#endif
