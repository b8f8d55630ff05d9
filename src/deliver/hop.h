/* hop: one open connection to a next hop: stream, client, and what is to be told of it. */
#ifndef PORT26_DELIVER_HOP_H
#define PORT26_DELIVER_HOP_H

#include "route/path.h"
#include "smtp/smtp_client.h"

struct posting;

struct hop {
    struct stream *stream;
    struct smtp_client *client;
    struct posting *posting;         /* or this, where mail goes by POST */
    struct arena *arena;             /* owns the texts below and those of the client's settings */
    struct span key;                 /* of the pool */
    struct span host, address, door; /* door: as path_door names it */
    int64_t idle_since;              /* the pool's */
    unsigned generation;
    struct hop *next;
};

struct hop_wish {
    struct loop *loop;
    const struct path *path;
    struct span key;
    struct tls_context *context;
    const char *helo;
    bool clear;                            /* no TLS this time, where the floor allows */
    struct span user, password;            /* empty user: none */
    bool token;                            /* the password is an access token */
    struct span mechanisms;                /* as in smtp_client_settings */
    const struct sockaddr_storage *source; /* NULL: the system chooses */
    int64_t until;                         /* clock_now() milliseconds */
    int64_t connect_time;                  /* milliseconds; 0: the usual */
    /* Connects instead of us: 0 and *out, or a negative errno. NULL: we do. */
    int (*connect)(void *arg, int64_t until, struct stream **out);
    /* Told when the connection stands, and may shorten `until`; asked before the login is sent, may
     * wait, may give more time again, and 0 lets it go. NULL: nobody wants to know. */
    void (*connected)(void *arg);
    int (*turn)(void *arg);
    void *arg;
};

/* Connects and opens. NULL and *failure (its reply lives in the arena; *tls too). */
struct hop *hop_open(const struct hop_wish *w, struct arena *a, struct smtp_client_failure *failure,
                     struct span *tls);
/* Makes of *f that this path did not answer the connection. */
void hop_silent(const struct path *p, struct smtp_client_failure *f);
/* Whichever it speaks; as those of smtp_client.h. */
const struct smtp_client_far *hop_far(const struct hop *h);
int hop_send(struct hop *h, const struct envelope *e, const struct content *content,
             struct arena *a, struct smtp_client_result *out);
bool hop_usable(struct hop *h);
unsigned hop_messages(const struct hop *h);
void hop_until(struct hop *h, int64_t at);
void hop_cut(struct hop *h);
/* The same, but whatever is awaited. */
void hop_break(struct hop *h);
/* Ends it, with QUIT where that can still be said (waits up to the quit time); nulls the pointer;
 * NULL is fine. */
void hop_close(struct hop **h);
/* The same on a fiber of its own, so that nobody waits for the other side's good-bye. */
void hop_part(struct loop *l, struct hop **h);

#endif
