/* usage_words: what people are told about quotas. */
#ifndef PORT26_ACCOUNT_USAGE_WORDS_H
#define PORT26_ACCOUNT_USAGE_WORDS_H

#include "account/usage.h"
#include "base/text.h"

enum { USAGE_SIZE_TEXT = 24 };

/* "512 bytes", "20.3 MB", "1.5 GB"; as in the settings a K is 1024. */
void usage_words_size(uint64_t octets, char out[USAGE_SIZE_TEXT]);
/* The refusal: which quota, used and allowed, and how to make room; "4.2.2", or "5.2.2" with never;
 * always "4.3.0" when it cannot be read. Returns -1. */
int usage_words_full(const struct usage_full *f, bool never, struct error *e);
/* Subject (without line end) and text (lines end in LF) of the warning mail about v. */
void usage_words_warning(const struct usage_view *v, unsigned percent, struct text *subject,
                         struct text *body);

#endif
