#include "deliver/hop.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_TIME = 30 * 1000 };

static struct hop *hop_new(const struct hop_wish *w)
{
    struct hop *h = memory_alloc(sizeof *h);
    char address[PATH_ADDRESS_TEXT];

    path_address(w->path, address);
    h->arena = arena_new();
    h->key = arena_span(h->arena, w->key);
    h->host = arena_span(h->arena, w->path->host);
    h->address = arena_span(h->arena, span_of(address));
    return h;
}

static enum smtp_client_tls tls_of(const struct hop_wish *w)
{
    const struct path *p = w->path;

    if (p->tls == PATH_TLS_IMPLICIT)
        return CLIENT_TLS_IMPLICIT;
    if (p->must_encrypt || p->must_verify || p->tls == PATH_TLS_STARTTLS)
        return CLIENT_TLS_STARTTLS;
    if (w->clear || p->tls == PATH_TLS_NONE)
        return CLIENT_TLS_NONE;
    return CLIENT_TLS_OPPORTUNISTIC;
}

static struct smtp_client_settings settings_of(const struct hop_wish *w, struct hop *h)
{
    struct smtp_client_settings s = smtp_client_defaults();

    s.helo = arena_cstr(h->arena, span_of(w->helo));
    s.tls = tls_of(w);
    s.context = w->context;
    s.name = arena_cstr(h->arena, w->path->verify.len ? w->path->verify : w->path->host);
    s.verify = w->path->must_verify;
    s.user = w->user;
    s.password = w->password;
    s.token = w->token;
    s.port = w->path->port;
    s.mechanisms = w->mechanisms;
    /* Within this machine nobody listens: there a login may go without TLS (P7). */
    s.link_trusted = path_is_loopback(&w->path->address) && !w->path->must_verify;
    return s;
}

static int connect_failed(const struct hop *h, int rc, struct smtp_client_failure *f)
{
    *f = (struct smtp_client_failure){.stage = STAGE_CONNECT, .why = CLIENT_LOST, .sys = -rc};
    if (rc == -ETIMEDOUT)
        return error_mail(&f->error, ERROR_TEMPORARY, "4.4.1", OWNER_NETWORK,
                          "%.*s (%.*s) did not answer the connection.", SPAN_ARG(h->host),
                          SPAN_ARG(h->address));
    return error_mail(&f->error, ERROR_TEMPORARY, "4.4.1", OWNER_NETWORK,
                      "No connection to %.*s (%.*s): %s.", SPAN_ARG(h->host), SPAN_ARG(h->address),
                      strerror(-rc));
}

static int not_our_turn(struct smtp_client_failure *f)
{
    *f = (struct smtp_client_failure){.stage = STAGE_AUTH, .why = CLIENT_LOST, .sys = ECANCELED};
    return error_mail(&f->error, ERROR_TEMPORARY, "4.3.2", OWNER_PROVIDER,
                      "Given up for another door before its login.");
}

static int talk(const struct hop_wish *w, struct hop *h, struct smtp_client_failure *f)
{
    struct smtp_client_settings s = settings_of(w, h);

    h->client = smtp_client_new(&h->stream, &s);
    smtp_client_until(h->client, w->until);
    if (smtp_client_approach(h->client) == 0) {
        if (!s.user.len)
            return 0;
        if (w->turn && w->turn(w->arg) < 0)
            return not_our_turn(f);
        if (smtp_client_login(h->client) == 0)
            return 0;
    }
    *f = *smtp_client_failure(h->client);
    return -1;
}

static int connect_to(const struct hop_wish *w, struct hop *h, struct smtp_client_failure *f)
{
    int64_t deadline = clock_now() + (w->connect_time ? w->connect_time : CONNECT_TIME);
    int rc = stream_connect(w->loop, (const struct sockaddr *)&w->path->address,
                            (const struct sockaddr *)w->source,
                            deadline < w->until ? deadline : w->until, &h->stream);

    if (rc < 0)
        return connect_failed(h, rc, f);
    if (w->connected)
        w->connected(w->arg);
    return talk(w, h, f);
}

struct hop *hop_open(const struct hop_wish *w, struct arena *a, struct smtp_client_failure *failure,
                     struct span *tls)
{
    struct hop *h = hop_new(w);

    *tls = SPAN_NONE;
    *failure = (struct smtp_client_failure){0};
    if (connect_to(w, h, failure) == 0)
        return h;
    failure->reply = reply_copy(a, &failure->reply);
    if (h->client)
        *tls = arena_span(a, smtp_client_far(h->client)->tls_words);
    hop_part(w->loop, &h);
    return NULL;
}

void hop_close(struct hop **h)
{
    if (!*h)
        return;
    if ((*h)->client)
        smtp_client_quit((*h)->client);
    smtp_client_free(&(*h)->client);
    stream_close(&(*h)->stream);
    arena_free(&(*h)->arena);
    free(*h);
    *h = NULL;
}

static void close_it(void *arg)
{
    struct hop *h = arg;

    hop_close(&h);
}

void hop_part(struct loop *l, struct hop **h)
{
    /* The job's texts end with the job; the good-bye needs none of them. */
    if ((*h)->client)
        fiber_start(l, close_it, *h);
    else
        hop_close(h);
    *h = NULL;
}
