/* check_machine: the answer of a check for programs, one JSON object (manual: "For machines"). */
#ifndef PORT26_CLI_CHECK_MACHINE_H
#define PORT26_CLI_CHECK_MACHINE_H

#include "cli/check_run.h"

#include <stdio.h>

void check_machine_print(const struct check *c, FILE *to);

#endif
