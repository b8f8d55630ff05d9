/* Links: who belongs to whom is told without reading the records, and stays true. */
#include "fixture.h"
#include "store/store_parts.h"

static int setup_sqlite(void **state)
{
    *state = fixture_new("sqlite");
    return 0;
}

static int setup_memory(void **state)
{
    *state = fixture_new("memory");
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

static bool add_name(void *arg, struct span name)
{
    text_addf(arg, "%.*s ", SPAN_ARG(name));
    return true;
}

static void names(struct fixture *f, enum store_list_kind kind, const char *of,
                  const char *expected)
{
    struct store_list list = {kind, span_of(of)};
    struct text t = TEXT_INIT(400);
    struct error e = {0};
    uint64_t count, spaces = 0;

    if (store_names(f->store, &list, NULL, add_name, &t, &e) < 0 ||
        store_count(f->store, &list, &count, &e) < 0)
        fail_msg("%s", e.words);
    assert_string_equal(text_cstr(&t), expected);
    for (const char *p = expected; *p; p++)
        spaces += *p == ' ';
    assert_int_equal(count, spaces);
    text_free(&t);
}

static void put(struct fixture *f, const char *name, const char *host, const char *sender)
{
    struct span senders[] = {span_of(sender), SPAN("not an address")};
    struct store_account acc = {.name = span_of(name),
                                .host = span_of(host),
                                .senders = senders,
                                .sender_count = *sender ? 2 : 0};
    struct error e = {0};

    if (store_account_put(f->store, &acc, &e) < 0)
        fail_msg("%s", e.words);
}

static void test_accounts(void **state)
{
    struct fixture *f = *state;

    fixture_begin(f);
    put(f, "kim@b.test", "acme", "\"SALES\"@B.test");
    put(f, "ann@b.test", "acme", "sales@b.test");
    put(f, "bare", "acm", "@c.test");
    fixture_commit(f);
    names(f, STORE_ACCOUNTS, "", "ann@b.test bare kim@b.test ");
    names(f, STORE_CLAIMS, "sales@b.test", "ann@b.test kim@b.test ");
    names(f, STORE_CLAIMS, "@c.test", "bare ");
    names(f, STORE_HOST_ACCOUNTS, "acme", "ann@b.test kim@b.test ");
    names(f, STORE_HOST_ACCOUNTS, "acm", "bare ");
    names(f, STORE_HOST_ACCOUNTS, "a", "");
    names(f, STORE_DOMAIN_ACCOUNTS, "b.test", "ann@b.test kim@b.test ");
    fixture_begin(f);
    put(f, "kim@b.test", "", "other@b.test");
    assert_int_equal(store_account_remove(f->store, SPAN("bare"), NULL), STORE_GOT);
    assert_int_equal(store_account_remove(f->store, SPAN("bare"), NULL), STORE_ABSENT);
    fixture_commit(f);
    names(f, STORE_CLAIMS, "sales@b.test", "ann@b.test ");
    names(f, STORE_CLAIMS, "other@b.test", "kim@b.test ");
    names(f, STORE_CLAIMS, "@c.test", "");
    names(f, STORE_HOST_ACCOUNTS, "acme", "ann@b.test ");
    names(f, STORE_HOST_ACCOUNTS, "acm", "");
    fixture_begin(f);
    put(f, "ann@b.test", "x", "");
    store_rollback(f->store);
    names(f, STORE_HOST_ACCOUNTS, "acme", "ann@b.test ");
}

static void test_domains_and_aliases(void **state)
{
    struct fixture *f = *state;
    struct store_domain domain = {.name = SPAN("b.test"), .host = SPAN("acme")};
    struct span target = SPAN("x@y.test");
    struct store_alias alias = {SPAN("info@b.test"), &target, 1};
    struct store_host host = {.name = SPAN("acme"), .quota = 5}, h;
    struct store_domain d;
    struct store_alias al;

    fixture_begin(f);
    assert_int_equal(store_host_put(f->store, &host, NULL), 0);
    assert_int_equal(store_domain_put(f->store, &domain, NULL), 0);
    assert_int_equal(store_alias_put(f->store, &alias, NULL), 0);
    fixture_commit(f);
    names(f, STORE_HOSTS, "", "acme ");
    names(f, STORE_HOST_DOMAINS, "acme", "b.test ");
    names(f, STORE_DOMAIN_ALIASES, "b.test", "info@b.test ");
    names(f, STORE_TARGET_ALIASES, "x@y.test", "info@b.test ");
    assert_int_equal(store_host_get(f->store, SPAN("acme"), f->arena, &h, NULL), STORE_GOT);
    assert_int_equal(h.quota, 5);
    assert_int_equal(store_host_get(f->store, SPAN("b"), f->arena, &h, NULL), STORE_ABSENT);
    assert_int_equal(store_domain_get(f->store, SPAN("b.test"), f->arena, &d, NULL), STORE_GOT);
    assert_true(span_is(d.host, "acme") && span_is(d.name, "b.test"));
    assert_int_equal(store_alias_get(f->store, SPAN("info@b.test"), f->arena, &al, NULL),
                     STORE_GOT);
    assert_true(span_is(al.targets[0], "x@y.test"));
    assert_int_equal(store_alias_get(f->store, SPAN("b.test"), f->arena, &al, NULL), STORE_ABSENT);
    domain.host = SPAN("other");
    fixture_begin(f);
    assert_int_equal(store_domain_put(f->store, &domain, NULL), 0);
    assert_int_equal(store_alias_remove(f->store, SPAN("info@b.test"), NULL), STORE_GOT);
    fixture_commit(f);
    names(f, STORE_HOST_DOMAINS, "acme", "");
    names(f, STORE_HOST_DOMAINS, "other", "b.test ");
    names(f, STORE_DOMAIN_ALIASES, "b.test", "");
    names(f, STORE_TARGET_ALIASES, "x@y.test", "");
    fixture_begin(f);
    assert_int_equal(store_domain_remove(f->store, SPAN("b.test"), NULL), STORE_GOT);
    fixture_commit(f);
    names(f, STORE_HOST_DOMAINS, "other", "");
}

/* Octets of a record that does not read. */
static void damage(struct fixture *f, enum driver_kind kind, const char *name)
{
    fixture_begin(f);
    assert_int_equal(f->store->driver->value_put(f->store->self, kind, span_of(name),
                                                 SPAN("\004no seal here"), NULL),
                     0);
    fixture_commit(f);
}

/* A damaged record is temporary, and can be removed or replaced whole; no link of it stays. */
static void test_damaged(void **state)
{
    struct fixture *f = *state;
    struct store_domain domain = {.name = SPAN("b.test"), .host = SPAN("acme")}, d;
    struct store_host host = {.name = SPAN("acme")}, h;
    struct store_account acc;
    struct error e = {0};

    fixture_begin(f);
    put(f, "kim@b.test", "acme", "sales@b.test");
    put(f, "ann@b.test", "acme", "sales@b.test");
    assert_int_equal(store_domain_put(f->store, &domain, NULL), 0);
    assert_int_equal(store_host_put(f->store, &host, NULL), 0);
    fixture_commit(f);
    damage(f, DRIVER_ACCOUNT, "kim@b.test");
    damage(f, DRIVER_ACCOUNT, "ann@b.test");
    damage(f, DRIVER_DOMAIN, "b.test");
    damage(f, DRIVER_HOST, "acme");
    assert_int_equal(store_account_get(f->store, SPAN("kim@b.test"), f->arena, &acc, &e), -1);
    assert_string_equal(e.enhanced, "4.3.0");
    assert_int_equal(store_domain_get(f->store, SPAN("b.test"), f->arena, &d, &e), -1);
    assert_int_equal(store_host_get(f->store, SPAN("acme"), f->arena, &h, &e), -1);
    fixture_begin(f);
    assert_int_equal(store_account_remove(f->store, SPAN("kim@b.test"), &e), STORE_GOT);
    put(f, "ann@b.test", "new", "");
    assert_int_equal(store_domain_remove(f->store, SPAN("b.test"), &e), STORE_GOT);
    fixture_commit(f);
    names(f, STORE_CLAIMS, "sales@b.test", "");
    names(f, STORE_HOST_ACCOUNTS, "acme", "");
    names(f, STORE_HOST_ACCOUNTS, "new", "ann@b.test ");
    names(f, STORE_DOMAIN_ACCOUNTS, "b.test", "ann@b.test ");
    names(f, STORE_HOST_DOMAINS, "acme", "");
}

static void test_pages(void **state)
{
    struct fixture *f = *state;
    struct store_list list = {STORE_HOST_ACCOUNTS, SPAN("acme")};
    struct text t = TEXT_INIT(100);

    fixture_begin(f);
    put(f, "a", "acme", "");
    put(f, "b", "acme", "");
    put(f, "c", "acme", "");
    put(f, "d", "bcme", "");
    fixture_commit(f);
    assert_int_equal(store_names(f->store, &list, &(struct store_range){.max = 2}, add_name, &t, 0),
                     0);
    assert_string_equal(text_cstr(&t), "a b ");
    text_clear(&t);
    assert_int_equal(store_names(f->store, &list,
                                 &(struct store_range){.after = SPAN("b"), .max = 2}, add_name, &t,
                                 NULL),
                     0);
    assert_string_equal(text_cstr(&t), "c ");
    text_free(&t);
}

/* What an older version wrote gets its links when it is opened: all or none, more than one page. */
static void test_older_store(void **state)
{
    struct fixture *f = *state;
    struct store_domain domain = {.name = SPAN("b.test"), .host = SPAN("acme")};
    struct span target = SPAN("x@y.test");
    struct store_alias alias = {SPAN("info@b.test"), &target, 1};
    const struct store_driver *d = f->store->driver;
    struct store_list list = {STORE_HOST_ACCOUNTS, SPAN("acme")};
    char name[20];
    uint64_t count;

    fixture_begin(f);
    for (int i = 0; i < 1200; i++) {
        snprintf(name, sizeof name, "user%04d@b.test", i);
        put(f, name, "acme", i == 7 ? "sales@b.test" : "");
    }
    assert_int_equal(store_domain_put(f->store, &domain, NULL), 0);
    assert_int_equal(store_alias_put(f->store, &alias, NULL), 0);
    /* What that version would not have written; one link is wrong, too. */
    assert_int_equal(store_account_unlink_all(f->store, SPAN("user0007@b.test"), NULL), 0);
    assert_int_equal(store_domain_unlink_all(f->store, SPAN("b.test"), NULL), 0);
    assert_int_equal(store_alias_links(f->store, &alias, NULL, NULL), 0);
    assert_int_equal(d->value_put(f->store->self, DRIVER_CLAIM, SPAN("\0\1xgone"), SPAN(""), NULL),
                     0);
    assert_int_equal(d->value_remove(f->store->self, DRIVER_META, SPAN("links"), NULL), 0);
    fixture_commit(f);
    names(f, STORE_CLAIMS, "sales@b.test", "");
    fixture_reopen(f);
    names(f, STORE_CLAIMS, "sales@b.test", "user0007@b.test ");
    names(f, STORE_CLAIMS, "x", "");
    names(f, STORE_HOST_DOMAINS, "acme", "b.test ");
    names(f, STORE_DOMAIN_ALIASES, "b.test", "info@b.test ");
    assert_int_equal(store_count(f->store, &list, &count, NULL), 0);
    assert_int_equal(count, 1200);
    list = (struct store_list){STORE_DOMAIN_ACCOUNTS, SPAN("b.test")};
    assert_int_equal(store_count(f->store, &list, &count, NULL), 0);
    assert_int_equal(count, 1200);
}

#define BOTH(test)                                                                                 \
    {#test " (sqlite)", test, setup_sqlite, teardown, NULL},                                       \
    {                                                                                              \
#test " (memory)", test, setup_memory, teardown, NULL                                      \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_accounts),
        BOTH(test_domains_and_aliases),
        BOTH(test_damaged),
        BOTH(test_pages),
        {"test_older_store (sqlite)", test_older_store, setup_sqlite, teardown, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
