/* Whatever peers and senders wrote, the report keeps its shape: three parts, whole line ends, tame
 * lines, 8 bits only when it says so. The input is cut at "|" into the peers' and senders' texts.
 */
#include "mail/cause.h"
#include "mail/dsn.h"
#include "mail/quoted.h"
#include "mail/utf8.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXTS = 7 };

static void check(const struct dsn_report *r)
{
    struct text out = TEXT_INIT(8 << 20), whole = TEXT_INIT(9 << 20);
    struct span rest, line, boundary;
    unsigned need, marks = 0;
    ptrdiff_t at;

    assert(dsn_compose(r, &out, &need));
    assert(quoted_plain(text_span(&out)));
    quoted_whole(text_span(&out), &whole);
    assert(span_eq(text_span(&whole), text_span(&out)));
    assert(need || !utf8_high(text_span(&out)));
    at = span_search(text_span(&out), SPAN("\n\tboundary=\""));
    boundary = span_from(text_span(&out), (size_t)at + 12);
    boundary = span_head(boundary, (size_t)span_find(boundary, '"'));
    rest = text_span(&out);
    while (quoted_line(&rest, &line))
        marks += span_starts(line, SPAN("--")) && span_starts(span_from(line, 2), boundary);
    assert(marks == 4);
    text_free(&out);
    text_free(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size}, t[TEXTS] = {{NULL, 0}};
    struct outcome o = {.kind = OUTCOME_NEVER, .status = {5, 1, 1}};
    struct dsn_recipient to = {.outcome = &o, .last_try = 1, .retry_until = 1};
    struct dsn_report r = {.hostname = SPAN("mail.example.com"),
                           .sender = SPAN("ann@example.com"),
                           .ret = RET_FULL,
                           .recipients = &to,
                           .count = 1};

    for (size_t i = 0; i < TEXTS - 1 && span_cut(&rest, '|', &t[i]); i++)
        ;
    t[TEXTS - 1] = rest;
    to.address = t[0];
    to.orcpt = t[1];
    o.host = t[2];
    o.words = t[3];
    o.reply = (struct reply){.code = 550, .enhanced = {5, 1, 1}, .text = t[4]};
    r.header = t[5];
    r.body = t[6];
    for (int n = 0; n < DSN_LANGUAGES * (DSN_SUCCESS + 1) * 2; n++) {
        r.kind = (enum dsn_kind)(n % (DSN_SUCCESS + 1));
        r.language = (enum dsn_language)(n / (DSN_SUCCESS + 1) % DSN_LANGUAGES);
        o.explained = n % 2; /* then what it says are details of a cause */
        o.cause = size % CAUSE_COUNT;
        o.details = o.words;
        check(&r);
    }
    return 0;
}
