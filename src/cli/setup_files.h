/* setup_files: the configuration of a relay for one mail account, and where it is kept: for root
 * below /etc, for anybody else in the own folders (XDG base directories). */
#ifndef PORT26_CLI_SETUP_FILES_H
#define PORT26_CLI_SETUP_FILES_H

#include "base/error.h"
#include "base/text.h"

#include <limits.h>

struct setup_door {
    char host[256]; /* empty: the relay's own */
    unsigned port;
    const char *mode; /* "implicit", "starttls"; static */
};

enum { SETUP_DOORS_MAX = 20 };

struct setup_files {
    /* Given. */
    const char *address;  /* whose account it is */
    const char *relay;    /* name of the relay block, a domain */
    const char *host;     /* its first host */
    const char *user;     /* login */
    const char *password; /* secret; NULL: tokens come from the command */
    const char *token_command;
    const char *trusted; /* user of this machine who sends without login */
    const char *cafile;  /* authorities for the relay, or NULL */
    const char *config;  /* where the configuration shall be, or NULL: the usual place */
    unsigned local_port; /* of the door for mail programs; 0: the usual one */
    bool replace;        /* what is there already, keeping it under another name */
    struct setup_door door[SETUP_DOORS_MAX];
    size_t door_count;

    /* Made by setup_files_place. */
    char file[PATH_MAX], secret[PATH_MAX], state[PATH_MAX]; /* state: empty for root */
    unsigned port;
    bool system; /* for root: for the whole machine */
};

/* Decides on the places. 0, or -1 and *e: there is a configuration already, or no home. */
int setup_files_place(struct setup_files *s, struct error *e);
/* The configuration as text. */
void setup_files_print(const struct setup_files *s, struct text *out);
/* Writes secret and configuration, each whole or not at all, the secret readable by its owner
 * alone, and reads the configuration back as the server will. 0, or -1 and *e. */
int setup_files_write(const struct setup_files *s, struct error *e);

#endif
