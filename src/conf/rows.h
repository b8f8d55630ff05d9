/* rows: the settings as data, one row per field of the structs in config.h. The C type of each
 * field is checked against the type of its row when rows.c is compiled. */
#ifndef PORT26_CONF_ROWS_H
#define PORT26_CONF_ROWS_H

#include "conf/config.h"

/* What one value looks like; how it is read and written stands in value.c. In the struct: texts are
 * const char *, numbers, sizes and ports uint64_t, durations int64_t, rates a struct rate, choices
 * an enum. A list of texts is a config_texts, of durations a config_times, of numbers a
 * config_numbers, of networks a config_cidrs. */
enum row_type {
    ROW_TEXT,
    ROW_PATH,
    ROW_HOST,
    ROW_DOMAIN,
    ROW_MAILBOX,
    ROW_ADDRESS,
    ROW_RESOLVER,
    ROW_PATTERN,
    ROW_RELAY_DOOR,
    ROW_MECHANISM,
    ROW_YESNO,
    ROW_NUMBER,
    ROW_PORT,
    ROW_SIZE,
    ROW_DURATION,
    ROW_CHOICE,
    ROW_CIDR,
    ROW_RATE,
    ROW_TYPES
};

struct row {
    const char *name;
    enum row_type type;
    bool list;
    size_t offset;            /* of the field in its struct */
    const char *standard;     /* the default, as in the file; lists as "a, b"; "" is none */
    const char *computed;     /* or in words, where config.c works it out */
    bool required;            /* or there is none */
    int64_t min, max;         /* numbers: the value; texts: octets; lists: min values at least */
    const char *const *words; /* for ROW_CHOICE: the word of value i, NULL where there is none */
    const char *help;
};

struct rows_block {
    const char *name; /* "" for the top of the file */
    size_t offset;    /* of its struct in struct config; when titled of the pointer to the array */
    size_t count_at;  /* when titled: of the count */
    size_t size;      /* of one struct */
    bool titled;      /* name "title" { ... }, many; the title goes to the first field */
    const struct row *rows;
    size_t count;
    const char *help;
};

/* All blocks, the top first. */
const struct rows_block *rows_blocks(size_t *count);
const struct rows_block *rows_find(const char *name);

#endif
