/* check_answer: what a check found, told as asked for: words, JSON, a page. */
#ifndef PORT26_CLI_CHECK_ANSWER_H
#define PORT26_CLI_CHECK_ANSWER_H

#include "cli/check_run.h"

/* Prints it and writes the report. Returns the exit status: who can repair it. */
int check_answer(const struct check *c);

#endif
