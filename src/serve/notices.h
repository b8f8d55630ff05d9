/* notices: what people are told unasked: that a network keeps mail from a relay's usual doors, at
 * the first trouble there and when a door that was open becomes shut. No news when all is well, and
 * none twice: a door that comes and goes is told of once in six hours. */
#ifndef PORT26_SERVE_NOTICES_H
#define PORT26_SERVE_NOTICES_H

#include "conf/config.h"
#include "post/letter.h"

#include <jansson.h>

struct loop;
struct notices;
struct places;
struct queue;

enum {
    /* A look for a door makes several notes, the last of silent ones after three seconds
     * (deliver/silence.h): they are one notice. */
    NOTICES_SETTLE_MS = 4000,
    NOTICES_AGAIN_MS = 6 * 60 * 60 * 1000,
};

/* `say` is called on the loop with one line of text. `places` outlives it. */
struct notices *notices_new(struct loop *l, const struct places *places,
                            void (*say)(void *arg, const char *text), void *arg);
/* NULL is fine; nulls the pointer. */
void notices_free(struct notices **n);
/* A door's result, before places_note has taken it. */
void notices_note(struct notices *n, const struct letter_note *l);
/* Something else that is to be told, once in six hours for the same `about`: the words may differ
 * each time, as the address of a login page does. */
void notices_tell(struct notices *n, struct span about, struct span text);
/* The latest eight, the newest first; a new reference. `n` may be NULL. */
json_t *notices_json(const struct notices *n);

/* Sends the text as a message to the address of the settings. */
void notices_mail(struct queue *q, const struct config *c, const char *text);

#endif
