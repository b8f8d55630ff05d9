/* reader: from the text of a configuration file to the fields of struct config, by the rows. */
#ifndef PORT26_CONF_READER_H
#define PORT26_CONF_READER_H

#include "conf/config.h"

/* Fills the fields the file gives (all others keep what they have), the arrays of doors, relays and
 * routes, and c->given. What is wrong goes to the notes; returns 0 when nothing was. */
int reader_fill(struct span text, struct config *c, struct config_notes *notes);

#endif
