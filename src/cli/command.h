/* command: from the words of a command line to the function that does it, and what all commands
 * have in common: options, --help, exit status.
 *
 * To add a command, say "queue show":
 * 1. Write src/cli/queue_command.c with `int queue_command_show(int argc, const char **argv)` (one
 *    file per noun; declared in queue_command.h) and name it in src/cli/meson.build, together with
 *    what it links. argv[0] is "queue show", the rest is what stood behind these words.
 * 2. Begin it with command_options(): it reads the options by popt, answers --help and tells
 *    mistakes. Return what it returns unless that is COMMAND_GO_ON; end with command_end().
 * 3. Add one row to the table in main.c. A row with .alias also runs when the program was called
 *    by that name ("sendmail", "mailq", "newaliases"), with all arguments.
 * Results go to stdout by table.h, all else to stderr by command_error(). Return EX_OK or one of
 * <sysexits.h>: EX_USAGE, EX_CONFIG, EX_TEMPFAIL (try again later), EX_UNAVAILABLE (the server does
 * not run), EX_DATAERR, EX_NOINPUT, EX_IOERR. */
#ifndef PORT26_CLI_COMMAND_H
#define PORT26_CLI_COMMAND_H

#include "conf/config.h"

#include <popt.h>
#include <sysexits.h>

enum { COMMAND_GO_ON = -1 };

struct command {
    const char *words;    /* one or two: "config show" */
    const char *synopsis; /* what follows them: "[--changed]" */
    const char *help;     /* one sentence, for --help */
    int (*run)(int argc, const char **argv);
    const char *alias; /* name of the program that means this command, or NULL */
};

/* Finds the command that argv asks for and runs it; answers --help, --version, and words that are
 * no command (with a suggestion). Returns the exit status. */
int command_run(const struct command *commands, size_t count, int argc, const char **argv);

enum { COMMAND_OPTIONS_MAX = 64 };

/* A command line being worked on. It stays where it is until command_end. */
struct command_call {
    struct poptOption options[COMMAND_OPTIONS_MAX];
    poptContext popt;
    const char *words;
    const char **args; /* what is left when the options are read; ends with NULL */
    size_t count;
};

/* The options more than one command has. Texts an option sets are the caller's to free. */
#define COMMAND_CONFIG(where)                                                                      \
    {                                                                                              \
        "config", 'c', POPT_ARG_STRING, where, 0, "read FILE instead of " CONFIG_FILE, "FILE"      \
    }
#define COMMAND_JSON(where)                                                                        \
    {                                                                                              \
        "json", 'j', POPT_ARG_NONE, where, 0, "print JSON", NULL                                   \
    }

/* Reads the options (a table ended by POPT_TABLEEND) out of argv; between `least` and `most`
 * arguments may be left. `examples` are lines for --help, or NULL. COMMAND_GO_ON, or the exit
 * status when the answer has already been given. */
struct command_rules {
    const struct poptOption *options;
    size_t least, most;
    const char *examples;
};
int command_options(struct command_call *call, int argc, const char **argv,
                    const struct command_rules *rules);
void command_end(struct command_call *call);

/* "port26 WORDS: message" on stderr; control bytes are shown, not sent. Returns `status`. */
int command_error(const char *words, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The configuration meant when none is named: $PORT26_CONFIG; for anybody but root the own one
 * (port26/port26.conf in $XDG_CONFIG_HOME or ~/.config) when it is there; CONFIG_FILE. `out` has
 * PATH_MAX octets. The environment counts for programs without a caller's rights only. */
const char *command_config_file(char *out);
/* Loads `file` (NULL: command_config_file; when that is not there, the defaults). Warnings are left
 * out, errors go to stderr. EX_OK and *out, or EX_CONFIG and NULL. */
int command_config(const char *words, const char *file, struct config **out);

#endif
