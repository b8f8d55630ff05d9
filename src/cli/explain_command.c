#include "cli/explain_command.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/verdict_view.h"
#include "probe/explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS "explain"

struct options {
    char *stage, *client;
    int lines, json, rules;
    struct explain_request request;
};

/* Up to EXPLAIN_INPUT_MAX bytes; a byte more tells that there was more. */
static int read_all(FILE *from, const char *name, struct text *out)
{
    char *room;
    size_t n;

    while (out->len < out->max && (room = text_room(out, 1 << 16)) != NULL &&
           (n = fread(room, 1, 1 << 16, from)) > 0)
        out->len += n;
    if (ferror(from))
        return command_error(WORDS, EX_IOERR, "cannot read %s: %s", name, strerror(errno));
    return EX_OK;
}

static bool is_file(const char *name)
{
    struct stat st;

    return strpbrk(name, " \t\n") == NULL && stat(name, &st) == 0 && !S_ISDIR(st.st_mode);
}

static int read_file(const char *name, struct text *out)
{
    FILE *f = fopen(name, "r");
    int status;

    if (!f)
        return command_error(WORDS, EX_NOINPUT, "cannot open %s: %s", name, strerror(errno));
    status = read_all(f, name, out);
    fclose(f);
    return status;
}

/* One argument that is the name of a file, words of a text, or nothing: standard input. */
static int read_text(const struct command_call *call, struct text *out)
{
    if (call->count == 0 || (call->count == 1 && strcmp(call->args[0], "-") == 0)) {
        if (isatty(STDIN_FILENO))
            fputs("Paste the message, then press Ctrl-D on a line of its own.\n", stderr);
        return read_all(stdin, "standard input", out);
    }
    if (call->count == 1 && is_file(call->args[0]))
        return read_file(call->args[0], out);
    for (size_t i = 0; i < call->count; i++)
        text_addf(out, "%s%s", i ? " " : "", call->args[i]);
    return EX_OK;
}

static json_t *findings_json(const struct explain_result *r)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->finding_count; i++) {
        struct span s = r->findings[i].words;

        json_array_append_new(list, json_pack("{s:s, s:s%}", "name", r->findings[i].name, "words",
                                              s.at ? s.at : "", s.len));
    }
    return list;
}

static void print_json(const struct explain_result *r, bool one_line)
{
    json_t *o = verdict_view_json(&r->set, findings_json(r), NULL);

    json_dumpf(o, stdout, one_line ? JSON_COMPACT : JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
}

static void print_rules(const struct explain_result *r)
{
    puts("\nHow it was found");
    for (size_t i = 0; i < r->finding_count; i++) {
        char label[64];

        snprintf(label, sizeof label, "  %s", r->findings[i].name);
        verdict_view_line(stdout, label, r->findings[i].words);
    }
    printf("  %-15s%s\n", "id", r->set.verdict.id);
    printf("  %-15s%s\n", "class", verdict_class(&r->set.verdict));
}

static int explain_one(struct span text, const struct options *o)
{
    struct arena *a = arena_new();
    struct explain_result r;
    int64_t begin = clock_now();
    int status;

    explain_text(text, &o->request, &r, a);
    r.set.elapsed_ms = (uint64_t)(clock_now() - begin);
    if (o->json)
        print_json(&r, o->lines);
    else if (o->lines)
        printf("%s\t%s\t%s\t%.*s\n", r.set.verdict.id, verdict_class(&r.set.verdict),
               owner_name(r.set.verdict.owner), SPAN_ARG(r.set.verdict.sentence));
    else
        verdict_view_print(&r.set, stdout);
    if (o->rules && !o->json && !o->lines)
        print_rules(&r);
    status = verdict_exit(&r.set.verdict);
    arena_free(&a);
    return status;
}

static int explain_all(const struct command_call *call, const struct options *o)
{
    struct text text = TEXT_INIT(EXPLAIN_INPUT_MAX);
    int status = read_text(call, &text);
    struct span rest = text_span(&text), line;

    if (status == EX_OK && !span_trim(rest).len) {
        status = command_error(WORDS, EX_NOINPUT,
                               "there is no text; give the server's words, a file, or paste them");
    } else if (status == EX_OK && !o->lines) {
        status = explain_one(rest, o);
    } else if (status == EX_OK) {
        while (span_cut(&rest, '\n', &line))
            if (span_trim(line).len)
                explain_one(line, o);
    }
    text_free(&text);
    return status;
}

/* The names of the log, and those that people say. */
static bool read_stage(const char *name, enum stage *out)
{
    static const struct {
        const char *name;
        enum stage stage;
    } others[] = {{"any", STAGE_NONE}, {"ehlo", STAGE_HELO}, {"banner", STAGE_GREETING}};

    for (size_t i = 0; i < COUNT(others); i++) {
        if (strcmp(name, others[i].name) == 0) {
            *out = others[i].stage;
            return true;
        }
    }
    return stage_parse(span_of(name), out);
}

static int check_options(struct options *o)
{
    if (o->stage && !read_stage(o->stage, &o->request.stage))
        return command_error(
            WORDS, EX_USAGE,
            "there is no stage \"%s\"; say connect, helo, auth, mail, rcpt or data", o->stage);
    if (o->client && !steps_parse(span_of(o->client), &o->request.program))
        return command_error(WORDS, EX_USAGE,
                             "no steps are known for \"%s\"; say outlook, outlook-classic, "
                             "thunderbird, apple-mail, ios, android, gmail-app or k9",
                             o->client);
    return COMMAND_GO_ON;
}

int explain_command_run(int argc, const char **argv)
{
    struct options o = {0};
    const struct poptOption options[] = {
        {"stage", 's', POPT_ARG_STRING, &o.stage, 0,
         "where it was said: connect, helo, auth, mail, rcpt or data", "STAGE"},
        {"client", 'm', POPT_ARG_STRING, &o.client, 0,
         "steps for outlook, outlook-classic, thunderbird, apple-mail, ios, android, gmail-app, k9",
         "PROGRAM"},
        {"lines", 'l', POPT_ARG_NONE, &o.lines, 0, "each line is a text of its own", NULL},
        {"explain", 'e', POPT_ARG_NONE, &o.rules, 0, "show what was found and by which rule", NULL},
        COMMAND_JSON(&o.json),
        POPT_TABLEEND,
    };
    static const char examples[] =
        "  port26 explain \"554 5.7.1 <x@example.net>: Relay access denied\"\n"
        "  port26 explain --client thunderbird bounce.eml\n"
        "Exit status: 0 nothing wrong; who can repair it: 10 you, 11 the network,\n"
        "12 the mail provider, 13 the recipient's side, 14 not known.\n";
    const struct command_rules rules = {options, 0, 1000, examples};
    struct command_call call;
    int status = command_options(&call, argc, argv, &rules);

    if (status == COMMAND_GO_ON)
        status = check_options(&o);
    if (status == COMMAND_GO_ON)
        status = explain_all(&call, &o);
    command_end(&call);
    free(o.stage);
    free(o.client);
    return status;
}
