/* stdio_stream: standard input and output as the bottom of a stack of streams. They may be pipes,
 * files or a terminal that others use too, so they stay as they are and a thread waits for them. */
#ifndef PORT26_CLI_STDIO_STREAM_H
#define PORT26_CLI_STDIO_STREAM_H

#include "io/stream.h"

/* The descriptors stay the caller's. To be used on fibers of this loop. */
struct stream *stdio_stream_new(struct loop *l, int in, int out);

#endif
