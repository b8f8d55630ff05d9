/* The house's own letters in another language: each line as it is made, none of it left in English.
 */
#include "account/sending_words.h"
#include "account/usage_words.h"
#include "base/memory.h"
#include "serve/postman.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct config german = {.reports = {.language = CONFIG_GERMAN}}, english;

/* What is said of these lines; fails when one is known in English only. */
static void says(const char *lines, const char *wanted)
{
    struct text out = TEXT_INIT(4096);

    if (!postman_say(&german, span_of(lines), &out))
        fail_msg("known in English only: %s", lines);
    if (wanted)
        assert_string_equal(text_cstr(&out), wanted);
    text_clear(&out);
    assert_false(postman_say(&english, span_of(lines), &out));
    assert_int_equal(out.len, 0);
    text_free(&out);
}

static void lines_keep_their_place(void **state)
{
    struct text out = TEXT_INIT(4096);

    (void)state;
    says("You have reached a sending limit\n\n    - If it is the owner's:\n\n",
         "Sie haben eine Sendegrenze erreicht\n\n    - Wenn sie vom Inhaber ist:\n");
    assert_false(
        postman_say(&german, SPAN("If it is the owner's:\nNobody knows this line."), &out));
    assert_int_equal(out.len, 0);
    text_free(&out);
}

static void quota_warnings(void **state)
{
    static const uint64_t sizes[] = {
        0, 1, 512, 2000, 3 << 20, UINT64_C(5) << 30, UINT64_C(7) << 41};
    struct text subject = TEXT_INIT(200), body = TEXT_INIT(4096);

    (void)state;
    for (size_t i = 0; i < 2 * COUNT(sizes); i++) {
        struct usage_view v = {.name = SPAN("kim@port26.test"),
                               .is_host = i % 2,
                               .queue = sizes[i / 2],
                               .mailbox = sizes[i / 2],
                               .messages = i,
                               .used = sizes[i / 2],
                               .allowed = 3 * sizes[i / 2]};

        text_clear(&subject);
        text_clear(&body);
        usage_words_warning(&v, 95, &subject, &body);
        says(text_cstr(&subject),
             i % 2 ? "Ihr Hosting-Konto ist zu 95 % voll" : "Ihr Postfach ist zu 95 % voll");
        says(text_cstr(&body), NULL);
    }
    text_free(&subject);
    text_free(&body);
}

/* Every way in which a limit can be in the way. */
static void limits(void **state)
{
    static const int64_t waits[] = {30 * CLOCK_SECOND, 20 * CLOCK_MINUTE, 20 * CLOCK_HOUR,
                                    CLOCK_NEVER};
    static const struct sending_refusal first = {.sent = 90, .need = 1, .limit = 100};
    struct text out = TEXT_INIT(2000);

    (void)state;
    for (unsigned n = 0; n < SENDING_KINDS * WINDOW_SPANS * WINDOW_WHATS * COUNT(waits) * 4; n++) {
        struct sending_refusal r = first;
        unsigned rest = n;

        r.kind = (enum sending_kind)(rest % SENDING_KINDS), rest /= SENDING_KINDS;
        r.span = (enum window_span)(rest % WINDOW_SPANS), rest /= WINDOW_SPANS;
        r.what = (enum window_what)(rest % WINDOW_WHATS), rest /= WINDOW_WHATS;
        r.wait = waits[rest % COUNT(waits)], rest /= COUNT(waits);
        r.need = rest % 2 ? 5 : 1;
        r.sent = rest / 2 ? 110 : 90;
        text_clear(&out);
        sending_words_refusal(&r, SPAN("acme"), &out);
        says(text_cstr(&out), NULL);
    }
    text_free(&out);
}

static void networks(void **state)
{
    (void)state;
    says("This network (home) closes port 25; your mail leaves through 587.",
         "Dieses Netz (home) sperrt Port 25; Ihre Mail geht über 587 hinaus.");
    says("Since 14:32 ports 25, 465 and 587 no longer open in this network (home); your mail "
         "waits, and leaves by itself when a way opens or this computer is in another network. "
         "Somebody else answers at port 25: nothing is sent there.",
         "Seit 14:32 Uhr öffnen sich in diesem Netz (home) nicht mehr die Ports 25, 465 und 587; "
         "Ihre Mail wartet und geht von selbst hinaus, sobald sich ein Weg öffnet oder dieser "
         "Computer in einem anderen Netz ist. Hinter Port 25 antwortet jemand anderes: Dorthin "
         "wird nichts gesendet.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_keep_their_place),
        cmocka_unit_test(quota_warnings),
        cmocka_unit_test(limits),
        cmocka_unit_test(networks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
