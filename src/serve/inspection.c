#include "serve/inspection.h"

#include "base/clock.h"
#include "base/log.h"
#include "post/channel.h"

/* Beyond the time that rspamd has, for the way there and back, and for the name of the client. */
#define BEYOND (10 * CLOCK_SECOND)

enum { PREFIX_MAX = 64 << 10 };

bool inspection_wanted(const struct house *h, const struct letter_accept *l)
{
    return l->outside && *h->config->incoming.rspamd;
}

/* NULL: nobody could be asked, or nobody answered. */
static struct parcel *ask(struct house *h, const struct letter_accept *l)
{
    struct channel *courier = h->courier ? h->courier(h->carry_arg) : NULL;
    struct letter_accept question = *l;

    question.message.content.prefix = SPAN_NONE; /* ours: rspamd is told the same apart from it */
    if (!courier)
        return NULL;
    return channel_ask(courier, LETTER_SCAN, &question, question.message.content.fd,
                       clock_now() + h->config->incoming.rspamd_timeout + BEYOND);
}

static struct reply no_answer(const struct house *h, const struct letter_accept *l, struct arena *a)
{
    if (!h->config->incoming.rspamd_needed)
        return (struct reply){0};
    log_event(LOG_WARNING, "message.put-off", LOG_ID(&l->message.envelope.id),
              LOG_STR("why", "rspamd does not answer"));
    return reply_make(a, 451, "4.7.1",
                      "The filter of this server does not answer; nothing was lost. Try again "
                      "later.");
}

static struct reply say(unsigned short code, const char *enhanced, const char *standard,
                        struct span words, struct arena *a)
{
    return words.len ? reply_make(a, code, enhanced, "%.*s", SPAN_ARG(words))
                     : reply_make(a, code, enhanced, "%s", standard);
}

static void put_fields(struct message *m, struct span fields, struct arena *a)
{
    struct text prefix = TEXT_INIT(PREFIX_MAX);

    text_add(&prefix, fields);
    text_add(&prefix, m->content.prefix);
    if (!prefix.full)
        m->content.prefix = arena_span(a, text_span(&prefix));
    text_free(&prefix);
}

struct reply inspection_run(struct house *h, struct letter_accept *l, struct arena *a)
{
    struct parcel *p = ask(h, l);
    const struct letter_scanned *s = p && p->kind == LETTER_SCANNED ? p->letter : NULL;
    struct reply r = {0};

    if (!s || s->verdict == SCAN_NO_ANSWER)
        r = no_answer(h, l, a);
    else if (s->verdict == SCAN_REFUSE)
        r = say(550, "5.7.1", "This message looks like junk and is not taken", s->words, a);
    else if (s->verdict == SCAN_LATER)
        r = say(451, "4.7.1", "Not now: try again in some minutes", s->words, a);
    else
        put_fields(&l->message, s->fields, a);
    parcel_free(&p);
    return r;
}
