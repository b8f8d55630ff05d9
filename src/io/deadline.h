/* deadline: a point in time on the loop, moved cheaply. A session moves its deadline with every
 * command; so the timer beneath is left running when the new point is later, and set again only
 * when it fires too early. For this folder only. */
#ifndef PORT26_IO_DEADLINE_H
#define PORT26_IO_DEADLINE_H

#include "io/turn.h"

struct deadline {
    uv_timer_t uv;
    struct loop *loop;
    int64_t at;    /* CLOCK_NEVER: nothing is wanted */
    int64_t armed; /* when the timer beneath fires; CLOCK_NEVER when it does not run */
    void (*passed)(struct deadline *d);
};

void deadline_init(struct deadline *d, struct loop *l, void (*passed)(struct deadline *d));
/* Wants `passed` at `at` (clock_now() milliseconds), once. */
void deadline_set(struct deadline *d, int64_t at);
/* Wants nothing more; the timer beneath may still run out in silence. */
void deadline_clear(struct deadline *d);
/* Stops the timer too: when its owner rests. */
void deadline_stop(struct deadline *d);
/* For good; closed(d) is called from the loop when the memory may go. */
void deadline_close(struct deadline *d, void (*closed)(struct deadline *d));
/* The clock jumped against libuv's (the machine slept): sets every timer of the loop anew. */
void deadline_jump(struct loop *l);

#endif
