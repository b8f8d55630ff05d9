#include "probe/history.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_KEPT   "places"
#define FILE_NEW    "places.new"
#define FILE_LOCK   "places.lock"
#define FILE_BROKEN "places.broken"

enum { LOCK_WAIT_MS = 1000, LOCK_STEP_MS = 10 };

void history_folder(char *out, size_t size)
{
    static const struct {
        const char *variable, *behind;
    } rows[] = {
        {"PORT26_STATE", ""}, {"XDG_STATE_HOME", "/port26"}, {"HOME", "/.local/state/port26"}};
    int n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *value = getenv(rows[i].variable);

        if (!value || !value[0] || (i > 0 && value[0] != '/'))
            continue;
        n = snprintf(out, size, "%s%s", value, rows[i].behind);
        if (n < 0 || (size_t)n >= size)
            out[0] = '\0';
        return;
    }
}

/* ---- the file ---- */

/* 0 and *out, which is empty when there is no file; or a negative errno. */
static int read_file(int folder, struct text *out)
{
    int fd = openat(folder, FILE_KEPT, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int r;

    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    r = file_read(fd, out);
    close(fd);
    return r;
}

/* 0, or -1 and *e. */
static int load(int folder, struct known *k, struct error *e)
{
    struct text t = TEXT_INIT(KNOWN_TEXT_MAX);
    int r = read_file(folder, &t);

    if (r < 0)
        error_sys(e, -r, "It cannot be opened or read");
    else if (t.len)
        r = known_read(k, text_span(&t), e);
    text_free(&t);
    return r < 0 ? -1 : 0;
}

static int save(int folder, const struct known *k, struct error *e)
{
    struct text t = TEXT_INIT(KNOWN_TEXT_MAX);
    int fd, sys;
    bool ok;

    known_write(k, &t);
    unlinkat(folder, FILE_NEW, 0); /* of a run that died; we hold the lock */
    fd = openat(folder, FILE_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    ok = fd >= 0 && !t.full && file_write(fd, text_span(&t)) == 0 && fsync(fd) == 0 &&
         renameat(folder, FILE_NEW, folder, FILE_KEPT) == 0 && fsync(folder) == 0;
    sys = errno;
    if (fd >= 0)
        close(fd);
    text_free(&t);
    if (ok)
        return 0;
    unlinkat(folder, FILE_NEW, 0);
    return error_sys(e, sys, "The history of places could not be written");
}

/* The folder and those above it, as the XDG specification wants them: for their owner alone. */
static int make_folder(const char *folder)
{
    char path[PATH_MAX];

    if (!span_cstr(span_of(folder), path, sizeof path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    mkdir(path, 0700);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Another run holds it for milliseconds only. The lock's descriptor, or -1 and *e. */
static int lock(int folder, struct error *e)
{
    int fd = openat(folder, FILE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int64_t until = clock_now() + LOCK_WAIT_MS;
    struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000L};
    bool held = false;

    while (fd >= 0 && !(held = flock(fd, LOCK_EX | LOCK_NB) == 0) && clock_now() < until)
        nanosleep(&step, NULL);
    if (held)
        return fd;
    error_sys(e, errno, "The history of places could not be locked");
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Reads under the lock; what does not read is put aside, so that it can be looked at and does not
 * stand in the way for ever. */
static void load_or_begin_anew(int folder, struct known *k, struct error *e)
{
    struct error why = {0};

    if (load(folder, k, &why) == 0)
        return;
    if (renameat(folder, FILE_KEPT, folder, FILE_BROKEN) == 0)
        error_set(e, ERROR_INPUT,
                  "The history of places does not read. %s The file is now called " FILE_BROKEN
                  "; the history goes on with what could be read.",
                  why.words);
    else if (e)
        *e = why;
}

struct known *history_open(const char *folder, struct error *e)
{
    struct known *k = known_new();
    int fd = folder[0] ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int held = -1;

    if (e)
        error_clear(e);
    if (fd >= 0 && load(fd, k, NULL) < 0) {
        held = lock(fd, e);
        if (held >= 0)
            load_or_begin_anew(fd, k, e);
    }
    if (held >= 0)
        close(held);
    if (fd >= 0)
        close(fd);
    return k;
}

/* ---- what a run saw ---- */

struct seen {
    enum known_result result;
    const char *proof;
};

/* Nobody asked a question there, so an open door is all there is to see. */
static struct seen of_silence(const struct findings_door *d)
{
    if (d->tls == SEALED_YES && d->verdict != TLS_VERIFIED)
        return (struct seen){KNOWN_STRANGER, d->tls_words};
    return (struct seen){KNOWN_WORKS, d->tls_version};
}

/* Somebody who speaks SMTP, and proves to be the one meant; on 25, where no password goes, the
 * plain voice is enough. */
static struct seen of_smtp(const struct findings_door *d)
{
    if (d->masked)
        return (struct seen){KNOWN_STRANGER, "somebody between hides what the server offers"};
    if (findings_verified(d))
        return (struct seen){KNOWN_WORKS, d->tls_version};
    if (d->tls == SEALED_YES)
        return (struct seen){KNOWN_STRANGER, d->tls_words};
    if (d->starttls_refused || d->tls == SEALED_FAILED)
        return (struct seen){KNOWN_STRANGER, "the encryption offered did not come about"};
    if (d->port == 25)
        return (struct seen){KNOWN_WORKS, "not encrypted"};
    return (struct seen){KNOWN_STRANGER, "no encryption offered"};
}

static struct seen of_open(const struct findings_door *d)
{
    static const struct seen rows[] = {
        [TALK_SILENT] = {KNOWN_BROKE, "it opened, but nobody spoke"},
        [TALK_FOREIGN] = {KNOWN_STRANGER, "what answers there does not speak SMTP"},
        [TALK_LOST] = {KNOWN_BROKE, "it hung up while we talked"},
        [TALK_STALLED] = {KNOWN_BROKE, "it fell silent while we talked"},
    };

    switch (d->talk) {
    case TALK_NONE:
        return of_silence(d);
    case TALK_SMTP:
        return of_smtp(d);
    case TALK_REFUSED:
        return (struct seen){KNOWN_BROKE, d->reply.text};
    default:
        return rows[d->talk];
    }
}

/* What this computer forbids, or has no way to, tells nothing about the place. */
static struct seen see(const struct findings_door *d)
{
    static const struct seen rows[] = {
        [DOOR_UNTRIED] = {KNOWN_NOTHING, ""},
        [DOOR_NO_ROUTE] = {KNOWN_NOTHING, ""},
        [DOOR_SILENT] = {KNOWN_SHUT, "no answer"},
        [DOOR_REFUSED] = {KNOWN_SHUT, "refused"},
        [DOOR_FORBIDDEN] = {KNOWN_SHUT, "a router said that it is forbidden"},
        [DOOR_UNREACHABLE] = {KNOWN_SHUT, "a router said that it is not there"},
        [DOOR_LOCAL] = {KNOWN_NOTHING, ""},
    };

    return d->state == DOOR_OPEN ? of_open(d) : rows[d->state];
}

/* Which says more about a door: of two addresses, one that works tells that it opens. */
static int weight(enum known_result r)
{
    static const int weights[] = {
        [KNOWN_SHUT] = 1, [KNOWN_BROKE] = 2, [KNOWN_STRANGER] = 3, [KNOWN_WORKS] = 4};

    return weights[r];
}

static const char *host_of(const struct findings *f, enum findings_who who)
{
    return who == WHO_SERVER ? f->host : who == WHO_CONTROL ? f->control : "";
}

static struct span door_name(const char *host, unsigned port, char name[KNOWN_DOOR])
{
    snprintf(name, KNOWN_DOOR, "%s:%u", host, port);
    return span_of(name);
}

/* One door is one row here, whatever addresses it has: noted with the row that says most, when the
 * first of them comes by. */
static void note_door(struct known *k, const struct place *p, const struct findings *f, size_t i,
                      int64_t now)
{
    const struct findings_door *d = &f->door[i], *best = d;
    const char *host = host_of(f, d->who);
    struct seen seen = see(d);
    char name[KNOWN_DOOR];

    if (!host[0] || findings_find(f, d->who, d->port, AF_UNSPEC) != d)
        return;
    for (size_t j = i + 1; j < f->door_count; j++) {
        const struct findings_door *other = &f->door[j];
        struct seen there = see(other);

        if (other->who == d->who && other->port == d->port &&
            weight(there.result) > weight(seen.result)) {
            seen = there;
            best = other;
        }
    }
    if (seen.result != KNOWN_NOTHING)
        known_note(k, p, door_name(host, d->port, name), seen.result, best->connect_ms,
                   span_of(seen.proof), now);
}

int history_note(const char *folder, struct known **k, const struct place *p,
                 const struct findings *f, int64_t now, struct error *e)
{
    struct known *again = NULL;
    int fd = folder[0] ? make_folder(folder) : -1;
    int held = -1, r = -1;

    if (fd < 0)
        error_sys(e, folder[0] ? errno : ENOENT, "The folder for the history cannot be made");
    else
        held = lock(fd, e);
    if (held >= 0) {
        again = known_new();
        load_or_begin_anew(fd, again, NULL);
        known_visit(again, p, now);
        for (size_t i = 0; i < f->door_count; i++)
            note_door(again, p, f, i, now);
        known_expire(again, now);
        r = save(fd, again, e);
        known_free(k);
        *k = again;
        close(held);
    }
    if (fd >= 0)
        close(fd);
    return r;
}

/* ---- what earlier runs tell ---- */

/* Another place where it opens: the one where it did so the latest. */
static const struct known_place *find_elsewhere(const struct known *k, const struct place *p,
                                                struct span name, int64_t now)
{
    const struct known_place *best = NULL, *other;
    int64_t at = now - KNOWN_EXPIRY_MS;

    for (size_t i = 0; (other = known_at(k, i)); i++) {
        const struct known_door *d = known_door(k, other->place.key, name);

        if (strcmp(other->place.key, p->key) != 0 && d && d->last == KNOWN_WORKS && d->at > at) {
            at = d->at;
            best = other;
        }
    }
    return best;
}

/* Is it shut now? As this run saw it; as it was seen last, when this run did not look. */
static bool shut_now(const struct findings *f, uint16_t port, const struct known_door *d)
{
    bool looked = false;

    for (size_t i = 0; i < f->door_count; i++) {
        if (f->door[i].who != WHO_SERVER || f->door[i].port != port)
            continue;
        if (f->door[i].state == DOOR_OPEN)
            return false;
        looked = looked || findings_shut(&f->door[i]);
    }
    return looked || d->last == KNOWN_SHUT;
}

/* What is remembered of one door; false: nothing. */
static bool look(const struct known *k, const struct place *p, struct findings *f, uint16_t port,
                 int64_t now)
{
    struct findings_past *past = &f->past;
    char name[KNOWN_DOOR];
    struct span door = door_name(f->host, port, name);
    const struct known_door *d = known_door(k, p->key, door);
    const struct known_place *elsewhere = find_elsewhere(k, p, door, now);

    if (d && d->at <= now - KNOWN_EXPIRY_MS)
        d = NULL;
    if (elsewhere)
        snprintf(past->elsewhere, sizeof past->elsewhere, "%s", elsewhere->place.name);
    if (d || elsewhere)
        past->port = port;
    if (!d)
        return elsewhere != NULL;
    past->tries = d->recent_count;
    past->failures = (unsigned)__builtin_popcount(d->recent);
    past->opened_ms = d->last == KNOWN_WORKS ? d->at : d->before_at;
    if (past->opened_ms && shut_now(f, port, d))
        past->shut_since_ms = d->last == KNOWN_SHUT ? d->since : past->opened_ms;
    return true;
}

void history_look(const struct known *k, const struct place *p, struct findings *f, int64_t now)
{
    static const uint16_t usual[] = {587, 465, 25}; /* as a provider wants them used */

    f->past = (struct findings_past){0};
    snprintf(f->past.place, sizeof f->past.place, "%s", p->name);
    if (f->port) {
        look(k, p, f, f->port, now);
        return;
    }
    for (size_t i = 0; i < COUNT(usual) && !look(k, p, f, usual[i], now); i++)
        ;
}
