#include "serve/admission.h"

#include "base/memory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned check(const struct message *m, uint64_t size_max)
{
    struct arena *a = arena_new();
    unsigned code = admission_check(m, size_max, a).code;

    arena_free(&a);
    return code;
}

static unsigned check_envelope(struct span sender, struct span to, struct span orcpt,
                               struct span envid)
{
    struct recipient r = {.address = to, .orcpt = orcpt};
    struct message m = {
        .envelope = {.sender = sender, .envid = envid, .recipients = &r, .count = 1},
        .content = {.body = SPAN("\r\nx\r\n"), .fd = -1, .size = 5},
        .header_size = 2};

    return check(&m, 0);
}

#define A SPAN("a@b.example")

static void addresses(void **state)
{
    static const char *const good[] = {"a@b.example", "postmaster", "\"a b\"@c.example",
                                       "a@[192.0.2.1]", "\xc3\xb6@b.example"};
    static const char *const bad[] = {"",
                                      "a",
                                      "a@b.example>\r\nRCPT TO:<c@d.example",
                                      "a@b.example\n",
                                      "<a@b.example>",
                                      "a b@c.example",
                                      "a@b.example.",
                                      "a@b@c.example",
                                      "a@b.example NOTIFY=NEVER",
                                      "a@b.example\xff"};

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(check_envelope(A, span_of(good[i]), SPAN_NONE, SPAN_NONE), 0);
        if (strcmp(good[i], "postmaster") != 0)
            assert_int_equal(check_envelope(span_of(good[i]), A, SPAN_NONE, SPAN_NONE), 0);
    }
    assert_int_equal(check_envelope(SPAN_NONE, A, SPAN_NONE, SPAN_NONE), 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(check_envelope(A, span_of(bad[i]), SPAN_NONE, SPAN_NONE), 554);
        if (bad[i][0])
            assert_int_equal(check_envelope(span_of(bad[i]), A, SPAN_NONE, SPAN_NONE), 554);
    }
}

/* HOSTILE 58. */
static void parameters(void **state)
{
    static const char *const bad[] = {"rfc822;a\r\nX:", "rfc822;a b", "rfc822", ";a",
                                      "rfc822;",        "rfc822;a+zz"};

    (void)state;
    assert_int_equal(check_envelope(A, A, SPAN("rfc822;a+2Bb@c.example"), SPAN("order+207")), 0);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(check_envelope(A, A, span_of(bad[i]), SPAN_NONE), 554);
    assert_int_equal(check_envelope(A, A, SPAN_NONE, SPAN("a b")), 554);
    assert_int_equal(check_envelope(A, A, SPAN_NONE, SPAN("a\r\nb")), 554);
}

static unsigned check_file(int fd, uint64_t size)
{
    struct recipient r = {.address = A};
    struct message m = {.envelope = {.recipients = &r, .count = 1},
                        .content = {.fd = fd, .size = size}};
    unsigned code = check(&m, 100);

    return code;
}

static void contents(void **state)
{
    struct recipient r = {.address = A};
    struct message m = {.envelope = {.recipients = &r, .count = 1},
                        .content = {.body = SPAN("12345"), .fd = -1, .size = 6}};
    char path[] = "/tmp/port26-admission-XXXXXX";
    int fd, ends[2];

    (void)state;
    assert_int_equal(check(&m, 0), 554);
    m.content.size = 5;
    assert_int_equal(check(&m, 5), 0);
    assert_int_equal(check(&m, 4), 552);
    m.header_size = 6;
    assert_int_equal(check(&m, 0), 554);
    m.header_size = 0;
    m.envelope.count = 0;
    assert_int_equal(check(&m, 0), 554);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "12345", 5), 5);
    assert_int_equal(check_file(fd, 5), 554); /* it has a name: somebody else's */
    unlink(path);
    assert_int_equal(check_file(fd, 5), 0);
    assert_int_equal(check_file(fd, 6), 554);
    assert_int_equal(ftruncate(fd, 200), 0);
    assert_int_equal(check_file(fd, 200), 552);
    if (geteuid() == 0) {
        assert_int_equal(fchown(fd, 65534, 65534), 0);
        assert_int_equal(check_file(fd, 5), 554);
    }
    close(fd);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(check_file(ends[0], 0), 554);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(addresses), cmocka_unit_test(parameters),
                                       cmocka_unit_test(contents)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
