/* text: bytes that grow, born with a maximum. Going past the maximum sets `full` and drops the
 * addition whole, so a check at the end is enough. */
#ifndef PORT26_BASE_TEXT_H
#define PORT26_BASE_TEXT_H

#include "base/span.h"

#include <stdarg.h>

struct text {
    char *at; /* always NUL-terminated once anything was added; the NUL does not count */
    size_t len, cap, max;
    bool full; /* an addition did not fit */
};

#define TEXT_INIT(maximum) ((struct text){.max = (maximum)})

void text_init(struct text *t, size_t max);
/* Frees the bytes; the text may be used again with the same maximum. */
void text_free(struct text *t);
/* The same for a secret, which is overwritten first. Growing leaves copies behind: make room for
 * all of it at once (text_room). */
void text_wipe(struct text *t);
/* Empties it, keeps the memory, clears `full`. */
void text_clear(struct text *t);
/* Each returns false when it did not fit. */
bool text_add(struct text *t, struct span s);
bool text_adds(struct text *t, const char *cstr);
bool text_addc(struct text *t, char c);
bool text_addf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool text_addv(struct text *t, const char *fmt, va_list ap);
/* The number in decimal. */
bool text_addu(struct text *t, uint64_t n);
/* Adds with control bytes, DEL and invalid UTF-8 shown as \xNN, so that no peer's text can forge a
 * log line or drive a terminal (HOSTILE 98, 120). */
bool text_add_safe(struct text *t, struct span s);
/* Makes room for n more bytes and returns where they go (then set len yourself), or NULL. */
char *text_room(struct text *t, size_t n);
/* Removes the first n bytes. */
void text_drop(struct text *t, size_t n);
struct span text_span(const struct text *t);
/* The bytes as a C string ("" when empty). */
const char *text_cstr(const struct text *t);

#endif
