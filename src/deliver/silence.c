#include "deliver/silence.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ear {
    struct door *door;
    struct knock *knock;
};

/* One door, over all its addresses. */
struct door {
    struct silence *silence;
    struct door *next;
    char name[PATH_DOOR_TEXT];
    struct ear ear[PATH_MAX_COUNT];
    size_t ears, pending;
    bool answered; /* or it could not be asked: nothing is known */
    int rc;        /* how the latest ended */
    int64_t begun;
};

struct silence {
    struct recall *recall;
    int64_t fair;
    struct door *first;
};

struct silence *silence_new(struct recall *r, int64_t fair)
{
    struct silence *s = memory_alloc(sizeof *s);

    *s = (struct silence){.recall = r, .fair = fair};
    return s;
}

static void unlink_door(struct door *d)
{
    struct door **at = &d->silence->first;

    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
}

void silence_drop(struct silence *s)
{
    while (s->first) {
        struct door *d = s->first;

        for (size_t i = 0; i < d->ears; i++)
            knock_drop(&d->ear[i].knock);
        unlink_door(d);
        free(d);
    }
}

void silence_free(struct silence **s)
{
    if (!*s)
        return;
    silence_drop(*s);
    free(*s);
    *s = NULL;
}

static void conclude(struct door *d)
{
    if (!d->answered)
        recall_silent(d->silence->recall, span_of(d->name), d->rc, clock_now() - d->begun);
    unlink_door(d);
    free(d);
}

static void ended(void *arg, int rc)
{
    struct ear *e = arg;
    struct door *d = e->door;

    e->knock = NULL;
    d->answered |= rc == 0;
    d->rc = rc;
    if (--d->pending == 0)
        conclude(d);
}

/* Is nothing known of it yet but that some of its addresses were silent or refused? */
static bool is_open_question(const struct race_entry *entry, const size_t *of, size_t count)
{
    bool silent = false;

    for (size_t i = 0; i < count; i++) {
        const struct race_entry *e = &entry[of[i]];

        silent |= e->knock != NULL;
        if (!e->knock && !(e->state == RACE_FAILED && !e->connected))
            return false;
    }
    return silent;
}

static void listen_on(struct silence *s, const char *name, struct race_entry *entry,
                      const size_t *of, size_t count)
{
    struct door *d = memory_alloc(sizeof *d);

    *d = (struct door){.silence = s, .next = s->first, .begun = entry[of[0]].begun};
    s->first = d;
    memcpy(d->name, name, sizeof d->name);
    for (size_t i = 0; i < count; i++) {
        struct race_entry *e = &entry[of[i]];

        if (e->knock)
            d->ear[d->ears++] = (struct ear){d, e->knock};
        e->knock = NULL;
    }
    d->pending = d->ears + 1;
    for (size_t i = 0; i < d->ears; i++)
        knock_leave(d->ear[i].knock, d->begun + s->fair, ended, &d->ear[i]);
    if (--d->pending == 0)
        conclude(d);
}

void silence_race(struct silence *s, struct race_entry *entry, size_t count)
{
    char name[PATH_MAX_COUNT][PATH_DOOR_TEXT];
    bool seen[PATH_MAX_COUNT] = {false};

    assert(count <= PATH_MAX_COUNT);
    for (size_t i = 0; i < count; i++)
        path_door(entry[i].path, name[i]);
    for (size_t i = 0; i < count; i++) {
        size_t of[PATH_MAX_COUNT], n = 0;

        for (size_t k = i; k < count && !seen[i]; k++)
            if (k == i || strcmp(name[k], name[i]) == 0)
                of[n++] = k;
        for (size_t k = 0; k < n; k++)
            seen[of[k]] = true;
        if (n && is_open_question(entry, of, n))
            listen_on(s, name[i], entry, of, n);
    }
    for (size_t i = 0; i < count; i++)
        knock_drop(&entry[i].knock);
}
