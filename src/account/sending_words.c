#include "account/sending_words.h"

#include <stdio.h>
#include <time.h>

static const char *const spans[WINDOW_SPANS] = {[WINDOW_HOUR] = "hour", [WINDOW_DAY] = "24 hours"};
static const char *const whats[WINDOW_WHATS] = {
    [WINDOW_MESSAGES] = "messages", [WINDOW_RECIPIENTS] = "recipients"};

static void add_minutes(int64_t wait, struct text *out)
{
    long long minutes = (wait + CLOCK_MINUTE - 1) / CLOCK_MINUTE;

    if (minutes < 120)
        text_addf(out, "%lld minute%s", minutes, minutes == 1 ? "" : "s");
    else
        text_addf(out, "%lld hours", (minutes + 59) / 60);
}

/* "14:32 (in 25 minutes)", with the day when that is another one. Rounded up: who comes at that
 * minute is not too early. */
static void add_time(int64_t wall, int64_t wait, struct text *out)
{
    time_t now = (time_t)(wall / CLOCK_SECOND);
    time_t then = (time_t)((wall + wait + CLOCK_MINUTE - 1) / CLOCK_SECOND);
    struct tm a, b;
    char buf[64];

    localtime_r(&now, &a);
    localtime_r(&then, &b);
    strftime(buf, sizeof buf,
             a.tm_yday == b.tm_yday && a.tm_year == b.tm_year ? "%H:%M" : "%Y-%m-%d %H:%M", &b);
    text_addf(out, "%s (in ", buf);
    add_minutes(wait, out);
    text_adds(out, ")");
}

/* Whose limit it is. */
static void add_subject(const struct sending_refusal *r, struct span name, struct text *out)
{
    struct span shown = span_head(name, 64);

    if (r->kind == SENDING_HOST)
        text_addf(out, "All mailboxes of your hosting account %.*s together", SPAN_ARG(shown));
    else if (r->kind == SENDING_ADDRESS)
        text_addf(out, "Your network address %.*s", SPAN_ARG(shown));
    else if (r->kind == SENDING_SENDER)
        text_addf(out, "Your sender address %.*s", SPAN_ARG(shown));
    else
        text_adds(out, "You");
}

static bool is_one(const struct sending_refusal *r)
{
    return r->kind == SENDING_ADDRESS || r->kind == SENDING_SENDER;
}

static void add_never(const struct sending_refusal *r, struct span name, struct text *out)
{
    const char *to = r->what == WINDOW_RECIPIENTS ? "to " : "";

    add_subject(r, name, out);
    text_addf(
        out,
        " may send %s%u %s within %s (%u so far), and this message has more: send it to fewer at a "
        "time, or ask your host for a higher limit.",
        to, r->limit, whats[r->what], r->span == WINDOW_HOUR ? "an hour" : "24 hours", r->sent);
}

void sending_words_refusal(const struct sending_refusal *r, struct span name, struct text *out)
{
    const char *to = r->what == WINDOW_RECIPIENTS ? "to " : "";

    if (r->wait == CLOCK_NEVER) {
        add_never(r, name, out);
        return;
    }
    add_subject(r, name, out);
    text_adds(out, is_one(r) ? " has sent " : " have sent ");
    if (r->sent > r->limit) /* it was higher */
        text_addf(out, "%s%u %s in the last %s, where %u may be; from ", to, r->sent,
                  whats[r->what], spans[r->span], r->limit);
    else
        text_addf(out, "%s%u of %u %s in the last %s; from ", to, r->sent, r->limit, whats[r->what],
                  spans[r->span]);
    add_time(clock_wall(), r->wait, out);
    if (r->need > 1)
        text_addf(out, " on %u more can be sent. ", r->need);
    else
        text_adds(out, " on you can send again. ");
    text_adds(out, "Your host can raise the limit.");
}

void sending_words_held(struct span account, struct span signs, struct text *out)
{
    text_addf(out,
              SENDING_HELD "%.*s: %.*s. `port26 account release %.*s` lets its mail go, `port26 "
                           "queue rm` removes what is not the owner's.",
              SPAN_ARG(account), SPAN_ARG(signs), SPAN_ARG(account));
}
