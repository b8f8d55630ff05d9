/* Names of addresses that lead back, or do not. */
#include "dns/reverse.h"

#include "base/clock.h"
#include "base/memory.h"
#include "dns/dns_fake.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct dns_fake_row table[] = {
    {"1.2.0.192.in-addr.arpa", DNS_PTR, DNS_OK, "good.example"},
    {"good.example", DNS_A, DNS_OK, "192.0.2.1"},
    {"good.example", DNS_AAAA, DNS_OK, "2001:db8::1"},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", DNS_PTR, DNS_OK,
     "good.example"},
    {"2.2.0.192.in-addr.arpa", DNS_PTR, DNS_OK, "good.example"},
    {"3.2.0.192.in-addr.arpa", DNS_PTR, DNS_OK, "gone.example"},
    {"4.2.0.192.in-addr.arpa", DNS_PTR, DNS_OK, "#0361206200"}, /* "a b": no host name */
    {"5.2.0.192.in-addr.arpa", DNS_PTR, DNS_TEMPORARY, NULL},
    {"6.2.0.192.in-addr.arpa", DNS_PTR, DNS_OK, "fails.example"},
    {"fails.example", DNS_A, DNS_TEMPORARY, NULL},
    {"7.2.0.192.in-addr.arpa", DNS_PTR, DNS_OK, "gone.example"},
    {"7.2.0.192.in-addr.arpa", DNS_PTR, DNS_OK, "seven.example"},
    {"seven.example", DNS_A, DNS_OK, "192.0.2.9"},
    {"seven.example", DNS_A, DNS_OK, "192.0.2.7"},
    {0},
};

static const struct {
    const char *address, *name;
    bool confirmed;
    enum dns_result result;
} rows[] = {
    {"192.0.2.1", "good.example", true, DNS_OK},
    {"2001:db8::1", "good.example", true, DNS_OK},
    {"::ffff:192.0.2.1", "good.example", true, DNS_OK},
    {"192.0.2.2", "good.example", false, DNS_OK}, /* leads elsewhere */
    {"192.0.2.3", "gone.example", false, DNS_OK},
    {"192.0.2.4", "", false, DNS_OK}, /* no host name */
    {"192.0.2.5", "", false, DNS_TEMPORARY},
    {"192.0.2.6", "fails.example", false, DNS_TEMPORARY},
    {"192.0.2.7", "seven.example", true, DNS_OK}, /* the second of two */
    {"192.0.2.8", "", false, DNS_NXDOMAIN},
};

static void names(void **state)
{
    struct dns *d = dns_fake(table);
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sockaddr_storage at = {0};
        bool six = strchr(rows[i].address, ':') != NULL;
        struct reverse r;

        at.ss_family = six ? AF_INET6 : AF_INET;
        assert_int_equal(inet_pton(at.ss_family, rows[i].address,
                                   six ? (void *)&((struct sockaddr_in6 *)&at)->sin6_addr
                                       : (void *)&((struct sockaddr_in *)&at)->sin_addr),
                         1);
        reverse_look(d, &at, clock_now() + 20000, a, &r);
        if (!span_is(r.name, rows[i].name) || r.confirmed != rows[i].confirmed ||
            (r.status.result != rows[i].result && *rows[i].name))
            fail_msg("%s: %.*s %d %d", rows[i].address, SPAN_ARG(r.name), r.confirmed,
                     (int)r.status.result);
    }
    arena_free(&a);
    dns_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
