/* Who is who: logins, aliases, details, catch-alls. */
#include "account/directory.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct store *store;

static void put(struct directory *d, const char *name, const char *alias, const char *alias2)
{
    struct span senders[2] = {span_of(alias), span_of(alias2)};
    struct store_account a = {.name = span_of(name),
                              .verifier = SPAN("x"),
                              .senders = senders,
                              .sender_count = alias2  ? 2
                                              : alias ? 1
                                                      : 0};

    directory_put(d, &a);
}

static struct directory *sample(void)
{
    static const char *const domains[] = {"example.com", "example.org"};
    struct store_settings set = {.driver = "memory", .path = "/nonexistent"};
    struct error e = {0};
    struct directory *d;

    assert_int_equal(store_open(&set, &store, NULL, &e), 0);
    d = directory_open(store, domains, 2, &e);
    assert_non_null(d);
    put(d, "ann@example.com", "sales@example.com", NULL);
    put(d, "bob", NULL, NULL);
    put(d, "cat@example.org", "@example.org", "CAT@Other.Example");
    return d;
}

static void done(struct directory **d)
{
    directory_free(d);
    store_close(&store);
}

static void owners(void **state)
{
    static const struct {
        const char *address, *owner;
    } rows[] = {
        {"ann@example.com", "ann@example.com"},
        {"ANN@Example.COM", "ann@example.com"},
        {"ann+list@example.com", "ann@example.com"},
        {"sales@example.com", "ann@example.com"},
        {"sales+x@example.com", "ann@example.com"},
        {"bob@example.com", "bob"},
        {"bob@example.org", "bob"},
        {"bob@elsewhere.example", NULL},
        {"anybody@example.org", "cat@example.org"},
        {"cat@other.example", "cat@example.org"},
        {"dog@other.example", NULL},
        {"nobody@example.com", NULL},
        {"+@example.com", NULL},
        {"\"ann\"@example.com", "ann@example.com"},
        {"\"ann@example.com\"@example.com", NULL}, /* HOSTILE 72 */
        {"\"bob@example.com\"@example.com", NULL},
        {"\"bob@elsewhere.example\"@example.com", NULL},
        {"", NULL},
        {"not an address", NULL},
    };
    struct directory *d = sample();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct account *a = directory_owner(d, span_of(rows[i].address));

        if ((a == NULL) != (rows[i].owner == NULL) || (a && !span_is(a->name, rows[i].owner)))
            fail_msg("%s belongs to %.*s", rows[i].address, SPAN_ARG(a ? a->name : SPAN_NONE));
    }
    done(&d);
}

static void senders(void **state)
{
    struct directory *d = sample();
    const struct account *ann = directory_find(d, SPAN("ann@example.com")),
                         *bob = directory_find(d, SPAN("bob"));
    struct text words = TEXT_INIT(400);

    (void)state;
    assert_true(directory_may_send(d, ann, SPAN("")));
    assert_true(directory_may_send(d, ann, SPAN("Sales@example.com")));
    assert_false(directory_may_send(d, ann, SPAN("bob@example.com")));
    assert_true(directory_may_send(d, bob, SPAN("bob@example.org")));
    assert_false(directory_may_send(d, bob, SPAN("ann@example.com")));
    directory_addresses(d, ann, &words);
    assert_string_equal(text_cstr(&words), "ann@example.com, sales@example.com");
    text_free(&words);
    done(&d);
}

static void replacing_and_removing(void **state)
{
    struct directory *d = sample();

    (void)state;
    put(d, "ann@example.com", "office@example.com", NULL);
    assert_null(directory_owner(d, SPAN("sales@example.com")));
    assert_non_null(directory_owner(d, SPAN("office@example.com")));
    directory_remove(d, SPAN("ann@example.com"));
    assert_null(directory_owner(d, SPAN("ann@example.com")));
    assert_null(directory_owner(d, SPAN("office@example.com")));
    assert_int_equal(directory_count(d), 2);
    done(&d);
}

static void names(void **state)
{
    static const struct {
        const char *typed, *name;
    } rows[] = {
        {"Ann", "ann"},
        {"Ann@EXAMPLE.com", "ann@example.com"},
        {"", NULL},
        {".", NULL},
        {"../x", NULL},
        {"a/b@example.com", NULL},
        {"-x", NULL},
        {"a b", NULL},
        {"a@", NULL},
        {"@b", NULL},
        {"a@b@c", NULL},
        {"a\nb", NULL},
        {".hidden@example.com", NULL},
    };
    struct text out = TEXT_INIT(1024);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool ok = directory_name(span_of(rows[i].typed), &out);

        if (ok != (rows[i].name != NULL))
            fail_msg("\"%s\" gives %s", rows[i].typed, text_cstr(&out));
        if (ok)
            assert_string_equal(text_cstr(&out), rows[i].name);
    }
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners),
        cmocka_unit_test(senders),
        cmocka_unit_test(replacing_and_removing),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
