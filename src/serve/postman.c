#include "serve/postman.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "mail/encoded.h"
#include "mail/finding_texts.h"
#include "mail/quoted.h"
#include "mail/trace.h"
#include "mail/utf8.h"
#include "serve/house.h"

#include <stdlib.h>

enum { MAIL_MAX = 256 << 10, SUBJECT_MAX = 1000 };

struct delivery {
    struct arena *arena;
    struct message message;
};

static void taken(void *arg, const struct reply *r)
{
    struct delivery *d = arg;

    if (r->code != 250)
        log_event(LOG_WARNING, "notice.failed",
                  LOG_SPAN("to", d->message.envelope.recipients[0].address),
                  LOG_SPAN("why", r->text));
    arena_free(&d->arena);
    free(d);
}

/* ---- languages ---- */

/* Nothing of the line is lost when it has blanks before it, or a dash as in a list. */
static bool say_line(enum dsn_language l, struct span line, struct text *out)
{
    size_t n = 0;

    while (n < line.len && line.at[n] == ' ')
        n++;
    if (span_starts(span_from(line, n), SPAN("- ")))
        n += 2;
    text_add(out, span_head(line, n));
    line = span_from(line, n);
    return !line.len || finding_texts_say(l, line, out);
}

bool postman_say(const struct config *c, struct span english, struct text *out)
{
    enum dsn_language l = house_language(c);
    struct span rest = english, line;
    bool good = l != DSN_ENGLISH;

    while (good && quoted_line(&rest, &line)) {
        if (out->len)
            text_addc(out, '\n');
        good = say_line(l, line, out) && !out->full;
    }
    if (!good)
        text_clear(out);
    return good;
}

/* ---- letters ---- */

/* Returns the octets of the header. */
static uint32_t compose(const struct config *c, const struct id *id, const struct postman_letter *l,
                        struct text *out)
{
    uint32_t header;

    encoded_mailbox("From", SPAN("port26"), span_of(c->postmaster), out);
    text_addf(out, "To: <%.*s>\r\n", SPAN_ARG(l->to));
    encoded_field("Subject", l->subject, out);
    trace_date(clock_wall(), out);
    trace_message_id(id, span_of(c->hostname), out);
    text_adds(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                   "Content-Type: text/plain; charset=utf-8\r\n"
                   "Content-Transfer-Encoding: 8bit\r\n\r\n");
    header = (uint32_t)out->len;
    quoted_whole(l->text, out);
    return header;
}

static void send_letter(struct queue *q, const struct config *c, const struct postman_letter *l)
{
    struct delivery *d = memory_alloc(sizeof *d);
    struct recipient *to;
    struct id id = id_new();
    struct text mail = TEXT_INIT(MAIL_MAX);
    uint32_t header = compose(c, &id, l, &mail);

    d->arena = arena_new();
    to = arena_alloc(d->arena, sizeof *to);
    *to = (struct recipient){.address = arena_span(d->arena, l->to), .notify = NOTIFY_NEVER};
    d->message = (struct message){.envelope = {.id = id, .recipients = to, .count = 1},
                                  .origin = {.with = SPAN("local"), .door = SPAN("notice")},
                                  .content = {.fd = -1},
                                  .own = true,
                                  .arrived = clock_wall(),
                                  .header_size = header};
    d->message.envelope.need = utf8_high(text_span(&mail)) ? NEED_8BIT : 0;
    d->message.content.body = arena_span(d->arena, text_span(&mail));
    d->message.content.size = mail.len;
    text_free(&mail);
    queue_accept(q, &d->message, taken, d);
}

void postman_send(struct queue *q, const struct config *c, const struct postman_letter *l)
{
    struct text subject = TEXT_INIT(SUBJECT_MAX), text = TEXT_INIT(MAIL_MAX);
    struct postman_letter said = *l;

    if (postman_say(c, l->subject, &subject) && postman_say(c, l->text, &text)) {
        said.subject = text_span(&subject);
        said.text = text_span(&text);
    }
    send_letter(q, c, &said);
    text_free(&subject);
    text_free(&text);
}

struct span postman_address(const struct config *c, struct span account, struct arena *a)
{
    if (span_find(account, '@') >= 0)
        return account;
    if (!c->domains.count || !account.len)
        return SPAN_NONE;
    return span_of(arena_printf(a, "%.*s@%s", SPAN_ARG(account), c->domains.at[0]));
}
