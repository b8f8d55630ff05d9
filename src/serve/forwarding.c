#include "serve/forwarding.h"

#include "account/directory.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/meter.h"
#include "queue/commit.h"
#include "sign/srs.h"
#include "tls/digest.h"

#include <stdlib.h>
#include <string.h>

#define META SPAN("srs")
/* The domain of what is kept in the store; no real one can be called so (RFC 2606). */
#define KEPT_DOMAIN SPAN("kept.invalid")

enum {
    SECRET = 32,
    CHANGE_DAYS = 90,         /* a new secret */
    GOOD_DAYS = SRS_DAYS + 7, /* an address may have been made when its mail was tried last */
    TOKEN = 16,               /* characters: 80 bits */
    SWEEP_MAX = 5000,         /* forgotten in one transaction */
    LEVEL_MS = 60 * 60 * 1000
};

struct secret {
    int64_t made; /* wall clock */
    char bytes[SECRET];
};

/* As it stands in the store; the newest first. */
struct ring {
    struct secret at[SRS_SECRETS];
    size_t count;
};

struct forwarding {
    struct house *house;
    struct commit *commit; /* NULL: nothing can be written yet */
    struct ring ring;
    struct meter *reports; /* by the sender they go to */
    struct map *kept;      /* tokens that were written since the last sweep */
    size_t kept_count;     /* in the store */
    int64_t swept;         /* clock_now() */
    unsigned writing;
};

/* ---- secrets ---- */

static bool read_ring(struct span value, struct ring *r)
{
    if (!value.len || value.len % sizeof *r->at || value.len > sizeof r->at)
        return false;
    memcpy(r->at, value.at, value.len);
    r->count = value.len / sizeof *r->at;
    return true;
}

static int write_ring(struct store *s, const struct ring *r, struct error *e)
{
    return store_meta_put(s, META, (struct span){(const char *)r->at, r->count * sizeof *r->at}, e);
}

/* With a new one in front, and without those that nothing good was made with any more. */
static struct ring next_ring(const struct ring *r)
{
    struct ring next = {.count = 1};
    int64_t now = clock_wall();

    next.at[0].made = now;
    id_random(next.at[0].bytes, SECRET);
    for (size_t i = 0; i < r->count && next.count < SRS_SECRETS; i++)
        if (i == 0 || now - r->at[i - 1].made < GOOD_DAYS * CLOCK_DAY)
            next.at[next.count++] = r->at[i];
    return next;
}

static int first_ring(struct forwarding *f, struct store *s, struct error *e)
{
    f->ring = next_ring(&f->ring);
    if (store_begin(s, e) < 0)
        return -1;
    if (write_ring(s, &f->ring, e) == 0)
        return store_commit(s, e);
    store_rollback(s);
    return -1;
}

static bool count_one(void *arg, struct span name, struct span value)
{
    (void)name;
    (void)value;
    ++*(size_t *)arg;
    return true;
}

static int load(struct forwarding *f, struct error *e)
{
    struct arena *a = arena_new();
    struct store *s = f->house->store;
    struct span value;
    int got = store_meta_get(s, META, a, &value, e);
    bool good = got == STORE_GOT && read_ring(value, &f->ring);

    arena_free(&a);
    if (got < 0 || (!good && first_ring(f, s, e) < 0))
        return -1;
    return store_value_each(s, STORE_KIND_FORWARD, count_one, &f->kept_count, e) < 0 ? -1 : 0;
}

struct forwarding *forwarding_open(struct house *h, struct error *e)
{
    struct forwarding *f = memory_alloc(sizeof *f);

    f->house = h;
    f->reports = meter_new(FORWARDING_REPORTS, LEVEL_MS);
    f->kept = map_new();
    if (load(f, e) < 0)
        forwarding_close(&f);
    return f;
}

void forwarding_close(struct forwarding **f)
{
    if (!*f)
        return;
    meter_free(&(*f)->reports);
    map_free(&(*f)->kept);
    memory_wipe(&(*f)->ring, sizeof(*f)->ring);
    free(*f);
    *f = NULL;
}

void forwarding_start(struct forwarding *f)
{
    f->commit = queue_commit(f->house->queue);
}

static struct srs_secrets secrets_of(const struct forwarding *f)
{
    struct srs_secrets s = {.count = f->ring.count};

    for (size_t i = 0; i < s.count; i++)
        s.at[i] = (struct span){f->ring.at[i].bytes, SECRET};
    return s;
}

/* ---- tidying, on the store thread and back ---- */

struct chore {
    struct forwarding *forwarding;
    struct ring ring; /* the new one; count 0: none */
    bool sweep;
    struct arena *arena;
    struct span *old;
    size_t count;
};

struct kept {
    int64_t at; /* wall clock; the sender follows */
};

static bool collect_old(void *arg, struct span name, struct span value)
{
    struct chore *c = arg;
    struct kept k = {0};

    if (value.at && value.len > sizeof k)
        memcpy(&k, value.at, sizeof k);
    if (k.at < clock_wall() - GOOD_DAYS * CLOCK_DAY)
        c->old[c->count++] = arena_span(c->arena, name);
    return c->count < SWEEP_MAX;
}

static int do_chore(struct store *s, void *arg, struct error *e)
{
    struct chore *c = arg;
    int bad = c->ring.count ? write_ring(s, &c->ring, e) : 0;

    c->count = 0;
    if (bad == 0 && c->sweep && store_value_each(s, STORE_KIND_FORWARD, collect_old, c, e) < 0)
        bad = -1;
    for (size_t i = 0; bad == 0 && i < c->count; i++)
        bad = store_value_remove(s, STORE_KIND_FORWARD, c->old[i], e) < 0 ? -1 : 0;
    return bad;
}

/* Only what is in the store signs. */
static void chore_done(void *arg, int result, const struct error *e)
{
    struct chore *c = arg;
    struct forwarding *f = c->forwarding;

    if (result < 0) {
        log_event(LOG_WARNING, "forwarding.later", LOG_STR("why", e->words));
        f->swept = clock_now();
    } else {
        if (c->ring.count) {
            f->ring = c->ring;
            log_event(LOG_INFO, "forwarding.secret", LOG_NUM("accepted", f->ring.count));
        }
        f->kept_count -= c->count < f->kept_count ? c->count : f->kept_count;
        if (c->count == SWEEP_MAX) /* there are more */
            f->swept = clock_now() - CLOCK_DAY;
    }
    memory_wipe(&c->ring, sizeof c->ring);
    arena_free(&c->arena);
    free(c);
}

void forwarding_tidy(struct forwarding *f)
{
    int64_t now = clock_wall();
    bool old = now - f->ring.at[0].made > CHANGE_DAYS * CLOCK_DAY,
         sweep = f->kept_count && clock_now() - f->swept > CLOCK_DAY;
    struct chore *c;

    if (!f->commit || (!old && !sweep))
        return;
    c = memory_alloc(sizeof *c);
    c->forwarding = f;
    c->arena = arena_new();
    c->sweep = sweep;
    if (old)
        c->ring = next_ring(&f->ring);
    if (sweep) {
        c->old = arena_alloc(c->arena, SWEEP_MAX * sizeof *c->old);
        f->swept = clock_now();
        map_free(&f->kept);
        f->kept = map_new();
    }
    if (!commit_submit(f->commit, COMMIT_OWN, do_chore, chore_done, c, sizeof *c)) {
        arena_free(&c->arena);
        free(c);
    }
}

/* ---- what does not fit ---- */

struct note {
    char token[TOKEN];
    struct text value;
};

static int write_note(struct store *s, void *arg, struct error *e)
{
    struct note *n = arg;

    return store_value_put(s, STORE_KIND_FORWARD, (struct span){n->token, TOKEN},
                           text_span(&n->value), e);
}

static void note_done(void *arg, int result, const struct error *e)
{
    struct note *n = arg;

    if (result < 0) /* a report to that sender would be refused here */
        log_event(LOG_WARNING, "forwarding.lost", LOG_STR("why", e->words));
    text_free(&n->value);
    free(n);
}

static void make_token(const struct forwarding *f, struct span sender, char out[TOKEN])
{
    static const char base32[] = "abcdefghijklmnopqrstuvwxyz234567";
    unsigned char mac[DIGEST_SHA1];

    digest_hmac_sha1((struct span){f->ring.at[0].bytes, SECRET}, sender, mac);
    for (unsigned i = 0; i < TOKEN; i++) {
        unsigned bit = 5 * i, two = (unsigned)mac[bit / 8] << 8 | mac[bit / 8 + 1];

        out[i] = base32[two >> (11 - bit % 8) & 31];
    }
}

/* The same sender has the same token, so it is written once a day at most. */
static bool keep(struct forwarding *f, struct span sender, const char token[TOKEN])
{
    struct kept k = {clock_wall()};
    struct span name = {token, TOKEN};
    struct note *n;

    if (map_get(f->kept, name))
        return true;
    if (!f->commit || f->kept_count >= FORWARDING_KEPT_MAX)
        return false;
    n = memory_alloc(sizeof *n);
    memcpy(n->token, token, TOKEN);
    n->value = TEXT_INIT(sizeof k + 1024);
    text_add(&n->value, (struct span){(const char *)&k, sizeof k});
    text_add(&n->value, sender);
    if (!commit_submit(f->commit, COMMIT_OWN, write_note, note_done, n, sizeof *n)) {
        text_free(&n->value);
        free(n);
        return false;
    }
    map_put(f->kept, name, f);
    f->kept_count++;
    return true;
}

/* ---- forward ---- */

static struct span our_domain(const struct forwarding *f)
{
    return span_of(f->house->config->incoming.srs_domain);
}

/* Where such addresses are taken back. */
static bool is_ours(const struct forwarding *f, struct span domain)
{
    return span_ieq(domain, our_domain(f)) || span_iis(domain, f->house->config->hostname);
}

static struct span domain_of(struct span address)
{
    return span_from(address, (size_t)(span_rfind(address, '@') + 1));
}

static enum srs_result forward_kept(struct forwarding *f, struct span sender, struct text *out)
{
    struct srs_secrets secrets = secrets_of(f);
    char token[TOKEN];
    struct text whole = TEXT_INIT(100);
    enum srs_result r;

    make_token(f, sender, token);
    text_addf(&whole, "%.*s@%.*s", TOKEN, token, SPAN_ARG(KEPT_DOMAIN));
    r = keep(f, sender, token)
            ? srs_forward(&secrets, text_span(&whole), our_domain(f), clock_wall(), out)
            : SRS_LONG;
    text_free(&whole);
    return r;
}

bool forwarding_wanted(const struct forwarding *f, struct span sender)
{
    struct span domain = domain_of(sender);

    return f->house->config->incoming.srs && sender.len && !is_ours(f, domain) &&
           !directory_domain(f->house->directory, domain);
}

struct span forwarding_leaving(struct forwarding *f, struct span sender, struct arena *a)
{
    struct srs_secrets secrets = secrets_of(f);
    struct text out = TEXT_INIT(400);
    enum srs_result r;

    if (!forwarding_wanted(f, sender))
        return sender;
    r = srs_forward(&secrets, sender, our_domain(f), clock_wall(), &out);
    if (r == SRS_LONG)
        r = forward_kept(f, sender, &out);
    if (r == SRS_OK)
        sender = arena_span(a, text_span(&out));
    else
        log_event(LOG_NOTICE, "forwarding.unchanged", LOG_SPAN("sender", sender),
                  LOG_STR("why", "it does not fit into a reverse-path of ours, and too many are "
                                 "kept already"));
    text_free(&out);
    return sender;
}

/* ---- back ---- */

/* What was kept: the address may be changed in case on its way. 1: *to; 0: it is not here; -1. */
static int find_kept(struct forwarding *f, struct span address, struct arena *a, struct span *to,
                     struct error *e)
{
    struct span local = span_head(address, (size_t)span_rfind(address, '@')), value;
    char token[TOKEN];
    int got;

    if (local.len != TOKEN)
        return 0;
    for (size_t i = 0; i < TOKEN; i++)
        token[i] = (char)(local.at[i] >= 'A' && local.at[i] <= 'Z' ? local.at[i] - 'A' + 'a'
                                                                   : local.at[i]);
    got = store_value_get(f->house->reader, STORE_KIND_FORWARD, (struct span){token, TOKEN}, a,
                          &value, e);
    if (got == STORE_GOT && value.len > sizeof(struct kept))
        *to = span_from(value, sizeof(struct kept));
    return got < 0 ? -1 : got == STORE_GOT && to->len;
}

static struct reply refuse(enum srs_result r, struct span recipient, struct arena *a)
{
    if (r == SRS_OLD)
        return reply_make(a, 550, "5.1.1",
                          "<%.*s> took reports about a message that was forwarded here. It was "
                          "good for %d days, which are over.",
                          SPAN_ARG(recipient), SRS_DAYS);
    return reply_make(a, 550, "5.1.1",
                      "<%.*s> looks like a reverse-path of mail that was forwarded here, but it "
                      "was not made by this server, or was changed on its way.",
                      SPAN_ARG(recipient));
}

enum forwarding_way forwarding_back(struct forwarding *f, struct span recipient, struct arena *a,
                                    struct span *to, struct reply *refusal)
{
    struct srs_secrets secrets = secrets_of(f);
    struct text out = TEXT_INIT(1024);
    struct error e = {0};
    enum srs_result r;
    int found = 1;

    if (!is_ours(f, domain_of(recipient)) || !srs_is(recipient))
        return FORWARDING_NONE;
    r = srs_back(&secrets, recipient, clock_wall(), &out);
    *to = arena_span(a, text_span(&out));
    text_free(&out);
    if (r == SRS_OK && span_ieq(domain_of(*to), KEPT_DOMAIN))
        found = find_kept(f, *to, a, to, &e);
    if (r == SRS_OK && found > 0)
        return FORWARDING_BACK;
    *refusal = found < 0 ? reply_error(a, 451, &e) : refuse(found ? r : SRS_OLD, recipient, a);
    return FORWARDING_REFUSED;
}

struct reply forwarding_count(struct forwarding *f, struct span to, struct arena *a)
{
    if (meter_level(f->reports, to) > FORWARDING_REPORTS - 1)
        return reply_make(a, 451, "4.7.1",
                          "More than %d reports an hour came back to this sender of forwarded "
                          "mail. Try again later.",
                          FORWARDING_REPORTS);
    meter_add(f->reports, to, 1);
    return (struct reply){0};
}

struct reply forwarding_no_report(struct span recipient, struct arena *a)
{
    return reply_make(a, 550, "5.7.1",
                      "<%.*s> is the reverse-path of mail that was forwarded here. It takes "
                      "reports (MAIL FROM:<>) only; write to the address that the mail shows.",
                      SPAN_ARG(recipient));
}
