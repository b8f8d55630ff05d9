/* control: the commands of the command line, as JSON in and JSON out. The daemon runs them for
 * whoever comes through the control socket; the command line runs the same ones itself when no
 * daemon holds the store.
 *
 * In:  {"command": "queue ls", ...arguments}
 * Out: {"ok": true, ...} or {"ok": false, "error": "words"} */
#ifndef PORT26_SERVE_CONTROL_H
#define PORT26_SERVE_CONTROL_H

#include "serve/clerk.h"

struct certificates;
struct notices;
struct places;

/* What only a running daemon can do; members may be NULL. */
struct control_calls {
    /* Reads the configuration again. 0, or -1 with an error among the notes, and nothing changed.
     */
    int (*reload)(void *arg, struct config_notes *notes);
    /* Adds `"key": value, ...` facts about processes as JSON members (leading comma included). */
    void (*status)(void *arg, struct text *json);
    /* The certificates in force. */
    const struct certificates *(*certificates)(void *arg);
    /* The daemon's record of places; and it was changed by a command. */
    struct places *(*places)(void *arg);
    void (*places_changed)(void *arg);
    struct notices *(*notices)(void *arg);
    /* The store names other domains than before. */
    void (*domains_changed)(void *arg);
};

struct control {
    struct house *house;
    const struct control_calls *calls;
    void *arg;
};

/* Drops what an import has brought so far; nulls the pointer. */
void control_import_free(struct house_import **im);
/* Runs one command on the calling fiber; may wait for the disk. `arg` is a struct control. */
void control_run(void *arg, struct span command, const struct clerk_rights *rights,
                 struct text *answer);

#endif
