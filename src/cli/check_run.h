/* check_run: one check from the command line: finds the server, looks once or again and again with
 * what is remembered of this network, and concludes. It prints nothing but errors. */
#ifndef PORT26_CLI_CHECK_RUN_H
#define PORT26_CLI_CHECK_RUN_H

#include "cli/check_options.h"
#include "io/loop.h"
#include "place/place.h"
#include "probe/discover.h"
#include "probe/observe.h"
#include "probe/tell.h"

#include <limits.h>

struct check_board;
struct known;

enum { CHECK_DOORS_MAX = 32, CHECK_RUNS_MAX = 1000 };

/* How one door fared over all looks of this command. */
struct check_tally {
    uint16_t port;
    struct sockaddr_storage address;
    unsigned tries, failures;
    int64_t best_ms; /* of the connections that opened; -1: none */
    char last[200];  /* how the latest failure looked: "no answer"; "" none */
};

/* One look, in short. */
struct check_row {
    int64_t at; /* wall clock */
    int64_t elapsed_ms;
    char id[8]; /* of its verdict */
    unsigned open, tried;
};

struct check {
    struct check_options o;
    struct loop *loop;
    struct tls_context *tls;
    struct discover found;
    struct check_board *board; /* NULL: plain lines */

    bool placed, settled; /* the place is known; for good (place_now) */
    bool remembers;       /* history is used */
    struct place place;
    char folder[PATH_MAX]; /* of the history */
    struct known *before;  /* as it was when the command began: what "earlier" means */
    struct known *known;   /* with what this command adds */
    char message_id[80];
    struct text letter; /* the message of --send */

    struct findings now;      /* of the look under way */
    struct findings findings; /* of the latest that is complete */
    struct conclusions conclusions;
    struct arena *arena; /* holds the set's words */
    struct verdict_set set;

    unsigned looks;
    size_t tally_count;
    struct check_tally tally[CHECK_DOORS_MAX];
    size_t row_count; /* the latest CHECK_RUNS_MAX */
    struct check_row *row;
};

/* Finds the server and what else is needed. EX_OK, or a status after the message. */
int check_run_prepare(struct check *c);
/* Looks once: findings, conclusions, set, tally and row are new afterwards. A login, and a message,
 * is tried in the first look only; the later ones carry its result. EX_OK, or a status. */
int check_run_look(struct check *c);
/* The wall clock as people here read it: "Sun 22 Nov 17:39". */
void check_run_time(int64_t wall_ms, const char *format, char *out, size_t cap);
void check_run_free(struct check *c);

#endif
