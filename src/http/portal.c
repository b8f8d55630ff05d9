#include "http/portal.h"

#include "base/text.h"
#include "io/line.h"

#include <stdlib.h>

enum { LINE = 2048, LINES = 60, QUESTION = 512, HOST_MAX = 300 };

static enum portal_answer judge(unsigned status)
{
    if (status == 204)
        return PORTAL_SAYS_FREE;
    return status == 200 || (status >= 300 && status < 400) || status == 511 ? PORTAL_SAYS_LOGIN
                                                                             : PORTAL_SAYS_NOTHING;
}

static void keep(char words[PORTAL_WORDS], struct span s)
{
    struct text safe = TEXT_INIT(PORTAL_WORDS);

    text_add_safe(&safe, span_head(s, PORTAL_WORDS / 4));
    span_cstr(text_span(&safe), words, PORTAL_WORDS);
    text_free(&safe);
}

/* Line by line and not by a parser: login pages are seldom HTTP to the letter, and it is the first
 * line that counts. */
static unsigned hear(struct stream **stream, char words[PORTAL_WORDS])
{
    struct line_reader r;
    struct span line;
    unsigned code = 0;
    int sys;

    line_init(&r, stream, LINE);
    if (line_read(&r, LINE, &line, &sys) == LINE_OK && span_istarts(line, SPAN("HTTP/")) &&
        line.len > 12) {
        code = (unsigned)strtoul(span_head(span_from(line, 9), 3).at, NULL, 10);
        keep(words, line);
    }
    for (int i = 0; code && i < LINES; i++) {
        if (line_read(&r, LINE, &line, &sys) != LINE_OK || !line.len)
            break;
        if (span_istarts(line, SPAN("Location:")))
            keep(words, span_trim(span_from(line, 9)));
    }
    line_free(&r);
    return code;
}

enum portal_answer portal_ask(struct stream **stream, struct span host, int64_t until,
                              char words[PORTAL_WORDS])
{
    struct text question = TEXT_INIT(QUESTION);
    enum portal_answer answer = PORTAL_SAYS_NOTHING;

    words[0] = '\0';
    text_addf(&question,
              "GET /generate_204 HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: port26\r\n"
              "Connection: close\r\n\r\n",
              SPAN_ARG(span_head(host, HOST_MAX)));
    stream_deadline(*stream, until);
    if (stream_write(*stream, text_span(&question)) == 0)
        answer = judge(hear(stream, words));
    text_free(&question);
    return answer;
}
