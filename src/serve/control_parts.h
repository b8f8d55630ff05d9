/* control_parts: what the files of the commands share, for src/serve/control*.c only. A command
 * reads its arguments from `in`, puts its answer into `out`, or fills `error`; it may wait. */
#ifndef PORT26_SERVE_CONTROL_PARTS_H
#define PORT26_SERVE_CONTROL_PARTS_H

#include "io/fiber.h"
#include "serve/control.h"

#include <jansson.h>

/* One command under way; callbacks of the queue and the store wake its fiber. */
struct control_call {
    struct control *control;
    struct house *house;
    const struct clerk_rights *rights;
    json_t *in, *out;
    struct fiber *fiber;
    bool done;
    struct error error;
};

/* Ends control_wait; `e` may be NULL. */
void control_finish(struct control_call *r, const struct error *e);
/* Until control_finish. The queue and the store always answer; their own waits are bounded. */
void control_wait(struct control_call *r);
/* A text among the arguments; empty when there is none. */
struct span control_text(const struct control_call *r, const char *key);

/* control_accounts.c */
void control_account_ls(struct control_call *r);
void control_account_add(struct control_call *r);
void control_account_passwd(struct control_call *r);
void control_account_rm(struct control_call *r);

/* control_clients.c */
void control_settings(struct control_call *r);

/* control_dkim.c */
void control_dkim_keys(struct control_call *r);
void control_dkim_rotate(struct control_call *r);
void control_dkim_seen(struct control_call *r);
void control_dkim_unsign(struct control_call *r);
/* The first keys of a domain that is new here, and what to publish, as "keys" of the answer. */
void control_dkim_new(struct control_call *r, struct span domain);

#endif
