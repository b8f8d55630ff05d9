#include "serve/listener.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/meter.h"
#include "io/disk.h"
#include "sasl/scram.h"
#include "serve/child.h"
#include "serve/session.h"
#include "serve/users.h"
#include "tls/tls_sni.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKETS_MAX = 512 };

/* Milliseconds that a message under way gets at a shutdown. */
enum { PATIENCE = 10 * 1000 };

struct open_door {
    struct session_door *door;
    struct listen *listen;
    int fd;
    char name[80];
};

struct certified {
    char door[80];
    struct tls_context *tls;
};

struct listener {
    struct child *child;
    struct session_house house;
    struct listen_counts *counts;
    struct session_door *doors; /* one for each of the configuration */
    struct open_door sockets[SOCKETS_MAX];
    size_t socket_count;
    struct certified *certificates;
    size_t certificate_count;
    struct tls_sni *sni; /* certificates for further names, at all doors; NULL: none */
    bool routed_here;    /* a route of the settings leads to an inbox */
    bool ask;            /* the keeper knows more domains than the settings */
    bool leaving;
    struct timer *patience;
    unsigned char fake_secret[2 * SCRAM_SECRET_MIN]; /* for names that cannot be names; the keeper
                                                        fakes those it does not know */
};

/* ---- setup ---- */

static void refused(const struct letter_certificate *l, const char *why)
{
    log_event(LOG_ERROR, "certificate.refused", LOG_SPAN("door", l->door),
              LOG_SPAN("names", span_head(l->names, 200)), LOG_STR("why", why));
}

static void take_further(struct listener *self, const struct letter_certificate *l)
{
    struct tls_sni_entry x = {
        .names = l->names, .expires = l->expires, .cert = l->certificate, .key = l->key};

    if (!self->sni)
        self->sni = tls_sni_new();
    if (!tls_sni_add(self->sni, &x))
        refused(l, "too many names");
}

static void take_certificate(struct listener *self, const struct letter_certificate *l)
{
    size_t size = (self->certificate_count + 1) * sizeof *self->certificates;
    struct certified *c;
    struct error e = {0};

    if (l->names.len) {
        take_further(self, l);
        return;
    }
    self->certificates = memory_grow(self->certificates, size);
    c = &self->certificates[self->certificate_count];
    c->tls = span_cstr(l->door, c->door, sizeof c->door)
                 ? tls_server_pem(l->certificate, l->key, &e)
                 : NULL;
    if (c->tls)
        self->certificate_count++;
    else
        refused(l, e.words);
}

static void take_door(struct listener *self, struct parcel *p)
{
    const struct letter_door *l = p->letter;
    struct open_door *o = &self->sockets[self->socket_count];

    if (p->fd < 0 || self->socket_count == SOCKETS_MAX ||
        !span_cstr(l->name, o->name, sizeof o->name))
        return;
    o->fd = p->fd;
    p->fd = -1;
    self->socket_count++;
}

static struct tls_context *tls_for(const struct listener *self, const struct config_door *door)
{
    struct tls_context *common = NULL;

    if (door->tls == CONFIG_TLS_NONE)
        return NULL;
    for (size_t i = 0; i < self->certificate_count; i++) {
        if (strcmp(self->certificates[i].door, door->name) == 0)
            return self->certificates[i].tls;
        if (!self->certificates[i].door[0])
            common = self->certificates[i].tls;
    }
    return common;
}

/* The certificate of all doors, or else the first that a door has. */
static struct tls_context *signer_of(const struct listener *self)
{
    if (!self->child->config->clients.sign_profile)
        return NULL;
    for (size_t i = 0; i < self->certificate_count; i++)
        if (!self->certificates[i].door[0])
            return self->certificates[i].tls;
    return self->certificate_count ? self->certificates[0].tls : NULL;
}

static const char *joined_lines(struct arena *a, const struct config_texts *lines)
{
    char *all = NULL;

    for (size_t i = 0; i < lines->count; i++)
        all = all ? arena_printf(a, "%s\n%s", all, lines->at[i])
                  : arena_printf(a, "%s", lines->at[i]);
    return all;
}

static void limit(struct smtp_server_settings *s, const struct config_limits *l)
{
    s->limits.size = l->message_size;
    s->limits.recipients = (unsigned)l->recipients;
    s->limits.commands = (unsigned)l->commands;
    s->limits.unknown = (unsigned)l->unknown_commands;
    s->limits.errors = (unsigned)l->errors;
    s->limits.line = (unsigned)l->line;
    if (s->limits.line_mail < l->line)
        s->limits.line_mail = (unsigned)l->line;
    s->times.greeting = l->greeting_timeout;
    s->times.command = l->command_timeout;
    s->times.answer = l->command_timeout;
    s->times.login = l->login_timeout;
    s->times.body_idle = l->data_timeout;
    s->times.body = l->message_time;
    s->times.session = l->session_time;
}

static void make_door(struct listener *self, struct session_door *d, const struct config_door *c)
{
    struct smtp_server_settings s = smtp_server_defaults();
    const struct config *config = self->child->config;

    limit(&s, &config->limits);
    d->house = &self->house;
    d->config = c;
    d->tls = tls_for(self, c);
    s.hostname = config->hostname;
    s.greeting = joined_lines(config->arena, &c->greeting);
    s.login_offered = true;
    if (*config->accounts.dovecot_auth) /* it judges passwords, and nothing else */
        s.mechanisms = "PLAIN LOGIN";
    s.channel_binding = c->channel_binding;
    s.fake_secret = (struct span){(const char *)self->fake_secret, sizeof self->fake_secret};
    s.tls = d->tls;
    s.tls_first = c->tls == CONFIG_TLS_IMPLICIT;
    s.tls_before_login = true;
    s.login_required = c->role == CONFIG_ROLE_SUBMISSION;
    s.draining = &self->house.draining;
    d->settings = s;
}

static struct session_door *door_named(const struct listener *self, const char *name)
{
    for (size_t i = 0; i < self->child->config->door_count; i++)
        if (strcmp(self->doors[i].config->name, name) == 0)
            return &self->doors[i];
    return NULL;
}

/* ---- connections ---- */

/* One line without waiting, for those there is no room for. A door with implicit TLS says nothing:
 * there is no session to say it in; nor does one that speaks another protocol. */
static void turn_away(const struct session_door *d, int fd, enum listen_verdict v)
{
    static const struct span words[2][2] = {
        {SPAN("421 4.7.0 Too many connections from your address; close some, then try again\r\n"),
         SPAN("421 4.3.2 Too many connections to this server now; try again soon\r\n")},
        {SPAN("-ERR [SYS/TEMP] Too many connections from your address; close some, then try "
              "again\r\n"),
         SPAN("-ERR [SYS/TEMP] Too many connections to this server now; try again soon\r\n")}};
    struct span say = words[d->config->role == CONFIG_ROLE_POP3][v == LISTEN_TOO_MANY];

    if (!d->settings.tls_first && d->config->role != CONFIG_ROLE_WEB)
        (void)!send(fd, say.at, say.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

static void accepted(void *arg, int fd, const struct sockaddr_storage *from, enum listen_verdict v,
                     struct listen_peer *peer)
{
    const struct session_door *d = arg;

    if (v != LISTEN_TAKE)
        turn_away(d, fd, v);
    else
        session_start(d, fd, from, peer);
}

static void end_when_empty(void *arg)
{
    struct listener *self = arg;

    if (self->leaving && !self->house.count)
        child_end(self->child);
}

static int start(struct child *c, struct error *e)
{
    struct listener *self = c->own;
    const struct config *config = c->config;

    (void)e;
    self->child = c;
    for (size_t i = 0; self->sni && i < self->certificate_count; i++)
        tls_sni_serve(self->sni, self->certificates[i].tls);
    self->house = (struct session_house){.loop = c->loop,
                                         .keeper = c->channel,
                                         .disk = disk_new(c->loop),
                                         .config = config,
                                         .users = users_open(config),
                                         .signer = signer_of(self),
                                         .sni = self->sni,
                                         .turned_away = meter_new(1, CLOCK_SECOND),
                                         .ended = end_when_empty,
                                         .arg = self};
    id_random(self->fake_secret, sizeof self->fake_secret);
    for (size_t i = 0; i < config->route_count; i++)
        self->routed_here |= config->routes[i].kind == CONFIG_VIA_INBOX;
    self->house.ask_all = self->routed_here || self->ask;
    self->counts = listen_counts_new(
        (struct listen_limits){.total = (unsigned)config->limits.connections,
                               .per_address = (unsigned)config->limits.connections_per_address});
    self->doors = memory_array(config->door_count, sizeof *self->doors);
    for (size_t i = 0; i < config->door_count; i++)
        make_door(self, &self->doors[i], &config->doors[i]);
    for (size_t i = 0; i < self->socket_count; i++) {
        struct open_door *o = &self->sockets[i];

        o->door = door_named(self, o->name);
        if (o->door)
            o->listen = listen_new(c->loop, o->fd, self->counts, accepted, o->door);
    }
    return 0;
}

static void take_ask(struct listener *self, const struct letter_ask *l)
{
    self->ask = l->all;
    self->house.ask_all = self->routed_here || self->ask;
}

static void on_parcel(struct child *c, struct parcel *p)
{
    struct listener *self = c->own;

    if (p->kind == LETTER_CERTIFICATE)
        take_certificate(self, p->letter);
    else if (p->kind == LETTER_DOOR)
        take_door(self, p);
    else if (p->kind == LETTER_ASK)
        take_ask(self, p->letter);
    parcel_free(&p);
}

static void lose_patience(void *arg)
{
    struct listener *self = arg;

    session_hurry(&self->house, true);
}

static void on_drain(struct child *c, bool hurry)
{
    struct listener *self = c->own;

    for (size_t i = 0; i < self->socket_count; i++) {
        listen_free(&self->sockets[i].listen);
        if (self->sockets[i].fd >= 0)
            close(self->sockets[i].fd);
        self->sockets[i].fd = -1;
    }
    self->leaving = true;
    if (hurry) {
        self->house.draining = true;
        session_hurry(&self->house, false);
        if (!self->patience)
            self->patience = timer_new(c->loop, lose_patience, self);
        timer_set(self->patience, PATIENCE);
    }
    end_when_empty(self);
}

int listener_main(void)
{
    static const struct child_calls calls = {"listener", JAIL_LISTENER, start, on_parcel, on_drain};
    struct listener *self = memory_alloc(sizeof *self);

    self->child = NULL;
    return child_run(&calls, self);
}
