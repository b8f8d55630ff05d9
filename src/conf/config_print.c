#include "conf/config.h"

#include "conf/rows.h"
#include "conf/value.h"

#include <string.h>

/* As port26.conf(5) is roff, text from the rows must not begin requests nor make escapes. */
static void add_roff(struct text *out, const char *words)
{
    for (const char *c = words; *c; c++) {
        if (*c == '\\')
            text_adds(out, "\\e");
        else if (*c == '-')
            text_adds(out, "\\-");
        else if ((*c == '.' || *c == '\'') && c == words)
            text_addf(out, "\\&%c", *c);
        else
            text_addc(out, *c);
    }
}

/* Changed: the file says it, and it is not just the default again. */
static bool changed(const struct config *c, const struct row *row, const char *base)
{
    struct text now = TEXT_INIT(CONFIG_FILE_MAX), standard = TEXT_INIT(CONFIG_FILE_MAX);
    struct arena *a;
    char *copy;
    bool differs = true;

    if (!config_line(c, base + row->offset))
        return false;
    if (!row->standard)
        return true;
    a = arena_new();
    copy = arena_alloc(a, sizeof(struct config)); /* as large as any of the structs */
    value_default(row, a, copy);
    value_print(row, copy, &standard);
    value_print(row, base, &now);
    differs = !span_eq(text_span(&now), text_span(&standard));
    text_free(&now);
    text_free(&standard);
    arena_free(&a);
    return differs;
}

static void print_rows(const struct config *c, const struct rows_block *block, const char *base,
                       bool only_changed, struct text *out)
{
    const char *indent = *block->name ? "    " : "";

    for (size_t i = 0; i < block->count; i++) {
        if (only_changed && !changed(c, &block->rows[i], base))
            continue;
        text_addf(out, "%s%s = ", indent, block->rows[i].name);
        value_print(&block->rows[i], base, out);
        text_addc(out, '\n');
    }
}

static void print_plain(const struct config *c, const struct rows_block *block, bool only_changed,
                        struct text *out)
{
    size_t before = out->len, begun;

    text_addf(out, "%s {\n", block->name);
    begun = out->len;
    print_rows(c, block, (const char *)c + block->offset, only_changed, out);
    if (out->len > begun || out->full) {
        text_adds(out, "}\n");
        return;
    }
    out->len = before;
    out->at[before] = '\0';
}

static void print_titled(const struct config *c, const struct rows_block *block, bool only_changed,
                         struct text *out)
{
    const char *array, *title;
    size_t count;

    memcpy(&array, (const char *)c + block->offset, sizeof array);
    memcpy(&count, (const char *)c + block->count_at, sizeof count);
    for (size_t i = 0; i < count; i++, array += block->size) {
        memcpy(&title, array, sizeof title);
        if (only_changed && !config_line(c, array))
            continue;
        text_addf(out, "%s \"%s\" {\n", block->name, title);
        print_rows(c, block, array, only_changed, out);
        text_adds(out, "}\n");
    }
}

void config_print(const struct config *c, bool only_changed, struct text *out)
{
    size_t count;
    const struct rows_block *blocks = rows_blocks(&count);

    print_rows(c, &blocks[0], (const char *)c, only_changed, out);
    for (size_t i = 1; i < count; i++) {
        if (blocks[i].titled)
            print_titled(c, &blocks[i], only_changed, out);
        else
            print_plain(c, &blocks[i], only_changed, out);
    }
}

static void manual_words(const struct row *row, struct text *out)
{
    for (int64_t i = 0, n = 0; i <= row->max; i++) {
        if (!row->words[i])
            continue;
        text_addf(out, "%s\\fB%s\\fR", n++ ? " | " : "", row->words[i]);
    }
}

/* "From 1 to 100." */
static void manual_bounds(const struct row *row, struct text *out)
{
    text_adds(out, "From ");
    value_number(row, row->min, out);
    text_adds(out, " to ");
    value_number(row, row->max, out);
    text_adds(out, ".\n");
}

static void manual_default(const struct row *row, struct text *out)
{
    if (row->required) {
        text_adds(out, "Must be given.\n");
        return;
    }
    text_adds(out, "Default: ");
    if (row->computed || !*row->standard)
        add_roff(out, row->computed ? row->computed : "none");
    else if (row->list)
        text_addf(out, "{ \\fB%s\\fR }", row->standard);
    else
        text_addf(out, "\\fB%s\\fR", row->standard);
    text_adds(out, ".\n");
}

static void manual_row(const struct row *row, struct text *out)
{
    text_adds(out, ".TP\n\\fB");
    add_roff(out, row->name);
    text_adds(out, "\\fR = ");
    if (row->type == ROW_CHOICE)
        manual_words(row, out);
    else
        text_addf(out, row->list ? "{ \\fI%s\\fR, ... }" : "\\fI%s\\fR", value_form(row->type));
    text_addc(out, '\n');
    add_roff(out, row->help);
    text_addc(out, '\n');
    if (value_bounded(row))
        manual_bounds(row, out);
    manual_default(row, out);
}

void config_manual(struct text *out)
{
    size_t count;
    const struct rows_block *blocks = rows_blocks(&count);

    text_adds(out, ".SH SETTINGS\n");
    for (size_t i = 0; i < count; i++) {
        if (!*blocks[i].name)
            text_adds(out, ".SS Outside of all blocks\n");
        else
            text_addf(out, ".SS %s %s{ ... }\n", blocks[i].name,
                      blocks[i].titled ? "\"NAME\" " : "");
        if (blocks[i].help) {
            add_roff(out, blocks[i].help);
            text_addc(out, '\n');
        }
        for (size_t j = 0; j < blocks[i].count; j++)
            manual_row(&blocks[i].rows[j], out);
    }
}
