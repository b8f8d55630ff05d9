#include "route/relay.h"

#include "base/clock.h"
#include "base/memory.h"
#include "dns/dns_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const struct dns_fake_row table[] = {
    {"smtp.provider.example", DNS_A, DNS_OK, "192.0.2.1"},
    {"smtp.provider.example", DNS_AAAA, DNS_OK, "2001:db8::1"},
    {"old.provider.example", DNS_A, DNS_OK, "192.0.2.2"},
    {"failing.example", DNS_A, DNS_TEMPORARY, NULL},
    {"text.example", DNS_TXT, DNS_OK, "x"},
    {"nowhere.example", DNS_A, DNS_OK, "0.0.0.0"},
    {0},
};

#define DOOR(h, p, t)                                                                              \
    {                                                                                              \
        .name = SPAN("provider"), .host = SPAN(h), .port = (p), .tls = (t), .needs_login = true    \
    }

static int look(struct dns *d, const struct relay_target *t, size_t n, struct path_list *list,
                struct error *e)
{
    return relay_paths(d, NULL, t, n, CLOCK_NEVER, list, e);
}

static void doors_in_order(void **state)
{
    const struct relay_target doors[] = {
        DOOR("smtp.provider.example", 465, PATH_TLS_IMPLICIT),
        DOOR("gone.provider.example", 587, PATH_TLS_STARTTLS),
        DOOR("SMTP.provider.example", 587, PATH_TLS_STARTTLS),
        DOOR("old.provider.example", 25, PATH_TLS_OPPORTUNISTIC),
    };
    static const char *const want[] = {"[2001:db8::1]:465", "192.0.2.1:465", "[2001:db8::1]:587",
                                       "192.0.2.1:587", "192.0.2.2:25"};
    struct dns *d = dns_fake(table);
    struct path_list list = {.arena = arena_new()};
    char address[PATH_ADDRESS_TEXT];

    (void)state;
    assert_int_equal(look(d, doors, COUNT(doors), &list, NULL), 0);
    assert_int_equal(list.count, COUNT(want));
    for (size_t i = 0; i < list.count; i++) {
        const struct path *p = &list.path[i];

        path_address(p, address);
        assert_string_equal(address, want[i]);
        assert_true(p->needs_login && p->must_verify && p->must_encrypt);
        assert_true(span_is(p->why, "relay provider"));
    }
    assert_int_equal(list.path[0].tls, PATH_TLS_IMPLICIT);
    assert_int_equal(list.path[4].preference, 3);
    assert_int_equal(dns_fake_asked(d), 6); /* three names, each once per family */
    arena_free(&list.arena);
    dns_free(&d);
}

static void addresses_need_no_dns(void **state)
{
    const struct relay_target doors[] = {
        DOOR("192.0.2.7", 587, PATH_TLS_STARTTLS),
        DOOR("2001:db8::7", 25, PATH_TLS_NONE),
        DOOR("127.0.0.1", 1025, PATH_TLS_NONE),
    };
    struct dns *d = dns_fake(table);
    struct path_list list = {.arena = arena_new()};

    (void)state;
    assert_int_equal(look(d, doors, COUNT(doors), &list, NULL), 0);
    assert_int_equal(list.count, 3);
    assert_true(span_is(list.path[0].verify, "192.0.2.7"));
    assert_true(list.path[1].must_verify);  /* a login never goes plain over the network (P7) */
    assert_false(list.path[2].must_verify); /* a tunnel's end on this machine */
    assert_false(list.path[2].must_encrypt);
    assert_int_equal(dns_fake_asked(d), 0);
    arena_free(&list.arena);
    dns_free(&d);
}

/* Its address is the proxy's; the name that is proven stays the relay's, which DNS need not know.
 */
static void through_a_proxy(void **state)
{
    struct relay_target door = DOOR("absent.example", 443, PATH_TLS_HTTPS);
    struct dns *d = dns_fake(table);
    struct path_list list = {.arena = arena_new()};
    struct error e;
    const struct path *p;
    char address[PATH_ADDRESS_TEXT], name[PATH_DOOR_TEXT];

    (void)state;
    door.proxy = SPAN("192.0.2.9");
    door.proxy_port = 3128;
    door.proxy_login = SPAN("Proxy-Authorization: Basic eA==\r\n");
    assert_int_equal(look(d, &door, 1, &list, &e), 0);
    assert_int_equal(list.count, 1);
    p = &list.path[0];
    path_address(p, address);
    path_door(p, name);
    assert_string_equal(address, "192.0.2.9:3128");
    assert_string_equal(name, "absent.example:443 https");
    assert_true(span_is(p->through, "absent.example:443"));
    assert_true(span_is(p->verify, "absent.example") && p->must_verify && p->must_encrypt);
    assert_true(span_eq(p->proxy_login, door.proxy_login));
    arena_free(&list.arena);
    dns_free(&d);
}

static void without_login_the_floor_is_as_told(void **state)
{
    const struct relay_target doors[] = {
        {.name = SPAN("isp"),
         .host = SPAN("old.provider.example"),
         .port = 25,
         .tls = PATH_TLS_OPPORTUNISTIC},
        {.name = SPAN("isp"),
         .host = SPAN("old.provider.example"),
         .port = 587,
         .tls = PATH_TLS_STARTTLS},
        {.name = SPAN("isp"),
         .host = SPAN("old.provider.example"),
         .port = 25,
         .tls = PATH_TLS_OPPORTUNISTIC,
         .verify = true},
    };
    struct dns *d = dns_fake(table);
    struct path_list list = {.arena = arena_new()};

    (void)state;
    assert_int_equal(look(d, doors, COUNT(doors), &list, NULL), 0);
    assert_false(list.path[0].must_encrypt);
    assert_true(list.path[1].must_encrypt);
    assert_false(list.path[1].must_verify);
    assert_true(list.path[2].must_encrypt && list.path[2].must_verify);
    arena_free(&list.arena);
    dns_free(&d);
}

static void trouble_is_never_permanent(void **state)
{
    static const struct {
        struct relay_target door;
        const char *enhanced;
        enum owner owner;
    } rows[] = {
        {DOOR("absent.example", 587, PATH_TLS_STARTTLS), "4.4.4", OWNER_YOU},
        {DOOR("text.example", 587, PATH_TLS_STARTTLS), "4.4.4", OWNER_YOU},
        {DOOR("not a name", 587, PATH_TLS_STARTTLS), "4.4.4", OWNER_YOU},
        {DOOR("failing.example", 587, PATH_TLS_STARTTLS), "4.4.3", OWNER_NETWORK},
        {DOOR("nowhere.example", 587, PATH_TLS_STARTTLS), "4.4.4", OWNER_NETWORK},
    };
    struct dns *d = dns_fake(table);
    struct path_list list = {.arena = arena_new()};
    struct error e;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(look(d, &rows[i].door, 1, &list, &e), -1);
        assert_int_equal(e.class, ERROR_TEMPORARY);
        assert_string_equal(e.enhanced, rows[i].enhanced);
        assert_int_equal(e.owner, rows[i].owner);
    }
    arena_free(&list.arena);
    dns_free(&d);
}

/* A network that breaks DNS is left by what was known before, where the certificate proves it. */
static void hosts_are_remembered(void **state)
{
    static const struct dns_fake_row lying[] = {
        {"smtp.provider.example", DNS_A, DNS_TEMPORARY, NULL},
        {"old.provider.example", DNS_A, DNS_TEMPORARY, NULL},
        {0},
    };
    struct relay_target doors[] = {
        {.name = SPAN("isp"),
         .host = SPAN("old.provider.example"),
         .port = 465,
         .tls = PATH_TLS_IMPLICIT,
         .verify = true,
         .needs_login = true},
    };
    struct relay_memory *m = relay_memory_new();
    struct dns *good = dns_fake(table), *bad = dns_fake(lying);
    struct path_list list = {.arena = arena_new()};
    char address[PATH_ADDRESS_TEXT];
    struct error e;

    (void)state;
    assert_int_equal(relay_paths(bad, m, doors, 1, CLOCK_NEVER, &list, &e), -1);
    assert_int_equal(relay_paths(good, m, doors, 1, CLOCK_NEVER, &list, &e), 0);
    assert_int_equal(relay_paths(bad, m, doors, 1, CLOCK_NEVER, &list, &e), 0);
    assert_int_equal(list.count, 1);
    path_address(&list.path[0], address);
    assert_string_equal(address, "192.0.2.2:465");
    doors[0].verify = doors[0].needs_login = false;
    assert_int_equal(relay_paths(bad, m, doors, 1, CLOCK_NEVER, &list, &e), -1);
    relay_memory_free(&m);
    arena_free(&list.arena);
    dns_free(&good);
    dns_free(&bad);
}

static void many_doors_are_bounded(void **state)
{
    struct relay_target doors[40];
    struct dns *d = dns_fake(table);
    struct path_list list = {.arena = arena_new()};

    (void)state;
    for (size_t i = 0; i < COUNT(doors); i++)
        doors[i] = (struct relay_target)DOOR("smtp.provider.example", 587, PATH_TLS_STARTTLS);
    assert_int_equal(look(d, doors, COUNT(doors), &list, NULL), 0);
    assert_int_equal(list.count, PATH_MAX_COUNT);
    arena_free(&list.arena);
    dns_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doors_in_order),
        cmocka_unit_test(addresses_need_no_dns),
        cmocka_unit_test(through_a_proxy),
        cmocka_unit_test(without_login_the_floor_is_as_told),
        cmocka_unit_test(trouble_is_never_permanent),
        cmocka_unit_test(hosts_are_remembered),
        cmocka_unit_test(many_doors_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
