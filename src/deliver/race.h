/* race: several paths opened beside each other, one begun a little after the other; the first that
 * stands, verified and logged in, wins, and the others are given up. A path that fails lets the
 * next one begin at once.
 *
 * One login at a time: a wrong password is told once and not to each door, for some providers lock
 * accounts. A failure that judge.h lays on the whole route ends the race. */
#ifndef PORT26_DELIVER_RACE_H
#define PORT26_DELIVER_RACE_H

#include "deliver/hop.h"
#include "deliver/knock.h"

enum {
    RACE_STAGGER = 250,     /* ms from one begin to the next (RFC 8305 section 5) */
    RACE_SPREAD = 1000,     /* all have begun after so long, however many they are */
    RACE_LEAD = 500,        /* a sure door is alone for so long, */
    RACE_LEAD_TALK = 4000,  /* or, once it is connected, for so long */
    RACE_TALK_TIMES = 10,   /* with race_wish.talk: times as long as it took to connect */
    RACE_LOGIN_TURN = 5000, /* a door that hangs in its login holds up the others no longer */
    RACE_FAILURES = 2,
};

enum race_state {
    RACE_WAITING, /* it was never begun */
    RACE_RUNNING,
    RACE_WON,
    RACE_FAILED,
    RACE_STOPPED, /* given up for another one, or by race_abort */
};

/* What became of one path. */
struct race_entry {
    const struct path *path;
    const struct sockaddr_storage *source;
    bool leads; /* begins alone, with the others that lead */
    enum race_state state;
    int64_t ms; /* until it stood or failed */
    /* The failures of one that failed, or won at the second try (without TLS where the path's floor
     * allows that). The texts live in the arena. */
    unsigned failures;
    struct smtp_client_failure failure[RACE_FAILURES];
    struct span tls[RACE_FAILURES];
    /* Stopped before it stood, because another one won: the caller's, to drop or to leave. */
    struct knock *knock;
    struct race *race; /* the rest is the race's own */
    struct hop_wish *wish;
    struct fiber *fiber;
    int64_t begun, asked, connected;
    bool waits;
    struct hop *hop;
};

struct race_wish {
    struct hop_wish hop; /* but path, source, clear and its calls */
    struct arena *arena;
    bool patient;  /* once one is connected no other begins unless it fails: for servers of
                      strangers, which may greet slowly and count connections */
    int64_t talk;  /* ms in which one that is connected has to come to its login, or
                      RACE_TALK_TIMES as long as its connection took: who takes connections and
                      says nothing, as some login pages of networks do, must not hold up the
                      look for a door. 0: no such limit */
    int64_t hurry; /* ms: when none is connected then, all have failed; 0: no such limit */
};

struct race {
    const struct race_wish *wish;
    struct race_entry *entry;
    size_t count;
    struct fiber *leader;
    bool asleep, aborted, hurried, settled;
    int64_t start, last;
    struct race_entry *holder; /* of the turn to log in */
    int64_t held;
};

/* Runs it on this fiber. The winner's connection, or NULL: all failed, it was aborted
 * (race->aborted), or this fiber was cancelled. `race` may be looked at by race_abort meanwhile. */
struct hop *race_run(struct race *race, const struct race_wish *w, struct race_entry *entry,
                     size_t count);
/* The network below it is gone: gives up all. */
void race_abort(struct race *race);

#endif
