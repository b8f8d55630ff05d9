#include "serve/keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "conf/notes.h"
#include "io/fiber.h"
#include "io/jail.h"
#include "serve/crew.h"
#include "serve/dispatch.h"
#include "serve/doors.h"
#include "serve/logins.h"
#include "serve/manager.h"
#include "serve/notices.h"
#include "serve/places.h"
#include "serve/postman.h"
#include "serve/reception.h"
#include "serve/resolvers.h"
#include "serve/settings.h"
#include "serve/tokens.h"
#include "serve/walls.h"

#include <errno.h>
#include <libgen.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    STOP_TIME = 30 * 1000, /* ms for sessions and deliveries to end at SIGTERM */
    MAX_FILES = 65536,
    NOTICE_MAX = 8192,
    ENDING_TOLD = 50, /* certificates, in the log */
};

/* Our own binary, also when the file was replaced (children must speak our version of the letters)
 * or stands in a folder that the user we became can not enter. */
#define PROGRAM "/proc/self/exe"

struct keeper {
    struct loop *loop;
    const char *file;
    struct settings *settings;
    struct doors *doors;
    struct house *house;
    struct crew *crew;
    struct reception *reception;
    struct control control;
    struct places *places;
    struct resolvers *resolvers;
    int64_t names_at; /* when the name servers changed; 0: never */
    struct tokens *tokens;
    struct notices *notices;
    struct timer *daily;
    struct manager *manager; /* systemd, when it started us */
};

/* ---- children ---- */

static void send_door(void *arg, const char *door, int fd)
{
    struct member *m = arg;
    struct letter_door l = {span_of(door)};

    channel_send(m->channel, LETTER_DOOR, 0, &l, fd);
}

static void send_certificates(const struct settings *s, struct member *m)
{
    for (size_t i = 0; i < s->certificates.count; i++) {
        const struct certificate_file *c = &s->certificates.at[i];
        struct letter_certificate l = {.door = span_of(c->door ? c->door : ""),
                                       .certificate = text_span(&c->certificate),
                                       .key = text_span(&c->key),
                                       .names = text_span(&c->names),
                                       .expires = c->expires};

        if (c->door || c->names.len)
            channel_send(m->channel, LETTER_CERTIFICATE, 0, &l, -1);
    }
}

static void send_ask(const struct keeper *k, struct member *m)
{
    struct letter_ask l = {directory_domain_count(k->house->directory) > 0};

    channel_send(m->channel, LETTER_ASK, 0, &l, -1);
}

static void send_places(const struct keeper *k, struct member *m)
{
    struct text text = TEXT_INIT(KNOWN_TEXT_MAX);

    places_write(k->places, &text);
    if (text.len)
        channel_send(m->channel, LETTER_PLACES, 0, &(struct letter_text){text_span(&text)}, -1);
    text_free(&text);
}

static void joined(void *arg, struct member *m)
{
    struct keeper *k = arg;
    struct letter_setup setup = {span_of(k->file), text_span(&k->settings->file), m->number};

    channel_send(m->channel, LETTER_SETUP, 0, &setup, -1);
    if (m->side == SIDE_LISTENER) {
        send_certificates(k->settings, m);
        doors_each(k->doors, send_door, m);
        send_ask(k, m);
        m->own = clerk_new(k->house, m->channel, NULL, NULL, NULL);
    }
    if (m->side == SIDE_COURIER)
        send_places(k, m);
    channel_send(m->channel, LETTER_START, 0, &(struct letter_nothing){0}, -1);
}

static void on_result(struct keeper *k, struct member *m, struct parcel *p)
{
    if (m->load)
        m->load--;
    queue_settle(k->house->queue, (unsigned)m->pid, &((struct letter_result *)p->letter)->result);
    queue_kick(k->house->queue);
    parcel_free(&p);
}

static void tell_portal(struct keeper *k, const struct letter_place *l)
{
    struct text text = TEXT_INIT(1024), about = TEXT_INIT(256);

    text_addf(&about, "portal of %.*s", SPAN_ARG(span_head(l->key, 200)));
    text_addf(&text,
              "This network (%.*s) wants a login before it lets mail out (its page: %.*s). Open a "
              "web browser and log in; your mail waits, and leaves by itself afterwards.",
              SPAN_ARG(span_head(l->name, 200)), SPAN_ARG(span_head(l->portal, 300)));
    if (l->portal.len)
        notices_tell(k->notices, text_span(&about), text_span(&text));
    text_free(&text);
    text_free(&about);
}

static void on_told(struct keeper *k, struct span text)
{
    notices_tell(k->notices, text, text);
}

static void on_place(struct keeper *k, struct parcel *p)
{
    const struct letter_place *l = p->letter;

    tell_portal(k, l);
    if (places_here(k->places, l)) {
        resolvers_look(k->resolvers); /* first: it tells who may carry what is woken now */
        queue_network(k->house->queue, l->offline);
    }
    parcel_free(&p);
}

/* This network has name servers of its own. Who runs has read the list when it could still read
 * files; who starts reads the new one. */
static void on_resolvers(void *arg)
{
    struct keeper *k = arg;

    if (k->settings->config->dns.resolver.count || !k->doors)
        return;
    log_event(LOG_NOTICE, "resolvers.changed");
    k->names_at = clock_now();
    crew_replace(k->crew);
}

/* A line in the log, and whoever else is to hear it, in their language. */
static void on_notice(void *arg, const char *text)
{
    struct keeper *k = arg;
    const struct config *c = k->settings->config;
    struct text said = TEXT_INIT(NOTICE_MAX);

    log_event(LOG_NOTICE, "notice", LOG_STR("text", text));
    if (!postman_say(c, span_of(text), &said))
        text_adds(&said, text);
    if (*c->notices.command && !tokens_say(k->tokens, c->notices.command, text_span(&said)))
        log_event(LOG_WARNING, "notice.failed",
                  LOG_STR("why", "its command is new, or hangs: start the server again"));
    if (*c->notices.mail)
        notices_mail(k->house->queue, c, text);
    text_free(&said);
}

/* What one courier finds out holds for all. */
static void on_note(struct keeper *k, struct member *from, struct parcel *p)
{
    const struct letter_note *l = p->letter;

    notices_note(k->notices, l);
    places_note(k->places, l);
    if (l->result == KNOWN_WORKS)
        queue_kick(k->house->queue);
    for (struct member *m = crew_first(k->crew); m; m = m->next)
        if (m->side == SIDE_COURIER && m != from && !m->leaving)
            channel_send(m->channel, LETTER_NOTE, 0, l, -1);
    parcel_free(&p);
}

static void on_looks(struct keeper *k, struct member *m, struct parcel *p)
{
    m->looks = ((struct letter_looks *)p->letter)->looks;
    if (!m->looks)
        queue_kick(k->house->queue);
    parcel_free(&p);
}

static void on_parcel(void *arg, struct member *m, struct parcel *p)
{
    struct keeper *k = arg;

    if (p->kind == LETTER_READY) {
        if (crew_complete(k->crew))
            manager_tell(k->manager, "READY=1");
        queue_kick(k->house->queue);
        parcel_free(&p);
    } else if (p->kind == LETTER_RESULT) {
        on_result(k, m, p);
    } else if (p->kind == LETTER_PLACE) {
        on_place(k, p);
    } else if (p->kind == LETTER_NOTE) {
        on_note(k, m, p);
    } else if (p->kind == LETTER_LOOKS) {
        on_looks(k, m, p);
    } else if (p->kind == LETTER_NOTICE) {
        on_told(k, ((struct letter_text *)p->letter)->text);
        parcel_free(&p);
    } else {
        clerk_take(m->own, p);
    }
}

static void left(void *arg, struct member *m)
{
    struct keeper *k = arg;
    struct clerk *clerk = m->own;

    clerk_free(&clerk);
    if (m->side == SIDE_COURIER)
        queue_lost(k->house->queue, (unsigned)m->pid);
}

static void empty(void *arg)
{
    loop_stop(((struct keeper *)arg)->loop);
}

static bool carry(void *arg, const struct job *job, unsigned *courier)
{
    struct keeper *k = arg;
    struct letter_job letter = {*job};
    struct job_way ways[JOB_THEN];
    const struct config *c = k->settings->config;
    struct dispatch d = {.first = k->crew ? crew_first(k->crew) : NULL,
                         .concurrency = (unsigned)c->delivery.concurrency,
                         .names_at = k->names_at,
                         .now = clock_now()};
    struct member *best;

    d.open = job->kind == ROUTE_RELAY && places_open_door(k->places, c, job->relay);
    best = dispatch_choose(&d, job);
    if (!best)
        return false;
    if (!logins_attach(k->settings, k->tokens, &letter.job, ways) ||
        !channel_send(best->channel, LETTER_JOB, 0, &letter, job->content.fd))
        return false;
    best->load++;
    *courier = (unsigned)best->pid;
    return true;
}

/* The courier with the least to do. */
static struct channel *idle_courier(void *arg)
{
    const struct keeper *k = arg;
    const struct member *best = NULL;

    for (const struct member *m = k->crew ? crew_first(k->crew) : NULL; m; m = m->next)
        if (m->side == SIDE_COURIER && m->ready && !m->leaving && (!best || m->load < best->load))
            best = m;
    return best ? best->channel : NULL;
}

/* ---- reload: all or nothing ---- */

static void want_crew(struct keeper *k)
{
    const struct config *c = k->settings->config;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    crew_want(k->crew, SIDE_LISTENER,
              c->process.listeners ? (unsigned)c->process.listeners
                                   : (unsigned)(cores > 0 ? cores : 1));
    crew_want(k->crew, SIDE_COURIER, (unsigned)c->delivery.couriers);
}

static void log_notes(const struct keeper *k, struct config_notes *notes)
{
    if (directory_domain_count(k->house->directory) > 0)
        notes_know_domains(notes);
    for (size_t i = 0; i < notes->count; i++)
        if (notes->at[i].warning)
            log_event(LOG_WARNING, "config.warning", LOG_STR("words", notes->at[i].text));
        else
            log_event(LOG_ERROR, "config.refused", LOG_STR("why", notes->at[i].text));
}

static int reload(void *arg, struct config_notes *notes)
{
    struct keeper *k = arg;
    struct settings *next = NULL, *old = k->settings;
    struct error e = {0};

    if (!k->doors)
        notes_add(notes, NOTES_ERROR, (struct notes_place){k->file, 0}, "the server is stopping");
    else if (settings_load(k->file, old, &next, notes) == 0 &&
             doors_open(k->doors, next->config, &e) < 0)
        notes_add(notes, NOTES_ERROR, (struct notes_place){k->file, 0}, "%s", e.words);
    log_notes(k, notes);
    if (notes->errors) {
        settings_free(&next);
        return -1;
    }
    k->settings = next;
    house_configure(k->house, next->config);
    want_crew(k);
    crew_replace(k->crew);
    settings_free(&old);
    log_event(LOG_NOTICE, "config.loaded", LOG_STR("file", k->file));
    return 0;
}

/* Once a day: certificates that end soon, because nobody else tells before mail programs do. */
static void tell_ending(void *arg)
{
    struct keeper *k = arg;
    const struct certificate_file *first[ENDING_TOLD];
    size_t all = certificates_ending(&k->settings->certificates, clock_wall(), first, ENDING_TOLD);

    for (size_t i = 0; i < all && i < ENDING_TOLD; i++) {
        char at[40];

        clock_iso(first[i]->expires, at, sizeof at);
        log_event(LOG_WARNING, "certificate.ending", LOG_STR("file", first[i]->path),
                  LOG_STR("ends", at));
    }
    timer_set(k->daily, CLOCK_DAY);
}

static void on_hangup(int signal, void *arg)
{
    struct config_notes notes = {0};

    (void)signal;
    reload(arg, &notes);
    config_notes_free(&notes);
}

static void on_stop(int signal, void *arg)
{
    struct keeper *k = arg;

    log_event(LOG_NOTICE, "stopping", LOG_NUM("signal", signal));
    manager_tell(k->manager, "STOPPING=1");
    doors_free(&k->doors); /* who comes now is refused at once instead of waiting in vain */
    queue_pause(k->house->queue, true);
    crew_drain(k->crew, STOP_TIME);
}

static void status(void *arg, struct text *json)
{
    struct keeper *k = arg;
    const char *comma = "";

    text_adds(json, "[");
    for (const struct member *m = crew_first(k->crew); m; m = m->next) {
        text_addf(json, "%s{\"role\":\"%s\",\"pid\":%d,\"ready\":%s,\"leaving\":%s,\"jobs\":%u}",
                  comma, m->side == SIDE_LISTENER ? "listener" : "courier", (int)m->pid,
                  m->ready ? "true" : "false", m->leaving ? "true" : "false", m->load);
        comma = ",";
    }
    text_adds(json, "]");
}

static struct places *places(void *arg)
{
    return ((struct keeper *)arg)->places;
}

static void places_changed(void *arg)
{
    struct keeper *k = arg;

    for (struct member *m = crew_first(k->crew); m; m = m->next)
        if (m->side == SIDE_COURIER && !m->leaving)
            send_places(k, m);
}

static void domains_changed(void *arg)
{
    struct keeper *k = arg;

    queue_reroute(k->house->queue);
    for (struct member *m = crew_first(k->crew); m; m = m->next)
        if (m->side == SIDE_LISTENER)
            send_ask(k, m);
}

static struct notices *latest_notices(void *arg)
{
    return ((struct keeper *)arg)->notices;
}

static const struct certificates *certificates(void *arg)
{
    return &((struct keeper *)arg)->settings->certificates;
}

static const struct control_calls control_calls = {
    reload, status, certificates, places, places_changed, latest_notices, domains_changed};
static const struct crew_calls crew_calls = {joined, on_parcel, left, empty};

/* ---- start ---- */

static void say(const char *kind, const char *words)
{
    fprintf(stderr, "port26: %s%s\n", kind, words);
}

/* Makes a folder that is missing; as root for the user we become. */
static int give_folder(const char *path, const struct passwd *pw, struct error *e)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_sys(e, errno, "the folder %s can not be made", path);
    if (pw && lchown(path, pw->pw_uid, pw->pw_gid) < 0)
        return error_sys(e, errno, "the folder %s can not be given to the user %s", path,
                         pw->pw_name);
    return 0;
}

/* Where certbot puts its proofs; theirs when it is there already. */
static void make_webroot(const struct config *c, const struct passwd *pw)
{
    const char *path = c->tls.acme_webroot;

    if (!*path || mkdir(path, 0755) < 0)
        return;
    (void)!chmod(path, 0755); /* whatever the umask says */
    if (pw)
        (void)!lchown(path, pw->pw_uid, pw->pw_gid);
}

static int become_user(const struct config *c, struct error *e)
{
    struct passwd *pw = geteuid() == 0 ? getpwnam(c->user) : NULL;
    char control[4096];

    if (geteuid() == 0 && !pw)
        return error_set(e, ERROR_INPUT,
                         "port26 never serves as root, and there is no user \"%s\"; make it: "
                         "useradd --system --home-dir %s --shell /usr/sbin/nologin %s",
                         c->user, c->store.path, c->user);
    snprintf(control, sizeof control, "%s", c->control);
    if (house_folder(c, e) < 0 || give_folder(c->store.path, pw, e) < 0 ||
        give_folder(c->inboxes.path, pw, e) < 0)
        return -1;
    make_webroot(c, pw);
    if (pw && mkdir(dirname(control), 0755) == 0)
        (void)!lchown(control, pw->pw_uid, pw->pw_gid);
    return jail_user(c->user, e);
}

static int open_tokens(struct keeper *k, struct error *e)
{
    const struct config *c = k->settings->config;
    struct tokens_command *commands = memory_array(c->relay_count + 2, sizeof *commands);
    size_t count = 0;
    int rc;

    for (size_t i = 0; i < c->relay_count; i++)
        if (*c->relays[i].token_command)
            commands[count++] =
                (struct tokens_command){c->relays[i].name, c->relays[i].token_command};
    if (*c->notices.command)
        commands[count++] = (struct tokens_command){"", c->notices.command};
    rc = tokens_open(commands, count, &k->tokens, e);
    free(commands);
    return rc;
}

static void token_came(void *arg)
{
    queue_kick(((struct keeper *)arg)->house->queue);
}

static int open_all(struct keeper *k, struct error *e)
{
    const struct config *c = k->settings->config;
    int jailed;

    if (doors_open(k->doors, c, e) < 0 || become_user(c, e) < 0)
        return -1;
    log_open("keeper", c->log.target, c->log.form, c->log.level);
    k->manager = manager_open();
    if (open_tokens(k, e) < 0)
        return -1;
    /* Before the first thread: Landlock does not catch those that run already. */
    jailed = walls_enter(c, k->file, MAX_FILES, e);
    if (jailed < 0)
        return -1;
    if (jailed > 0)
        log_event(LOG_NOTICE, "jail.partial", LOG_STR("why", e->words));
    if (house_open(k->loop, c, carry, k, &k->house, e) < 0)
        return -1;
    k->house->courier = idle_courier;
    tokens_listen(k->tokens, k->loop, token_came, k);
    k->places = places_open(k->loop, c->store.path);
    k->notices = notices_new(k->loop, k->places, on_notice, k);
    k->resolvers = resolvers_new(k->loop, "/etc/resolv.conf", on_resolvers, k);
    k->control = (struct control){k->house, &control_calls, k};
    k->reception = reception_open(k->loop, c->control, &k->control, e);
    return k->reception ? 0 : -1;
}

static void close_all(struct keeper *k)
{
    reception_close(&k->reception);
    if (k->crew)
        crew_free(&k->crew);
    timer_free(&k->daily);
    manager_close(&k->manager);
    resolvers_free(&k->resolvers);
    notices_free(&k->notices);
    places_close(&k->places);
    tokens_close(&k->tokens);
    house_close(&k->house);
    doors_free(&k->doors);
    settings_free(&k->settings);
    loop_free(&k->loop);
}

static void run(struct keeper *k)
{
    k->crew = crew_new(k->loop, PROGRAM, &crew_calls, k);
    loop_signal(k->loop, SIGHUP, on_hangup, k);
    loop_signal(k->loop, SIGTERM, on_stop, k);
    loop_signal(k->loop, SIGINT, on_stop, k);
    want_crew(k);
    k->daily = timer_new(k->loop, tell_ending, k);
    tell_ending(k);
    log_event(LOG_NOTICE, "started", LOG_STR("file", k->file),
              LOG_STR("store", k->settings->config->store.path));
    loop_run(k->loop);
    log_event(LOG_NOTICE, "stopped");
}

int keeper_main(const char *config_file)
{
    struct config_notes notes = {0};
    char absolute[4096];
    struct keeper k = {.file = realpath(config_file, absolute) ? absolute : config_file};
    struct error e = {0};
    int bad = settings_load(k.file, NULL, &k.settings, &notes);

    if (bad) {
        for (size_t i = 0; i < notes.count; i++)
            say(notes.at[i].warning ? "warning: " : "", notes.at[i].text);
        if (notes.errors > notes.count)
            fprintf(stderr, "port26: and %zu more errors\n", notes.errors - notes.count);
        config_notes_free(&notes);
        return EX_CONFIG;
    }
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    k.loop = loop_new();
    k.doors = doors_new();
    bad = open_all(&k, &e);
    if (bad) {
        say("", e.words);
    } else {
        log_notes(&k, &notes);
        run(&k);
    }
    config_notes_free(&notes);
    close_all(&k);
    return bad ? EX_UNAVAILABLE : EX_OK;
}
