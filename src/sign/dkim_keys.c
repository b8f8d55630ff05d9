#include "sign/dkim_keys.h"

#include "base/clock.h"
#include "base/memory.h"

#include <time.h>

/* The record: "port26-dkim-1", then for each pair its stem, both times, and private and public part
 * of each key; a NUL behind every one of these. */
static const char magic[] = "port26-dkim-1";

const char *dkim_keys_state_name(enum dkim_state s)
{
#define X(id, name) [id] = name,
    static const char *const names[] = {DKIM_KEYS_STATES(X)};
#undef X
    return names[s];
}

/* ---- record ---- */

static bool field(struct span *rest, struct span *out)
{
    return span_cut(rest, '\0', out) && rest->at && out->len;
}

static bool time_field(struct span *rest, int64_t *out)
{
    struct span s;
    uint64_t n;

    if (!field(rest, &s) || !span_u64(s, INT64_MAX, &n))
        return false;
    *out = (int64_t)n;
    return true;
}

/* Goes into DNS names and header fields: nothing strange may stand in it. */
static bool stem_fine(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= '0' && s.at[i] <= '9') ||
              s.at[i] == '-'))
            return false;
    return s.len && s.len <= DKIM_STEM_MAX;
}

static bool base64_fine(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/' || c == '='))
            return false;
    }
    return s.len && s.len <= KEYPAIR_PUBLIC_MAX;
}

static bool read_pair(struct span *rest, struct dkim_pair *p)
{
    *p = (struct dkim_pair){.state = DKIM_NEW};
    if (!field(rest, &p->stem) || !stem_fine(p->stem) || !time_field(rest, &p->created) ||
        !time_field(rest, &p->active))
        return false;
    for (size_t i = 0; i < DKIM_KINDS; i++)
        if (!field(rest, &p->pem[i]) || p->pem[i].len > KEYPAIR_PRIVATE_MAX ||
            !field(rest, &p->published[i]) || !base64_fine(p->published[i]))
            return false;
    return true;
}

bool dkim_keys_read(struct span record, struct dkim_keys *out)
{
    struct span rest = record, word;

    out->count = 0;
    if (!field(&rest, &word) || !span_is(word, magic))
        return false;
    while (rest.len) {
        if (out->count == DKIM_PAIRS_MAX || !read_pair(&rest, &out->pair[out->count]))
            return false;
        out->count++;
    }
    return true;
}

static bool add(struct text *t, struct span s)
{
    return text_add(t, s) && text_addc(t, '\0');
}

bool dkim_keys_write(const struct dkim_keys *k, struct text *out)
{
    add(out, span_of(magic));
    for (size_t i = 0; i < k->count; i++) {
        const struct dkim_pair *p = &k->pair[i];

        add(out, p->stem);
        text_addf(out, "%lld", (long long)p->created);
        text_addc(out, '\0');
        text_addf(out, "%lld", (long long)p->active);
        text_addc(out, '\0');
        for (size_t n = 0; n < DKIM_KINDS; n++) {
            add(out, p->pem[n]);
            add(out, p->published[n]);
        }
    }
    return !out->full;
}

void dkim_keys_wipe(struct dkim_keys *k)
{
    for (size_t i = 0; i < k->count; i++)
        for (size_t n = 0; n < DKIM_KINDS; n++)
            if (k->pair[i].pem[n].len)
                memory_wipe((void *)(uintptr_t)k->pair[i].pem[n].at, k->pair[i].pem[n].len);
}

/* ---- states ---- */

static int64_t active_from(const struct dkim_pair *p, const struct dkim_times *t)
{
    if (p->active)
        return p->active;
    return t->wait ? p->created + t->wait : CLOCK_NEVER;
}

void dkim_keys_look(struct dkim_keys *k, const struct dkim_times *t, int64_t now)
{
    int64_t newer = 0; /* when the next newer one that signs, or has, began to */

    for (size_t i = k->count; i-- > 0;) {
        struct dkim_pair *p = &k->pair[i];
        int64_t from = active_from(p, t);

        if (newer)
            p->state = now - newer >= t->overlap ? DKIM_GONE : DKIM_RETIRING;
        else
            p->state = from <= now ? DKIM_ACTIVE : DKIM_NEW;
        if (from <= now)
            newer = from;
    }
}

struct dkim_pair *dkim_keys_in(struct dkim_keys *k, enum dkim_state state)
{
    for (size_t i = k->count; i-- > 0;)
        if (k->pair[i].state == state)
            return &k->pair[i];
    return NULL;
}

void dkim_keys_sweep(struct dkim_keys *k)
{
    size_t kept = 0;

    for (size_t i = 0; i < k->count; i++)
        if (k->pair[i].state != DKIM_GONE)
            k->pair[kept++] = k->pair[i];
    k->count = kept;
}

/* ---- making ---- */

static bool taken(const struct dkim_keys *k, struct span stem)
{
    for (size_t i = 0; i < k->count; i++)
        if (span_eq(k->pair[i].stem, stem))
            return true;
    return false;
}

/* "p26-202611", and "p26-202611b" for the second of a month. */
static struct span new_stem(const struct dkim_keys *k, int64_t now, struct arena *a)
{
    time_t seconds = (time_t)(now / CLOCK_SECOND);
    struct tm tm = {0};
    struct span stem;
    char again[2] = "";

    gmtime_r(&seconds, &tm);
    do {
        stem = span_of(arena_printf(a, "p26-%04d%02d%s", tm.tm_year + 1900, tm.tm_mon + 1, again));
        again[0] = again[0] ? (char)(again[0] + 1) : 'b';
    } while (taken(k, stem));
    return stem;
}

static int make_key(enum keypair_kind kind, struct dkim_pair *p, struct arena *a, struct error *e)
{
    struct text pem = TEXT_INIT(KEYPAIR_PRIVATE_MAX), published = TEXT_INIT(KEYPAIR_PUBLIC_MAX);
    struct keypair *key = NULL;
    int rc = -1;

    text_room(&pem, KEYPAIR_PRIVATE_MAX);
    if (keypair_make(kind, &pem, e) == 0 && (key = keypair_load(text_span(&pem), e)) &&
        keypair_public(key, &published)) {
        p->pem[kind] = arena_span(a, text_span(&pem));
        p->published[kind] = arena_span(a, text_span(&published));
        rc = 0;
    }
    keypair_free(&key);
    text_wipe(&pem);
    text_free(&published);
    return rc;
}

int dkim_keys_make(struct dkim_keys *k, int64_t now, struct arena *a, struct error *e)
{
    struct dkim_pair *p = &k->pair[k->count];

    if (dkim_keys_in(k, DKIM_NEW))
        return error_set(e, ERROR_INPUT,
                         "a new pair of keys waits already until it is published: `port26 domain "
                         "dns` prints its lines; it signs once the server, or `port26 domain "
                         "check`, has seen them in the DNS");
    if (k->count == DKIM_PAIRS_MAX)
        return error_set(e, ERROR_INPUT, "there are %d pairs of keys: wait until old ones are gone",
                         (int)DKIM_PAIRS_MAX);
    *p = (struct dkim_pair){.created = now, .active = k->count ? 0 : now};
    p->stem = new_stem(k, now, a);
    for (enum keypair_kind kind = KEYPAIR_RSA; kind <= KEYPAIR_ED25519; kind++)
        if (make_key(kind, p, a, e) < 0)
            return -1;
    p->state = k->count++ ? DKIM_NEW : DKIM_ACTIVE;
    return 0;
}

/* ---- what is published ---- */

bool dkim_keys_selector(const struct dkim_pair *p, enum keypair_kind kind, struct text *out)
{
    return text_addf(out, "%.*s-%s", SPAN_ARG(p->stem), kind == KEYPAIR_RSA ? "rsa" : "ed");
}

bool dkim_keys_name(const struct dkim_pair *p, enum keypair_kind kind, struct span domain,
                    struct text *out)
{
    dkim_keys_selector(p, kind, out);
    return text_addf(out, "._domainkey.%.*s", SPAN_ARG(domain));
}

bool dkim_keys_record(const struct dkim_pair *p, enum keypair_kind kind, struct text *out)
{
    return text_addf(out, "v=DKIM1; k=%s; p=%.*s", kind == KEYPAIR_RSA ? "rsa" : "ed25519",
                     SPAN_ARG(p->published[kind]));
}
