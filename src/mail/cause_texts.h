/* cause_texts: the sentences of a cause (mail/cause.h) in the languages of reports. English is what
 * an outcome's words are made of already. */
#ifndef PORT26_MAIL_CAUSE_TEXTS_H
#define PORT26_MAIL_CAUSE_TEXTS_H

#include "mail/cause.h"
#include "mail/dsn.h"

struct cause_texts {
    const char *what, *advice; /* as in struct cause_row */
};

/* Both NULL: none in this language. */
struct cause_texts cause_texts_of(enum dsn_language l, enum cause c);
/* Appends what a failed or waiting recipient's outcome means; `domain` is the recipient's. False,
 * and nothing appended, when there is nothing but o->words to tell. */
bool cause_texts_say(enum dsn_language l, const struct outcome *o, struct span domain,
                     struct text *out);

#endif
