/* schedule: what waits, where it goes, and what is due next. Pure memory: no store, no loop; times
 * are handed in (clock_now() milliseconds).
 *
 * A message (`item`) is cut into `slot`s: the recipients that leave together by one job, because
 * they share a destination (`place`). Slots wait in their place's own heap; the places that may be
 * tried wait in one heap. So 100 000 slots of a dead place cost the others nothing (HOSTILE fault
 * 31): the dead place is one node, and it backs off as a whole. */
#ifndef PORT26_QUEUE_SCHEDULE_H
#define PORT26_QUEUE_SCHEDULE_H

#include "base/error.h"
#include "base/id.h"
#include "base/arena.h"
#include "base/map.h"
#include "mail/outcome.h"
#include "mail/reply.h"
#include "queue/heap.h"
#include "queue/queue.h"
#include "store/store.h"

struct lease;
struct usage_charge;

struct place {
    struct heap_node ready; /* first member: when it may be tried next */
    struct heap waiting;    /* its slots that are due some time */
    struct span key, domain, relay;
    enum route_kind kind;
    unsigned slots, leased;
    unsigned failures; /* in a row, of the route as a whole */
    int64_t until;     /* backs off until then */
    int64_t failed_at; /* the last time; 0: never since the start */
    bool waits_for_network;
    struct enhanced status; /* of the last failure */
    struct span words;      /* owned */
    struct outcome said;    /* the whole of it, without words when none was told */
    struct arena *arena;    /* of that */
};

enum slot_state {
    SLOT_WAITING, /* in its place's heap */
    SLOT_LEASED,  /* a courier has it, or it is on the way there or back */
    SLOT_RESTING, /* held, damaged or ended: in no heap */
};

struct slot {
    struct heap_node due; /* first member */
    struct item *item;
    struct place *place;
    struct lease *lease;
    uint32_t waiting; /* recipients without an end */
    uint16_t attempts;
    uint16_t in_vain; /* of these, that did not get past a closed network */
    uint8_t losses;   /* couriers that died with it */
    uint8_t state;    /* enum slot_state */
    bool waits_for_network;
    bool forwarded;         /* its recipients are: they leave with another reverse-path */
    struct slot_hold *hold; /* NULL: no answer was ever lost */
};

/* The door of a relay that may have the message, and knows it when it comes again. */
struct slot_hold {
    int64_t until;
    unsigned tries; /* left; 0: it was asked often enough */
    char *door;
};

/* One recipient of an item. */
struct post {
    uint16_t slot;
    uint8_t notify;
    uint8_t end; /* enum store_end */
    bool delay_told;
};

struct item {
    struct id id;
    int64_t born; /* queue clock */
    uint64_t size;
    uint32_t posts, slots;
    uint8_t state; /* enum store_state */
    bool bounce;   /* from <>: never report about it */
    bool doomed;   /* a person drops it */
    bool joining;  /* a bundle may take it just now (queue/bundle.h) */
    uint8_t was;   /* its state before it was doomed or joining */
    bool read;     /* from the store at the start: an attempt of before may not be recorded */
    struct usage_charge *charge; /* on quotas; the queue's, NULL: none */
    struct slot *slot;
    struct post *post;
};

struct schedule_limits {
    unsigned per_place, recipients; /* of one job */
    int64_t retry[QUEUE_RETRIES_MAX];
};

struct schedule {
    struct schedule_limits limits;
    struct map *items;                       /* by id */
    struct map *places;                      /* by key */
    struct heap ready;                       /* places */
    unsigned leased, held, damaged, waiting; /* waiting: recipients */
    uint64_t octets;
    int64_t arrived; /* in this network; 0: never heard of any */
    bool offline;
    uint32_t last_rank; /* first come, first carried among what is due at the same time */
};

void schedule_init(struct schedule *s, const struct schedule_limits *limits);
void schedule_free(struct schedule *s);

/* Adds a message: `routes[i]` is where recipient i goes, only read for recipients without an end.
 * next_try of the head's recipients counts on the queue clock; `queue_now` is its time. Returns the
 * item, or NULL when the id is there already. */
struct item *schedule_add(struct schedule *s, const struct store_head *head,
                          const struct route *routes, int64_t queue_now, int64_t now);
/* Takes it out for good; nothing of it may be leased. */
void schedule_remove(struct schedule *s, struct item *i);
struct item *schedule_find(const struct schedule *s, const struct id *id);
/* Is any slot of it leased? */
bool schedule_is_leased(const struct item *i);
/* Sets live, held or damaged: what is not live rests. Leased slots rest when they come back. */
void schedule_state(struct schedule *s, struct item *i, enum store_state state, int64_t now);

/* When something may be leased next: a time (perhaps past), or CLOCK_NEVER. */
int64_t schedule_when(const struct schedule *s);
/* Takes the slot that is due (leased from now on), or NULL. */
struct slot *schedule_take(struct schedule *s, int64_t now);
/* Gives a leased or waiting slot back, due at `at`; it rests when nothing of it waits or its item
 * is not live. */
void schedule_put(struct schedule *s, struct slot *slot, int64_t at);
/* Takes a waiting slot out of turn (leased from now on): for settling what is overdue. */
void schedule_pull(struct schedule *s, struct slot *slot);
/* A recipient ended. */
void schedule_end(struct schedule *s, struct item *i, uint32_t number, enum store_end end);

/* The wait after this many attempts (from 1), with jitter of a fifth both ways. */
int64_t schedule_wait(const struct schedule *s, unsigned attempts);
/* The wait before a relay's place is tried again that failed for want of a network. A login page
 * may open it at any time, so at first it is asked every few seconds, by one message. */
int64_t schedule_network_wait(const struct schedule *s, const struct place *p, int64_t now);
/* The whole place failed (nothing about the message itself), or works. */
struct schedule_trouble {
    struct enhanced status;
    struct span words;
    bool waits_for_network;
    bool soon;    /* an answer was lost that may be there now: as for want of a network */
    int64_t wait; /* ms for which the server asked to be left alone; 0: it did not */
    const struct outcome *outcome; /* of a message there: for reports about others; or NULL */
};
void schedule_failed(struct schedule *s, struct place *p, int64_t now,
                     const struct schedule_trouble *t);
void schedule_works(struct schedule *s, struct place *p);
/* A try lost the answer to a whole message at `door` (outcome.held; empty: at none). The next
 * tries, three, within half a day, ask there before they ask elsewhere. `reached`: it was a try
 * that came through to a server. */
void schedule_hold(struct slot *slot, struct span door, bool reached, int64_t now);
/* Would that be so after such a try? */
bool schedule_holds(const struct slot *slot, struct span door, int64_t now);
/* Where to ask first; empty: wherever. */
struct span schedule_held(const struct slot *slot, int64_t now);

/* We are in another network, or in none: what waits for one is due now. Returns how many slots. */
unsigned schedule_network(struct schedule *s, bool offline, int64_t now);
/* Everything live is due now, back-off forgotten. */
void schedule_wake(struct schedule *s, struct item *only, int64_t now);

#endif
