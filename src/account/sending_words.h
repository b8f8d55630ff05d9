/* sending_words: what people read about sending limits and held mail. */
#ifndef PORT26_ACCOUNT_SENDING_WORDS_H
#define PORT26_ACCOUNT_SENDING_WORDS_H

#include "account/sending.h"

/* A limit that is in the way. */
struct sending_refusal {
    enum sending_kind kind;
    enum window_span span;
    enum window_what what;
    uint32_t sent, need, limit;
    int64_t wait; /* milliseconds until what is asked may go; CLOCK_NEVER: never at once */
};

void sending_words_refusal(const struct sending_refusal *r, struct span name, struct text *out);
void sending_words_held(struct span account, struct span signs, struct text *out);

#endif
