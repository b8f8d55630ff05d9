/* body: takes a message's bytes as they come: fields that must not go on are dropped, a small body
 * stays in memory, a large one goes to an unnamed file that the keeper lends (the listener can open
 * none itself). */
#ifndef PORT26_SERVE_BODY_H
#define PORT26_SERVE_BODY_H

#include "mail/header.h"
#include "mail/message.h"
#include "post/channel.h"

struct body {
    struct header header;
    struct channel *channel;
    struct text memory;
    uint64_t in_memory_max;
    uint64_t size; /* octets so far, without what was dropped */
    uint32_t header_size;
    int fd;
    int failed;           /* negative errno: the rest is thrown away */
    struct reply refusal; /* the keeper's words when it lent no file; lives in `arena` */
    struct arena *arena;
    bool open;
};

/* `arena` must outlive the body. */
void body_open(struct body *b, enum header_mode mode, struct channel *c, uint64_t in_memory_max,
               struct arena *arena);
/* 0, or a negative errno which then stands. */
int body_add(struct body *b, struct span bytes);
/* All is there: fills content (which points into b) and header_size. 0, or what failed. */
int body_finish(struct body *b, struct content *out);
/* Fine on one that is not open. */
void body_close(struct body *b);

#endif
