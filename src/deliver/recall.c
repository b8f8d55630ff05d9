#include "deliver/recall.h"

#include "base/clock.h"
#include "base/memory.h"
#include "deliver/judge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct recall {
    struct known *known;
    struct place here;
    void (*noted)(void *arg, const struct recall_note *n);
    void *arg;
    int64_t heard; /* clock_now() of what others noted last; 0: nothing */
};

struct recall *recall_new(void (*noted)(void *arg, const struct recall_note *n), void *arg)
{
    struct recall *r = memory_alloc(sizeof *r);

    *r = (struct recall){.known = known_new(), .noted = noted, .arg = arg};
    return r;
}

void recall_free(struct recall **r)
{
    if (!*r)
        return;
    known_free(&(*r)->known);
    free(*r);
    *r = NULL;
}

void recall_load(struct recall *r, struct span text)
{
    struct error e = {0};

    known_free(&r->known);
    r->known = known_new();
    (void)!known_read(r->known, text, &e); /* what does not read is learnt again */
    r->heard = clock_now();
}

void recall_heard(struct recall *r, const struct recall_note *n)
{
    known_note(r->known, &n->place, span_of(n->door), n->result, n->ms, span_of(n->proof), n->at);
    r->heard = clock_now();
}

void recall_place(struct recall *r, const struct place *p)
{
    r->here = *p;
    if (p->key[0])
        known_visit(r->known, p, clock_wall());
}

const struct place *recall_here(const struct recall *r)
{
    return &r->here;
}

bool recall_is_here(const struct recall *r, struct span name)
{
    const struct known_place *known = known_place(r->known, r->here.key);

    if (!r->here.key[0])
        return false;
    return span_is(name, r->here.key) || span_iis(name, r->here.name) ||
           (known && known->called[0] && span_iis(name, known->called));
}

/* ---- order ---- */

struct doors {
    char text[PATH_MAX_COUNT][PATH_DOOR_TEXT];
    struct span name[PATH_MAX_COUNT];
    size_t count;
    size_t of[PATH_MAX_COUNT]; /* of each path: its door */
};

static void collect_doors(const struct path *path, size_t count, struct doors *d)
{
    d->count = 0;
    for (size_t i = 0; i < count; i++) {
        char *text = d->text[d->count];
        size_t k = 0;

        path_door(&path[i], text);
        while (k < d->count && strcmp(d->text[k], text) != 0)
            k++;
        if (k == d->count)
            d->name[d->count++] = span_of(text);
        d->of[i] = k;
    }
}

size_t recall_order(const struct recall *r, const struct path *path, size_t count, size_t *order)
{
    struct doors d;
    size_t by_door[PATH_MAX_COUNT], n = 0, sure = 0;
    int64_t now = clock_wall();

    collect_doors(path, count, &d);
    for (size_t i = 0; i < d.count; i++)
        by_door[i] = i;
    if (r->here.key[0])
        known_order(r->known, r->here.key, d.name, d.count, now, by_door);
    for (size_t i = 0; i < d.count; i++) {
        for (size_t k = 0; k < count; k++)
            if (d.of[k] == by_door[i])
                order[n++] = k;
        if (i == 0 && r->here.key[0]) {
            const struct known_door *known = known_door(r->known, r->here.key, d.name[by_door[0]]);

            sure = known && known_sure(known, now) ? n : 0;
        }
    }
    return sure;
}

static bool closed_lately(const struct known_door *d, int64_t now)
{
    int64_t age = d ? now - d->at : 0;

    return d && d->last != KNOWN_NOTHING && d->last != KNOWN_WORKS && age >= 0 &&
           age < RECALL_MOMENT;
}

bool recall_closed(const struct recall *r, const struct path *path, size_t count,
                   const char **proof)
{
    int64_t now = clock_wall();

    if (!r->here.key[0] || !r->heard || clock_now() - r->heard >= RECALL_MOMENT || !count)
        return false;
    for (size_t i = count; i-- > 0;) {
        char text[PATH_DOOR_TEXT];
        const struct known_door *d;

        path_door(&path[i], text);
        d = known_door(r->known, r->here.key, span_of(text));
        if (!closed_lately(d, now))
            return false;
        if (proof)
            *proof = d->proof;
    }
    return true;
}

static bool was_quick(const struct known *k, struct span door, int64_t ms)
{
    const struct known_place *p;

    for (size_t i = 0; (p = known_at(k, i)); i++) {
        const struct known_door *d = known_door(k, p->place.key, door);

        if (d && (d->ms || d->last == KNOWN_WORKS) && d->ms < ms)
            return true;
    }
    return false;
}

bool recall_quick(const struct recall *r, const struct path *path, size_t count, int64_t ms)
{
    for (size_t i = 0; i < count; i++) {
        char text[PATH_DOOR_TEXT];

        path_door(&path[i], text);
        if (was_quick(r->known, span_of(text), ms))
            return true;
    }
    return false;
}

/* ---- notes ---- */

static void note_door(struct recall *r, struct span door, enum known_result result, int64_t ms,
                      const char *proof)
{
    struct recall_note n = {.place = r->here, .result = result, .ms = ms, .at = clock_wall()};

    if (!r->here.key[0])
        return;
    snprintf(n.door, sizeof n.door, "%.*s", SPAN_ARG(door));
    snprintf(n.proof, sizeof n.proof, "%s", proof);
    known_note(r->known, &n.place, span_of(n.door), result, ms, span_of(n.proof), n.at);
    if (r->noted)
        r->noted(r->arg, &n);
}

static void note(struct recall *r, const struct path *p, enum known_result result, int64_t ms,
                 const char *proof)
{
    char door[PATH_DOOR_TEXT];

    path_door(p, door);
    note_door(r, span_of(door), result, ms, proof);
}

void recall_broke(struct recall *r, const struct path *p, const char *words)
{
    note(r, p, KNOWN_BROKE, 0, words);
}

/* This machine has no way there just now: its network comes or goes. */
static bool nothing_sent(const struct smtp_client_failure *f)
{
    return f->stage == STAGE_CONNECT && (f->sys == ENETUNREACH || f->sys == ENETDOWN ||
                                         f->sys == EADDRNOTAVAIL || f->sys == EAFNOSUPPORT);
}

/* KNOWN_NOTHING: it says nothing about the door, as a login that was refused does not. */
static enum known_result result_of(const struct smtp_client_failure *f)
{
    if (nothing_sent(f))
        return KNOWN_NOTHING;
    if (judge_stranger(&(struct judge_event){.stage = f->stage, .why = f->why}))
        return KNOWN_STRANGER;
    switch (f->why) {
    case CLIENT_BROKEN:
        return KNOWN_BROKE;
    case CLIENT_LOST:
        return f->stage == STAGE_CONNECT ? KNOWN_SHUT : KNOWN_BROKE;
    default:
        return f->stage == STAGE_AUTH ? KNOWN_NOTHING : KNOWN_BROKE;
    }
}

static void proof_of_silence(int sys, int64_t ms, char buf[KNOWN_PROOF])
{
    if (sys == ETIMEDOUT)
        snprintf(buf, KNOWN_PROOF, "no answer in %lld s", (long long)((ms + 500) / 1000));
    else
        snprintf(buf, KNOWN_PROOF, "%s", strerror(sys));
}

void recall_silent(struct recall *r, struct span door, int rc, int64_t ms)
{
    struct smtp_client_failure f = {.stage = STAGE_CONNECT, .why = CLIENT_LOST, .sys = -rc};
    char proof[KNOWN_PROOF];

    if (nothing_sent(&f))
        return;
    proof_of_silence(f.sys, ms, proof);
    note_door(r, door, KNOWN_SHUT, 0, proof);
}

static void proof_of(const struct race_entry *e, const struct smtp_client_failure *f,
                     char buf[KNOWN_PROOF])
{
    if (f->stage == STAGE_CONNECT)
        proof_of_silence(f->sys, e->ms, buf);
    else if (f->why == CLIENT_TLS)
        snprintf(buf, KNOWN_PROOF, "certificate or TLS: %s", tls_verdict_name(f->verdict));
    else if (f->why == CLIENT_REPLY)
        snprintf(buf, KNOWN_PROOF, "%u %.*s", (unsigned)f->reply.code,
                 (int)span_head(f->reply.text, 120).len, f->reply.text.at);
    else
        snprintf(buf, KNOWN_PROOF, "%s at %s", smtp_client_why_name(f->why), stage_name(f->stage));
}

/* The entry that speaks for a door: one that won, else the failure that came furthest; NULL when
 * one of its paths was not tried to its end. */
static const struct race_entry *speaker(const struct race_entry *entry, const struct doors *d,
                                        size_t count, size_t door)
{
    const struct race_entry *best = NULL;
    bool unknown = false;

    for (size_t i = 0; i < count; i++) {
        const struct race_entry *e = &entry[i];

        if (d->of[i] != door)
            continue;
        if (e->state == RACE_WON)
            return e;
        if (e->state != RACE_FAILED)
            unknown = true;
        else if (!best ||
                 e->failure[e->failures - 1].stage > best->failure[best->failures - 1].stage)
            best = e;
    }
    return unknown ? NULL : best;
}

static void note_entry(struct recall *r, const struct race_entry *e)
{
    const struct smtp_client_failure *f = &e->failure[e->failures ? e->failures - 1 : 0];
    char proof[KNOWN_PROOF];

    if (e->state == RACE_WON) {
        note(r, e->path, KNOWN_WORKS, e->ms, "");
    } else if (result_of(f) != KNOWN_NOTHING) {
        proof_of(e, f, proof);
        note(r, e->path, result_of(f), 0, proof);
    }
}

void recall_race(struct recall *r, const struct race_entry *entry, size_t count)
{
    struct path path[PATH_MAX_COUNT];
    struct doors d;

    for (size_t i = 0; i < count; i++)
        path[i] = *entry[i].path;
    collect_doors(path, count, &d);
    for (size_t k = 0; k < d.count; k++) {
        const struct race_entry *e = speaker(entry, &d, count, k);

        if (e)
            note_entry(r, e);
    }
}
