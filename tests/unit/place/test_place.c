#include "place/place.h"

#include "base/clock.h"
#include "base/memory.h"
#include "netns.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define GATEWAY  "neigh replace 192.0.2.1 lladdr 02:00:00:00:00:01 dev v0"
#define ANOTHER  "neigh replace 192.0.2.1 lladdr 02:00:00:00:00:02 dev v0"
#define GATEWAY6 "-6 neigh replace fe80::1 lladdr 02:00:00:00:00:01 dev v0"

static void ip(const char *words)
{
    if (netns_ip(words) != 0)
        fail_msg("ip %s", words);
}

static struct place now_as(bool settled)
{
    struct place p;
    struct error e = {0};
    bool s;

    if (place_now(&p, &s, &e) != 0)
        fail_msg("%s", e.words);
    assert_int_equal(s, settled);
    assert_int_equal(strlen(p.key), p.offline ? 0 : PLACE_KEY - 1);
    return p;
}

static struct place now(void)
{
    return now_as(true);
}

/* Each test begins offline. */
static int clean(void **state)
{
    (void)state;
    netns_ip("addr flush dev v0");
    netns_ip("-6 route flush dev v0");
    netns_ip("neigh flush dev v0 nud permanent");
    return 0;
}

static int enter(void **state)
{
    *state = netns_enter() ? (void *)"in" : NULL;
    return 0;
}

static void need(void **state)
{
    if (!*state) {
        print_message("skipped: no network namespace can be made here\n");
        skip();
    }
}

static void at_home(void)
{
    ip("addr add 192.0.2.10/24 dev v0");
    ip("route add default via 192.0.2.1");
    ip(GATEWAY);
}

static void without_a_way_out_we_are_offline(void **state)
{
    struct place p;

    need(state);
    p = now();
    assert_true(p.offline);
    assert_string_equal(p.name, "offline");
    ip("addr add 192.0.2.10/24 dev v0"); /* neighbours are not the world */
    assert_true(now().offline);
    ip("route add default dev lo");
    assert_true(now().offline);
    ip("route replace unreachable default");
    assert_true(now().offline);
    ip("route replace blackhole default");
    assert_true(now().offline);
    ip("route del blackhole default");
}

static void a_cable_that_is_out_leads_nowhere(void **state)
{
    need(state);
    at_home();
    assert_false(now().offline);
    ip("link set v1 down");
    assert_true(netns_wait("v0", false));
    assert_true(now().offline);
    ip("link set v1 up");
    assert_true(netns_wait("v0", true));
    assert_false(now().offline);
}

static void a_place_is_known_by_gateway_and_prefix(void **state)
{
    struct place home, p;

    need(state);
    at_home();
    home = now();
    assert_string_equal(home.name, "192.0.2.0/24 behind 192.0.2.1");
    assert_string_equal(home.gateway, "192.0.2.1");
    assert_string_equal(home.device, "v0");
    assert_false(home.offline || home.tunnel);
    assert_string_equal(now().key, home.key);

    ip(ANOTHER);
    p = now();
    assert_string_not_equal(p.key, home.key);
    assert_string_equal(p.name, home.name);
    ip(GATEWAY);
    assert_string_equal(now().key, home.key);
}

static void another_lease_is_the_same_place(void **state)
{
    struct place home;

    need(state);
    at_home();
    home = now();
    clean(NULL);
    ip("addr add 192.0.2.77/24 dev v0");
    ip("route add default via 192.0.2.1 metric 600");
    ip(GATEWAY);
    assert_string_equal(now().key, home.key);
    ip("addr add 10.9.8.7/24 dev v0"); /* a second network on the wire */
    assert_string_equal(now().key, home.key);
    ip("addr flush dev v0");
    ip("addr add 192.0.2.77/25 dev v0");
    ip("route add default via 192.0.2.1");
    ip(GATEWAY);
    assert_string_not_equal(now().key, home.key);
}

static void the_second_family_does_not_change_the_key(void **state)
{
    struct place home, six;

    need(state);
    at_home();
    home = now();
    ip("-6 addr add 2001:db8:1:2::10/64 dev v0");
    ip("-6 route add default via fe80::1 dev v0");
    ip(GATEWAY6);
    assert_string_equal(now().key, home.key);

    ip("-4 addr flush dev v0");
    six = now();
    assert_string_not_equal(six.key, home.key);
    assert_string_equal(six.name, "2001:db8:1:2::/64 behind fe80::1");
    /* Another address of this computer, a single one from DHCPv6: */
    ip("-6 addr add 2001:db8:1:2:aaaa:bbbb:cccc:dddd/64 dev v0");
    ip("-6 addr add 2001:db8:1:2::9/128 dev v0");
    ip("-6 addr del 2001:db8:1:2::10/64 dev v0");
    assert_string_equal(now().key, six.key);
}

static void the_network_s_own_prefix_stays_when_the_provider_s_changes(void **state)
{
    struct place six;

    need(state);
    ip("-6 addr add fd12:3456::10/64 dev v0");
    ip("-6 addr add 2001:db8:1:2::10/64 dev v0");
    ip("-6 route add default via fe80::1 dev v0");
    ip(GATEWAY6);
    six = now();
    assert_string_equal(six.name, "fd12:3456::/64 behind fe80::1");
    ip("-6 addr del 2001:db8:1:2::10/64 dev v0");
    ip("-6 addr add 2001:db8:9:9::10/64 dev v0");
    assert_string_equal(now().key, six.key);
}

static void a_gateway_of_the_other_family_is_one(void **state)
{
    struct place p;

    need(state);
    ip("addr add 192.0.2.10/32 dev v0");
    ip("route add default via inet6 fe80::1 dev v0");
    ip(GATEWAY6);
    p = now();
    assert_string_equal(p.gateway, "fe80::1");
    assert_string_equal(p.name, "behind fe80::1");
}

static void of_gateways_that_share_the_lowest_stands_for_all(void **state)
{
    struct place p;

    need(state);
    ip("addr add 192.0.2.10/24 dev v0");
    ip("route add default nexthop via 192.0.2.9 dev v0 nexthop via 192.0.2.1 dev v0");
    ip(GATEWAY);
    p = now();
    assert_string_equal(p.gateway, "192.0.2.1");
    ip("route replace default nexthop via 192.0.2.1 dev v0 nexthop via 192.0.2.9 dev v0");
    assert_string_equal(now().key, p.key);
}

static void rules_count_as_for_real_packets(void **state)
{
    struct place home;

    need(state);
    at_home();
    home = now();
    ip("route del default");
    ip("route add default via 192.0.2.1 table 51820");
    assert_true(now().offline);
    if (netns_ip("rule add not fwmark 51820 table 51820") != 0) {
        print_message("skipped: no policy rules here\n");
        skip();
    }
    assert_string_equal(now().key, home.key);
    ip("rule del not fwmark 51820 table 51820");
}

static void a_silent_gateway_is_not_settled(void **state)
{
    struct place p, home;
    int64_t begin;

    need(state);
    at_home();
    home = now();
    ip("neigh del 192.0.2.1 dev v0");
    begin = clock_now();
    p = now_as(false);
    assert_true(clock_now() - begin >= 200);
    assert_string_not_equal(p.key, home.key);
    assert_string_equal(p.name, home.name);
    ip(GATEWAY);
    assert_string_equal(now().key, home.key);
}

/* Plays the gateway from a namespace of its own, until told to give the wire back. */
static int gateway(int in, int out, pid_t parent)
{
    char words[80], byte;

    if (unshare(CLONE_NEWNET) != 0 || write(out, "r", 1) != 1 || read(in, &byte, 1) != 1 ||
        netns_ip("link set v1 up") != 0 || netns_ip("addr add 192.0.2.1/24 dev v1") != 0 ||
        write(out, "r", 1) != 1 || read(in, &byte, 1) != 1)
        return 1;
    snprintf(words, sizeof words, "link set v1 netns %d", (int)parent);
    return netns_ip(words) == 0 ? 0 : 1;
}

static void the_gateway_s_link_address_is_asked_for(void **state)
{
    int go[2], ready[2], status;
    pid_t self = getpid(), child;
    char words[80], byte;

    need(state);
    assert_int_equal(pipe(go) | pipe(ready), 0);
    child = fork();
    if (child == 0)
        _exit(gateway(go[0], ready[1], self));
    assert_int_equal(read(ready[0], &byte, 1), 1);
    snprintf(words, sizeof words, "link set v1 netns %d", (int)child);
    ip(words);
    assert_int_equal(write(go[1], "g", 1), 1);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_true(netns_wait("v0", true));
    ip("addr add 192.0.2.10/24 dev v0");
    ip("route add default via 192.0.2.1");
    assert_string_equal(now().gateway, "192.0.2.1"); /* and settled */
    assert_int_equal(write(go[1], "g", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    ip("link set v1 up");
    assert_true(netns_wait("v0", true));
    for (int i = 0; i < 2; i++) {
        close(go[i]);
        close(ready[i]);
    }
}

static void a_tunnel_is_another_place(void **state)
{
    struct place home, p, again;
    int tun;

    need(state);
    tun = netns_tun("vpn0");
    if (tun < 0) {
        print_message("skipped: no tun devices here\n");
        skip();
    }
    at_home();
    home = now();
    ip("link set vpn0 up");
    ip("addr add 10.8.0.2/24 dev vpn0");
    ip("route add 0.0.0.0/1 dev vpn0");
    ip("route add 128.0.0.0/1 dev vpn0");
    p = now();
    assert_true(p.tunnel);
    assert_string_equal(p.name, "tunnel vpn0");
    assert_string_equal(p.gateway, "");
    assert_string_not_equal(p.key, home.key);
    /* The same tunnel through another network is the same place: there its traffic comes out. */
    ip(ANOTHER);
    again = now();
    assert_string_equal(again.key, p.key);
    /* One that gives another address for each call. */
    ip("addr flush dev vpn0");
    ip("addr add 10.8.0.2 peer 10.8.0.1 dev vpn0");
    ip("route add 128.0.0.0/1 via 10.8.0.1");
    p = now();
    assert_string_equal(p.gateway, "10.8.0.1");
    ip("addr flush dev vpn0");
    ip("addr add 10.8.0.66 peer 10.8.0.1 dev vpn0");
    ip("route add 128.0.0.0/1 via 10.8.0.1");
    assert_string_equal(now().key, p.key);
    close(tun);
    assert_string_not_equal(now().key, p.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_way_out_we_are_offline, clean),
        cmocka_unit_test_setup(a_cable_that_is_out_leads_nowhere, clean),
        cmocka_unit_test_setup(a_place_is_known_by_gateway_and_prefix, clean),
        cmocka_unit_test_setup(another_lease_is_the_same_place, clean),
        cmocka_unit_test_setup(the_second_family_does_not_change_the_key, clean),
        cmocka_unit_test_setup(the_network_s_own_prefix_stays_when_the_provider_s_changes, clean),
        cmocka_unit_test_setup(a_gateway_of_the_other_family_is_one, clean),
        cmocka_unit_test_setup(of_gateways_that_share_the_lowest_stands_for_all, clean),
        cmocka_unit_test_setup(rules_count_as_for_real_packets, clean),
        cmocka_unit_test_setup(a_silent_gateway_is_not_settled, clean),
        cmocka_unit_test_setup(the_gateway_s_link_address_is_asked_for, clean),
        cmocka_unit_test_setup(a_tunnel_is_another_place, clean),
    };

    return cmocka_run_group_tests(tests, enter, NULL);
}
