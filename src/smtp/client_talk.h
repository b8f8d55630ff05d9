/* client_talk: lines out and replies in, for the client's own files only. What cannot be trusted is
 * turned into a failure here, once. */
#ifndef PORT26_SMTP_CLIENT_TALK_H
#define PORT26_SMTP_CLIENT_TALK_H

#include "io/line.h"
#include "smtp/smtp_client.h"

enum { CLIENT_OUT_MAX = 1 << 20, CLIENT_PIECE = 64 << 10 };

struct smtp_client {
    struct stream **stream;
    struct line_reader lines;
    struct reply_reader replies;
    struct text out; /* said, not yet written */
    struct arena *arena;
    struct smtp_client_settings s;
    struct smtp_client_far far;
    struct smtp_client_failure failure;
    unsigned messages;
    int64_t until; /* no deadline goes beyond; 0: none */
    bool over;     /* nothing more may be said here */
    bool ending;   /* the message is whole on the wire: its answer decides */
    bool dirty;    /* a transaction was left open: RSET first */
};

/* Begins (or renews) a stage: the deadline of the stream from now on. */
void client_talk_stage(struct smtp_client *c, int64_t ms);
/* Adds a line to what will be written; CR LF is added here. */
void client_talk_say(struct smtp_client *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with a secret: only `shown` reaches the transcript; wiped after the flush. */
void client_talk_secret(struct smtp_client *c, const char *shown, struct span line);
/* Writes all that was said. 0, or -1 with the failure set. */
int client_talk_flush(struct smtp_client *c, enum stage stage);
/* The next reply; its text is valid until the next call. 0, or -1 with the failure set: lost or
 * broken. A 421 is a reply, and the connection is over after it. */
int client_talk_hear(struct smtp_client *c, enum stage stage, struct reply *out);
/* flush and hear. */
int client_talk_ask(struct smtp_client *c, enum stage stage, struct reply *out);

/* Each sets the failure and returns -1. */
int client_talk_refused(struct smtp_client *c, enum stage stage, const struct reply *r);
/* `sys` is a negative errno; 0: end of stream. */
int client_talk_lost(struct smtp_client *c, enum stage stage, int sys);
int client_talk_broken(struct smtp_client *c, enum stage stage, const char *what);
int client_talk_missing(struct smtp_client *c, enum stage stage, enum smtp_client_why why,
                        const char *words);

#endif
