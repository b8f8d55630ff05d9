#include "route/choose.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define LIST(name) name, COUNT(name)

static const struct span partner[] = {SPAN("partner.example")};
static const struct span big_and_also[] = {SPAN(".big.example"), SPAN("also.example")};
static const struct span shop[] = {SPAN("shop.example")};
static const struct span boss[] = {SPAN("boss@here.example")};
static const struct span archive[] = {SPAN("archive.example")};
static const struct span straight[] = {SPAN("straight.example")};
static const struct span any[] = {SPAN("*")};
static const struct span customers[] = {SPAN("customer.example"), SPAN("me@other.example")};

static const struct route_rule house[] = {
    {LIST(partner), NULL, 0, ROUTE_RELAY, SPAN("vpn"), SPAN("")},
    {LIST(big_and_also), LIST(shop), ROUTE_RELAY, SPAN("bulk"), SPAN("")},
    {LIST(boss), NULL, 0, ROUTE_RELAY, SPAN("far"), SPAN("")},
    {LIST(archive), NULL, 0, ROUTE_INBOX, SPAN(""), SPAN("")},
    {LIST(straight), NULL, 0, ROUTE_MX, SPAN(""), SPAN("")},
    {LIST(any), LIST(customers), ROUTE_RELAY, SPAN("provider"), SPAN("")},
};
static const struct span local[] = {SPAN("here.example"), SPAN("xn--bcher-kva.example")};
static const struct route_rules rules = {
    .rule = house, .count = COUNT(house), .local = local, .local_count = COUNT(local)};

static void the_first_rule_that_matches(void **state)
{
    static const struct {
        const char *from, *to, *destination;
        ptrdiff_t rule;
    } rows[] = {
        {"a@b.example", "x@elsewhere.example", "mx:elsewhere.example", -1},
        {"", "x@elsewhere.example", "mx:elsewhere.example", -1},
        {"a@b.example", "x@Partner.EXAMPLE.", "relay:vpn", 0},
        {"a@b.example", "x@sub.partner.example", "mx:sub.partner.example", -1},
        {"a@b.example", "x@notpartner.example", "mx:notpartner.example", -1},
        {"a@shop.example", "x@big.example", "relay:bulk", 1},
        {"a@shop.example", "x@deep.in.big.example", "relay:bulk", 1},
        {"a@shop.example", "x@toobig.example", "mx:toobig.example", -1},
        {"a@shop.example", "x@also.example", "relay:bulk", 1},
        {"a@SHOP.example", "x@also.example", "relay:bulk", 1},
        {"a@b.example", "x@also.example", "mx:also.example", -1},
        {"", "x@also.example", "mx:also.example", -1},
        {"a@b.example", "boss@here.example", "relay:far", 2},
        {"a@b.example", "x@here.example", "inbox", -1},
        {"a@b.example", "x@b\303\274cher.example", "inbox", -1},
        {"a@b.example", "x@archive.example", "inbox", 3},
        {"a@customer.example", "x@straight.example", "mx:straight.example", 4},
        {"a@customer.example", "x@elsewhere.example", "relay:provider", 5},
        {"me@other.example", "x@elsewhere.example", "relay:provider", 5},
        {"you@other.example", "x@elsewhere.example", "mx:elsewhere.example", -1},
        {"a@customer.example", "x@here.example", "inbox", -1},
        {"a@customer.example", "postmaster", "inbox", -1},
        {"a@b.example", "x@[192.0.2.1]", "mx:[192.0.2.1]", -1},
        {"a@b.example", "\"x@partner.example\"@elsewhere.example", "mx:elsewhere.example", -1},
        {"a@b.example", "x@", "inbox", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new();
        struct route r;

        choose_route(&rules, span_of(rows[i].from), span_of(rows[i].to), a, &r);
        if (!span_is(r.destination, rows[i].destination) || r.rule != rows[i].rule)
            fail_msg("%s to %s: %.*s by rule %td", rows[i].from, rows[i].to,
                     SPAN_ARG(r.destination), r.rule);
        arena_free(&a);
    }
}

static void the_rest_of_a_route(void **state)
{
    struct arena *a = arena_new();
    struct route r;

    (void)state;
    choose_route(&rules, SPAN("a@b.example"), SPAN("x@Partner.Example"), a, &r);
    assert_int_equal(r.kind, ROUTE_RELAY);
    assert_true(span_is(r.relay, "vpn"));
    assert_true(span_is(r.domain, "partner.example"));
    choose_route(&rules, SPAN("a@b.example"), SPAN("x@straight.example"), a, &r);
    assert_int_equal(r.kind, ROUTE_MX);
    assert_int_equal(r.relay.len, 0);
    choose_route(&rules, SPAN(""), SPAN("x@Here.example"), a, &r);
    assert_int_equal(r.kind, ROUTE_INBOX);
    arena_free(&a);
}

/* Mail with the same further ways shares jobs; with others, or none, it does not. */
static void further_ways_are_part_of_the_destination(void **state)
{
    static const struct span far = SPAN("far.example");
    static const struct route_rule two[] = {
        {.to = &far, .to_count = 1, .via = ROUTE_RELAY, .relay = SPAN("provider")},
        {.via = ROUTE_RELAY, .relay = SPAN("provider"), .then = SPAN("relay:isp, then mx")},
    };
    const struct route_rules r = {.rule = two, .count = COUNT(two)};
    struct arena *a = arena_new();
    struct route out;

    (void)state;
    choose_route(&r, SPAN("a@b.example"), SPAN("x@far.example"), a, &out);
    assert_true(span_is(out.destination, "relay:provider"));
    choose_route(&r, SPAN("a@b.example"), SPAN("x@near.example"), a, &out);
    assert_true(span_is(out.destination, "relay:provider, then relay:isp, then mx"));
    assert_true(span_is(out.relay, "provider"));
    arena_free(&a);
}

/* A relay for everything must not carry off the mail that has its inbox here. */
static void catch_all_leaves_local_mail(void **state)
{
    static const struct route_rule all[] = {
        {.via = ROUTE_RELAY, .relay = SPAN("provider")},
    };
    const struct route_rules r = {
        .rule = all, .count = 1, .local = local, .local_count = COUNT(local)};
    const struct route_rules none = {0};
    struct arena *a = arena_new();
    struct route out;

    (void)state;
    choose_route(&r, SPAN("a@b.example"), SPAN("x@here.example"), a, &out);
    assert_int_equal(out.kind, ROUTE_INBOX);
    choose_route(&r, SPAN("a@b.example"), SPAN("x@there.example"), a, &out);
    assert_true(span_is(out.destination, "relay:provider"));
    choose_route(&none, SPAN("a@b.example"), SPAN("x@there.example"), a, &out);
    assert_true(span_is(out.destination, "mx:there.example"));
    arena_free(&a);
}

static void local_domains(void **state)
{
    static const struct {
        struct span recipient;
        bool local;
    } rows[] = {{SPAN("x@HERE.example"), true},
                {SPAN("x@b\303\274cher.example"), true},
                {SPAN("x@sub.here.example"), false}};
    struct arena *a = arena_new();
    struct route out;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        choose_route(&rules, SPAN("a@b.example"), rows[i].recipient, a, &out);
        assert_int_equal(out.kind == ROUTE_INBOX, rows[i].local);
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_matches),
        cmocka_unit_test(the_rest_of_a_route),
        cmocka_unit_test(further_ways_are_part_of_the_destination),
        cmocka_unit_test(catch_all_leaves_local_mail),
        cmocka_unit_test(local_domains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
