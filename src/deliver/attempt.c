#include "deliver/attempt.h"

#include "base/clock.h"
#include "base/memory.h"
#include "deliver/dialogue.h"
#include "deliver/gate.h"
#include "deliver/login_page.h"
#include "deliver/opening.h"
#include "deliver/pool.h"
#include "deliver/ways.h"
#include "io/fiber.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    DNS_TIME = 60 * 1000,
    LAST_TIME = 100, /* one whose address is known goes on without, the others are given back */
    LATE_ANSWER = 30 * 1000, /* for the answer to a whole message, when its network is gone */
    MOVES = 8,               /* changes of the network that one attempt follows */
    TRIES = 2 * PATH_MAX_COUNT + 8,
    KEPT_IDLE = 10 * 1000,
};
/* No new path is begun after START_TIME; what was begun ends after ATTEMPT_TIME at the latest, well
 * within the lease of the job (2 hours). */
#define START_TIME   (15 * CLOCK_MINUTE)
#define ATTEMPT_TIME (100 * CLOCK_MINUTE)

struct attempt_context {
    struct loop *loop;
    const struct config *config;
    struct ways *ways;
    struct pool *pool;
    struct dead *dead;
    struct gate *gate;
    struct recall *recall;
    struct silence *silence;
    struct login_page *login_page;
    struct attempt_ears ears;
    unsigned looks;             /* attempts that look for a relay's door */
    struct opening_race *races; /* under way */
    struct attempt *running;
    unsigned moves;  /* changes of the network so far */
    bool last_names; /* attempt_ask_no_more */
    struct timer *late;
};

struct attempt {
    struct attempt *next;
    struct attempt_context *c;
    const struct job *job;
    struct arena *arena;
    struct job_result *out;
    struct dialogue dialogue;
    struct opening opening;
    struct gate_news news; /* the failure that came furthest in the present look for a door */
    int64_t start_until;
    bool among, brief;  /* as attempt_run_among says */
    struct hop *using;  /* its dialogue is under way, */
    unsigned used_at;   /* begun after so many moves */
    struct fiber *asks; /* the name servers where its doors are */
};

static void portal_told(void *arg, const char *words, bool asked)
{
    struct attempt_context *c = arg;

    if (!*words && asked) /* what was begun before somebody logged in hangs */
        attempt_moved(c);
    if (c->ears.told)
        c->ears.told(c->ears.arg, words);
}

/* They have hung in a network that is gone for long enough. */
static void break_late(void *arg)
{
    struct attempt_context *c = arg;

    for (struct attempt *x = c->running; x; x = x->next)
        if (x->using && x->used_at != c->moves)
            hop_break(x->using);
}

struct attempt_context *attempt_open(struct loop *l, const struct config *config, struct dns *dns,
                                     void (*noted)(void *arg, const struct recall_note *n),
                                     void *arg, struct error *e)
{
    const struct config_delivery *d = &config->delivery;
    struct pool_limits limits = {
        .total = (unsigned)d->concurrency,
        .per_key = (unsigned)d->per_destination,
        .messages = (unsigned)d->messages_per_connection,
        .idle = KEPT_IDLE,
    };
    struct ways *ways = ways_open(config, dns, e);
    struct attempt_context *c;

    if (!ways)
        return NULL;
    c = memory_alloc(sizeof *c);
    *c = (struct attempt_context){.loop = l,
                                  .config = config,
                                  .ways = ways,
                                  .pool = pool_new(l, &limits),
                                  .dead = dead_new(),
                                  .gate = gate_new(),
                                  .recall = recall_new(noted, arg)};
    c->late = timer_new(l, break_late, c);
    c->silence = silence_new(c->recall, SILENCE_FAIR);
    c->login_page = login_page_new(l, dns, config->delivery.portal_check, portal_told, c);
    return c;
}

void attempt_hear(struct attempt_context *c, const struct attempt_ears *ears)
{
    c->ears = *ears;
}

void attempt_close(struct attempt_context **c)
{
    if (!*c)
        return;
    pool_free(&(*c)->pool);
    dead_free(&(*c)->dead);
    gate_free(&(*c)->gate);
    timer_free(&(*c)->late);
    login_page_free(&(*c)->login_page);
    silence_free(&(*c)->silence);
    recall_free(&(*c)->recall);
    ways_close(&(*c)->ways);
    free(*c);
    *c = NULL;
}

unsigned attempt_idle(const struct attempt_context *c)
{
    return pool_count(c->pool);
}

/* ---- the story ---- */

static void tell(struct attempt *x, const struct dialogue_place *at,
                 const struct smtp_client_failure *f)
{
    struct arena *a = x->arena;

    if (x->out->try_count == TRIES)
        return;
    x->out->tries[x->out->try_count++] = (struct job_try){
        .at = clock_wall(),
        .host = arena_span(a, at->host),
        .address = arena_span(a, at->address),
        .tls = arena_span(a, at->tls),
        .stage = f->stage,
        .reply = reply_copy(a, &f->reply),
        .words = f->stage == STAGE_NONE ? SPAN_NONE : arena_span(a, span_of(f->error.words)),
    };
}

/* ---- what failed ---- */

static void remember(struct attempt *x, const struct dialogue_place *at,
                     const struct smtp_client_failure *f)
{
    struct judge_event e = judge_event_of(f);

    if (!judge_tells_more(x->news.failure.stage, &e))
        return;
    x->news = (struct gate_news){.failure = *f,
                                 .host = arena_span(x->arena, at->host),
                                 .place = arena_span(x->arena, at->address),
                                 .words = arena_span(x->arena, at->tls)};
    x->news.failure.reply = reply_copy(x->arena, &f->reply);
}

/* A path that could not be opened. */
static void failed(void *arg, const struct path *p, const struct smtp_client_failure *f,
                   struct span tls)
{
    struct attempt *x = arg;
    struct judge_event e = judge_event_of(f);
    char address[PATH_ADDRESS_TEXT];
    struct dialogue_place at = {.host = p->host, .tls = tls};

    path_address(p, address);
    at.address = span_of(address);
    tell(x, &at, f);
    remember(x, &at, f);
    dialogue_fail(&x->dialogue, &e, f->error.words, &at, false);
}

/* What another message's look for a door has shown a moment ago. */
static void turn_back(struct attempt *x, const struct gate_news *news)
{
    struct judge_event e = judge_event_of(&news->failure);
    struct dialogue_place at = {news->host, news->place, news->words};

    e.dns_permanent = news->dns_permanent;
    tell(x, &at, &news->failure);
    dialogue_fail(&x->dialogue, &e, news->failure.error.words, &at, false);
}

static void all_skipped(struct attempt *x)
{
    const struct path *p = &x->opening.list.path[0];
    struct smtp_client_failure f = {.stage = STAGE_CONNECT, .why = CLIENT_LOST, .sys = EHOSTDOWN};

    error_mail(&f.error, ERROR_TEMPORARY, "4.4.1", OWNER_NETWORK,
               "%.*s was not asked: it did not answer a moment ago.", SPAN_ARG(p->host));
    failed(x, p, &f, SPAN_NONE);
}

/* ---- one connection ---- */

/* A relay that answers has answered: another of its doors leads to the same people, and what one
 * refuses no other one is asked to take. Trouble on the way is another thing. */
static bool another_may_do(const struct attempt *x, const struct smtp_client_failure *f)
{
    if (x->job->kind != ROUTE_RELAY)
        return true;
    return f->stage != STAGE_NONE && (f->why != CLIENT_REPLY || f->reply.code == 421);
}

static void note_broken(struct attempt *x, const struct smtp_client_failure *f)
{
    const struct path *p = x->opening.won;

    if (!p || (f->why != CLIENT_LOST && f->why != CLIENT_BROKEN) || fiber_cancelled())
        return;
    gate_broke(x->c->gate, x->opening.wish.key, p);
    if (x->job->kind == ROUTE_RELAY)
        recall_broke(x->c->recall, p, f->error.words);
}

/* The network went away under it. A message whose end was on its way may have arrived and is not
 * sent again in this attempt; but no server's trouble is why, so it waits for the network only. */
static void wait_elsewhere(struct attempt *x)
{
    x->opening.moved = true;
    for (size_t i = 0; i < x->out->count; i++) {
        struct outcome *o = &x->dialogue.outcomes[i];

        o->waits_for_network |= o->kind == OUTCOME_LATER && o->stage == STAGE_DOT && !o->reply.code;
    }
}

/* The door of this relay that may have the message already. */
static bool held_door(const struct job *j, struct span *door)
{
    *door = span_from(j->held, j->relay.len + 1);
    return j->kind == ROUTE_RELAY && door->len && span_starts(j->held, j->relay);
}

/* Mail by POST carries a key: whoever took it answers a second time as the first. A try there that
 * heard nothing leaves what was open before as open. */
static void note_held(struct attempt *x, const struct hop *h)
{
    struct span door, name = span_of(arena_printf(x->arena, "%.*s %.*s", SPAN_ARG(x->job->relay),
                                                  SPAN_ARG(h->door)));
    bool again = held_door(x->job, &door) && span_eq(door, h->door);

    for (size_t i = 0; h->posting && i < x->out->count; i++) {
        struct outcome *o = &x->dialogue.outcomes[i];

        if (o->kind != OUTCOME_LATER)
            continue;
        o->maybe_delivered |= again && !o->reply.code;
        if (o->maybe_delivered)
            o->held = name;
    }
}

static enum dialogue_end use(struct attempt *x, struct hop *h)
{
    struct dialogue_place at = dialogue_place_of(h);
    struct smtp_client_failure f;
    unsigned moves = x->c->moves;
    enum dialogue_end end;

    x->using = h;
    x->used_at = moves;
    end = dialogue_run(&x->dialogue, h, &f);
    x->using = NULL;

    if (end != DIALOGUE_STALE) {
        tell(x, &at, &f);
        note_held(x, h);
    }
    if (f.stage != STAGE_NONE && end != DIALOGUE_STALE && moves == x->c->moves)
        note_broken(x, &f);
    if (moves != x->c->moves)
        wait_elsewhere(x);
    if (end == DIALOGUE_NEXT && !another_may_do(x, &f))
        end = DIALOGUE_STOP;
    pool_put(x->c->pool, &h);
    return end;
}

/* A connection kept from an earlier message. One that died meanwhile is no attempt: the next one,
 * or a fresh one, at once. */
static enum dialogue_end use_kept(struct attempt *x)
{
    enum dialogue_end end = DIALOGUE_STALE;
    struct hop *h;

    while (end == DIALOGUE_STALE && (h = pool_take(x->c->pool, x->opening.wish.key))) {
        hop_until(h, x->opening.wish.until);
        end = use(x, h);
    }
    return end == DIALOGUE_STALE ? DIALOGUE_NEXT : end;
}

static enum dialogue_end use_fresh(struct attempt *x, struct hop *h)
{
    h->generation = pool_generation(x->c->pool);
    return use(x, h);
}

static void no_path(struct attempt *x, const struct error *why)
{
    struct judge_event e = {.stage = STAGE_DNS, .why = CLIENT_FINE};
    struct dialogue_place at = {.host = x->job->kind == ROUTE_MX ? x->job->domain : x->job->relay};
    struct smtp_client_failure f = {.stage = STAGE_DNS, .error = *why};

    e.dns_permanent = why->class == ERROR_PERMANENT;
    enhanced_parse(span_of(why->enhanced), &e.reply.enhanced);
    tell(x, &at, &f);
    remember(x, &at, &f);
    x->news.dns_permanent = e.dns_permanent;
    x->news.failure.reply.enhanced = e.reply.enhanced;
    dialogue_fail(&x->dialogue, &e, why->words, &at, false);
    for (size_t i = 0; i < x->out->count; i++) {
        struct outcome *o = &x->dialogue.outcomes[i];

        if (o->stage != STAGE_DNS)
            continue;
        if (why->owner != OWNER_NONE)
            o->owner = why->owner;
        /* X.4.X is about the network (RFC 3463); else no network will help. */
        o->waits_for_network = o->waits_for_network && o->status.subject == 4;
    }
}

/* ---- all paths ---- */

static bool may_begin(const struct attempt *x)
{
    return clock_now() < x->start_until && !fiber_cancelled();
}

/* The paths, once; anew where the network has changed. */
static bool find_paths(struct attempt *x)
{
    struct opening *o = &x->opening;
    unsigned moves = x->c->moves;
    bool relay = x->job->kind == ROUTE_RELAY, found;
    int64_t time = relay && x->c->last_names ? LAST_TIME : DNS_TIME;
    struct error e = {0};

    if (o->list.count && !o->moved)
        return true;
    memset(o->tried, 0, sizeof o->tried);
    o->begun = 0;
    o->list.count = 0;
    x->asks = fiber_self();
    found = ways_find(x->c->ways, x->job, clock_now() + time, &o->list, &e) == 0;
    x->asks = NULL;
    if (found)
        return true;
    x->out->untried = relay && x->c->last_names; /* those who know the name servers do it */
    if (moves == x->c->moves)                    /* else the look begins again */
        no_path(x, &e);
    return false;
}

/* Another process has just looked at all the doors of this relay. */
static bool closed_elsewhere(struct attempt *x)
{
    const struct opening *o = &x->opening;
    struct smtp_client_failure f = {.stage = STAGE_CONNECT, .why = CLIENT_LOST, .sys = ETIMEDOUT};
    const char *proof = "";

    if (x->job->kind != ROUTE_RELAY ||
        !recall_closed(x->c->recall, o->list.path, o->list.count, &proof))
        return false;
    error_mail(&f.error, ERROR_TEMPORARY, "4.4.1", OWNER_NETWORK,
               "No door of the relay %.*s was open a moment ago (the first: %s).",
               SPAN_ARG(x->job->relay), proof);
    failed(x, &o->list.path[0], &f, SPAN_NONE);
    return true;
}

/* A change of network in the midst of it: begins again there, at once. `door`: this one only;
 * empty: any. */
static struct hop *look_for_door(struct attempt *x, struct span door)
{
    struct hop *h = NULL;
    bool again = true;

    for (int i = 0; i < MOVES && again && may_begin(x); i++) {
        unsigned moves = x->c->moves;

        if (!find_paths(x)) {
            again = moves != x->c->moves && !x->among;
        } else if (!door.len && closed_elsewhere(x)) {
            again = false;
        } else {
            h = door.len ? opening_door(&x->opening, door) : opening_next(&x->opening);
            again = x->opening.moved && !x->among;
        }
    }
    return h;
}

/* This network lets nobody out to the hosts of domains: one attempt finds out for all of them. */
static bool closed_here(struct attempt *x)
{
    struct dialogue_place at = {.host = x->job->domain};
    struct smtp_client_failure f = {.stage = STAGE_CONNECT, .why = CLIENT_LOST, .sys = ETIMEDOUT};
    struct judge_event e = judge_event_of(&f);

    if (x->job->kind != ROUTE_MX || !dead_everywhere(x->c->dead))
        return false;
    error_mail(&f.error, ERROR_TEMPORARY, "4.4.1", OWNER_NETWORK,
               "Not tried: no mail server of any domain answers from this network.");
    tell(x, &at, &f);
    remember(x, &at, &f);
    dialogue_fail(&x->dialogue, &e, f.error.words, &at, false);
    return true;
}

static bool is_silence(const struct smtp_client_failure *f)
{
    return f->stage == STAGE_CONNECT && (f->sys == ETIMEDOUT || f->sys == EHOSTUNREACH ||
                                         f->sys == ENETUNREACH || f->sys == ECONNREFUSED);
}

/* Whoever is on this machine stands before no login page. */
static void suspect_portal(struct attempt *x)
{
    const struct path_list *l = &x->opening.list;
    bool far = false;

    for (size_t i = 0; i < l->count; i++)
        far = far || !path_is_loopback(&l->path[i].address);
    if (x->job->kind == ROUTE_RELAY && (far || !l->count) && !fiber_cancelled() &&
        !recall_here(x->c->recall)->offline)
        login_page_ask(x->c->login_page);
}

static void note_look(const struct attempt *x, int more)
{
    struct attempt_context *c = x->c;
    bool before = c->looks > 0;

    if (x->job->kind != ROUTE_RELAY)
        return;
    c->looks += (unsigned)more;
    if (c->ears.looks && before != (c->looks > 0))
        c->ears.looks(c->ears.arg, c->looks > 0);
}

static enum dialogue_end lead(struct attempt *x)
{
    struct span key = x->opening.wish.key;
    struct hop *h = NULL;

    x->news = (struct gate_news){0};
    note_look(x, 1);
    if (!closed_here(x))
        h = look_for_door(x, SPAN_NONE);
    note_look(x, -1);
    if (h) {
        gate_opened(x->c->gate, key, x->opening.won);
        login_page_gone(x->c->login_page);
        return use_fresh(x, h);
    }
    if (x->opening.list.count && x->news.failure.stage == STAGE_NONE && may_begin(x) &&
        !x->opening.moved)
        all_skipped(x);
    else if (x->opening.list.count && x->job->kind == ROUTE_MX && is_silence(&x->news.failure))
        dead_domain(x->c->dead, x->job->domain);
    if (x->news.failure.stage == STAGE_NONE || fiber_cancelled())
        gate_nothing(x->c->gate, key);
    else
        gate_failed(x->c->gate, key, &x->news);
    suspect_portal(x);
    return DIALOGUE_STOP;
}

/* Where the answer to this message was lost: as long as that door opens no other one is asked, for
 * each would take the message as a new one (P4). */
static enum dialogue_end use_held(struct attempt *x)
{
    enum dialogue_end end;
    struct span door;
    struct hop *h;

    if (!held_door(x->job, &door))
        return DIALOGUE_NEXT;
    note_look(x, 1);
    h = look_for_door(x, door);
    note_look(x, -1);
    if (!h)
        return x->dialogue.left ? DIALOGUE_NEXT : DIALOGUE_DONE;
    end = use_fresh(x, h);
    return end == DIALOGUE_NEXT ? DIALOGUE_STOP : end;
}

/* Without the others: what they know does not help this message. */
static enum dialogue_end go_alone(struct attempt *x)
{
    enum dialogue_end end = DIALOGUE_NEXT;
    struct hop *h;

    while (end == DIALOGUE_NEXT && may_begin(x) && (h = opening_next(&x->opening)))
        end = use_fresh(x, h);
    return end == DIALOGUE_NEXT ? DIALOGUE_STOP : end;
}

static enum dialogue_end follow(struct attempt *x, const struct gate_news *news)
{
    const struct path *p;
    struct hop *h;

    if (!find_paths(x))
        return DIALOGUE_STOP;
    p = opening_find(&x->opening, &news->address, news->tls);
    if (!p)
        return go_alone(x);
    h = opening_at(&x->opening, p);
    if (h)
        return use_fresh(x, h);
    gate_broke(x->c->gate, x->opening.wish.key, p);
    return x->dialogue.left ? DIALOGUE_NEXT : DIALOGUE_DONE;
}

static enum dialogue_end take_turn(struct attempt *x)
{
    struct gate_news news;

    switch (gate_enter(x->c->gate, x->opening.wish.key, x->arena, &news)) {
    case GATE_LEAD:
        return lead(x);
    case GATE_FOLLOW:
        return follow(x, &news);
    case GATE_SHUT:
        turn_back(x, &news);
        break;
    case GATE_ENDED:
        break;
    }
    return DIALOGUE_STOP;
}

static bool something_left(const struct attempt *x)
{
    return !x->opening.list.count || x->opening.moved || opening_left(&x->opening);
}

static void init(struct attempt *x)
{
    const struct job *job = x->job;

    dialogue_init(&x->dialogue, job, x->arena);
    *x->out = (struct job_result){
        .lease = job->lease,
        .count = job->envelope.count,
        .outcomes = x->dialogue.outcomes,
        .tries = arena_alloc(x->arena, TRIES * sizeof *x->out->tries),
    };
    x->start_until = clock_now() + START_TIME;
    x->opening = (struct opening){.job = job,
                                  .ways = x->c->ways,
                                  .dead = x->c->dead,
                                  .recall = x->c->recall,
                                  .silence = x->c->silence,
                                  .races = &x->c->races,
                                  .arena = x->arena,
                                  .hurry = x->brief ? ATTEMPT_BRIEFLY : 0,
                                  .failed = failed,
                                  .arg = x,
                                  .list = {.arena = x->arena}};
    x->opening.wish = (struct hop_wish){
        .loop = x->c->loop,
        .key = span_of(
            arena_printf(x->arena, "%.*s %.*s", SPAN_ARG(job->destination), SPAN_ARG(job->user))),
        .context = ways_context(x->c->ways, job),
        .helo = x->c->config->delivery.helo,
        .user = job->user,
        .password = job->password,
        .token = ways_token(x->c->ways, job),
        .mechanisms = ways_mechanisms(x->c->ways, job, x->arena),
        .until = clock_now() + ATTEMPT_TIME,
    };
}

static void unlink_attempt(struct attempt *x)
{
    struct attempt **at = &x->c->running;

    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
}

static void tell_portal(struct attempt *x, const char *page)
{
    for (size_t i = 0; i < x->out->count; i++) {
        struct outcome *o = &x->dialogue.outcomes[i];

        if (o->kind != OUTCOME_LATER || !o->waits_for_network || o->maybe_delivered)
            continue;
        o->owner = OWNER_NETWORK;
        o->explained = false;
        o->words = span_of(arena_printf(
            x->arena,
            "This network wants a login before it lets mail out (its page: %s). Open a web "
            "browser and log in; the mail leaves by itself afterwards.",
            page));
    }
}

/* Words that help more than those of the resolver or the kernel. */
static void tell_offline(struct attempt *x)
{
    for (size_t i = 0; i < x->out->count; i++) {
        struct outcome *o = &x->dialogue.outcomes[i];

        if (o->kind != OUTCOME_LATER || !o->waits_for_network || o->stage > STAGE_CONNECT)
            continue;
        o->owner = OWNER_NETWORK;
        o->explained = false;
        o->words = SPAN("This computer is offline: it is in no network that leads out. The mail "
                        "leaves by itself when it is in one again.");
    }
}

/* Whoever is not settled goes on by whatever way is right where we are now. */
static void leave_to_others(struct attempt *x)
{
    for (size_t i = 0; i < x->out->count; i++)
        if (!x->dialogue.settled[i] && !x->dialogue.outcomes[i].maybe_delivered)
            x->dialogue.outcomes[i].waits_for_network = true;
}

static void run(struct attempt *x)
{
    struct attempt_context *c = x->c;
    unsigned moves = c->moves;
    enum dialogue_end end;

    x->next = c->running;
    c->running = x;
    init(x);
    end = use_held(x);
    if (end == DIALOGUE_NEXT)
        end = use_kept(x);
    while (end == DIALOGUE_NEXT && may_begin(x) && something_left(x) &&
           !(x->among && moves != c->moves))
        end = take_turn(x);
    if (recall_here(c->recall)->offline)
        tell_offline(x);
    else if (login_page_words(c->login_page))
        tell_portal(x, login_page_words(c->login_page));
    if (x->among && moves != c->moves)
        leave_to_others(x);
    unlink_attempt(x);
}

void attempt_run(struct attempt_context *c, const struct job *job, struct arena *a,
                 struct job_result *out)
{
    run(&(struct attempt){.c = c, .job = job, .arena = a, .out = out});
}

void attempt_run_among(struct attempt_context *c, const struct job *job, bool last, struct arena *a,
                       struct job_result *out)
{
    run(&(struct attempt){
        .c = c, .job = job, .arena = a, .out = out, .among = true, .brief = !last});
}

void attempt_place(struct attempt_context *c, const struct place *p)
{
    struct place before = *recall_here(c->recall);

    recall_place(c->recall, p);
    if (strcmp(before.key, p->key) != 0)
        attempt_moved(c);
}

void attempt_moved(struct attempt_context *c)
{
    gate_forget(c->gate);
    dead_free(&c->dead);
    c->dead = dead_new();
    pool_forget(c->pool);
    silence_drop(c->silence);
    login_page_gone(c->login_page);
    c->moves++;
    for (struct opening_race *r = c->races; r; r = r->next)
        race_abort(&r->race);
    for (struct attempt *x = c->running; x; x = x->next)
        if (x->using)
            hop_cut(x->using);
    timer_set(c->late, LATE_ANSWER);
}

void attempt_known(struct attempt_context *c, struct span text)
{
    recall_load(c->recall, text);
}

void attempt_ask_no_more(struct attempt_context *c)
{
    c->last_names = true;
    for (struct attempt *x = c->running; x; x = x->next)
        if (x->asks && x->job->kind == ROUTE_RELAY)
            fiber_cancel(x->asks);
}

void attempt_heard(struct attempt_context *c, const struct recall_note *n)
{
    recall_heard(c->recall, n);
}

bool attempt_is_here(const struct attempt_context *c, struct span name)
{
    return recall_is_here(c->recall, name);
}

const struct place *attempt_here(const struct attempt_context *c)
{
    return recall_here(c->recall);
}
