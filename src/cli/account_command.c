#include "cli/account_command.h"

#include "base/memory.h"
#include "base/text.h"
#include "cli/house_command.h"
#include "cli/password.h"
#include "cli/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* From a file that only its owner can read, or from the terminal; never an argument, which all
 * users could see. */
static int get_password(const char *words, const char *file, char buf[PASSWORD_MAX])
{
    struct text secret = TEXT_INIT(PASSWORD_MAX - 1);
    struct error e = {0};
    int status = EX_OK;

    if (!file)
        return ask_twice(words, buf);
    if (config_secret(file, &secret, &e) < 0)
        status = command_error(words, EX_NOINPUT, "%s", e.words);
    snprintf(buf, PASSWORD_MAX, "%s", text_cstr(&secret));
    text_wipe(&secret);
    return status;
}

static void add_aliases(json_t *command, char **aliases)
{
    json_t *list = json_array();

    for (size_t i = 0; aliases && aliases[i]; i++)
        json_array_append_new(list, json_string(aliases[i]));
    json_object_set_new(command, "aliases", list);
}

static void print_ok(const json_t *answer)
{
    (void)answer;
    puts("Done.");
}

struct writing {
    const char *command, *examples;
    bool aliases;
};

static int write_account(int argc, const char **argv, const struct writing *w)
{
    char *file = NULL, *password_file = NULL, **aliases = NULL, password[PASSWORD_MAX] = "";
    int json = 0, status;
    struct poptOption options[] = {
        COMMAND_CONFIG(&file),
        COMMAND_JSON(&json),
        {"password-file", 'p', POPT_ARG_STRING, &password_file, 0,
         "first line of FILE (mode 0600) instead of asking", "FILE"},
        {"alias", 'a', POPT_ARG_ARGV, &aliases, 0,
         "a further address it may send as and gets mail for; @domain: all of it", "ADDRESS"},
        POPT_TABLEEND};
    const struct command_rules rules = {options, 1, 1, w->examples};
    struct command_call call;

    if (!w->aliases)
        options[3] = (struct poptOption)POPT_TABLEEND;
    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        status = get_password(call.words, password_file, password);
        if (status == EX_OK) {
            json_t *o = house_command_new(w->command);

            json_object_set_new(o, "name", json_string(call.args[0]));
            json_object_set_new(o, "password", json_string(password));
            add_aliases(o, aliases);
            status =
                house_command_ask(&(struct house_question){call.words, file, o, json, print_ok});
        }
        command_end(&call);
    }
    memory_wipe(password, sizeof password);
    for (size_t i = 0; aliases && aliases[i]; i++)
        free(aliases[i]);
    free(aliases);
    free(file);
    free(password_file);
    return status;
}

int account_command_add(int argc, const char **argv)
{
    return write_account(
        argc, argv,
        &(struct writing){"account add",
                          "  port26 account add you@example.com\n"
                          "  port26 account add you@example.com --alias sales@example.com\n",
                          true});
}

int account_command_passwd(int argc, const char **argv)
{
    return write_account(
        argc, argv,
        &(struct writing){"account passwd", "  port26 account passwd you@example.com\n", false});
}

int account_command_rm(int argc, const char **argv)
{
    static const struct house_plain plain = {.command = "account rm",
                                             .argument = "name",
                                             .examples = "  port26 account rm you@example.com\n",
                                             .print = print_ok};

    return house_command_plain(argc, argv, &plain);
}

static void print_accounts(const json_t *answer)
{
    static const struct table_column columns[] = {{"name", TABLE_TEXT, false},
                                                  {"aliases", TABLE_TEXT, true},
                                                  {"created", TABLE_TEXT, false},
                                                  {"locked", TABLE_YESNO, false}};
    struct table *t = table_new(columns, COUNT(columns));
    json_t *a, *alias;
    size_t i, k;

    json_array_foreach(json_object_get(answer, "accounts"), i, a)
    {
        struct text all = TEXT_INIT(65536);

        json_array_foreach(json_object_get(a, "aliases"), k, alias)
            text_addf(&all, "%s%s", k ? ", " : "", json_string_value(alias));
        table_text(t, span_of(house_command_text(a, "name")));
        table_text(t, span_of(text_cstr(&all)));
        table_text(t, span_of(house_command_text(a, "created")));
        table_number(t, json_is_true(json_object_get(a, "locked")));
        text_free(&all);
    }
    table_print(t, TABLE_PEOPLE,
                "There are no accounts: `port26 account add you@example.com` makes one.", stdout);
    table_free(&t);
}

int account_command_ls(int argc, const char **argv)
{
    static const struct house_plain plain = {
        .command = "account ls", .examples = "  port26 account ls\n", .print = print_accounts};

    return house_command_plain(argc, argv, &plain);
}
