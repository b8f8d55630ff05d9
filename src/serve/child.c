#include "serve/child.h"

#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <time.h>

enum { POST_FD = 3, MAX_FILES = 65536 };

static int status = EX_OK; /* of this process; there is one child in it */

void child_end(struct child *c)
{
    loop_stop(c->loop);
}

static void give_up(struct child *c, const struct error *e)
{
    log_event(LOG_ERROR, "child.can-not-start", LOG_STR("why", e->words));
    status = EX_CONFIG;
    child_end(c);
}

static void on_setup(struct child *c, const struct letter_setup *l)
{
    struct config_notes notes = {0};
    char file[4096];

    if (!span_cstr(l->file, file, sizeof file))
        file[0] = '\0';
    config_free(&c->config);
    /* The keeper has read the same text before; it can not be wrong here and right there. */
    if (config_parse(l->text, file, &notes, &c->config) < 0)
        status = EX_CONFIG;
    config_notes_free(&notes);
    c->number = l->number;
    if (c->config)
        log_open(c->calls->role, c->config->log.target, c->config->log.form, c->config->log.level);
}

static void on_start(struct child *c)
{
    static const struct jail_path no_paths[] = {{NULL, false}};
    struct error e = {0};
    int jailed;

    if (!c->config) {
        error_set(&e, ERROR_INPUT, "the keeper sent no configuration that reads");
        give_up(c, &e);
        return;
    }
    tzset(); /* reads the zone's file while files can still be opened */
    if (c->calls->start(c, &e) < 0) {
        give_up(c, &e);
        return;
    }
    jailed = c->config->process.jail ? jail_enter(c->calls->jail, no_paths, MAX_FILES, &e) : 0;
    if (jailed < 0) {
        give_up(c, &e);
        return;
    }
    if (jailed > 0)
        log_event(LOG_NOTICE, "jail.partial", LOG_STR("why", e.words));
    channel_send(c->channel, LETTER_READY, 0, &(struct letter_nothing){0}, -1);
}

static void on_parcel(void *arg, struct parcel *p)
{
    struct child *c = arg;

    switch ((int)p->kind) {
    case LETTER_SETUP:
        on_setup(c, p->letter);
        break;
    case LETTER_START:
        on_start(c);
        break;
    case LETTER_DRAIN:
        c->calls->drain(c, ((struct letter_drain *)p->letter)->hurry);
        break;
    default:
        c->calls->parcel(c, p);
        return;
    }
    parcel_free(&p);
}

/* Without the keeper nothing we do can be kept: end at once, so that no port stays bound and no 250
 * is said. What was under way is safe by the protocol: its client saw no answer. */
static void on_closed(void *arg, const char *why)
{
    (void)arg;
    (void)why;
    _Exit(status);
}

static const struct channel_calls channel_calls = {on_parcel, on_closed};

int child_run(const struct child_calls *calls, void *own)
{
    struct child c = {.calls = calls, .own = own};
    char name[16]; /* what ps and top show */

    snprintf(name, sizeof name, "port26 %s", calls->role);
    prctl(PR_SET_NAME, name);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the whole group; the keeper tells us what to do */
    signal(SIGTERM, SIG_IGN);
    c.loop = loop_new();
    c.channel = channel_new(c.loop, POST_FD, SIDE_KEEPER, &channel_calls, &c);
    loop_run(c.loop);
    channel_free(&c.channel); /* flushes the last results */
    _Exit(status);
}
