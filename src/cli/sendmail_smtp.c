#include "cli/sendmail_smtp.h"

#include "cli/author.h"
#include "cli/handover.h"
#include "cli/stdio_stream.h"
#include "io/fiber.h"
#include "smtp/smtp_server.h"

#include <errno.h>
#include <sysexits.h>
#include <unistd.h>

struct dialogue {
    struct handover_way way;
    struct handover handover;
    struct author author;
    struct smtp_server_settings settings;
    struct error unreachable; /* class ERROR_NONE: the house is there */
    int result;
};

static struct reply on_connected(void *arg, const struct smtp_server_session *s)
{
    struct dialogue *d = arg;

    if (d->unreachable.class == ERROR_NONE)
        return (struct reply){0};
    return reply_make(s->answers, 421, "4.3.0", "%s", d->unreachable.words);
}

static struct reply on_rcpt(void *arg, const struct smtp_server_session *s,
                            const struct recipient *r)
{
    struct dialogue *d = arg;

    return handover_may_reach(&d->way, r->address, s->answers);
}

static struct reply on_body_begin(void *arg, const struct smtp_server_session *s)
{
    struct dialogue *d = arg;

    handover_open(&d->handover, &d->way, s->transaction->arena);
    return (struct reply){0};
}

static int on_body(void *arg, const struct smtp_server_session *s, struct span bytes)
{
    struct dialogue *d = arg;

    (void)s;
    return handover_add(&d->handover, bytes);
}

/* P1: a 250 here is the house's, which says it after its commit. */
static struct reply on_body_end(void *arg, const struct smtp_server_session *s, int failed)
{
    struct dialogue *d = arg;
    const struct envelope *e = &s->transaction->envelope;
    struct handover_author author = {.address = e->sender.len ? e->sender : d->author.address};
    struct reply r = failed ? d->handover.body.refusal : handover_finish(&d->handover, e, &author);

    r = reply_copy(s->answers, &r);
    handover_close(&d->handover);
    return r;
}

static void on_reset(void *arg, const struct smtp_server_session *s)
{
    struct dialogue *d = arg;

    (void)s;
    handover_close(&d->handover);
}

static const struct smtp_server_calls calls = {
    .connected = on_connected,
    .rcpt = on_rcpt,
    .body_begin = on_body_begin,
    .body = on_body,
    .body_end = on_body_end,
    .reset = on_reset,
};

static void run(void *arg)
{
    struct dialogue *d = arg;
    struct stream *s = stdio_stream_new(d->way.loop, STDIN_FILENO, STDOUT_FILENO);

    d->result = smtp_server_run(&s, &d->settings, &calls, d);
    stream_close(&s);
    loop_stop(d->way.loop);
}

static int status_of(const struct dialogue *d)
{
    if (d->unreachable.class != ERROR_NONE)
        return EX_TEMPFAIL;
    /* A program that closes the pipe instead of saying QUIT has heard all answers. */
    return d->result == 0 || d->result == -ECONNRESET ? EX_OK : EX_IOERR;
}

int sendmail_smtp_run(const struct config *c)
{
    struct arena *a = arena_new();
    struct dialogue d = {.way = {.config = c, .loop = loop_new()},
                         .settings = smtp_server_defaults()};
    struct loop *loop = d.way.loop;

    d.settings.hostname = c->hostname;
    d.settings.trusted = true;
    d.settings.limits.size = c->limits.message_size;
    d.settings.limits.recipients = (unsigned)c->limits.recipients;
    author_self(c, a, &d.author);
    (void)handover_reach(&d.way, &d.unreachable);
    fiber_start(loop, run, &d);
    loop_run(loop);
    handover_leave(&d.way);
    loop_free(&loop);
    arena_free(&a);
    return status_of(&d);
}
