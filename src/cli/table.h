/* table: a result, given once as columns and rows, shown to people (aligned, by libsmartcols) or to
 * programs (JSON, an array with one object per row and the same keys). Text may come from anywhere:
 * people see control bytes as \xNN. */
#ifndef PORT26_CLI_TABLE_H
#define PORT26_CLI_TABLE_H

#include "base/text.h"

#include <stdio.h>

enum table_kind {
    TABLE_TEXT,
    TABLE_NUMBER,
    TABLE_SIZE,     /* octets; people see 1.5M */
    TABLE_TIME,     /* wall-clock milliseconds; 2026-11-22T17:39:00Z for both */
    TABLE_DURATION, /* milliseconds; people see 1h30m, programs seconds */
    TABLE_YESNO,
};

struct table_column {
    const char *key; /* of the JSON; people see it in capitals, with spaces for hyphens */
    enum table_kind kind;
    bool wide; /* may be wrapped where the terminal is too narrow */
};

enum table_form { TABLE_PEOPLE, TABLE_JSON };

struct table;

/* The columns must outlive the table. */
struct table *table_new(const struct table_column *columns, size_t count);
/* Frees all and nulls the pointer. */
void table_free(struct table **t);
/* The next cell of the current row, which begins by itself when the last is full. table_number is
 * for all kinds but TABLE_TEXT; table_none leaves the cell empty (JSON null). */
void table_text(struct table *t, struct span s);
void table_number(struct table *t, int64_t n);
void table_none(struct table *t);
size_t table_rows(const struct table *t);
/* A number of octets as tables show it to people: 512, 1.5K, 20M. */
void table_size(struct text *out, int64_t n);
/* 0, or -1 when it could not be written. Bold headings only on a terminal, and not with NO_COLOR
 * set or TERM=dumb. A table without rows prints `empty` and a line end to people (nothing when it
 * is NULL), [] to programs. */
int table_print(const struct table *t, enum table_form form, const char *empty, FILE *to);

#endif
