#include "http/retry_after.h"

#include <curl/curl.h>

enum { DATE = 64 };

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static uint32_t seconds(struct span s)
{
    uint64_t n;

    for (size_t i = 0; i < s.len; i++)
        if (!digit(s.at[i]))
            return 0;
    return span_u64(s, RETRY_AFTER_MAX, &n) ? (uint32_t)n : RETRY_AFTER_MAX;
}

/* All three forms begin with the day of the week. */
static uint32_t date(struct span s, int64_t wall)
{
    char text[DATE];
    int64_t at, wait;

    if (!letter(s.at[0]) || span_find(s, ':') < 0 || !span_cstr(s, text, sizeof text))
        return 0;
    at = curl_getdate(text, NULL);
    if (at < 0 || at <= wall / 1000)
        return 0;
    wait = at - wall / 1000;
    return wait < RETRY_AFTER_MAX ? (uint32_t)wait : RETRY_AFTER_MAX;
}

uint32_t retry_after(struct span value, int64_t wall)
{
    struct span s = span_trim(value);

    if (!s.len)
        return 0;
    return digit(s.at[0]) ? seconds(s) : date(s, wall);
}
