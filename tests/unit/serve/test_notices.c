/* What people are told of, and how often. */
#include "base/clock.h"
#include "io/loop.h"
#include "serve/notices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct heard {
    unsigned times;
    char last[1000];
};

static void say(void *arg, const char *text)
{
    struct heard *h = arg;

    h->times++;
    snprintf(h->last, sizeof h->last, "%s", text);
}

/* Many a login page has another address each time that it is asked for. */
static void once_for_each_matter(void **state)
{
    struct loop *loop = loop_new();
    struct heard h = {0};
    struct notices *n = notices_new(loop, NULL, say, &h);
    char text[100];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "log in at http://portal.test/?t=%d", i);
        notices_tell(n, SPAN("portal of the train"), span_of(text));
    }
    assert_int_equal(h.times, 1);
    assert_string_equal(h.last, "log in at http://portal.test/?t=0");
    notices_tell(n, SPAN("portal of the cafe"), SPAN("log in"));
    assert_int_equal(h.times, 2);
    clock_shift(NOTICES_AGAIN_MS + 1);
    notices_tell(n, SPAN("portal of the train"), SPAN("log in again"));
    assert_int_equal(h.times, 3);
    notices_free(&n);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(once_for_each_matter)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
