#include "serve/session_parts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/submission.h"
#include "base/meter.h"
#include "io/network.h"
#include "mail/address.h"
#include "mail/trace.h"
#include "serve/incoming.h"
#include "serve/proxy.h"
#include "serve/users.h"
#include "store/crc64.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ASK_TIME = 60 * 1000,     /* the keeper's time for an answer */
    COMMIT_TIME = 300 * 1000, /* and for a durable commit on a slow disk */
    LEND_TIME = 30 * 1000,    /* and for a file */
    ARRIVAL_TIME = 5 * 1000,  /* and for whether somebody comes too often */
    PROXY_TIME = 5 * 1000,
    PROXY_PAUSE = 5,
    FIRST_WORD_TIME = 500, /* an HTTP client speaks at once; an SMTP one waits for our greeting */
    FIRST_WORD_PAUSE = 10,
};

struct parcel *session_ask(struct session *s, enum letter_kind kind, const void *letter,
                           enum letter_kind answer, int64_t time)
{
    struct parcel *p = channel_ask(s->house->keeper, kind, letter, -1, clock_now() + time);

    if (p && p->kind != answer)
        parcel_free(&p);
    return p;
}

static struct reply busy(struct arena *answers)
{
    return reply_make(answers, 451, "4.3.0",
                      "This server is busy with itself; nothing was lost. Try again in a minute.");
}

/* The reply of a LETTER_ANSWER, or "busy" when none came. */
static struct reply ask_reply(struct session *self, struct arena *answers, enum letter_kind kind,
                              const void *letter)
{
    struct parcel *p = session_ask(self, kind, letter, LETTER_ANSWER, ASK_TIME);
    const struct letter_answer *said = p ? p->letter : NULL;
    struct reply r = said ? reply_copy(answers, &said->reply) : busy(answers);

    if (kind == LETTER_MAY_SEND)
        self->unquestioned = said ? said->recipients : 0;
    if (said && said->wait)
        fiber_sleep(said->wait);
    parcel_free(&p);
    return r;
}

/* ---- logins ---- */

static void set_account(struct session *self, struct span name)
{
    free(self->account);
    self->account = name.len ? span_dup(name) : NULL;
}

/* A refused name is shown in the log only when it is an account's: people type passwords there. */
static void note_tried(struct session *self, const struct letter_login_answer *answer)
{
    self->locked_out = answer && answer->result == LOGIN_LOCKED;
    if (!answer || !span_cstr(answer->account, self->tried, sizeof self->tried))
        self->tried[0] = '\0';
}

static int check_password(void *arg, struct span name, struct span password)
{
    struct session *self = arg;
    struct letter_login l = {name, password, span_of(self->peer)};
    struct parcel *p = session_ask(self, LETTER_LOGIN, &l, LETTER_LOGIN_ANSWER, ASK_TIME);
    const struct letter_login_answer *answer = p ? p->letter : NULL;
    int result = !answer || answer->result == LOGIN_LATER ? -1
                 : answer->result == LOGIN_GOOD           ? 0
                                                          : 1;

    if (answer && answer->wait && fiber_sleep(answer->wait) < 0)
        result = -1;
    if (result == 0)
        set_account(self, answer->account);
    note_tried(self, answer);
    parcel_free(&p);
    return result;
}

static int verifier(void *arg, struct span name, struct scram_verifier *out)
{
    struct session *self = arg;
    struct letter_login l = {name, SPAN_NONE, span_of(self->peer)};
    struct parcel *p = session_ask(self, LETTER_VERIFIER_WANTED, &l, LETTER_VERIFIER, ASK_TIME);
    const struct letter_verifier *v = p ? p->letter : NULL;
    int result = v && v->result == LOGIN_GOOD && v->salt.len <= SCRAM_SALT_MAX ? 0 : -1;

    if (v && v->result == LOGIN_PLAIN)
        result = 2;
    if (v && v->wait && fiber_sleep(v->wait) < 0)
        result = -1;
    if (result == 0) {
        *out =
            (struct scram_verifier){.iterations = v->iterations, .salt_len = (uint8_t)v->salt.len};
        if (v->salt.len)
            memcpy(out->salt, v->salt.at, v->salt.len);
        memcpy(out->stored_key, v->stored_key, sizeof out->stored_key);
        memcpy(out->server_key, v->server_key, sizeof out->server_key);
    }
    parcel_free(&p);
    return result;
}

static bool note_scram(struct session *self, bool ok, struct span name)
{
    struct letter_login_note l = {name, span_of(self->peer), ok};
    struct parcel *p = session_ask(self, LETTER_LOGIN_NOTE, &l, LETTER_LOGIN_ANSWER, ASK_TIME);
    const struct letter_login_answer *answer = p ? p->letter : NULL;
    bool good = answer && answer->result == LOGIN_GOOD;

    if (answer && answer->wait)
        fiber_sleep(answer->wait);
    if (good)
        set_account(self, answer->account);
    note_tried(self, answer);
    parcel_free(&p);
    return good;
}

void session_forget_login(struct session *self)
{
    set_account(self, SPAN_NONE);
}

void session_note_login(struct session *self, bool ok, struct span mechanism)
{
    log_event(ok ? LOG_INFO : LOG_NOTICE, ok ? "login" : "login.refused",
              LOG_STR("account", self->tried[0] ? self->tried : "(none of this name)"),
              LOG_STR("peer", self->peer), LOG_STR("door", self->door->config->name),
              LOG_SPAN("mechanism", mechanism));
}

const struct sasl_server_calls session_login_calls = {check_password, verifier};

bool session_end_login(struct session *self, struct span mechanism, bool ok, struct span name)
{
    bool noted = true;

    listen_touch(self->place);
    /* Passwords were judged, counted and slowed down by check_password. */
    if (span_starts(mechanism, SPAN("SCRAM")))
        noted = note_scram(self, ok, name) || !ok;
    ok = ok && noted && self->account;
    if (!ok)
        session_forget_login(self);
    session_note_login(self, ok, mechanism);
    return noted && !self->locked_out;
}

static struct reply on_login(void *arg, const struct smtp_server_session *s, bool ok,
                             struct span name)
{
    struct session *self = arg;

    if (session_end_login(self, s->mechanism, ok, name))
        return (struct reply){0};
    if (self->locked_out)
        return reply_make(s->answers, 535, "5.7.13", SESSION_LOCKED);
    return reply_make(s->answers, 454, "4.7.0",
                      "The login can not be checked now; try again in a minute.");
}

/* ---- envelope ---- */

static struct span account_of(const struct session *self)
{
    return span_of(self->account);
}

struct reply session_may_send(struct session *self, struct arena *answers, struct span sender,
                              uint64_t size)
{
    struct letter_may_send l = {.account = account_of(self),
                                .sender = sender,
                                .peer = span_of(self->peer),
                                .door = span_of(self->door->config->name),
                                .size = size};

    listen_touch(self->place);
    self->recipients = 0;
    self->declared = size;
    return ask_reply(self, answers, LETTER_MAY_SEND, &l);
}

static struct reply on_mail(void *arg, const struct smtp_server_session *s)
{
    struct session *self = arg;
    struct reply r = session_may_send(self, s->answers, s->transaction->envelope.sender,
                                      s->transaction->declared_size);

    self->in_transaction = reply_class(&r) == 2 || !r.code;
    self->some_refused = false;
    return r;
}

/* Most recipients of a submission are elsewhere, and anything may be sent elsewhere after a login:
 * only what might be ours is the keeper's to judge. */
static bool certainly_elsewhere(const struct session *self, struct span recipient)
{
    const struct config_texts *ours = &self->house->config->domains;
    ptrdiff_t at = span_rfind(recipient, '@');
    struct span domain;

    if (self->house->ask_all || at < 0)
        return false;
    domain = span_from(recipient, (size_t)at + 1);
    for (size_t i = 0; i < domain.len; i++)
        if ((unsigned char)domain.at[i] > 127)
            return false;
    for (size_t i = 0; i < ours->count; i++)
        if (span_iis(domain, ours->at[i]))
            return false;
    return domain.len > 0 && domain.at[domain.len - 1] != '.';
}

struct reply session_may_reach(struct session *self, struct arena *answers, struct span sender,
                               struct span recipient)
{
    struct letter_may_reach l = {.account = account_of(self),
                                 .size = self->declared,
                                 .sender = sender,
                                 .recipient = recipient,
                                 .peer = span_of(self->peer),
                                 .anywhere = self->account || self->settings.trusted};
    struct reply r;

    l.outside = !l.anywhere;
    if (self->recipients >= self->unquestioned)
        l.count = self->recipients + 1;
    if (l.anywhere && !l.count && certainly_elsewhere(self, recipient))
        r = reply_make(answers, 250, "2.1.5", "Recipient ok");
    else
        r = ask_reply(self, answers, LETTER_MAY_REACH, &l);
    self->recipients += reply_class(&r) == 2;
    return r;
}

/* A domain of ours is one whose postmaster has mail taken for him from anybody (RFC 5321 4.5.1). */
int session_is_ours(struct session *self, struct arena *answers, struct span domain)
{
    struct letter_may_reach l = {
        .recipient = span_of(arena_printf(answers, "postmaster@%.*s", SPAN_ARG(domain))),
        .peer = span_of(self->peer)};
    struct reply r = ask_reply(self, answers, LETTER_MAY_REACH, &l);

    return reply_class(&r) == 2 ? 1 : reply_class(&r) == 4 ? -1 : 0;
}

static struct reply on_rcpt(void *arg, const struct smtp_server_session *s,
                            const struct recipient *r)
{
    struct session *self = arg;
    struct reply reply =
        session_may_reach(self, s->answers, s->transaction->envelope.sender, r->address);

    self->some_refused |= reply_class(&reply) > 2;
    return reply;
}

/* ---- content ---- */

static bool is_submission(const struct session *self)
{
    return self->account || self->settings.trusted;
}

static int lend(void *arg, struct arena *a, struct reply *refusal)
{
    struct session *self = arg;
    struct parcel *p =
        session_ask(self, LETTER_FILE_WANTED, &(struct letter_nothing){0}, LETTER_FILE, LEND_TIME);
    int fd = p ? p->fd : -EAGAIN;

    if (!p)
        return fd;
    p->fd = -1;
    if (fd < 0)
        *refusal = reply_copy(a, &((struct letter_answer *)p->letter)->reply);
    parcel_free(&p);
    return fd < 0 ? -ENOSPC : fd;
}

void session_open_body(struct session *self, struct arena *arena)
{
    const struct config *c = self->house->config;
    uint64_t most =
        c->limits.buffer_max < c->store.inline_max ? c->limits.buffer_max : c->store.inline_max;

    body_open(&self->body, is_submission(self) ? HEADER_SUBMISSION : HEADER_EXCHANGE, lend, self,
              most, arena);
    self->body.header.host = span_of(c->hostname);
}

void session_close_body(struct session *self)
{
    listen_touch(self->place);
    body_close(&self->body);
    self->in_transaction = false;
}

uint64_t session_digest(uint64_t digest, struct span line)
{
    return crc64_add(crc64_add(digest, line), SPAN("\n"));
}

/* P4: a relay that heard no answer hands the same message over again, maybe by another door. With
 * recipients that were refused it is not the same any more. */
static void note_once(struct session *self, const struct envelope *e)
{
    struct span prefix = SPAN(SUBMISSION_ENVID);

    self->once = SPAN_NONE;
    if (!self->account || self->some_refused || !span_starts(e->envid, prefix))
        return;
    self->once = span_from(e->envid, prefix.len);
    self->digest = session_digest(0, e->sender);
    for (size_t i = 0; i < e->count; i++)
        self->digest = session_digest(self->digest, e->recipients[i].address);
}

static struct reply on_body_begin(void *arg, const struct smtp_server_session *s)
{
    note_once(arg, &s->transaction->envelope);
    session_open_body(arg, s->transaction->arena);
    return (struct reply){0};
}

static int on_body(void *arg, const struct smtp_server_session *s, struct span bytes)
{
    struct session *self = arg;

    (void)s;
    if (self->once.len)
        self->digest = crc64_add(self->digest, bytes);
    return body_add(&self->body, bytes);
}

static const char *with(const struct session *self, const struct smtp_server_session *s)
{
    static const char *const names[2][2] = {{"ESMTP", "ESMTPA"}, {"ESMTPS", "ESMTPSA"}};
    static const char *const utf8[2][2] = {{"UTF8SMTP", "UTF8SMTPA"}, {"UTF8SMTPS", "UTF8SMTPSA"}};

    if (!s->esmtp)
        return "SMTP";
    return (s->transaction->utf8 ? utf8 : names)[s->tls != NULL][self->account != NULL];
}

static void describe_origin(const struct session *self, const struct session_mail *mail,
                            struct origin *o)
{
    *o = (struct origin){.account = account_of(self),
                         .peer = span_of(self->peer),
                         .helo = mail->helo,
                         .door = span_of(self->door->config->name),
                         .with = mail->with};
}

/* Our fields: the trace always; for our users also what a mail program forgot (RFC 6409 8). */
static void add_fields(const struct session *self, const struct session_mail *mail,
                       const struct message *m, struct text *out)
{
    const char *host = self->house->config->hostname;
    struct trace t = {.origin = &m->origin,
                      .id = m->envelope.id,
                      .hostname = span_of(host),
                      .wall_ms = m->arrived,
                      .recipient =
                          m->envelope.count == 1 ? m->envelope.recipients[0].address : SPAN_NONE};

    if (mail->tls)
        t.tls = span_of(arena_printf(mail->arena, "%s %s", mail->tls->version, mail->tls->cipher));
    trace_received(&t, out);
    if (!is_submission(self))
        return;
    if (!self->body.header.count[HEADER_DATE])
        trace_date(m->arrived, out);
    if (!self->body.header.count[HEADER_MESSAGE_ID])
        trace_message_id(&m->envelope.id, span_of(host), out);
}

struct reply session_refuse_body(struct session *self, const struct session_mail *m, int failed)
{
    log_event(LOG_WARNING, "message.refused", LOG_ID(&m->envelope.id), LOG_STR("peer", self->peer),
              LOG_STR("why", strerror(-failed)));
    if (self->body.refusal.code)
        return reply_copy(m->answers, &self->body.refusal);
    return (struct reply){0}; /* the engine has words for it */
}

struct reply session_hand_over(struct session *self, const struct session_mail *mail)
{
    struct text fields = TEXT_INIT(16384);
    struct letter_accept l = {.message = {.envelope = mail->envelope,
                                          .arrived = clock_wall(),
                                          .once = mail->once,
                                          .once_digest = mail->once_digest,
                                          .once_loose = mail->once_loose}};
    struct message *m = &l.message;
    struct parcel *p;
    struct reply r;
    int failed = body_finish(&self->body, &m->content);

    if (failed)
        return session_refuse_body(self, mail, failed);
    if (header_looping(&self->body.header))
        return reply_make(
            mail->answers, 554, "5.4.6",
            "This message has been through more than %d servers: it runs in a circle. "
            "The administrators of the servers named in its Received fields can find out where.",
            HEADER_RECEIVED_MAX);
    describe_origin(self, mail, &m->origin);
    add_fields(self, mail, m, &fields);
    m->content.prefix = text_span(&fields);
    m->header_size = self->body.header_size;
    l.outside = !is_submission(self);
    l.again = m->envelope.count == 1 &&
              header_was_delivered(&self->body.header, m->envelope.recipients[0].address);
    if (mail->tls) {
        l.tls_version = span_of(mail->tls->version);
        l.tls_cipher = span_of(mail->tls->cipher);
    }
    self->committing = true;
    p = channel_ask(self->house->keeper, LETTER_ACCEPT, &l, m->content.fd,
                    clock_now() + COMMIT_TIME);
    self->committing = false;
    r = p && p->kind == LETTER_ANSWER
            ? reply_copy(mail->answers, &((struct letter_answer *)p->letter)->reply)
            : busy(mail->answers);
    parcel_free(&p);
    text_free(&fields);
    return r;
}

static struct reply on_body_end(void *arg, const struct smtp_server_session *s, int failed)
{
    struct session *self = arg;
    const struct smtp_server_transaction *t = s->transaction;
    struct session_mail m = {.arena = t->arena,
                             .answers = s->answers,
                             .envelope = t->envelope,
                             .helo = s->helo,
                             .with = span_of(with(self, s)),
                             .tls = s->tls,
                             .once = self->once,
                             .once_digest = self->digest,
                             .once_loose = true};
    struct reply r;

    if (t->body == BODY_8BITMIME)
        m.envelope.need |= NEED_8BIT;
    r = failed ? session_refuse_body(self, &m, failed) : session_hand_over(self, &m);
    session_close_body(self);
    return r;
}

static void on_reset(void *arg, const struct smtp_server_session *s)
{
    struct session *self = arg;

    (void)s;
    body_close(&self->body);
    self->in_transaction = false;
}

static void on_event(void *arg, const struct smtp_server_session *s, enum smtp_server_event e,
                     struct span words)
{
    struct session *self = arg;
    /* What people ask their administrator about: a program that does not log in (530), a message
     * that is too big (552). */
    bool odd = e == SMTP_EVENT_FOREIGN || e == SMTP_EVENT_INJECTED || e == SMTP_EVENT_BARE ||
               e == SMTP_EVENT_LIMIT || e == SMTP_EVENT_TLS_FAILED ||
               (e == SMTP_EVENT_REFUSED &&
                (span_starts(words, SPAN("530")) || span_starts(words, SPAN("552"))));

    (void)s;
    log_event(odd ? LOG_NOTICE : LOG_DEBUG, "session", LOG_STR("what", smtp_server_event_name(e)),
              LOG_STR("peer", self->peer), LOG_STR("door", self->door->config->name),
              LOG_SPAN("words", words));
}

/* Strangers come as often as they are allowed to; what is turned away does not count. The keeper
 * counts for all listeners. Whom it turned away is turned away here for a while, so that a flood
 * does not become one of questions. */
static struct reply on_connected(void *arg, const struct smtp_server_session *s)
{
    struct session *self = arg;
    struct letter_arrival l = {span_of(self->peer)};
    char network[NETWORK_TEXT];
    struct parcel *p;
    struct reply r = {0};

    if (self->door->config->role != CONFIG_ROLE_EXCHANGE || self->settings.trusted)
        return r;
    network_text(l.peer, 32, 64, network);
    if (meter_level(self->house->turned_away, span_of(network)) > 0)
        return incoming_too_often(network, s->answers);
    p = session_ask(self, LETTER_ARRIVAL, &l, LETTER_ANSWER, ARRIVAL_TIME);
    if (p) /* without an answer he is welcome: what he wants is asked of the keeper anyway */
        r = reply_copy(s->answers, &((struct letter_answer *)p->letter)->reply);
    if (r.code)
        meter_add(self->house->turned_away, span_of(network), 1);
    parcel_free(&p);
    return r;
}

static const struct smtp_server_calls calls = {
    .connected = on_connected,
    .login_calls = &session_login_calls,
    .login = on_login,
    .mail = on_mail,
    .rcpt = on_rcpt,
    .body_begin = on_body_begin,
    .body = on_body,
    .body_end = on_body_end,
    .reset = on_reset,
    .event = on_event,
};

/* ---- life ---- */

static void name_peer(struct session *self)
{
    const struct sockaddr_in6 *v6 = (const void *)&self->from;
    const void *raw = &v6->sin6_addr;
    int family = self->from.ss_family;

    if (family == AF_INET) {
        raw = &((const struct sockaddr_in *)&self->from)->sin_addr;
    } else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        family = AF_INET;
        raw = v6->sin6_addr.s6_addr + 12;
    }
    if (!inet_ntop(family, raw, self->peer, sizeof self->peer))
        self->peer[0] = '\0';
}

static bool on_loopback(const struct sockaddr_storage *from)
{
    const struct sockaddr_in6 *v6 = (const void *)from;

    if (from->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)from)->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* A listed balancer must begin with its header, before TLS. It is looked at without being taken, so
 * not one byte of the client's own is lost. */
static int read_proxy(struct session *self)
{
    char bytes[PROXY_MAX];
    int64_t deadline = clock_now() + PROXY_TIME;
    enum proxy_result got = PROXY_MORE;
    size_t used = 0;
    bool local = false;

    while (got == PROXY_MORE) {
        ssize_t n = recv(self->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || clock_now() > deadline)
            return -EPROTO;
        if (n > 0)
            got = proxy_parse((struct span){bytes, (size_t)n}, &used, &self->from, &local);
        if (got == PROXY_MORE && fiber_sleep(PROXY_PAUSE) < 0)
            return -ECANCELED;
    }
    if (got == PROXY_BROKEN || recv(self->fd, bytes, used, MSG_DONTWAIT) != (ssize_t)used)
        return -EPROTO;
    if (!local)
        name_peer(self);
    return 0;
}

static void describe(struct session *self)
{
    const struct config_door *c = self->door->config;

    self->settings = self->door->settings;
    self->settings.trusted =
        cidr_any(c->trust.at, c->trust.count, &self->from) ||
        (on_loopback(&self->from) && users_trusted(self->house->users, c, self->fd));
    if (c->login_without_tls_on_loopback && on_loopback(&self->from))
        self->settings.tls_before_login = false;
}

static void end(struct session *self)
{
    struct session_house *h = self->house;

    *self->link = self->next;
    if (self->next)
        self->next->link = self->link;
    h->count--;
    listen_leave(&self->place);
    free(self->account);
    free(self);
    h->ended(h->arg);
}

static int run_smtp(struct session *self)
{
    return smtp_server_run(&self->stream, &self->settings, &calls, self);
}

/* Do these first octets begin an HTTP request? HTTP_MAYBE: too few to tell. */
enum http_look { HTTP_NO, HTTP_MAYBE, HTTP_YES };

static enum http_look looks_like_http(struct span first)
{
    static const struct span methods[] = {
        SPAN("GET "),     SPAN("HEAD "),    SPAN("POST "),  SPAN("PUT "),   SPAN("DELETE "),
        SPAN("OPTIONS "), SPAN("CONNECT "), SPAN("TRACE "), SPAN("PATCH "), SPAN("PRI ")};

    for (size_t i = 0; i < COUNT(methods); i++)
        if (span_starts(first, methods[i]))
            return HTTP_YES;
        else if (span_starts(methods[i], first))
            return HTTP_MAYBE;
    return HTTP_NO;
}

/* Without ALPN: a client that speaks first may be an HTTP one; one that waits is an SMTP one. */
static bool speaks_http(struct session *self)
{
    int64_t end = clock_now() + FIRST_WORD_TIME;
    enum http_look look = HTTP_MAYBE;
    char first[16];

    stream_deadline(self->stream, end);
    while (look == HTTP_MAYBE && clock_now() < end) {
        ssize_t n = tls_peek(self->stream, first, sizeof first);

        if (n <= 0)
            return n == 0;
        look = looks_like_http((struct span){first, (size_t)n});
        if (look == HTTP_MAYBE && fiber_sleep(FIRST_WORD_PAUSE) < 0)
            return true;
    }
    return look != HTTP_NO;
}

static int accept_tls(struct session *self, const char *protocols)
{
    struct error e = {0};
    int bad;

    stream_deadline(self->stream, clock_now() + self->settings.times.greeting);
    bad = tls_accept_any(&self->stream, self->settings.tls, protocols, &e);
    if (bad < 0)
        log_event(LOG_NOTICE, "session", LOG_STR("what", "tls-failed"), LOG_STR("peer", self->peer),
                  LOG_STR("door", self->door->config->name), LOG_STR("words", e.words));
    return bad;
}

static int run_web(struct session *self)
{
    int bad = self->settings.tls_first ? accept_tls(self, "http/1.1") : 0;

    return bad < 0 ? bad : session_web_run(self);
}

/* One port, two protocols: ALPN tells which, or the first words do. */
static int run_either(struct session *self)
{
    struct tls_info tls;
    int bad = accept_tls(self, "http/1.1 smtp");

    if (bad < 0)
        return bad;
    tls_info(self->stream, &tls);
    if (strcmp(tls.protocol, "http/1.1") == 0 || (!tls.protocol[0] && speaks_http(self)))
        return session_web_run(self);
    self->settings.tls_first = false;
    self->settings.tls_done = true;
    return run_smtp(self);
}

static int run_protocol(struct session *self)
{
    const struct config_door *c = self->door->config;

    if (c->role == CONFIG_ROLE_WEB)
        return run_web(self);
    if (c->role == CONFIG_ROLE_POP3)
        return session_pop_run(self);
    return c->https ? run_either(self) : run_smtp(self);
}

static void run(void *arg)
{
    struct session *self = arg;
    const struct config_door *c = self->door->config;
    int result = 0;

    self->fiber = fiber_self();
    self->stream = stream_socket(self->house->loop, self->fd);
    if (cidr_any(c->proxy_from.at, c->proxy_from.count, &self->from)) {
        result = read_proxy(self);
        if (result < 0)
            log_event(LOG_NOTICE, "session", LOG_STR("what", "bad-proxy-header"),
                      LOG_STR("peer", self->peer), LOG_STR("door", c->name));
    }
    if (result == 0) {
        describe(self);
        result = run_protocol(self);
    }
    stream_close(&self->stream); /* also after -EPROTO: what it was told shall arrive */
    end(self);
}

void session_start(const struct session_door *door, int fd, const struct sockaddr_storage *from,
                   struct listen_peer *peer)
{
    struct session *self = memory_alloc(sizeof *self);
    struct session_house *h = door->house;

    *self = (struct session){.door = door, .house = h, .place = peer, .from = *from, .fd = fd};
    self->next = h->first;
    self->link = &h->first;
    if (h->first)
        h->first->link = &self->next;
    h->first = self;
    h->count++;
    name_peer(self);
    self->fiber = fiber_start(h->loop, run, self);
    listen_fiber(peer, self->fiber);
}

void session_hurry(struct session_house *h, bool patience_over)
{
    for (struct session *s = h->first; s; s = s->next)
        if (!s->committing && (patience_over || !s->in_transaction))
            fiber_cancel(s->fiber);
}
