/* settings_form: what this server itself gives to mail programs, in one of their forms. */
#ifndef PORT26_CLI_SETTINGS_FORM_H
#define PORT26_CLI_SETTINGS_FORM_H

#include <stdbool.h>

struct settings_form {
    const char *config; /* the file, NULL: the usual one */
    const char *form;   /* its name: "mozilla" */
    const char *address;
    bool json;
};

/* Prints it: into a file or pipe Apple's is signed as the server signs it, when the key may be read
 * by whoever asks. Returns the exit status. */
int settings_form_run(const struct settings_form *f);

#endif
