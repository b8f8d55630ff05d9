#include "serve/amounts.h"

#include "base/memory.h"
#include "store/store.h"

static const struct unit {
    char letter;
    unsigned shift;
} units[] = {{'T', 40}, {'G', 30}, {'M', 20}, {'K', 10}};

bool amounts_size(struct span s, uint64_t *out)
{
    unsigned shift = 0;
    uint64_t n;

    for (size_t i = 0; i < COUNT(units) && s.len && !shift; i++)
        if ((s.at[s.len - 1] & ~0x20) == units[i].letter)
            shift = units[i].shift;
    if (shift)
        s.len--;
    if (!span_u64(s, (uint64_t)INT64_MAX >> shift, &n) || !n)
        return false;
    *out = n << shift;
    return true;
}

int amounts_quota(struct span s, uint64_t *out, struct error *e)
{
    if (span_is(s, "default") || span_is(s, "none")) {
        *out = span_is(s, "none") ? STORE_NO_QUOTA : 0;
        return 0;
    }
    if (amounts_size(s, out))
        return 0;
    return error_set(e, ERROR_INPUT,
                     "\"%.*s\" is no quota: write octets with K, M, G or T as in 500M or 10G, or "
                     "\"none\", or \"default\"",
                     SPAN_ARG(span_head(s, 64)));
}

/* One part, "1000/h". */
static bool read_rate(struct span part, uint32_t *hour, uint32_t *day)
{
    struct span number = SPAN_NONE;
    uint32_t *to;
    uint64_t n;

    part = span_trim(part);
    if (!span_cut(&part, '/', &number) || !part.at)
        return false;
    to = span_is(part, "h") || span_is(part, "hour")  ? hour
         : span_is(part, "d") || span_is(part, "day") ? day
                                                      : NULL;
    if (!to || *to || !span_u64(number, STORE_NO_LIMIT - 1, &n) || !n)
        return false;
    *to = (uint32_t)n;
    return true;
}

int amounts_rate(struct span s, uint32_t *hour, uint32_t *day, struct error *e)
{
    struct span rest = s, part;
    bool good = s.len > 0;

    *hour = *day = span_is(s, "none") ? STORE_NO_LIMIT : 0;
    if (span_is(s, "default") || span_is(s, "none"))
        return 0;
    while (good && span_cut(&rest, ',', &part))
        good = read_rate(part, hour, day);
    if (good)
        return 0;
    return error_set(e, ERROR_INPUT,
                     "\"%.*s\" is no sending limit: write numbers by the hour and the day as in "
                     "100/h,1000/d, or \"none\", or \"default\"; to let nothing go, lock it",
                     SPAN_ARG(span_head(s, 64)));
}

void amounts_quota_text(uint64_t quota, struct text *out)
{
    if (!quota || quota == STORE_NO_QUOTA) {
        text_adds(out, quota ? "none" : "default");
        return;
    }
    for (size_t i = 0; i < COUNT(units); i++) {
        if (quota % (UINT64_C(1) << units[i].shift) == 0) {
            text_addf(out, "%llu%c", (unsigned long long)(quota >> units[i].shift),
                      units[i].letter);
            return;
        }
    }
    text_addf(out, "%llu", (unsigned long long)quota);
}

void amounts_rate_text(uint32_t hour, uint32_t day, struct text *out)
{
    bool first = true;

    if (!hour && !day) {
        text_adds(out, "default");
    } else if (hour == STORE_NO_LIMIT && day == STORE_NO_LIMIT) {
        text_adds(out, "none");
    } else {
        for (int i = 0; i < 2; i++) {
            uint32_t n = i ? day : hour;

            if (n)
                text_addf(out, "%s%u/%c", first ? "" : ",", n, i ? 'd' : 'h');
            first &= !n;
        }
    }
}
