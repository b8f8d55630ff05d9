/* cross: rules between settings, which no row alone can tell. */
#ifndef PORT26_CONF_CROSS_H
#define PORT26_CONF_CROSS_H

#include "conf/config.h"

/* Sets what routes point to, and notes what does not fit together. Returns 0 when no error was
 * added. */
int cross_check(struct config *c, struct config_notes *notes);

#endif
