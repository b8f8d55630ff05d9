/* fiber: straight-line code that waits without holding up others. Fibers of a loop run one at a
 * time, on stacks of their own with a guard page, and switch only inside fiber_wait (and what is
 * built on it: streams, workers, DNS).
 *
 * Every wait has a deadline (P9) and can be cancelled. Results are negative errno values:
 * -ETIMEDOUT (deadline passed), -ECANCELED (fiber_cancel). */
#ifndef PORT26_IO_FIBER_H
#define PORT26_IO_FIBER_H

#include "io/loop.h"

struct fiber;

/* Starts fn(arg) in a new fiber in the next turn of the loop. The fiber frees itself when fn
 * returns. 256 KiB of stack each, of which only what is touched costs memory. */
struct fiber *fiber_start(struct loop *l, void (*fn)(void *arg), void *arg);
/* The running fiber, or NULL in loop callbacks. */
struct fiber *fiber_self(void);
struct loop *fiber_loop(void);
/* Sleeps until fiber_wake (returns 0), the deadline (absolute, clock_now() milliseconds;
 * CLOCK_NEVER allowed only where the waker's end is guaranteed), or cancel. A wake that came before
 * the wait is not lost: the wait returns at once. */
int fiber_wait(int64_t deadline);
/* Wakes it in this turn of the loop; several wakes count as one. Callable from the loop or another
 * fiber. */
void fiber_wake(struct fiber *f);
/* Its present wait, and each later one, returns -ECANCELED, so that it unwinds by its ordinary
 * error paths. */
void fiber_cancel(struct fiber *f);
bool fiber_cancelled(void);
/* Sleeps; 0 after the time, -ECANCELED. */
int fiber_sleep(int64_t ms);
/* How many fibers live in this loop. */
unsigned fiber_count(const struct loop *l);

#endif
