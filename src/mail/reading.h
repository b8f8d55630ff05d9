/* reading: what a server's reply means. Servers say the same thing in many words and reuse codes
 * for whatever they like, so this is one list of rules from the particular to the general; the
 * first that fits holds. The rules go by what is said, not by who says it. */
#ifndef PORT26_MAIL_READING_H
#define PORT26_MAIL_READING_H

#include "mail/cause.h"

/* What a reply means and by which rule: for --explain, and for texts of which nobody knows whether
 * they are replies at all: there, a rule that goes by the code's class alone proves nothing. */
struct reading {
    enum cause cause;
    struct span word;               /* of the rule, found in the text; static; empty: codes only */
    unsigned short code;            /* the rule asks for it: exact, or 4 and 5 the class; 0: any */
    unsigned short subject, detail; /* of the enhanced code; subject 0: any */
    bool any_detail;
    bool by_stage;
};

/* STAGE_NONE: it is not known where it was said. CAUSE_NONE for 2xx and 3xx. */
enum cause reading_of(enum stage stage, const struct reply *r);
struct reading reading_why(enum stage stage, const struct reply *r);

/* The first of the words that the text holds, both in lower case; empty when it holds none. Words
 * are written as in the rules: "|" between, "a&b": both, "a&!b": a, but not b. */
struct span reading_says(struct span text, const char *words);

#endif
