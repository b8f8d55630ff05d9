/* span: a piece of text or bytes that somebody else owns: pointer and length, no terminator
 * promised. */
#ifndef PORT26_BASE_SPAN_H
#define PORT26_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const char *at; /* may be NULL only when len is 0 */
    size_t len;
};

/* For printf-like calls: printf("%.*s", SPAN_ARG(s)). */
#define SPAN_ARG(s) (int)(s).len, (s).at ? (s).at : ""
/* A span over a string literal, usable in initialisers. */
#define SPAN(literal) ((struct span){"" literal, sizeof(literal) - 1})
#define SPAN_NONE     ((struct span){NULL, 0})

/* A span over a C string; NULL gives the empty span. */
struct span span_of(const char *cstr);
/* Exact and ASCII-case-insensitive equality (never the locale's). */
bool span_eq(struct span a, struct span b);
bool span_ieq(struct span a, struct span b);
bool span_is(struct span a, const char *cstr);
bool span_iis(struct span a, const char *cstr);
/* Order by bytes, shorter first on a tie: for qsort and sorted tables. */
int span_cmp(struct span a, struct span b);
bool span_starts(struct span a, struct span prefix);
bool span_istarts(struct span a, struct span prefix);
bool span_ends(struct span a, struct span suffix);
/* First place of a byte, or -1. */
ptrdiff_t span_find(struct span a, char byte);
ptrdiff_t span_rfind(struct span a, char byte);
/* First place of needle (exact bytes), or -1; the empty needle is found at 0. */
ptrdiff_t span_search(struct span a, struct span needle);
/* The part from `from` to the end; past the end gives the empty span. */
struct span span_from(struct span a, size_t from);
/* At most the first n bytes. */
struct span span_head(struct span a, size_t n);
/* Without spaces and tabs (and CR, LF) at both ends. */
struct span span_trim(struct span a);
/* Takes the next word (run of non-blanks) off the front of *rest; empty when none is left. */
struct span span_word(struct span *rest);
/* Takes all before `sep` off the front of *rest, and the separator itself. Returns false when *rest
 * was NONE (at == NULL); after the last piece *rest becomes NONE. So "a,,b" gives a, "", b. */
bool span_cut(struct span *rest, char sep, struct span *piece);
/* Decimal number without sign, 1 to 20 digits; false on anything else or beyond max. */
bool span_u64(struct span a, uint64_t max, uint64_t *out);
/* Copies into a buffer of size cap with a terminating NUL; false (and an empty string) when it does
 * not fit or holds a NUL byte. */
bool span_cstr(struct span a, char *buf, size_t cap);
/* A NUL-terminated copy the caller frees. */
char *span_dup(struct span a);

#endif
