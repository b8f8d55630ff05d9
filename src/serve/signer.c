#include "serve/signer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "io/fiber.h"
#include "io/worker.h"
#include "sign/sign.h"

#include <stdatomic.h>
#include <stdlib.h>

enum {
    THREADS = 2,
    WAITING = 2000,
    NEAR = 64 << 10, /* so much is read on the loop */
    DOMAIN_OCTETS = 255,
    SELECTOR = 64,
};

/* A signature stays good for this long after the queue would have given the message up. */
#define BEYOND (7 * CLOCK_DAY)

/* The keys of one domain that sign now; count 0: it has none. */
struct ring {
    unsigned references;
    int64_t until; /* clock_now() */
    size_t count;
    struct sign_key key[DKIM_KINDS];
    struct keypair *pair[DKIM_KINDS];
    char selector[DKIM_KINDS][SELECTOR], domain[DOMAIN_OCTETS + 1];
};

struct signer {
    struct loop *loop;
    struct commit *commit;
    struct worker *worker;
    struct map *rings; /* by domain */
    _Atomic bool any;
    /* Of the settings; also read on the store's thread. */
    _Atomic int64_t wait, overlap, lifetime;
};

/* ---- rings ---- */

static void release(struct ring *r)
{
    if (--r->references)
        return;
    for (size_t i = 0; i < DKIM_KINDS; i++)
        keypair_free(&r->pair[i]);
    free(r);
}

static void release_row(struct span key, void *value, void *arg)
{
    (void)key, (void)arg;
    release(value);
}

static void forget_all(struct signer *s)
{
    map_each(s->rings, release_row, NULL);
    map_free(&s->rings);
    s->rings = map_new();
}

static void forget(struct signer *s, struct span domain)
{
    struct ring *r = map_take(s->rings, domain);

    if (r)
        release(r);
}

/* The record of a domain: STORE_GOT with its keys, STORE_ABSENT, or -1 and *e. */
static int read_keys(struct signer *s, struct store *st, struct span domain, struct arena *a,
                     struct dkim_keys *out, struct error *e)
{
    struct dkim_times t = {.wait = s->wait, .overlap = s->overlap};
    struct span record;
    int got = store_value_get(st, STORE_KIND_DKIM, domain, a, &record, e);

    out->count = 0;
    if (got == STORE_ABSENT)
        return got;
    if (got == STORE_GOT && dkim_keys_read(record, out)) {
        dkim_keys_look(out, &t, clock_wall());
        return STORE_GOT;
    }
    if (got >= 0)
        error_set(e, ERROR_PERMANENT,
                  "the keys of %.*s in the store are damaged: `port26 domain unsign` removes them, "
                  "`port26 domain rotate` makes new ones",
                  SPAN_ARG(domain));
    return -1;
}

static int fill(struct ring *r, struct dkim_pair *p, struct error *e)
{
    static const enum keypair_kind order[] = {KEYPAIR_ED25519, KEYPAIR_RSA};

    for (size_t i = 0; i < DKIM_KINDS; i++) {
        struct text selector = TEXT_INIT(SELECTOR - 1);

        r->pair[i] = keypair_load(p->pem[order[i]], e);
        dkim_keys_selector(p, order[i], &selector);
        span_cstr(text_span(&selector), r->selector[i], SELECTOR);
        text_free(&selector);
        if (!r->pair[i])
            return -1;
        r->key[i] = (struct sign_key){span_of(r->domain), span_of(r->selector[i]), r->pair[i]};
    }
    r->count = DKIM_KINDS;
    return 0;
}

/* On the store's thread. NULL and *e. */
static struct ring *read_ring(struct signer *s, struct store *st, struct span domain,
                              struct error *e)
{
    struct ring *r = memory_alloc(sizeof *r);
    struct arena *a = arena_new();
    struct dkim_keys keys;
    struct dkim_pair *p;
    int got;

    *r = (struct ring){.references = 1, .until = clock_now() + SIGNER_RING_MS};
    span_cstr(domain, r->domain, sizeof r->domain);
    got = read_keys(s, st, domain, a, &keys, e);
    p = got == STORE_GOT ? dkim_keys_in(&keys, DKIM_ACTIVE) : NULL;
    if (p && fill(r, p, e) < 0)
        got = -1;
    dkim_keys_wipe(&keys);
    arena_free(&a);
    if (got >= 0)
        return r;
    release(r);
    return NULL;
}

/* ---- a turn on the store's thread, for a fiber ---- */

struct turn {
    struct signer *signer;
    struct fiber *fiber;
    bool done;
    int result;
    struct error error;
    struct span domain;
    struct ring *ring;
    struct arena *arena;
    struct dkim_keys *keys;
    struct span before, after; /* records: nothing is written when it is not `before` any more */
};

static void turned(void *arg, int result, const struct error *e)
{
    struct turn *t = arg;

    t->result = result;
    if (e)
        t->error = *e;
    t->done = true;
    fiber_wake(t->fiber);
}

static int take_turn(struct turn *t, commit_fn *fn, struct error *e)
{
    t->fiber = fiber_self();
    t->done = false;
    if (!commit_submit(t->signer->commit, COMMIT_OWN, fn, turned, t, 0))
        return error_set(e, ERROR_TEMPORARY, "the store is busy; try again in a moment");
    while (!t->done) /* the store always answers */
        fiber_wait(CLOCK_NEVER);
    if (t->result < 0 && e)
        *e = t->error;
    return t->result < 0 ? -1 : 0;
}

static int work_ring(struct store *st, void *arg, struct error *e)
{
    struct turn *t = arg;

    t->ring = read_ring(t->signer, st, t->domain, e);
    return t->ring ? 0 : -1;
}

/* A reference for the caller, or NULL and *e. */
static struct ring *ring_for(struct signer *s, struct span domain, struct error *e)
{
    struct ring *r = map_get(s->rings, domain);
    struct turn t = {.signer = s, .domain = domain};

    if (!r || clock_now() >= r->until) {
        if (domain.len > DOMAIN_OCTETS || take_turn(&t, work_ring, e) < 0)
            return NULL;
        r = t.ring;
        forget(s, domain);
        if (map_count(s->rings) >= SIGNER_RINGS_MAX)
            forget_all(s);
        map_put(s->rings, domain, r);
    }
    r->references++;
    return r;
}

/* ---- signing ---- */

struct job_sign {
    struct signer *signer;
    const struct message *message;
    struct arena *arena;
    struct sign_author author;
    struct ring *ring;
    struct text out;
    struct error error;
    int result;
};

static void work_author(void *arg)
{
    struct job_sign *j = arg;
    struct text header = TEXT_INIT(SIGN_HEADER_MAX);

    j->result = sign_header(&j->message->content, &header, &j->error);
    if (j->result == 0)
        sign_author(text_span(&header), j->arena, &j->author);
    text_free(&header);
}

static void work_sign(void *arg)
{
    struct job_sign *j = arg;
    int64_t now = clock_wall();
    struct sign_wish w = {.keys = j->ring->key,
                          .count = j->ring->count,
                          .now = now,
                          .expires = now + j->signer->lifetime + BEYOND};

    j->result = sign_message(&w, &j->message->content, &j->out, &j->error);
}

static void put_in_front(struct message *m, struct text *fields, struct arena *a)
{
    text_add(fields, m->content.prefix);
    if (!fields->full)
        m->content.prefix = arena_span(a, text_span(fields));
}

static void tell_failed(const struct message *m, struct span domain, const struct error *e)
{
    log_event(LOG_ERROR, "dkim.failed", LOG_ID(&m->envelope.id), LOG_SPAN("domain", domain),
              LOG_STR("words", e->words), LOG_STR("then", "sent without a signature"));
}

/* Asked after the wait for the author: the account may have gone meanwhile. A domain that is not
 * ours any more may still have keys, when it left the settings. */
static bool may_all(const struct directory *d, enum signer_right right, struct span account,
                    const struct sign_author *author)
{
    const struct account *who = right == SIGNER_LOGIN ? directory_find(d, account) : NULL;

    if (right == SIGNER_NOBODY || !author->domain.len || !directory_domain(d, author->domain))
        return false;
    if (right == SIGNER_HOUSE)
        return true;
    for (size_t i = 0; who && i < author->count; i++)
        if (!directory_may_send(d, who, author->addresses[i]))
            return false;
    return who != NULL;
}

static int busy(struct error *e)
{
    return error_mail(e, ERROR_TEMPORARY, "4.3.2", OWNER_PROVIDER,
                      "too much mail waits to be signed; please try again in some minutes");
}

static int sign_with(struct job_sign *j, struct message *m, struct error *e)
{
    int rc = 0;

    if (j->ring->count)
        rc = worker_call(j->signer->worker, work_sign, j);
    if (rc < 0)
        return busy(e);
    if (j->result < 0)
        tell_failed(m, j->author.domain, &j->error);
    else if (j->out.len)
        put_in_front(m, &j->out, j->arena);
    return 0;
}

int signer_sign(struct signer *s, const struct directory *d, enum signer_right right,
                struct message *m, struct arena *a, struct error *e)
{
    struct job_sign j = {.signer = s, .message = m, .arena = a};
    unsigned troubles;
    int rc = 0;
    bool may;

    j.out = TEXT_INIT(SIGN_TEXT_MAX + m->content.prefix.len);
    if (m->content.fd < 0 && m->content.body.len + m->content.prefix.len <= NEAR)
        work_author(&j); /* takes less than the way to a thread and back */
    else if (worker_call(s->worker, work_author, &j) < 0)
        return busy(e);
    if (j.result < 0) {
        tell_failed(m, SPAN_NONE, &j.error);
        return 0;
    }
    troubles = directory_troubles(d);
    may = may_all(d, right, m->origin.account, &j.author);
    if (directory_troubles(d) != troubles) {
        *e = *directory_trouble(d);
        return -1;
    }
    if (!may)
        return 0;
    j.ring = ring_for(s, j.author.domain, &j.error);
    if (!j.ring) {
        tell_failed(m, j.author.domain, &j.error);
        return 0;
    }
    rc = sign_with(&j, m, e);
    release(j.ring);
    text_free(&j.out);
    return rc;
}

/* ---- our own messages: rare, so no memory of rings and no other thread ---- */

static struct ring *ring_above(struct signer *s, struct store *st, struct span domain,
                               struct error *e)
{
    struct ring *r = read_ring(s, st, domain, e);
    ptrdiff_t dot = span_find(domain, '.');
    struct span above = dot < 0 ? SPAN_NONE : span_from(domain, (size_t)dot + 1);

    if (!r || r->count || span_find(above, '.') < 0)
        return r;
    release(r);
    return read_ring(s, st, above, e);
}

void signer_own(struct signer *s, struct store *st, struct message *m, struct arena *a)
{
    struct job_sign j = {.signer = s, .message = m, .arena = a};

    if (!s->any)
        return;
    j.out = TEXT_INIT(SIGN_TEXT_MAX + m->content.prefix.len);
    work_author(&j);
    if (j.result == 0 && j.author.domain.len) {
        j.ring = ring_above(s, st, j.author.domain, &j.error);
        j.result = j.ring ? 0 : -1;
    }
    if (j.ring && j.ring->count)
        work_sign(&j);
    if (j.result < 0)
        tell_failed(m, j.author.domain, &j.error);
    else if (j.out.len)
        put_in_front(m, &j.out, a);
    if (j.ring)
        release(j.ring);
    text_free(&j.out);
}

/* ---- keys, for the commands ---- */

static int work_read(struct store *st, void *arg, struct error *e)
{
    struct turn *t = arg;
    int got = read_keys(t->signer, st, t->domain, t->arena, t->keys, e);

    if (got == STORE_GOT) /* dkim_keys_read points into it */
        got = store_value_get(st, STORE_KIND_DKIM, t->domain, t->arena, &t->before, e);
    return got < 0 ? -1 : 0;
}

static int work_write(struct store *st, void *arg, struct error *e)
{
    struct turn *t = arg;
    struct span now = SPAN_NONE;
    int got = store_value_get(st, STORE_KIND_DKIM, t->domain, t->arena, &now, e);
    bool same = span_eq(now, t->before);

    if (got < 0)
        return -1;
    if (now.len)
        memory_wipe((void *)(uintptr_t)now.at, now.len);
    if (!same)
        return error_set(e, ERROR_TEMPORARY,
                         "somebody else changed the keys of %.*s just now; look and try again",
                         SPAN_ARG(t->domain));
    if (t->after.len)
        return store_value_put(st, STORE_KIND_DKIM, t->domain, t->after, e);
    return store_value_remove(st, STORE_KIND_DKIM, t->domain, e) < 0 ? -1 : 0;
}

static int write_keys(struct turn *t, struct error *e)
{
    struct text record = TEXT_INIT(DKIM_RECORD_MAX);
    int rc = -1;

    text_room(&record, DKIM_RECORD_MAX);
    dkim_keys_sweep(t->keys);
    if (!dkim_keys_write(t->keys, &record)) {
        error_set(e, ERROR_PERMANENT, "the keys do not fit into the store");
    } else {
        t->after = text_span(&record);
        rc = take_turn(t, work_write, e);
        t->signer->any = true;
    }
    forget(t->signer, t->domain);
    text_wipe(&record);
    return rc;
}

int signer_keys(struct signer *s, struct span domain, struct arena *a, struct dkim_keys *out,
                struct error *e)
{
    struct turn t = {.signer = s, .domain = domain, .arena = a, .keys = out};
    int rc = take_turn(&t, work_read, e);

    if (rc == 0) {
        dkim_keys_wipe(out);
        if (t.before.len)
            memory_wipe((void *)(uintptr_t)t.before.at, t.before.len);
    }
    return rc;
}

struct making {
    struct dkim_keys *keys;
    struct arena *arena;
    struct error error;
    int result;
};

static void work_make(void *arg)
{
    struct making *m = arg;

    m->result = dkim_keys_make(m->keys, clock_wall(), m->arena, &m->error);
}

/* Ends a change: what was read and made is a secret. */
static int end_change(struct turn *t, int rc)
{
    dkim_keys_wipe(t->keys);
    if (t->before.len)
        memory_wipe((void *)(uintptr_t)t->before.at, t->before.len);
    arena_free(&t->arena);
    return rc;
}

int signer_rotate(struct signer *s, struct span domain, struct error *e)
{
    struct dkim_keys keys = {.count = 0};
    struct turn t = {.signer = s, .domain = domain, .arena = arena_new(), .keys = &keys};
    struct making m = {.keys = &keys, .arena = t.arena};
    int rc = take_turn(&t, work_read, e);

    if (rc == 0 && worker_call(s->worker, work_make, &m) < 0)
        rc = busy(e);
    else if (rc == 0 && m.result < 0) {
        *e = m.error;
        rc = -1;
    } else if (rc == 0) {
        rc = write_keys(&t, e);
    }
    return end_change(&t, rc);
}

int signer_seen(struct signer *s, struct span domain, struct span stem, struct error *e)
{
    struct dkim_keys keys = {.count = 0};
    struct turn t = {.signer = s, .domain = domain, .arena = arena_new(), .keys = &keys};
    struct dkim_pair *fresh;
    int rc = take_turn(&t, work_read, e);

    if (rc == 0) {
        fresh = dkim_keys_in(&keys, DKIM_NEW);
        if (fresh && span_eq(fresh->stem, stem)) {
            fresh->active = clock_wall();
            rc = write_keys(&t, e);
            log_event(LOG_NOTICE, "dkim.active", LOG_SPAN("domain", domain),
                      LOG_SPAN("keys", stem));
        } else {
            rc = error_set(e, ERROR_INPUT, "%.*s has no new keys %.*s", SPAN_ARG(domain),
                           SPAN_ARG(stem));
        }
    }
    return end_change(&t, rc);
}

static int work_remove(struct store *st, void *arg, struct error *e)
{
    struct turn *t = arg;

    return store_value_remove(st, STORE_KIND_DKIM, t->domain, e) < 0 ? -1 : 0;
}

int signer_remove(struct signer *s, struct span domain, struct error *e)
{
    struct turn t = {.signer = s, .domain = domain};
    int rc = take_turn(&t, work_remove, e);

    forget(s, domain);
    return rc;
}

/* ---- opening ---- */

static bool first(void *arg, struct span name, struct span value)
{
    (void)name, (void)value;
    *(bool *)arg = true;
    return false;
}

static int work_any(struct store *st, void *arg, struct error *e)
{
    struct signer *s = arg;
    bool any = false;
    int rc = store_value_each(st, STORE_KIND_DKIM, first, &any, e);

    s->any = s->any || any;
    return rc;
}

static void any_known(void *arg, int result, const struct error *e)
{
    struct signer *s = arg;

    if (result < 0) { /* then each message asks */
        s->any = true;
        log_event(LOG_ERROR, "dkim.keys", LOG_STR("words", e->words));
    }
}

void signer_configure(struct signer *s, const struct config *config)
{
    s->wait = config->dkim.wait;
    s->overlap = config->dkim.overlap;
    s->lifetime = config->delivery.lifetime;
    /* What a retiring key signed may still wait in the queue. */
    if (s->overlap < s->lifetime + 2 * CLOCK_DAY)
        s->overlap = s->lifetime + 2 * CLOCK_DAY;
    forget_all(s);
}

struct signer *signer_new(struct loop *l, struct commit *c, const struct config *config)
{
    struct signer *s = memory_alloc(sizeof *s);

    s->loop = l;
    s->commit = c;
    s->rings = map_new();
    s->worker = worker_new(l, "dkim", THREADS, WAITING);
    signer_configure(s, config);
    if (!commit_submit(c, COMMIT_OWN, work_any, any_known, s, 0))
        s->any = true;
    return s;
}

void signer_free(struct signer **s)
{
    if (!*s)
        return;
    worker_free(&(*s)->worker);
    forget_all(*s);
    map_free(&(*s)->rings);
    free(*s);
    *s = NULL;
}

bool signer_has_keys(const struct signer *s)
{
    return s->any;
}
