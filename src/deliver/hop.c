#include "deliver/hop.h"

#include "base/clock.h"
#include "base/memory.h"
#include "deliver/once.h"
#include "deliver/posting.h"
#include "http/submission.h"
#include "http/http_proxy.h"
#include "io/fiber.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { CONNECT_TIME = 30 * 1000, GREETING_TIME = 2500 };

static struct hop *hop_new(const struct hop_wish *w)
{
    struct hop *h = memory_alloc(sizeof *h);
    char address[PATH_ADDRESS_TEXT], door[PATH_DOOR_TEXT];

    path_address(w->path, address);
    path_door(w->path, door);
    h->arena = arena_new();
    h->key = arena_span(h->arena, w->key);
    h->host = arena_span(h->arena, w->path->host);
    h->address = arena_span(h->arena, span_of(address));
    h->door = arena_span(h->arena, span_of(door));
    return h;
}

static enum smtp_client_tls tls_of(const struct hop_wish *w)
{
    const struct path *p = w->path;

    if (p->tls == PATH_TLS_IMPLICIT || p->tls == PATH_TLS_HTTPS)
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

    s.protocols = w->path->tls == PATH_TLS_HTTPS ? "smtp http/1.1" : NULL;
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

static int connect_failed(const struct path *p, int rc, struct smtp_client_failure *f)
{
    char address[PATH_ADDRESS_TEXT];

    path_address(p, address);
    *f = (struct smtp_client_failure){.stage = STAGE_CONNECT, .why = CLIENT_LOST, .sys = -rc};
    if (rc == -ETIMEDOUT)
        return error_mail(&f->error, ERROR_TEMPORARY, "4.4.1", OWNER_NETWORK,
                          "%.*s (%s) did not answer the connection.", SPAN_ARG(p->host), address);
    return error_mail(&f->error, ERROR_TEMPORARY, "4.4.1", OWNER_NETWORK,
                      "No connection to %.*s (%s): %s.", SPAN_ARG(p->host), address, strerror(-rc));
}

void hop_silent(const struct path *p, struct smtp_client_failure *f)
{
    connect_failed(p, -ETIMEDOUT, f);
}

/* The proxy's answer in words. Nothing of the relay's was told to it but the name. */
static int pass_proxy(const struct hop_wish *w, struct hop *h, int64_t deadline,
                      struct smtp_client_failure *f)
{
    unsigned status;
    int rc = http_proxy_connect(&h->stream, w->path->through, w->path->proxy_login,
                                deadline < w->until ? deadline : w->until, &status);

    if (rc == 0)
        return 0;
    *f = (struct smtp_client_failure){.stage = STAGE_CONNECT, .why = CLIENT_LOST, .sys = -rc};
    if (status == 407)
        return error_mail(&f->error, ERROR_TEMPORARY, "4.4.1", OWNER_YOU,
                          "The proxy (%.*s) wants a login of its own (407): put it into "
                          "https_proxy, as http://name:password@host:port",
                          SPAN_ARG(h->address));
    if (status)
        return error_mail(&f->error, ERROR_TEMPORARY, "4.4.1", OWNER_NETWORK,
                          "The proxy (%.*s) does not connect to %.*s: it answered %u",
                          SPAN_ARG(h->address), SPAN_ARG(w->path->through), status);
    return error_mail(&f->error, ERROR_TEMPORARY, "4.4.1", OWNER_NETWORK,
                      "The proxy (%.*s) gave no answer: %s", SPAN_ARG(h->address), strerror(-rc));
}

static int not_our_turn(struct smtp_client_failure *f)
{
    *f = (struct smtp_client_failure){.stage = STAGE_AUTH, .why = CLIENT_LOST, .sys = ECANCELED};
    return error_mail(&f->error, ERROR_TEMPORARY, "4.3.2", OWNER_PROVIDER,
                      "Given up for another door before its login.");
}

/* ---- what it speaks ---- */

/* Over HTTPS, with the login told only to a server that says that it takes mail. */
static int talk_http(const struct hop_wish *w, struct hop *h, struct smtp_client_failure *f)
{
    struct posting_settings s = {.host = h->host,
                                 .port = w->path->port,
                                 .user = w->user,
                                 .password = w->password,
                                 .token = w->token,
                                 .mechanisms = w->mechanisms};

    smtp_client_free(&h->client);
    h->posting = posting_new(&h->stream, &s);
    posting_until(h->posting, w->until);
    if (posting_look(h->posting) == 0) {
        if (!w->user.len)
            return 0;
        if (w->turn && w->turn(w->arg) < 0)
            return not_our_turn(f);
        posting_until(h->posting, w->until);
        if (posting_login(h->posting) == 0)
            return 0;
    }
    *f = *posting_failure(h->posting);
    return -1;
}

/* Who chose no protocol shows by its greeting that it speaks SMTP. */
static bool speaks_http(const struct hop_wish *w, struct hop *h)
{
    struct tls_info tls;
    char first[4];
    int64_t end = clock_now() + GREETING_TIME;

    if (!tls_info(h->stream, &tls))
        return false;
    if (tls.protocol[0])
        return strcmp(tls.protocol, "smtp") != 0;
    stream_deadline(h->stream, end < w->until ? end : w->until);
    return tls_peek(h->stream, first, sizeof first) == -ETIMEDOUT;
}

static int talk(const struct hop_wish *w, struct hop *h, struct smtp_client_failure *f)
{
    struct smtp_client_settings s = settings_of(w, h);

    h->client = smtp_client_new(&h->stream, &s);
    smtp_client_until(h->client, w->until);
    if (w->path->tls == PATH_TLS_HTTPS && smtp_client_secure(h->client) == 0 && speaks_http(w, h))
        return talk_http(w, h, f);
    if (!smtp_client_failure(h->client)->stage && smtp_client_approach(h->client) == 0) {
        if (!s.user.len)
            return 0;
        if (w->turn && w->turn(w->arg) < 0)
            return not_our_turn(f);
        smtp_client_until(h->client, w->until);
        if (smtp_client_login(h->client) == 0)
            return 0;
    }
    *f = *smtp_client_failure(h->client);
    return -1;
}

static int connect_to(const struct hop_wish *w, struct hop *h, struct smtp_client_failure *f)
{
    int64_t deadline = clock_now() + (w->connect_time ? w->connect_time : CONNECT_TIME);
    int rc;

    if (deadline > w->until)
        deadline = w->until;
    rc = w->connect ? w->connect(w->arg, deadline, &h->stream)
                    : stream_connect(w->loop, (const struct sockaddr *)&w->path->address,
                                     (const struct sockaddr *)w->source, deadline, &h->stream);

    if (rc < 0)
        return connect_failed(w->path, rc, f);
    if (w->connected)
        w->connected(w->arg);
    if (w->path->through.len && pass_proxy(w, h, deadline, f) < 0)
        return -1;
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
    if (h->client || h->posting)
        *tls = arena_span(a, hop_far(h)->tls_words);
    hop_part(w->loop, &h);
    return NULL;
}

const struct smtp_client_far *hop_far(const struct hop *h)
{
    return h->posting ? posting_far(h->posting) : smtp_client_far(h->client);
}

int hop_send(struct hop *h, const struct envelope *e, const struct content *content,
             struct arena *a, struct smtp_client_result *out)
{
    struct envelope known = *e;
    char key[ONCE_KEY];

    if (h->posting)
        return posting_send(h->posting, e, content, a, out);
    if (!e->envid.len && hop_far(h)->mechanism.len) {
        once_key(e, e->count, key);
        known.envid = span_of(arena_printf(a, SUBMISSION_ENVID "%s", key));
    }
    return smtp_client_send(h->client, &known, content, a, out);
}

bool hop_usable(struct hop *h)
{
    return h->posting ? posting_usable(h->posting) : smtp_client_usable(h->client);
}

unsigned hop_messages(const struct hop *h)
{
    return h->posting ? posting_messages(h->posting) : smtp_client_messages(h->client);
}

void hop_until(struct hop *h, int64_t at)
{
    if (h->posting)
        posting_until(h->posting, at);
    else
        smtp_client_until(h->client, at);
}

void hop_cut(struct hop *h)
{
    if (h->posting)
        posting_cut(h->posting);
    else
        smtp_client_cut(h->client);
}

void hop_break(struct hop *h)
{
    if (h->stream)
        shutdown(stream_fd(h->stream), SHUT_RDWR);
}

void hop_close(struct hop **h)
{
    if (!*h)
        return;
    if ((*h)->client)
        smtp_client_quit((*h)->client);
    smtp_client_free(&(*h)->client);
    posting_free(&(*h)->posting);
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
