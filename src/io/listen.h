/* listen: accepting sockets, fairly. The caps keep one greedy address from keeping others out: when
 * the process is full, the newcomer from an address with few connections takes the place of the one
 * idle longest among those from the greediest address (that fiber is cancelled with a 421 by its
 * owner). */
#ifndef PORT26_IO_LISTEN_H
#define PORT26_IO_LISTEN_H

#include "io/fiber.h"
#include "io/stream.h"

#include <sys/socket.h>

struct listen;
struct listen_peer; /* one accepted connection's place in the counts */

struct listen_limits {
    unsigned total;       /* connections of this listener in all */
    unsigned per_address; /* per IPv4 address or IPv6 /64 */
};

enum listen_verdict { LISTEN_TAKE, LISTEN_TOO_MANY_ADDRESS, LISTEN_TOO_MANY };

/* Shared counts for all listening sockets of a process. */
struct listen_counts;
struct listen_counts *listen_counts_new(struct listen_limits limits);
void listen_counts_free(struct listen_counts **c);
unsigned listen_count(const struct listen_counts *c);

/* Calls `accepted` from the loop for every connection (non-blocking, close-on-exec), with the
 * verdict of the counts. The callee owns fd. For LISTEN_TAKE it must call listen_leave with `peer`
 * when the connection ends. For the others it writes one 421 (a few bytes, non-blocking) and
 * closes; peer is NULL. On EMFILE accepting pauses and resumes by itself. */
typedef void listen_fn(void *arg, int fd, const struct sockaddr_storage *from,
                       enum listen_verdict v, struct listen_peer *peer);
struct listen *listen_new(struct loop *l, int fd, struct listen_counts *c, listen_fn *accepted,
                          void *arg);
/* Stops accepting; does not close fd. */
void listen_free(struct listen **l);
/* Tells whom to cancel when this connection has to make room; NULL: not this one now, it is at
 * work. At first nobody is told. */
void listen_fiber(struct listen_peer *p, struct fiber *f);
/* Marks activity: the order for making room is by the last call. */
void listen_touch(struct listen_peer *p);
/* Was this connection cancelled to make room? (Then its last words are 421 4.3.2.) */
bool listen_evicted(const struct listen_peer *p);
void listen_leave(struct listen_peer **p);

#endif
