#include "conf/suggest.h"

#include <stdlib.h>

enum { LONGEST = 40 };

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Optimal string alignment, three rows of the table at a time. */
size_t suggest_distance(struct span a, struct span b)
{
    size_t rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *row = rows[2], *swap;

    if (a.len > LONGEST || b.len > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        last[j] = before[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = lower(a.at[i - 1]) == lower(b.at[j - 1]);

            row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + !same);
            if (i > 1 && j > 1 && lower(a.at[i - 1]) == lower(b.at[j - 2]) &&
                lower(a.at[i - 2]) == lower(b.at[j - 1]) && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        swap = before;
        before = last;
        last = row;
        row = swap;
    }
    return last[b.len];
}

const char *suggest_name(struct span word, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t limit = word.len / 3 + 1, found = limit + 1;

    for (size_t i = 0; i < count; i++) {
        struct span name = span_of(names[i]);
        size_t d = suggest_distance(word, name);

        /* A word of two letters is one edit from far too much. */
        if (d < found && d < word.len && d < name.len) {
            found = d;
            best = names[i];
        }
    }
    return best;
}
