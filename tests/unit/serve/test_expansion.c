/* Who gets a message in the end, when addresses stand for others. */
#include "home.h"
#include "serve/expansion.h"
#include "serve/registry.h"

static struct registry *set; /* what is not in force yet */

static void in_force(void *arg, const struct error *e)
{
    (void)arg;
    assert_null(e);
    loop_stop(t->loop);
}

static void commit(void)
{
    registry_commit(&set, in_force, NULL);
    loop_run(t->loop);
}

static void account(const char *name)
{
    registry_account_put(set,
                         &(struct store_account){.name = span_of(name), .verifier = SPAN("x")});
}

/* `targets` with blanks between. */
static void alias(const char *address, const char *targets)
{
    struct span rest = span_of(targets), word, list[10];
    struct store_alias a = {.address = span_of(address), .targets = list};

    while ((word = span_word(&rest)).len) {
        assert_true(a.target_count < COUNT(list));
        list[a.target_count++] = word;
    }
    registry_alias_put(set, &a);
}

/* "address orcpt notify, ..." ("-": none) to recipients, and back. */
static size_t read_list(const char *text, struct recipient *out, size_t max)
{
    struct span rest = span_of(text), one;
    size_t n = 0;

    while (span_cut(&rest, ',', &one)) {
        uint64_t notify = 0;

        assert_true(n < max);
        out[n].address = span_word(&one);
        out[n].orcpt = span_word(&one);
        if (span_is(out[n].orcpt, "-"))
            out[n].orcpt = SPAN_NONE;
        assert_true(span_u64(span_trim(one), 15, &notify));
        out[n++].notify = (unsigned)notify;
    }
    return n;
}

static void write_list(const struct recipient *r, size_t count, struct text *out)
{
    text_clear(out);
    for (size_t i = 0; i < count; i++)
        text_addf(out, "%s%.*s %.*s %u%s", i ? ", " : "", SPAN_ARG(r[i].address),
                  SPAN_ARG(r[i].orcpt.len ? r[i].orcpt : SPAN("-")), r[i].notify,
                  r[i].forwarded ? " forwarded" : "");
}

struct row {
    const char *name, *sender, *given, *after, *expanded;
};

static void check(const struct row *row)
{
    struct arena *a = arena_new();
    struct text got = TEXT_INIT(10000);
    struct recipient list[20] = {0};
    struct message m = {.envelope = {.sender = span_of(row->sender), .recipients = list}};

    m.envelope.count = read_list(row->given, list, COUNT(list));
    assert_int_equal(expansion_replace(t->house, &m, false, a).code, 0);
    write_list(m.envelope.recipients, m.envelope.count, &got);
    if (strcmp(text_cstr(&got), row->after) != 0)
        fail_msg("%s: \"%s\" instead of \"%s\"", row->name, text_cstr(&got), row->after);
    write_list(m.expanded, m.expanded_count, &got);
    if (strcmp(text_cstr(&got), row->expanded) != 0)
        fail_msg("%s: expanded \"%s\" instead of \"%s\"", row->name, text_cstr(&got),
                 row->expanded);
    text_free(&got);
    arena_free(&a);
}

#define TEAM                "rfc822;team@here.example"
#define ANN                 "ann@here.example"
#define BOB                 "bob@here.example"
#define BOTH(orcpt, notify) ANN " " orcpt " " notify ", " BOB " " orcpt " " notify

static void who_gets_it(void **state)
{
    /* NOTIFY: 1 never, 2 success, 4 failure, 8 delay */
    static const struct row rows[] = {
        {"nobody stands for them", "a@far.example", ANN " - 0, x@far.example rfc822;y 2",
         ANN " - 0, x@far.example rfc822;y 2", ""},
        {"several", "a@far.example", "team@here.example - 0", BOTH(TEAM, "0"), ""},
        {"as it was written", "a@far.example", "TEAM+x@Here.example - 4",
         BOTH("rfc822;TEAM+2Bx@Here.example", "4"), ""},
        {"what the sender gave stays", "a@far.example",
         "team@here.example rfc822;first@a.example 12", BOTH("rfc822;first@a.example", "12"), ""},
        {"success is told of the alias", "a@far.example", "team@here.example - 6", BOTH(TEAM, "4"),
         "team@here.example - 6"},
        {"nothing else is wanted", "a@far.example", "team@here.example - 2", BOTH(TEAM, "1"),
         "team@here.example - 2"},
        {"nobody to tell it", "", "team@here.example - 2", BOTH(TEAM, "2"), ""},
        {"one behind it tells it himself", "a@far.example", "single@here.example - 2",
         ANN " rfc822;single@here.example 2", ""},
        {"each once, whoever comes first", "a@far.example",
         "Ann@Here.example - 4, team@here.example - 8", "Ann@Here.example - 12, " BOB " " TEAM " 8",
         ""},
        {"two lists with a common member", "a@far.example",
         "team@here.example - 4, twice@here.example - 4",
         BOTH(TEAM, "4") ", cat@here.example rfc822;twice@here.example 4", ""},
        {"never and the usual", "a@far.example", ANN " - 1, " ANN " - 0, " BOB " - 1, " BOB " - 1",
         ANN " - 12, " BOB " - 1", ""},
        {"a list in a list, and itself", "a@far.example", "outer@here.example - 4",
         "outer@here.example rfc822;outer@here.example 4, " BOTH("rfc822;outer@here.example", "4"),
         ""},
        {"elsewhere", "a@far.example", "away@here.example - 4",
         "Me@far.example rfc822;away@here.example 4 forwarded", ""},
        {"elsewhere, and named by the sender as well", "a@far.example",
         "away@here.example - 4, me@far.example - 4", "Me@far.example rfc822;away@here.example 4",
         ""},
        {"a circle", "a@far.example", "round@here.example - 4", "round@here.example - 4", ""},
        {"a circle with a way out", "a@far.example", "loose@here.example - 4",
         ANN " rfc822;loose@here.example 4", ""},
        {"one of them is gone", "a@far.example", "half@here.example - 4",
         ANN " rfc822;half@here.example 4", ""},
        {"then success is his as well", "a@far.example", "half@here.example - 2",
         ANN " rfc822;half@here.example 2", ""},
        {"all are gone", "a@far.example", "none@here.example - 2", "none@here.example - 2", ""},
        {"the domain's catch-all", "a@far.example", "any+thing@caught.example - 4",
         BOTH("rfc822;any+2Bthing@caught.example", "4"), ""},
        {"not in ASCII: the form of RFC 6533", "a@far.example", "t\xc3\xa9@here.example - 4",
         BOTH("utf-8;t\\x{E9}@here.example", "4"), ""},
        {"deep", "a@far.example", "d1@here.example - 4", ANN " rfc822;d1@here.example 4", ""},
        {"too deep", "a@far.example", "d0@here.example - 4", "d0@here.example - 4", ""},
        {"too deep for one does not harm others", "a@far.example",
         "d0@here.example - 4, team@here.example - 4", "d0@here.example - 4, " BOTH(TEAM, "4"), ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check(&rows[i]);
}

/* While there is no alias at all the list is not even copied. */
static void nothing_to_do(void **state)
{
    struct recipient one = {.address = SPAN("team@here.example")};
    struct message m = {.envelope = {.recipients = &one, .count = 1}};
    struct arena *a = arena_new();

    (void)state;
    assert_int_equal(expansion_replace(t->house, &m, false, a).code, 0);
    assert_ptr_equal(m.envelope.recipients, &one);
    arena_free(&a);
}

/* The address by which a message left for another host stands in it, and is not sent on again. */
static void circles(void **state)
{
    static const struct {
        const char *to, *more;
        bool again;
        unsigned code;
        const char *prefix;
    } rows[] = {
        {"away@here.example", NULL, false, 0, "Delivered-To: away@here.example\r\nReceived: x\r\n"},
        {"Away+t@here.example", NULL, false, 0,
         "Delivered-To: Away+t@here.example\r\nReceived: x\r\n"},
        {"away@here.example", NULL, true, 554, "Received: x\r\n"},
        {"away@here.example", ANN, false, 0, "Received: x\r\n"}, /* she need not know of it */
        {"away@here.example", ANN, true, 0, "Received: x\r\n"},
        {"team@here.example", NULL, true, 0, "Received: x\r\n"}, /* ends here */
        {ANN, NULL, true, 0, "Received: x\r\n"},
        {"x@far.example", NULL, true, 0, "Received: x\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct recipient list[2] = {{.address = span_of(rows[i].to)},
                                    {.address = span_of(rows[i].more ? rows[i].more : "")}};
        struct message m = {.envelope = {.sender = SPAN("a@far.example"),
                                         .recipients = list,
                                         .count = rows[i].more ? 2 : 1},
                            .content = {.prefix = SPAN("Received: x\r\n")}};
        struct arena *a = arena_new();
        struct reply r = expansion_replace(t->house, &m, rows[i].again, a);

        assert_int_equal(r.code, rows[i].code);
        assert_true(span_is(m.content.prefix, rows[i].prefix));
        if (r.code)
            assert_ptr_equal(m.envelope.recipients, list);
        arena_free(&a);
    }
}

enum { LISTS = 10, MEMBERS = EXPANSION_MAX / LISTS };

/* all@ stands for ten lists of a thousand each. */
static void big_list(void)
{
    struct arena *a = arena_new();
    struct span lists[LISTS], members[MEMBERS];

    for (unsigned i = 0; i < LISTS; i++) {
        lists[i] = span_of(arena_printf(a, "list%u@here.example", i));
        for (unsigned j = 0; j < MEMBERS; j++)
            members[j] = span_of(arena_printf(a, "m%u.%u@far.example", i, j));
        registry_alias_put(set, &(struct store_alias){lists[i], members, MEMBERS});
    }
    registry_alias_put(set, &(struct store_alias){SPAN("all@here.example"), lists, LISTS});
    arena_free(&a);
}

/* How many it becomes; 0: refused, and the message is as it was. */
static size_t expand(struct recipient *list, size_t count)
{
    struct message m = {.envelope = {.recipients = list, .count = count}};
    struct arena *a = arena_new();
    struct reply r = expansion_replace(t->house, &m, false, a);
    struct text words = TEXT_INIT(2000);

    if (r.code) {
        assert_int_equal(r.code, 452);
        reply_format(&r, &words);
        assert_non_null(strstr(text_cstr(&words), "452 4.5.3 "));
        assert_non_null(strstr(text_cstr(&words), "10000"));
        assert_ptr_equal(m.envelope.recipients, list);
        assert_int_equal(m.envelope.count, count);
        assert_int_equal(m.expanded_count, 0);
        m.envelope.count = 0;
    }
    text_free(&words);
    arena_free(&a);
    return m.envelope.count;
}

static void ten_thousand(void **state)
{
    struct recipient same = {.address = SPAN("m1.7@far.example"), .notify = NOTIFY_FAILURE},
                     all = {.address = SPAN("all@here.example"), .notify = NOTIFY_SUCCESS},
                     more = {.address = SPAN("x@far.example")}, many[60];

    (void)state;
    set = registry_new(t->house);
    big_list();
    commit();
    assert_int_equal(expand((struct recipient[]){all}, 1), EXPANSION_MAX);
    assert_int_equal(expand((struct recipient[]){same, all, same}, 3), EXPANSION_MAX);
    assert_int_equal(expand((struct recipient[]){all, more}, 2), 0);
    assert_int_equal(expand((struct recipient[]){more, all}, 2), 0);
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = all;
    assert_int_equal(expand(many, 3), EXPANSION_MAX);
    assert_int_equal(expand(many, COUNT(many)), 0); /* the same again and again is work as well */
}

static int setup_aliases(void **state)
{
    home_setup(state);
    set = registry_new(t->house);
    account(ANN);
    account(BOB);
    account("cat@here.example");
    account("outer@here.example");
    alias("team@here.example", ANN " " BOB);
    alias("twice@here.example", BOB " cat@here.example");
    alias("single@here.example", ANN);
    alias("outer@here.example", "outer@here.example team@here.example");
    alias("away@here.example", "Me@far.example");
    alias("round@here.example", "round2@here.example");
    alias("round2@here.example", "round@here.example");
    alias("loose@here.example", "loose2@here.example " ANN);
    alias("loose2@here.example", "loose@here.example");
    alias("half@here.example", "gone@here.example " ANN);
    alias("none@here.example", "gone@here.example gone2@here.example");
    alias("t\xc3\xa9@here.example", ANN " " BOB);
    registry_domain_put(set, &(struct store_domain){.name = SPAN("caught.example"),
                                                    .catch_all = SPAN("team@here.example")});
    for (int i = 0; i < DIRECTORY_DEPTH; i++) {
        char from[30], to[30];

        snprintf(from, sizeof from, "d%d@here.example", i);
        snprintf(to, sizeof to, "d%d@here.example", i + 1);
        alias(from, to);
    }
    alias("d10@here.example", ANN); /* ten steps behind d1, eleven behind d0 */
    commit();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_gets_it, setup_aliases, home_teardown),
        cmocka_unit_test_setup_teardown(circles, setup_aliases, home_teardown),
        cmocka_unit_test_setup_teardown(nothing_to_do, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(ten_thousand, home_setup, home_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
