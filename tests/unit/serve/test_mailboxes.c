/* The keeper's side of POP3: who has a mailbox, pages, messages, removal, and askers that go away.
 */
#include "base/memory.h"
#include "base/text.h"
#include "io/loop.h"
#include "maildir/maildir.h"
#include "serve/house.h"
#include "serve/mailboxes.h"
#include "serve/quotas.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char ann[] = "ann@example.org";

struct scene {
    char root[64];
    struct loop *loop;
    struct config config;
    struct house house;
    struct mailboxes *m;
};

/* ---- the quota's side ---- */

static struct {
    bool refuses;
    int64_t octets, messages; /* told so far */
    unsigned inside;          /* removals begun and not ended */
    unsigned stamped;
} quota;

void quotas_mailbox_changing(struct house *h, struct span account, quotas_answer_fn *answer,
                             void *arg)
{
    struct error e = {0};

    (void)h;
    assert_true(span_is(account, ann));
    if (quota.refuses)
        error_set(&e, ERROR_TEMPORARY, "it is being counted");
    else
        quota.inside++;
    answer(arg, quota.refuses ? &e : NULL);
}

/* So that a removal of ours is not taken for somebody else's: told before it ends. */
void quotas_removed(struct house *h, struct span account, const struct maildir_stamp *before,
                    const struct maildir_stamp *after)
{
    (void)h;
    (void)account;
    assert_true(before->arrived <= after->arrived && before->newest <= after->newest);
    quota.stamped++;
}

void quotas_mailbox_changed(struct house *h, struct span account, int64_t octets, int64_t messages,
                            quotas_answer_fn *answer, void *arg)
{
    (void)h;
    assert_true(span_is(account, ann) && quota.inside == 1);
    quota.inside--;
    quota.octets += octets;
    quota.messages += messages;
    answer(arg, NULL);
}

struct got {
    bool answered;
    struct letter_mailbox l; /* without the entries */
    char first[MAILDIR_UID_MAX + 1], bytes[64];
};

static int one, two; /* listeners */

static void done(void *arg, const struct letter_mailbox *l, int fd)
{
    struct got *g = arg;

    assert_false(g->answered);
    g->answered = true;
    g->l = *l;
    g->l.entries = NULL;
    if (l->entry_count)
        assert_true(span_cstr(l->entries[0].uid, g->first, sizeof g->first));
    if (fd >= 0)
        assert_true(read(fd, g->bytes, sizeof g->bytes - 1) >= 0);
}

/* Asks without waiting. */
static void begin(struct scene *s, const void *owner, enum letter_kind kind,
                  const struct letter_mailbox_wanted *w, struct got *g)
{
    *g = (struct got){0};
    mailboxes_ask(s->m, owner, kind, w, done, g);
}

static struct got ask(struct scene *s, const void *owner, enum letter_kind kind,
                      struct letter_mailbox_wanted w)
{
    struct got g;

    begin(s, owner, kind, &w, &g);
    loop_run(s->loop);
    assert_true(g.answered);
    return g;
}

static struct got open_box(struct scene *s, const void *owner, uint64_t number)
{
    return ask(s, owner, LETTER_MAILBOX_OPEN,
               (struct letter_mailbox_wanted){.number = number, .account = span_of(ann)});
}

static void make(const char *path)
{
    assert_int_equal(mkdir(path, 0700), 0);
}

static void put(struct scene *s, unsigned i)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s/new/%u.M%uP1.host", s->root, ann, 1700000000 + i, i);
    f = fopen(path, "we");
    assert_non_null(f);
    fprintf(f, "Subject: %u\n", i);
    fclose(f);
}

static unsigned files(struct scene *s)
{
    struct got g = open_box(s, &files, 999);

    ask(s, &files, LETTER_MAILBOX_CLOSE, (struct letter_mailbox_wanted){.number = 999});
    assert_int_equal(g.l.result, MAILBOX_GOOD);
    return g.l.count;
}

static int setup(void **state)
{
    struct scene *s = memory_alloc(sizeof *s);
    char path[256];

    strcpy(s->root, "/tmp/port26-mailboxes-XXXXXX");
    assert_non_null(mkdtemp(s->root));
    snprintf(path, sizeof path, "%s/%s", s->root, ann);
    make(path);
    for (size_t i = 0; i < 3; i++) {
        static const char *const parts[] = {"tmp", "new", "cur"};

        snprintf(path, sizeof path, "%s/%s/%s", s->root, ann, parts[i]);
        make(path);
    }
    s->loop = loop_new();
    s->config.inboxes.path = s->root;
    s->house = (struct house){.loop = s->loop, .config = &s->config};
    s->m = mailboxes_new(&s->house);
    *state = s;
    return 0;
}

static int drop_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st;
    (void)flag;
    (void)f;
    return remove(path);
}

static int teardown(void **state)
{
    struct scene *s = *state;

    mailboxes_free(&s->m);
    assert_null(s->m);
    loop_free(&s->loop);
    nftw(s->root, drop_one, 8, FTW_DEPTH | FTW_PHYS);
    free(s);
    return 0;
}

static void test_one_at_a_time(void **state)
{
    struct scene *s = *state;
    struct letter_mailbox_wanted close_it = {.number = 1};

    put(s, 1);
    assert_int_equal(open_box(s, &one, 1).l.result, MAILBOX_GOOD);
    assert_int_equal(open_box(s, &one, 2).l.result, MAILBOX_IN_USE);
    assert_int_equal(open_box(s, &two, 1).l.result, MAILBOX_IN_USE);
    assert_int_equal(ask(s, &two, LETTER_MAILBOX_CLOSE, close_it).l.result, MAILBOX_GOOD);
    assert_int_equal(open_box(s, &two, 1).l.result, MAILBOX_IN_USE); /* it was not theirs */
    assert_int_equal(ask(s, &one, LETTER_MAILBOX_CLOSE, close_it).l.result, MAILBOX_GOOD);
    assert_int_equal(open_box(s, &two, 1).l.count, 1);
    mailboxes_leave(s->m, &one);
    assert_int_equal(open_box(s, &one, 3).l.result, MAILBOX_IN_USE);
    mailboxes_leave(s->m, &two);
    assert_int_equal(open_box(s, &one, 4).l.result, MAILBOX_GOOD);
}

static void test_gone_while_busy(void **state)
{
    struct scene *s = *state;
    struct letter_mailbox_wanted w = {.number = 1, .account = span_of(ann)};
    struct got opened, closed;

    begin(s, &one, LETTER_MAILBOX_OPEN, &w, &opened);
    begin(s, &one, LETTER_MAILBOX_CLOSE, &w, &closed);
    assert_true(closed.answered && !opened.answered);
    loop_run(s->loop);
    assert_true(opened.answered);
    assert_int_equal(open_box(s, &two, 1).l.result, MAILBOX_GOOD);
    mailboxes_leave(s->m, &two);
    begin(s, &one, LETTER_MAILBOX_OPEN, &w, &opened);
    mailboxes_leave(s->m, &one);
    loop_run(s->loop);
    assert_true(opened.answered);
    assert_int_equal(open_box(s, &two, 2).l.result, MAILBOX_GOOD);
}

static void test_pages(void **state)
{
    struct scene *s = *state;
    struct got g;

    for (unsigned i = 0; i < 600; i++)
        put(s, i);
    g = open_box(s, &one, 1);
    assert_int_equal(g.l.count, 600);
    assert_int_equal(g.l.octets, 10 * 12 + 90 * 13 + 500 * 14);
    g = ask(s, &one, LETTER_MAILBOX_LIST, (struct letter_mailbox_wanted){.number = 1});
    assert_int_equal(g.l.entry_count, LETTER_ENTRIES);
    assert_true(g.first[0]);
    g = ask(s, &one, LETTER_MAILBOX_LIST,
            (struct letter_mailbox_wanted){.number = 1, .place = 512});
    assert_int_equal(g.l.entry_count, 88);
    g = ask(s, &one, LETTER_MAILBOX_LIST,
            (struct letter_mailbox_wanted){.number = 1, .place = UINT32_MAX});
    assert_int_equal(g.l.entry_count, 0);
    g = ask(s, &one, LETTER_MAILBOX_LIST, (struct letter_mailbox_wanted){.number = 2});
    assert_int_equal(g.l.result, MAILBOX_NOT_NOW);
}

static void test_messages(void **state)
{
    struct scene *s = *state;
    char path[256];
    struct got g;

    put(s, 1);
    put(s, 2);
    assert_int_equal(open_box(s, &one, 1).l.count, 2);
    g = ask(s, &one, LETTER_MAILBOX_READ, (struct letter_mailbox_wanted){.number = 1, .place = 1});
    assert_int_equal(g.l.result, MAILBOX_GOOD);
    assert_string_equal(g.bytes, "Subject: 2\n");
    snprintf(path, sizeof path, "%s/%s/new/1700000001.M1P1.host", s->root, ann);
    assert_int_equal(unlink(path), 0);
    g = ask(s, &one, LETTER_MAILBOX_READ, (struct letter_mailbox_wanted){.number = 1});
    assert_int_equal(g.l.result, MAILBOX_GONE);
    g = ask(s, &one, LETTER_MAILBOX_READ, (struct letter_mailbox_wanted){.number = 1, .place = 2});
    assert_int_equal(g.l.result, MAILBOX_GONE);
}

/* Only what is marked goes, however long the marks are; and the mailbox is free with the answer. */
static void test_removal(void **state)
{
    struct scene *s = *state;
    struct got g;

    for (unsigned i = 0; i < 10; i++)
        put(s, i);
    assert_int_equal(open_box(s, &one, 1).l.count, 10);
    g = ask(s, &one, LETTER_MAILBOX_CLOSE,
            (struct letter_mailbox_wanted){.number = 1, .marked = SPAN("\005\376\377\377")});
    assert_int_equal(g.l.result, MAILBOX_GOOD);
    assert_int_equal(g.l.count, 3);
    assert_int_equal(quota.messages, -3);
    assert_int_equal(quota.stamped, 1);
    assert_int_equal(quota.octets, -3 * (int)strlen("Subject: 1\n"));
    assert_int_equal(quota.inside, 0);
    assert_int_equal(files(s), 7);
    assert_int_equal(open_box(s, &one, 2).l.count, 7);
    mailboxes_leave(s->m, &one);
    assert_int_equal(files(s), 7);
}

/* Nothing goes while the quota cannot be kept true. */
static void test_no_removal(void **state)
{
    struct scene *s = *state;
    struct got g;

    put(s, 1);
    assert_int_equal(open_box(s, &one, 1).l.count, 1);
    quota.refuses = true;
    g = ask(s, &one, LETTER_MAILBOX_CLOSE,
            (struct letter_mailbox_wanted){.number = 1, .marked = SPAN("\1")});
    quota.refuses = false;
    assert_int_equal(g.l.result, MAILBOX_NOT_NOW);
    assert_int_equal(g.l.count, 0);
    assert_int_equal(quota.inside, 0);
    assert_int_equal(files(s), 1);
}

/* A close that removes nothing does not say that it did: a thread is at work, or it is nobody's. */
static void test_removal_of_what_is_busy(void **state)
{
    struct scene *s = *state;
    struct letter_mailbox_wanted read_it = {.number = 1}, close_it = read_it;
    struct got reading, closed;

    put(s, 1);
    close_it.marked = SPAN("\1");
    assert_int_equal(open_box(s, &one, 1).l.count, 1);
    begin(s, &one, LETTER_MAILBOX_READ, &read_it, &reading);
    begin(s, &one, LETTER_MAILBOX_CLOSE, &close_it, &closed);
    loop_run(s->loop);
    assert_true(reading.answered && closed.answered);
    assert_int_equal(closed.l.result, MAILBOX_NOT_NOW);
    assert_int_equal(files(s), 1);
    assert_int_equal(ask(s, &one, LETTER_MAILBOX_CLOSE, close_it).l.result, MAILBOX_NOT_NOW);
    assert_int_equal(files(s), 1);
}

static void test_broken_folder(void **state)
{
    struct scene *s = *state;
    char path[256];

    snprintf(path, sizeof path, "%s/%s/cur", s->root, ann);
    assert_int_equal(chmod(path, 0777), 0);
    assert_int_equal(open_box(s, &one, 1).l.result, MAILBOX_NOT_NOW);
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(open_box(s, &one, 2).l.result, MAILBOX_GOOD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gone_while_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_removal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_removal_of_what_is_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_folder, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
