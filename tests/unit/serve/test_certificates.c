/* What is read of a folder of certificates, what is not read twice, and which end soon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/memory.h"
#include "serve/certificates.h"
#include "tls/certificate.h"
#include "tls/tls_sni.h"

static char root[64];

static void put(const char *name, const char *dns)
{
    const char *names[] = {dns, NULL};
    const struct certificate_wish wish = {.names = names};
    char folder[200], cert[300], key[300];
    struct error e = {0};

    snprintf(folder, sizeof folder, "%s/%s", root, name);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(cert, sizeof cert, "%s/fullchain.pem", folder);
    snprintf(key, sizeof key, "%s/privkey.pem", folder);
    assert_int_equal(certificate_write(&wish, cert, key, &e), 0);
}

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/port26-certificates-XXXXXX");
    assert_non_null(mkdtemp(root));
    put(".own", "mail.port26.test");
    put("a", "a.test");
    put("b", "b.test");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[200];

    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static struct config *config(void)
{
    struct config_notes notes = {0};
    struct config *c = NULL;
    char text[1000];

    snprintf(text, sizeof text,
             "hostname = mail.port26.test\ndomains = {port26.test}\n"
             "tls { certificate = \"%s/.own/fullchain.pem\" key = \"%s/.own/privkey.pem\" folder = "
             "\"%s\" }\n",
             root, root, root);
    assert_int_equal(config_parse(span_of(text), "test", &notes, &c), 0);
    config_notes_free(&notes);
    return c;
}

static void test_read_once(void **state)
{
    (void)state;
    struct config *c = config();
    struct config_notes notes = {0};
    struct certificates first, second;
    size_t marked = 0;

    assert_int_equal(certificates_read(c, NULL, &first, &notes), 0);
    assert_int_equal(notes.count, 0);
    assert_int_equal(first.count, 3);
    assert_true(tls_sni_covers(first.sni, SPAN("a.test")));
    assert_false(
        tls_sni_covers(first.sni, SPAN("mail.port26.test"))); /* hidden: not of the folder */
    for (size_t i = 0; i < first.count; i++)
        marked += !first.at[i].door && text_adds(&first.at[i].names, " mark.test");
    assert_int_equal(marked, 2);
    first.at[0].odd = true; /* a.test: what was warned of is looked at again */
    assert_int_equal(certificates_read(c, &first, &second, &notes), 0);
    assert_string_equal(text_cstr(&second.at[0].names), "a.test");
    assert_string_equal(text_cstr(&second.at[1].names), "b.test mark.test"); /* taken over */
    assert_int_equal(second.at[1].expires, first.at[1].expires);
    certificates_free(&first);
    certificates_free(&second);
    config_notes_free(&notes);
    config_free(&c);
}

static void test_ending(void **state)
{
    (void)state;
    static const int days[] = {20, 5, 13, -1, 14, 2, 7};
    static const int64_t now = 1000000 * CLOCK_DAY;
    struct certificate_file files[COUNT(days)] = {0};
    const struct certificates c = {.at = files, .count = COUNT(days)};
    const struct certificate_file *out[COUNT(days)];
    static const int order[] = {-1, 2, 5, 7, 13};

    for (size_t i = 0; i < COUNT(days); i++)
        files[i].expires = now + days[i] * CLOCK_DAY;
    for (size_t max = 1; max <= COUNT(days); max++) {
        assert_int_equal(certificates_ending(&c, now, out, max), COUNT(order));
        for (size_t i = 0; i < max && i < COUNT(order); i++)
            assert_int_equal(out[i]->expires, now + order[i] * CLOCK_DAY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_once),
        cmocka_unit_test(test_ending),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
