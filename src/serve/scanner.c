#include "serve/scanner.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/fetch.h"
#include "dns/reverse.h"
#include "serve/rspamd.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

enum { HEADERS_MAX = 64, RECIPIENTS_SHOWN = 50, VALUE_MAX = 600, NAME_MS = 3000 };

struct scanner {
    const struct config *config;
    struct dns *dns;
    struct fetch *fetch;
};

struct scanner *scanner_new(struct loop *l, const struct config *c, struct dns *d, struct error *e)
{
    struct fetch_settings set = {.no_proxy = true, .plain = true};
    struct scanner *s = memory_alloc(sizeof *s);

    s->config = c;
    s->dns = d;
    s->fetch = fetch_new(l, &set, e);
    if (!s->fetch)
        scanner_free(&s);
    return s;
}

void scanner_free(struct scanner **s)
{
    if (!*s)
        return;
    fetch_free(&(*s)->fetch);
    free(*s);
    *s = NULL;
}

/* What the client said stands in here: nothing of it may end the line. */
static struct span header(struct arena *a, const char *name, struct span value)
{
    struct text safe = TEXT_INIT(4 * VALUE_MAX);
    struct span out;

    text_add_safe(&safe, span_head(value, VALUE_MAX));
    out = span_of(arena_printf(a, "%s: %s", name, text_cstr(&safe)));
    text_free(&safe);
    return out;
}

/* The name of the client's address that leads back to it; empty: none, or it took too long. */
static struct span host_of(const struct scanner *s, struct span peer, struct arena *a)
{
    struct sockaddr_storage at = {0};
    struct reverse r;
    char text[INET6_ADDRSTRLEN];
    bool six = span_find(peer, ':') >= 0;
    void *raw = six ? (void *)&((struct sockaddr_in6 *)&at)->sin6_addr
                    : (void *)&((struct sockaddr_in *)&at)->sin_addr;

    at.ss_family = six ? AF_INET6 : AF_INET;
    if (!span_cstr(peer, text, sizeof text) || inet_pton(at.ss_family, text, raw) != 1)
        return SPAN_NONE;
    reverse_look(s->dns, &at, clock_now() + NAME_MS, a, &r);
    return r.confirmed ? r.name : SPAN_NONE;
}

/* As https://rspamd.com/doc/developers/protocol.html names them. There is no User: who logged in is
 * not looked at. What is not known is left out, and rspamd counts it against the sender. */
static size_t headers_of(const struct scanner *s, const struct letter_accept *l, struct arena *a,
                         struct span *out)
{
    const struct message *m = &l->message;
    struct span host = host_of(s, m->origin.peer, a);
    char id[ID_TEXT + 1];
    size_t n = 0;

    id_text(&m->envelope.id, id);
    out[n++] = SPAN("Content-Type: message/rfc822");
    out[n++] = header(a, "IP", m->origin.peer);
    out[n++] = header(a, "Helo", m->origin.helo);
    out[n++] = header(a, "From", m->envelope.sender.len ? m->envelope.sender : SPAN("<>"));
    if (host.len)
        out[n++] = header(a, "Hostname", host);
    if (l->tls_version.len) {
        out[n++] = header(a, "TLS-Version", l->tls_version);
        out[n++] = header(a, "TLS-Cipher", l->tls_cipher);
    }
    out[n++] = header(a, "Queue-Id", span_of(id));
    out[n++] = header(a, "MTA-Name", span_of(s->config->hostname));
    for (size_t i = 0; i < m->envelope.count && i < RECIPIENTS_SHOWN; i++)
        out[n++] = header(a, "Rcpt", m->envelope.recipients[i].address);
    return n;
}

static ssize_t read_file(void *arg, uint64_t offset, char *buf, size_t n)
{
    const struct content *c = arg;

    return pread(c->fd, buf, n, (off_t)offset);
}

static int ask(struct scanner *s, const struct letter_accept *l, struct arena *a,
               struct rspamd_answer *answer, struct error *e)
{
    const struct message *m = &l->message;
    struct rspamd_question q = {span_of(s->config->hostname), m->envelope.sender, m->origin.helo};
    const struct config_incoming *set = &s->config->incoming;
    struct span headers[HEADERS_MAX];
    struct fetch_call call = {.url = arena_printf(a, "%s/checkv2", set->rspamd),
                              .headers = headers,
                              .header_count = headers_of(s, l, a, headers),
                              .post = true,
                              .body = m->content.body,
                              .max = RSPAMD_ANSWER_MAX,
                              .deadline = clock_now() + set->rspamd_timeout};
    struct fetch_answer got;
    int result;

    if (m->content.fd >= 0) {
        call.read = read_file;
        call.read_arg = (void *)(uintptr_t)&m->content;
        call.size = m->content.size;
    }
    result = fetch_run(s->fetch, &call, &got, e);
    if (result == 0 && got.status != 200)
        result = error_set(e, ERROR_TEMPORARY, "rspamd answered with status %u", got.status);
    if (result == 0)
        result = rspamd_read(text_span(&got.body), &q, a, answer, e);
    fetch_answer_free(&got);
    return result;
}

void scanner_ask(struct scanner *s, const struct letter_accept *l, struct arena *a,
                 struct letter_scanned *out)
{
    struct rspamd_answer answer = {0};
    struct error e = {0};

    *out = (struct letter_scanned){.verdict = SCAN_NO_ANSWER};
    if (ask(s, l, a, &answer, &e) < 0) {
        log_event(LOG_WARNING, "scan.failed", LOG_ID(&l->message.envelope.id),
                  LOG_STR("why", e.words));
        return;
    }
    out->verdict = answer.action == RSPAMD_REJECT     ? SCAN_REFUSE
                   : answer.action == RSPAMD_LATER    ? SCAN_LATER
                   : answer.action == RSPAMD_GREYLIST ? SCAN_LATER
                                                      : SCAN_TAKE;
    out->fields = answer.fields;
    out->words = answer.words;
}
