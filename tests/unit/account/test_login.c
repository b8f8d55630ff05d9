/* A password is judged by what stands in the account when the answer is given. */
#include "account/login.h"
#include "who.h"

#include "io/loop.h"

#include <string.h>

struct scene {
    struct loop *loop;
    struct store *store, *reader;
    struct directory *directory;
    struct login *login;
    enum login_verdict verdict;
    unsigned answers;
};

static void put(struct scene *s, const char *password, uint32_t flags)
{
    struct scram_verifier v;
    char text[SCRAM_TEXT];
    struct error e = {0};

    assert_int_equal(scram_derive(span_of(password), &v, &e), 0);
    scram_format(&v, text);
    who_account(
        s->store, s->directory,
        &(struct store_account){.name = SPAN("ann"), .verifier = span_of(text), .flags = flags});
    login_forget(s->login);
}

static int setup(void **state)
{
    static const char *const domains[] = {"example.com"};
    struct store_settings set = {.driver = "memory", .path = "/nonexistent"};
    static struct scene s;
    struct error e = {0};

    s = (struct scene){.loop = loop_new()};
    assert_int_equal(store_open(&set, &s.store, NULL, &e), 0);
    assert_int_equal(store_reader_open(s.store, &s.reader, &e), 0);
    s.directory = directory_open(s.reader, domains, 1, &e);
    assert_non_null(s.directory);
    s.login = login_new(s.loop, s.directory, SPAN("0123456789abcdef0123456789abcdef"));
    put(&s, "old", 0);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;

    login_free(&s->login);
    directory_free(&s->directory);
    store_close(&s->reader);
    store_close(&s->store);
    loop_free(&s->loop);
    return 0;
}

static void answered(void *arg, enum login_verdict v, struct span account, uint32_t wait)
{
    struct scene *s = arg;

    (void)wait;
    assert_true((v == LOGIN_YES) == span_is(account, "ann"));
    s->verdict = v;
    s->answers++;
    loop_stop(s->loop);
}

static void begin(struct scene *s, const char *password)
{
    s->answers = 0;
    login_check(s->login, SPAN("ann"), span_of(password), SPAN("192.0.2.1"), answered, s);
}

static enum login_verdict end(struct scene *s)
{
    if (!s->answers)
        loop_run(s->loop);
    assert_int_equal(s->answers, 1);
    return s->verdict;
}

static enum login_verdict check(struct scene *s, const char *password)
{
    begin(s, password);
    return end(s);
}

static void good_and_wrong(void **state)
{
    struct scene *s = *state;

    assert_int_equal(check(s, "wrong"), LOGIN_NO);
    assert_int_equal(check(s, "old"), LOGIN_YES);
    assert_int_equal(check(s, "old"), LOGIN_YES); /* remembered */
    assert_int_equal(check(s, "wrong"), LOGIN_NO);
}

/* A thief keeps logging in while the owner changes the password. */
static void changed_meanwhile(void **state)
{
    struct scene *s = *state;

    begin(s, "old");
    assert_int_equal(s->answers, 0);
    put(s, "new", 0);
    assert_int_equal(end(s), LOGIN_NO);
    assert_int_equal(check(s, "old"), LOGIN_NO);
    assert_int_equal(check(s, "new"), LOGIN_YES);
}

static void locked_meanwhile(void **state)
{
    struct scene *s = *state;

    begin(s, "old");
    put(s, "old", STORE_ACCOUNT_LOCKED);
    assert_int_equal(end(s), LOGIN_CLOSED);
    assert_int_equal(check(s, "old"), LOGIN_CLOSED);
    assert_int_equal(check(s, "wrong"), LOGIN_NO);
    put(s, "old", 0);
    assert_int_equal(check(s, "old"), LOGIN_YES);
}

static void removed_meanwhile(void **state)
{
    struct scene *s = *state;

    begin(s, "old");
    who_gone(s->store, s->directory, "ann");
    assert_int_equal(end(s), LOGIN_NO);
}

/* The same password in another form, as an import gets it at its first login. */
static void kept_anew_meanwhile(void **state)
{
    struct scene *s = *state;

    begin(s, "old");
    put(s, "old", 0);
    assert_int_equal(end(s), LOGIN_YES);
}

/* What is under way at the end is answered, and not begun again. */
static void ends_meanwhile(void **state)
{
    struct scene *s = *state;

    begin(s, "old");
    put(s, "new", 0);
    login_free(&s->login);
    assert_int_equal(s->answers, 1);
    assert_int_equal(s->verdict, LOGIN_NOT_NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_and_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(changed_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(locked_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(removed_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(kept_anew_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_meanwhile, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
