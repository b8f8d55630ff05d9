#include "cli/command.h"

#include "base/memory.h"
#include "conf/suggest.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMANDS_MAX = 100, MESSAGE_MAX = 4000, OPTIONS_MAX = COMMAND_OPTIONS_MAX };

int command_error(const char *words, int status, const char *fmt, ...)
{
    struct text raw = TEXT_INIT(MESSAGE_MAX), safe = TEXT_INIT((size_t)4 * MESSAGE_MAX);
    va_list ap;

    va_start(ap, fmt);
    text_addv(&raw, fmt, ap);
    va_end(ap);
    text_add_safe(&safe, text_span(&raw));
    fprintf(stderr, "port26%s%s: %s\n", *words ? " " : "", words, text_cstr(&safe));
    text_free(&raw);
    text_free(&safe);
    return status;
}

/* How many of the arguments behind argv[0] are the words of this command; 0 when it is not it. */
static size_t match(const struct command *c, int argc, const char **argv)
{
    struct span rest = span_of(c->words), word;
    size_t n = 0;

    while ((word = span_word(&rest)).len) {
        n++;
        if (n >= (size_t)argc || !span_is(word, argv[n]))
            return 0;
    }
    return n;
}

static bool is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-?") == 0;
}

/* The top of a command's --help; the options follow from command_options, which knows them. */
static void print_usage(const struct command *c, int argc, const char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!is_help(argv[i]))
            continue;
        printf("Usage: port26 %s%s%s\n\n%s\n", c->words, *c->synopsis ? " " : "", c->synopsis,
               c->help);
        return;
    }
}

static int run(const struct command *c, int argc, const char **argv)
{
    const char **args = memory_array((size_t)argc + 1, sizeof *args);
    int status;

    memcpy(args, argv, (size_t)argc * sizeof *args);
    args[0] = c->words;
    print_usage(c, argc, args);
    status = c->run(argc, args);
    free(args);
    return status;
}

static void print_list(const struct command *commands, size_t count, struct span noun, FILE *to)
{
    int width = 0;

    for (size_t i = 0; i < count; i++)
        if ((int)strlen(commands[i].words) > width)
            width = (int)strlen(commands[i].words);
    for (size_t i = 0; i < count; i++) {
        struct span rest = span_of(commands[i].words);

        if (!noun.len || span_eq(span_word(&rest), noun))
            fprintf(to, "  %-*s  %s\n", width, commands[i].words, commands[i].help);
    }
}

static int print_help(const struct command *commands, size_t count)
{
    printf("Usage: port26 COMMAND [OPTION...]\n\nMail that gets out.\n\nCommands:\n");
    print_list(commands, count, SPAN_NONE, stdout);
    printf("\nEach knows --help. Settings: port26.conf(5).\n");
    return EX_OK;
}

/* "config" alone: show what it can be followed by. */
static bool noun_alone(const struct command *commands, size_t count, struct span noun)
{
    for (size_t i = 0; i < count; i++) {
        struct span rest = span_of(commands[i].words);

        if (span_eq(span_word(&rest), noun))
            return true;
    }
    return false;
}

static const char *meant(const struct command *commands, size_t count, int argc, const char **argv)
{
    const char *names[COMMANDS_MAX], *near = NULL;
    char two[80];

    assert(count <= COMMANDS_MAX);
    for (size_t i = 0; i < count; i++)
        names[i] = commands[i].words;
    if (argc > 2 && snprintf(two, sizeof two, "%s %s", argv[1], argv[2]) < (int)sizeof two)
        near = suggest_name(span_of(two), names, count);
    return near ? near : suggest_name(span_of(argv[1]), names, count);
}

static int unknown(const struct command *commands, size_t count, int argc, const char **argv)
{
    struct span noun = span_of(argv[1]);
    const char *near;

    if (noun_alone(commands, count, noun) && (argc == 2 || is_help(argv[2]))) {
        FILE *to = argc == 2 ? stderr : stdout;

        fprintf(to, "The commands of %s:\n", argv[1]);
        print_list(commands, count, noun, to);
        return argc == 2 ? EX_USAGE : EX_OK;
    }
    near = meant(commands, count, argc, argv);
    if (near)
        return command_error("", EX_USAGE, "unknown command '%s%s%s': did you mean '%s'?", argv[1],
                             argc > 2 ? " " : "", argc > 2 ? argv[2] : "", near);
    return command_error("", EX_USAGE, "unknown command '%s': port26 --help lists them", argv[1]);
}

static int version(void)
{
    printf("port26 %s\n", PORT26_VERSION);
    return EX_OK;
}

static const struct command *by_program(const struct command *commands, size_t count,
                                        const char *program)
{
    const char *slash = strrchr(program, '/');

    for (size_t i = 0; i < count; i++)
        if (commands[i].alias && strcmp(commands[i].alias, slash ? slash + 1 : program) == 0)
            return &commands[i];
    return NULL;
}

int command_run(const struct command *commands, size_t count, int argc, const char **argv)
{
    const struct command *found = argc > 0 ? by_program(commands, count, argv[0]) : NULL;
    size_t best = 0;

    if (found)
        return run(found, argc, argv);
    for (size_t i = 0; i < count; i++) {
        size_t n = match(&commands[i], argc, argv);

        if (n > best) {
            best = n;
            found = &commands[i];
        }
    }
    if (found)
        return run(found, argc - (int)best, argv + best);
    if (argc < 2) {
        print_help(commands, count);
        return EX_USAGE;
    }
    if (is_help(argv[1]) || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_help(commands, count);
    if (strcmp(argv[1], "--version") == 0)
        return version();
    return unknown(commands, count, argc, argv);
}

/* "-c, --config=FILE" */
static void option_names(const struct poptOption *o, struct text *out)
{
    if (o->shortName)
        text_addf(out, "-%c%s", o->shortName, o->longName ? ", " : "");
    else
        text_adds(out, "    ");
    if (o->longName)
        text_addf(out, "--%s", o->longName);
    if (o->argDescrip)
        text_addf(out, "%s%s", o->longName ? "=" : " ", o->argDescrip);
}

static void print_options(const struct poptOption *o, const char *examples)
{
    printf("\nOptions:\n");
    for (; o->longName || o->shortName || o->arg; o++) {
        struct text names = TEXT_INIT(200);

        if (!o->descrip || o->argInfo & POPT_ARGFLAG_DOC_HIDDEN)
            continue;
        option_names(o, &names);
        printf("  %-24s  %s\n", text_cstr(&names), o->descrip);
        text_free(&names);
    }
    printf("  %-24s  %s\n", "-?, --help", "show this help");
    if (examples)
        printf("\nExamples:\n%s", examples);
}

static bool wants_help(int argc, const char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (is_help(argv[i]))
            return true;
    return false;
}

static int check_count(struct command_call *call, const struct command_rules *rules)
{
    call->args = poptGetArgs(call->popt);
    while (call->args && call->args[call->count])
        call->count++;
    if (call->count < rules->least)
        return command_error(call->words, EX_USAGE, "something is missing: see port26 %s --help",
                             call->words);
    if (call->count > rules->most)
        return command_error(call->words, EX_USAGE, "did not expect '%s': see port26 %s --help",
                             call->args[rules->most], call->words);
    return COMMAND_GO_ON;
}

/* Lets popt tell of each option with one text that it comes: of two of them one would be ignored.
 */
static void number_options(const struct poptOption *from, struct poptOption to[OPTIONS_MAX])
{
    size_t n = 0;

    for (; from[n].longName || from[n].shortName || from[n].arg; n++) {
        assert(n < OPTIONS_MAX - 1);
        to[n] = from[n];
        if (!to[n].val && (to[n].argInfo & POPT_ARG_MASK) == POPT_ARG_STRING)
            to[n].val = (int)n + 1;
    }
    to[n] = (struct poptOption)POPT_TABLEEND;
}

static int read_options(struct command_call *call)
{
    bool seen[OPTIONS_MAX] = {false};
    int got;

    while ((got = poptGetNextOpt(call->popt)) > 0) {
        if (got <= OPTIONS_MAX && seen[got - 1])
            return command_error(
                call->words, EX_USAGE,
                "--%s is given twice, and only one can count: see port26 %s --help",
                call->options[got - 1].longName, call->words);
        if (got <= OPTIONS_MAX)
            seen[got - 1] = true;
    }
    if (got < -1)
        return command_error(call->words, EX_USAGE, "%s: %s: see port26 %s --help",
                             poptBadOption(call->popt, POPT_BADOPTION_NOALIAS), poptStrerror(got),
                             call->words);
    return COMMAND_GO_ON;
}

int command_options(struct command_call *call, int argc, const char **argv,
                    const struct command_rules *rules)
{
    int status;

    *call = (struct command_call){.words = argv[0]};
    if (wants_help(argc, argv)) {
        print_options(rules->options, rules->examples);
        return EX_OK;
    }
    number_options(rules->options, call->options);
    call->popt = poptGetContext(NULL, argc, argv, call->options, POPT_CONTEXT_NO_EXEC);
    status = read_options(call);
    if (status == COMMAND_GO_ON)
        status = check_count(call, rules);
    if (status != COMMAND_GO_ON)
        command_end(call);
    return status;
}

void command_end(struct command_call *call)
{
    call->popt = poptFreeContext(call->popt);
    call->args = NULL;
    call->count = 0;
}

/* Root's home is no place for the settings of a whole machine, and sudo may leave HOME as it was.
 */
const char *command_config_file(char *out)
{
    const char *named = secure_getenv("PORT26_CONFIG"), *own = secure_getenv("XDG_CONFIG_HOME"),
               *home = secure_getenv("HOME");
    int n = 0;

    if (named && named[0])
        n = snprintf(out, PATH_MAX, "%s", named);
    else if (geteuid() != 0 && own && own[0] == '/')
        n = snprintf(out, PATH_MAX, "%s/port26/port26.conf", own);
    else if (geteuid() != 0 && home && home[0] == '/')
        n = snprintf(out, PATH_MAX, "%s/.config/port26/port26.conf", home);
    if (n > 0 && n < PATH_MAX && ((named && named[0]) || access(out, F_OK) == 0))
        return out;
    snprintf(out, PATH_MAX, "%s", CONFIG_FILE);
    return out;
}

int command_config(const char *words, const char *file, struct config **out)
{
    char usual[PATH_MAX];
    struct config_notes notes = {0};
    int status = EX_OK;

    if (!file) {
        file = command_config_file(usual);
        if (strcmp(file, CONFIG_FILE) == 0 && access(file, F_OK) < 0) {
            *out = config_defaults();
            return EX_OK;
        }
    }
    if (config_load(file, &notes, out) < 0)
        status = EX_CONFIG;
    for (size_t i = 0; i < notes.count; i++)
        if (!notes.at[i].warning)
            command_error(words, 0, "%s", notes.at[i].text);
    config_notes_free(&notes);
    return status;
}
