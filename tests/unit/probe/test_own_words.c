/* What this server itself says must be understood by the check and by `explain`, whether or not it
 * is known where it was said. */
#include "account/sending_words.h"
#include "account/usage_words.h"
#include "base/arena.h"
#include "base/memory.h"
#include "probe/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct wanted {
    const char *id;
    enum owner owner;
};

/* Explained with its stage and without. */
static void means(enum stage stage, const char *line, struct wanted wanted)
{
    const enum stage stages[] = {stage, STAGE_NONE};
    struct arena *a = arena_new();

    for (size_t i = 0; i < COUNT(stages); i++) {
        const struct explain_request q = {.stage = stages[i]};
        struct explain_result r;

        explain_text(span_of(line), &q, &r, a);
        if (strcmp(r.set.verdict.id, wanted.id) != 0 || r.set.verdict.owner != wanted.owner)
            fail_msg("%s is %s (owner %d), not %s", line, r.set.verdict.id, r.set.verdict.owner,
                     wanted.id);
    }
    arena_free(&a);
}

static void sending_limits(void **state)
{
    struct sending_refusal r = {.sent = 50, .limit = 50};
    unsigned n = SENDING_KINDS * WINDOW_SPANS * WINDOW_WHATS;

    (void)state;
    for (unsigned i = 0; i < 3 * n; i++) {
        struct text words = {0};

        text_init(&words, 1000);
        text_adds(&words, "452 4.7.1 ");
        r.kind = (enum sending_kind)(i % SENDING_KINDS);
        r.span = (enum window_span)(i / SENDING_KINDS % WINDOW_SPANS);
        r.what = (enum window_what)(i / SENDING_KINDS / WINDOW_SPANS % WINDOW_WHATS);
        r.wait = i < 2 * n ? 90 * CLOCK_MINUTE : CLOCK_NEVER;
        r.need = i < n ? 1 : 20;
        r.limit = i % 5 ? 50 : 30;
        sending_words_refusal(&r, SPAN("acme.example"), &words);
        means(STAGE_MAIL, text_cstr(&words),
              (struct wanted){r.wait == CLOCK_NEVER ? "M14" : "M7", OWNER_YOU});
        text_free(&words);
    }
}

static void quotas(void **state)
{
    static const struct wanted of[] = {
        [USAGE_SENDER] = {"M1", OWNER_YOU},
        [USAGE_SENDER_HOST] = {"M1", OWNER_YOU},
        [USAGE_RECIPIENT] = {"M2", OWNER_RECIPIENT},
        [USAGE_RECIPIENT_HOST] = {"M2", OWNER_RECIPIENT},
        [USAGE_BEHIND] = {"M2", OWNER_RECIPIENT},
        [USAGE_UNREADABLE] = {"S7", OWNER_RECIPIENT},
    };
    struct usage_full f = {.view = {.name = SPAN("kim@a.example"), .used = 1000, .allowed = 1024},
                           .account = SPAN("kim@a.example")};

    (void)state;
    snprintf(f.error.words, sizeof f.error.words, "disk I/O error");
    for (unsigned i = 0; i < 4 * COUNT(of); i++) {
        char line[sizeof((struct error *)0)->words + 32];
        struct error e;
        bool never = i / COUNT(of) % 2;

        f.whose = (enum usage_whose)(i % COUNT(of));
        f.wanted = i / COUNT(of) / 2 ? 2048 : 1;
        usage_words_full(&f, never, &e);
        snprintf(line, sizeof line, "%s %s %s", e.class == ERROR_PERMANENT ? "552" : "452",
                 e.enhanced, e.words);
        means(f.whose <= USAGE_SENDER_HOST ? STAGE_MAIL : STAGE_RCPT, line, of[f.whose]);
    }
}

static void all_else(void **state)
{
    static const struct {
        enum stage stage;
        const char *line;
        struct wanted wanted;
    } rows[] = {
        {STAGE_GREETING,
         "421 4.7.0 Too many connections from your address; close some, then try again",
         {"M8", OWNER_RECIPIENT}},
        {STAGE_AUTH,
         "535 5.7.8 Name or password is wrong: use the ones you receive your mail with",
         {"A3", OWNER_YOU}},
        {STAGE_AUTH,
         "535 5.7.13 Name and password are right, but this account is locked: ask your provider "
         "why",
         {"A11", OWNER_PROVIDER}},
        {STAGE_AUTH,
         "-ERR [AUTH] Name and password are right, but this account is locked: ask your provider "
         "why",
         {"A11", OWNER_PROVIDER}},
        {STAGE_AUTH,
         "454 4.7.0 Logins cannot be checked right now; your password may be right. Try again in a "
         "minute",
         {"A15", OWNER_PROVIDER}},
        {STAGE_AUTH,
         "454 4.7.0 The login can not be checked now; try again in a minute.",
         {"A15", OWNER_PROVIDER}},
        {STAGE_AUTH,
         "432 4.7.12 This account was moved here: log in once with \"normal password\" (PLAIN), "
         "then this "
         "method works too",
         {"A8", OWNER_YOU}},
        {STAGE_AUTH, "421 4.7.0 Too many failed logins: closing", {"A10", OWNER_YOU}},
        {STAGE_MAIL,
         "530 5.7.0 Login needed: switch on 'my outgoing server requires authentication' in your "
         "mail "
         "program, same name and password as for receiving",
         {"A1", OWNER_YOU}},
        {STAGE_MAIL,
         "530 5.7.0 Must issue a STARTTLS command first: switch on STARTTLS (encryption) for the "
         "outgoing "
         "server in your mail program",
         {"S2", OWNER_YOU}},
        {STAGE_MAIL,
         "535 5.7.8 The account kim@a.example was closed meanwhile; ask the administrator.",
         {"A11", OWNER_PROVIDER}},
        {STAGE_MAIL,
         "553 5.7.1 The login kim@a.example is not allowed to send as <ann@a.example>. It may use: "
         "kim@a.example. Choose one of these as the sender in your mail program, or ask the "
         "administrator "
         "to add the address.",
         {"A12", OWNER_YOU}},
        {STAGE_MAIL,
         "452 4.5.3 100 messages were sent in this session: connect again",
         {"M8", OWNER_RECIPIENT}},
        {STAGE_RCPT,
         "452 4.5.3 Too many recipients in one message: send it again to the others",
         {"M14", OWNER_YOU}},
        {STAGE_RCPT,
         "550 5.7.1 Mail to other servers (<ann@b.example>) is accepted after a login only. In "
         "your mail "
         "program switch on \"my outgoing server requires authentication\", with the same name and "
         "password as for receiving, on port 587 or 465.",
         {"A1", OWNER_YOU}},
        {STAGE_RCPT,
         "550 5.1.1 There is no mailbox <kim@a.example> here. Check the spelling of the address.",
         {"M4", OWNER_YOU}},
        {STAGE_RCPT,
         "450 4.2.1 The mailbox <kim@a.example> is closed for now: its provider has locked the "
         "hosting "
         "account. Nothing is lost; try again later.",
         {"M4", OWNER_RECIPIENT}},
        {STAGE_RCPT,
         "421 4.7.0 Too many recipients that do not exist were asked for from your network "
         "(192.0.2.0/24). "
         "Try again in 12 minutes.",
         {"M8", OWNER_RECIPIENT}},
        {STAGE_RCPT,
         "451 4.7.1 Greylisted: the first message of a sender is taken at his second try. Try "
         "again in 42 "
         "seconds.",
         {"M6", OWNER_RECIPIENT}},
        {STAGE_DOT,
         "451 4.7.1 The filter of this server does not answer; nothing was lost. Try again later.",
         {"S7", OWNER_RECIPIENT}},
        {STAGE_DOT,
         "552 5.3.4 Message bigger than the 1000 octets taken here: send a link to the files",
         {"M3", OWNER_YOU}},
        {STAGE_DOT, "550 5.7.1 This message looks like junk and is not taken", {"M11", OWNER_YOU}},
        {STAGE_DOT,
         "550 5.6.11 The message holds a bare CR or LF; its lines must end in CR LF. Update the "
         "program "
         "that made it",
         {"M11", OWNER_YOU}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        means(rows[i].stage, rows[i].line, rows[i].wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sending_limits),
        cmocka_unit_test(quotas),
        cmocka_unit_test(all_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
