/* ram: what ram.c gives ram_reader.c. */
#ifndef PORT26_STORE_RAM_H
#define PORT26_STORE_RAM_H

#include "store/store_driver.h"

/* No transaction is open between the two. The thread whose own one is open must not call it: it
 * would wait for ever, so this is asserted. */
void ram_lock(void *self);
void ram_unlock(void *self);

#endif
