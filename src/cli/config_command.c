#include "cli/config_command.h"

#include "cli/command.h"
#include "cli/table.h"
#include "serve/certificates.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { OUTPUT_MAX = 64 << 20 };

static int put(const char *words, struct text *out)
{
    size_t n = fwrite(out->at, 1, out->len, stdout);
    int status = EX_OK;

    if (n != out->len || out->full)
        status = command_error(words, EX_IOERR, "cannot write all of it");
    text_free(out);
    return status;
}

static void print_notes(const struct config_notes *notes, bool json)
{
    static const struct table_column columns[] = {{"severity", TABLE_TEXT, false},
                                                  {"line", TABLE_NUMBER, false},
                                                  {"message", TABLE_TEXT, true}};
    struct table *t;

    if (!json) {
        for (size_t i = 0; i < notes->count; i++)
            fprintf(stderr, "%s%s\n", notes->at[i].warning ? "warning: " : "", notes->at[i].text);
        return;
    }
    t = table_new(columns, 3);
    for (size_t i = 0; i < notes->count; i++) {
        table_text(t, span_of(notes->at[i].warning ? "warning" : "error"));
        if (notes->at[i].line)
            table_number(t, notes->at[i].line);
        else
            table_none(t);
        table_text(t, span_of(notes->at[i].text));
    }
    table_print(t, TABLE_JSON, NULL, stdout);
    table_free(&t);
}

static int check(const char *file, bool json)
{
    struct config_notes notes = {0};
    struct certificates certificates = {0};
    struct config *c;
    int status = EX_OK;

    if (config_load(file, &notes, &c) < 0 || config_check(c, &notes) < 0 ||
        certificates_read(c, NULL, &certificates, &notes) < 0)
        status = EX_CONFIG;
    certificates_free(&certificates);
    print_notes(&notes, json);
    if (notes.errors > notes.count)
        fprintf(stderr, "and %zu more errors\n", notes.errors - notes.count);
    if (!json && !notes.errors)
        printf("%s is good%s\n", file, notes.count ? ", but see the warnings" : "");
    config_free(&c);
    config_notes_free(&notes);
    return status;
}

int config_command_check(int argc, const char **argv)
{
    char *file = NULL;
    int json = 0, status;
    const struct poptOption options[] = {COMMAND_CONFIG(&file), COMMAND_JSON(&json), POPT_TABLEEND};
    const struct command_rules rules = {
        options, 0, 1,
        "  port26 config check\n"
        "  port26 config check ./new.conf && cp ./new.conf " CONFIG_FILE "\n"};
    char usual[PATH_MAX];
    struct command_call call;

    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        const char *named = call.count ? call.args[0] : file;

        status = check(named ? named : command_config_file(usual), json);
        command_end(&call);
    }
    free(file);
    return status;
}

int config_command_show(int argc, const char **argv)
{
    char *file = NULL;
    int changed = 0, status;
    const struct poptOption options[] = {
        COMMAND_CONFIG(&file),
        {"changed", '\0', POPT_ARG_NONE, &changed, 0, "only what differs from the defaults", NULL},
        POPT_TABLEEND};
    const struct command_rules rules = {options, 0, 0,
                                        "  port26 config show --changed\n"
                                        "  port26 config show > complete.conf\n"};
    struct text out = TEXT_INIT(OUTPUT_MAX);
    struct command_call call;
    struct config *c;

    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        status = command_config(call.words, file, &c);
        if (status == EX_OK) {
            config_print(c, changed, &out);
            status = put(call.words, &out);
            config_free(&c);
        }
        command_end(&call);
    }
    free(file);
    return status;
}

int config_command_manual(int argc, const char **argv)
{
    const struct poptOption options[] = {POPT_TABLEEND};
    const struct command_rules rules = {options, 0, 0, NULL};
    struct text out = TEXT_INIT(OUTPUT_MAX);
    struct command_call call;
    int status = command_options(&call, argc, argv, &rules);

    if (status == COMMAND_GO_ON) {
        config_manual(&out);
        status = put(call.words, &out);
        command_end(&call);
    }
    return status;
}
