#include "serve/crew.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    POST_FD = 3, /* where a child finds its socket */
    SIDES = 2,
    LEAVING_MOST = 32, /* old ones that may wait for slow clients */
    WAIT_FIRST = 100,  /* ms of back-off after a death, doubled each time */
    WAIT_MOST = 30 * 1000,
    WELL_AFTER = 30 * 1000, /* who lived that long did not die of its start */
};

/* Each side has a back-off of its own: couriers that die one after the other must not keep a
 * listener waiting, nor a listener's return start them sooner. */
struct wanted {
    struct crew *crew;
    enum letter_side side;
    const char *role;
    unsigned count;
    int64_t wait;
    struct timer *refill; /* starts what is missing */
};

struct crew {
    struct loop *loop;
    const char *program;
    const struct crew_calls *calls;
    void *arg;
    struct wanted wanted[SIDES];
    struct member *first;
    struct timer *killer;
    unsigned generation;
    bool replacing; /* the present generation is not ready yet */
    bool again;     /* and another is wanted after it */
    bool ending, told_empty;
};

static struct wanted *wanted_for(struct crew *c, enum letter_side side)
{
    return &c->wanted[side == SIDE_LISTENER ? 0 : 1];
}

static const char *role_of(const struct member *m)
{
    return wanted_for(m->crew, m->side)->role;
}

/* Nothing of ours but the socket reaches the child: every descriptor is close-on-exec, and
 * signals start from their defaults. */
static pid_t spawn(const struct crew *c, const char *role, int fd)
{
    char *argv[] = {(char *)(uintptr_t) "port26", (char *)(uintptr_t) "serve",
                    (char *)(uintptr_t) "--role", (char *)(uintptr_t)role, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t all, none;
    pid_t pid;
    int trouble;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, fd, POST_FD);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    trouble = posix_spawn(&pid, c->program, &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    if (trouble) {
        log_event(LOG_ERROR, "child.start-failed", LOG_STR("role", role),
                  LOG_STR("why", strerror(trouble)));
        return -1;
    }
    return pid;
}

static void drain(struct member *m, bool hurry)
{
    struct letter_drain letter = {.hurry = hurry};

    m->leaving = true;
    channel_send(m->channel, LETTER_DRAIN, 0, &letter, -1);
}

bool crew_complete(const struct crew *c)
{
    for (int i = 0; i < SIDES; i++) {
        unsigned ready = 0;

        for (const struct member *m = c->first; m; m = m->next)
            ready += m->side == c->wanted[i].side && m->generation == c->generation && m->ready;
        if (ready < c->wanted[i].count)
            return false;
    }
    return true;
}

/* The old ones serve until the new ones do: a door is never without a listener, and a new
 * generation that can not start costs nothing. */
static void relieve(struct crew *c)
{
    unsigned leaving = 0;

    if (!c->replacing || !crew_complete(c))
        return;
    c->replacing = false;
    for (struct member *m = c->first; m; m = m->next) { /* the youngest first */
        if (!m->leaving && m->generation != c->generation)
            drain(m, false);
        if (m->leaving && ++leaving > LEAVING_MOST)
            drain(m, true);
    }
    if (c->again)
        crew_replace(c);
}

static void on_parcel(void *arg, struct parcel *p)
{
    struct member *m = arg;

    if (p->kind == LETTER_READY) {
        m->ready = true;
        log_event(LOG_INFO, "child.ready", LOG_STR("role", role_of(m)), LOG_NUM("pid", m->pid));
        relieve(m->crew);
    }
    m->crew->calls->parcel(m->crew->arg, m, p);
}

/* The socket broke: a child that still runs is of no use to anybody. Its end is handled when the
 * kernel reports it. One that was told to leave does so by closing. */
static void on_closed(void *arg, const char *why)
{
    struct member *m = arg;

    if (m->leaving)
        return;
    log_event(LOG_WARNING, "child.silent", LOG_STR("role", role_of(m)), LOG_NUM("pid", m->pid),
              LOG_STR("why", why));
    kill(m->pid, SIGKILL);
}

static const struct channel_calls channel_calls = {on_parcel, on_closed};

static bool start(struct crew *c, struct wanted *w, unsigned number)
{
    struct member *m;
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        log_event(LOG_ERROR, "child.start-failed", LOG_STR("role", w->role),
                  LOG_STR("why", strerror(errno)));
        return false;
    }
    pid = spawn(c, w->role, pair[1]);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return false;
    }
    m = memory_alloc(sizeof *m);
    *m = (struct member){.crew = c,
                         .side = w->side,
                         .number = number,
                         .generation = c->generation,
                         .pid = pid,
                         .started = clock_now(),
                         .next = c->first};
    c->first = m;
    m->channel = channel_new(c->loop, pair[0], w->side, &channel_calls, m);
    c->calls->joined(c->arg, m);
    return true;
}

static bool present(const struct crew *c, enum letter_side side, unsigned number)
{
    for (const struct member *m = c->first; m; m = m->next)
        if (m->side == side && m->number == number && m->generation == c->generation && !m->leaving)
            return true;
    return false;
}

static void refill(void *arg)
{
    struct wanted *w = arg;

    if (w->crew->ending)
        return;
    for (unsigned n = 0; n < w->count; n++)
        if (!present(w->crew, w->side, n) && !start(w->crew, w, n))
            timer_set(w->refill, w->wait = WAIT_MOST / 10);
}

static void unlink_member(struct crew *c, struct member *m)
{
    struct member **link = &c->first;

    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
}

static void tell_empty(struct crew *c)
{
    if (!c->ending || c->first || c->told_empty)
        return;
    c->told_empty = true;
    c->calls->empty(c->arg);
}

static void note_end(const struct member *m, int status)
{
    char how[64];

    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "killed by signal %d", WTERMSIG(status));
    else
        snprintf(how, sizeof how, "exit status %d", WEXITSTATUS(status));
    log_event(m->leaving ? LOG_INFO : LOG_ERROR, "child.ended", LOG_STR("role", role_of(m)),
              LOG_NUM("pid", m->pid), LOG_STR("how", how));
}

/* A binary that dies at its start must not become a storm of forks. */
static void bury(struct crew *c, struct member *m, int status)
{
    struct wanted *w = wanted_for(c, m->side);

    note_end(m, status);
    unlink_member(c, m);
    if (!m->leaving) {
        w->wait = clock_now() - m->started > WELL_AFTER || !w->wait ? WAIT_FIRST : w->wait * 2;
        if (w->wait > WAIT_MOST)
            w->wait = WAIT_MOST;
        if (!c->ending)
            timer_set(w->refill, w->wait);
    }
    c->calls->left(c->arg, m);
    channel_free(&m->channel);
    free(m);
    tell_empty(c);
}

static void on_child(int signal, void *arg)
{
    struct crew *c = arg;
    int status;

    (void)signal;
    for (struct member *m = c->first, *next; m; m = next) {
        next = m->next;
        if (waitpid(m->pid, &status, WNOHANG) == m->pid)
            bury(c, m, status);
    }
}

static void kill_all(void *arg)
{
    struct crew *c = arg;

    for (struct member *m = c->first; m; m = m->next) {
        log_event(LOG_WARNING, "child.killed", LOG_STR("role", role_of(m)), LOG_NUM("pid", m->pid),
                  LOG_STR("why", "it did not end in time"));
        kill(m->pid, SIGKILL);
    }
}

struct crew *crew_new(struct loop *l, const char *program, const struct crew_calls *calls,
                      void *arg)
{
    struct crew *c = memory_alloc(sizeof *c);

    *c = (struct crew){
        .loop = l,
        .program = program,
        .calls = calls,
        .arg = arg,
        .wanted = {{.crew = c, .side = SIDE_LISTENER, .role = "listener"},
                   {.crew = c, .side = SIDE_COURIER, .role = "courier"}},
    };
    for (int i = 0; i < SIDES; i++)
        c->wanted[i].refill = timer_new(l, refill, &c->wanted[i]);
    c->killer = timer_new(l, kill_all, c);
    loop_signal(l, SIGCHLD, on_child, c);
    return c;
}

void crew_want(struct crew *c, enum letter_side side, unsigned count)
{
    struct wanted *w = wanted_for(c, side);

    w->count = count;
    timer_set(w->refill, 0);
}

void crew_replace(struct crew *c)
{
    c->again = c->replacing;
    if (c->replacing)
        return;
    c->replacing = true;
    c->generation++;
    for (int i = 0; i < SIDES; i++)
        refill(&c->wanted[i]);
}

void crew_drain(struct crew *c, int64_t ms)
{
    c->ending = true;
    for (int i = 0; i < SIDES; i++)
        timer_stop(c->wanted[i].refill);
    for (struct member *m = c->first; m; m = m->next)
        drain(m, true);
    timer_set(c->killer, ms);
    tell_empty(c);
}

struct member *crew_first(const struct crew *c)
{
    return c->first;
}

void crew_free(struct crew **c)
{
    if (!*c)
        return;
    for (struct member *m = (*c)->first, *next; m; m = next) {
        next = m->next;
        kill(m->pid, SIGKILL);
        waitpid(m->pid, NULL, 0);
        channel_free(&m->channel);
        free(m);
    }
    for (int i = 0; i < SIDES; i++)
        timer_free(&(*c)->wanted[i].refill);
    timer_free(&(*c)->killer);
    free(*c);
    *c = NULL;
}
