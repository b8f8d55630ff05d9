/* What the keeper does not take a neighbour's word for. */
#include "home.h"
#include "serve/clerk.h"
#include "serve/registry.h"

#include <sys/socket.h>

static struct channel *asker, *answerer;
static struct clerk *clerk;
static struct parcel *answer;

static void on_answer(void *arg, struct parcel *p)
{
    (void)arg;
    parcel_free(&answer);
    answer = p;
    loop_stop(t->loop);
}

static void on_question(void *arg, struct parcel *p)
{
    (void)arg;
    clerk_take(clerk, p);
}

static void on_closed(void *arg, const char *why)
{
    (void)arg;
    fail_msg("%s", why);
}

static void written(void *arg, const struct error *e)
{
    (void)arg;
    assert_null(e);
    loop_stop(t->loop);
}

static void put(const char *name, uint32_t flags)
{
    struct registry *set = registry_new(t->house);

    registry_account_put(set, &(struct store_account){.name = span_of(name),
                                                      .verifier = SPAN("x"),
                                                      .flags = flags,
                                                      .limits = {.recipients_hour = 10}});
    registry_commit(&set, written, NULL);
    loop_run(t->loop);
}

static void meet(const struct clerk_rights *rights)
{
    static const struct channel_calls answers = {on_answer, on_closed},
                                      questions = {on_question, on_closed};
    int pair[2];

    t = home_new();
    put("ann@here.example", 0);
    put("lea@here.example", STORE_ACCOUNT_LOCKED);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    asker = channel_new(t->loop, pair[0], SIDE_KEEPER, &answers, NULL);
    answerer =
        channel_new(t->loop, pair[1], rights ? SIDE_COMMAND : SIDE_LISTENER, &questions, NULL);
    clerk = clerk_new(t->house, answerer, rights, NULL, NULL);
}

static int part(void **state)
{
    (void)state;
    parcel_free(&answer);
    clerk_free(&clerk);
    channel_free(&asker);
    channel_free(&answerer);
    home_free(&t);
    return 0;
}

static const void *ask(enum letter_kind kind, const void *letter, enum letter_kind expected)
{
    assert_true(channel_send(asker, kind, 1, letter, -1));
    loop_run(t->loop);
    assert_int_equal(answer->kind, expected);
    return answer->letter;
}

static unsigned open_mailbox(const char *account)
{
    static uint64_t number;
    struct letter_mailbox_wanted l = {.number = ++number, .account = span_of(account)};

    return ((const struct letter_mailbox *)ask(LETTER_MAILBOX_OPEN, &l, LETTER_MAILBOX))->result;
}

/* Nor one whose folder lies there from before. */
static void only_mailboxes_of_accounts(void **state)
{
    (void)state;
    meet(NULL);
    assert_int_equal(open_mailbox("ann@here.example"), MAILBOX_GOOD);
    assert_int_equal(open_mailbox("lea@here.example"), MAILBOX_NOT_NOW);
    assert_int_equal(open_mailbox("old@here.example"), MAILBOX_NOT_NOW);
    assert_int_equal(open_mailbox("postmaster"), MAILBOX_NOT_NOW);
    assert_int_equal(open_mailbox(""), MAILBOX_NOT_NOW);
}

/* Ann reaches for more recipients than anybody may at once, says who has these rights. */
static unsigned ann_reaches_far(const struct clerk_rights *rights)
{
    struct letter_may_reach l = {.account = SPAN("ann@here.example"),
                                 .sender = SPAN("ann@here.example"),
                                 .recipient = SPAN("bob@far.example"),
                                 .anywhere = true,
                                 .count = 1000};

    meet(rights);
    return ((const struct letter_answer *)ask(LETTER_MAY_REACH, &l, LETTER_ANSWER))->reply.code;
}

/* Else anybody of this machine could have her told that she sent too much. */
static void a_person_asks_for_himself(void **state)
{
    (void)state;
    assert_int_equal(ann_reaches_far(&(struct clerk_rights){.person = SPAN("kim")}), 250);
}

/* The same from a listener, which speaks for her. */
static void a_listener_asks_for_a_login(void **state)
{
    (void)state;
    assert_int_equal(ann_reaches_far(NULL), 452);
}

/* Who guesses gets nothing to guess at. */
static void no_verifier_for_who_is_put_off(void **state)
{
    struct letter_login l = {.name = SPAN("eve@here.example"), .peer = SPAN("192.0.2.1")};
    struct letter_login_note wrong = {.name = l.name, .peer = l.peer};
    static const unsigned char none[32];
    const struct letter_verifier *v;

    (void)state;
    meet(NULL);
    v = ask(LETTER_VERIFIER_WANTED, &l, LETTER_VERIFIER);
    assert_int_equal(v->result, LOGIN_GOOD);
    assert_memory_not_equal(v->stored_key, none, sizeof none);
    for (int i = 0; i < 20; i++)
        ask(LETTER_LOGIN_NOTE, &wrong, LETTER_LOGIN_ANSWER);
    v = ask(LETTER_VERIFIER_WANTED, &l, LETTER_VERIFIER);
    assert_int_equal(v->result, LOGIN_LATER);
    assert_memory_equal(v->stored_key, none, sizeof none);
    assert_memory_equal(v->server_key, none, sizeof none);
    assert_int_equal(v->salt.len, 0);
}

/* As large as can be written, for an alias of two in one house. */
static void a_size_beyond_all_sums(void **state)
{
    static const uint64_t sizes[] = {INT64_MAX, UINT64_MAX, (uint64_t)INT64_MAX + 1};
    struct span targets[] = {SPAN("ann@here.example"), SPAN("max@here.example")};
    struct registry *set;

    (void)state;
    meet(NULL);
    set = registry_new(t->house);
    registry_host_put(set, &(struct store_host){.name = SPAN("acme"), .quota = 100000});
    for (size_t i = 0; i < COUNT(targets); i++)
        registry_account_put(set, &(struct store_account){.name = targets[i],
                                                          .verifier = SPAN("x"),
                                                          .host = SPAN("acme")});
    registry_alias_put(set, &(struct store_alias){SPAN("all@here.example"), targets, 2});
    registry_commit(&set, written, NULL);
    loop_run(t->loop);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct letter_may_reach reach = {
            .recipient = SPAN("all@here.example"), .size = sizes[i], .anywhere = true};
        struct letter_may_send send = {
            .account = targets[0], .sender = targets[0], .size = sizes[i]};
        const struct letter_answer *said = ask(LETTER_MAY_REACH, &reach, LETTER_ANSWER);

        assert_int_equal(said->reply.code, 452);
        said = ask(LETTER_MAY_SEND, &send, LETTER_ANSWER);
        assert_int_equal(said->reply.code, 452);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(only_mailboxes_of_accounts, part),
        cmocka_unit_test_teardown(a_person_asks_for_himself, part),
        cmocka_unit_test_teardown(a_listener_asks_for_a_login, part),
        cmocka_unit_test_teardown(no_verifier_for_who_is_put_off, part),
        cmocka_unit_test_teardown(a_size_beyond_all_sums, part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
