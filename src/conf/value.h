/* value: between the text of a setting and the field of its struct, both ways, by row. */
#ifndef PORT26_CONF_VALUE_H
#define PORT26_CONF_VALUE_H

#include "conf/rows.h"

/* Reads count texts into the field of row in the struct at base (one text when the row is no list);
 * what must live comes from the arena. On failure -1, the field untouched, and e says what is wrong
 * and what to write. */
int value_set(const struct row *row, const struct span *texts, size_t count, struct arena *a,
              void *base, struct error *e);
/* Sets the row's default; a row without one (computed, required) is left as it is. */
void value_default(const struct row *row, struct arena *a, void *base);
/* Adds the value as it stands behind "=" in a file. */
void value_print(const struct row *row, const void *base, struct text *out);
/* Adds how a number of this row is written, without quotes: for bounds in messages and manual. */
void value_number(const struct row *row, int64_t n, struct text *out);
/* What one value looks like, in words for the manual: "size", "yes or no"... */
const char *value_form(enum row_type type);
/* Does the row have bounds worth telling? */
bool value_bounded(const struct row *row);

#endif
