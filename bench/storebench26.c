/* storebench26: how many messages a second the store takes, and what one costs the store thread.
 *
 *     storebench26 <folder> [body octets] [messages]
 *
 * For groups of 1, 10, 50 and 200 messages that share a sync: accepts a second, microseconds of CPU
 * for each accept, and for each removal (the delivery's settle). The folder should be on the disk
 * the store will use; it is left as it is. */
#include "base/clock.h"
#include "base/memory.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct took {
    double wall, cpu;
};

static double seconds(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int bad, const struct error *e)
{
    if (!bad)
        return;
    fprintf(stderr, "storebench26: %s\n", e->words);
    exit(1);
}

static void step(struct store *s, const struct message *m, bool put)
{
    struct error e = {0};
    bool fresh;

    must(store_mark(s, &e), &e);
    must(put ? store_put(s, m, 1, &fresh, &e) : store_remove(s, &m->envelope.id, &e), &e);
    must(store_keep(s, &e), &e);
}

/* Puts or removes all, `group` to a sync. */
static struct took run(struct store *s, struct message *m, const struct id *ids, size_t count,
                       size_t group, bool put)
{
    struct took t = {seconds(CLOCK_MONOTONIC), seconds(CLOCK_THREAD_CPUTIME_ID)};
    struct error e = {0};

    for (size_t i = 0; i < count; i += group) {
        must(store_begin(s, &e), &e);
        for (size_t n = i; n < i + group && n < count; n++) {
            m->envelope.id = ids[n];
            step(s, m, put);
        }
        must(store_commit(s, &e), &e);
        if (store_wants_tidy(s))
            must(store_tidy(s, &e), &e);
    }
    t.wall = seconds(CLOCK_MONOTONIC) - t.wall;
    t.cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - t.cpu;
    return t;
}

static void bench(struct store *s, struct message *m, size_t count, size_t group)
{
    struct id *ids = memory_array(count, sizeof *ids);
    struct took put, gone;

    for (size_t i = 0; i < count; i++)
        ids[i] = id_new();
    put = run(s, m, ids, count, group, true);
    gone = run(s, m, ids, count, group, false);
    printf("group %3zu: %8.0f accepts/s, %6.1f us CPU each; %8.0f removals/s, %6.1f us CPU each\n",
           group, (double)count / put.wall, put.cpu * 1e6 / (double)count,
           (double)count / gone.wall, gone.cpu * 1e6 / (double)count);
    free(ids);
}

int main(int argc, char **argv)
{
    static const size_t groups[] = {1, 10, 50, 200};
    size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 4096,
           count = argc > 3 ? strtoul(argv[3], NULL, 10) : 20000;
    struct store_settings set = {.path = argc > 1 ? argv[1] : NULL};
    char *body = memory_alloc(size);
    struct recipient to = {.address = SPAN("somebody@example.com")};
    struct message m = {
        .envelope = {.sender = SPAN("person@example.net"), .recipients = &to, .count = 1},
        .origin = {.account = SPAN("person"),
                   .peer = SPAN("192.0.2.1"),
                   .helo = SPAN("laptop"),
                   .door = SPAN("submission"),
                   .with = SPAN("ESMTPSA")},
        .content = {.prefix = SPAN("Received: from laptop by mail.example.net\r\n"),
                    .body = {body, size},
                    .fd = -1,
                    .size = size}};
    struct store *s;
    struct error e = {0};

    if (argc < 2) {
        fprintf(stderr, "usage: storebench26 <folder> [body octets] [messages]\n");
        return 2;
    }
    memset(body, 'x', size);
    must(store_open(&set, &s, NULL, &e), &e);
    for (size_t i = 0; i < COUNT(groups); i++)
        bench(s, &m, groups[i] == 1 ? count / 10 : count, groups[i]);
    store_close(&s);
    free(body);
    return 0;
}
