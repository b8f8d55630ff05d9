/* house_command: what the commands share that ask the house (the daemon, or the store itself)
 * something: open the configuration, run one control command, print the JSON or let a function
 * print it for people. */
#ifndef PORT26_CLI_HOUSE_COMMAND_H
#define PORT26_CLI_HOUSE_COMMAND_H

#include "cli/command.h"
#include "cli/moment.h"
#include "cli/remote.h"

struct house_question {
    const char *words; /* of the command line: "queue ls" */
    const char *file;  /* configuration, NULL: the usual one */
    json_t *command;   /* taken over */
    bool json;
    void (*print)(const json_t *answer); /* for people */
    json_t *besides; /* what the answer has besides when all went well; stays the caller's; NULL */
};

/* Only runs a command; *answer is the caller's to let go of, or NULL. Returns the exit status. */
int house_command_fetch(const char *words, const struct config *config, json_t *command,
                        json_t **answer);
/* Runs it and prints. Returns the exit status. */
int house_command_ask(const struct house_question *q);
/* A command with no options but the common ones, and perhaps one argument. */
struct house_plain {
    const char *command;
    const char *argument; /* key under which the one argument is sent, or NULL: takes none */
    bool all;             /* --all may stand instead of the argument */
    bool reason;          /* takes --reason */
    const char *examples;
    void (*print)(const json_t *answer);
};
int house_command_plain(int argc, const char **argv, const struct house_plain *p);
/* {"command": words}, to be filled further. */
json_t *house_command_new(const char *words);
/* An answer as JSON on standard output. */
void house_command_print(json_t *answer);
/* The exit status for an error of the house. */
int house_command_status(const struct error *e);
/* A member's text, "" when it is not there. */
const char *house_command_text(const json_t *o, const char *key);
/* A member's time as people read it (moment_local), in buf; "" when it is not there. */
const char *house_command_moment(const json_t *o, const char *key, char buf[MOMENT_SIZE]);

#endif
