/* suggest: which of the known names a mistyped one was meant to be. */
#ifndef PORT26_CONF_SUGGEST_H
#define PORT26_CONF_SUGGEST_H

#include "base/span.h"

/* The nearest of count names (case aside), or NULL when none is near enough to be worth asking. */
const char *suggest_name(struct span word, const char *const *names, size_t count);
/* Edits from one to the other: letters changed, added, left out, or two neighbours swapped. Words
 * longer than 40 octets are SIZE_MAX apart from everything. */
size_t suggest_distance(struct span a, struct span b);

#endif
