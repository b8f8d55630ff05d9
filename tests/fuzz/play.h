/* play: what the fuzz targets of clients have in common: a far side that says the fuzzer's bytes,
 * cut into pieces at each 0xff, to a client on the near side. The first byte are our settings. */
#ifndef PORT26_FUZZ_PLAY_H
#define PORT26_FUZZ_PLAY_H

#include "base/clock.h"
#include "io/fiber.h"
#include "io/loop.h"
#include "io/stream.h"

#include <stdint.h>
#include <stdlib.h>

struct play {
    struct stream *near, *far;
    struct span server;
    unsigned char settings;
};

/* Reads along, so that neither side waits for room. */
static inline void play_far_side(void *arg)
{
    struct play *p = arg;
    char buf[4096];
    struct span piece;

    while (span_cut(&p->server, (char)0xff, &piece)) {
        if (piece.len && stream_write(p->far, piece) < 0)
            break;
        while (stream_read_now(p->far, buf, sizeof buf) > 0)
            ;
        fiber_sleep(0);
    }
    stream_close(&p->far);
}

/* Runs until `client` (which gets the struct play and closes its near side) has ended. */
static inline int play_against(void (*client)(void *arg), const uint8_t *data, size_t size)
{
    struct play p = {0};
    struct loop *l;

    if (size < 1 || size > 1 << 16)
        return 0;
    l = loop_new();
    p.settings = data[0];
    p.server = (struct span){(const char *)data + 1, size - 1};
    stream_pipe(l, 1 << 17, &p.near, &p.far);
    stream_deadline(p.far, clock_now() + 1000);
    fiber_start(l, play_far_side, &p);
    fiber_start(l, client, &p);
    loop_run(l);
    loop_free(&l);
    return 0;
}

#endif
