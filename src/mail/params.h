/* params: what may stand behind the path of MAIL and RCPT, and behind BDAT: esmtp-param of RFC 5321
 * section 4.1.2 with SIZE (RFC 1870), BODY (6152), SMTPUTF8 (6531), RET, ENVID, NOTIFY, ORCPT
 * (3461), AUTH (4954), and the argument of BDAT (3030). */
#ifndef PORT26_MAIL_PARAMS_H
#define PORT26_MAIL_PARAMS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"
#include "mail/envelope.h"

/* Extensions a parameter belongs to; bits. One that was not offered is an unknown parameter. */
enum params_extension {
    PARAMS_SIZE = 1,
    PARAMS_8BITMIME = 2,
    PARAMS_SMTPUTF8 = 4,
    PARAMS_DSN = 8,
    PARAMS_AUTH = 16,
};

/* What this server offered to this client. */
struct params_offer {
    unsigned extensions; /* enum params_extension bits */
    uint64_t size_max;   /* octets a message may have; 0: no limit */
};

/* The reply to give. The sentence for it is in e->words, its code in e->enhanced. */
enum params_result {
    PARAMS_OK,
    PARAMS_SYNTAX,  /* 501 */
    PARAMS_UNKNOWN, /* 555 */
    PARAMS_TOO_BIG, /* 552 */
};

enum params_body { BODY_UNSET, BODY_7BIT, BODY_8BITMIME };

struct params_mail {
    bool has_size;
    uint64_t size; /* as the client says: never to be trusted, only to refuse early */
    enum params_body body;
    bool smtputf8;
    enum dsn_ret ret;
    struct span envid; /* xtext that hides printable ASCII only; empty: not given */
    struct span auth;  /* xtext or "<>"; empty: not given */
};

struct params_rcpt {
    unsigned notify;   /* enum dsn_notify bits; 0: not given */
    struct span orcpt; /* "addr-type;xtext", or "utf-8;" and raw UTF-8: see params_orcpt; empty: not
                          given */
};

/* What was given as ORCPT in the form that every server takes: in `a` when it has to be made. */
struct span params_orcpt(const struct params_rcpt *p, struct arena *a);

struct params_bdat {
    uint64_t size;
    bool last;
};

/* `rest` is what follows the ">" of the path: nothing, or a blank and parameters. Spans in *out
 * point into it. On a failure *out is not to be used; e may be NULL. */
enum params_result params_mail(struct span rest, const struct params_offer *offer,
                               struct params_mail *out, struct error *e);
enum params_result params_rcpt(struct span rest, const struct params_offer *offer,
                               struct params_rcpt *out, struct error *e);
/* `rest` is what follows "BDAT". The size is below 2^63; whether it is acceptable the caller says.
 */
enum params_result params_bdat(struct span rest, struct params_bdat *out, struct error *e);
/* 501, 555, 552; 250 for PARAMS_OK. */
unsigned params_code(enum params_result result);

#endif
