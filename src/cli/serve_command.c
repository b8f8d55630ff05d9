#include "cli/serve_command.h"

#include "cli/house_command.h"
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

static void print_warnings(const json_t *answer)
{
    const json_t *warning;
    size_t i;

    json_array_foreach(json_object_get(answer, "warnings"), i, warning)
        fprintf(stderr, "warning: %s\n", json_string_value(warning));
    puts("The new configuration is in force.");
}

int serve_command_reload(int argc, const char **argv)
{
    static const struct house_plain plain = {.command = "config reload", .print = print_warnings};

    return house_command_plain(argc, argv, &plain);
}
