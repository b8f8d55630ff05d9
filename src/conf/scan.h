/* scan: the first look at a configuration file, before libConfuse reads it. libConfuse 3.3 counts
 * lines wrongly behind comments, takes none inside a list, drops some bytes without a word ("*")
 * and does not miss a closing brace. So this gives it a text without comments in which every word
 * is quoted, and tells by itself what never ends. Lines stay where they are. */
#ifndef PORT26_CONF_SCAN_H
#define PORT26_CONF_SCAN_H

#include "conf/config.h"

enum { SCAN_LINE_MAX = 16 << 10 }; /* octets; HOSTILE 119 */

/* Adds to *out what libConfuse shall read. False when the file cannot be read further, with the
 * reason among the notes. `name` stands in the messages. */
bool scan_text(struct span text, const char *name, struct config_notes *notes, struct text *out);

#endif
