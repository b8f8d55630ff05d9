/* pool: connections kept for the next message to the same place. They are kept shortly, for they
 * cost the other side too, and are closed with QUIT. */
#ifndef PORT26_DELIVER_POOL_H
#define PORT26_DELIVER_POOL_H

#include "deliver/hop.h"

struct pool;

struct pool_limits {
    unsigned total;    /* idle connections in all */
    unsigned per_key;  /* and to one place */
    unsigned messages; /* over one connection; 0: no limit */
    int64_t idle;      /* milliseconds */
};

struct pool *pool_new(struct loop *l, const struct pool_limits *limits);
/* Closes all that is idle; on a fiber. Nulls the pointer; NULL is fine. */
void pool_free(struct pool **p);
/* The connection put back last for this key that is still alive, now the caller's; NULL: none. */
struct hop *pool_take(struct pool *p, struct span key);
/* Keeps it, or closes it (politely, on a fiber of its own) when it is not usable any more, has
 * carried enough, or there is no room. Nulls the pointer. */
void pool_put(struct pool *p, struct hop **h);
/* The network is another one: drops all that is idle, and what is in use when it is put back. */
void pool_forget(struct pool *p);
/* What hop->generation of a fresh connection must be. */
unsigned pool_generation(const struct pool *p);
unsigned pool_count(const struct pool *p);

#endif
