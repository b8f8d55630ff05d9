/* check_evidence: what was seen, in a few sentences that a person at a support desk can weigh. */
#ifndef PORT26_CLI_CHECK_EVIDENCE_H
#define PORT26_CLI_CHECK_EVIDENCE_H

#include "cli/check_run.h"

enum { CHECK_EVIDENCE_MAX = 16 };

/* The words live in the arena. Returns how many. */
size_t check_evidence(const struct check *c, struct arena *a, struct span out[CHECK_EVIDENCE_MAX]);

#endif
