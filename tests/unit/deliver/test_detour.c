/* The ways of a job, over attempts that a table makes up. */
#include "deliver/detour.c"
#include "io/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

enum { ASKED = 256 };

/* What a way answers: to all of its recipients. */
enum answer { SENT, SHUT, STRANGER, LATER_SENDER, NEVER_SENDER, NEVER_RCPT, MAYBE, ANSWERS };

static const struct outcome answers[ANSWERS] = {
    [SENT] = {.kind = OUTCOME_RELAYED},
    [SHUT] = {.kind = OUTCOME_LATER,
              .scope = SCOPE_PATH,
              .stage = STAGE_CONNECT,
              .waits_for_network = true},
    [STRANGER] = {.kind = OUTCOME_LATER, .scope = SCOPE_PATH, .stage = STAGE_TLS},
    [LATER_SENDER] = {.kind = OUTCOME_LATER, .scope = SCOPE_PATH, .stage = STAGE_MAIL},
    [NEVER_SENDER] = {.kind = OUTCOME_NEVER, .scope = SCOPE_ROUTE, .stage = STAGE_MAIL},
    [NEVER_RCPT] = {.kind = OUTCOME_NEVER, .scope = SCOPE_RECIPIENT, .stage = STAGE_RCPT},
    [MAYBE] = {.kind = OUTCOME_LATER,
               .scope = SCOPE_ROUTE,
               .stage = STAGE_DOT,
               .waits_for_network = true,
               .maybe_delivered = true},
};

static struct {
    enum answer first, second, mx;
    char asked[ASKED];
    const char *called; /* the name of the place */
    struct place here;
    unsigned brief; /* asked without patience */
    unsigned moves; /* the network changes after so many attempts each */
    struct detour *detour;
} t;

static enum answer answer_of(const struct job *job)
{
    if (job->kind == ROUTE_MX)
        return t.mx;
    return span_is(job->relay, "first") ? t.first : t.second;
}

void attempt_run(struct attempt_context *c, const struct job *job, struct arena *a,
                 struct job_result *out)
{
    size_t len = strlen(t.asked);

    (void)c;
    assert_int_equal(job->then_count, 0);
    assert_true(job->envelope.count > 0);
    snprintf(t.asked + len, ASKED - len, "%.*s(%.*s:%.*s)%zu ", SPAN_ARG(job->destination),
             SPAN_ARG(job->user), SPAN_ARG(job->password), job->envelope.count);
    *out = (struct job_result){.lease = job->lease, .count = job->envelope.count, .try_count = 1};
    out->tries = arena_alloc(a, sizeof *out->tries);
    out->outcomes = arena_alloc(a, out->count * sizeof *out->outcomes);
    for (size_t i = 0; i < out->count; i++)
        out->outcomes[i] = answers[answer_of(job)];
}

void attempt_run_among(struct attempt_context *c, const struct job *job, bool last, struct arena *a,
                       struct job_result *out)
{
    t.brief += !last;
    attempt_run(c, job, a, out);
    if (t.moves && --t.moves == 0) {
        t.called = "home";
        detour_moved(t.detour);
    }
}

bool attempt_is_here(const struct attempt_context *c, struct span name)
{
    (void)c;
    return span_is(name, t.called);
}

const struct place *attempt_here(const struct attempt_context *c)
{
    (void)c;
    return &t.here;
}

#define FIRST  "relay:first(u1:p1)3 "
#define SECOND "relay:second(u2:p2)3 "
#define MX     "mx:a.example(:)2 mx:b.example(:)1 "

static const struct {
    enum answer first, second, mx;
    const char *asked, *again; /* by the same job, and by the next one at once */
    enum outcome_kind kind;
    bool waits;
} rows[] = {
    {SENT, SENT, SENT, FIRST, FIRST, OUTCOME_RELAYED, false},
    {SHUT, SENT, SENT, FIRST SECOND, SECOND, OUTCOME_RELAYED, false},
    {STRANGER, SENT, SENT, FIRST SECOND, SECOND, OUTCOME_RELAYED, false},
    {SHUT, SHUT, SENT, FIRST SECOND MX, MX, OUTCOME_RELAYED, false},
    {SHUT, SHUT, SHUT, FIRST SECOND MX, FIRST SECOND MX, OUTCOME_LATER, true},
    {LATER_SENDER, SENT, SENT, FIRST, FIRST, OUTCOME_LATER, false},
    {NEVER_SENDER, SENT, SENT, FIRST, FIRST, OUTCOME_NEVER, false},
    {NEVER_RCPT, SENT, SENT, FIRST, FIRST, OUTCOME_NEVER, false},
    {MAYBE, SENT, SENT, FIRST, FIRST, OUTCOME_LATER, true},
    {SHUT, NEVER_RCPT, SENT, FIRST SECOND, SECOND, OUTCOME_NEVER, false},
    /* The further relay does not want the sender: that is no reason to send the mail back. */
    {SHUT, NEVER_SENDER, SENT, FIRST SECOND, SECOND, OUTCOME_LATER, true},
    {SHUT, LATER_SENDER, SENT, FIRST SECOND, SECOND, OUTCOME_LATER, false},
};

struct setting {
    struct config_relay relays[2];
    const char *when[1];
    struct config config;
    struct recipient recipients[3];
    struct job_way then[2];
    struct job job;
};

static void set_up(struct setting *s)
{
    *s = (struct setting){
        .relays = {{.name = "first"}, {.name = "second"}},
        .when = {"home"},
        .recipients = {{.address = SPAN("x@a.example")},
                       {.address = SPAN("y@b.example")},
                       {.address = SPAN("z@A.example")}},
        .then = {{.kind = ROUTE_RELAY,
                  .relay = SPAN("second"),
                  .user = SPAN("u2"),
                  .password = SPAN("p2")},
                 {.kind = ROUTE_MX}},
    };
    s->relays[1].when = (struct config_texts){s->when, 1};
    s->config = (struct config){.relays = s->relays, .relay_count = 2};
    s->job = (struct job){.lease = 7,
                          .kind = ROUTE_RELAY,
                          .relay = SPAN("first"),
                          .user = SPAN("u1"),
                          .password = SPAN("p1"),
                          .destination = SPAN("relay:first, then relay:second, then mx"),
                          .envelope = {.recipients = s->recipients, .count = 3},
                          .then = s->then,
                          .then_count = 2};
    t.called = "home";
}

struct errand {
    struct loop *loop;
    struct detour *detour;
    const struct job *job;
    struct arena *arena;
    struct job_result *out;
};

static void in_fiber(void *arg)
{
    struct errand *e = arg;

    detour_run(e->detour, e->job, e->arena, e->out);
    loop_stop(e->loop);
}

static void run(struct detour *d, const struct setting *s, struct arena *a, struct job_result *out)
{
    struct errand e = {loop_new(), d, &s->job, a, out};

    t.asked[0] = '\0';
    fiber_start(e.loop, in_fiber, &e);
    loop_run(e.loop);
    loop_free(&e.loop);
    assert_int_equal(out->lease, 7);
    assert_int_equal(out->count, 3);
}

static void the_network_opens_the_next_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new();
        struct job_result r;
        struct setting s;
        struct detour *d;

        set_up(&s);
        d = detour_new(&s.config, NULL);
        t.first = rows[i].first;
        t.second = rows[i].second;
        t.mx = rows[i].mx;
        t.brief = 0;
        run(d, &s, a, &r);
        assert_int_equal(t.brief, strstr(rows[i].asked, "second") ? 2 : 1); /* all but the last */
        if (strcmp(t.asked, rows[i].asked) != 0)
            fail_msg("row %zu asked %s", i, t.asked);
        for (size_t k = 0; k < r.count; k++)
            if (r.outcomes[k].kind != rows[i].kind ||
                r.outcomes[k].waits_for_network != rows[i].waits)
                fail_msg("row %zu: recipient %zu: %d", i, k, (int)r.outcomes[k].kind);
        run(d, &s, a, &r);
        if (strcmp(t.asked, rows[i].again) != 0)
            fail_msg("row %zu asked again %s", i, t.asked);
        detour_moved(d);
        run(d, &s, a, &r);
        assert_string_equal(t.asked, rows[i].asked);
        detour_free(&d);
        arena_free(&a);
    }
}

static void only_where_it_is_for(void **state)
{
    struct arena *a = arena_new();
    struct job_result r;
    struct setting s;
    struct detour *d;

    (void)state;
    set_up(&s);
    d = detour_new(&s.config, NULL);
    t.called = "elsewhere";
    t.first = SHUT;
    t.second = t.mx = SENT;
    s.job.then_count = 1;
    run(d, &s, a, &r);
    assert_string_equal(t.asked, FIRST);
    assert_int_equal(r.outcomes[0].stage, STAGE_CONNECT);
    /* Nor when the route leads to nobody else. */
    s.job.relay = SPAN("second");
    s.job.then_count = 0;
    run(d, &s, a, &r);
    assert_string_equal(t.asked, "");
    assert_int_equal(r.outcomes[2].kind, OUTCOME_LATER);
    assert_true(r.outcomes[2].waits_for_network);
    assert_true(span_search(r.outcomes[2].words, SPAN("second")) >= 0);
    detour_free(&d);
    arena_free(&a);
}

/* What was begun in one network goes on by the ways of the next one, within the same attempt. */
static void it_goes_along(void **state)
{
    struct arena *a = arena_new();
    struct job_result r;
    struct setting s;

    (void)state;
    set_up(&s);
    t.detour = detour_new(&s.config, NULL);
    t.called = "elsewhere";
    t.first = SHUT;
    t.second = SENT;
    t.moves = 1;
    s.job.then_count = 1;
    run(t.detour, &s, a, &r);
    assert_string_equal(t.asked, FIRST FIRST SECOND);
    assert_int_equal(r.outcomes[0].kind, OUTCOME_RELAYED);
    detour_free(&t.detour);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_network_opens_the_next_way),
        cmocka_unit_test(only_where_it_is_for),
        cmocka_unit_test(it_goes_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
