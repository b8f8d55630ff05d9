/* body: takes a message's bytes as they come: fields that must not go on are dropped, a small body
 * stays in memory, a large one goes to an unnamed file that the keeper lends (who takes the bytes
 * can open none itself). */
#ifndef PORT26_SERVE_BODY_H
#define PORT26_SERVE_BODY_H

#include "mail/header.h"
#include "mail/message.h"
#include "mail/reply.h"

/* Borrows a file: a descriptor, which is the body's from then on, or a negative errno. A refusal in
 * the keeper's words may be put into *refusal (its text into the arena). */
typedef int body_lend_fn(void *arg, struct arena *a, struct reply *refusal);

struct body {
    struct header header;
    body_lend_fn *lend;
    void *lend_arg;
    struct text memory; /* all of it, or once there is a file what waits to be written */
    uint64_t in_memory_max;
    uint64_t size; /* octets so far, without what was dropped */
    uint32_t header_size;
    int fd;
    int failed;           /* negative errno: the rest is thrown away */
    struct reply refusal; /* the keeper's words when it lent no file; lives in `arena` */
    struct arena *arena;
    bool open;
};

/* `arena` must outlive the body; `lend` may wait. */
void body_open(struct body *b, enum header_mode mode, body_lend_fn *lend, void *lend_arg,
               uint64_t in_memory_max, struct arena *arena);
/* 0, or a negative errno which then stands. */
int body_add(struct body *b, struct span bytes);
/* All is there: fills content (which points into b) and header_size. 0, or what failed. */
int body_finish(struct body *b, struct content *out);
/* Fine on one that is not open. */
void body_close(struct body *b);

#endif
