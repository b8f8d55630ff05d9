/* commit: the store thread, and one sync for everybody who waits. Operations that wait while a sync
 * runs are taken together: begin, each operation in a step of its own (one that fails is undone
 * alone), one commit, and only then the answers (P1). */
#ifndef PORT26_QUEUE_COMMIT_H
#define PORT26_QUEUE_COMMIT_H

#include "io/loop.h"
#include "store/store.h"

struct commit;

/* Runs on the store thread inside the open transaction. -1 with *e undoes what it did. */
typedef int commit_fn(struct store *s, void *arg, struct error *e);
/* Runs on the loop. result 0: done and on the disk. -1: nothing of it happened, *e says why. */
typedef void commit_done_fn(void *arg, int result, const struct error *e);

enum commit_kind {
    COMMIT_GUEST, /* a client waits: refused when too much is waiting already */
    COMMIT_OWN,   /* ours (settling, loading): bounded by what we started, never refused */
};

struct commit_settings {
    unsigned waiting_max; /* guest operations waiting; 0: 5000 */
    size_t bytes_max;     /* octets they hold; 0: 256 MiB */
    unsigned group_max;   /* operations that share a sync; 0: 200 */
};

/* Works for store `s`, which stays the caller's and must outlive it. */
struct commit *commit_new(struct loop *l, struct store *s, const struct commit_settings *set);
/* Finishes what waits, calls all dones, ends the thread. Nulls the pointer. */
void commit_free(struct commit **c);
/* Queues fn(store, arg); done(arg, ...) is called exactly once, later, from the loop. False: too
 * much is waiting, done is not called; answer "try later". `bytes`: what arg holds in memory. When
 * the store has failed, every operation ends with -1 and the store is reopened every few seconds.
 */
bool commit_submit(struct commit *c, enum commit_kind kind, commit_fn *fn, commit_done_fn *done,
                   void *arg, size_t bytes);
/* Would a guest's operation be taken now? */
bool commit_has_room(const struct commit *c, size_t bytes);
/* Operations waiting or running. */
unsigned commit_load(const struct commit *c);

#endif
