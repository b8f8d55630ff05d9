#include "conf/reader.h"

#include "base/memory.h"
#include "conf/notes.h"
#include "conf/rows.h"
#include "conf/scan.h"
#include "conf/suggest.h"
#include "conf/value.h"

#include <assert.h>
#include <confuse.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STRANGERS_MAX = 20, TITLE_MAX = 64, NAMES_MAX = 64 };

/* A name that is no setting. libConfuse ends at the first; so we note it, add it to the names that
 * block may have, and let libConfuse begin again: then the mistakes behind it are told as well. */
struct stranger {
    const struct rows_block *block;
    const char *name;
    unsigned line;
    bool stray; /* no "=" behind it: rather a value in the wrong place */
};

struct reader {
    struct config *c;
    struct config_notes *notes;
    struct arena *arena; /* what dies when the file is read */
    struct stranger strangers[STRANGERS_MAX];
    size_t stranger_count;
    struct config_given *given;
    size_t given_count, given_cap;
    struct span scanned; /* what libConfuse reads */
    bool whole;          /* and it came to the end */
};

/* One value as libConfuse gives it to us. */
struct word {
    unsigned line;
    char text[];
};

static int keep_word(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    size_t len = strlen(value);
    struct word *w = memory_alloc(sizeof *w + len + 1);

    (void)opt;
    w->line = (unsigned)cfg->line;
    memcpy(w->text, value, len + 1);
    *(void **)result = w;
    return 0;
}

/* libConfuse's complaints and our words for them. It calls back without a pointer of ours, so the
 * answer waits in the comment of the section at fault: the kind, and behind it the text. */
enum complaint_kind {
    COMPLAINT_OTHER = 'o',
    COMPLAINT_UNKNOWN = 'u',
    COMPLAINT_NO_VALUE = 'v',
    COMPLAINT_END = 'e',
};

struct complaint {
    const char *theirs;
    enum complaint_kind kind;
    const char *ours;
};

static const struct complaint complaints[] = {
    {"no such option '%s'", COMPLAINT_UNKNOWN, "%s"},
    {"missing equal sign after option '%s'", COMPLAINT_NO_VALUE, "%s"},
    {"unexpected token '%s'", COMPLAINT_OTHER,
     "did not expect '%s' here: a setting is written name = value, a list { a, b }"},
    {"missing opening brace for section '%s'", COMPLAINT_OTHER, "the block '%s' needs a { here"},
    {"missing title for section '%s'", COMPLAINT_OTHER,
     "the block '%1$s' needs a name of its own: write %1$s \"name\" { ... }"},
    {"found duplicate title '%s'", COMPLAINT_OTHER,
     "there is already a block of this kind named '%s': choose another name"},
    {"attempt to append to non-list option '%s'", COMPLAINT_OTHER,
     "'%s' holds one value: write = instead of +="},
    {"premature end of file", COMPLAINT_END, "the file ends where a value should follow"},
    {"bad escape sequence '%s'", COMPLAINT_OTHER, "'%s' means nothing: write \\\\ for a backslash"},
    {"invalid octal number '%s'", COMPLAINT_OTHER, "'%s' is no octet: at most \\377"},
};

__attribute__((format(printf, 2, 0))) static void complain(cfg_t *cfg, const char *fmt, va_list ap)
{
    struct complaint found = {.kind = COMPLAINT_OTHER, .ours = fmt};
    struct text words = TEXT_INIT(SCAN_LINE_MAX + 200);

    if (cfg->comment)
        return;
    for (size_t i = 0; i < COUNT(complaints); i++)
        if (strcmp(fmt, complaints[i].theirs) == 0)
            found = complaints[i];
    text_addc(&words, (char)found.kind);
    text_addv(&words, found.ours, ap);
    cfg->comment = memory_dup(text_cstr(&words));
    text_free(&words);
}

static cfg_opt_t *block_options(struct reader *r, const struct rows_block *block)
{
    size_t blocks;
    const struct rows_block *all = rows_blocks(&blocks);
    cfg_opt_t *opts =
        arena_alloc(r->arena, (block->count + blocks + r->stranger_count + 1) * sizeof *opts);
    cfg_opt_t *opt = opts;

    for (size_t i = 0; i < block->count; i++)
        *opt++ = (cfg_opt_t){.name = block->rows[i].name,
                             .type = CFGT_PTR,
                             .flags = CFGF_NODEFAULT | (block->rows[i].list ? CFGF_LIST : 0),
                             .parsecb = keep_word,
                             .freecb = free};
    for (size_t i = 1; block == all && i < blocks; i++)
        *opt++ = (cfg_opt_t){
            .name = all[i].name,
            .type = CFGT_SEC,
            .flags = CFGF_NODEFAULT |
                     (all[i].titled ? CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES : 0),
            .subopts = block_options(r, &all[i])};
    for (size_t i = 0; i < r->stranger_count; i++)
        if (r->strangers[i].block == block)
            *opt++ = (cfg_opt_t){.name = r->strangers[i].name,
                                 .type = CFGT_PTR,
                                 .flags = CFGF_NODEFAULT | CFGF_LIST,
                                 .parsecb = keep_word,
                                 .freecb = free};
    return opts;
}

static cfg_t *at_fault(cfg_t *root)
{
    if (root->comment)
        return root;
    for (cfg_opt_t *opt = root->opts; opt->name; opt++)
        for (unsigned i = 0; opt->type == CFGT_SEC && i < opt->nvalues; i++)
            if (opt->values[i]->section && opt->values[i]->section->comment)
                return opt->values[i]->section;
    return NULL;
}

static struct stranger *find_stranger(struct reader *r, const struct rows_block *block,
                                      const char *name)
{
    for (size_t i = 0; i < r->stranger_count; i++)
        if (r->strangers[i].block == block && strcmp(r->strangers[i].name, name) == 0)
            return &r->strangers[i];
    return NULL;
}

static void note(struct reader *r, unsigned line, const char *what, const char *words)
{
    notes_add(r->notes, NOTES_ERROR, (struct notes_place){r->c->file, line}, "%s%s%s", what,
              *what ? ": " : "", words);
}

/* Is the last word of the file a stranger, so that the end is no mistake of its own? */
static bool ends_in_stranger(struct reader *r)
{
    struct span end = span_trim(r->scanned);
    struct stranger *last = r->stranger_count ? &r->strangers[r->stranger_count - 1] : NULL;

    if (!last || !span_ends(end, SPAN("\"")) ||
        !span_ends(span_head(end, end.len - 1), span_of(last->name)))
        return false;
    last->stray = true;
    return true;
}

/* True when it is worth to begin again. */
static bool failed(struct reader *r, cfg_t *root)
{
    cfg_t *cfg = at_fault(root);
    const struct rows_block *block;
    struct stranger *known;
    const char *words;

    if (!cfg) {
        note(r, (unsigned)root->line, "", "cannot be understood from here on");
        return false;
    }
    words = cfg->comment + 1;
    block = rows_find(cfg == root ? "" : cfg->name);
    known = find_stranger(r, block, words);
    if (cfg->comment[0] == COMPLAINT_UNKNOWN) {
        if (known || r->stranger_count == STRANGERS_MAX)
            return false;
        r->strangers[r->stranger_count++] =
            (struct stranger){.block = block,
                              .name = arena_cstr(r->arena, span_of(words)),
                              .line = (unsigned)cfg->line};
        return true;
    }
    if (cfg->comment[0] == COMPLAINT_END && ends_in_stranger(r))
        return false;
    if (cfg->comment[0] == COMPLAINT_NO_VALUE && known)
        known->stray = true;
    else if (cfg->comment[0] == COMPLAINT_NO_VALUE)
        note(r, (unsigned)cfg->line, words, "write = and a value behind it");
    else
        note(r, (unsigned)cfg->line, "", words);
    return false;
}

static cfg_t *parse_once(struct reader *r)
{
    cfg_t *root = cfg_init(block_options(r, rows_find("")), CFGF_NONE);
    FILE *f = fmemopen((char *)r->scanned.at, r->scanned.len, "r");

    if (!root || !f)
        abort(); /* out of memory */
    cfg_set_error_function(root, complain);
    r->whole = cfg_parse_fp(root, f) == CFG_SUCCESS;
    fclose(f);
    return root;
}

static void given(struct reader *r, const void *field, unsigned line)
{
    if (r->given_count == r->given_cap) {
        r->given_cap = r->given_cap ? 2 * r->given_cap : 32;
        r->given = memory_grow(r->given, r->given_cap * sizeof *r->given);
    }
    r->given[r->given_count++] = (struct config_given){field, line};
}

static void fill_row(struct reader *r, const cfg_opt_t *opt, const struct row *row, void *base)
{
    struct span *texts = memory_array(opt->nvalues + 1, sizeof *texts);
    unsigned line = 0;
    struct error e = {0};

    for (unsigned i = 0; i < opt->nvalues; i++) {
        const struct word *w = opt->values[i]->ptr;

        line = w->line;
        texts[i] = span_of(w->text);
    }
    if (value_set(row, texts, opt->nvalues, r->c->arena, base, &e) < 0)
        note(r, line, row->name, e.words);
    else
        given(r, (char *)base + row->offset, line);
    free(texts);
}

static void fill_block(struct reader *r, const cfg_t *cfg, const struct rows_block *block,
                       void *base)
{
    for (size_t i = 0; i < block->count; i++) {
        const cfg_opt_t *opt = &cfg->opts[i];

        /* An empty list is a value only when it was read to its end. */
        if (opt->flags & CFGF_MODIFIED && (opt->nvalues || (block->rows[i].list && r->whole)))
            fill_row(r, opt, &block->rows[i], base);
    }
}

static bool title_ok(struct span title)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    for (size_t i = 0; i < title.len; i++)
        if (!strchr(good, title.at[i]))
            return false;
    return title.len && title.len <= TITLE_MAX;
}

static void fill_titled(struct reader *r, const cfg_opt_t *opt, const struct rows_block *block)
{
    char *array = opt->nvalues ? arena_alloc(r->c->arena, opt->nvalues * block->size) : NULL;
    size_t count = opt->nvalues;

    for (unsigned i = 0; i < opt->nvalues; i++) {
        const cfg_t *cfg = opt->values[i]->section;
        const char *title = arena_cstr(r->c->arena, span_of(cfg->title));
        char *base = array + i * block->size;

        if (!title_ok(span_of(title)))
            note(r, (unsigned)cfg->line, block->name,
                 "its name must be 1 to 64 letters, digits, dots, hyphens or underscores");
        memcpy(base, &title, sizeof title);
        given(r, base, (unsigned)cfg->line);
        for (size_t j = 0; j < block->count; j++)
            value_default(&block->rows[j], r->c->arena, base);
        fill_block(r, cfg, block, base);
    }
    memcpy((char *)r->c + block->offset, &array, sizeof array);
    memcpy((char *)r->c + block->count_at, &count, sizeof count);
}

static void fill(struct reader *r, const cfg_t *root)
{
    size_t count;
    const struct rows_block *blocks = rows_blocks(&count);

    fill_block(r, root, &blocks[0], r->c);
    for (size_t i = 1; i < count; i++) {
        const cfg_opt_t *opt = &root->opts[blocks[0].count + i - 1];

        assert(strcmp(opt->name, blocks[i].name) == 0);
        if (blocks[i].titled)
            fill_titled(r, opt, &blocks[i]);
        else if (opt->nvalues)
            fill_block(r, opt->values[0]->section, &blocks[i], (char *)r->c + blocks[i].offset);
    }
}

/* The block that does have a setting of this name. */
static const struct rows_block *home_of(const char *name)
{
    size_t count;
    const struct rows_block *blocks = rows_blocks(&count);

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < blocks[i].count; j++)
            if (strcmp(blocks[i].rows[j].name, name) == 0)
                return &blocks[i];
    return NULL;
}

static const char *meant(const struct stranger *s)
{
    const char *names[NAMES_MAX];
    size_t n = 0, count;
    const struct rows_block *blocks = rows_blocks(&count);

    for (size_t i = 0; i < s->block->count; i++)
        names[n++] = s->block->rows[i].name;
    for (size_t i = 1; s->block == blocks && i < count; i++)
        names[n++] = blocks[i].name;
    assert(n <= NAMES_MAX);
    return suggest_name(span_of(s->name), names, n);
}

static void note_stranger(struct reader *r, const struct stranger *s)
{
    struct notes_place at = {r->c->file, s->line};
    const char *near = meant(s);
    const struct rows_block *home = home_of(s->name);

    if (near)
        notes_add(r->notes, NOTES_ERROR, at, "unknown %s '%s': did you mean '%s'?",
                  s->block == rows_find("") && rows_find(near) ? "block" : "setting", s->name,
                  near);
    else if (home && *home->name)
        notes_add(r->notes, NOTES_ERROR, at, "'%s' has its place inside the block '%s': move it",
                  s->name, home->name);
    else if (home)
        notes_add(r->notes, NOTES_ERROR, at, "'%s' has its place outside of all blocks: move it",
                  s->name);
    else if (s->stray)
        notes_add(r->notes, NOTES_ERROR, at,
                  "did not expect '%s' here: a setting is written name = value, a list { a, b }, a "
                  "block name { ... }",
                  s->name);
    else
        notes_add(r->notes, NOTES_ERROR, at,
                  "unknown setting '%s': remove it, or look it up in port26.conf(5)", s->name);
}

static void read_scanned(struct reader *r)
{
    cfg_t *root = parse_once(r);

    while (!r->whole && failed(r, root)) {
        cfg_free(root);
        root = parse_once(r);
    }
    fill(r, root);
    cfg_free(root);
    for (size_t i = 0; i < r->stranger_count; i++)
        note_stranger(r, &r->strangers[i]);
}

static void keep_given(struct reader *r)
{
    r->c->given_count = r->given_count;
    if (!r->given_count)
        return;
    r->c->given = arena_alloc(r->c->arena, r->given_count * sizeof *r->given);
    memcpy(r->c->given, r->given, r->given_count * sizeof *r->given);
}

int reader_fill(struct span text, struct config *c, struct config_notes *notes)
{
    struct reader r = {.c = c, .notes = notes, .arena = arena_new()};
    struct text scanned = TEXT_INIT(4 * CONFIG_FILE_MAX);
    size_t before = notes->errors;

    if (scan_text(text, c->file, notes, &scanned) && scanned.len) {
        r.scanned = text_span(&scanned);
        read_scanned(&r);
        keep_given(&r);
    }
    free(r.given);
    text_free(&scanned);
    arena_free(&r.arena);
    notes_sort(notes);
    return notes->errors == before ? 0 : -1;
}
