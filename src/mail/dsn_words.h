/* dsn_words: the part of a report that people read, and its subject. */
#ifndef PORT26_MAIL_DSN_WORDS_H
#define PORT26_MAIL_DSN_WORDS_H

#include "mail/dsn.h"

/* Appends the subject's text: ASCII, one line. */
void dsn_words_subject(const struct dsn_report *r, struct text *out);
/* Appends the plain text, CR LF lines, UTF-8 where names and words need it. `whole`: the message
 * follows, and not only its header. */
void dsn_words_write(const struct dsn_report *r, bool whole, struct text *out);
/* The same of a bundle: what it is, and the subject of each report in it. */
void dsn_words_bundle(const struct dsn_bundle *b, struct text *out);

#endif
