/* Warnings by mail: once for each level until there is less again. The store remembers the last
 * one, so that a restart repeats none; it is written after the letter, so a crash between may bring
 * one twice, and never loses one. */
#include "serve/quotas_parts.h"

#include "account/usage_store.h"
#include "account/usage_words.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/memory.h"
#include "serve/postman.h"

#include <stdlib.h>

enum { LETTER = 4096 };

struct warning {
    struct warning *next;
    struct usage_view view; /* its spans are dead: the names stand below */
    char *name, *account;
    unsigned percent;
    bool rose;
};

static void free_warning(struct warning *w)
{
    free(w->name);
    free(w->account);
    free(w);
}

void quotas_note_level(struct quotas *q, const struct usage_view *v, struct span account,
                       unsigned percent, bool rose)
{
    struct warning *w;

    if (q->ending)
        return;
    w = memory_alloc(sizeof *w);
    *w = (struct warning){.view = *v,
                          .name = span_dup(v->name),
                          .account = span_dup(account),
                          .percent = percent,
                          .rose = rose};
    w->view.name = span_of(w->name);
    w->view.host = SPAN_NONE;
    *q->last_warning = w;
    q->last_warning = &w->next;
    timer_set(q->turn, 0);
}

static void write_to(struct quotas *q, const struct warning *w, struct span address)
{
    struct text subject = TEXT_INIT(LETTER), body = TEXT_INIT(LETTER);

    usage_words_warning(&w->view, w->percent, &subject, &body);
    postman_send(q->house->queue, q->house->config,
                 &(struct postman_letter){address, text_span(&subject), text_span(&body)});
    text_free(&subject);
    text_free(&body);
}

/* Of a hosting account hears whoever filled it, and the postmaster, who knows its owner. */
static void tell(struct quotas *q, const struct warning *w)
{
    const struct config *c = q->house->config;
    struct arena *a = arena_new();
    struct span address = postman_address(c, span_of(w->account), a);

    log_event(LOG_NOTICE, "quota.level", LOG_STR(w->view.is_host ? "host" : "account", w->name),
              LOG_NUM("percent", w->percent), LOG_NUM("used", w->view.used),
              LOG_NUM("allowed", w->view.allowed), LOG_STR("by", w->account));
    if (address.len)
        write_to(q, w, address);
    if (w->view.is_host && !span_is(address, c->postmaster))
        write_to(q, w, span_of(c->postmaster));
    arena_free(&a);
}

static int remember(struct store *s, void *arg, struct error *e)
{
    const struct warning *w = arg;

    return usage_store_warned(s, w->view.is_host, w->view.name, w->percent, e);
}

static void remembered(void *arg, int result, const struct error *e)
{
    struct warning *w = arg;

    if (result < 0)
        log_event(LOG_WARNING, "quota.level", LOG_STR("words", e->words));
    free_warning(w);
}

void quotas_send_warnings(struct quotas *q)
{
    while (q->warnings) {
        struct warning *w = q->warnings;

        q->warnings = w->next;
        if (!q->warnings)
            q->last_warning = &q->warnings;
        if (w->rose)
            tell(q, w);
        commit_submit(queue_commit(q->house->queue), COMMIT_OWN, remember, remembered, w, 0);
    }
}

void quotas_warn_free(struct quotas *q)
{
    while (q->warnings) {
        struct warning *w = q->warnings;

        q->warnings = w->next;
        free_warning(w);
    }
}
