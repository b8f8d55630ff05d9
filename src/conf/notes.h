/* notes: building the list of what is wrong with a configuration (struct config_notes). */
#ifndef PORT26_CONF_NOTES_H
#define PORT26_CONF_NOTES_H

#include "conf/config.h"

/* NOTES_NO_DOMAINS: a warning that holds while the store names no domains either. */
enum notes_kind { NOTES_ERROR, NOTES_WARNING, NOTES_NO_DOMAINS };

/* Where a note belongs: a line of a file; line 0 is the file as a whole. */
struct notes_place {
    const char *file;
    unsigned line;
};

void notes_add(struct config_notes *n, enum notes_kind kind, struct notes_place at, const char *fmt,
               ...) __attribute__((format(printf, 4, 5)));
/* The store names domains: leaves out what is settled by that. */
void notes_know_domains(struct config_notes *n);
/* Puts them in the order of their lines, keeping the order within one line. */
void notes_sort(struct config_notes *n);

#endif
