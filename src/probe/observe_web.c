/* The captive portal's tell-tale: a page whose answer is known (204, empty) is asked for in the
 * clear; a network that wants a login first gives another answer. */
#include "probe/observe_parts.h"

#include "base/clock.h"
#include "io/line.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum { HTTP_LINE = 2048, HTTP_LINES = 60 };

static bool ask(struct observe *o, const struct sockaddr_storage *at, struct stream **s)
{
    struct reach r;
    char question[FINDINGS_TEXT + 100];
    int n = snprintf(question, sizeof question,
                     "GET /generate_204 HTTP/1.1\r\nHost: %s\r\nUser-Agent: port26\r\n"
                     "Connection: close\r\n\r\n",
                     o->s->portal);

    if (n >= (int)sizeof question ||
        reach_connect(o->loop, (const struct sockaddr *)at, 0, o->until - 300, &r, s) < 0)
        return false;
    stream_deadline(*s, o->until - 200);
    return stream_write(*s, (struct span){question, (size_t)n}) == 0;
}

static void hear(struct observe *o, struct stream **s)
{
    struct line_reader r;
    struct span line;
    unsigned code = 0;
    int sys;

    line_init(&r, s, HTTP_LINE);
    if (line_read(&r, HTTP_LINE, &line, &sys) == LINE_OK && span_istarts(line, SPAN("HTTP/")) &&
        line.len > 12) {
        code = (unsigned)strtoul(span_head(span_from(line, 9), 3).at, NULL, 10);
        observe_text(o->f->portal_words, sizeof o->f->portal_words, line);
    }
    for (int i = 0; code && i < HTTP_LINES; i++) {
        if (line_read(&r, HTTP_LINE, &line, &sys) != LINE_OK || !line.len)
            break;
        if (span_istarts(line, SPAN("Location:")))
            observe_text(o->f->portal_words, sizeof o->f->portal_words,
                         span_trim(span_from(line, 9)));
    }
    line_free(&r);
    if (code == 204)
        o->f->portal = PORTAL_NO;
    else if (code == 200 || (code >= 300 && code < 400) || code == 511)
        o->f->portal = PORTAL_LOGIN;
}

void observe_web(struct observe *o)
{
    struct arena *a = arena_new();
    struct dns_address_list found = {0};
    struct stream *s = NULL;

    o->f->portal = PORTAL_NOTHING;
    if (dns_address(o->dns, span_of(o->s->portal), o->until - 500, a, &found) == DNS_OK) {
        for (size_t i = found.count; i-- > 0 && !s;) { /* IPv4 stands at the end: it first */
            struct sockaddr_storage at = found.address[i];

            ((struct sockaddr_in *)&at)->sin_port = htons(80); /* at the same place in IPv6 */
            if (ask(o, &at, &s))
                hear(o, &s);
            if (o->f->portal == PORTAL_NO)
                o->portal = at;
            if (s)
                break;
        }
    }
    stream_abort(&s);
    arena_free(&a);
}
