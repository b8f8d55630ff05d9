#include "cli/sendmail_options.h"

#include "base/memory.h"

#include <string.h>

enum kind {
    FLAG,     /* alone, or followed by other letters: -ti */
    VALUE,    /* the rest of the word, or the next word */
    OPTIONAL, /* the rest of the word, if any */
};

typedef int set_fn(struct sendmail_options *o, const char *value, struct error *e);

/* ---- values that are one of a few words ---- */

struct word {
    const char *word;
    unsigned means;
};

static const struct word *find(const struct word *words, size_t count, struct span s)
{
    for (size_t i = 0; i < count; i++)
        if (span_iis(s, words[i].word))
            return &words[i];
    return NULL;
}

static int set_body(struct sendmail_options *o, const char *value, struct error *e)
{
    static const struct word words[] = {{"7bit", BODY_7BIT}, {"8bitmime", BODY_8BITMIME}};
    const struct word *w = find(words, COUNT(words), span_of(value));

    if (!w)
        return error_set(e, ERROR_INPUT, "-B %s: say 7BIT or 8BITMIME", value);
    o->body = (enum params_body)w->means;
    return 0;
}

static int set_ret(struct sendmail_options *o, const char *value, struct error *e)
{
    static const struct word words[] = {{"full", RET_FULL}, {"hdrs", RET_HDRS}};
    const struct word *w = find(words, COUNT(words), span_of(value));

    if (!w)
        return error_set(e, ERROR_INPUT, "-R %s: say full or hdrs", value);
    o->ret = (enum dsn_ret)w->means;
    return 0;
}

static int set_notify(struct sendmail_options *o, const char *value, struct error *e)
{
    static const struct word words[] = {{"never", NOTIFY_NEVER},
                                        {"success", NOTIFY_SUCCESS},
                                        {"failure", NOTIFY_FAILURE},
                                        {"delay", NOTIFY_DELAY}};
    struct span rest = span_of(value), piece;
    unsigned all = 0;
    const struct word *w = words;

    while (w && span_cut(&rest, ',', &piece)) {
        w = find(words, COUNT(words), span_trim(piece));
        all |= w ? w->means : 0;
    }
    if (!w || !all || ((all & NOTIFY_NEVER) && all != NOTIFY_NEVER))
        return error_set(e, ERROR_INPUT,
                         "-N %s: say never, or some of success,failure,delay with commas", value);
    o->notify = all;
    return 0;
}

static int set_mode(struct sendmail_options *o, const char *value, struct error *e)
{
    static const struct word words[] = {{"m", SENDMAIL_DELIVER},
                                        {"s", SENDMAIL_SMTP},
                                        {"p", SENDMAIL_LIST},
                                        {"i", SENDMAIL_ALIASES}};
    const struct word *w = find(words, COUNT(words), span_of(value));

    if (!w && (value[0] == 'd' || value[0] == 'D'))
        return error_set(e, ERROR_INPUT, "-b%s: the server is started by 'port26 serve'", value);
    if (!w)
        return error_set(e, ERROR_INPUT, "-b%s is not known here; -bm, -bs, -bp and -bi are",
                         value);
    o->mode = (enum sendmail_mode)w->means;
    return 0;
}

/* ---- the others ---- */

static int set_config(struct sendmail_options *o, const char *value, struct error *e)
{
    (void)e;
    o->config = value;
    return 0;
}

static int set_sender(struct sendmail_options *o, const char *value, struct error *e)
{
    (void)e;
    o->sender = value;
    return 0;
}

static int set_name(struct sendmail_options *o, const char *value, struct error *e)
{
    (void)e;
    o->name = value;
    return 0;
}

static int set_envid(struct sendmail_options *o, const char *value, struct error *e)
{
    if (!value[0] || strlen(value) > 100) /* RFC 3461 4.4 */
        return error_set(e, ERROR_INPUT, "-V: an envelope id has 1 to 100 characters");
    for (const char *c = value; *c; c++)
        if (*c < ' ' || *c > '~')
            return error_set(e, ERROR_INPUT, "-V: an envelope id is printable ASCII");
    o->envid = value;
    return 0;
}

static int set_header(struct sendmail_options *o, const char *value, struct error *e)
{
    (void)value;
    (void)e;
    o->header_recipients = true;
    return 0;
}

static int set_dots(struct sendmail_options *o, const char *value, struct error *e)
{
    (void)value;
    (void)e;
    o->ignore_dots = true;
    return 0;
}

static int set_option(struct sendmail_options *o, const char *value, struct error *e)
{
    return strcmp(value, "i") == 0 ? set_dots(o, value, e) : 0;
}

static int set_aliases(struct sendmail_options *o, const char *value, struct error *e)
{
    (void)value;
    (void)e;
    o->mode = SENDMAIL_ALIASES;
    return 0;
}

static int set_retry(struct sendmail_options *o, const char *value, struct error *e)
{
    (void)value;
    (void)e;
    if (o->mode == SENDMAIL_DELIVER)
        o->mode = SENDMAIL_RETRY;
    return 0;
}

/* Without a function: taken and ignored. */
static const struct row {
    char letter;
    enum kind kind;
    set_fn *set;
    const char *help;
} rows[] = {
    {'A', VALUE, NULL, NULL},
    {'B', VALUE, set_body, "TYPE  the text is 7BIT or 8BITMIME"},
    {'C', VALUE, set_config, "FILE  read this configuration; also environment PORT26_CONFIG"},
    {'F', VALUE, set_name, "NAME  full name for a From field the message lacks"},
    {'G', FLAG, NULL, NULL},
    {'I', FLAG, set_aliases, NULL},
    {'L', VALUE, NULL, NULL},
    {'N', VALUE, set_notify, "WHEN  reports wanted: never, or success,failure,delay"},
    {'O', VALUE, NULL, NULL},
    {'R', VALUE, set_ret, "PART  a report holds the message full, or hdrs only"},
    {'U', FLAG, NULL, NULL},
    {'V', VALUE, set_envid, "ID    envelope id, repeated in reports"},
    {'X', VALUE, NULL, NULL},
    {'b', VALUE, set_mode,
     "MODE  m: take a message (as without -b); s: speak SMTP on standard input and output;\n"
     "            p: list the queue; i: nothing, there is no table of aliases"},
    {'c', FLAG, NULL, NULL},
    {'d', OPTIONAL, NULL, NULL},
    {'e', VALUE, NULL, NULL},
    {'f', VALUE, set_sender, "ADDR  sender, to whom reports go; <> for none"},
    {'h', VALUE, NULL, NULL},
    {'i', FLAG, set_dots, "      a line with a lone dot does not end the message"},
    {'m', FLAG, NULL, NULL},
    {'n', FLAG, NULL, NULL},
    {'o', VALUE, set_option, "X     -oi is -i; all others mean nothing here"},
    {'p', VALUE, NULL, NULL},
    {'q', OPTIONAL, set_retry, "      try all waiting messages again now"},
    {'r', VALUE, set_sender, "ADDR  the same as -f"},
    {'t', FLAG, set_header, "      recipients are those of To, Cc and Bcc; Bcc is removed"},
    {'v', FLAG, NULL, NULL},
    {'x', FLAG, NULL, NULL},
};

static const struct row *row_of(char letter)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].letter == letter)
            return &rows[i];
    return NULL;
}

/* The letters of one word. `next` is the word behind it or NULL; *used tells that it was taken. */
static int read_word(struct sendmail_options *o, const char *word, const char *next, bool *used,
                     struct error *e)
{
    for (const char *at = word + 1; *at; at++) {
        const struct row *row = row_of(*at);
        const char *value = at + 1;

        if (!row)
            return error_set(e, ERROR_INPUT, "there is no option -%c; --help lists them", *at);
        if (row->kind == VALUE && !*value) {
            if (!next)
                return error_set(e, ERROR_INPUT, "-%c wants a value behind it", *at);
            value = next;
            *used = true;
        }
        if (row->set && row->set(o, value, e) < 0)
            return -1;
        if (row->kind != FLAG)
            return 0;
    }
    return 0;
}

/* Behind the first recipient a word is one too: a program that puts user input there must not find
 * that it was taken for an option, and must not lose what it meant as one in silence. */
static int check_rest(int argc, const char **argv, int first, struct error *e)
{
    for (int i = first; i < argc; i++)
        if (argv[i][0] == '-')
            return error_set(e, ERROR_INPUT, "'%s' stands behind a recipient: options come first",
                             argv[i]);
    return 0;
}

int sendmail_options_read(int argc, const char **argv, struct sendmail_options *out,
                          struct error *e)
{
    int i = 1;

    *out = (struct sendmail_options){0};
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        bool used = false;

        if (strcmp(argv[i], "--") == 0) {
            out->first = i + 1;
            return 0;
        }
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-?") == 0) {
            out->mode = SENDMAIL_HELP;
            return 0;
        }
        if (read_word(out, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used, e) < 0)
            return -1;
        i += used;
    }
    out->first = i;
    return check_rest(argc, argv, i, e);
}

void sendmail_options_help(FILE *to)
{
    fputs("\nOptions:\n", to);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].help)
            fprintf(to, "  -%c %s\n", rows[i].letter, rows[i].help);
    fputs("Taken and ignored:", to);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (!rows[i].set)
            fprintf(to, " -%c", rows[i].letter);
    fputs("\n", to);
}
