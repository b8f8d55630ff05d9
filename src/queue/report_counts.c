#include "queue/report_counts.h"

#include "account/window.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"

#include <stdlib.h>

enum { OLD_AT_ONCE = 4 };

struct count {
    char *sender;
    struct window window;
    struct count *older, *newer; /* by their last report */
};

struct report_counts {
    struct map *senders; /* name -> struct count */
    struct count *oldest, *newest;
    int64_t now; /* while reading */
};

/* One mailbox, however its address is written; and a name that fits the store. */
static void name_of(struct span sender, struct text *out)
{
    for (size_t i = 0; i < sender.len && i < STORE_NAME_MAX; i++) {
        char c = sender.at[i];

        text_addc(out, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
}

static void unlink_count(struct report_counts *c, struct count *n)
{
    *(n->older ? &n->older->newer : &c->oldest) = n->newer;
    *(n->newer ? &n->newer->older : &c->newest) = n->older;
    n->older = n->newer = NULL;
}

static void link_newest(struct report_counts *c, struct count *n)
{
    n->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = n;
    c->newest = n;
}

static void link_oldest(struct report_counts *c, struct count *n)
{
    n->newer = c->oldest;
    *(c->oldest ? &c->oldest->older : &c->newest) = n;
    c->oldest = n;
}

static void free_count(struct count *n)
{
    window_free(&n->window);
    free(n->sender);
    free(n);
}

struct report_counts *report_counts_new(void)
{
    struct report_counts *c = memory_alloc(sizeof *c);

    c->senders = map_new();
    return c;
}

void report_counts_free(struct report_counts **c)
{
    if (!*c)
        return;
    for (struct count *n = (*c)->oldest, *next; n; n = next) {
        next = n->newer;
        free_count(n);
    }
    map_free(&(*c)->senders);
    free(*c);
    *c = NULL;
}

static struct count *add(struct report_counts *c, struct span name)
{
    struct count *n = memory_alloc(sizeof *n);

    n->sender = span_dup(name);
    map_put(c->senders, name, n);
    return n;
}

static bool is_over(const struct count *n, int64_t now)
{
    return !window_sum(&n->window, WINDOW_HOUR, WINDOW_MESSAGES, now);
}

/* What is over is the first to go. */
static bool read_one(void *arg, struct span name, struct span value)
{
    struct report_counts *c = arg;
    struct count *n = add(c, name);

    if (!value.at || !window_unpack(&value, &n->window))
        log_event(LOG_ERROR, "reports.damaged", LOG_SPAN("record", name));
    window_settle(&n->window, c->now);
    if (is_over(n, c->now))
        link_oldest(c, n);
    else
        link_newest(c, n);
    return true;
}

int report_counts_read(struct report_counts *c, struct store *st, int64_t now, struct error *e)
{
    c->now = now;
    return store_value_each(st, STORE_KIND_REPORTS, read_one, c, e);
}

static int forget_oldest(struct report_counts *c, struct store *st, struct error *e)
{
    struct count *n = c->oldest;
    struct span name = span_of(n->sender);

    if (store_value_remove(st, STORE_KIND_REPORTS, name, e) < 0)
        return -1;
    map_take(c->senders, name);
    unlink_count(c, n);
    free_count(n);
    return 0;
}

static int forget_some(struct report_counts *c, struct store *st, int64_t now, struct error *e)
{
    for (int i = 0; i < OLD_AT_ONCE && c->oldest && is_over(c->oldest, now); i++)
        if (forget_oldest(c, st, e) < 0)
            return -1;
    while (map_count(c->senders) >= REPORT_COUNTS_MAX)
        if (forget_oldest(c, st, e) < 0)
            return -1;
    return 0;
}

static int count_one(struct report_counts *c, struct store *st, struct span name, int64_t now,
                     struct error *e)
{
    struct count *n = map_get(c->senders, name);
    struct text value = TEXT_INIT(WINDOW_PACKED_MAX);
    int bad;

    if (n)
        unlink_count(c, n);
    else
        n = add(c, name);
    link_newest(c, n);
    window_add(&n->window, now, 1, 0);
    window_pack(&n->window, &value);
    bad = store_value_put(st, STORE_KIND_REPORTS, name, text_span(&value), e);
    text_free(&value);
    return bad;
}

int report_counts_take(struct report_counts *c, struct store *st, struct span sender,
                       unsigned per_hour, int64_t now, struct error *e)
{
    struct text name = TEXT_INIT(STORE_NAME_MAX);
    const struct count *n;
    int result;

    name_of(sender, &name);
    n = map_get(c->senders, text_span(&name));
    result = n && window_sum(&n->window, WINDOW_HOUR, WINDOW_MESSAGES, now) >= per_hour;
    if (!result &&
        (forget_some(c, st, now, e) < 0 || count_one(c, st, text_span(&name), now, e) < 0))
        result = -1;
    text_free(&name);
    return result;
}
