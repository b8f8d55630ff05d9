#include "serve/quotas_parts.h"

#include "account/usage_gate.h"
#include "account/usage_store.h"
#include "account/usage_words.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "io/worker.h"

#include <stdlib.h>
#include <string.h>

enum {
    THREADS = 2,
    WAITING = 256,           /* Maildirs to be counted */
    TRUST_MS = 2000,         /* a measurement is believed so long when somebody is refused, */
    TRUST_HOST_MS = 30000,   /* those of the neighbours so long */
    LOOKS = 16,              /* Maildirs that are looked at for one question */
    COUNTED_AT_ONCE = 20000, /* messages that somebody waits for */
    NEIGHBOURS = 16,         /* counted before one is refused for their sake */
    ROUNDS = 3,              /* of counting before one refusal */
    REFRESH_MS = 300 * 1000, /* what others changed in a Maildir is seen so late at most */
    TARGETS = 100,           /* mailboxes behind one address that are looked at */
};

/* ---- what usage asks ---- */

/* By the name in its record, as the store sums (usage_sums.h), whether that hosting account is here
 * or not. */
static int account_of(void *arg, struct span name, struct span *host, uint64_t *quota,
                      struct error *e)
{
    const struct quotas *q = arg;
    const struct directory *d = q->house->directory;
    unsigned troubles = directory_troubles(d);
    const struct account *a = directory_find(d, name);

    if (directory_troubles(d) != troubles) {
        *e = *directory_trouble(d);
        return -1;
    }
    if (!a)
        return 0;
    *host = a->host;
    *quota = a->quota;
    return 1;
}

static int host_quota(void *arg, struct span name, uint64_t *quota, struct error *e)
{
    const struct quotas *q = arg;
    const struct hosting *h = directory_host(q->house->directory, name);

    if (h && h->damaged)
        return error_mail(e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                          "the record of hosting account %.*s is damaged", SPAN_ARG(name));
    *quota = h ? h->quota : 0;
    return h != NULL;
}

static void level(void *arg, const struct usage_view *v, struct span account, unsigned percent,
                  bool rose)
{
    quotas_note_level(arg, v, account, percent, rose);
}

static void unsure(void *arg)
{
    struct quotas *q = arg;

    if (q->started && !q->ending)
        timer_set(q->turn, 0);
}

static const struct usage_calls usage_calls = {account_of, host_quota, level, unsure};

/* ---- asking ---- */

struct ask {
    struct quotas *quotas;
    struct arena *arena;
    struct usage_want want;
    struct span asked; /* the recipient of the posts, whom a refusal names; empty: see `want` */
    bool itself;       /* nobody else stands behind it */
    quotas_answer_fn *answer;
    void *arg;
    unsigned rounds, waiting;
};

static void end_ask(struct ask *a, const struct error *e)
{
    a->answer(a->arg, e);
    arena_free(&a->arena);
    free(a);
}

/* Whom to count before this refusal; the names live with the question. */
static int stale(struct ask *a, const struct usage_full *full, struct span *out)
{
    struct usage *u = a->quotas->usage;
    int64_t now = clock_now(), measured = usage_measured_at(u, full->account);
    int count;

    if (a->rounds >= ROUNDS || a->quotas->ending || !a->quotas->started)
        return 0;
    if (!measured || now - measured > TRUST_MS) {
        out[0] = arena_span(a->arena, full->account);
        return 1;
    }
    if (!full->view.is_host)
        return 0;
    count = usage_stale(u, full->view.name, now - TRUST_HOST_MS, a->arena, out, NEIGHBOURS, NULL);
    return count > 0 ? count : 0;
}

/* What others did in a Maildir, for those who are not near their end, and in no hurry. */
static void refresh(const struct quotas *q, struct span account)
{
    int64_t measured = usage_measured_at(q->usage, account);
    struct usage_view v;

    if (measured && clock_now() - measured > REFRESH_MS &&
        usage_of(q->usage, account, &v, NULL) > 0 && (v.allowed || v.host.len))
        usage_doubt(q->usage, account);
}

static void ask_now(struct ask *a);

static void measured(void *arg, const struct quotas_measured *m)
{
    struct ask *a = arg;

    (void)m;
    if (!--a->waiting)
        ask_now(a);
}

static void measure_all(struct ask *a, const struct span *names, int count)
{
    a->rounds++;
    a->waiting = (unsigned)count;
    for (int i = 0; i < count; i++)
        quotas_measure(a->quotas, names[i], measured, a);
}

static void log_full(const struct usage_full *full)
{
    if (full->whose == USAGE_UNREADABLE)
        log_event(LOG_WARNING, "quota.unreadable", LOG_SPAN("account", full->account),
                  LOG_STR("words", full->error.words));
    else
        log_event(LOG_INFO, "quota.full", LOG_SPAN("account", full->account),
                  LOG_SPAN("of", full->view.name), LOG_NUM("used", full->view.used),
                  LOG_NUM("allowed", full->view.allowed), LOG_NUM("wanted", full->wanted));
}

static void ask_now(struct ask *a)
{
    struct usage_full full;
    struct span names[NEIGHBOURS];
    struct error e = {0};
    int count;

    if (usage_fits(a->quotas->usage, &a->want, &full) == 0) {
        end_ask(a, NULL);
        return;
    }
    count = stale(a, &full, names);
    if (count) {
        measure_all(a, names, count);
        return;
    }
    log_full(&full);
    if (a->asked.len)
        full.view.name = a->asked;
    if (a->asked.len && full.whose != USAGE_UNREADABLE)
        full.whose = a->itself ? USAGE_RECIPIENT : USAGE_BEHIND;
    usage_words_full(&full, usage_never(a->quotas->usage), &e);
    end_ask(a, &e);
}

/* Many names take long to count: then it is done beside, and before anybody is refused. */
static void looked(void *arg, const struct span *names, size_t count)
{
    struct ask *a = arg;
    struct span now[LOOKS];
    struct usage_view v;
    int n = 0;

    for (size_t i = 0; i < count; i++) {
        if (usage_of(a->quotas->usage, names[i], &v, NULL) > 0 && v.messages <= COUNTED_AT_ONCE)
            now[n++] = arena_span(a->arena, names[i]);
        else
            usage_doubt(a->quotas->usage, names[i]);
    }
    if (n)
        measure_all(a, now, n);
    else
        ask_now(a);
}

/* Whose room is asked for: the first few. */
static size_t concerned(const struct ask *a, struct span *out)
{
    size_t n = 0;

    if (a->want.sender.len)
        out[n++] = a->want.sender;
    for (size_t i = 0; i < a->want.count && n < LOOKS; i++)
        out[n++] = a->want.posts[i].account;
    return n;
}

static void ask(struct quotas *q, const struct usage_want *w, struct span asked, bool itself,
                quotas_answer_fn *answer, void *arg)
{
    struct ask *a = memory_alloc(sizeof *a);
    struct usage_post *posts;
    struct span who[LOOKS];
    size_t count;

    *a = (struct ask){.quotas = q, .arena = arena_new(), .want = *w, .answer = answer, .arg = arg};
    a->want.sender = arena_span(a->arena, w->sender);
    a->asked = arena_span(a->arena, asked);
    a->itself = itself;
    posts = arena_alloc(a->arena, w->count * sizeof *posts);
    for (size_t i = 0; i < w->count; i++) {
        posts[i] = w->posts[i];
        posts[i].account = arena_span(a->arena, w->posts[i].account);
        refresh(q, posts[i].account);
    }
    a->want.posts = posts;
    if (w->sender.len)
        refresh(q, w->sender);
    count = concerned(a, who);
    if (!quotas_look(q, who, count, looked, a))
        ask_now(a);
}

/* What was declared, by a neighbour's word: sums of it stay sums. No message is as large. */
static uint64_t declared(uint64_t size)
{
    const uint64_t most = UINT64_C(1) << 48;

    return !size ? 1 : size < most ? size : most;
}

void quotas_may_send(struct house *h, struct span account, uint64_t size, quotas_answer_fn *answer,
                     void *arg)
{
    struct usage_want w = {.sender = account, .octets = declared(size)};

    ask(h->quotas, &w, SPAN_NONE, true, answer, arg);
}

void quotas_may_receive(struct house *h, struct span recipient, uint64_t size,
                        quotas_answer_fn *answer, void *arg)
{
    struct arena *a = arena_new();
    struct directory_target *targets = NULL;
    struct usage_post posts[TARGETS];
    struct usage_want w = {.posts = posts};
    unsigned troubles = directory_troubles(h->directory);
    size_t count = 0;
    bool itself;

    if (directory_expand(h->directory, recipient, TARGETS, a, &targets, &count, NULL) < 0)
        count = 0; /* others refuse it, with better words */
    for (size_t i = 0; i < count; i++) {
        struct span account = house_mailbox(h, SPAN_NONE, targets[i].address);

        if (account.len)
            posts[w.count++] = (struct usage_post){account, (uint32_t)i, declared(size)};
    }
    itself = count == 1 && targets[0].address.at == recipient.at;
    if (directory_troubles(h->directory) != troubles)
        answer(arg, directory_trouble(h->directory));
    else if (w.count)
        ask(h->quotas, &w, recipient, itself, answer, arg);
    else
        answer(arg, NULL);
    arena_free(&a);
}

/* ---- accepting ---- */

/* Is it known who pays for each recipient (P12)? The queue asks the same right after. */
static bool payers_known(const struct house *h, const struct message *m)
{
    unsigned troubles = directory_troubles(h->directory);

    for (size_t i = 0; i < m->envelope.count; i++)
        house_mailbox(h, m->envelope.sender, m->envelope.recipients[i].address);
    return directory_troubles(h->directory) == troubles;
}

struct accepting {
    struct house *house;
    const struct message *message;
    queue_accepted_fn *done;
    void *arg;
    struct arena *arena;
    struct reply reply; /* of the first time */
};

static void end_accepting(struct accepting *a, const struct reply *r)
{
    a->done(a->arg, r);
    arena_free(&a->arena);
    free(a);
}

static void accepted_again(void *arg, const struct reply *r)
{
    end_accepting(arg, r);
}

static void room_found(void *arg, const struct error *e)
{
    struct accepting *a = arg;

    if (e)
        end_accepting(a, &a->reply);
    else
        queue_accept(a->house->queue, a->message, accepted_again, a);
}

static bool is_full(const struct reply *r)
{
    return r->enhanced.subject == 2 && r->enhanced.detail == 2 && r->code >= 400;
}

static void accepted(void *arg, const struct reply *r)
{
    struct accepting *a = arg;
    struct usage_want w;

    if (!is_full(r)) {
        end_accepting(a, r);
        return;
    }
    a->arena = arena_new();
    a->reply = reply_copy(a->arena, r);
    queue_want(a->house->queue, a->message, a->arena, &w);
    ask(a->house->quotas, &w, SPAN_NONE, true, room_found, a);
}

void quotas_accept(struct house *h, const struct message *m, queue_accepted_fn *done, void *arg)
{
    struct accepting *a = memory_alloc(sizeof *a);
    struct reply r;

    *a = (struct accepting){.house = h, .message = m, .done = done, .arg = arg};
    if (payers_known(h, m)) {
        queue_accept(h->queue, m, accepted, a);
        return;
    }
    a->arena = arena_new();
    r = reply_error(a->arena, 451, directory_trouble(h->directory));
    end_accepting(a, &r);
}

/* ---- removing ---- */

struct removal {
    struct quotas *quotas;
    struct span account;
    char *name;
    int64_t octets, messages;
    bool counted; /* the account is still there */
    quotas_answer_fn *answer;
    void *arg;
};

static struct removal *new_removal(struct house *h, struct span account, quotas_answer_fn *answer,
                                   void *arg)
{
    struct removal *r = memory_alloc(sizeof *r);

    *r = (struct removal){
        .quotas = h->quotas, .name = span_dup(account), .answer = answer, .arg = arg};
    r->account = span_of(r->name);
    return r;
}

static void end_removal(struct removal *r, const struct error *e)
{
    r->answer(r->arg, e);
    free(r->name);
    free(r);
}

static int mark_work(struct store *s, void *arg, struct error *e)
{
    return usage_store_removing(s, ((struct removal *)arg)->account, e) < 0 ? -1 : 0;
}

static void marked(void *arg, int result, const struct error *e)
{
    struct removal *r = arg;

    if (result < 0)
        usage_gate_leave(usage_gate(r->quotas->usage), r->account);
    end_removal(r, result < 0 ? e : NULL);
}

/* From here on its entry is in memory, as usage.h wants it before a transaction changes it. */
static void inside(void *arg)
{
    struct removal *r = arg;
    struct error e = {0};

    if (usage_touch(r->quotas->usage, r->account, &e) < 0) {
        marked(r, -1, &e);
        return;
    }
    commit_submit(queue_commit(r->quotas->house->queue), COMMIT_OWN, mark_work, marked, r, 0);
}

void quotas_mailbox_changing(struct house *h, struct span account, quotas_answer_fn *answer,
                             void *arg)
{
    struct removal *r = new_removal(h, account, answer, arg);

    usage_gate_enter(usage_gate(h->quotas->usage), &r->account, 1, inside, r);
}

static int changed_work(struct store *s, void *arg, struct error *e)
{
    struct removal *r = arg;
    int got = usage_store_removed(s, r->account, r->octets, r->messages, e);

    r->counted = got == STORE_GOT;
    return got < 0 ? -1 : 0;
}

static void changed(void *arg, int result, const struct error *e)
{
    struct removal *r = arg;
    struct usage *u = r->quotas->usage;

    if (result == 0 && r->counted)
        usage_mailbox(u, r->account, r->octets, r->messages);
    else if (result < 0)
        usage_doubt(u, r->account);
    usage_gate_leave(usage_gate(u), r->account);
    end_removal(r, result < 0 ? e : NULL);
}

void quotas_mailbox_changed(struct house *h, struct span account, int64_t octets, int64_t messages,
                            quotas_answer_fn *answer, void *arg)
{
    struct removal *r = new_removal(h, account, answer, arg);

    r->octets = octets;
    r->messages = messages;
    commit_submit(queue_commit(h->queue), COMMIT_OWN, changed_work, changed, r, 0);
}

/* ---- accounts that come and go ---- */

int quotas_account_touch(struct house *h, struct span account, struct span host, struct error *e)
{
    struct usage *u = h->quotas->usage;

    if (usage_touch(u, account, e) < 0)
        return -1;
    return usage_touch_host(u, host, e);
}

void quotas_account_put(struct house *h, struct span account)
{
    usage_account(h->quotas->usage, account);
}

void quotas_account_removed(struct house *h, struct span account)
{
    usage_removed(h->quotas->usage, account);
}

/* ---- open and close ---- */

static void turn(void *arg)
{
    struct quotas *q = arg;

    if (q->started && !q->ending) {
        quotas_send_warnings(q);
        quotas_count_next(q);
    }
}

static struct usage_settings settings_of(const struct config *c)
{
    struct usage_settings set = {.account = c->quota.account,
                                 .host = c->quota.host,
                                 .never = c->quota.full == CONFIG_FULL_NEVER};

    for (size_t i = 0; i < c->quota.warn.count && i < USAGE_WARN_MAX; i++)
        set.warn[set.warns++] = (unsigned)c->quota.warn.at[i];
    return set;
}

struct quotas *quotas_open(struct house *h, struct error *e)
{
    struct quotas *q = memory_alloc(sizeof *q);
    struct usage_settings set = settings_of(h->config);

    q->house = h;
    q->last_warning = &q->warnings;
    q->turn = timer_new(h->loop, turn, q);
    q->worker = worker_new(h->loop, "quota", THREADS, WAITING);
    q->looker = worker_new(h->loop, "look", 1, WAITING);
    q->seen = map_new();
    q->usage = usage_open(h->store, h->reader, &set, &usage_calls, q, e);
    if (!q->usage) {
        quotas_stop(q);
        quotas_close(&q);
        return NULL;
    }
    return q;
}

void quotas_start(struct quotas *q)
{
    q->started = true;
    usage_begin(q->usage);
    timer_set(q->turn, 0);
}

void quotas_configure(struct quotas *q)
{
    struct usage_settings set = settings_of(q->house->config);

    usage_configure(q->usage, &set);
}

void quotas_stop(struct quotas *q)
{
    if (!q)
        return;
    q->ending = true;
    worker_free(&q->looker);
    worker_free(&q->worker); /* its last results still reach the store */
}

void quotas_close(struct quotas **q)
{
    if (!*q)
        return;
    quotas_measure_free(*q);
    quotas_look_free(*q);
    quotas_warn_free(*q);
    usage_free(&(*q)->usage);
    timer_free(&(*q)->turn);
    free(*q);
    *q = NULL;
}

struct usage *quotas_usage(const struct quotas *q)
{
    return q->usage;
}
