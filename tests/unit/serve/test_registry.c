/* What changes who is here: all of a set or nothing, first the store and then the directory. */
#include "home.h"
#include "serve/registry.h"

#define ANN SPAN("ann@here.example")
#define BOB SPAN("bob@here.example")

struct end {
    unsigned calls;
    struct error e;
};

static void done(void *arg, const struct error *e)
{
    struct end *end = arg;

    end->calls++;
    if (e)
        end->e = *e;
    loop_stop(t->loop);
}

/* Its words, empty when all went in. */
static struct end commit(struct registry **set)
{
    struct end end = {0};

    registry_commit(set, done, &end);
    assert_null(*set);
    assert_int_equal(end.calls, 0); /* never from inside the call */
    loop_run(t->loop);
    assert_int_equal(end.calls, 1);
    return end;
}

static struct store_account record(struct span name, const char *verifier)
{
    return (struct store_account){.name = name, .verifier = span_of(verifier), .created = 1};
}

static void put(struct span name, const char *verifier)
{
    struct registry *set = registry_new(t->house);
    struct store_account a = record(name, verifier);

    registry_account_put(set, &a);
    assert_string_equal(commit(&set).e.words, "");
}

static const struct account *find(struct span name)
{
    return directory_find(t->house->directory, name);
}

/* A set with one of everything, from memory that is overwritten before it is committed. */
static void fill(struct registry *set)
{
    char text[6][20] = {"ann@here.example",  "acme",          "new.example",
                        "team@here.example", "far@x.example", "me@a.example"};
    struct span s[6], targets[2];
    struct store_account a = {.verifier = SPAN("v"), .sender_count = 1};

    for (size_t i = 0; i < COUNT(s); i++)
        s[i] = span_of(text[i]);
    a.name = s[0];
    a.host = s[1];
    a.senders = &s[5];
    targets[0] = s[0];
    targets[1] = s[4];
    registry_host_put(set, &(struct store_host){.name = s[1], .quota = 5000});
    registry_account_put(set, &a);
    registry_domain_put(set, &(struct store_domain){.name = s[2], .host = s[1], .catch_all = s[0]});
    registry_alias_put(set, &(struct store_alias){s[3], targets, 2});
    memset(text, 'x', sizeof text);
    memset(targets, 0, sizeof targets);
}

static void check_filled(void)
{
    struct directory *d = t->house->directory;
    const struct hosted_domain *domain = directory_domain_find(d, SPAN("new.example"));
    const struct hosted_alias *alias = directory_alias(d, SPAN("team@here.example"));

    assert_non_null(find(ANN));
    assert_true(span_is(find(ANN)->host, "acme"));
    assert_ptr_equal(directory_owner(d, SPAN("me@a.example")), find(ANN));
    assert_int_equal(directory_host(d, SPAN("acme"))->quota, 5000);
    assert_non_null(domain);
    assert_true(span_is(domain->host, "acme") && span_eq(domain->catch_all, ANN));
    assert_non_null(alias);
    assert_int_equal(alias->target_count, 2);
    assert_true(span_eq(alias->targets[0], ANN) && span_is(alias->targets[1], "far@x.example"));
}

static void check_empty(void)
{
    struct directory *d = t->house->directory;

    assert_null(find(ANN));
    assert_null(directory_host(d, SPAN("acme")));
    assert_false(directory_domain(d, SPAN("new.example")));
    assert_null(directory_alias(d, SPAN("team@here.example")));
}

static void everything(void **state)
{
    struct registry *set = registry_new(t->house);

    (void)state;
    fill(set);
    assert_int_equal(registry_count(set), 4);
    check_empty(); /* nothing is in force before it is written */
    assert_string_equal(commit(&set).e.words, "");
    check_filled();
    home_reopen(t);
    check_filled();
    set = registry_new(t->house);
    registry_alias_remove(set, SPAN("team@here.example"));
    registry_domain_remove(set, SPAN("new.example"));
    registry_account_remove(set, ANN);
    registry_host_remove(set, SPAN("acme"));
    assert_string_equal(commit(&set).e.words, "");
    check_empty();
    home_reopen(t);
    check_empty();
}

static void all_or_nothing(void **state)
{
    struct registry *set = registry_new(t->house);
    struct store_account bob = {.name = BOB, .quota = 9};
    struct end end;

    (void)state;
    fill(set);
    registry_account_change(set, &bob, REGISTRY_QUOTA, SPAN_NONE); /* there is no bob */
    end = commit(&set);
    assert_int_equal(end.e.class, ERROR_INPUT);
    assert_non_null(strstr(end.e.words, "bob@here.example was removed meanwhile"));
    check_empty();
    home_reopen(t);
    check_empty();
}

static void dropped(void **state)
{
    struct registry *set = registry_new(t->house);

    (void)state;
    fill(set);
    registry_free(&set);
    assert_null(set);
    registry_free(&set);
    check_empty();
}

/* Two at once, each with its field: neither takes the other's back. */
static void two_changes_both_hold(void **state)
{
    struct registry *one = registry_new(t->house), *two = registry_new(t->house);
    struct store_account a = record(ANN, ""), b = record(ANN, "");

    (void)state;
    put(ANN, "v1");
    a.quota = 77;
    a.limits = (struct store_limits){1, 2, 3, 4};
    registry_account_change(one, &a, REGISTRY_QUOTA | REGISTRY_RECIPIENTS, SPAN_NONE);
    b.flags = STORE_ACCOUNT_LOCKED;
    b.limits = (struct store_limits){5, 6, 7, 8};
    registry_account_change(two, &b, REGISTRY_LOCK | REGISTRY_MESSAGES, SPAN_NONE);
    registry_commit(&one, NULL, NULL); /* nobody asks for its end */
    assert_string_equal(commit(&two).e.words, "");
    for (int i = 0; i < 2; i++) {
        const struct account *now = find(ANN);

        assert_int_equal(now->quota, 77);
        assert_true(now->locked);
        assert_memory_equal(&now->limits, &((struct store_limits){5, 6, 3, 4}), sizeof now->limits);
        assert_int_equal(now->created, 1); /* not among the fields */
        home_reopen(t);
    }
}

static bool is_ours(void *arg, const struct store_account *a)
{
    struct text *all = arg;

    text_addf(all, "%.*s %.*s ", SPAN_ARG(a->name), SPAN_ARG(a->verifier));
    return true;
}

/* The verifiers in the store; only when nothing is under way. */
static void check_store(const char *wanted)
{
    struct text all = TEXT_INIT(200);
    struct error e = {0};

    assert_int_equal(store_account_each(t->house->store, is_ours, &all, &e), 0);
    assert_string_equal(text_cstr(&all), wanted);
    text_free(&all);
}

/* A better verifier for a password that was just proved must not undo a new one, nor bring back who
 * was removed. */
static void expected(void **state)
{
    static const struct {
        const char *kept, *expected, *after;
    } rows[] = {
        {"old", "old", "ann@here.example new "},
        {"other", "old", "ann@here.example other "},
        {NULL, "old", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct registry *set = registry_new(t->house);
        struct store_account to = record(ANN, "new");

        if (rows[i].kept)
            put(ANN, rows[i].kept);
        registry_account_change(set, &to, REGISTRY_VERIFIER, span_of(rows[i].expected));
        assert_string_equal(commit(&set).e.words, "");
        check_store(rows[i].after);
        assert_int_equal(find(ANN) != NULL, rows[i].kept != NULL);
        set = registry_new(t->house);
        registry_account_remove(set, ANN);
        assert_string_equal(commit(&set).e.words, "");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, home_setup, home_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(everything), TEST(all_or_nothing), TEST(dropped),
                                       TEST(two_changes_both_hold), TEST(expected)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
