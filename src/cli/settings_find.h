/* settings_find: finds the servers for an address and looks which of their doors open here. */
#ifndef PORT26_CLI_SETTINGS_FIND_H
#define PORT26_CLI_SETTINGS_FIND_H

#include "probe/discover.h"
#include "probe/observe.h"
#include "probe/verdict.h"

#include <sysexits.h>

/* How a door fared from here. */
#define SETTINGS_TRIED_LIST(X)                                                                     \
    X(TRIED_NOT, "untried", "not tried")                                                           \
    X(TRIED_WORKS, "works", "opens, and proves whose it is")                                       \
    X(TRIED_UNSURE, "unproven", "opens, but does not prove whose it is")                           \
    X(TRIED_SHUT, "shut", "does not open from here")
#define X(id, name, words) id,
enum settings_tried { SETTINGS_TRIED_LIST(X) };
#undef X
const char *settings_find_name(enum settings_tried t);
const char *settings_find_words(enum settings_tried t);

enum { SETTINGS_DOORS_MAX = DISCOVER_DOORS_MAX + 4 };

struct settings_door {
    struct discover_door door;
    enum settings_tried tried;
    enum steps_spa spa; /* as it offered here */
    int64_t ms;         /* until the connection stood */
};

struct settings {
    const char *address, *resolver, *cafile; /* resolver and cafile may be NULL */
    bool no_network;                         /* the table alone */
    bool no_check;                           /* look at no door */
    int64_t timeout;                         /* of looking, in ms; 0: the usual */

    char canon[FINDINGS_NAME + 80]; /* the address with its domain in A-labels */
    const char *domain;             /* in canon */
    struct discover found;
    size_t count;
    struct settings_door door[SETTINGS_DOORS_MAX]; /* the one to take first */
    int64_t elapsed_ms;
    struct findings findings; /* of the host looked at last */
    bool looked;
};

/* Fills the second part of *s. EX_OK (also when nothing was found), or EX_USAGE, EX_CONFIG and *e.
 */
int settings_find(struct settings *s, struct error *e);
/* What came of it in the form of check. Its words live in the arena and in *s. */
void settings_find_verdict(const struct settings *s, enum steps_program program,
                           struct verdict_set *out, struct arena *a);
/* Adds to *v where that program wants the best door's settings; there must be one. */
void settings_find_steps(const struct settings *s, enum steps_program program, struct verdict *v,
                         struct arena *a);

#endif
