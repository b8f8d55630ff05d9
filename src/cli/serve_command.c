#include "cli/serve_command.h"

#include "cli/house_command.h"
#include "cli/places_command.h"
#include "serve/courier.h"
#include "serve/keeper.h"
#include "serve/listener.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int serve(const char *words, const char *role, const char *file)
{
    char usual[PATH_MAX];

    if (!role)
        return keeper_main(file ? file : command_config_file(usual));
    if (strcmp(role, "listener") == 0)
        return listener_main();
    if (strcmp(role, "courier") == 0)
        return courier_main();
    return command_error(words, EX_USAGE, "there is no role \"%s\"", role);
}

int serve_command_run(int argc, const char **argv)
{
    char *file = NULL, *role = NULL;
    int status;
    const struct poptOption options[] = {COMMAND_CONFIG(&file),
                                         {"role", '\0', POPT_ARG_STRING | POPT_ARGFLAG_DOC_HIDDEN,
                                          &role, 0, "for the server's own use", NULL},
                                         POPT_TABLEEND};
    const struct command_rules rules = {options, 0, 0, "  port26 serve -c ./port26.conf\n"};
    struct command_call call;

    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        status = serve(call.words, role, file);
        command_end(&call);
    }
    free(file);
    free(role);
    return status;
}

/* "443           port 443 submission, TLS implicit, smtp https" */
static void print_doors(const json_t *doors)
{
    json_t *door, *word;
    size_t i, k;

    json_array_foreach(doors, i, door)
    {
        printf("%-14sport %lld %s, TLS %s,", house_command_text(door, "name"),
               (long long)json_integer_value(json_object_get(door, "port")),
               house_command_text(door, "role"), house_command_text(door, "tls"));
        json_array_foreach(json_object_get(door, "speaks"), k, word)
            printf(" %s", json_string_value(word));
        putchar('\n');
    }
}

static void print_status(const json_t *answer)
{
    const json_t *q = json_object_get(answer, "queue");
    const char *key;
    json_t *value;
    size_t i;

    printf("accounts      %lld\n",
           (long long)json_integer_value(json_object_get(answer, "accounts")));
    json_object_foreach((json_t *)(uintptr_t)q, key, value)
        printf("%-14s%lld\n", key, (long long)json_integer_value(value));
    if (!json_object_get(answer, "processes"))
        puts("no daemon runs");
    places_command_status(answer);
    print_doors(json_object_get(answer, "doors"));
    json_array_foreach(json_object_get(answer, "processes"), i, value)
        printf("%-14s%lld%s%s\n", house_command_text(value, "role"),
               (long long)json_integer_value(json_object_get(value, "pid")),
               json_is_true(json_object_get(value, "ready")) ? "" : " starting",
               json_is_true(json_object_get(value, "leaving")) ? " leaving" : "");
}

static void print_notes(const json_t *answer)
{
    fputs(house_command_text(answer, "notes"), stderr);
    puts("The new configuration is in force.");
}

int serve_command_status(int argc, const char **argv)
{
    static const struct house_plain plain = {.command = "status", .print = print_status};

    return house_command_plain(argc, argv, &plain);
}

int serve_command_reload(int argc, const char **argv)
{
    static const struct house_plain plain = {.command = "config reload", .print = print_notes};

    return house_command_plain(argc, argv, &plain);
}
