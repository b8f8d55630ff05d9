/* The text form of what is known, one thing a line, fields parted by tabs:
 *
 *     port26-places <version>
 *     place <key> <name> <gateway> <device> <"tunnel" or "-"> <first> <latest>
 *     called <what people call it>
 *     door <name> <result> <at> <since> <before> <ms> <tries> <failures> <recent> <proof>
 *
 * Doors stand below their place, places in the order of their visits, the latest first. Texts are
 * clean (place/clean.h), so none holds a tab or a newline. <recent> is one digit for each try, the
 * latest last, 1: it failed; "-" when there was none. */
#include "base/memory.h"
#include "base/text.h"
#include "place/clean.h"
#include "place/known_parts.h"

#include <inttypes.h>
#include <string.h>

enum { VERSION = 2, FIELDS_MAX = 12 };
static const struct span first_word = {"port26-places", 13};

static void write_recent(const struct known_door *d, struct text *out)
{
    for (unsigned i = d->recent_count; i-- > 0;)
        text_addc(out, d->recent >> i & 1U ? '1' : '0');
    if (!d->recent_count)
        text_addc(out, '-');
}

static void write_door(const struct known_door *d, struct text *out)
{
    text_addf(out, "door\t%s\t%s\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64, d->name,
              known_result_name(d->last), d->at, d->since, d->before_at, d->ms);
    text_addf(out, "\t%" PRIu32 "\t%" PRIu32 "\t", d->tries, d->failures);
    write_recent(d, out);
    text_addf(out, "\t%s\n", d->proof);
}

void known_write(const struct known *k, struct text *out)
{
    text_addf(out, "%.*s\t%d\n", SPAN_ARG(first_word), VERSION);
    for (size_t i = 0; i < k->count; i++) {
        const struct known_place *p = &k->place[i];

        text_addf(out, "place\t%s\t%s\t%s\t%s\t%s\t%" PRId64 "\t%" PRId64 "\n", p->place.key,
                  p->place.name, p->place.gateway, p->place.device,
                  p->place.tunnel ? "tunnel" : "-", p->first, p->latest);
        if (p->called[0])
            text_addf(out, "called\t%s\n", p->called);
        for (size_t j = 0; j < p->door_count; j++)
            write_door(&p->door[j], out);
    }
}

/* ---- reading ---- */

struct line {
    size_t count;
    struct span field[FIELDS_MAX];
};

static bool split(struct span text, struct line *l)
{
    struct span piece;

    l->count = 0;
    while (span_cut(&text, '\t', &piece)) {
        if (l->count == FIELDS_MAX)
            return false;
        l->field[l->count++] = piece;
    }
    return true;
}

/* Times are never negative. */
static bool time_of(struct span s, int64_t *out)
{
    uint64_t v;

    if (!span_u64(s, INT64_MAX, &v))
        return false;
    *out = (int64_t)v;
    return true;
}

static bool count_of(struct span s, uint32_t *out)
{
    uint64_t v;

    if (!span_u64(s, UINT32_MAX, &v))
        return false;
    *out = (uint32_t)v;
    return true;
}

static bool recent_of(struct span s, struct known_door *d)
{
    if (span_is(s, "-"))
        return true;
    if (!s.len || s.len > KNOWN_TRIES)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] != '0' && s.at[i] != '1')
            return false;
        d->recent = (uint16_t)(d->recent << 1 | (s.at[i] == '1'));
    }
    d->recent_count = (uint8_t)s.len;
    return true;
}

static bool key_of(struct span s, char *key)
{
    return known_key(s) && span_cstr(s, key, PLACE_KEY);
}

static const char *read_place(struct known *k, const struct line *l)
{
    struct known_place *p = &k->place[k->count];
    const struct span *f = l->field;

    memset(p, 0, sizeof *p);
    if (l->count != 8 || !key_of(f[1], p->place.key) || !time_of(f[6], &p->first) ||
        !time_of(f[7], &p->latest))
        return "is no place";
    if (known_place(k, p->place.key))
        return "names a place for the second time";
    if (k->count == KNOWN_PLACES_MAX)
        return "is one place too many";
    clean_copy(p->place.name, sizeof p->place.name, f[2]);
    clean_copy(p->place.gateway, sizeof p->place.gateway, f[3]);
    clean_copy(p->place.device, sizeof p->place.device, f[4]);
    p->place.tunnel = span_is(f[5], "tunnel");
    if (p->latest > k->latest)
        k->latest = p->latest;
    k->count++;
    return NULL;
}

static const char *read_called(struct known *k, const struct line *l)
{
    if (!k->count || l->count != 2)
        return "is no name of a place";
    clean_copy(k->place[k->count - 1].called, KNOWN_CALLED, l->field[1]);
    return NULL;
}

static const char *read_door(struct known *k, const struct line *l)
{
    struct known_place *p = k->count ? &k->place[k->count - 1] : NULL;
    const struct span *f = l->field;
    struct known_door d = {.name = ""};

    if (!p)
        return "is a door without a place";
    if (l->count != 11 || !known_result_find(f[2], &d.last) || !time_of(f[3], &d.at) ||
        !time_of(f[4], &d.since) || !time_of(f[5], &d.before_at) || !time_of(f[6], &d.ms) ||
        !count_of(f[7], &d.tries) || !count_of(f[8], &d.failures) || !recent_of(f[9], &d))
        return "is no door";
    if (known_door(k, p->place.key, f[1]))
        return "names a door for the second time";
    if (p->door_count == KNOWN_DOORS_MAX)
        return "is one door too many";
    clean_copy(d.name, sizeof d.name, f[1]);
    clean_copy(d.proof, sizeof d.proof, f[10]);
    if (d.at > k->latest)
        k->latest = d.at;
    p->door = memory_grow(p->door, (p->door_count + 1) * sizeof d);
    p->door[p->door_count++] = d;
    return NULL;
}

static const char *read_first(struct known *k, const struct line *l)
{
    uint64_t version;

    (void)k;
    if (l->count != 2 || !span_eq(l->field[0], first_word) ||
        !span_u64(l->field[1], UINT32_MAX, &version) || version == 0)
        return "should begin the file with \"port26-places\"";
    return version > VERSION ? "was written by a newer port26" : NULL;
}

static const struct {
    const char *word;
    const char *(*read)(struct known *k, const struct line *l);
} lines[] = {{"place", read_place}, {"called", read_called}, {"door", read_door}};

static const char *read_line(struct known *k, struct span text)
{
    struct line l;

    if (!split(text, &l))
        return "has too many fields";
    for (size_t i = 0; i < COUNT(lines); i++)
        if (span_is(l.field[0], lines[i].word))
            return lines[i].read(k, &l);
    return "is neither place nor door";
}

int known_read(struct known *k, struct span text, struct error *e)
{
    struct span rest = text, one;
    const char *wrong = NULL;
    size_t number = 1;
    struct line l;

    known_clear(k);
    if (text.len > KNOWN_TEXT_MAX)
        return error_set(e, ERROR_INPUT, "More than %d octets cannot be a memory of places.",
                         KNOWN_TEXT_MAX);
    if (!span_cut(&rest, '\n', &one) || !split(one, &l))
        l.count = 0;
    wrong = read_first(k, &l);
    while (!wrong && span_cut(&rest, '\n', &one)) {
        number++;
        if (one.len || rest.at) /* behind the last newline there is nothing */
            wrong = read_line(k, one);
    }
    if (wrong)
        return error_set(e, ERROR_INPUT, "Line %zu %s.", number, wrong);
    return 0;
}
