/* form_command: commands that give the house some words and options of a common set: one
 * description makes options, help and question. And those that print long lists, page by page. */
#ifndef PORT26_CLI_FORM_COMMAND_H
#define PORT26_CLI_FORM_COMMAND_H

#include "cli/house_command.h"

enum form_option {
    FORM_QUOTA = 1,
    FORM_SENDING = 2,
    FORM_MESSAGES = 4,
    FORM_HOST = 8,
    FORM_CATCH_ALL = 16,
    FORM_ALIAS = 32,
    FORM_PASSWORD = 64, /* asked for, or from --password-file */
    FORM_REMOVE_FROM = 128,
    FORM_AMOUNTS = FORM_QUOTA | FORM_SENDING | FORM_MESSAGES,
};

struct form {
    const char *command;  /* of the house: "account add" */
    const char *argument; /* key of the first argument */
    const char *list;     /* key of all further ones, at least one; NULL: there are none */
    unsigned options;     /* enum form_option bits */
    const char *examples;
    void (*print)(const json_t *answer); /* NULL: "Done.", and the note if there is one */
};

/* Runs it; returns the exit status. */
int form_command(int argc, const char **argv, const struct form *f);

/* A command that lists rows. */
struct form_list {
    const char *command; /* "account ls" */
    const char *rows;    /* key of the array in its answers, which may lack it */
    const char *sort;    /* key of the rows they are sorted by */
    const char *examples;
    void (*print)(const json_t *answer); /* the first answer, with the rows of all */
    const char *argument;                /* key of its one argument; NULL: it takes none */
};
/* Asks until it has all pages, then prints. */
int form_command_list(int argc, const char **argv, const struct form_list *f);

#endif
