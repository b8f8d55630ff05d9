/* child: what listener and courier have in common: they are started with one socket to the keeper,
 * get their configuration through it, shut themselves in, say READY, and end with it. */
#ifndef PORT26_SERVE_CHILD_H
#define PORT26_SERVE_CHILD_H

#include "conf/config.h"
#include "io/jail.h"
#include "post/channel.h"

struct child;

struct child_calls {
    const char *role; /* for the log */
    enum jail_role jail;
    /* All letters of the setup are here (config is set): open what needs files, before the jail. 0,
     * or -1 and *e: the process ends. */
    int (*start)(struct child *c, struct error *e);
    /* Every other letter, also those that come before start. The callee owns it. */
    void (*parcel)(struct child *c, struct parcel *p);
    /* Take nothing new; call child_end when the last work is done. */
    void (*drain)(struct child *c, bool hurry);
};

struct child {
    struct loop *loop;
    struct channel *channel;
    struct config *config;
    unsigned number;
    const struct child_calls *calls;
    void *own;
};

/* Runs the process until it is told to end, or the keeper is gone. Returns its exit status. */
int child_run(const struct child_calls *calls, void *own);
/* The work is done: child_run returns. */
void child_end(struct child *c);

#endif
