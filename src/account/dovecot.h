/* dovecot: a running Dovecot is asked who may log in, through its auth socket ("auth-client"), or
 * who exists, through another ("auth-userdb"); its protocol 1, plain lines with tabs. One
 * connection for each question, at most DOVECOT_ASKS at a time, each with a deadline. */
#ifndef PORT26_ACCOUNT_DOVECOT_H
#define PORT26_ACCOUNT_DOVECOT_H

#include "base/span.h"
#include "io/loop.h"

struct dovecot;

enum { DOVECOT_KNOWN_NOT = 60 * 1000, DOVECOT_KNOWN_MAX = 10000 }; /* ms; names */
enum { DOVECOT_ASKS = 100, DOVECOT_TIME = 20 * 1000 /* ms; it delays a "no" by some seconds */ };

enum dovecot_verdict {
    DOVECOT_YES,
    DOVECOT_NO,
    DOVECOT_NOT_NOW, /* it does not answer, or says so itself */
};

/* `path` of the socket; copied. */
struct dovecot *dovecot_new(struct loop *l, const char *path);
/* Questions under way still get their answers. Nulls the pointer. */
void dovecot_free(struct dovecot **d);
/* Is this the password of that name? `user`: the name as Dovecot calls it, when YES. done is called
 * exactly once, from the loop, maybe at once. The spans are copied, the password wiped. */
typedef void dovecot_done_fn(void *arg, enum dovecot_verdict v, struct span user);
void dovecot_check(struct dovecot *d, struct span name, struct span password, struct span peer,
                   dovecot_done_fn *done, void *arg);

/* Is there a user of that name? On a socket of the kind auth-userdb. Who is not there is remembered
 * for DOVECOT_KNOWN_NOT. As above otherwise. */
void dovecot_exists(struct dovecot *d, struct span name, dovecot_done_fn *done, void *arg);

/* What one of its lines (without LF) means for question `id`. */
enum dovecot_reply {
    DOVECOT_REPLY_NONE, /* nothing yet */
    DOVECOT_REPLY_YES,  /* *user is set: a part of the line */
    DOVECOT_REPLY_NO,
    DOVECOT_REPLY_LATER, /* a passing trouble of its own */
    DOVECOT_REPLY_ALIEN, /* another protocol, or not what the question calls for */
};
enum dovecot_reply dovecot_line(struct span line, unsigned id, struct span *user);
/* The same for dovecot_exists. */
enum dovecot_reply dovecot_user_line(struct span line, unsigned id, struct span *user);

#endif
