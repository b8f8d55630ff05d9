/* notes: building the list of what is wrong with a configuration (struct config_notes). */
#ifndef PORT26_CONF_NOTES_H
#define PORT26_CONF_NOTES_H

#include "conf/config.h"

enum notes_kind { NOTES_ERROR, NOTES_WARNING };

/* Where a note belongs: a line of a file; line 0 is the file as a whole. */
struct notes_place {
    const char *file;
    unsigned line;
};

void notes_add(struct config_notes *n, enum notes_kind kind, struct notes_place at, const char *fmt,
               ...) __attribute__((format(printf, 4, 5)));
/* Puts them in the order of their lines, keeping the order within one line. */
void notes_sort(struct config_notes *n);

#endif
