/* finding_texts: what we found ourselves (mail/outcome.h: words without a cause, and details), and
 * the lines of the house's own letters (serve/postman.h), in the languages of reports. Findings are
 * made in English, by many parts, as formats; here they are known again by their English words, so
 * that nobody who finds something has to know of languages. What no row knows is not told in
 * another language: reports then leave it out. */
#ifndef PORT26_MAIL_FINDING_TEXTS_H
#define PORT26_MAIL_FINDING_TEXTS_H

#include "base/text.h"
#include "mail/dsn.h"

/* Appends what `english` says in another language. False, and nothing appended, when no row knows
 * it, and in English. */
bool finding_texts_say(enum dsn_language l, struct span english, struct text *out);

/* For tests: row `i` as it is known and as it is said; NULL at the end of the table. */
const char *finding_texts_english(size_t i);
const char *finding_texts_in(size_t i, enum dsn_language l);

#endif
