#include "serve/sendings.h"

#include "account/sending.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/loop.h"
#include "serve/postman.h"

#include <stdlib.h>
#include <string.h>

enum {
    WRITE_MS = 60 * 1000, /* what no limit counts is written so often */
    WRITE_MOST = 2000,    /* records in one go */
};

struct sendings {
    struct house *house;
    struct sending *sending;
    struct timer *minute;
    unsigned writing;
};

/* ---- whose limits hold ---- */

static uint32_t limit_of(uint32_t own, uint32_t standard)
{
    return own == STORE_NO_LIMIT ? 0 : own ? own : standard;
}

static struct sending_limits limits_of(const struct store_limits *own, const struct rate *messages,
                                       const struct rate *recipients)
{
    struct sending_limits out;

    out.most[WINDOW_HOUR][WINDOW_MESSAGES] = limit_of(own->messages_hour, messages->hour);
    out.most[WINDOW_HOUR][WINDOW_RECIPIENTS] = limit_of(own->recipients_hour, recipients->hour);
    out.most[WINDOW_DAY][WINDOW_MESSAGES] = limit_of(own->messages_day, messages->day);
    out.most[WINDOW_DAY][WINDOW_RECIPIENTS] = limit_of(own->recipients_day, recipients->day);
    return out;
}

static struct sending_limits host_limits(const struct sendings *s, const struct hosting *host)
{
    const struct config_sending *c = &s->house->config->sending;

    return limits_of(&host->limits, &c->host_messages, &c->host_recipients);
}

/* Empty names for whoever is no account here. */
static struct sending_who who_is(const struct sendings *s, const struct sendings_from *from)
{
    struct span account = from->account;
    static const struct store_limits none;
    const struct config_sending *c = &s->house->config->sending;
    const struct account *acc = account.len ? directory_find(s->house->directory, account) : NULL;
    const struct hosting *host = acc ? directory_host_of(s->house->directory, acc) : NULL;
    struct sending_who w = {0};

    if (!acc)
        return w;
    w.name[SENDING_ACCOUNT] = acc->name;
    w.limits[SENDING_ACCOUNT] =
        limits_of(&acc->limits, &c->account_messages, &c->account_recipients);
    if (host) {
        w.name[SENDING_HOST] = host->name;
        w.limits[SENDING_HOST] = host_limits(s, host);
    }
    w.name[SENDING_ADDRESS] = from->peer;
    w.limits[SENDING_ADDRESS] = limits_of(&none, &c->address_messages, &c->address_recipients);
    w.name[SENDING_SENDER] = from->sender;
    w.limits[SENDING_SENDER] = limits_of(&none, &c->sender_messages, &c->sender_recipients);
    return w;
}

int sendings_may(struct sendings *s, const struct sendings_from *from, uint32_t recipients,
                 struct error *e)
{
    struct sending_who w = who_is(s, from);

    return sending_may(s->sending, &w, 1, recipients, queue_clock(s->house->queue), e);
}

uint32_t sendings_room(const struct sendings *s, const struct sendings_from *from)
{
    struct sending_who w = who_is(s, from);

    return sending_room(s->sending, &w, queue_clock(s->house->queue));
}

static void write_some(struct sendings *s, size_t most);

void sendings_failed(struct sendings *s, struct span account, unsigned count)
{
    if (sending_failed(s->sending, account, count, queue_clock(s->house->queue)))
        write_some(s, WRITE_MOST);
}

int sendings_note_failures(const struct sendings *s, struct store *st, struct span account,
                           unsigned count, struct error *e)
{
    return sending_note_failures(st, account, count, queue_clock(s->house->queue), e);
}

/* ---- the toll ---- */

static int charge(void *arg, const struct message *m, void **ticket, struct span *hold,
                  struct error *e)
{
    struct sendings *s = arg;
    struct sending_who w = {0};
    struct sending_changes *c = NULL;

    *ticket = NULL;
    if (!span_is(m->origin.with, "local")) /* its account is a user of this machine */
        w = who_is(s,
                   &(struct sendings_from){m->origin.account, m->origin.peer, m->envelope.sender});
    if (!w.name[SENDING_ACCOUNT].len)
        return 0;
    if (sending_charge(s->sending, &w, m->envelope.recipients, m->envelope.count,
                       queue_clock(s->house->queue), &c, e) < 0)
        return -1;
    *ticket = c;
    *hold = sending_hold(c);
    return 0;
}

static int write_charge(struct store *st, void *ticket, struct error *e)
{
    return sending_write(st, ticket, e);
}

static void end_charge(void *arg, void *ticket, bool kept)
{
    struct sending_changes *c = ticket;

    sending_end(((struct sendings *)arg)->sending, &c, kept);
}

struct queue_toll sendings_toll(struct sendings *s)
{
    return (struct queue_toll){charge, write_charge, end_charge, s};
}

/* ---- what is written at intervals ---- */

struct writing {
    struct sendings *sendings;
    struct sending_changes *changes;
};

static int write_work(struct store *st, void *arg, struct error *e)
{
    return sending_write(st, ((struct writing *)arg)->changes, e);
}

static void written(void *arg, int result, const struct error *e)
{
    struct writing *w = arg;

    if (result < 0)
        log_event(LOG_WARNING, "sending.unsaved", LOG_STR("words", e->words));
    sending_end(w->sendings->sending, &w->changes, result == 0);
    w->sendings->writing--;
    if (result == 0 && w->sendings->minute) /* else it was the last time, with all there was */
        write_some(w->sendings, WRITE_MOST);
    free(w);
}

static void write_some(struct sendings *s, size_t most)
{
    struct sending_changes *c =
        sending_take_changes(s->sending, most, queue_clock(s->house->queue));
    struct writing *w;

    if (!c)
        return;
    w = memory_alloc(sizeof *w);
    *w = (struct writing){s, c};
    s->writing++;
    commit_submit(queue_commit(s->house->queue), COMMIT_OWN, write_work, written, w, 0);
}

static void each_minute(void *arg)
{
    struct sendings *s = arg;

    if (!s->writing)
        write_some(s, WRITE_MOST);
    timer_set(s->minute, WRITE_MS);
}

/* ---- who is told ---- */

static void on_refused(void *arg, struct span account, const char *words)
{
    struct sendings *s = arg;
    const struct config *c = s->house->config;
    struct arena *a = arena_new();
    struct text t = TEXT_INIT(8192);

    log_event(LOG_NOTICE, "sending.limit", LOG_SPAN("account", account), LOG_STR("words", words));
    text_addf(&t,
              "Mail that you wanted to send was not taken, because a limit was reached:\n\n    "
              "%s\n\nMail that was taken before goes out as usual, nothing is lost. What was not "
              "taken is still in your mail program: send it again then.\n\nIf you did not send so "
              "much yourself, somebody else may know your password: change it now, and tell %s.\n",
              words, c->postmaster);
    postman_send(s->house->queue, c,
                 &(struct postman_letter){postman_address(c, account, a),
                                          SPAN("You have reached a sending limit"), text_span(&t)});
    text_free(&t);
    arena_free(&a);
}

/* ---- held accounts ---- */

/* An account whose mail that waits is being held. */
struct holding {
    struct sendings *sendings;
    char *account;
};

/* What stopped half-way is begun again at the next start. */
static void hold_done(void *arg, unsigned touched, const struct error *e)
{
    struct holding *n = arg;

    (void)touched;
    if (!e)
        sending_swept(n->sendings->sending, span_of(n->account));
    free(n->account);
    free(n);
}

static void hold_waiting(void *arg, struct span account)
{
    struct holding *n = memory_alloc(sizeof *n);

    n->sendings = arg;
    n->account = span_dup(account);
    held_mail_hold(n->sendings->house, account, hold_done, n);
}

static void on_held(void *arg, struct span account, struct span signs)
{
    struct sendings *s = arg;

    log_event(LOG_WARNING, "sending.held", LOG_SPAN("account", account), LOG_SPAN("words", signs));
    hold_waiting(s, account);
    held_mail_tell(s->house, account, signs);
}

static const struct sending_calls calls = {on_refused, on_held};

bool sendings_release(struct sendings *s, const struct held_mail_order *o, held_mail_fn *done,
                      void *arg)
{
    bool held = sending_release(s->sending, o->account, o->foreign, queue_clock(s->house->queue));

    if (held)
        log_event(LOG_NOTICE, "sending.released", LOG_SPAN("account", o->account),
                  LOG_SPAN("person", o->person));
    write_some(s, WRITE_MOST);
    held_mail_release(s->house, o, done, arg);
    return held;
}

void sendings_reset(struct sendings *s, bool host, struct span name, struct span person)
{
    sending_reset(s->sending, host ? SENDING_HOST : SENDING_ACCOUNT, name);
    log_event(LOG_NOTICE, "sending.reset", LOG_SPAN("name", name), LOG_SPAN("person", person));
    write_some(s, WRITE_MOST);
}

void sendings_forget(struct sendings *s, bool host, struct span name)
{
    sending_forget(s->sending, host ? SENDING_HOST : SENDING_ACCOUNT, name);
}

/* ---- showing ---- */

static json_t *count_json(const struct sending_count *n, const struct sending_limits *l, int span)
{
    json_t *o = json_object();
    static const char *const names[] = {"messages", "recipients"};
    static const char *const limits[] = {"messages_limit", "recipients_limit"};

    for (int i = 0; i < WINDOW_WHATS; i++) {
        json_object_set_new(o, names[i], json_integer(n->sent[span][i]));
        if (l->most[span][i])
            json_object_set_new(o, limits[i], json_integer(l->most[span][i]));
    }
    return o;
}

static json_t *party_json(const struct sendings *s, enum sending_kind kind, struct span name,
                          const struct sending_limits *l)
{
    json_t *o = json_object();
    struct sending_count n;
    char when[32];

    sending_show(s->sending, kind, name, l, queue_clock(s->house->queue), &n);
    json_object_set_new(o, "hour", count_json(&n, l, WINDOW_HOUR));
    json_object_set_new(o, "day", count_json(&n, l, WINDOW_DAY));
    if (n.free_at) {
        clock_iso(n.free_at, when, sizeof when);
        json_object_set_new(o, "full_until", json_string(when));
    }
    return o;
}

bool sendings_held(const struct sendings *s, struct span account)
{
    return sending_held(s->sending, account) != NULL;
}

json_t *sendings_json(const struct sendings *s, struct span account)
{
    struct sending_who w = who_is(s, &(struct sendings_from){.account = account});
    json_t *o = party_json(s, SENDING_ACCOUNT, account, &w.limits[SENDING_ACCOUNT]);
    const char *held = sending_held(s->sending, account);

    if (held)
        json_object_set_new(o, "held", json_string(held));
    return o;
}

json_t *sendings_host_json(const struct sendings *s, struct span host)
{
    const struct hosting *h = directory_host(s->house->directory, host);
    struct sending_limits l = {0};

    if (h)
        l = host_limits(s, h);
    return party_json(s, SENDING_HOST, host, &l);
}

/* ---- open and close ---- */

struct sendings *sendings_open(struct house *h, struct error *e)
{
    struct sendings *s = memory_alloc(sizeof *s);

    s->house = h;
    s->sending = sending_open(h->reader, &calls, s, e);
    if (!s->sending)
        sendings_close(&s);
    return s;
}

void sendings_configure(struct sendings *s)
{
    const struct config_sending *c = &s->house->config->sending;

    sending_burst(s->sending, c->burst, c->burst_learn);
}

void sendings_start(struct sendings *s)
{
    sending_start(s->sending, queue_clock(s->house->queue));
    sendings_configure(s);
    s->minute = timer_new(s->house->loop, each_minute, s);
    timer_set(s->minute, WRITE_MS);
    sending_each_unswept(s->sending, hold_waiting, s);
}

void sendings_stop(struct sendings *s)
{
    if (!s || !s->house->queue)
        return;
    timer_free(&s->minute);
    write_some(s, SIZE_MAX);
}

void sendings_close(struct sendings **s)
{
    if (!*s)
        return;
    timer_free(&(*s)->minute);
    sending_free(&(*s)->sending);
    free(*s);
    *s = NULL;
}
