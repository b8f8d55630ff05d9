#include "serve/senders.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "route/path.h"
#include "route/spf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asked {
    uint64_t what;
    int64_t at;
};

struct senders {
    const struct config *config;
    struct dns *dns;
    void (*warn)(void *arg, const char *text);
    void *arg;
    struct asked asked[SENDERS_MAX]; /* a ring */
    size_t next;
};

struct senders *senders_new(const struct config *config, struct dns *dns,
                            void (*warn)(void *arg, const char *text), void *arg)
{
    struct senders *s = memory_alloc(sizeof *s);

    *s = (struct senders){.config = config, .dns = dns, .warn = warn, .arg = arg};
    return s;
}

void senders_free(struct senders **s)
{
    free(*s);
    *s = NULL;
}

/* NULL: asked lately; else where it is noted now. */
static struct asked *begin(struct senders *s, struct span relay, struct span domain)
{
    uint64_t what = map_hash(relay) * 31 + map_hash(domain);
    int64_t now = clock_now();

    for (size_t i = 0; i < SENDERS_MAX; i++)
        if (s->asked[i].at && s->asked[i].what == what && now - s->asked[i].at < CLOCK_DAY)
            return NULL;
    s->next = (s->next + 1) % SENDERS_MAX;
    s->asked[s->next] = (struct asked){what, now ? now : 1};
    return &s->asked[s->next];
}

/* Mail comes out of the relay at an address that we can only guess: its own. */
static size_t addresses_of(struct senders *s, const struct config_relay *r, int64_t deadline,
                           struct arena *a, struct sockaddr_storage **out)
{
    struct span host = span_of(r->host);
    struct dns_address_list l;

    *out = arena_alloc(a, sizeof **out);
    if (host.len > 2 && host.at[0] == '[')
        host = (struct span){host.at + 1, host.len - 2};
    if (span_istarts(host, SPAN("IPv6:")))
        host = span_from(host, 5);
    if (path_literal(host, *out))
        return 1;
    if (dns_address(s->dns, host, deadline, a, &l) != DNS_OK)
        return 0;
    *out = l.address;
    return l.count;
}

/* What the domain says in words, a bracket left open, or NULL when nothing is to be told. */
static const char *trouble(enum spf_result spf, const char *dmarc)
{
    if (spf == SPF_FAIL)
        return "only its own servers may send its mail (SPF -all";
    if (spf == SPF_SOFTFAIL)
        return "mail from other servers than its own is suspect (SPF ~all";
    if ((spf == SPF_NONE || spf == SPF_NEUTRAL) &&
        (strcmp(dmarc, "reject") == 0 || strcmp(dmarc, "quarantine") == 0))
        return "mail that it did not sign is not from it (no SPF";
    return NULL;
}

static void tell(struct senders *s, const struct config_relay *r, struct span domain,
                 enum spf_result spf, const char *dmarc)
{
    const char *what = trouble(spf, dmarc);
    bool strict = spf == SPF_FAIL || strcmp(dmarc, "reject") == 0;
    char text[900];

    if (!what)
        return;
    snprintf(text, sizeof text,
             "%.*s says that %s%s%s). Mail of this sender through the relay %s (%s) may be %s; it "
             "is sent all the same. Who runs the domain can allow the relay.",
             SPAN_ARG(span_head(domain, 255)), what, *dmarc ? ", DMARC " : "", dmarc, r->name,
             r->host, strict ? "refused" : "taken for spam");
    s->warn(s->arg, text);
}

void senders_about(void *arg, struct span relay, struct span sender)
{
    struct senders *s = arg;
    struct span domain = span_from(sender, (size_t)(span_rfind(sender, '@') + 1));
    int64_t deadline = clock_now() + SENDERS_DNS_MS;
    enum spf_result spf = SPF_UNKNOWN;
    const struct config_relay *r = NULL;
    struct sockaddr_storage *address;
    struct asked *noted;
    struct arena *a;
    size_t count;

    for (size_t i = 0; i < s->config->relay_count; i++)
        if (span_is(relay, s->config->relays[i].name))
            r = &s->config->relays[i];
    if (!r || !sender.len || span_find(domain, '.') < 0 || !(noted = begin(s, relay, domain)))
        return;
    a = arena_new();
    count = addresses_of(s, r, deadline, a, &address);
    /* A relay on this machine sends from who knows where. */
    if (count && !s->config->delivery.allow_loopback && path_is_loopback(&address[0]))
        spf = SPF_PASS;
    else if (count)
        spf = spf_check(s->dns, domain, address, count, deadline);
    if (spf == SPF_UNKNOWN)
        noted->at = 0; /* the next message asks again */
    else if (spf != SPF_PASS)
        tell(s, r, domain, spf, spf_dmarc(s->dns, domain, deadline));
    arena_free(&a);
}
