/* tokens: OAuth 2.0 access tokens for relays, printed by a command of the user's; and the command
 * that tells people what is the matter. Nobody behind the walls may start programs, so a process
 * forked before the jail does it and nothing else: it knows the commands of the configuration it
 * was started with, is asked by number, and answers with one line. A token is asked for when a job
 * needs it, and used for as long as it is fresh. */
#ifndef PORT26_SERVE_TOKENS_H
#define PORT26_SERVE_TOKENS_H

#include "base/error.h"
#include "base/span.h"

struct loop;
struct tokens;

enum {
    TOKENS_MAX = 32,           /* commands */
    TOKENS_LENGTH = 8192,      /* octets of one token */
    TOKENS_COMMAND_MS = 20000, /* a command that runs longer is killed */
    TOKENS_FRESH_MS = 300000,  /* most tokens live for an hour, and commands renew them earlier */
    TOKENS_AGAIN_MS = 30000,   /* after a failure */
    TOKENS_TEXT = 2000,        /* octets told to a command */
    TOKENS_SAYINGS = 4,        /* that wait */
};

#define TOKENS_VARIABLE "PORT26_NOTICE" /* of the environment: what a command is told */

/* One relay's command, run by /bin/sh; the first line it prints is the token. relay "": it is told
 * something, by tokens_say. */
struct tokens_command {
    const char *relay, *command;
};

/* Starts the process; call it before the jail and before any thread, as the user to be. The texts
 * are copied. 0 and *out (NULL when count is 0), or -1 and *e. */
int tokens_open(const struct tokens_command *commands, size_t count, struct tokens **out,
                struct error *e);
/* From now on answers are heard, and `changed` is called after each. */
void tokens_listen(struct tokens *t, struct loop *l, void (*changed)(void *arg), void *arg);
/* Ends the process and what it runs; wipes; nulls the pointer; NULL is fine. */
void tokens_close(struct tokens **t);

enum tokens_state {
    TOKENS_READY,   /* *out is the token, until the next turn of the loop */
    TOKENS_WAITING, /* the command runs: `changed` will be called */
    TOKENS_FAILED,  /* it failed a moment ago, and the log told why; or there is no such command */
};
/* t may be NULL. `command` as in today's configuration: one that differs from what the process
 * knows fails, until the server is started again. */
enum tokens_state tokens_get(struct tokens *t, const char *relay, const char *command,
                             struct span *out);

/* Runs this command with the text in its environment, when those asked for before have ended; what
 * it prints is thrown away. False: it is none of those given, or too many wait. t may be NULL. */
bool tokens_say(struct tokens *t, const char *command, struct span text);

#endif
