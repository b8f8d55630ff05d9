#include "smtp/client_talk.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <stdarg.h>

void client_talk_stage(struct smtp_client *c, int64_t ms)
{
    int64_t at = clock_now() + ms;

    stream_deadline(*c->stream, c->until && c->until < at ? c->until : at);
}

static void told(struct smtp_client *c, bool ours, struct span line)
{
    if (c->s.said)
        c->s.said(c->s.said_arg, ours, line);
}

void client_talk_say(struct smtp_client *c, const char *fmt, ...)
{
    size_t from = c->out.len;
    va_list ap;

    va_start(ap, fmt);
    text_addv(&c->out, fmt, ap);
    va_end(ap);
    told(c, true, span_from(text_span(&c->out), from));
    text_adds(&c->out, "\r\n");
}

void client_talk_secret(struct smtp_client *c, const char *shown, struct span line)
{
    told(c, true, span_of(shown));
    text_add(&c->out, line);
    text_adds(&c->out, "\r\n");
}

/* A failed write often has a reason that lies ready to be read: a server that answered and hung up.
 */
static bool last_words(struct smtp_client *c, struct reply *r)
{
    struct smtp_client_failure kept = c->failure;

    client_talk_stage(c, CLOCK_SECOND);
    if (client_talk_hear(c, kept.stage, r) == 0 && reply_class(r) >= 4)
        return true;
    c->failure = kept;
    return false;
}

int client_talk_flush(struct smtp_client *c, enum stage stage)
{
    struct reply r;
    int rc;

    assert(!c->out.full);
    rc = c->over ? -EPIPE : stream_write(*c->stream, text_span(&c->out));
    memory_wipe(c->out.at, c->out.len);
    text_clear(&c->out);
    if (rc >= 0)
        return 0;
    if (c->over)
        return client_talk_lost(c, stage, rc);
    client_talk_lost(c, stage, rc);
    if ((rc == -EPIPE || rc == -ECONNRESET) && last_words(c, &r)) {
        client_talk_refused(c, stage, &r);
        c->over = true;
    }
    return -1;
}

/* A line that ends in LF alone is taken from servers, as long as nothing else is odd about it:
 * nothing follows from it but words. */
static bool usable(enum line_result got, struct span *line)
{
    if (got == LINE_OK)
        return true;
    if (got != LINE_BARE || span_find(*line, '\r') >= 0 || span_find(*line, '\0') >= 0)
        return false;
    while (line->len && line->at[line->len - 1] == '\n')
        line->len--;
    return span_find(*line, '\n') < 0;
}

static int odd_line(struct smtp_client *c, enum stage stage, enum line_result got, int sys)
{
    if (got == LINE_EOF)
        return client_talk_lost(c, stage, 0);
    if (got == LINE_FAILED && sys != -EMSGSIZE)
        return client_talk_lost(c, stage, sys);
    return client_talk_broken(
        c, stage, got == LINE_BARE ? "a line with a bare CR or a NUL in it" : "a line without end");
}

int client_talk_hear(struct smtp_client *c, enum stage stage, struct reply *out)
{
    enum reply_feed fed = REPLY_MORE;
    struct span line = SPAN_NONE;
    int sys = 0;

    while (fed == REPLY_MORE) {
        enum line_result got = line_read(&c->lines, REPLY_LINE_MAX, &line, &sys);

        if (!usable(got, &line))
            return odd_line(c, stage, got, sys);
        told(c, false, line);
        fed = reply_feed(&c->replies, line, out);
    }
    if (fed == REPLY_BROKEN)
        return client_talk_broken(c, stage, "something that is no SMTP reply");
    if (out->code == 421)
        c->over = true;
    return 0;
}

int client_talk_ask(struct smtp_client *c, enum stage stage, struct reply *out)
{
    if (client_talk_flush(c, stage) < 0)
        return -1;
    return client_talk_hear(c, stage, out);
}

static struct smtp_client_failure *failure(struct smtp_client *c, enum stage stage,
                                           enum smtp_client_why why)
{
    c->failure = (struct smtp_client_failure){.stage = stage, .why = why};
    return &c->failure;
}

/* How a person calls it: "after the greeting", "in answer to RCPT". */
static const char *when(enum stage stage)
{
    static const char *const words[] = {
        [STAGE_GREETING] = "instead of its greeting",
        [STAGE_HELO] = "in answer to EHLO",
        [STAGE_STARTTLS] = "in answer to STARTTLS",
        [STAGE_TLS] = "in the TLS handshake",
        [STAGE_AUTH] = "in answer to the login",
        [STAGE_MAIL] = "in answer to MAIL",
        [STAGE_RCPT] = "in answer to RCPT",
        [STAGE_DATA] = "when it was to take the message",
        [STAGE_DOT] = "after the whole message",
    };

    return (size_t)stage < COUNT(words) && words[stage] ? words[stage] : "in the dialogue";
}

int client_talk_refused(struct smtp_client *c, enum stage stage, const struct reply *r)
{
    struct smtp_client_failure *f = failure(c, stage, CLIENT_REPLY);

    f->reply = reply_copy(c->arena, r);
    error_mail(&f->error, reply_class(r) == 5 ? ERROR_PERMANENT : ERROR_TEMPORARY,
               reply_class(r) == 5 ? "5.0.0" : "4.0.0", OWNER_NONE, "The server said %s: %u %.*s",
               when(stage), r->code, SPAN_ARG(r->text));
    for (char *w = f->error.words; *w; w++)
        if (*w == '\n')
            *w = ' ';
    return -1;
}

int client_talk_lost(struct smtp_client *c, enum stage stage, int sys)
{
    struct smtp_client_failure *f = failure(c, stage, CLIENT_LOST);

    c->over = true;
    f->sys = -sys;
    if (sys == 0)
        return error_mail(&f->error, ERROR_TEMPORARY, "4.4.2", OWNER_NONE, "The server hung up %s.",
                          when(stage));
    if (sys == -ETIMEDOUT)
        return error_mail(&f->error, ERROR_TEMPORARY, "4.4.2", OWNER_NONE,
                          "The server was silent %s until our patience ended.", when(stage));
    if (sys == -ECANCELED)
        return error_mail(&f->error, ERROR_TEMPORARY, "4.4.2", OWNER_NONE,
                          "We were told to stop before the server answered.");
    return error_mail(&f->error, ERROR_TEMPORARY, "4.4.2", OWNER_NONE,
                      "The connection broke %s: %s.", when(stage), strerror(-sys));
}

int client_talk_broken(struct smtp_client *c, enum stage stage, const char *what)
{
    struct smtp_client_failure *f = failure(c, stage, CLIENT_BROKEN);

    c->over = true;
    return error_mail(&f->error, ERROR_TEMPORARY, "4.5.0", OWNER_PROVIDER,
                      "The server sent %s %s. It may not be a mail server, or something on the way "
                      "changes what it says.",
                      what, when(stage));
}

int client_talk_missing(struct smtp_client *c, enum stage stage, enum smtp_client_why why,
                        const char *words)
{
    struct smtp_client_failure *f = failure(c, stage, why);

    return error_mail(&f->error, ERROR_TEMPORARY, "4.7.0", OWNER_PROVIDER, "%s", words);
}
