/* known: what is remembered of places: how each door fared there, how long ago, on what proof. Pure
 * data with a text form; who keeps the text in a file or a store is another's business. Bounded:
 * beyond the maximum the place not visited for the longest time is forgotten, and in a place the
 * door not tried for the longest time. */
#ifndef PORT26_PLACE_KNOWN_H
#define PORT26_PLACE_KNOWN_H

#include "base/error.h"
#include "base/span.h"
#include "place/place.h"

#include <stddef.h>
#include <stdint.h>

enum {
    KNOWN_PLACES_MAX = 64,
    KNOWN_DOORS_MAX = 64, /* in one place */
    KNOWN_DOOR = 160,     /* octets of a door's name */
    KNOWN_PROOF = 160,
    KNOWN_CALLED = 64,
    KNOWN_TRIES = 16,                    /* latest results kept for each door */
    KNOWN_TEXT_MAX = 4 << 20,            /* octets of the text form */
    KNOWN_FRESH_MS = 6 * 60 * 60 * 1000, /* a result is trusted alone for so long */
};
#define KNOWN_EXPIRY_MS (90LL * 24 * 60 * 60 * 1000) /* then it is forgotten */

#define KNOWN_RESULT_LIST(X)                                                                       \
    X(KNOWN_NOTHING, "unknown")                                                                    \
    X(KNOWN_WORKS, "works") /* opened, proved who it is, took the login where one is needed */     \
    X(KNOWN_SHUT, "shut")   /* no connection: silence, reset, forbidden */                         \
    X(KNOWN_STRANGER, "stranger") /* somebody else picked up, or took the encryption out */        \
    X(KNOWN_BROKE, "broke")       /* it opened and then died in use */
#define X(id, name) id,
enum known_result { KNOWN_RESULT_LIST(X) };
#undef X
const char *known_result_name(enum known_result r);

/* One door in one place. Wall-clock milliseconds. */
struct known_door {
    char name[KNOWN_DOOR]; /* "mail.example.com:587 starttls"; printable, no tab, no newline */
    enum known_result last;
    int64_t at;               /* of the latest result */
    int64_t since;            /* the latest result has been the same since then */
    int64_t before_at;        /* the latest result of the other kind, works or not; 0: none */
    int64_t ms;               /* how long it took when it worked the last time */
    char proof[KNOWN_PROOF];  /* "no answer in 4 s", "certificate for x"; printable */
    uint32_t tries, failures; /* over all kept time */
    uint16_t recent;          /* bit 0: the latest try; 1: it failed; at most KNOWN_TRIES */
    uint8_t recent_count;
};

struct known_place {
    struct place place;
    char called[KNOWN_CALLED]; /* what its people call it: "home"; "" when nobody named it */
    int64_t first, latest;     /* visits */
    struct known_door *door;
    size_t door_count;
};

struct known;
struct text;

struct known *known_new(void);
/* NULL is fine; nulls the pointer. */
void known_free(struct known **k);

/* Notes a result, and the visit. What is called anything is cut and cleaned. Offline, or with a key
 * that is none, nothing is noted; KNOWN_NOTHING notes the visit alone.
 *
 * A clock that jumped back gives no negative ages: an earlier `now` counts as the latest time
 * noted. Only when it is more than a day earlier and a date that can be, the times noted were
 * wrong: those that lie ahead become `now`. */
void known_note(struct known *k, const struct place *p, struct span door, enum known_result r,
                int64_t ms, struct span proof, int64_t now);
/* Notes the visit alone. */
void known_visit(struct known *k, const struct place *p, int64_t now);
/* NULL: never heard of. Both are valid until the next call that notes or expires. */
const struct known_place *known_place(const struct known *k, const char *key);
const struct known_door *known_door(const struct known *k, const char *key, struct span door);
/* All places, the latest visit first; index from 0, NULL after the last. */
const struct known_place *known_at(const struct known *k, size_t index);
/* Gives it a name, "" for none; cut and cleaned. False: there is no such place. A place with a name
 * is not forgotten by itself. */
bool known_call(struct known *k, const char *key, struct span called);
/* Forgets one place, or what is older than KNOWN_EXPIRY_MS. */
bool known_forget(struct known *k, const char *key);
void known_expire(struct known *k, int64_t now);

/* May this door be tried alone, without others beside it? Works, fresh, and not sporadic. NULL is
 * never sure. */
bool known_sure(const struct known_door *d, int64_t now);
/* Does it fail now and then: at least two failures and two successes among the recent tries, or
 * more than a fifth of at least ten? */
bool known_sporadic(const struct known_door *d);
/* Puts `doors` (names; their own order is the wish) in the order in which to try them here: sure
 * ones first, then what is unknown or stale in the wished order, sporadic ones behind those, then
 * what was shut or a stranger, or broke, lately. `order` gets `count` indexes. A door without
 * memory keeps its wish; k may be NULL. */
void known_order(const struct known *k, const char *key, const struct span *doors, size_t count,
                 int64_t now, size_t *order);

/* The text form: lines; reading it accepts what writing made, of this or an earlier version. */
void known_write(const struct known *k, struct text *out);
/* Forgets all, then reads. 0, or -1 and *e with the line's number; what was read up to there
 * stays. */
int known_read(struct known *k, struct span text, struct error *e);

#endif
