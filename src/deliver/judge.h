/* judge: what a trouble means. One table, stage by event, read from top to bottom; the first row
 * that fits rules. Nothing else in the tree decides between next path, later and never.
 *
 * Temporary stays temporary (P6): DNS, connection, TLS and login trouble are never permanent,
 * whatever their reply codes say. */
#ifndef PORT26_DELIVER_JUDGE_H
#define PORT26_DELIVER_JUDGE_H

#include "base/arena.h"
#include "mail/job.h"
#include "smtp/smtp_client.h"

struct judge_event {
    enum stage stage; /* where; STAGE_CONNECT and STAGE_DNS come from attempt, the rest from the
                         client */
    enum smtp_client_why why;
    struct reply reply;       /* code 0: none */
    int sys;                  /* positive errno, or 0 */
    enum tls_verdict verdict; /* for CLIENT_TLS */
    bool dns_permanent;       /* STAGE_DNS: the domain itself says that it takes no mail */
};

struct judge_ruling {
    enum outcome_kind kind; /* OUTCOME_LATER or OUTCOME_NEVER */
    enum outcome_scope scope;
    struct enhanced status; /* the reply's own where it has one, its class set to fit `kind` */
    bool waits_for_network;
};

/* Pure. */
struct judge_ruling judge_rule(const struct judge_event *e);
/* Of two troubles on two paths the one that came further tells more, and of two that came as far
 * the one that shows who is there: a stranger's certificate more than a connection that broke. That
 * a web server takes no mail tells least. `before` is the stage of the trouble known so far. */
bool judge_tells_more(enum stage before, const struct judge_event *e);
/* The event of a client's failure. */
struct judge_event judge_event_of(const struct smtp_client_failure *f);

/* For people: sets out->words, out->owner and out->status (out->kind is set) from mail/cause.h;
 * where that has no cause, from our own `words`. */
struct judge_place {
    struct span host, domain; /* either may be empty */
};
void judge_explain(const struct judge_event *e, const struct judge_ruling *r,
                   const struct judge_place *at, const char *words, struct outcome *out,
                   struct arena *a);

/* Is it what one meets who talks to somebody in between instead of the server: no encryption, no
 * login, a certificate of another, another protocol? Of a relay, which has a login and stands on
 * one's own list, that is more likely than a change of the server, and elsewhere it may be gone. */
bool judge_stranger(const struct judge_event *e);

/* Did the server only refuse this many recipients at once (RFC 5321 4.5.3.1.10)? Then those are
 * asked again in the next transaction, when at least one was taken in this one. */
bool judge_too_many(const struct reply *r);

#endif
