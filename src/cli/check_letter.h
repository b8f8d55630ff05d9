/* check_letter: the small message of `port26 check --send`. */
#ifndef PORT26_CLI_CHECK_LETTER_H
#define PORT26_CLI_CHECK_LETTER_H

#include "base/text.h"

/* Adds the whole message, lines ended by CR LF, and puts its Message-ID, with <>, into `id`. Both
 * are ASCII mailboxes. */
void check_letter_write(const char *from, const char *to, int64_t wall_ms, struct text *out,
                        char *id, size_t cap);

#endif
