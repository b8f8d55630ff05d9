#include "cli/table.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <langinfo.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CELL_MAX = 100000 };

struct cell {
    bool none;
    struct span text;
    int64_t number;
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    struct arena *arena;
    struct cell *cells;
    size_t count, cap;
};

struct table *table_new(const struct table_column *columns, size_t count)
{
    struct table *t = memory_alloc(sizeof *t);

    assert(count > 0);
    t->columns = columns;
    t->column_count = count;
    t->arena = arena_new();
    return t;
}

void table_free(struct table **t)
{
    if (!*t)
        return;
    arena_free(&(*t)->arena);
    free((*t)->cells);
    free(*t);
    *t = NULL;
}

static const struct table_column *next_column(const struct table *t)
{
    return &t->columns[t->count % t->column_count];
}

static void add(struct table *t, struct cell cell)
{
    if (t->count == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->cells = memory_grow(t->cells, t->cap * sizeof *t->cells);
    }
    t->cells[t->count++] = cell;
}

/* Kept in the form that is safe to show; bytes that are no UTF-8 could not go into JSON either. */
void table_text(struct table *t, struct span s)
{
    struct text safe = TEXT_INIT((size_t)4 * CELL_MAX);

    assert(next_column(t)->kind == TABLE_TEXT);
    text_add_safe(&safe, span_head(s, CELL_MAX));
    add(t, (struct cell){.text = arena_span(t->arena, text_span(&safe))});
    text_free(&safe);
}

void table_number(struct table *t, int64_t n)
{
    assert(next_column(t)->kind != TABLE_TEXT);
    add(t, (struct cell){.number = n});
}

void table_none(struct table *t)
{
    add(t, (struct cell){.none = true});
}

size_t table_rows(const struct table *t)
{
    return t->count / t->column_count;
}

void table_size(struct text *out, int64_t n)
{
    static const char units[] = "KMGTPE";
    size_t unit = 0;
    double value = (double)n / 1024;

    if (n < 1024) {
        text_addf(out, "%" PRId64, n);
        return;
    }
    for (; value >= 1000 && unit < sizeof units - 2; unit++)
        value /= 1024;
    text_addf(out, value < 10 ? "%.1f%c" : "%.0f%c", value, units[unit]);
}

/* The two largest units: 5d3h, 1h30m, 12s, 350ms. */
static void add_duration(struct text *out, int64_t ms)
{
    static const struct {
        int64_t length;
        const char *name;
    } units[] = {
        {CLOCK_DAY, "d"}, {CLOCK_HOUR, "h"}, {CLOCK_MINUTE, "m"}, {CLOCK_SECOND, "s"}, {1, "ms"}};
    size_t i = 0;

    if (ms < 0)
        ms = 0;
    while (i < COUNT(units) - 1 && ms < units[i].length)
        i++;
    text_addf(out, "%" PRId64 "%s", ms / units[i].length, units[i].name);
    if (i >= 3) /* nobody counts milliseconds beside seconds */
        return;
    ms = ms % units[i].length / units[i + 1].length;
    if (ms)
        text_addf(out, "%" PRId64 "%s", ms, units[i + 1].name);
}

/* "2026-11-22T17:39:00.123Z" without the thousandths. */
static void add_time(struct text *out, int64_t ms)
{
    char buf[40];

    clock_iso(ms, buf, sizeof buf);
    text_addf(out, "%.19sZ", buf);
}

/* Where the terminal cannot show UTF-8, its bytes are shown as text_add_safe shows others. (Given
 * bytes its locale cannot read, libsmartcols 2.38 never returns.) */
static void add_shown(struct text *out, struct span s)
{
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;

    for (size_t i = 0; i < s.len; i++) {
        if (utf8 || (unsigned char)s.at[i] < 128)
            text_addc(out, s.at[i]);
        else
            text_addf(out, "\\x%02x", (unsigned char)s.at[i]);
    }
}

static void cell_people(const struct table_column *column, const struct cell *cell,
                        struct text *out)
{
    if (cell->none)
        return;
    switch (column->kind) {
    case TABLE_TEXT:
        add_shown(out, cell->text);
        break;
    case TABLE_NUMBER:
        text_addf(out, "%" PRId64, cell->number);
        break;
    case TABLE_SIZE:
        table_size(out, cell->number);
        break;
    case TABLE_TIME:
        add_time(out, cell->number);
        break;
    case TABLE_DURATION:
        add_duration(out, cell->number);
        break;
    case TABLE_YESNO:
        text_adds(out, cell->number ? "yes" : "no");
        break;
    }
}

static json_t *cell_json(const struct table_column *column, const struct cell *cell)
{
    struct text time = TEXT_INIT(100);
    json_t *value;

    if (cell->none)
        return json_null();
    switch (column->kind) {
    case TABLE_TEXT:
        return json_stringn(cell->text.len ? cell->text.at : "", cell->text.len);
    case TABLE_YESNO:
        return json_boolean(cell->number);
    case TABLE_DURATION:
        return json_real((double)cell->number / (double)CLOCK_SECOND);
    case TABLE_TIME:
        add_time(&time, cell->number);
        value = json_string(text_cstr(&time));
        text_free(&time);
        return value;
    case TABLE_NUMBER:
    case TABLE_SIZE:
        break;
    }
    return json_integer(cell->number);
}

static int print_json(const struct table *t, FILE *to)
{
    json_t *rows = json_array();
    int result;

    for (size_t i = 0; i < table_rows(t); i++) {
        json_t *row = json_object();

        for (size_t j = 0; j < t->column_count; j++)
            json_object_set_new(row, t->columns[j].key,
                                cell_json(&t->columns[j], &t->cells[i * t->column_count + j]));
        json_array_append_new(rows, row);
    }
    result = json_dumpf(rows, to, JSON_INDENT(2));
    json_decref(rows);
    return result < 0 || putc('\n', to) == EOF ? -1 : 0;
}

static void heading(const char *key, char *buf, size_t cap)
{
    size_t i = 0;

    for (; key[i] && i < cap - 1; i++) {
        char c = key[i] == '-' || key[i] == '_' ? ' ' : key[i];

        buf[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    buf[i] = '\0';
}

static void add_column(struct libscols_table *s, const struct table_column *column, bool colours)
{
    bool right = column->kind == TABLE_NUMBER || column->kind == TABLE_SIZE ||
                 column->kind == TABLE_DURATION;
    struct libscols_column *c;
    char name[64];

    heading(column->key, name, sizeof name);
    c = scols_table_new_column(s, name, column->wide ? 0.5 : 0,
                               (right ? SCOLS_FL_RIGHT : 0) | (column->wide ? SCOLS_FL_WRAP : 0));
    if (!c)
        abort(); /* out of memory */
    if (colours)
        scols_cell_set_color(scols_column_get_header(c), "bold");
}

static void add_line(struct libscols_table *s, const struct table *t, size_t row)
{
    struct libscols_line *line = scols_table_new_line(s, NULL);

    if (!line)
        abort(); /* out of memory */
    for (size_t j = 0; j < t->column_count; j++) {
        struct text out = TEXT_INIT((size_t)4 * CELL_MAX);

        cell_people(&t->columns[j], &t->cells[row * t->column_count + j], &out);
        scols_line_set_data(line, j, text_cstr(&out));
        text_free(&out);
    }
}

static bool wants_colours(FILE *to)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(fileno(to)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static int print_people(const struct table *t, FILE *to)
{
    struct libscols_table *s = scols_new_table();
    bool colours = wants_colours(to);
    int result;

    if (!s)
        abort(); /* out of memory */
    scols_table_set_stream(s, to);
    scols_table_enable_colors(s, colours);
    scols_table_enable_noencoding(s, 1); /* table_text has made it safe */
    if (!isatty(fileno(to)))
        scols_table_set_termforce(s, SCOLS_TERMFORCE_NEVER);
    for (size_t j = 0; j < t->column_count; j++)
        add_column(s, &t->columns[j], colours);
    for (size_t i = 0; i < table_rows(t); i++)
        add_line(s, t, i);
    result = scols_print_table(s);
    scols_unref_table(s);
    return result < 0 || ferror(to) ? -1 : 0;
}

int table_print(const struct table *t, enum table_form form, const char *empty, FILE *to)
{
    assert(t->count % t->column_count == 0);
    if (form == TABLE_JSON)
        return print_json(t, to);
    if (table_rows(t))
        return print_people(t, to);
    return empty && fprintf(to, "%s\n", empty) < 0 ? -1 : 0;
}
