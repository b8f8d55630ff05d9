#include "mail/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static void a_copy_does_not_depend_on_the_original(void **state)
{
    char sender[] = "a@example.com", address[] = "b@example.org", orcpt[] = "rfc822;c@d",
         asked[] = "all@d";
    struct recipient one = {span_of(address), span_of(orcpt), NOTIFY_DELAY, true, span_of(asked)};
    struct envelope from = {.id = id_new(),
                            .sender = span_of(sender),
                            .envid = SPAN("e1"),
                            .ret = RET_HDRS,
                            .need = NEED_8BIT,
                            .recipients = &one,
                            .count = 1};
    struct envelope to;
    struct arena *a = arena_new();

    (void)state;
    envelope_copy(a, &from, &to);
    memset(sender, 'x', sizeof sender - 1);
    memset(address, 'x', sizeof address - 1);
    memset(orcpt, 'x', sizeof orcpt - 1);
    memset(asked, 'x', sizeof asked - 1);
    one.notify = 0;
    assert_true(id_eq(&to.id, &from.id));
    assert_true(span_is(to.sender, "a@example.com"));
    assert_true(span_is(to.envid, "e1"));
    assert_int_equal(to.ret, RET_HDRS);
    assert_int_equal(to.need, NEED_8BIT);
    assert_int_equal(to.count, 1);
    assert_true(span_is(to.recipients[0].address, "b@example.org"));
    assert_true(span_is(to.recipients[0].orcpt, "rfc822;c@d"));
    assert_int_equal(to.recipients[0].notify, NOTIFY_DELAY);
    assert_true(to.recipients[0].forwarded);
    assert_true(span_is(to.recipients[0].asked, "all@d"));
    arena_free(&a);
}

static void empty_ones_are_copied_too(void **state)
{
    struct envelope from = {.count = 0}, to;
    struct arena *a = arena_new();

    (void)state;
    envelope_copy(a, &from, &to);
    assert_int_equal(to.count, 0);
    assert_int_equal(to.sender.len, 0);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_does_not_depend_on_the_original),
        cmocka_unit_test(empty_ones_are_copied_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
