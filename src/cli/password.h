/* password: a secret typed on the terminal or read from a descriptor; never an argument, which all
 * users of the machine could see. What was read stays the caller's to wipe. */
#ifndef PORT26_CLI_PASSWORD_H
#define PORT26_CLI_PASSWORD_H

#include "base/error.h"

enum { PASSWORD_MAX = 1024 };

/* Asks on the terminal of the process, which shows nothing of what is typed. A signal that ends or
 * stops the program finds the terminal as it was; after a stop the question is asked again. Nothing
 * else may run in this process meanwhile. 0, or -1 and *e: there is no terminal, or nothing was
 * typed. */
int password_ask(const char *prompt, char buf[PASSWORD_MAX], struct error *e);
/* The first line of a file, a pipe or a terminal; `name` is for words. 0, or -1 and *e. */
int password_read(int fd, const char *name, char buf[PASSWORD_MAX], struct error *e);
/* The same for a file; "-" is standard input. */
int password_file(const char *path, char buf[PASSWORD_MAX], struct error *e);

#endif
