/* reading_rules: what servers say, as a list of rules; reading.h asks it. Data only. */
#ifndef PORT26_MAIL_READING_RULES_H
#define PORT26_MAIL_READING_RULES_H

#include "mail/cause.h"

enum { READING_ANY = 0xffff };

/* Zero and NULL mean "whatever". */
struct reading_rule {
    enum cause cause;
    const char
        *words; /* one of these, "|" between, lower case; "a&b": both; "a&!b": a, but not b */
    const char *about;              /* one of these as well */
    const char *never;              /* and none of these */
    unsigned stages;                /* bits, 1 << stage */
    unsigned short code;            /* 4, 5: the class; else exact */
    unsigned short subject, detail; /* of the enhanced code; subject 0: whatever */
    unsigned short last;            /* when not 0: detail is the first of a range, this the last */
    bool names_address;             /* the text holds an IPv4 address: it speaks of somebody */
};

/* From the particular to the general; static. */
const struct reading_rule *reading_rules(size_t *count);
/* Sentences that servers add to every refusal: they begin so, lower case; the end is NULL. What
 * they say of spam, senders and limits is no reason. */
const char *const *reading_chatter(void);

#endif
