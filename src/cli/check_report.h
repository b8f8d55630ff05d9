/* check_report: one HTML page about a check, to mail to a support desk: no script, nothing from
 * elsewhere, readable on a phone, what strangers said escaped. */
#ifndef PORT26_CLI_CHECK_REPORT_H
#define PORT26_CLI_CHECK_REPORT_H

#include "cli/check_run.h"

/* Writes the page, all or nothing, readable by its owner alone; a file of that name is replaced.
 * User name and addresses are masked unless o.report_full. 0, or -1 and *e. */
int check_report_write(const struct check *c, const char *path, struct error *e);

#endif
