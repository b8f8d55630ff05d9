#include "account/import.h"

#include "account/directory.h"
#include "account/hash.h"
#include "base/memory.h"
#include "sasl/scram.h"

#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 32 };

enum column {
    COLUMN_NAME,
    COLUMN_PASSWORD,
    COLUMN_HASH,
    COLUMN_HOST,
    COLUMN_QUOTA,
    COLUMN_SENDING,
    COLUMN_MESSAGES,
    COLUMN_ALIASES,
    COLUMNS
};

static const char *const column_names[COLUMNS] = {"name",  "password", "hash",     "host",
                                                  "quota", "sending",  "messages", "aliases"};

struct import {
    enum import_format format;
    char *domain;
    bool begun;   /* a line was read */
    bool headed;  /* csv: the first line was read */
    char between; /* csv: what stands between its fields */
    enum column columns[FIELDS_MAX];
    size_t column_count;
};

bool import_format(const char *name, enum import_format *out)
{
    static const char *const names[] = {"csv", "passwd", "shadow"};

    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum import_format)i;
            return true;
        }
    }
    return false;
}

struct import *import_new(enum import_format format, const char *domain)
{
    struct import *im = memory_alloc(sizeof *im);

    im->format = format;
    im->between = ',';
    im->domain = domain ? memory_dup(domain) : NULL;
    return im;
}

void import_free(struct import **im)
{
    if (*im)
        free((*im)->domain);
    free(*im);
    *im = NULL;
}

/* ---- csv ---- */

/* One field in quotes, from behind the first; "" stands for a quote. */
static bool quoted(struct span *rest, char between, struct arena *a, struct span *out)
{
    char *to = arena_alloc(a, rest->len + 1);
    size_t n = 0, i = 0;

    for (; i < rest->len; i++) {
        bool quote = rest->at[i] == '"';

        if (quote && (i + 1 == rest->len || rest->at[i + 1] != '"'))
            break;
        i += quote;
        to[n++] = rest->at[i];
    }
    if (i == rest->len)
        return false; /* it never ends */
    *out = (struct span){to, n};
    *rest = span_from(*rest, i + 1);
    return !rest->len || rest->at[0] == between;
}

/* The fields of a line; their number, or -1. */
static int csv_fields(struct span line, char between, struct arena *a, struct span out[FIELDS_MAX],
                      struct error *e)
{
    size_t count = 0;
    bool more = true;

    for (struct span rest = line; more; count++) {
        ptrdiff_t comma;

        if (count == FIELDS_MAX)
            return error_set(e, ERROR_INPUT, "more than %d fields", FIELDS_MAX);
        if (span_starts(rest, SPAN("\""))) {
            rest = span_from(rest, 1);
            if (!quoted(&rest, between, a, &out[count]))
                return error_set(e, ERROR_INPUT,
                                 "field %zu: its quotes are not closed, or "
                                 "something follows them",
                                 count + 1);
        } else {
            comma = span_find(rest, between);
            out[count] = span_trim(comma < 0 ? rest : span_head(rest, (size_t)comma));
            rest = span_from(rest, comma < 0 ? rest.len : (size_t)comma);
        }
        more = rest.len > 0;
        rest = span_from(rest, 1);
    }
    return (int)count;
}

static int read_heading(struct import *im, const struct span *fields, size_t count, struct error *e)
{
    unsigned seen = 0;

    for (size_t i = 0; i < count; i++) {
        size_t c = 0;

        while (c < COLUMNS && !span_iis(fields[i], column_names[c]))
            c++;
        if (c == COLUMNS || (seen & 1U << c))
            return error_set(e, ERROR_INPUT,
                             "the first line names the columns, each once: name, password, hash, "
                             "host, quota, sending, messages, aliases; it says \"%.*s\"",
                             SPAN_ARG(span_head(fields[i], 64)));
        seen |= 1U << c;
        im->columns[i] = (enum column)c;
    }
    im->column_count = count;
    if (seen & 1U << COLUMN_NAME && seen & (1U << COLUMN_PASSWORD | 1U << COLUMN_HASH))
        return 0;
    return error_set(e, ERROR_INPUT,
                     "the first line must name the columns, \"name\" and \"password\" or \"hash\" "
                     "among them");
}

static void read_aliases(struct import_row *row, struct span list, struct arena *a)
{
    struct span word;

    row->aliases = arena_alloc(a, (list.len / 2 + 1) * sizeof *row->aliases);
    while ((word = span_word(&list)).len)
        row->aliases[row->alias_count++] = word;
}

#define DOVECOT_SCRAM "{SCRAM-SHA-256}"

/* "4096,salt,stored key,server key", as Dovecot and `port26 account export` write a verifier. */
static int take_scram(struct import_row *row, struct span s, struct arena *a, struct error *e)
{
    struct scram_verifier v;
    struct span parts[4] = {SPAN_NONE};
    size_t n = 0;

    while (n < COUNT(parts) && span_cut(&s, ',', &parts[n]))
        n++;
    row->verifier =
        span_of(arena_printf(a, "SCRAM-SHA-256$%.*s:%.*s$%.*s:%.*s", SPAN_ARG(parts[0]),
                             SPAN_ARG(parts[1]), SPAN_ARG(parts[2]), SPAN_ARG(parts[3])));
    if (n == COUNT(parts) && !s.at && scram_parse(row->verifier, &v))
        return 0;
    return error_set(e, ERROR_INPUT,
                     "this is no verifier of SCRAM-SHA-256 as Dovecot writes it: " DOVECOT_SCRAM
                     "4096,salt,key,key");
}

static int take_hash(struct import_row *row, struct span hash, struct arena *a, struct error *e)
{
    static const char *const clear[] = {"{PLAIN}", "{CLEARTEXT}", "{CLEAR}"};
    struct text kept = TEXT_INIT(1024);
    int bad;

    for (size_t i = 0; i < COUNT(clear); i++) {
        if (span_istarts(hash, span_of(clear[i]))) {
            row->password = span_from(hash, strlen(clear[i]));
            return row->password.len ? 0 : error_set(e, ERROR_INPUT, "the password is empty");
        }
    }
    if (span_istarts(hash, SPAN(DOVECOT_SCRAM)))
        return take_scram(row, span_from(hash, strlen(DOVECOT_SCRAM)), a, e);
    bad = hash_read(hash, &kept, e);
    if (!bad)
        row->verifier = arena_span(a, text_span(&kept));
    text_wipe(&kept);
    return bad;
}

static int take_field(struct import_row *row, enum column column, struct span value,
                      struct arena *a, struct error *e)
{
    struct span *const plain[COLUMNS] = {
        [COLUMN_NAME] = &row->name,       [COLUMN_PASSWORD] = &row->password,
        [COLUMN_HOST] = &row->host,       [COLUMN_QUOTA] = &row->quota,
        [COLUMN_SENDING] = &row->sending, [COLUMN_MESSAGES] = &row->messages};

    if (!value.len)
        return 0;
    if (column == COLUMN_HASH)
        return take_hash(row, value, a, e);
    if (column == COLUMN_ALIASES)
        read_aliases(row, value, a);
    else
        *plain[column] = value;
    return 0;
}

static int csv_line(struct import *im, struct span line, struct arena *a, struct import_row *row,
                    struct error *e)
{
    struct span fields[FIELDS_MAX];
    int n;

    if (!im->headed && span_find(line, ',') < 0) /* as some spreadsheets write it */
        im->between = span_find(line, ';') >= 0 ? ';' : span_find(line, '\t') >= 0 ? '\t' : ',';
    n = csv_fields(line, im->between, a, fields, e);
    if (n < 0)
        return -1;
    if (!im->headed) {
        im->headed = true;
        return read_heading(im, fields, (size_t)n, e);
    }
    if ((size_t)n != im->column_count)
        return error_set(e, ERROR_INPUT, "%d fields, but the first line names %zu", n,
                         im->column_count);
    for (int i = 0; i < n; i++)
        if (take_field(row, im->columns[i], fields[i], a, e) < 0)
            return -1;
    if (!row->password.len == !row->verifier.len)
        return error_set(e, ERROR_INPUT,
                         row->password.len ? "give a password or a hash, not both"
                                           : "there is neither a password nor a hash");
    return 1;
}

/* ---- passwd, shadow ---- */

/* To Dovecot a bare number is kilobytes, B stands behind octets, and 0 is no limit. */
static struct span quota_of(struct span s, struct arena *a)
{
    uint64_t n;

    if (span_u64(s, UINT64_MAX, &n))
        return n ? span_of(arena_printf(a, "%.*sK", SPAN_ARG(s))) : SPAN("none");
    if (s.len && (s.at[s.len - 1] == 'B' || s.at[s.len - 1] == 'b'))
        return span_head(s, s.len - 1);
    return s;
}

/* Dovecot's further fields: "userdb_quota_rule=*:storage=1G". */
static void read_quota(struct import_row *row, struct span rest, struct arena *a)
{
    static const char rule[] = "quota_rule=*:storage=";
    size_t n = strlen(rule);

    for (size_t i = 0; i + n < rest.len; i++) {
        struct span here = span_from(rest, i), word, size = SPAN_NONE;

        if (!span_starts(here, span_of(rule)))
            continue;
        here = span_from(here, n);
        word = span_word(&here);
        span_cut(&word, ':', &size);
        row->quota = quota_of(size, a);
        return;
    }
}

static int colon_line(const struct import *im, struct span line, struct arena *a,
                      struct import_row *row, struct error *e)
{
    struct span rest = line, hash = SPAN_NONE;

    if (!span_cut(&rest, ':', &row->name) || !span_cut(&rest, ':', &hash))
        return error_set(e, ERROR_INPUT, "a line has the form name:hash:...");
    if (!hash.len || hash.at[0] == '!' || hash.at[0] == '*')
        return 0; /* nobody logs in by this name */
    if (im->format == IMPORT_PASSWD && span_is(hash, "x"))
        return error_set(e, ERROR_INPUT,
                         "its password stands in the shadow file: import that one, "
                         "--format shadow");
    if (im->format == IMPORT_PASSWD && rest.at)
        read_quota(row, rest, a);
    return take_hash(row, hash, a, e) < 0 ? -1 : 1;
}

/* ---- all ---- */

static int take_name(const struct import *im, struct import_row *row, struct arena *a,
                     struct error *e)
{
    struct span typed = row->name;
    struct text canonical = TEXT_INIT(1024);
    bool good;

    if (im->domain && span_find(typed, '@') < 0)
        typed = span_of(arena_printf(a, "%.*s@%s", SPAN_ARG(typed), im->domain));
    good = directory_name(typed, &canonical);
    row->name = arena_span(a, text_span(&canonical));
    text_free(&canonical);
    if (good)
        return 0;
    return error_set(
        e, ERROR_INPUT,
        "\"%.*s\" can not be an account's name: use an address such as you@example.com",
        SPAN_ARG(span_head(typed, 100)));
}

static bool is_idle(struct span line)
{
    struct span s = span_trim(line);

    return !s.len || s.at[0] == '#';
}

int import_line(struct import *im, struct span line, struct arena *a, struct import_row *out,
                struct error *e)
{
    int got;

    *out = (struct import_row){0};
    if (!im->begun &&
        span_starts(line, SPAN("\xef\xbb\xbf"))) /* a mark some editors put in front */
        line = span_from(line, 3);
    im->begun = true;
    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    if (is_idle(line))
        return 0;
    if (line.len > IMPORT_LINE_MAX || span_find(line, '\0') >= 0)
        return error_set(e, ERROR_INPUT, "the line is too long, or no text");
    got =
        im->format == IMPORT_CSV ? csv_line(im, line, a, out, e) : colon_line(im, line, a, out, e);
    if (got != 1)
        return got;
    return take_name(im, out, a, e) < 0 ? -1 : 1;
}
