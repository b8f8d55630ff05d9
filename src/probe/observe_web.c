/* The captive portal's tell-tale: a page whose answer is known (204, empty) is asked for in the
 * clear; a network that wants a login first gives another answer. */
#include "probe/observe_parts.h"

#include "http/portal.h"

#include <arpa/inet.h>

/* False: no connection. */
static bool ask(struct observe *o, const struct sockaddr_storage *at)
{
    static const enum findings_portal portals[] = {[PORTAL_SAYS_NOTHING] = PORTAL_NOTHING,
                                                   [PORTAL_SAYS_FREE] = PORTAL_NO,
                                                   [PORTAL_SAYS_LOGIN] = PORTAL_LOGIN};
    struct stream *s = NULL;
    char words[PORTAL_WORDS];
    struct reach r;

    if (reach_connect(o->loop, (const struct sockaddr *)at, 0, o->until - 300, &r, &s) < 0)
        return false;
    o->f->portal = portals[portal_ask(&s, span_of(o->s->portal), o->until - 200, words)];
    observe_text(o->f->portal_words, sizeof o->f->portal_words, span_of(words));
    if (o->f->portal == PORTAL_NO)
        o->portal = *at;
    stream_abort(&s);
    return true;
}

void observe_web(struct observe *o)
{
    struct arena *a = arena_new();
    struct dns_address_list found = {0};
    bool asked = false;

    o->f->portal = PORTAL_NOTHING;
    if (dns_address(o->dns, span_of(o->s->portal), o->until - 500, a, &found) == DNS_OK) {
        for (size_t i = found.count; i-- > 0 && !asked;) { /* IPv4 stands at the end: it first */
            struct sockaddr_storage at = found.address[i];

            ((struct sockaddr_in *)&at)->sin_port = htons(PORTAL_PORT); /* as in IPv6 */
            asked = ask(o, &at);
        }
    }
    arena_free(&a);
}
