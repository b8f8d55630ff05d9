#include "account/login.h"

#include "account/hash.h"
#include "account/throttle.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "io/worker.h"

#include <stdlib.h>
#include <string.h>

enum {
    HASH_THREADS = 2,
    HASH_QUEUE = 500,
    REMEMBER = 5 * 60 * 1000,
    REMEMBERED_MAX = 50 * 1000,
};

/* A good password, remembered as a keyed hash that means nothing outside this process. */
struct memory {
    int64_t until;
    uint64_t hash;
};

struct login {
    const struct directory *directory;
    struct throttle *throttle;
    struct worker *hashers;
    struct map *good; /* canonical name -> struct memory */
    char secret[STORE_SECRET_BYTES];
    login_better_fn *better;
    void *better_arg;
    login_other_fn *other;
    void *other_arg;
};

struct check {
    struct login *login;
    struct scram_verifier verifier;
    char *name, *password, *peer;
    char *kept;              /* a hash that stands in for the verifier; NULL: none */
    char better[SCRAM_TEXT]; /* the verifier that may replace it; "": none */
    bool known, fits;
    login_done_fn *done;
    void *arg;
};

static void free_each(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free(value);
}

void login_forget(struct login *l)
{
    map_each(l->good, free_each, NULL);
    map_free(&l->good);
    l->good = map_new();
}

void login_forget_one(struct login *l, struct span name)
{
    free(map_take(l->good, name));
}

void login_on_better(struct login *l, login_better_fn *fn, void *arg)
{
    l->better = fn;
    l->better_arg = arg;
}

void login_on_other(struct login *l, login_other_fn *fn, void *arg)
{
    l->other = fn;
    l->other_arg = arg;
}

struct login *login_new(struct loop *loop, const struct directory *d, struct span secret)
{
    struct login *l = memory_alloc(sizeof *l);

    l->directory = d;
    l->throttle = throttle_new();
    l->hashers = worker_new(loop, "hash", HASH_THREADS, HASH_QUEUE);
    l->good = map_new();
    memcpy(l->secret, secret.at, secret.len < sizeof l->secret ? secret.len : sizeof l->secret);
    return l;
}

void login_free(struct login **l)
{
    if (!*l)
        return;
    worker_free(&(*l)->hashers);
    throttle_free(&(*l)->throttle);
    map_each((*l)->good, free_each, NULL);
    map_free(&(*l)->good);
    memory_wipe((*l)->secret, sizeof(*l)->secret);
    free(*l);
    *l = NULL;
}

/* Name and password together under the process's random key. */
static uint64_t keyed(struct span name, struct span password)
{
    struct text t = TEXT_INIT(4096);
    uint64_t h;

    text_addf(&t, "%zu:%.*s", name.len, SPAN_ARG(name));
    text_add(&t, password);
    h = map_hash(text_span(&t));
    text_wipe(&t);
    return h;
}

static bool remembered(const struct login *l, struct span name, struct span password)
{
    const struct memory *m = map_get(l->good, name);

    return m && m->until > clock_now() && m->hash == keyed(name, password);
}

static void remember(struct login *l, struct span name, struct span password)
{
    struct memory *m;

    if (map_count(l->good) >= REMEMBERED_MAX)
        login_forget(l);
    m = memory_alloc(sizeof *m);
    *m = (struct memory){clock_now() + REMEMBER, keyed(name, password)};
    free(map_put(l->good, name, m));
}

/* The account's verifier, or one that no password fits. */
static const struct account *verifier_of(const struct login *l, struct span name,
                                         struct scram_verifier *out)
{
    const struct account *a = directory_find(l->directory, name);

    if (a && a->has_password) {
        *out = a->verifier;
        return a;
    }
    scram_fake((struct span){l->secret, sizeof l->secret}, name, out);
    return NULL;
}

/* The wait before a "no" is said: nobody is held longer than patience; the next try is then put off
 * without a look. */
static uint32_t wait_after(struct login *l, struct span name, struct span peer)
{
    uint32_t wait = throttle_wait(l->throttle, name, peer);

    return wait < THROTTLE_PATIENCE ? wait : THROTTLE_PATIENCE;
}

static void canonical_or_typed(struct span name, struct text *out)
{
    if (!directory_name(name, out)) {
        text_clear(out);
        text_add(out, name); /* nobody's; still throttled and answered like any other */
    }
}

static void hash(void *arg)
{
    struct check *c = arg;
    struct scram_verifier v;

    if (!c->kept) {
        c->fits = scram_check_password(&c->verifier, span_of(c->password));
        return;
    }
    c->fits = hash_check(span_of(c->kept), span_of(c->password));
    if (c->fits && scram_derive(span_of(c->password), &v, NULL) == 0) {
        scram_format(&v, c->better);
        memory_wipe(&v, sizeof v);
    }
}

/* What was looked up for it: it may be looked up once more. */
static void forget_look(struct check *c)
{
    if (c->kept)
        memory_wipe(c->kept, strlen(c->kept));
    free(c->kept);
    c->kept = NULL;
    memory_wipe(&c->verifier, sizeof c->verifier);
    memory_wipe(c->better, sizeof c->better);
    c->known = c->fits = false;
}

static void free_check(struct check *c)
{
    memory_wipe(c->password, strlen(c->password));
    forget_look(c);
    free(c->password);
    free(c->name);
    free(c->peer);
    free(c);
}

/* Nobody can tell whether the password is right. */
static void not_now(struct check *c)
{
    c->done(c->arg, LOGIN_NOT_NOW, SPAN_NONE, 0);
    free_check(c);
}

/* Does what was checked still stand there? The password may have been changed while it was hashed:
 * then the answer, and what is remembered of it, would be of before. */
static bool still_stands(const struct check *c, const struct account *a)
{
    if (!a || !a->has_password)
        return false;
    if (c->kept || a->hash.len)
        return c->kept && span_is(a->hash, c->kept);
    return memcmp(a->verifier.stored_key, c->verifier.stored_key, SCRAM_KEY) == 0;
}

static void look(struct login *l, struct check *c);

static void hashed(void *arg)
{
    struct check *c = arg;
    struct login *l = c->login;
    struct span name = span_of(c->name), peer = span_of(c->peer);
    unsigned troubles = directory_troubles(l->directory);
    const struct account *a = directory_find(l->directory, name);
    bool stands = !c->known || still_stands(c, a), good = stands && c->known && c->fits;
    bool open = good && !directory_locked(l->directory, a);
    uint32_t wait;

    if (directory_troubles(l->directory) != troubles) {
        not_now(c);
        return;
    }
    if (!stands) { /* as often as a person changes the account */
        look(l, c);
        return;
    }
    throttle_note(l->throttle, name, peer, good);
    wait = good ? 0 : wait_after(l, name, peer);
    if (open)
        remember(l, name, span_of(c->password));
    if (open && c->better[0] && l->better)
        l->better(l->better_arg, name, span_of(c->kept), span_of(c->better));
    c->done(c->arg,
            open   ? LOGIN_YES
            : good ? LOGIN_CLOSED
                   : LOGIN_NO,
            open ? name : SPAN_NONE, wait);
    free_check(c);
}

/* What the other server said. It remembers by itself what it wants to. */
static void othered(void *arg, enum login_verdict v, struct span account)
{
    struct check *c = arg;
    struct login *l = c->login;
    struct span name = span_of(c->name), peer = span_of(c->peer);
    unsigned troubles = directory_troubles(l->directory);
    bool good = v == LOGIN_YES && directory_find(l->directory, account);

    if (directory_troubles(l->directory) != troubles)
        v = LOGIN_NOT_NOW;
    if (v != LOGIN_NOT_NOW)
        throttle_note(l->throttle, name, peer, good);
    c->done(c->arg, v == LOGIN_YES && !good ? LOGIN_NO : v, good ? account : SPAN_NONE,
            v == LOGIN_NO ? wait_after(l, name, peer) : 0);
    free_check(c);
}

static bool is_elsewhere(const struct login *l, struct span name)
{
    const struct account *a = directory_find(l->directory, name);

    return l->other && (!a || (a->elsewhere && !directory_locked(l->directory, a)));
}

static void look(struct login *l, struct check *c)
{
    const struct account *a;
    struct span name = span_of(c->name), password = span_of(c->password);
    unsigned troubles = directory_troubles(l->directory);
    bool elsewhere = is_elsewhere(l, name);

    forget_look(c);
    if (directory_troubles(l->directory) != troubles) {
        not_now(c);
        return;
    }
    if (elsewhere) {
        l->other(l->other_arg, &(struct login_question){name, password, span_of(c->peer)}, othered,
                 c);
        return;
    }
    a = verifier_of(l, name, &c->verifier);
    c->known = a != NULL;
    c->kept = a && a->hash.len ? span_dup(a->hash) : NULL;
    if (directory_troubles(l->directory) != troubles || !l->hashers ||
        !worker_run(l->hashers, hash, hashed, c))
        not_now(c);
}

void login_check(struct login *l, struct span as_typed, struct span password, struct span peer,
                 login_done_fn *done, void *arg)
{
    struct text name = TEXT_INIT(4096);
    uint32_t wait;
    struct check *c;

    canonical_or_typed(as_typed, &name);
    wait = throttle_wait(l->throttle, text_span(&name), peer);
    if (wait > THROTTLE_PATIENCE) {
        done(arg, LOGIN_NOT_NOW, SPAN_NONE, 0);
    } else if (remembered(l, text_span(&name), password)) {
        throttle_note(l->throttle, text_span(&name), peer, true);
        done(arg, LOGIN_YES, text_span(&name), wait);
    } else {
        c = memory_alloc(sizeof *c);
        *c = (struct check){.login = l, .done = done, .arg = arg};
        c->name = span_dup(text_span(&name));
        c->password = span_dup(password);
        c->peer = span_dup(peer);
        look(l, c);
    }
    text_free(&name);
}

enum login_verdict login_verifier(struct login *l, struct span as_typed, struct span peer,
                                  struct scram_verifier *out, uint32_t *wait)
{
    struct text name = TEXT_INIT(4096);
    const struct account *a;
    unsigned troubles = directory_troubles(l->directory);

    canonical_or_typed(as_typed, &name);
    *wait = throttle_wait(l->throttle, text_span(&name), peer);
    a = verifier_of(l, text_span(&name), out);
    text_free(&name);
    if (*wait > THROTTLE_PATIENCE || directory_troubles(l->directory) != troubles)
        return LOGIN_NOT_NOW;
    return a && a->hash.len ? LOGIN_AS_IT_IS : LOGIN_YES;
}

const struct account *login_note(struct login *l, struct span as_typed, struct span peer, bool good,
                                 uint32_t *wait)
{
    struct text name = TEXT_INIT(4096);
    struct scram_verifier ignored;
    const struct account *a;
    unsigned troubles = directory_troubles(l->directory);

    canonical_or_typed(as_typed, &name);
    a = good ? verifier_of(l, text_span(&name), &ignored) : NULL;
    *wait = 0;
    if (directory_troubles(l->directory) == troubles)
        throttle_note(l->throttle, text_span(&name), peer, a != NULL);
    if (directory_troubles(l->directory) == troubles && !a)
        *wait = wait_after(l, text_span(&name), peer);
    text_free(&name);
    memory_wipe(&ignored, sizeof ignored);
    return a;
}
