/* channel: letters over a socket pair (or the control socket), with descriptors beside them. What
 * is sent within one turn of the loop leaves in one system call. Bounded both ways. */
#ifndef PORT26_POST_CHANNEL_H
#define PORT26_POST_CHANNEL_H

#include "io/loop.h"
#include "post/letter.h"

struct channel;

/* A letter that came. It owns its memory and its descriptor: free it with parcel_free. */
struct parcel {
    enum letter_kind kind;
    uint64_t tag; /* a question's number; the answer carries the same one; 0: no answer wanted */
    int fd;       /* -1: none. Set it to -1 when you keep it. */
    void *letter; /* the struct of its kind */
    struct arena *arena;
    size_t bytes;
};
void parcel_free(struct parcel **p);

struct channel_calls {
    /* A letter came; the callee owns it. */
    void (*parcel)(void *arg, struct parcel *p);
    /* The other side is gone, or broke the rules (`why` says it). Called once, from the loop; the
     * channel then is silent until freed. */
    void (*closed)(void *arg, const char *why);
};

/* Takes over fd (a connected AF_UNIX stream socket). `from` is the side at the other end. */
struct channel *channel_new(struct loop *l, int fd, enum letter_side from,
                            const struct channel_calls *calls, void *arg);
/* Flushes what can be written at once, closes, frees, nulls. Safe inside a callback of the same
 * channel. */
void channel_free(struct channel **c);
/* Sends; fd >= 0 is duplicated into the channel. False when the channel is closed or full (the
 * other side does not read), or the letter is over LETTER_MAX: answer "try again later". */
bool channel_send(struct channel *c, enum letter_kind kind, uint64_t tag, const void *letter,
                  int fd);
/* Sends and waits on this fiber for the letter that answers it. NULL: deadline, cancel, closed or
 * full. */
struct parcel *channel_ask(struct channel *c, enum letter_kind kind, const void *letter, int fd,
                           int64_t deadline);

#endif
