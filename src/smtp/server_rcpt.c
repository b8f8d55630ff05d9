/* RCPT (RFC 5321 4.1.1.3):
 *     "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters]
 */
#include "smtp/server_session.h"

#include <string.h>

enum { FIRST_RECIPIENTS = 4 };

static bool parse(struct server_session *s, struct span args, struct address *to,
                  struct params_rcpt *params)
{
    struct params_offer offer = {server_mail_extensions(s), 0};
    struct error e = {0};
    enum params_result got;

    if (!server_mail_word(&args, SPAN("TO:"))) {
        server_reply_say(s, 501, "5.5.4", "Syntax: RCPT TO:<address>");
        return false;
    }
    if (!server_mail_path_ok(s, address_path(&args, PATH_FORWARD, s->transaction.utf8, to),
                             "5.1.3"))
        return false;
    got = params_rcpt(args, &offer, params, &e);
    if (got != PARAMS_OK)
        server_mail_bad_params(s, got, &e);
    return got == PARAMS_OK;
}

/* Doubles within the arena: what it leaves behind is less than what it holds, and the number is
 * limited. */
static struct recipient *place(struct server_session *s)
{
    struct envelope *e = &s->transaction.envelope;

    if (e->count == s->recipients_cap) {
        size_t cap = s->recipients_cap ? 2 * s->recipients_cap : FIRST_RECIPIENTS;
        struct recipient *more = arena_alloc(s->arena, cap * sizeof *more);

        if (e->count)
            memcpy(more, e->recipients, e->count * sizeof *more);
        e->recipients = more;
        s->recipients_cap = cap;
    }
    return &e->recipients[e->count++];
}

static void take(struct server_session *s, const struct recipient *r)
{
    *place(s) = (struct recipient){.address = arena_span(s->arena, r->address),
                                   .orcpt = arena_span(s->arena, r->orcpt),
                                   .notify = r->notify};
    server_session_enter(s, SERVER_RCPT);
}

static void ask(struct server_session *s, const struct recipient *to)
{
    struct reply r = {0};

    if (s->calls->rcpt)
        r = s->calls->rcpt(s->arg, &s->seen, to);
    if (r.code / 100 == 2)
        take(s, to);
    else
        s->recipients_refused++;
    server_reply_or(s, &r, 550, "5.7.1", "Mail to this address is not taken here");
}

void server_rcpt_to(struct server_session *s, struct span args)
{
    struct address to = {0};
    struct params_rcpt params = {0};

    if (s->transaction.envelope.count >= s->settings->limits.recipients) {
        server_reply_say(s, 452, "4.5.3",
                         "Too many recipients in one message: send it again to the others");
        return;
    }
    if (!parse(s, args, &to, &params)) {
        s->recipients_refused++;
        return;
    }
    ask(s, &(struct recipient){.address = to.whole,
                               .orcpt = params_orcpt(&params, s->arena),
                               .notify = params.notify});
}
