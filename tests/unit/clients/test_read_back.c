/* What we write for Thunderbird is read by our own reader of such files as it was meant. */
#include "base/memory.h"
#include "clients/clients.h"
#include "probe/autoconfig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define CONFIG                                                                                     \
    "hostname = mail.example.com tls { certificate = /c key = /k }\n"                              \
    "clients { display-name = \"Miller & <Sons>\" imap = \"imap.example.com:993\" %s }\n"

static void read_back(const char *more, struct clients_offer *offer, struct autoconfig *back)
{
    struct arena *a = arena_new();
    struct config_notes notes = {0};
    struct text xml = TEXT_INIT(CLIENTS_TEXT_MAX);
    struct config *c;

    assert_int_equal(config_parse(span_of(arena_printf(a, CONFIG, more)), "f", &notes, &c), 0);
    assert_true(clients_offer_of(c, SPAN("example.com"), SPAN_NONE, a, offer));
    assert_true(clients_forms[CLIENTS_MOZILLA].write(offer, &xml));
    assert_true(
        autoconfig_parse(text_span(&xml), SPAN("you@example.com"), SPAN("example.com"), back));
    assert_string_equal(back->name, "Miller & <Sons>");
    for (size_t i = 0, n = 0; i < offer->count; i++) {
        const struct clients_door *d = &offer->doors[i];

        if (d->kind != CLIENTS_SUBMISSION)
            continue;
        assert_string_equal(back->server[n].host, d->host);
        assert_int_equal(back->server[n].port, d->port);
        assert_int_equal(back->server[n].sealing, d->implicit ? SEALING_TLS : SEALING_STARTTLS);
        assert_int_equal(back->server[n].login, LOGIN_PASSWORD);
        n++;
        assert_int_equal(back->count + 1, offer->count);
    }
    text_free(&xml);
    config_notes_free(&notes);
    config_free(&c);
    arena_free(&a);
}

static void all_doors(void **state)
{
    struct clients_offer offer;
    struct autoconfig back;

    (void)state;
    read_back("", &offer, &back);
    assert_int_equal(back.count, 5);
    assert_string_equal(back.server[0].user, "you@example.com");
    read_back("user = local-part", &offer, &back);
    assert_string_equal(back.server[4].user, "you");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_doors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
