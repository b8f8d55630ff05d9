/* recall: what is remembered of a relay's doors in the place where we are: which to try first, and
 * what to note of each try. The memory itself is place/known.h; whoever keeps it for the next start
 * is told of each note. */
#ifndef PORT26_DELIVER_RECALL_H
#define PORT26_DELIVER_RECALL_H

#include "deliver/race.h"
#include "place/known.h"

enum { RECALL_MOMENT = 2 * 1000 }; /* ms, as long as gate.h turns others back */

struct recall;

struct recall_note {
    struct place place;
    char door[PATH_DOOR_TEXT];
    enum known_result result;
    int64_t ms, at; /* at: wall clock */
    char proof[KNOWN_PROOF];
};

/* `noted` may be NULL. */
struct recall *recall_new(void (*noted)(void *arg, const struct recall_note *n), void *arg);
/* NULL is fine; nulls the pointer. */
void recall_free(struct recall **r);
/* All that is known of all places, as known_write writes it; replaces what was there. */
void recall_load(struct recall *r, struct span text);
/* Another process noted this: it counts here as well, and `noted` is not told. */
void recall_heard(struct recall *r, const struct recall_note *n);
/* Did another process find all these doors closed, here and a moment ago (RECALL_MOMENT)? Then its
 * look was ours too. `proof`, when not NULL, is set to what it met at the first of them. */
bool recall_closed(const struct recall *r, const struct path *path, size_t count,
                   const char **proof);
/* We are here. Before the first call, and offline, nothing is remembered and nothing noted. */
void recall_place(struct recall *r, const struct place *p);
const struct place *recall_here(const struct recall *r);
/* Is this one of the names of the place where we are: the one people gave it, its own, or its key?
 */
bool recall_is_here(const struct recall *r, struct span name);

/* Puts the paths of a relay in the order in which to try them here. Returns how many of the first
 * ones belong to a door that is sure to work. */
size_t recall_order(const struct recall *r, const struct path *path, size_t count, size_t *order);
/* Notes the outcome of a race, each door once. */
void recall_race(struct recall *r, const struct race_entry *entry, size_t count);
/* A door (its name) that did not open within `ms`, for this reason (negative errno). */
void recall_silent(struct recall *r, struct span door, int rc, int64_t ms);
/* Has a door of these ever taken a login within `ms`, here or elsewhere? */
bool recall_quick(const struct recall *r, const struct path *path, size_t count, int64_t ms);
/* It stood, and died in use. */
void recall_broke(struct recall *r, const struct path *p, const char *words);

#endif
