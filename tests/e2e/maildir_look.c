/* maildir_look: what src/maildir sees of a Maildir, for tests with other programs and for measuring
 * times.
 *
 *     maildir_look <root> <account>               sum and messages as JSON; times on stderr
 *     maildir_look <root> <account> remove UID... removes these, tells what that freed
 *     maildir_look <root> <account> read          reads each message and counts what POP3 would
 * send
 */
#include "base/clock.h"
#include "base/memory.h"
#include "maildir/maildir.h"
#include "maildir/vsize.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void must(int rc, const struct error *e)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "maildir_look: %s\n", e->words);
    exit(1);
}

static void show(struct maildir *m, struct arena *a)
{
    int64_t began = clock_now(), listed;
    struct maildir_message *all;
    struct maildir_sum sum;
    struct error e = {0};
    size_t n;

    must(maildir_list(m, a, &all, &n, &e), &e);
    listed = clock_now();
    must(maildir_measure(m, true, &sum, &e), &e);
    fprintf(stderr, "list %" PRId64 " ms, measure %" PRId64 " ms\n", listed - began,
            clock_now() - listed);
    printf("{\"octets\": %" PRIu64 ", \"messages\": %" PRIu64 ", \"inbox\": [", sum.octets,
           sum.messages);
    for (size_t i = 0; i < n; i++)
        printf("%s\n{\"uid\": \"%.*s\", \"octets\": %" PRIu64 ", \"size\": %" PRIu64 "}",
               i ? "," : "", SPAN_ARG(all[i].uid), all[i].octets, all[i].size);
    printf("]}\n");
}

static void remove_some(struct maildir *m, struct arena *a, char *const *uids)
{
    struct maildir_message *all;
    struct maildir_sum freed;
    struct error e = {0};
    size_t n, chosen = 0;

    must(maildir_list(m, a, &all, &n, &e), &e);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; uids[j]; j++)
            if (span_is(all[i].uid, uids[j]))
                all[chosen++] = all[i];
    must(maildir_remove(m, all, chosen, &freed, &e), &e);
    printf("{\"octets\": %" PRIu64 ", \"messages\": %" PRIu64 "}\n", freed.octets, freed.messages);
}

static void read_all(struct maildir *m, struct arena *a)
{
    struct maildir_message *all;
    struct error e = {0};
    size_t n, wrong = 0;

    must(maildir_list(m, a, &all, &n, &e), &e);
    for (size_t i = 0; i < n; i++) {
        int fd = maildir_read(m, &all[i], &e);
        struct vsize v;

        must(fd, &e);
        wrong += vsize_read(&v, fd) < 0 || vsize_sent(&v) != all[i].octets;
        close(fd);
    }
    printf("{\"messages\": %zu, \"wrong\": %zu}\n", n, wrong);
}

int main(int argc, char **argv)
{
    struct arena *a = arena_new();
    struct maildir *m;
    struct error e = {0};

    if (argc < 3)
        return 2;
    must(maildir_open(argv[1], span_of(argv[2]), false, &m, &e), &e);
    if (argc == 3)
        show(m, a);
    else if (!strcmp(argv[3], "read"))
        read_all(m, a);
    else
        remove_some(m, a, argv + 4);
    maildir_close(&m);
    arena_free(&a);
    return 0;
}
