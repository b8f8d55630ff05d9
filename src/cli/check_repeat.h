/* check_repeat: the check made again and again: for what fails now and then (--repeat), and for
 * what changes (--watch). */
#ifndef PORT26_CLI_CHECK_REPEAT_H
#define PORT26_CLI_CHECK_REPEAT_H

#include "cli/check_run.h"

/* Looks until all is done or Ctrl-C. EX_OK and the findings of the last look with what all of them
 * say together, or a status. Ctrl-C in the middle of a look ends the process after the answer. */
int check_repeat_run(struct check *c);
/* The table of tries and failures. */
void check_repeat_print(const struct check *c, FILE *to);

#endif
