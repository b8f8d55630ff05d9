/* login: is this the password of that name? Hashing runs on threads of its own with a bounded
 * queue, so that it never holds up a session of somebody else; a good answer is remembered for some
 * minutes. Unknown names cost and look the same. */
#ifndef PORT26_ACCOUNT_LOGIN_H
#define PORT26_ACCOUNT_LOGIN_H

#include "account/directory.h"
#include "io/loop.h"

struct login;

enum login_verdict {
    LOGIN_YES,
    LOGIN_NO,
    LOGIN_CLOSED, /* the right password of an account that is locked: nobody else is told so */
    LOGIN_NOT_NOW,
    LOGIN_AS_IT_IS, /* SCRAM: its password is kept as another system's hash; PLAIN and LOGIN work */
};

/* `secret`: the store's, for verifiers of names that do not exist; copied. `d` must outlive it. */
struct login *login_new(struct loop *l, const struct directory *d, struct span secret);
void login_free(struct login **l);
/* `account`: canonical name when YES, else empty. `wait`: milliseconds to hold the answer back. */
typedef void login_done_fn(void *arg, enum login_verdict v, struct span account, uint32_t wait);
/* Checks a password. done is called exactly once, from the loop, maybe at once. The spans are
 * copied, the password wiped. */
void login_check(struct login *l, struct span name, struct span password, struct span peer,
                 login_done_fn *done, void *arg);
/* Called after the first good password of an account whose password was kept as a hash: `hash` is
 * what was kept, `verifier` what can be kept from now on, so that SCRAM works too. */
typedef void login_better_fn(void *arg, struct span name, struct span hash, struct span verifier);
void login_on_better(struct login *l, login_better_fn *fn, void *arg);
/* Another server that knows passwords: asked for names that are not here, and for accounts that are
 * `elsewhere`. It calls done exactly once, maybe at once, with the account's name when YES. */
struct login_question {
    struct span name, password, peer; /* good during the call */
};
typedef void login_other_done_fn(void *arg, enum login_verdict v, struct span account);
typedef void login_other_fn(void *arg, const struct login_question *q, login_other_done_fn *done,
                            void *done_arg);
/* `fn` NULL: there is none. */
void login_on_other(struct login *l, login_other_fn *fn, void *arg);
/* The verifier for SCRAM, a fake one for names that do not exist. LOGIN_NOT_NOW: throttled. */
enum login_verdict login_verifier(struct login *l, struct span name, struct span peer,
                                  struct scram_verifier *out, uint32_t *wait);
/* The end of a SCRAM exchange. Gives the account, which may be locked; NULL when there is none (or
 * it was not good). */
const struct account *login_note(struct login *l, struct span name, struct span peer, bool good,
                                 uint32_t *wait);
/* Forget the good passwords that were remembered, all of them or that of one account: it, or a
 * lock, changed. */
void login_forget(struct login *l);
void login_forget_one(struct login *l, struct span name);

#endif
