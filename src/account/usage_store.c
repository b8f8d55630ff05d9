#include "account/usage_store.h"

#include "base/arena.h"
#include "base/text.h"

#include <inttypes.h>

enum { RECORD = 100, KEY = STORE_NAME_MAX };

/* "octets messages removals unsure", all in decimal. */
static bool number(struct span *rest, int64_t *out)
{
    struct span word = span_word(rest);
    bool minus = span_starts(word, SPAN("-"));
    uint64_t n;

    if (!span_u64(span_from(word, minus), INT64_MAX, &n))
        return false;
    *out = minus ? -(int64_t)n : (int64_t)n;
    return true;
}

bool usage_store_read(struct span value, struct usage_record *out)
{
    int64_t removals, unsure;

    *out = (struct usage_record){0};
    if (!number(&value, &out->octets) || !number(&value, &out->messages) ||
        !number(&value, &removals) || removals < 0 || removals > UINT32_MAX ||
        !number(&value, &unsure) || (unsure != 0 && unsure != 1) || value.len)
        return false;
    out->removals = (uint32_t)removals;
    out->unsure = unsure;
    return true;
}

static int put(struct store *s, struct span account, const struct usage_record *r, struct error *e)
{
    struct text t = TEXT_INIT(RECORD);
    int bad;

    text_addf(&t, "%" PRId64 " %" PRId64 " %" PRIu32 " %d", r->octets, r->messages, r->removals,
              r->unsure);
    bad = store_value_put(s, STORE_KIND_USAGE, account, text_span(&t), e);
    text_free(&t);
    return bad;
}

/* What is not there, or damaged, is nothing yet, and unsure. */
static int get(struct store *s, struct span account, struct usage_record *r, struct error *e)
{
    struct arena *a = arena_new();
    struct span value = SPAN_NONE;
    int got = store_value_get(s, STORE_KIND_USAGE, account, a, &value, e);

    if (got >= 0 && (got != STORE_GOT || !usage_store_read(value, r)))
        *r = (struct usage_record){.unsure = true};
    arena_free(&a);
    return got < 0 ? -1 : 0;
}

int usage_store_add(struct store *s, struct span account, const struct usage_record *difference,
                    struct error *e)
{
    struct usage_record r;

    if (get(s, account, &r, e) < 0)
        return -1;
    r.octets += difference->octets;
    r.messages += difference->messages;
    r.unsure |= difference->unsure;
    return put(s, account, &r, e);
}

int usage_store_removing(struct store *s, struct span account, struct error *e)
{
    struct usage_record r;

    if (get(s, account, &r, e) < 0)
        return -1;
    r.removals++;
    return put(s, account, &r, e);
}

int usage_store_removed(struct store *s, struct span account, int64_t octets, int64_t messages,
                        struct error *e)
{
    struct usage_record r;

    if (get(s, account, &r, e) < 0)
        return -1;
    r.removals -= r.removals > 0;
    r.octets += octets;
    r.messages += messages;
    return put(s, account, &r, e);
}

int usage_store_set(struct store *s, struct span account, uint64_t octets, uint64_t messages,
                    struct error *e)
{
    struct usage_record r = {.octets = (int64_t)octets, .messages = (int64_t)messages};

    return put(s, account, &r, e);
}

static void warning_key(bool is_host, struct span name, struct text *out)
{
    text_adds(out, is_host ? "host " : "account ");
    text_add(out, name);
}

static int forget_warning(struct store *s, bool is_host, struct span name, struct error *e)
{
    struct text key = TEXT_INIT(KEY);
    int got;

    warning_key(is_host, name, &key);
    got = store_value_remove(s, STORE_KIND_WARNING, text_span(&key), e);
    text_free(&key);
    return got < 0 ? -1 : 0;
}

int usage_store_forget(struct store *s, struct span account, struct error *e)
{
    if (store_value_remove(s, STORE_KIND_USAGE, account, e) < 0)
        return -1;
    return forget_warning(s, false, account, e);
}

int usage_store_warned(struct store *s, bool is_host, struct span name, unsigned percent,
                       struct error *e)
{
    struct text key = TEXT_INIT(KEY), value = TEXT_INIT(RECORD);
    int bad;

    if (!percent)
        return forget_warning(s, is_host, name, e);
    warning_key(is_host, name, &key);
    text_addf(&value, "%u", percent);
    bad = store_value_put(s, STORE_KIND_WARNING, text_span(&key), text_span(&value), e);
    text_free(&key);
    text_free(&value);
    return bad;
}

bool usage_store_read_warned(struct span key, struct span value, bool *is_host, struct span *name,
                             unsigned *percent)
{
    struct span rest = key, kind = span_word(&rest);
    uint64_t n;

    *is_host = span_is(kind, "host");
    if ((!*is_host && !span_is(kind, "account")) || !value.at || !span_u64(value, 100, &n))
        return false;
    *name = span_from(key, kind.len + 1);
    *percent = (unsigned)n;
    return name->len > 0;
}
