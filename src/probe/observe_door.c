/* One door: connect, find out how it speaks, and talk to it with the client that delivers mail. */
#include "probe/observe_parts.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/line.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>

enum {
    GREETING_MS = 1400, /* then the other way of beginning is tried */
    WEB_GREETING_MS = 300,
    CLOSE_MS = 900, /* kept back from the whole time, for what follows a connect */
    QUIT_MS = 200,
    TRY_MS = 1100, /* a first packet, and its repetition after a second */
    HTTP_MS = 400,
    HTTP_LINE = 2048,
};

/* ---- the connection ---- */

static bool same(const struct sockaddr_storage *a, const struct sockaddr *b)
{
    if (!b || a->ss_family != b->sa_family)
        return false;
    if (b->sa_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return b->sa_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)b)->sin6_addr, 16) == 0;
}

static bool is_ours(const struct sockaddr_storage *a)
{
    struct ifaddrs *all = NULL;
    bool found = false;

    if (getifaddrs(&all) != 0)
        return false;
    for (struct ifaddrs *i = all; i && !found; i = i->ifa_next)
        found = same(a, i->ifa_addr);
    freeifaddrs(all);
    return found;
}

/* Codes by which a router says that a rule forbids it (RFC 1812 5.2.7.1, RFC 4443 3.1). */
static bool forbids(const struct reach *r, bool from_host)
{
    bool six = r->icmp_from.ss_family == AF_INET6;

    if (six)
        return r->icmp_type == 1 &&
               (r->icmp_code == 1 || r->icmp_code >= 5 || (r->icmp_code == 4 && !from_host));
    return r->icmp_type == 3 && (r->icmp_code == 9 || r->icmp_code == 10 || r->icmp_code == 13 ||
                                 (r->icmp_code == 3 && !from_host));
}

static enum findings_state state_by_icmp(const struct findings_door *d, const struct reach *r)
{
    bool from_host = same(&d->address, (const struct sockaddr *)&r->icmp_from);

    if (!from_host && is_ours(&r->icmp_from))
        return r->sys == EHOSTUNREACH && !forbids(r, false) ? DOOR_NO_ROUTE : DOOR_LOCAL;
    if (forbids(r, from_host))
        return DOOR_FORBIDDEN;
    return r->sys == ECONNREFUSED ? DOOR_REFUSED : DOOR_UNREACHABLE;
}

static enum findings_state state_of(const struct findings_door *d, const struct reach *r)
{
    if (r->sys == 0)
        return DOOR_OPEN;
    if (r->icmp)
        return state_by_icmp(d, r);
    switch (r->sys) {
    case EPERM:
    case EACCES:
        return DOOR_LOCAL;
    case ETIMEDOUT:
    case ECANCELED:
        return r->kept ? DOOR_LOCAL : DOOR_SILENT;
    case ECONNREFUSED:
    case ECONNRESET:
        return DOOR_REFUSED;
    case EHOSTUNREACH:
        return DOOR_UNREACHABLE;
    default:
        return DOOR_NO_ROUTE;
    }
}

static int64_t connect_until(const struct observe *o)
{
    return o->until - CLOSE_MS;
}

/* Two tries: four first packets instead of two may get lost before a door counts as silent. */
static void reach_twice(struct observe *o, struct findings_door *d, struct reach *r,
                        struct stream **s)
{
    const struct sockaddr *to = (const struct sockaddr *)&d->address;
    int64_t until = connect_until(o), middle = clock_now() + (until - clock_now()) / 2;
    struct reach first;

    if (middle - clock_now() < TRY_MS) {
        reach_connect(o->loop, to, 0, until, r, s);
        return;
    }
    reach_connect(o->loop, to, 0, middle, &first, s);
    *r = first;
    if (first.sys != ETIMEDOUT || first.kept)
        return;
    reach_connect(o->loop, to, 0, until, r, s);
    r->ms += first.ms;
    r->again += first.again + 1;
}

static void note_reach(struct findings_door *d, const struct reach *r)
{
    d->sys = r->sys;
    d->connect_ms = r->ms;
    d->again = r->again;
    d->icmp = r->icmp;
    d->icmp_type = r->icmp_type;
    d->icmp_code = r->icmp_code;
    if (r->icmp)
        observe_address(&r->icmp_from, d->icmp_from);
    d->state = state_of(d, r);
}

/* ---- one conversation ---- */

struct talk {
    struct observe *o;
    struct findings_door *d;
    struct stream *stream;
    struct smtp_client *client;
    char helo[FINDINGS_NAME + 8];
    bool heard; /* any line */
    bool web;   /* a port of the web: silence after the handshake is no fault */
};

/* A firewall that masks writes over greeting and keywords without changing their length. */
static bool is_masked(struct span line)
{
    size_t stars = 0, exes = 0;

    line = span_from(line, 4);
    for (size_t i = 0; i < line.len && line.at[i] != ' '; i++) {
        stars += line.at[i] == '*';
        exes += line.at[i] == 'X';
        if (stars >= 8)
            return true;
    }
    if (line.len && (size_t)span_find(line, ' ') < line.len)
        line = span_head(line, (size_t)span_find(line, ' '));
    return line.len >= 4 && exes + 1 >= line.len;
}

static void listen_in(void *arg, bool ours, struct span line)
{
    struct talk *t = arg;

    if (ours)
        return;
    if (!t->heard)
        observe_text(t->d->greeting, sizeof t->d->greeting, line);
    if (!t->heard)
        observe_progress(t->o, t->d);
    t->heard = true;
    if (is_masked(line))
        t->d->masked = true;
}

static void literal_of(const struct stream *s, char *out, size_t cap)
{
    struct sockaddr_storage self;
    socklen_t n = sizeof self;
    char text[FINDINGS_NAME];

    memset(&self, 0, sizeof self);
    getsockname(stream_fd(s), (struct sockaddr *)&self, &n);
    observe_address(&self, text);
    snprintf(out, cap, self.ss_family == AF_INET6 ? "[IPv6:%s]" : "[%s]", text);
}

static int64_t left(const struct observe *o, int64_t most)
{
    int64_t ms = o->until - clock_now();

    return ms < 50 ? 50 : ms < most ? ms : most;
}

static void open_talk(struct talk *t, enum smtp_client_tls tls, bool alpn)
{
    struct smtp_client_settings s = smtp_client_defaults();
    int64_t rest = left(t->o, OBSERVE_TIMEOUT_MS);

    literal_of(t->stream, t->helo, sizeof t->helo);
    s.helo = t->helo;
    s.tls = tls;
    s.context = t->o->s->tls;
    s.name = t->d->who == WHO_CONTROL ? t->o->s->control : t->o->s->host;
    s.alpn = alpn;
    s.times =
        (struct smtp_client_times){.greeting = left(t->o, t->web ? WEB_GREETING_MS : GREETING_MS),
                                   .hello = left(t->o, 2000),
                                   .tls = left(t->o, 2000),
                                   .auth = rest,
                                   .mail = rest,
                                   .rcpt = rest,
                                   .quit = QUIT_MS};
    s.said = listen_in;
    s.said_arg = t;
    t->client = smtp_client_new(&t->stream, &s);
    smtp_client_until(t->client, t->o->until);
}

static void close_talk(struct talk *t)
{
    if (t->client && t->d->talk == TALK_SMTP)
        smtp_client_quit(t->client);
    smtp_client_free(&t->client);
    stream_abort(&t->stream);
}

static void note_reply(struct findings_reply *to, const struct smtp_client_failure *why)
{
    *to = (struct findings_reply){
        .stage = why->stage, .code = why->reply.code, .enhanced = why->reply.enhanced};
    observe_text(to->text, sizeof to->text, why->reply.text);
}

/* "..., issued by C=X, CN=Y, valid from ..." */
static void note_issuer(struct findings_door *d, const char *words)
{
    const char *from = strstr(words, "issued by "), *to;

    if (!from)
        return;
    from += strlen("issued by ");
    to = strstr(from, ", valid ");
    observe_text(d->issuer, sizeof d->issuer,
                 (struct span){from, to ? (size_t)(to - from) : strlen(from)});
}

static void note_tls(struct talk *t)
{
    const struct smtp_client_far *far = smtp_client_far(t->client);
    struct findings_door *d = t->d;
    struct findings_dns n = {0};

    if (!far->tls)
        return;
    d->tls = SEALED_YES;
    d->verdict = far->info.verdict;
    /* A server that was named by its address has no name to prove: it is only compared with. */
    if (d->who == WHO_CONTROL && d->verdict == TLS_WRONG_NAME &&
        observe_literal(t->o->s->control, &n))
        d->verdict = TLS_VERIFIED;
    observe_text(d->tls_version, sizeof d->tls_version, span_of(far->info.version));
    observe_text(d->tls_words, sizeof d->tls_words, span_of(far->info.words));
    note_issuer(d, far->info.words);
}

/* How it ended before EHLO was answered. */
static void note_failure(struct talk *t)
{
    const struct smtp_client_failure *why = smtp_client_failure(t->client);
    bool hung = why->sys == ETIMEDOUT;

    note_tls(t);
    if (why->why == CLIENT_REPLY) {
        t->d->talk = TALK_REFUSED;
        note_reply(&t->d->reply, why);
    } else if (why->why == CLIENT_TLS) {
        t->d->tls = SEALED_FAILED;
        t->d->talk = hung ? TALK_STALLED : TALK_LOST;
        observe_text(t->d->tls_words, sizeof t->d->tls_words, span_of(why->error.words));
    } else if (why->why == CLIENT_BROKEN) {
        t->d->talk = TALK_FOREIGN;
    } else {
        t->d->talk = !hung ? TALK_LOST : t->heard ? TALK_STALLED : TALK_SILENT;
    }
}

static void note_offers(struct talk *t, bool sealed)
{
    const struct smtp_client_far *far = smtp_client_far(t->client);

    *(sealed ? &t->d->has_tls : &t->d->has) = far->has;
    observe_text(sealed ? t->d->auth_tls : t->d->auth, sizeof t->d->auth, far->auth);
    observe_text(t->d->name, sizeof t->d->name, far->name);
}

static void try_starttls(struct talk *t)
{
    const struct smtp_client_failure *why = smtp_client_failure(t->client);

    if (!(t->d->has & HAS_STARTTLS))
        return;
    t->d->mode = MODE_STARTTLS;
    if (smtp_client_starttls(t->client) == 0 && smtp_client_hello(t->client) == 0) {
        note_tls(t);
        note_offers(t, true);
    } else if (why->why == CLIENT_REPLY) {
        t->d->starttls_refused = true;
        note_reply(&t->d->reply, why);
    } else {
        note_failure(t);
    }
}

/* From the greeting to the last EHLO. The client stays open when all went well. */
static void converse(struct talk *t, enum smtp_client_tls tls, bool alpn)
{
    open_talk(t, tls, alpn);
    if (smtp_client_greet(t->client) < 0 || smtp_client_hello(t->client) < 0) {
        note_failure(t);
        return;
    }
    t->d->talk = TALK_SMTP;
    t->d->mode = tls == CLIENT_TLS_IMPLICIT ? MODE_TLS : MODE_PLAIN;
    note_tls(t);
    note_offers(t, tls == CLIENT_TLS_IMPLICIT);
    observe_progress(t->o, t->d);
    if (tls == CLIENT_TLS_NONE)
        try_starttls(t);
}

static int again(struct talk *t)
{
    struct reach r;

    close_talk(t);
    t->heard = false;
    return reach_connect(t->o->loop, (const struct sockaddr *)&t->d->address, 0, t->o->until, &r,
                         &t->stream);
}

/* A second try in the other way of beginning; what the first one showed is kept unless the second
 * gets further. */
static void other_way(struct talk *t, enum smtp_client_tls tls)
{
    struct findings_door before = *t->d;

    if (clock_now() + 300 > t->o->until || again(t) < 0)
        return;
    converse(t, tls, false);
    if (t->d->talk != TALK_SMTP && t->d->talk != TALK_REFUSED &&
        !(t->d->tls == SEALED_YES && before.tls != SEALED_YES)) {
        /* The sweep may have written its part meanwhile. */
        before.hop_answer = t->d->hop_answer;
        before.hop_last = t->d->hop_last;
        memcpy(before.hop_router, t->d->hop_router, sizeof before.hop_router);
        *t->d = before;
    }
}

/* The web's port: only its certificate counts, unless it speaks SMTP there. */
static void talk_web(struct talk *t)
{
    converse(t, CLIENT_TLS_IMPLICIT, true);
    if (t->d->tls == SEALED_FAILED && t->d->talk == TALK_LOST && again(t) == 0) {
        t->d->tls = SEALED_NO;
        converse(t, CLIENT_TLS_IMPLICIT, false);
    }
    if (t->d->talk == TALK_SILENT || t->d->talk == TALK_FOREIGN ||
        (t->d->talk == TALK_LOST && t->d->tls == SEALED_YES))
        t->d->talk = TALK_NONE;
}

/* A web server waits until it is asked; asking it tells a login page from a mute mail server. */
static void ask_for_web(struct talk *t)
{
    struct line_reader r;
    struct span line;
    int sys;

    if (clock_now() + HTTP_MS > t->o->until || again(t) < 0)
        return;
    stream_deadline(t->stream, clock_now() + HTTP_MS);
    line_init(&r, &t->stream, HTTP_LINE);
    if (stream_write(t->stream, SPAN("HEAD / HTTP/1.0\r\n\r\n")) == 0 &&
        line_read(&r, HTTP_LINE, &line, &sys) == LINE_OK && span_istarts(line, SPAN("HTTP/"))) {
        t->d->talk = TALK_FOREIGN;
        observe_text(t->d->greeting, sizeof t->d->greeting, line);
    }
    line_free(&r);
}

static void talk_mail(struct talk *t)
{
    bool tls_first =
        t->d->port == 465 || (t->o->s->mode == MODE_TLS && t->d->port == t->o->s->port);

    converse(t, tls_first ? CLIENT_TLS_IMPLICIT : CLIENT_TLS_NONE, false);
    if (tls_first && t->d->tls == SEALED_FAILED && t->d->talk != TALK_STALLED)
        other_way(t, CLIENT_TLS_NONE);
    if (!t->heard && t->d->tls != SEALED_YES &&
        (t->d->talk == TALK_SILENT || t->d->talk == TALK_LOST))
        ask_for_web(t);
    if (!tls_first && t->d->talk == TALK_SILENT)
        other_way(t, CLIENT_TLS_IMPLICIT);
}

void observe_door(struct observe *o, struct findings_door *d)
{
    struct talk t = {.o = o, .d = d, .web = d->port == 443};
    struct reach r;

    reach_twice(o, d, &r, &t.stream);
    note_reach(d, &r);
    o->unknown--;
    observe_progress(o, d);
    fiber_wake(o->root);
    if (t.stream && d->who != WHO_NOWHERE) {
        if (t.web)
            talk_web(&t);
        else
            talk_mail(&t);
    }
    close_talk(&t);
    d->done_ms = clock_now() - o->began;
    observe_progress(o, d);
    if (o->s->seen)
        o->s->seen(o->s->seen_arg, d);
}

/* ---- login, MAIL, RCPT ---- */

static void note_step(struct findings_login *l, const struct findings_door *d, enum stage stage,
                      const struct reply *r)
{
    l->tried = true;
    l->port = d->port;
    l->ok = reply_class(r) == 2;
    l->reply = (struct findings_reply){.stage = stage, .code = r->code, .enhanced = r->enhanced};
    observe_text(l->reply.text, sizeof l->reply.text, r->text);
}

static bool step(struct talk *t, struct findings_login *l, enum stage stage, const char *line)
{
    struct reply r;

    if (smtp_client_command(t->client, stage, line, &r) < 0)
        return false;
    note_step(l, t->d, stage, &r);
    return l->ok;
}

static bool log_in(struct talk *t)
{
    struct findings_login *l = &t->o->f->login;
    const struct smtp_client_failure *why = smtp_client_failure(t->client);

    if (!t->o->s->user.len)
        return true;
    l->tried = true;
    l->port = t->d->port;
    l->ok = smtp_client_login(t->client) == 0;
    l->why = why->why;
    if (!l->ok)
        note_reply(&l->reply, why);
    return l->ok;
}

static void note_sent(struct talk *t, const struct smtp_client_result *r)
{
    struct findings *f = t->o->f;
    const struct smtp_client_failure *why = &r->failure;
    struct findings_login *l = why->stage == STAGE_MAIL ? &f->mail : &f->sent;

    if (why->stage == STAGE_NONE && !r->accepted) {
        note_step(&f->rcpt, t->d, STAGE_RCPT, &r->recipients[0].reply);
        return;
    }
    l->tried = true;
    l->port = t->d->port;
    l->why = why->why;
    if (why->stage == STAGE_NONE)
        note_step(l, t->d, STAGE_DATA, &r->done);
    else
        note_reply(&l->reply, why);
    if (why->stage == STAGE_NONE)
        f->mail = f->rcpt = (struct findings_login){.tried = true, .ok = true, .port = t->d->port};
}

static void send_message(struct talk *t)
{
    const struct observe_settings *s = t->o->s;
    struct recipient to = {.address = s->to};
    struct envelope e = {.sender = s->from, .recipients = &to, .count = 1};
    struct content content = {.body = s->message, .fd = -1, .size = s->message.len};
    struct arena *a = arena_new();
    struct smtp_client_result r = {0};

    smtp_client_send(t->client, &e, &content, a, &r);
    note_sent(t, &r);
    arena_free(&a);
}

static void ask_recipient(struct talk *t)
{
    const struct observe_settings *s = t->o->s;
    const struct smtp_client_far *far = smtp_client_far(t->client);
    struct text line = TEXT_INIT(2 * FINDINGS_TEXT);
    struct findings *f = t->o->f;

    text_addf(&line, "MAIL FROM:<%.*s>", SPAN_ARG(s->from));
    if (s->size && (far->has & HAS_SIZE))
        text_addf(&line, " SIZE=%llu", (unsigned long long)s->size);
    if (step(t, &f->mail, STAGE_MAIL, text_cstr(&line))) {
        text_clear(&line);
        text_addf(&line, "RCPT TO:<%.*s>", SPAN_ARG(s->to));
        step(t, &f->rcpt, STAGE_RCPT, text_cstr(&line));
    }
    text_free(&line);
}

void observe_login(struct observe *o, const struct findings_door *at, bool send)
{
    struct findings_door d = *at; /* what is seen again is not noted again */
    struct talk t = {.o = o, .d = &d};
    struct smtp_client_settings s = smtp_client_defaults();
    struct reach r;

    if (reach_connect(o->loop, (const struct sockaddr *)&d.address, 0, o->login_until, &r,
                      &t.stream) < 0)
        return;
    literal_of(t.stream, t.helo, sizeof t.helo);
    s.helo = t.helo;
    s.tls = d.mode == MODE_TLS ? CLIENT_TLS_IMPLICIT : CLIENT_TLS_STARTTLS;
    s.context = o->s->tls;
    s.name = o->s->host;
    s.verify = true;
    s.user = o->s->user;
    s.password = o->s->password;
    s.times.quit = QUIT_MS;
    t.client = smtp_client_new(&t.stream, &s);
    smtp_client_until(t.client, o->login_until);
    if (smtp_client_greet(t.client) == 0 && smtp_client_hello(t.client) == 0 &&
        (s.tls == CLIENT_TLS_IMPLICIT ||
         (smtp_client_starttls(t.client) == 0 && smtp_client_hello(t.client) == 0)) &&
        log_in(&t) && o->s->to.len) {
        if (send)
            send_message(&t);
        else
            ask_recipient(&t);
    }
    close_talk(&t);
}
