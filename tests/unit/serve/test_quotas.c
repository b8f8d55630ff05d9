/* Counting a Maildir beside records of the store that are damaged meanwhile. */
#include "account/usage_store.h"
#include "home.h"
#include "queue/queue.h"
#include "serve/quotas.h"
#include "serve/registry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ANN SPAN("ann@here.example")

static void registered(void *arg, const struct error *e)
{
    (void)arg;
    assert_null(e);
    loop_stop(t->loop);
}

static void add_ann(void)
{
    struct registry *set = registry_new(t->house);

    registry_account_put(set,
                         &(struct store_account){.name = ANN, .verifier = SPAN("x"), .created = 1});
    registry_commit(&set, registered, NULL);
    loop_run(t->loop);
}

/* ---- the store, on its own thread ---- */

static void stored(void *arg, int result, const struct error *e)
{
    (void)arg;
    (void)e;
    assert_int_equal(result, 0);
    loop_stop(t->loop);
}

static void in_store(commit_fn *work, void *arg)
{
    commit_submit(queue_commit(t->house->queue), COMMIT_OWN, work, stored, arg, 0);
    loop_run(t->loop);
}

static int damage(struct store *s, void *arg, struct error *e)
{
    (void)arg;
    return store_value_put(s, STORE_KIND_USAGE, ANN, SPAN("junk"), e);
}

/* A sum that is wrong without being damaged. */
static int add(struct store *s, void *arg, struct error *e)
{
    (void)arg;
    return store_value_put(s, STORE_KIND_USAGE, ANN, SPAN("700 7 0 0"), e);
}

static int look(struct store *s, void *arg, struct error *e)
{
    return usage_store_get(s, ANN, arg, e) == STORE_GOT ? 0 : -1;
}

/* ---- counting ---- */

struct found {
    int64_t was;
    bool failed;
};

static void measured(void *arg, const struct quotas_measured *m)
{
    struct found *f = arg;

    *f = (struct found){m->was_octets, m->error != NULL};
    loop_stop(t->loop);
}

static struct found count(void)
{
    struct found f = {-1, true};

    quotas_measure(t->house->quotas, ANN, measured, &f);
    loop_run(t->loop);
    assert_false(f.failed);
    return f;
}

/* Memory is right, and what is counted equals it: the store is mended all the same, or the next
 * start would not be right. */
static void store_is_mended(void **state)
{
    struct usage_record r;

    (void)state;
    add_ann();
    count();
    in_store(damage, NULL);
    count();
    in_store(look, &r);
    assert_int_equal(r.octets, 0);
    assert_false(usage_store_wants_count(&r));
    in_store(add, NULL);
    assert_int_equal(count().was, 700); /* and it is told */
    in_store(look, &r);
    assert_int_equal(r.octets, 0);
    assert_int_equal(count().was, 0);
}

/* ---- a removal that was broken off ---- */

static void make(const char *name)
{
    char path[200];

    snprintf(path, sizeof path, "%s%s", t->config->inboxes.path, name);
    if (mkdir(path, 0700) < 0)
        fail_msg("%s: %s", path, strerror(errno));
}

static void put(const char *name, const char *content)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof path, "%s/ann@here.example/%s", t->config->inboxes.path, name);
    f = fopen(path, "we");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static int removing(struct store *s, void *arg, struct error *e)
{
    (void)arg;
    return usage_store_removing(s, ANN, e) == STORE_GOT ? 0 : -1;
}

/* Its files were gone and not noted when the process died, and what another program noted since
 * makes maildirsize young: it is not asked then. */
static void broken_off(void **state)
{
    static const char *const folders[] = {"/ann@here.example", "/ann@here.example/tmp",
                                          "/ann@here.example/new", "/ann@here.example/cur"};
    struct usage_record r;

    (void)state;
    add_ann();
    for (size_t i = 0; i < COUNT(folders); i++)
        make(folders[i]);
    put("new/1.a,S=6,W=7", "Hello\n");
    count();
    in_store(removing, NULL);
    put("maildirsize", "\n600 100\n");
    count();
    in_store(look, &r);
    assert_true(r.octets == 6 && r.messages == 1 && !r.removals);
    put("maildirsize", "\n7 1\n"); /* now it is believed again */
    count();
    in_store(look, &r);
    assert_int_equal(r.octets, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(store_is_mended, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(broken_off, home_setup, home_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
