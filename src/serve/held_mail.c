#include "serve/held_mail.h"

#include "account/burst.h"
#include "account/sending.h"
#include "base/log.h"
#include "base/memory.h"
#include "serve/postman.h"

#include <stdlib.h>

enum { PAGE = 1000 /* messages looked at in one go */ };

/* A way through the queue. */
struct sweep {
    struct house *house;
    bool release; /* else hold */
    char *account, *person;
    uint64_t foreign; /* network; 0: none */
    struct held_mail_result result;
    held_mail_fn *released;
    queue_action_fn *held;
    void *arg;
    struct id last, found[PAGE];
    enum queue_action action[PAGE];
    size_t seen, count;
};

static bool wanted(const struct sweep *w, const struct store_head *head)
{
    if (!span_is(head->origin.account, w->account) || span_is(head->origin.with, "local"))
        return false;
    if (!w->release)
        return head->state == STORE_LIVE;
    return head->state == STORE_HELD && span_search(head->words, SPAN(SENDING_HELD)) >= 0;
}

static enum queue_action action_for(struct sweep *w, const struct store_head *head)
{
    if (!w->release)
        return QUEUE_HOLD;
    if (w->foreign && burst_network(head->origin.peer) == w->foreign) {
        w->result.removed++;
        return QUEUE_REMOVE;
    }
    w->result.released++;
    return QUEUE_RELEASE;
}

static void act_on_found(struct sweep *w)
{
    static const char *const reasons[] = {
        [QUEUE_HOLD] = SENDING_HELD "its account",
        [QUEUE_RELEASE] = "the account was released",
        [QUEUE_REMOVE] = "it was sent by somebody who knew the password",
    };

    for (size_t i = 0; i < w->count; i++) {
        struct queue_order order = {w->action[i], &w->found[i], span_of(w->person),
                                    span_of(reasons[w->action[i]])};

        queue_act(w->house->queue, &order, NULL, NULL);
    }
    w->count = 0;
}

static void end(struct sweep *w, const struct error *e)
{
    log_event(e ? LOG_WARNING : LOG_NOTICE, "sending.swept", LOG_STR("account", w->account),
              LOG_STR("action", w->release ? "release" : "hold"),
              LOG_NUM("released", w->result.released), LOG_NUM("removed", w->result.removed),
              LOG_STR("person", w->person), LOG_STR("words", e ? e->words : ""));
    if (w->released)
        w->released(w->arg, &w->result, e);
    if (w->held)
        w->held(w->arg, 0, e);
    free(w->account);
    free(w->person);
    free(w);
}

static void look_at(void *arg, const struct queue_entry *entry, const struct error *e)
{
    struct sweep *w = arg;
    bool more = !entry && !e && w->seen == PAGE;

    if (entry) {
        w->seen++;
        w->last = entry->head->id;
        if (!wanted(w, entry->head))
            return;
        w->action[w->count] = action_for(w, entry->head);
        w->found[w->count++] = entry->head->id;
        return;
    }
    act_on_found(w);
    w->seen = 0;
    if (more)
        queue_list(w->house->queue, &w->last, PAGE, look_at, w);
    else
        end(w, e);
}

static struct sweep *sweep_new(struct house *h, struct span account, struct span person, void *arg)
{
    struct sweep *w = memory_alloc(sizeof *w);

    w->house = h;
    w->account = span_dup(account);
    w->person = span_dup(person);
    w->arg = arg;
    return w;
}

void held_mail_hold(struct house *h, struct span account, queue_action_fn *done, void *arg)
{
    struct sweep *w = sweep_new(h, account, SPAN("port26"), arg);

    w->held = done;
    queue_list(h->queue, NULL, PAGE, look_at, w);
}

void held_mail_release(struct house *h, const struct held_mail_order *o, held_mail_fn *done,
                       void *arg)
{
    struct sweep *w = sweep_new(h, o->account, o->person, arg);

    w->release = true;
    w->foreign = burst_network(o->foreign);
    w->released = done;
    queue_list(h->queue, NULL, PAGE, look_at, w);
}

/* ---- who is told ---- */

static void tell(struct house *h, struct span to, const struct text *subject,
                 const struct text *text)
{
    if (to.len)
        postman_send(h->queue, h->config,
                     &(struct postman_letter){to, text_span(subject), text_span(text)});
}

/* Each sign on a line. */
static void add_signs(struct span signs, struct text *out)
{
    static const struct span between = SPAN("; ");

    while (signs.len) {
        ptrdiff_t end = span_search(signs, between);
        struct span sign = end < 0 ? signs : span_head(signs, (size_t)end);

        text_addf(out, "    %.*s\n", SPAN_ARG(sign));
        signs = span_from(signs, sign.len + between.len);
    }
}

static void tell_owner(struct house *h, struct span account, struct span signs)
{
    const struct config *c = h->config;
    struct arena *a = arena_new();
    struct text t = TEXT_INIT(8192), subject = TEXT_INIT(200);

    text_adds(&subject, "Your mail is held: was your password stolen?");
    text_adds(&t, "Mail that was sent with your login looks as if somebody else knows your "
                  "password, so it is held for now. What was seen:\n\n");
    add_signs(signs, &t);
    text_addf(&t,
              "\nNothing is lost: it waits, and so does what you send from now on. Mail to you "
              "arrives as usual.\n\n- If you sent it yourself, tell %s, who can let it go.\n- If "
              "not, change your password now, in all your mail programs, and look for malicious "
              "software on your devices. Then tell %s, so that the foreign mail is removed and "
              "yours goes out.\n",
              c->postmaster, c->postmaster);
    tell(h, postman_address(c, account, a), &subject, &t);
    text_free(&t);
    text_free(&subject);
    arena_free(&a);
}

static void tell_administrator(struct house *h, struct span account, struct span signs)
{
    const struct config *c = h->config;
    struct text t = TEXT_INIT(8192), subject = TEXT_INIT(200);

    text_addf(&subject, "Mail of %.*s is held: its password looks stolen",
              SPAN_ARG(span_head(account, 100)));
    text_addf(&t, "All mail of %.*s is held, and what it sends from now on too. What was seen:\n\n",
              SPAN_ARG(account));
    add_signs(signs, &t);
    text_addf(&t,
              "\nIts owner was told by mail. To look at what is held: port26 queue ls, port26 "
              "queue show ID.\n\n- If it is the owner's:\n    port26 account release %.*s\n"
              "- If not, first a new password, then remove what came from the foreign network, and "
              "let the rest go:\n    port26 account passwd %.*s\n    port26 account release %.*s "
              "--remove-from ADDRESS\n  (port26 queue rm ID removes a single message.)\n",
              SPAN_ARG(account), SPAN_ARG(account), SPAN_ARG(account));
    tell(h, span_of(c->postmaster), &subject, &t);
    text_free(&t);
    text_free(&subject);
}

void held_mail_tell(struct house *h, struct span account, struct span signs)
{
    tell_owner(h, account, signs);
    tell_administrator(h, account, signs);
}
