#include "cli/form_command.h"

#include "base/id.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/password.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the password: from a file that only its owner can read, or from the terminal; never an
 * argument, which all users could see ---- */

static int ask_twice(const char *words, char buf[PASSWORD_MAX])
{
    char again[PASSWORD_MAX] = "";
    struct error e = {0};
    int result;
    bool same;

    if (!isatty(STDIN_FILENO)) /* from a pipe: one line */
        result = password_read(STDIN_FILENO, "standard input", buf, &e);
    else if ((result = password_ask("Password: ", buf, &e)) == 0)
        result = password_ask("Once more: ", again, &e);
    if (result < 0)
        return command_error(words, EX_NOINPUT, "%s", e.words);
    same = !isatty(STDIN_FILENO) || strcmp(buf, again) == 0;
    memory_wipe(again, sizeof again);
    return same ? EX_OK : command_error(words, EX_DATAERR, "the two differ; try again");
}

static int get_password(const char *words, const char *file, json_t *to)
{
    struct text secret = TEXT_INIT(PASSWORD_MAX - 1);
    char buf[PASSWORD_MAX] = "";
    struct error e = {0};
    int status = EX_OK;

    if (file && strcmp(file, "-") == 0) {
        if (password_read(STDIN_FILENO, "standard input", buf, &e) < 0)
            status = command_error(words, EX_NOINPUT, "%s", e.words);
    } else if (!file) {
        status = ask_twice(words, buf);
    } else if (config_secret(file, &secret, &e) < 0) {
        status = command_error(words, EX_NOINPUT, "%s", e.words);
    } else {
        snprintf(buf, sizeof buf, "%s", text_cstr(&secret));
    }
    json_object_set_new(to, "password", json_string(buf));
    memory_wipe(buf, sizeof buf);
    text_wipe(&secret);
    return status;
}

/* 20 of 56 letters and digits that look like no other: 116 bits. */
static void make_password(json_t *to)
{
    static const char letters[] = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    enum { LETTERS = sizeof letters - 1, FAIR = 256 / LETTERS * LETTERS };
    char buf[21] = "";
    unsigned char byte;

    for (size_t n = 0; n < sizeof buf - 1;) {
        id_random(&byte, 1);
        if (byte < FAIR)
            buf[n++] = letters[byte % LETTERS];
    }
    json_object_set_new(to, "password", json_string(buf));
    memory_wipe(buf, sizeof buf);
}

/* ---- options ---- */

/* What the options were set to. */
struct given {
    char *file, *quota, *sending, *messages, *host, *catch_all, *password_file, *remove_from,
        **aliases;
    int json, generate;
};

enum { OPTIONS_MAX = 14 };

/* The options of this form, out of all there are. */
static void choose_options(const struct form *f, struct given *g,
                           struct poptOption out[OPTIONS_MAX])
{
    const struct {
        unsigned bit;
        struct poptOption option;
    } all[] = {
        {0, COMMAND_CONFIG(&g->file)},
        {0, COMMAND_JSON(&g->json)},
        {FORM_QUOTA,
         {"quota", 'q', POPT_ARG_STRING, &g->quota, 0,
          "octets it may store, as in 500M or 10G; \"none\", or \"default\" for that of the "
          "settings",
          "SIZE"}},
        {FORM_SENDING,
         {"sending", 's', POPT_ARG_STRING, &g->sending, 0,
          "recipients it may send to by the hour and the day, as in 100/h,1000/d; \"none\"; "
          "\"default\"",
          "LIMITS"}},
        {FORM_MESSAGES,
         {"messages", 'm', POPT_ARG_STRING, &g->messages, 0,
          "messages it may send, in the same form", "LIMITS"}},
        {FORM_HOST,
         {"host", 'H', POPT_ARG_STRING, &g->host, 0, "the hosting account it belongs to; \"none\"",
          "NAME"}},
        {FORM_CATCH_ALL,
         {"catch-all", 'C', POPT_ARG_STRING, &g->catch_all, 0,
          "who gets the mail for addresses that do not exist; \"none\"", "ADDRESS"}},
        {FORM_ALIAS,
         {"alias", 'a', POPT_ARG_ARGV, &g->aliases, 0,
          "a further address it may send as and gets mail for; @domain: all of it", "ADDRESS"}},
        {FORM_PASSWORD,
         {"password-file", 'p', POPT_ARG_STRING, &g->password_file, 0,
          "first line of FILE (mode 0600; - is standard input) instead of asking", "FILE"}},
        {FORM_PASSWORD,
         {"generate", 'g', POPT_ARG_NONE, &g->generate, 0,
          "make a password and print it instead of asking", NULL}},
        {FORM_REMOVE_FROM,
         {"remove-from", 'r', POPT_ARG_STRING, &g->remove_from, 0,
          "remove what came from the network of this IP address", "ADDRESS"}},
    };
    size_t n = 0;

    for (size_t i = 0; i < COUNT(all); i++)
        if (!all[i].bit || (f->options & all[i].bit))
            out[n++] = all[i].option;
    out[n] = (struct poptOption)POPT_TABLEEND;
}

static void put(json_t *o, const char *key, const char *value)
{
    if (value)
        json_object_set_new(o, key, json_string(value));
}

static void put_list(json_t *o, const char *key, const char *const *texts)
{
    json_t *list = json_array();

    for (size_t i = 0; texts[i]; i++)
        json_array_append_new(list, json_string(texts[i]));
    json_object_set_new(o, key, list);
}

static json_t *question(const struct form *f, const struct given *g,
                        const struct command_call *call)
{
    json_t *o = house_command_new(f->command);

    put(o, f->argument, call->args[0]);
    if (f->list)
        put_list(o, f->list, call->args + 1);
    put(o, "quota", g->quota);
    put(o, "sending", g->sending);
    put(o, "messages", g->messages);
    put(o, "host", g->host);
    put(o, "catch_all", g->catch_all);
    put(o, "remove_from", g->remove_from);
    if (g->aliases)
        put_list(o, "aliases", (const char *const *)g->aliases);
    return o;
}

static void free_given(struct given *g)
{
    for (size_t i = 0; g->aliases && g->aliases[i]; i++)
        free(g->aliases[i]);
    free(g->aliases);
    free(g->file);
    free(g->quota);
    free(g->sending);
    free(g->messages);
    free(g->host);
    free(g->catch_all);
    free(g->password_file);
    free(g->remove_from);
}

static void print_done(const json_t *answer)
{
    const char *note = house_command_text(answer, "note"),
               *password = house_command_text(answer, "password");

    puts("Done.");
    if (*password)
        printf("Password: %s\n", password);
    if (*note)
        puts(note);
}

static int ask(const struct form *f, const struct given *g, const struct command_call *call)
{
    json_t *o = question(f, g, call), *made = NULL;
    int status = EX_OK;

    if (g->generate && g->password_file)
        status =
            command_error(call->words, EX_USAGE, "give --generate or --password-file, not both");
    else if (g->generate)
        make_password(made = json_object());
    else if (f->options & FORM_PASSWORD)
        status = get_password(call->words, g->password_file, o);
    if (made)
        json_object_update(o, made);
    if (status == EX_OK)
        status = house_command_ask(&(struct house_question){
            call->words, g->file, o, g->json, f->print ? f->print : print_done, made});
    else
        json_decref(o);
    json_decref(made);
    return status;
}

int form_command(int argc, const char **argv, const struct form *f)
{
    struct given g = {0};
    struct poptOption options[OPTIONS_MAX];
    const struct command_rules rules = {options, f->list ? 2 : 1, f->list ? 1001 : 1, f->examples};
    struct command_call call;
    int status;

    choose_options(f, &g, options);
    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        status = ask(f, &g, &call);
        command_end(&call);
    }
    free_given(&g);
    return status;
}

/* ---- lists ---- */

struct row {
    json_t *value;
    const char *key;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->key, ((const struct row *)b)->key);
}

static json_t *sorted(json_t *rows, const char *key)
{
    size_t n = json_array_size(rows);
    struct row *list = memory_array(n, sizeof *list);
    json_t *out = json_array();

    for (size_t i = 0; i < n; i++) {
        list[i].value = json_array_get(rows, i);
        list[i].key = house_command_text(list[i].value, key);
    }
    qsort(list, n, sizeof *list, compare);
    for (size_t i = 0; i < n; i++)
        json_array_append(out, list[i].value);
    free(list);
    return out;
}

struct asked {
    const struct form_list *list;
    const char *argument;
};

/* One page after the other; a house that changes meanwhile may show a row twice or not at all. */
static int ask_pages(struct remote *r, const struct asked *q, json_t **whole, struct error *e)
{
    json_t *from = json_integer(0);

    while (from) {
        json_t *o = house_command_new(q->list->command), *answer = NULL, *next;
        int bad;

        put(o, q->list->argument ? q->list->argument : "", q->argument);
        json_object_set_new(o, "from", from);
        bad = remote_command(r, o, &answer, e);
        next = bad < 0 ? NULL : json_object_get(answer, "next");
        from = next && !json_equal(next, from) ? json_incref(next) : NULL;
        json_decref(o);
        if (bad < 0)
            return -1;
        if (*whole && json_object_get(answer, "note"))
            json_object_set(*whole, "note", json_object_get(answer, "note"));
        if (*whole)
            json_array_extend(json_object_get(*whole, q->list->rows),
                              json_object_get(answer, q->list->rows));
        else
            *whole = json_incref(answer);
        json_decref(answer);
    }
    return 0;
}

static void tidy(json_t *whole, const struct form_list *f)
{
    json_t *rows = json_object_get(whole, f->rows);

    json_object_del(whole, "next");
    if (rows)
        json_object_set_new(whole, f->rows, sorted(rows, f->sort));
}

static int print_all(const char *words, const struct config *config, const struct asked *q,
                     bool json)
{
    json_t *whole = NULL;
    struct remote *r = NULL;
    struct error e = {0};
    int status = EX_OK;

    if (remote_open(config, &r, &e) < 0 || ask_pages(r, q, &whole, &e) < 0) {
        status = command_error(words, house_command_status(&e), "%s", e.words);
    } else {
        tidy(whole, q->list);
        if (json)
            house_command_print(whole);
        else
            q->list->print(whole);
        if (!json && *house_command_text(whole, "note"))
            fprintf(stderr, "%s\n", house_command_text(whole, "note"));
    }
    json_decref(whole);
    remote_close(&r);
    return status;
}

int form_command_list(int argc, const char **argv, const struct form_list *f)
{
    char *file = NULL;
    int json = 0, status;
    const struct poptOption options[] = {COMMAND_CONFIG(&file), COMMAND_JSON(&json), POPT_TABLEEND};
    const unsigned arguments = f->argument != NULL;
    const struct command_rules rules = {options, arguments, arguments, f->examples};
    struct config *config = NULL;
    struct command_call call;

    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        status = command_config(call.words, file, &config);
        if (status == EX_OK)
            status = print_all(call.words, config,
                               &(struct asked){f, arguments ? call.args[0] : NULL}, json);
        config_free(&config);
        command_end(&call);
    }
    free(file);
    return status;
}
