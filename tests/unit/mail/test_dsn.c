/* The reports are read by GMime, which shares no code with the composer. */
#include "mail/cause_texts.h"
#include "mail/dsn.h"
#include "mail/dsn_texts.h"
#include "mail/dsn_words.h"
#include "mail/finding_texts.h"

#include "base/memory.h"
#include "mail/quoted.h"
#include "mail/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW INT64_C(1795368840000)

static const struct outcome unknown_user = {
    .kind = OUTCOME_NEVER,
    .stage = STAGE_RCPT,
    .owner = OWNER_YOU,
    .status = {5, 1, 1},
    .words = SPAN("There is no mailbox of that name at example.org. Check the address."),
    .host = SPAN("mx.example.org"),
    .address = SPAN("192.0.2.1:25"),
    .reply = {.code = 550,
              .enhanced = {5, 1, 1},
              .text = SPAN("No such user\nSee https://example.org/help")},
};

static const struct dsn_recipient to_friend = {.address = SPAN("friend@example.org"),
                                               .orcpt = SPAN("rfc822;fri+2Bend@example.net"),
                                               .outcome = &unknown_user,
                                               .attempts = 2,
                                               .last_try = NOW - 60000,
                                               .retry_until = NOW + 86400000};

static struct dsn_report report(void)
{
    struct dsn_report r = {.kind = DSN_FAILED,
                           .hostname = SPAN("mail.example.com"),
                           .id = id_new(),
                           .about = id_new(),
                           .sender = SPAN("ann@example.com"),
                           .envid = SPAN("QQ+2B1"),
                           .ret = RET_FULL,
                           .now = NOW,
                           .arrival = NOW - 3600000,
                           .recipients = &to_friend,
                           .count = 1,
                           .header = SPAN("Subject: Lunch?\r\nFrom: ann@example.com\r\n\r\n"),
                           .body = SPAN("At noon?\r\n")};

    return r;
}

/* A composed report, and GMime's view of it. */
struct view {
    struct text raw;
    unsigned need;
    GMimeMessage *message;
    GMimeMultipart *multi;
};

static struct view view_of(const struct dsn_report *r)
{
    struct view v = {.raw = TEXT_INIT(8 << 20)};
    GMimeStream *stream;
    GMimeParser *parser;
    GMimeContentType *type;

    assert_true(dsn_compose(r, &v.raw, &v.need));
    stream = g_mime_stream_mem_new_with_buffer(v.raw.at, v.raw.len);
    parser = g_mime_parser_new_with_stream(stream);
    v.message = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    g_object_unref(stream);
    assert_non_null(v.message);
    assert_true(GMIME_IS_MULTIPART(g_mime_message_get_mime_part(v.message)));
    v.multi = GMIME_MULTIPART(g_mime_message_get_mime_part(v.message));
    type = g_mime_object_get_content_type(GMIME_OBJECT(v.multi));
    assert_true(g_mime_content_type_is_type(type, "multipart", "report"));
    assert_string_equal(g_mime_content_type_get_parameter(type, "report-type"), "delivery-status");
    assert_int_equal(g_mime_multipart_get_count(v.multi), 3);
    return v;
}

static void view_free(struct view *v)
{
    g_object_unref(v->message);
    text_free(&v->raw);
}

static char *type_of(const struct view *v, int part)
{
    return g_mime_content_type_get_mime_type(
        g_mime_object_get_content_type(g_mime_multipart_get_part(v->multi, part)));
}

static void assert_type(const struct view *v, int part, const char *want)
{
    char *type = type_of(v, part);

    assert_string_equal(type, want);
    g_free(type);
}

/* The part's content, decoded, for the caller to free. */
static char *content(const struct view *v, int part)
{
    GMimeObject *o = g_mime_multipart_get_part(v->multi, part);
    GMimeStream *mem = g_mime_stream_mem_new();
    GByteArray *bytes;
    char *copy;

    if (GMIME_IS_PART(o))
        g_mime_data_wrapper_write_to_stream(g_mime_part_get_content(GMIME_PART(o)), mem);
    else
        g_mime_object_write_to_stream(o, NULL, mem);
    bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(mem));
    copy = span_dup((struct span){(const char *)bytes->data, bytes->len});
    g_object_unref(mem);
    return copy;
}

static void assert_holds(const char *text, const char *piece)
{
    struct span whole = span_of(text), part = span_of(piece);

    if (span_search(whole, part) < 0)
        fail_msg("not found: %.*s\nin:\n%.*s", SPAN_ARG(part), SPAN_ARG(whole));
}

static void a_failure(void **state)
{
    struct dsn_report r = report();
    struct view v = view_of(&r);
    char *words = content(&v, 0), *status = content(&v, 1), *back;
    GMimeMessage *original;

    (void)state;
    assert_int_equal(v.need, 0);
    assert_string_equal(g_mime_message_get_subject(v.message),
                        "Not delivered: your mail to friend@example.org");
    assert_string_equal(g_mime_object_get_header(GMIME_OBJECT(v.message), "Auto-Submitted"),
                        "auto-replied");
    assert_string_equal(g_mime_object_get_header(GMIME_OBJECT(v.message), "To"),
                        "<ann@example.com>");
    assert_string_equal(g_mime_object_get_header(GMIME_OBJECT(v.message), "From"),
                        "\"port26 mail system\" <MAILER-DAEMON@mail.example.com>");
    assert_non_null(g_mime_message_get_message_id(v.message));
    assert_type(&v, 0, "text/plain");
    assert_holds(words, "friend@example.org");
    assert_holds(words, "There is no mailbox of that name");
    assert_holds(words, "Who can repair it: you can.");
    assert_holds(words,
                 "550 5.1.1\r\n      No such user\r\n      See https://example.org/help\r\n");
    assert_holds(words, "Subject of your mail: Lunch?");
    assert_holds(words, "Tried: 2 times");
    assert_type(&v, 1, "message/delivery-status");
    assert_string_equal(
        status, "Reporting-MTA: dns;mail.example.com\r\n"
                "Original-Envelope-Id: QQ+1\r\n"
                "Arrival-Date: Sun, 22 Nov 2026 16:34:00 +0000\r\n"
                "\r\n"
                "Original-Recipient: rfc822;fri+end@example.net\r\n"
                "Final-Recipient: rfc822;friend@example.org\r\n"
                "Action: failed\r\n"
                "Status: 5.1.1\r\n"
                "Remote-MTA: dns;mx.example.org (192.0.2.1:25)\r\n"
                "Diagnostic-Code: smtp; 550 5.1.1 No such user See https://example.org/help\r\n"
                "Last-Attempt-Date: Sun, 22 Nov 2026 17:33:00 +0000\r\n");
    assert_type(&v, 2, "message/rfc822");
    original =
        g_mime_message_part_get_message(GMIME_MESSAGE_PART(g_mime_multipart_get_part(v.multi, 2)));
    assert_string_equal(g_mime_message_get_subject(original), "Lunch?");
    back = content(&v, 2);
    assert_holds(back, "At noon?");
    assert_holds(text_cstr(&v.raw), "From: ann@example.com\r\n\r\nAt noon?\r\n\r\n--=_");
    free(words);
    free(status);
    free(back);
    view_free(&v);
}

static void delays_and_successes_give_the_header_only(void **state)
{
    struct dsn_report r = report();
    struct dsn_recipient to = to_friend;
    struct outcome o = {.kind = OUTCOME_LATER, .words = SPAN("It sleeps."), .owner = OWNER_NETWORK};
    struct view v;
    char *status, *words, *back;

    (void)state;
    to.outcome = &o;
    r.recipients = &to;
    r.kind = DSN_DELAYED;
    v = view_of(&r);
    status = content(&v, 1);
    words = content(&v, 0);
    assert_holds(status,
                 "Action: delayed\r\nStatus: 4.0.0\r\nDiagnostic-Code: x-port26; It sleeps.");
    assert_holds(status, "Will-Retry-Until: Mon, 23 Nov 2026 17:34:00 +0000\r\n");
    assert_holds(words, "you need not send it again");
    assert_type(&v, 2, "text/rfc822-headers");
    back = content(&v, 2);
    assert_string_equal(back, "Subject: Lunch?\r\nFrom: ann@example.com\r\n");
    free(back);
    free(status);
    free(words);
    view_free(&v);

    o = (struct outcome){.kind = OUTCOME_RELAYED, .status = {2, 0, 0}};
    r.kind = DSN_SUCCESS;
    v = view_of(&r);
    status = content(&v, 1);
    assert_holds(status, "Action: relayed\r\nStatus: 2.0.0\r\n");
    assert_null(strstr(status, "Will-Retry"));
    assert_string_equal(g_mime_message_get_subject(v.message),
                        "Handed on: your mail to friend@example.org");
    free(status);
    view_free(&v);
    o.kind = OUTCOME_DELIVERED;
    v = view_of(&r);
    assert_string_equal(g_mime_message_get_subject(v.message),
                        "Delivered: your mail to friend@example.org");
    status = content(&v, 1);
    assert_holds(status, "Action: delivered\r\n");
    free(status);
    view_free(&v);
}

static void many_recipients(void **state)
{
    struct dsn_recipient to[100];
    struct dsn_report r = report();
    struct view v;
    char *status;
    int count = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(to); i++)
        to[i] = to_friend;
    r.recipients = to;
    r.count = COUNT(to);
    v = view_of(&r);
    assert_string_equal(g_mime_message_get_subject(v.message),
                        "Not delivered: your mail to 100 recipients");
    status = content(&v, 1);
    for (const char *at = status; (at = strstr(at, "\r\n\r\nOriginal-Recipient:")); at++)
        count++;
    assert_int_equal(count, 100);
    free(status);
    view_free(&v);
}

static void beyond_ascii(void **state)
{
    struct dsn_report r = report();
    struct dsn_recipient to = to_friend;
    struct view v;
    char *status, *words, *back;

    (void)state;
    to.address = SPAN("gr\xc3\xbc\xc3\x9f@example.org");
    r.recipients = &to;
    r.body = SPAN("caf\xc3\xa9\r\n");
    v = view_of(&r);
    assert_int_equal(v.need, NEED_8BIT);
    status = content(&v, 1);
    words = content(&v, 0);
    assert_holds(status, "Final-Recipient: utf-8;gr\\x{FC}\\x{DF}@example.org\r\n");
    assert_holds(words, "gr\xc3\xbc\xc3\x9f@example.org");
    assert_type(&v, 2, "message/rfc822");
    free(status);
    free(words);
    view_free(&v);

    r.header = SPAN("Subject: caf\xc3\xa9\r\n\r\n");
    v = view_of(&r);
    assert_type(&v, 2, "message/global");
    view_free(&v);

    r.ret = RET_HDRS;
    v = view_of(&r);
    assert_int_equal(v.need, 0);
    assert_false(utf8_high(text_span(&v.raw)));
    back = content(&v, 2);
    assert_string_equal(back, "Subject: caf\xc3\xa9\r\n");
    free(back);
    view_free(&v);

    r.sender = SPAN("gr\xc3\xbc\xc3\x9f@example.com");
    v = view_of(&r);
    assert_int_equal(v.need, NEED_8BIT | NEED_UTF8);
    view_free(&v);
}

/* Never 8 bits, a line above 998 octets, or a bare CR or LF in what should be tame. */
static void assert_tame(struct span raw)
{
    struct text whole = TEXT_INIT(9 << 20);

    assert_true(quoted_plain(raw));
    quoted_whole(raw, &whole);
    assert_true(span_eq(text_span(&whole), raw));
    assert_false(utf8_high(raw));
    text_free(&whole);
}

static void hostile_words_change_nothing(void **state)
{
    struct outcome o = unknown_user;
    struct dsn_recipient to = to_friend;
    struct dsn_report r = report();
    struct view v;
    char *status;
    char long_word[5000];

    (void)state;
    memset(long_word, 'x', sizeof long_word);
    o.host = SPAN("evil\r\nX-Injected: 1");
    o.reply.text = SPAN("a\r\n\r\nAction: delivered\r\n\xff\x1b[2J\n--=_x");
    to.outcome = &o;
    to.orcpt = SPAN("rfc822;a+0D+0AAction:+20delivered");
    r.recipients = &to;
    r.ret = RET_HDRS;
    v = view_of(&r);
    assert_tame(text_span(&v.raw));
    status = content(&v, 1);
    assert_null(strstr(status, "\nAction: delivered"));
    assert_null(strstr(status, "Remote-MTA"));
    assert_null(strstr(status, "Original-Recipient"));
    assert_holds(status, "Action: failed");
    free(status);
    view_free(&v);

    o.reply.text = o.words = (struct span){long_word, sizeof long_word};
    v = view_of(&r);
    assert_tame(text_span(&v.raw));
    view_free(&v);
}

static void bodies_that_cannot_stand_there_stay_away(void **state)
{
    static const struct span bodies[] = {SPAN("nul \0 here"), {NULL, 0}};
    struct dsn_report r = report();
    struct text big = TEXT_INIT(2 << 20);
    struct view v;

    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        r.body = bodies[i];
        v = view_of(&r);
        assert_type(&v, 2, "text/rfc822-headers");
        view_free(&v);
    }
    while (big.len <= DSN_FULL_MAX)
        text_adds(&big, "X-Field: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
    r.body = text_span(&big);
    v = view_of(&r);
    assert_type(&v, 2, "text/rfc822-headers");
    view_free(&v);
    r.body = SPAN_NONE;
    r.header = text_span(&big);
    v = view_of(&r);
    assert_true(v.raw.len < DSN_HEADER_MAX + 8192);
    view_free(&v);
    text_free(&big);
}

static void the_boundary_is_in_no_part(void **state)
{
    struct dsn_report r = report();
    struct text body = TEXT_INIT(1000);
    char id[ID_TEXT + 1];
    struct view v;
    char *back;

    (void)state;
    id_text(&r.id, id);
    for (unsigned n = 0; n < 3; n++)
        text_addf(&body, "--=_%s_%u\r\nforged\r\n--=_%s_%u--\r\n", id, n, id, n);
    r.body = text_span(&body);
    v = view_of(&r);
    back = content(&v, 2);
    assert_holds(back, "_2--");
    free(back);
    view_free(&v);
    text_free(&body);
}

static void too_little_room_is_told(void **state)
{
    struct dsn_report r = report();
    struct text out = TEXT_INIT(1500);
    unsigned need;

    (void)state;
    assert_false(dsn_compose(&r, &out, &need));
    text_free(&out);
}

/* Every text exists in every language; what programs read is the same. */
static void test_languages(void **state)
{
    struct dsn_report r = report();
    struct text words = TEXT_INIT(1 << 20), subject = TEXT_INIT(1000);

    (void)state;
    for (int l = 0; l < DSN_LANGUAGES; l++) {
        const char *const *text =
            (const char *const *)(const void *)dsn_texts((enum dsn_language)l);
        size_t missing = 0;

        for (size_t i = 0; i < sizeof(struct dsn_texts) / sizeof *text; i++)
            missing += !text[i];
        assert_int_equal(missing, 1); /* nobody's: OWNER_NONE */
        r.language = (enum dsn_language)l;
        for (int kind = DSN_FAILED; kind <= DSN_SUCCESS; kind++) {
            r.kind = (enum dsn_kind)kind;
            text_clear(&subject);
            dsn_words_subject(&r, &subject);
            assert_false(utf8_high(text_span(&subject)));
        }
    }
    r.kind = DSN_FAILED;
    r.language = DSN_GERMAN;
    dsn_words_write(&r, true, &words);
    assert_true(span_search(text_span(&words), SPAN("Ihre Mail konnte nicht zugestellt")) >= 0);
    assert_true(span_search(text_span(&words), SPAN("Wer das beheben kann: Sie selbst.")) >= 0);
    assert_true(span_search(text_span(&words), SPAN("550 5.1.1")) >= 0);
    text_clear(&words);
    {
        unsigned need = 0;

        assert_true(dsn_compose(&r, &words, &need));
        assert_true(
            span_search(text_span(&words), SPAN("Subject: Nicht zugestellt: Ihre Mail an")) >= 0);
        assert_true(span_search(text_span(&words), SPAN("Action: failed")) >= 0);
    }
    text_free(&words);
    text_free(&subject);
}

/* Every cause has its sentences in German too, with the same names in them. */
static void causes_in_german(void **state)
{
    struct outcome o = {.kind = OUTCOME_NEVER, .explained = true, .host = SPAN("mx.example.org")};
    struct text out = TEXT_INIT(1 << 16);
    struct dsn_recipient to = to_friend;
    struct dsn_report r = report();

    (void)state;
    for (unsigned c = 0; c < CAUSE_COUNT; c++) {
        struct cause_texts t = cause_texts_of(DSN_GERMAN, (enum cause)c);
        const struct cause_row *row = cause_row((enum cause)c);

        assert_non_null(t.what);
        assert_non_null(t.advice);
        assert_string_not_equal(t.what, row->what);
        assert_int_equal(strstr(t.what, "{domain}") != NULL, strstr(row->what, "{domain}") != NULL);
        assert_int_equal(strstr(t.advice, "weiter versucht") != NULL,
                         strstr(row->advice, "tried again") != NULL);
        assert_null(strchr(t.advice, '{'));
        assert_null(cause_texts_of(DSN_ENGLISH, (enum cause)c).what);
    }
    o.cause = CAUSE_CERT_NAME;
    o.details = SPAN("The certificate of mx.example.org was not accepted: it is for another name; "
                     "for mx.other.test, issued by Test CA, valid from 2026-01-01 until "
                     "2027-01-01.");
    assert_true(cause_texts_say(DSN_GERMAN, &o, SPAN("example.org"), &out));
    assert_holds(text_cstr(&out), "mx.example.org: Das Zertifikat lautet auf einen anderen Namen. "
                                  "Es wurde nichts gesendet. (das Zertifikat gilt für "
                                  "mx.other.test, ausgestellt von Test CA, gültig von 2026-01-01 "
                                  "bis 2027-01-01; es lautet auf einen anderen Namen) Nehmen Sie");
    text_clear(&out);
    o.details = SPAN("something that no row knows");
    assert_true(cause_texts_say(DSN_GERMAN, &o, SPAN("example.org"), &out));
    assert_holds(text_cstr(&out), "Es wurde nichts gesendet. Nehmen Sie");
    text_clear(&out);
    o = (struct outcome){
        .kind = OUTCOME_NEVER, .explained = true, .cause = CAUSE_REFUSED, .status = {4, 4, 7}};
    assert_true(cause_texts_say(DSN_GERMAN, &o, SPAN("example.org"), &out));
    assert_holds(text_cstr(&out), "Der letzte Versuch: Der andere Server hat die Verbindung");
    assert_null(strstr(text_cstr(&out), "Es wird automatisch weiter versucht"));
    text_clear(&out);
    o = (struct outcome){.kind = OUTCOME_NEVER, .words = SPAN("No cause stands behind this.")};
    assert_false(cause_texts_say(DSN_GERMAN, &o, SPAN("example.org"), &out));
    o.explained = true;
    assert_false(cause_texts_say(DSN_ENGLISH, &o, SPAN("example.org"), &out));
    assert_int_equal(out.len, 0);
    o = (struct outcome){.kind = OUTCOME_NEVER, .explained = true, .cause = CAUSE_NO_DOMAIN};
    to.outcome = &o;
    r.recipients = &to;
    r.language = DSN_GERMAN;
    dsn_words_write(&r, true, &out);
    assert_holds(text_cstr(&out), "Was geschah: Die Domain example.org gibt es nicht.");
    text_free(&out);
}

/* No English word of ours in a text; the far server's own words and names are set by the test. */
static void assert_german(const char *text)
{
    static const char *const english[] = {
        "the",         "is",   "of",   "and",   "not",   "to",   "with", "your",
        "you",         "has",  "have", "again", "tried", "said", "for",  "from",
        "this",        "that", "it",   "its",   "be",    "been", "does", "did",
        "mail system", "took", "into", "at",    "by",    "no",   "or"};

    for (size_t i = 0; i < COUNT(english); i++) {
        size_t len = strlen(english[i]);

        for (const char *at = text; (at = strcasestr(at, english[i])); at++) {
            unsigned char before = at > text ? (unsigned char)at[-1] : ' ';
            unsigned char after = (unsigned char)at[len];
            bool inside = g_ascii_isalnum((char)before) || before > 127 || before == '@' ||
                          before == '.' || before == '-' || g_ascii_isalnum((char)after) ||
                          after > 127 || after == '.' || after == '@' || after == '-';

            if (!inside)
                fail_msg("\"%s\" is English in:\n%s", english[i], text);
        }
    }
}

/* The first part of a report and its header, for people. */
static void assert_report_german(const struct dsn_report *r)
{
    struct view v = view_of(r);
    char *words = content(&v, 0);

    assert_german(words);
    assert_german(g_mime_message_get_subject(v.message));
    assert_german(g_mime_object_get_header(GMIME_OBJECT(v.message), "From"));
    g_free(words);
    view_free(&v);
}

/* For every cause, in each kind of report, with details known and unknown. */
static void german_is_german(void **state)
{
    static const struct span words[] = {
        SPAN("mx.example.org took the message."), SPAN("Put into the inbox of kim."),
        SPAN("What no row knows is left to the programs, and it is in English."),
        SPAN("It was tried for 120 hours and is not tried any more. The last try: DNS could not "
             "tell the way to example.org: it is not there. It is tried again; if it lasts for "
             "all domains, check this machine's network and resolver."),
        SPAN("It was tried for 120 hours and is not tried any more. The last try: nobody knows "
             "the reason of this.")};
    static const struct span details[] = {
        SPAN(""), SPAN("No connection to mx.example.org (192.0.2.1:25): Connection refused."),
        SPAN("The connection broke in answer to MAIL: something that is new."),
        SPAN("The certificate of mx.example.org was not accepted: some words of the library; for "
             "a.test, b.test and 7 more, issued by Test CA, valid from 2026-01-01 until "
             "2027-01-01."),
        SPAN("What the reason of this is nobody has said")};
    struct outcome o = unknown_user;
    struct dsn_recipient to = to_friend;
    struct dsn_report r = report();

    (void)state;
    to.outcome = &o;
    r.recipients = &to;
    r.language = DSN_GERMAN;
    r.ret = RET_HDRS;
    r.hostname = SPAN("mail.example.com");
    o.reply.text = SPAN("Nein");
    o.maybe_delivered = true;
    for (unsigned n = 0; n < CAUSE_COUNT * (COUNT(details) + COUNT(words)) * 3; n++) {
        unsigned which = n / 3 % (COUNT(details) + COUNT(words));

        r.kind = (enum dsn_kind)(n % 3);
        o.kind = r.kind == DSN_FAILED    ? OUTCOME_NEVER
                 : r.kind == DSN_DELAYED ? OUTCOME_LATER
                                         : OUTCOME_RELAYED;
        to.expanded = r.kind == DSN_SUCCESS && n % 2;
        o.cause = n / 3 / (COUNT(details) + COUNT(words));
        o.owner = (enum owner)(n % (OWNER_RECIPIENT + 1));
        o.status = n % 2 ? (struct enhanced){4, 4, 7} : (struct enhanced){5, 1, 1};
        o.explained = which < COUNT(details);
        o.details = o.explained ? details[which] : SPAN_NONE;
        o.words = o.explained ? SPAN("These are the English words of the cause.")
                              : words[which - COUNT(details)];
        assert_report_german(&r);
    }
}

/* Each row in each language, with as many parts as the English has. */
static void findings_are_known_in_each_language(void **state)
{
    struct text out = TEXT_INIT(4096), as_said = TEXT_INIT(4096);
    size_t i;

    (void)state;
    for (i = 0; finding_texts_english(i); i++) {
        const char *english = finding_texts_english(i);
        size_t stars = 0;

        for (const char *at = english; *at; at++)
            stars += *at == '*' || *at == '#';
        for (int l = DSN_ENGLISH + 1; l < DSN_LANGUAGES; l++) {
            const char *text = finding_texts_in(i, (enum dsn_language)l);

            assert_non_null(text);
            for (const char *at = strchr(text, '{'); at; at = strchr(at + 1, '{')) {
                assert_in_range(at[1], '1', '0' + stars);
                assert_true(at[2] == '}' || at[2] == '|');
            }
            /* Found as it stands, by itself and not by a row before it. */
            text_clear(&out);
            text_clear(&as_said);
            for (const char *at = english; *at; at++)
                text_addc(&as_said, *at == '#' ? '7' : *at);
            assert_true(finding_texts_say((enum dsn_language)l, text_span(&as_said), &out));
            assert_true(out.len > 0);
        }
    }
    assert_true(i > 50);
    text_clear(&out);
    assert_false(finding_texts_say(DSN_ENGLISH, SPAN("Connection refused"), &out));
    assert_false(finding_texts_say(DSN_GERMAN, SPAN(""), &out));
    assert_false(finding_texts_say(DSN_GERMAN, SPAN(" took the message."), &out));
    assert_true(finding_texts_say(
        DSN_GERMAN, SPAN("No connection to a (b) (192.0.2.1:25): Connection refused."), &out));
    text_free(&as_said);
    text_free(&out);
}

/* A number is a number: what only looks like one is another finding. */
static void numbers_in_findings(void **state)
{
    struct text out = TEXT_INIT(400);

    (void)state;
    assert_true(finding_texts_say(DSN_GERMAN, SPAN("20.3 MB"), &out));
    assert_string_equal(text_cstr(&out), "20,3 MB");
    text_clear(&out);
    assert_false(finding_texts_say(DSN_GERMAN, SPAN("the answer has more than 512 bytes"), &out));
    assert_false(finding_texts_say(DSN_GERMAN, SPAN(" bytes"), &out));
    assert_int_equal(out.len, 0);
    text_free(&out);
}

/* Each report stands whole in the one mail, of whatever octets it is made. */
static void reports_in_one_mail(void **state)
{
    struct dsn_report r = report();
    struct text one = TEXT_INIT(1 << 20), two = TEXT_INIT(1 << 20), raw = TEXT_INIT(1 << 20);
    struct dsn_part parts[2];
    struct dsn_bundle b = {.hostname = r.hostname,
                           .sender = r.sender,
                           .id = id_new(),
                           .now = NOW,
                           .parts = parts,
                           .count = 2};
    unsigned need = 0;
    GMimeMessage *m;
    GMimeMultipart *mixed, *digest;
    char *words;
    struct view v = {0};

    (void)state;
    assert_true(dsn_compose(&r, &one, &parts[0].need));
    r.body = SPAN("caf\xc3\xa9\r\n");
    r.id = id_new();
    r.kind = DSN_FAILED;
    assert_true(dsn_compose(&r, &two, &parts[1].need));
    parts[0].whole = text_span(&one);
    parts[1].whole = text_span(&two);
    assert_true(dsn_bundle(&b, &raw, &need));
    assert_int_equal(need, NEED_8BIT);
    assert_true(span_search(text_span(&raw), parts[0].whole) > 0);
    assert_true(span_search(text_span(&raw), parts[1].whole) > 0);
    {
        GMimeStream *stream = g_mime_stream_mem_new_with_buffer(raw.at, raw.len);
        GMimeParser *parser = g_mime_parser_new_with_stream(stream);

        m = g_mime_parser_construct_message(parser, NULL);
        g_object_unref(parser);
        g_object_unref(stream);
    }
    assert_string_equal(g_mime_message_get_subject(m), "2 reports about your mail");
    mixed = v.multi = GMIME_MULTIPART(g_mime_message_get_mime_part(m));
    assert_int_equal(g_mime_multipart_get_count(mixed), 2);
    words = content(&v, 0);
    assert_holds(words, "\r\n  Not delivered: your mail to friend@example.org\r\n"
                        "  Not delivered: your mail to friend@example.org\r\n");
    free(words);
    digest = GMIME_MULTIPART(g_mime_multipart_get_part(mixed, 1));
    assert_int_equal(g_mime_multipart_get_count(digest), 2);
    for (int i = 0; i < 2; i++) {
        GMimeMessage *in = g_mime_message_part_get_message(
            GMIME_MESSAGE_PART(g_mime_multipart_get_part(digest, i)));

        v.multi = GMIME_MULTIPART(g_mime_message_get_mime_part(in));
        assert_int_equal(g_mime_multipart_get_count(v.multi), 3);
        assert_type(&v, 1, "message/delivery-status");
    }
    g_object_unref(m);
    parts[1].whole = text_span(&raw); /* who knows the id could break the shape */
    text_clear(&two);
    assert_false(dsn_bundle(&b, &two, &need));
    text_free(&one);
    text_free(&two);
    text_free(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_languages),
        cmocka_unit_test(causes_in_german),
        cmocka_unit_test(german_is_german),
        cmocka_unit_test(findings_are_known_in_each_language),
        cmocka_unit_test(numbers_in_findings),
        cmocka_unit_test(reports_in_one_mail),
        cmocka_unit_test(a_failure),
        cmocka_unit_test(delays_and_successes_give_the_header_only),
        cmocka_unit_test(many_recipients),
        cmocka_unit_test(beyond_ascii),
        cmocka_unit_test(hostile_words_change_nothing),
        cmocka_unit_test(bodies_that_cannot_stand_there_stay_away),
        cmocka_unit_test(the_boundary_is_in_no_part),
        cmocka_unit_test(too_little_room_is_told),
    };

    setenv("TZ", "UTC", 1);
    tzset();
    g_mime_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
