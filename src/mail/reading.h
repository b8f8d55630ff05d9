/* reading: what a server's reply means. Servers say the same thing in many words and reuse codes
 * for whatever they like, so this is one list of rules from the particular to the general; the
 * first that fits holds. The rules go by what is said, not by who says it. */
#ifndef PORT26_MAIL_READING_H
#define PORT26_MAIL_READING_H

#include "mail/cause.h"

/* STAGE_NONE: it is not known where it was said. CAUSE_NONE for 2xx and 3xx. */
enum cause reading_of(enum stage stage, const struct reply *r);

#endif
