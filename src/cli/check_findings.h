/* check_findings: what a check saw, row by row, for people and for programs. */
#ifndef PORT26_CLI_CHECK_FINDINGS_H
#define PORT26_CLI_CHECK_FINDINGS_H

#include "probe/findings.h"

#include <jansson.h>
#include <stdio.h>

/* The doors of the user's server; every other fact. */
json_t *check_findings_doors(const struct findings *f);
json_t *check_findings_facts(const struct findings *f);
/* One line for a door, with a line end. */
void check_findings_line(const struct findings_door *d, FILE *to);
/* Everything, for --explain. */
void check_findings_print(const struct findings *f, FILE *to);

#endif
