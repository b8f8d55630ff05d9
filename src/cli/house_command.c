#include "cli/house_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *house_command_new(const char *words)
{
    json_t *o = json_object();

    json_object_set_new(o, "command", json_string(words));
    return o;
}

const char *house_command_text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

void house_command_print(json_t *answer)
{
    char *text;

    json_object_del(answer, "ok");
    text = json_dumps(answer, JSON_INDENT(2));
    puts(text ? text : "{}");
    free(text);
}

int house_command_status(const struct error *e)
{
    return e->class == ERROR_TEMPORARY ? EX_TEMPFAIL
           : e->class == ERROR_INPUT   ? EX_DATAERR
                                       : EX_UNAVAILABLE;
}

int house_command_fetch(const char *words, const struct config *config, json_t *command,
                        json_t **answer)
{
    struct error e = {0};
    struct remote *r = NULL;
    int status = EX_OK;

    *answer = NULL;
    if (remote_open(config, &r, &e) < 0 || remote_command(r, command, answer, &e) < 0)
        status = command_error(words, house_command_status(&e), "%s", e.words);
    remote_close(&r);
    return status;
}

static int ask(const struct house_question *q, const struct config *config)
{
    json_t *answer;
    int status = house_command_fetch(q->words, config, q->command, &answer);

    if (status == EX_OK && q->besides)
        json_object_update(answer, q->besides);
    if (status == EX_OK && q->json)
        house_command_print(answer);
    else if (status == EX_OK && q->print)
        q->print(answer);
    json_decref(answer);
    return status;
}

int house_command_ask(const struct house_question *q)
{
    struct config *config = NULL;
    int status = command_config(q->words, q->file, &config);

    if (status == EX_OK)
        status = ask(q, config);
    config_free(&config);
    json_decref(q->command);
    return status;
}

static json_t *build(const struct house_plain *p, const struct command_call *call, int all,
                     const char *reason)
{
    json_t *o = house_command_new(p->command);

    if (call->count)
        json_object_set_new(o, p->argument, json_string(call->args[0]));
    if (all)
        json_object_set_new(o, "all", json_true());
    if (reason)
        json_object_set_new(o, "reason", json_string(reason));
    return o;
}

int house_command_plain(int argc, const char **argv, const struct house_plain *p)
{
    char *file = NULL, *reason = NULL;
    int json = 0, all = 0, status;
    const struct poptOption end = POPT_TABLEEND,
                            with_all = {"all", 'a', POPT_ARG_NONE,
                                        &all,  0,   "all messages instead of one",
                                        NULL},
                            with_reason = {"reason", 'r', POPT_ARG_STRING,
                                           &reason,  0,   "why, for the log and for others",
                                           "TEXT"};
    const struct poptOption options[] = {COMMAND_CONFIG(&file), COMMAND_JSON(&json),
                                         p->all      ? with_all
                                         : p->reason ? with_reason
                                                     : end,
                                         end};
    const struct command_rules rules = {options, p->argument && !p->all, p->argument != NULL,
                                        p->examples};
    struct command_call call;

    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        if (p->all && !call.count == !all)
            status = command_error(call.words, EX_USAGE, "give %s, or --all%s",
                                   strcmp(p->argument, "id") ? "a name" : "the id of a message",
                                   all ? ", not both" : "");
        else
            status = house_command_ask(&(struct house_question){
                call.words, file, build(p, &call, all, reason), json, p->print, NULL});
        command_end(&call);
    }
    free(file);
    free(reason);
    return status;
}

const char *house_command_moment(const json_t *o, const char *key, char buf[MOMENT_SIZE])
{
    return moment_local(house_command_text(o, key), buf, MOMENT_SIZE);
}
