/* reading_weak: what a reply means when it says nothing that reading_rules knows: general words,
 * two weak words together, and last the codes alone. Data only; reading.h asks it. */
#ifndef PORT26_MAIL_READING_WEAK_H
#define PORT26_MAIL_READING_WEAK_H

#include "mail/reading_rules.h"

/* From the particular to the general; static; some rule of it fits every 4xx and 5xx. */
const struct reading_rule *reading_weak(size_t *count);

#endif
