/* sightings: do the DKIM keys of our domains stand in the DNS? The keeper looks by itself, so that
 * nobody has to remember it: soon and then less often for keys that are new, which sign once all of
 * them were seen; now and then (dkim.look) for those that sign. A courier asks the DNS
 * (lookout.h). What it found is in memory only, and bounded in time: SIGHTINGS_BATCH domains a
 * second at most, and after a start they are spread over the whole of dkim.look. */
#ifndef PORT26_SERVE_SIGHTINGS_H
#define PORT26_SERVE_SIGHTINGS_H

#include "serve/house.h"

struct sightings;

enum { SIGHTINGS_BATCH = 16 };

/* Of the keys that sign now. */
#define SIGHTINGS_STATES(X)                                                                        \
    X(SIGHTINGS_UNKNOWN, "unknown") /* nobody looked yet, or the DNS did not answer */             \
    X(SIGHTINGS_NONE, "none")       /* there are none: mail is not signed */                       \
    X(SIGHTINGS_PUBLISHED, "published")                                                            \
    X(SIGHTINGS_MISSING, "missing")                                                                \
    X(SIGHTINGS_WRONG, "wrong")
#define X(id, name) id,
enum sightings_state { SIGHTINGS_STATES(X) };
#undef X
const char *sightings_state_name(enum sightings_state s);

struct sighting {
    enum sightings_state state;
    bool waits;        /* newer keys wait to be seen */
    int64_t at;        /* wall clock of the last look that had an answer; 0: none */
    struct span words; /* what is wrong, or why it is unknown; or empty */
};

struct sightings *sightings_new(struct house *h);
/* From now on it looks; in the keeper only. */
void sightings_start(struct sightings *s);
void sightings_configure(struct sightings *s);
/* No look is under way any more when it returns: it may turn the loop. Nulls; NULL is fine. */
void sightings_free(struct sightings **s);
/* Does it look by itself? */
bool sightings_look(const struct sightings *s);
/* The keys of this domain changed: what was known of them is old. */
void sightings_changed(struct sightings *s, struct span domain);
/* Somebody else saw that those which sign now stand in the DNS. */
void sightings_seen(struct sightings *s, struct span domain);
/* What is known of a domain (canonical); spans live until the loop turns. */
void sightings_find(const struct sightings *s, struct span domain, struct sighting *out);
/* Calls fn for every domain whose signatures others cannot verify, because its keys have not been
 * right for a while. */
void sightings_each_bad(const struct sightings *s, void (*fn)(void *arg, struct span domain),
                        void *arg);

#endif
