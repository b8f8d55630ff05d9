/* socket: the bottom of most streams. For this folder only; others see io/stream.h. */
#ifndef PORT26_IO_SOCKET_H
#define PORT26_IO_SOCKET_H

#include "io/stream.h"

/* What a new bottom starts with until its owner sets a deadline: nothing waits for ever (P9). */
enum { SOCKET_FIRST_DEADLINE_MS = 5 * 60 * 1000 };

/* The descriptor when s is a socket, else -1. */
int socket_fd(const struct stream *s);

#endif
