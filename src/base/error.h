/* error: a failure as a value. It is built once where it happens and travels to log, reply, queue
 * and report. The words say what happened, why, and what to do next. */
#ifndef PORT26_BASE_ERROR_H
#define PORT26_BASE_ERROR_H

#include "base/span.h"

/* Who can repair it. The names are those of the check's JSON. */
#define OWNER_LIST(X)                                                                              \
    X(OWNER_NONE, "none")                                                                          \
    X(OWNER_YOU, "you")                                                                            \
    X(OWNER_NETWORK, "network")                                                                    \
    X(OWNER_PROVIDER, "provider")                                                                  \
    X(OWNER_RECIPIENT, "recipient")
#define X(id, name) id,
enum owner { OWNER_LIST(X) };
#undef X

enum error_class {
    ERROR_NONE,
    ERROR_TEMPORARY, /* trying again later may do (4.x.x) */
    ERROR_PERMANENT, /* trying again changes nothing (5.x.x) */
    ERROR_INPUT,     /* what a person gave us is wrong: configuration, command line */
};

struct error {
    enum error_class class;
    enum owner owner;
    int sys;           /* errno behind it, or 0 */
    char enhanced[12]; /* RFC 3463, as "4.4.1", or "" */
    char words[400];   /* one or more sentences; UTF-8, no control characters */
};

/* Each fills *e (which may be NULL) and returns -1, so that callers can `return error_set(...)`.
 * Words that do not fit are cut. error_sys adds ": " and the text of errno. */
int error_set(struct error *e, enum error_class class, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int error_sys(struct error *e, int sys, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* With enhanced status code and owner, for mail. */
int error_mail(struct error *e, enum error_class class, const char *enhanced, enum owner owner,
               const char *fmt, ...) __attribute__((format(printf, 5, 6)));
const char *owner_name(enum owner o);
void error_clear(struct error *e);

#endif
