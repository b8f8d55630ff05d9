/* park: the wait beneath fiber_wait, for the files of this folder that must not be interrupted or
 * want to give way, and for whoever has cancelled fibers that use his memory. */
#ifndef PORT26_IO_PARK_H
#define PORT26_IO_PARK_H

#include "io/fiber.h"

/* Waits for a wake or a cancel, without deadline; may return early, so the caller asks again for
 * what it waits for. Only where the waker's end is guaranteed. */
void fiber_park(void);
/* Lets all others that are ready go first. */
void fiber_yield(void);

#endif
