/* tokens_process: the process that runs the token commands (tokens.h). */
#ifndef PORT26_SERVE_TOKENS_PROCESS_H
#define PORT26_SERVE_TOKENS_PROCESS_H

#include "serve/tokens.h"

/* Its answer: one octet of this, then the token. */
enum tokens_process_end {
    TOKENS_PROCESS_FINE,
    TOKENS_PROCESS_FAILED, /* could not start, or its exit status was not 0 */
    TOKENS_PROCESS_LATE,
    TOKENS_PROCESS_EMPTY, /* it printed nothing, or more than a token can be */
};

/* Answers requests (one octet, the command's number, and what it is told) until the other side of
 * `fd`, a socket of whole messages, is closed. */
void tokens_process_run(int fd, const struct tokens_command *commands, size_t count, int64_t most);

#endif
