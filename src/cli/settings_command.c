#include "cli/settings_command.h"

#include "base/memory.h"
#include "cli/command.h"
#include "cli/settings_form.h"
#include "cli/settings_view.h"

#include <stdlib.h>

static const char words[] = "settings";

enum { TIMEOUT_MAX_S = 60 };

struct request {
    char *client, *resolver, *cafile, *config, *format;
    int json, offline, no_check, timeout;
    enum steps_program program;
};

static int read_options(struct request *r)
{
    if (r->timeout < 0 || r->timeout > TIMEOUT_MAX_S)
        return command_error(words, EX_USAGE, "--timeout is 1 to %d seconds", TIMEOUT_MAX_S);
    if (r->client && !steps_parse(span_of(r->client), &r->program))
        return command_error(words, EX_USAGE,
                             "--client does not know '%s'; it knows outlook, outlook-classic, "
                             "thunderbird, apple-mail, ios, android, gmail-app, k9",
                             r->client);
    return EX_OK;
}

static int run(struct request *r, const char *address)
{
    struct settings *s = memory_alloc(sizeof *s);
    struct verdict_set *set = memory_alloc(sizeof *set);
    struct arena *a = arena_new();
    struct error e = {0};
    int status = read_options(r);

    s->address = address;
    s->resolver = r->resolver;
    s->cafile = r->cafile;
    s->no_network = r->offline;
    s->no_check = r->no_check;
    s->timeout = (int64_t)r->timeout * 1000;
    if (status == EX_OK && (status = settings_find(s, &e)) != EX_OK)
        command_error(words, status, "%s", e.words);
    if (status == EX_OK) {
        settings_find_verdict(s, r->program, set, a);
        if (r->json)
            settings_view_json(s, set, stdout);
        else
            settings_view_print(s, set, stdout);
        status = verdict_exit(&set->verdict);
    }
    arena_free(&a);
    free(set);
    free(s);
    return status;
}

int settings_command_run(int argc, const char **argv)
{
    struct request r = {0};
    const struct poptOption options[] = {
        {"client", 0, POPT_ARG_STRING, &r.client, 0, "tell the steps for this mail program",
         "PROGRAM"},
        {"offline", 0, POPT_ARG_NONE, &r.offline, 0, "ask nobody: the built-in table alone", NULL},
        {"no-check", 0, POPT_ARG_NONE, &r.no_check, 0, "do not look which doors open here", NULL},
        {"resolver", 0, POPT_ARG_STRING, &r.resolver, 0, "resolver to ask, instead of the system's",
         "ADDRESS"},
        {"cafile", 0, POPT_ARG_STRING, &r.cafile, 0, "trust the authorities in FILE", "FILE"},
        {"timeout", 0, POPT_ARG_INT, &r.timeout, 0, "for looking at the doors; the default is 3",
         "SECONDS"},
        {"format", 'f', POPT_ARG_STRING, &r.format, 0,
         "print what this server tells mail programs: mozilla, outlook, apple, json, text", "FORM"},
        COMMAND_CONFIG(&r.config),
        COMMAND_JSON(&r.json),
        POPT_TABLEEND};
    const struct command_rules rules = {
        .options = options,
        .least = 1,
        .most = 1,
        .examples = "  port26 settings you@example.com\n"
                    "  port26 settings you@example.com --client thunderbird\n"
                    "  port26 settings you@example.com --format apple > you.mobileconfig\n"};
    struct command_call call;
    int status = command_options(&call, argc, argv, &rules);

    if (status == COMMAND_GO_ON) {
        status = r.format ? settings_form_run(
                                &(struct settings_form){r.config, r.format, call.args[0], r.json})
                          : run(&r, call.args[0]);
        command_end(&call);
    }
    free(r.client);
    free(r.config);
    free(r.format);
    free(r.resolver);
    free(r.cafile);
    return status;
}
