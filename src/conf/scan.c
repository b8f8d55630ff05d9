#include "conf/scan.h"

#include "conf/notes.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 8 };

/*  file    = *( blank / comment / quoted / mark / word )
 *  blank   = SP / TAB / CR / LF / ";"
 *  comment = "#" *not-LF / "//" *not-LF / "/" "*" ... "*" "/"
 *  quoted  = DQUOTE *( "\" any / "${" name [":-" text] "}" / other ) DQUOTE
 *          / "'" *( "\" any / other ) "'"            ; neither goes over a line without "\"
 *  mark    = "{" / "}" / "=" / "," / "+="
 *  word    = 1*( other / "${" ... "}" )              ; ends before blank, mark, quote and "#"  */
struct scan {
    struct span rest;
    const char *file;
    unsigned line;
    unsigned open[DEPTH_MAX]; /* lines of the braces not yet closed */
    size_t depth;
    struct config_notes *notes;
    struct text *out;
    bool failed;
};

static void fail(struct scan *s, unsigned line, const char *words)
{
    notes_add(s->notes, NOTES_ERROR, (struct notes_place){s->file, line}, "%s", words);
    s->failed = true;
}

static char peek(const struct scan *s, size_t i)
{
    return i < s->rest.len ? s->rest.at[i] : '\0';
}

/* Passes n bytes on to libConfuse. */
static void pass(struct scan *s, size_t n)
{
    text_add(s->out, span_head(s->rest, n));
    s->rest = span_from(s->rest, n);
}

static void skip_line(struct scan *s)
{
    ptrdiff_t end = span_find(s->rest, '\n');

    s->rest = span_from(s->rest, end < 0 ? s->rest.len : (size_t)end);
}

static void skip_comment(struct scan *s)
{
    ptrdiff_t end = span_search(span_from(s->rest, 2), SPAN("*/"));
    size_t n = (size_t)end + 4;

    if (end < 0) {
        fail(s, s->line, "the comment begun here with /* never ends: close it with */");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (s->rest.at[i] != '\n')
            continue;
        s->line++;
        text_addc(s->out, '\n');
    }
    s->rest = span_from(s->rest, n);
}

/* "${NAME}" or "${NAME:-other}": libConfuse puts the value in; here we see that there is one. */
static void pass_variable(struct scan *s)
{
    ptrdiff_t end = span_find(s->rest, '}');
    struct span inside = span_head(span_from(s->rest, 2), end < 0 ? 0 : (size_t)end - 2);
    char name[128];

    if (end < 0 || span_find(inside, '\n') >= 0) {
        fail(s, s->line, "${ without }: write ${NAME}, or \\$ for a dollar sign");
        return;
    }
    if (span_search(inside, SPAN(":-")) < 0 &&
        (!span_cstr(inside, name, sizeof name) || !getenv(name))) {
        notes_add(s->notes, NOTES_ERROR, (struct notes_place){s->file, s->line},
                  "the environment has no variable '%.*s': set it, or write \\$ for a dollar sign",
                  SPAN_ARG(span_head(inside, 40)));
        s->failed = true;
        return;
    }
    pass(s, (size_t)end + 1);
}

static void pass_quoted(struct scan *s)
{
    char quote = s->rest.at[0];
    unsigned begun = s->line;

    pass(s, 1);
    while (!s->failed && s->rest.len && s->rest.at[0] != quote && s->rest.at[0] != '\n') {
        size_t n = s->rest.at[0] == '\\' && s->rest.len > 1 ? 2 : 1;

        if (quote == '"' && peek(s, 0) == '$' && peek(s, 1) == '{') {
            pass_variable(s);
            continue;
        }
        s->line += n == 2 && s->rest.at[1] == '\n';
        pass(s, n);
    }
    if (s->failed)
        return;
    if (peek(s, 0) != quote || !s->rest.len)
        fail(s, begun, "the text begun here with a quotation mark does not end on its line");
    else
        pass(s, 1);
}

static bool ends_word(const struct scan *s)
{
    return !s->rest.len || strchr(" \t\r\n;\"'#{}=,", s->rest.at[0]) ||
           (s->rest.at[0] == '+' && peek(s, 1) == '=');
}

static void pass_word(struct scan *s)
{
    text_addc(s->out, '"');
    while (!s->failed && !ends_word(s)) {
        if (peek(s, 0) == '$' && peek(s, 1) == '{') {
            pass_variable(s);
            continue;
        }
        if (s->rest.at[0] == '\\')
            text_addc(s->out, '\\');
        pass(s, 1);
    }
    text_addc(s->out, '"');
}

static void pass_brace(struct scan *s)
{
    if (s->rest.at[0] == '}') {
        if (s->depth)
            s->depth--;
        else
            fail(s, s->line,
                 "nothing is open that this } could close: remove it, or look for a "
                 "missing { above");
    } else if (s->depth == DEPTH_MAX) {
        fail(s, s->line, "too many { inside each other: close some before");
    } else {
        s->open[s->depth++] = s->line;
    }
    pass(s, 1);
}

static void step(struct scan *s)
{
    char c = s->rest.at[0], next = peek(s, 1);

    if (c == '\n')
        s->line++;
    if (c == '#' || (c == '/' && next == '/'))
        skip_line(s);
    else if (c == '/' && next == '*')
        skip_comment(s);
    else if (c == '"' || c == '\'')
        pass_quoted(s);
    else if (c == '{' || c == '}')
        pass_brace(s);
    else if (c == '+' && next == '=')
        pass(s, 2);
    else if (strchr("=, \t\r\n", c))
        pass(s, 1);
    else if (c == ';')
        s->rest = span_from(s->rest, 1);
    else
        pass_word(s);
}

/* What no line may hold, looked for before anything is believed. */
static bool sane(struct scan *s, struct span text)
{
    struct span line;
    unsigned number = 0;

    while (span_cut(&text, '\n', &line)) {
        number++;
        if (line.len > SCAN_LINE_MAX)
            fail(s, number, "this line is longer than 16384 octets: is it a configuration file?");
        for (size_t i = 0; i < line.len && !s->failed; i++) {
            unsigned char c = (unsigned char)line.at[i];

            if ((c < ' ' && c != '\t' && !(c == '\r' && i == line.len - 1)) || c == 0x7f)
                fail(s, number, "this line holds control characters: remove them");
        }
        if (s->failed)
            return false;
    }
    return true;
}

bool scan_text(struct span text, const char *name, struct config_notes *notes, struct text *out)
{
    struct scan s = {.rest = text, .file = name, .line = 1, .notes = notes, .out = out};

    if (!sane(&s, text))
        return false;
    if (span_starts(s.rest, SPAN("\xef\xbb\xbf"))) /* byte order mark of an editor */
        s.rest = span_from(s.rest, 3);
    while (s.rest.len && !s.failed)
        step(&s);
    if (!s.failed && s.depth)
        fail(&s, s.open[s.depth - 1], "the { opened here is never closed: add the missing }");
    if (!s.failed && out->full)
        fail(&s, 0, "the file is too large");
    return !s.failed;
}
