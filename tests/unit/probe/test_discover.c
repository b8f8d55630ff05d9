#include "probe/discover.c"

#include "dns/dns_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct dns_fake_row zone[] = {
    {"_submissions._tcp.both.test", DNS_SRV, DNS_OK, "20 1 465 late.both.test"},
    {"_submissions._tcp.both.test", DNS_SRV, DNS_OK, "10 1 465 light.both.test"},
    {"_submissions._tcp.both.test", DNS_SRV, DNS_OK, "10 9 4650 heavy.both.test"},
    {"_submission._tcp.both.test", DNS_SRV, DNS_OK, "0 1 587 heavy.both.test"},
    {"_submissions._tcp.half.test", DNS_SRV, DNS_OK, "0 0 0 ."},
    {"_submission._tcp.half.test", DNS_SRV, DNS_OK, "0 1 587 smtp.half.test"},
    {"_submissions._tcp.none.test", DNS_SRV, DNS_OK, "0 0 0 ."},
    {"_submission._tcp.none.test", DNS_SRV, DNS_OK, "0 0 0 ."},
    {"none.test", DNS_MX, DNS_OK, "10 mx.none.test"},
    {"google.test", DNS_MX, DNS_OK, "10 ASPMX.L.google.com"},
    {"office.test", DNS_MX, DNS_OK, "0 office-test.mail.protection.outlook.com"},
    {"own.test", DNS_MX, DNS_OK, "10 notgoogle.com"},
    {"mail.own.test", DNS_A, DNS_OK, "192.0.2.1"},
    {"own.test", DNS_A, DNS_OK, "192.0.2.2"},
    {"broken.test", DNS_MX, DNS_TEMPORARY, NULL},
    {0},
};

/* One question to the zone above, about you@domain. */
struct scene {
    struct discover_settings settings;
    struct discover out;
    struct search *search;
    struct discover_task *task; /* the one asked */
    char address[100];
};

static void begin(struct scene *s, const char *domain)
{
    memset(s, 0, sizeof *s);
    snprintf(s->address, sizeof s->address, "you@%s", domain);
    s->settings.domain = domain;
    s->settings.address = span_of(s->address);
    s->search = memory_alloc(sizeof *s->search);
    s->search->s = &s->settings;
    s->search->out = &s->out;
    s->search->until = clock_now() + 20000;
    s->search->dns[0] = dns_fake(zone);
}

static void ask(struct scene *s, enum discover_ask what)
{
    s->task = &s->search->task[0][what];
    *s->task = (struct discover_task){.search = s->search, .ask = what, .dns = s->search->dns[0]};
    s->task->fiber = (struct fiber *)s; /* as if one had run */
    asks[what](s->task);
    s->task->done = true;
}

static void end(struct scene *s)
{
    dns_free(&s->search->dns[0]);
    free(s->search);
}

static void services_in_their_order(void **state)
{
    static const struct {
        const char *host;
        unsigned port;
        enum steps_sealing sealing;
    } rows[] = {{"heavy.both.test", 4650, SEALING_TLS},
                {"light.both.test", 465, SEALING_TLS},
                {"late.both.test", 465, SEALING_TLS},
                {"heavy.both.test", 587, SEALING_STARTTLS}};
    struct scene s;

    (void)state;
    begin(&s, "both.test");
    ask(&s, ASK_SERVICES);
    assert_int_equal(s.task->count, COUNT(rows));
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_string_equal(s.task->door[i].host, rows[i].host);
        assert_int_equal(s.task->door[i].port, rows[i].port);
        assert_int_equal(s.task->door[i].sealing, rows[i].sealing);
    }
    assert_string_equal(s.task->how, "SRV _submissions._tcp");
    end(&s);
}

static void a_service_not_offered_is_no_server(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, "half.test");
    ask(&s, ASK_SERVICES);
    assert_int_equal(s.task->count, 1);
    assert_string_equal(s.task->how, "SRV _submission._tcp");
    assert_false(s.task->refused);
    end(&s);
    begin(&s, "none.test");
    ask(&s, ASK_SERVICES);
    assert_int_equal(s.task->count, 0);
    assert_true(s.task->refused);
    ask(&s, ASK_MX);
    assert_int_equal(why_nothing(s.search), DISCOVER_NOT_OFFERED);
    end(&s);
}

static void the_mx_names_the_provider(void **state)
{
    static const struct {
        const char *domain, *host;
        unsigned login;
    } rows[] = {
        {"google.test", "smtp.gmail.com", LOGIN_APP_PASSWORD | LOGIN_OAUTH},
        {"office.test", "smtp.office365.com", LOGIN_OAUTH | LOGIN_PASSWORD},
        {"own.test", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;

        begin(&s, rows[i].domain);
        ask(&s, ASK_MX);
        assert_int_equal(s.task->count > 0, rows[i].host != NULL);
        if (rows[i].host) {
            assert_string_equal(s.task->door[0].host, rows[i].host);
            assert_string_equal(s.task->door[0].user, s.address);
            assert_int_equal(s.task->door[0].login, rows[i].login);
        }
        end(&s);
    }
}

static void the_table_knows_domains(void **state)
{
    static const struct {
        const char *domain, *host, *user;
    } rows[] = {
        {"gmail.com", "smtp.gmail.com", "you@gmail.com"},
        {"web.de", "smtp.web.de", "you"},
        {"charter.net", "mobile.charter.net", ""},
        {"own.test", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;

        begin(&s, rows[i].domain);
        ask(&s, ASK_TABLE);
        assert_int_equal(s.task->count > 0, rows[i].host != NULL);
        if (rows[i].host)
            assert_string_equal(s.task->door[0].host, rows[i].host);
        if (rows[i].user)
            assert_string_equal(s.task->door[0].user, rows[i].user);
        end(&s);
    }
}

static void customary_names_that_exist(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, "own.test");
    ask(&s, ASK_NAMES);
    assert_int_equal(s.task->count, 2);
    assert_string_equal(s.task->door[0].host, "mail.own.test");
    assert_string_equal(s.task->how, "guess mail.");
    end(&s);
}

static void the_more_trusted_is_believed(void **state)
{
    struct scene s;
    bool better;

    (void)state;
    begin(&s, "gmail.com");
    ask(&s, ASK_NAMES);
    ask(&s, ASK_TABLE);
    s.search->task[0][ASK_WEB].fiber = (struct fiber *)&s; /* still under way */
    assert_ptr_equal(winner(s.search, &better), &s.search->task[0][ASK_TABLE]);
    assert_true(better);
    take(s.search, winner(s.search, &better));
    assert_string_equal(s.out.host, "smtp.gmail.com");
    assert_string_equal(s.out.provider_name, "Gmail");
    assert_int_equal(s.out.end, DISCOVER_FOUND);
    end(&s);
}

/* What SRV leaves open, the table of the same server tells. */
static void doors_complete_each_other(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, "gmail.com");
    s.search->task[0][ASK_SERVICES] = (struct discover_task){
        .how = "SRV",
        .count = 1,
        .done = true,
        .door = {{"smtp.gmail.com", 587, SEALING_STARTTLS, 0, "", SOURCE_SRV}}};
    ask(&s, ASK_TABLE);
    take(s.search, &s.search->task[0][ASK_SERVICES]);
    assert_int_equal(s.out.port, 587);
    assert_int_equal(s.out.count, 2);
    assert_int_equal(s.out.door[1].port, 465);
    assert_int_equal(s.out.door[0].login, LOGIN_APP_PASSWORD | LOGIN_OAUTH);
    assert_string_equal(s.out.door[0].user, "you@gmail.com");
    end(&s);
}

static void nothing_is_told_in_words(void **state)
{
    static const struct {
        const char *domain;
        enum discover_end end;
        const char *words;
    } rows[] = {
        {"unknown.test", DISCOVER_NO_DOMAIN, "There is no domain unknown.test"},
        {"own.test", DISCOVER_NOTHING, "own.test exists"},
        {"broken.test", DISCOVER_NO_ANSWER, "Nobody could be asked about broken.test"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;

        begin(&s, rows[i].domain);
        ask(&s, ASK_MX);
        s.out.end = why_nothing(s.search);
        assert_string_equal(discover_end_name(s.out.end), discover_end_name(rows[i].end));
        put_in_words(&s.out, rows[i].domain);
        assert_non_null(strstr(s.out.words, rows[i].words));
        end(&s);
    }
}

static void exchangers_end_at_a_label(void **state)
{
    (void)state;
    assert_string_equal(providers_of_mx(SPAN("alt1.aspmx.l.google.com"))->name, "Gmail");
    assert_string_equal(providers_of_mx(SPAN("hotmail-com.olc.protection.outlook.com"))->name,
                        "Outlook.com");
    assert_null(providers_of_mx(SPAN("notgoogle.com")));
    assert_null(providers_of_mx(SPAN("google.com.example.org")));
    assert_null(providers_of_mx(SPAN("")));
}

static void domains_have_one_form(void **state)
{
    char buf[FINDINGS_NAME];

    (void)state;
    assert_string_equal(canonical("Example.COM", buf), "example.com");
    assert_string_equal(canonical("m\xc3\xbcller.example", buf), "xn--mller-kva.example");
    assert_string_equal(canonical("no domain", buf), "no domain");
}

/* Nobody is asked about what cannot be anybody's domain. */
static void a_suffix_is_no_domain(void **state)
{
    struct discover_settings s = {.no_web = true};
    char right[FINDINGS_NAME] = "x";
    struct error e = {0};

    (void)state;
    assert_int_equal(discover_right(NULL, "co.uk", &s, right, &e), 0);
    assert_string_equal(right, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_in_their_order),
        cmocka_unit_test(a_service_not_offered_is_no_server),
        cmocka_unit_test(the_mx_names_the_provider),
        cmocka_unit_test(the_table_knows_domains),
        cmocka_unit_test(customary_names_that_exist),
        cmocka_unit_test(the_more_trusted_is_believed),
        cmocka_unit_test(doors_complete_each_other),
        cmocka_unit_test(nothing_is_told_in_words),
        cmocka_unit_test(exchangers_end_at_a_label),
        cmocka_unit_test(domains_have_one_form),
        cmocka_unit_test(a_suffix_is_no_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
