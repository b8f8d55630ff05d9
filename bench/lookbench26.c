/* lookbench26: what it costs the loop to ask who somebody is, when that is not in memory.
 *
 *     lookbench26 <folder> [accounts]           (after ./run has built: gcc -O2 -D_GNU_SOURCE -Isrc, with
 *     lib*.a of account store mail sasl io base in build/src, and -lsqlite3 -luv -lidn2 -lcrypt -lcrypto
 *     -lboost_context -lgsasl -lsodium)
 *
 * Fills a store, then looks for accounts that nobody asked for before, for addresses nobody has,
 * and counts; while nothing else runs, and with a commit between two look-ups, which makes the
 * reader read its pages again. The folder should be on the disk the store will use; it is left as
 * it is. */
#include "account/directory.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ASKED = 2000, GROUP = 1000 };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void must(int bad, const struct error *e)
{
    if (!bad)
        return;
    fprintf(stderr, "lookbench26: %s\n", e->words);
    exit(1);
}

static void fill(struct store *s, unsigned count)
{
    struct error e = {0};
    char name[40], host[40];

    for (unsigned i = 0; i < count; i++) {
        struct store_account a = {.name = {name, 0}, .host = {host, 0}};

        a.name.len = (size_t)snprintf(name, sizeof name, "user%06u@bench.test", i);
        a.host.len = (size_t)snprintf(host, sizeof host, "customer%u", i / 10);
        a.verifier =
            SPAN("SCRAM-SHA-256$4096:0123456789abcdef0123456789abcdef$01234567890123456789");
        if (i % GROUP == 0)
            must(store_begin(s, &e), &e);
        must(store_account_put(s, &a, &e), &e);
        if (i % GROUP == GROUP - 1 || i + 1 == count)
            must(store_commit(s, &e), &e);
    }
}

/* Microseconds for each. */
static double look(struct store *s, const struct directory *d, unsigned count, const char *form,
                   bool busy)
{
    struct error e = {0};
    double took = 0;
    char name[40];

    for (unsigned i = 0; i < ASKED; i++) {
        double began;

        snprintf(name, sizeof name, form, (i * 7919U) % count);
        if (busy) {
            must(store_begin(s, &e), &e);
            must(store_value_put(s, STORE_KIND_GREY, span_of(name), SPAN("x"), &e), &e);
            must(store_commit(s, &e), &e);
        }
        began = now();
        directory_owner(d, span_of(name));
        took += now() - began;
    }
    return took / ASKED;
}

static void measure(struct store *s, unsigned count, bool busy)
{
    static const char *const ours[] = {"bench.test"};
    struct error e = {0};
    struct store *reader = NULL;
    struct directory *d;
    double began;

    must(store_reader_open(s, &reader, &e), &e);
    began = now();
    d = directory_open(reader, ours, 1, &e);
    must(!d, &e);
    printf("%s: open %.0f us", busy ? "with commits" : "alone", now() - began);
    printf(", an account %.1f us", look(s, d, count, "user%06u@bench.test", busy));
    printf(", again %.1f us", look(s, d, count, "user%06u@bench.test", false));
    printf(", nobody %.1f us", look(s, d, count, "nobody%06u@bench.test", busy));
    began = now();
    directory_number(d, STORE_DOMAIN_ACCOUNTS, SPAN("bench.test"));
    printf(", counting a domain's accounts %.0f us", now() - began);
    began = now();
    directory_number(d, STORE_ACCOUNTS, SPAN_NONE);
    printf(", all %.0f us\n", now() - began);
    directory_free(&d);
    store_close(&reader);
}

int main(int argc, char **argv)
{
    unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100000;
    struct store_settings set = {.path = argv[1]};
    struct store *s = NULL;
    struct error e = {0};

    if (argc < 2) {
        fprintf(stderr, "usage: lookbench26 <folder> [accounts]\n");
        return 2;
    }
    must(store_open(&set, &s, NULL, &e), &e);
    fill(s, count);
    measure(s, count, false);
    measure(s, count, true);
    store_close(&s);
    return 0;
}
