#include "cli/import_command.h"

#include "account/hash.h"
#include "account/import.h"
#include "base/memory.h"
#include "cli/house_command.h"
#include "sasl/scram.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PORTION_ROWS = 100, /* handed over together: what the server looks at in one turn */
    PORTION_OCTETS = 128 << 10,
    SHOWN = 20, /* mistakes told in words */
};

struct run {
    const char *words, *name; /* of the command; of the file */
    char *path;               /* the file's name for the house; NULL: standard input */
    FILE *file;
    struct import *import;
    struct remote *house;
    struct arena *arena; /* for one line */
    json_t *rows;        /* the portion */
    size_t octets;
    char token[64];
    unsigned long line, mistakes;
    json_t *told; /* how the house counts, with its last answer */
    int dry, create, update, passwords, forget;
};

static void mistake(struct run *r, unsigned long line, const char *words)
{
    if (r->mistakes++ < SHOWN)
        command_error(r->words, EX_DATAERR, "%s:%lu: %s", r->name, line, words);
}

/* ---- to the house ---- */

static void take_mistakes(struct run *r, const json_t *answer)
{
    json_t *m;
    size_t i;

    json_array_foreach(json_object_get(answer, "errors"), i, m)
        mistake(r, (unsigned long)json_integer_value(json_object_get(m, "line")),
                house_command_text(m, "words"));
    snprintf(r->token, sizeof r->token, "%s", house_command_text(answer, "import"));
    json_decref(r->told);
    r->told = json_deep_copy(answer);
}

/* `last`: "commit", "drop" or NULL. */
static int hand_over(struct run *r, const char *last, struct error *e)
{
    json_t *o = house_command_new("account import"), *answer = NULL;
    int bad;

    json_object_set_new(o, "import", json_string(r->token));
    json_object_set_new(o, "file", json_string(r->path ? r->path : r->name));
    json_object_set_new(o, "rows", r->rows);
    json_object_set_new(o, "create", json_boolean(r->create));
    json_object_set_new(o, "update", json_boolean(r->update));
    json_object_set_new(o, "passwords", json_boolean(r->passwords));
    if (last)
        json_object_set_new(o, last, json_true());
    bad = remote_command(r->house, o, &answer, e);
    if (!bad)
        take_mistakes(r, answer);
    json_decref(o);
    json_decref(answer);
    r->rows = json_array();
    r->octets = 0;
    return bad;
}

/* ---- lines ---- */

static void put(json_t *o, const char *key, struct span s)
{
    if (s.len)
        json_object_set_new(o, key, json_stringn(s.at, s.len));
}

static bool proves(struct span verifier, struct span password)
{
    struct scram_verifier v;
    bool fits;

    if (hash_is(verifier))
        return hash_check(verifier, password);
    fits = scram_parse(verifier, &v) && scram_check_password(&v, password);
    memory_wipe(&v, sizeof v);
    return fits;
}

/* Every verifier of a password has a salt of its own: only the password tells whether it is the
 * same. One that is stays as it is kept. */
static bool put_same(struct run *r, json_t *o, const struct import_row *row)
{
    json_t *ask = house_command_new("account verifier"), *answer = NULL;
    struct span kept;
    bool same;

    json_object_set_new(ask, "name", json_stringn(row->name.at, row->name.len));
    if (remote_command(r->house, ask, &answer, NULL) < 0)
        answer = NULL;
    kept = span_of(house_command_text(answer, "verifier"));
    same = kept.len && proves(kept, row->password);
    if (same)
        put(o, "verifier", kept);
    json_decref(ask);
    json_decref(answer);
    return same;
}

/* A password in clear goes no further than here. */
static int put_verifier(struct run *r, json_t *o, const struct import_row *row, struct error *e)
{
    struct scram_verifier v;
    char text[SCRAM_TEXT];

    if (row->verifier.len) {
        put(o, "verifier", row->verifier);
        return 0;
    }
    if (r->passwords && put_same(r, o, row))
        return 0;
    if (scram_derive(row->password, &v, e) < 0)
        return -1;
    scram_format(&v, text);
    put(o, "verifier", span_of(text));
    memory_wipe(&v, sizeof v);
    memory_wipe(text, sizeof text);
    return 0;
}

static void take_row(struct run *r, const struct import_row *row, size_t length)
{
    json_t *o = json_object(), *aliases = json_array();
    struct error e = {0};

    json_object_set_new(o, "line", json_integer((json_int_t)r->line));
    put(o, "name", row->name);
    put(o, "host", row->host);
    put(o, "quota", row->quota);
    put(o, "sending", row->sending);
    put(o, "messages", row->messages);
    for (size_t i = 0; i < row->alias_count; i++)
        json_array_append_new(aliases, json_stringn(row->aliases[i].at, row->aliases[i].len));
    if (row->alias_count)
        json_object_set(o, "aliases", aliases);
    json_decref(aliases);
    if (put_verifier(r, o, row, &e) < 0) {
        mistake(r, r->line, e.words);
        json_decref(o);
        return;
    }
    json_array_append_new(r->rows, o);
    r->octets += length + 400;
}

static int take_line(struct run *r, struct span line, struct error *e)
{
    struct import_row row;
    struct error wrong = {0};
    int got;

    r->line++;
    arena_clear(r->arena);
    got = import_line(r->import, line, r->arena, &row, &wrong);
    if (got < 0)
        mistake(r, r->line, wrong.words);
    if (got == 1)
        take_row(r, &row, line.len);
    if (json_array_size(r->rows) < PORTION_ROWS && r->octets < PORTION_OCTETS)
        return 0;
    return hand_over(r, NULL, e);
}

static int read_all(struct run *r, struct error *e)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int bad = 0;

    while (!bad && r->mistakes < SHOWN && (n = getline(&line, &cap, r->file)) >= 0) {
        struct span s = {line, (size_t)n};

        if (s.len && s.at[s.len - 1] == '\n')
            s.len--;
        bad = take_line(r, s, e);
    }
    if (line)
        memory_wipe(line, cap);
    free(line);
    if (!bad && ferror(r->file))
        return error_sys(e, errno, "%s can not be read", r->name);
    return bad;
}

/* ---- all ---- */

static unsigned long number(const struct run *r, const char *key)
{
    return (unsigned long)json_integer_value(json_object_get(r->told, key));
}

static size_t size(const struct run *r, const char *key)
{
    return json_array_size(json_object_get(r->told, key));
}

/* "3 accounts added, 2 changed, 1 as it was; 1 hosting account and 2 domains made." */
static void print(const struct run *r)
{
    unsigned long added = number(r, "added"), changed = number(r, "changed"),
                  same = number(r, "same");
    const char *would = r->dry ? "would be " : "";

    printf("%lu account%s %sadded", added, added == 1 ? "" : "s", would);
    if (r->update)
        printf(", %lu %schanged, %lu as before", changed, would, same);
    if (r->create)
        printf("; %zu hosting account%s and %zu domain%s %smade", size(r, "hosts"),
               size(r, "hosts") == 1 ? "" : "s", size(r, "domains"),
               size(r, "domains") == 1 ? "" : "s", would);
    if (number(r, "before"))
        printf("; %lu were written by the import that was broken off", number(r, "before"));
    puts(r->dry ? "; nothing was written." : ".");
}

/* Keys for the domains that are new, as `domain add` makes them. */
static int make_keys(struct run *r, struct error *e)
{
    json_t *name;
    size_t i;

    json_array_foreach(json_object_get(r->told, "domains"), i, name)
    {
        json_t *o = house_command_new("domain rotate"), *answer = NULL;
        int bad;

        json_object_set(o, "name", name);
        bad = remote_command(r->house, o, &answer, e);
        json_decref(o);
        json_decref(answer);
        if (bad < 0)
            return -1;
    }
    return 0;
}

static void warn(const struct run *r)
{
    size_t foreign = size(r, "foreign");

    if (foreign)
        command_error(r->words, 0,
                      "careful: %zu of the domains are not ours (%s%s), so no mail for these "
                      "accounts comes here: `port26 domain add` makes one ours, --create all",
                      foreign,
                      json_string_value(json_array_get(json_object_get(r->told, "foreign"), 0)),
                      foreign > 1 ? ", ..." : "");
}

/* The house says itself how far it came, when it can. */
static int broken_off(struct error *e)
{
    struct error why = *e;

    if (why.class == ERROR_TEMPORARY)
        error_set(
            e, why.class,
            "%s. Some of the accounts may be written: run the same command again, and it goes "
            "on from there",
            why.words);
    return -1;
}

static int finish(struct run *r, bool json, struct error *e)
{
    if (hand_over(r, NULL, e) < 0) /* the rest, and what is wrong with it */
        return -1;
    if (hand_over(r, r->mistakes || r->dry ? "drop" : "commit", e) < 0)
        return r->mistakes || r->dry ? -1 : broken_off(e);
    if (r->mistakes)
        return 0;
    warn(r);
    if (json) {
        json_object_del(r->told, "import");
        json_object_del(r->told, "errors");
        json_object_set_new(r->told, "written", json_boolean(!r->dry));
        house_command_print(r->told);
    } else {
        print(r);
    }
    return 0;
}

/* All is imported by now, and a second run would not make them. */
static int finish_keys(struct run *r)
{
    struct error e = {0};
    size_t n = size(r, "domains");

    if (r->dry || r->mistakes || !n || make_keys(r, &e) == 0)
        return EX_OK;
    return command_error(r->words, house_command_status(&e),
                         "the accounts are imported, but not all of %zu new domains have DKIM keys "
                         "(`port26 domain rotate NAME` makes them): %s",
                         n, e.words);
}

static int import_file(struct run *r, const struct config *config, bool json)
{
    struct error e = {0};
    int status = EX_OK;

    if (remote_open(config, &r->house, &e) < 0 || read_all(r, &e) < 0 || finish(r, json, &e) < 0)
        status = command_error(r->words, house_command_status(&e), "%s", e.words);
    else if (r->mistakes)
        status = command_error(r->words, EX_DATAERR, "nothing was imported%s",
                               r->mistakes >= SHOWN ? "; after so many mistakes the rest was not "
                                                      "looked at"
                                                    : "");
    if (status == EX_OK)
        status = finish_keys(r);
    remote_close(&r->house);
    return status;
}

static int forget(const struct run *r, const struct config *config)
{
    json_t *o = house_command_new("account forget");

    json_t *answer = NULL;
    int status;

    json_object_set_new(o, "file", json_string(r->path ? r->path : r->name));
    status = house_command_fetch(r->words, config, o, &answer);
    json_decref(answer);
    return status;
}

static int open_and_import(struct run *r, const char *config_file, bool json)
{
    struct config *config = NULL;
    int status = command_config(r->words, config_file, &config);

    if (strcmp(r->name, "-") != 0)
        r->path = realpath(r->name, NULL);
    if (status == EX_OK && r->forget) {
        status = forget(r, config);
    } else if (status == EX_OK) {
        r->file = strcmp(r->name, "-") == 0 ? stdin : fopen(r->name, "re");
        if (!r->file)
            status = command_error(r->words, EX_NOINPUT, "%s: %s", r->name, strerror(errno));
    }
    if (r->file) {
        r->arena = arena_new();
        r->rows = json_array();
        status = import_file(r, config, json);
        json_decref(r->rows);
        json_decref(r->told);
        arena_free(&r->arena);
        if (r->file != stdin)
            fclose(r->file);
    }
    config_free(&config);
    free(r->path);
    return status;
}

int import_command_run(int argc, const char **argv)
{
    char *config = NULL, *format = NULL, *domain = NULL;
    struct run r = {0};
    int json = 0, status;
    const struct poptOption options[] = {
        COMMAND_CONFIG(&config),
        COMMAND_JSON(&json),
        {"format", 'f', POPT_ARG_STRING, &format, 0, "csv (the default), passwd or shadow",
         "FORMAT"},
        {"domain", 'd', POPT_ARG_STRING, &domain, 0, "put behind names that have none", "DOMAIN"},
        {"create", 'C', POPT_ARG_NONE, &r.create, 0,
         "make the hosting accounts and domains that are named and not here", NULL},
        {"update", 'u', POPT_ARG_NONE, &r.update, 0,
         "change accounts that are here where the file says something else", NULL},
        {"passwords", 'P', POPT_ARG_NONE, &r.passwords, 0,
         "with --update: give these the passwords of the file, too", NULL},
        {"forget", 0, POPT_ARG_NONE, &r.forget, 0,
         "do not go on with the import of this file that was broken off", NULL},
        {"dry-run", 'n', POPT_ARG_NONE, &r.dry, 0, "look for mistakes and write nothing", NULL},
        POPT_TABLEEND};
    const struct command_rules rules = {
        options, 1, 1,
        "  port26 account import accounts.csv --create --dry-run\n"
        "  port26 account import accounts.csv --update\n"
        "  port26 account import /etc/shadow --format shadow --domain example.com\n"};
    struct command_call call;

    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        enum import_format kind = IMPORT_CSV;

        r.words = call.words;
        r.name = call.args[0];
        if (format && !import_format(format, &kind)) {
            status = command_error(call.words, EX_USAGE, "the format is csv, passwd or shadow");
        } else if (r.passwords && !r.update) {
            status = command_error(call.words, EX_USAGE, "--passwords goes with --update");
        } else {
            r.import = import_new(kind, domain);
            status = open_and_import(&r, config, json);
            import_free(&r.import);
        }
        command_end(&call);
    }
    free(config);
    free(format);
    free(domain);
    return status;
}
