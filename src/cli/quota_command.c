#include "cli/quota_command.h"

#include "cli/account_command.h"
#include "cli/form_command.h"
#include "cli/table.h"

#include <stdio.h>

static void put_number(struct table *t, const json_t *o, const char *key)
{
    const json_t *n = json_object_get(o, key);

    if (json_is_integer(n))
        table_number(t, json_integer_value(n));
    else
        table_none(t);
}

static void put_row(struct table *t, const json_t *o)
{
    table_text(t, span_of(house_command_text(o, "name")));
    table_text(t, span_of(house_command_text(o, "kind")));
    table_text(t, span_of(house_command_text(o, "host")));
    put_number(t, o, "used");
    put_number(t, o, "allowed");
    put_number(t, o, "percent");
    put_number(t, o, "mailbox");
    put_number(t, o, "messages");
    put_number(t, o, "queue");
    table_text(t, json_is_true(json_object_get(o, "unsure")) ? SPAN("not counted yet") : SPAN(""));
}

static void print_rows(const json_t *rows, const json_t *first)
{
    static const struct table_column columns[] = {
        {"name", TABLE_TEXT, false},    {"kind", TABLE_TEXT, false},
        {"host", TABLE_TEXT, false},    {"used", TABLE_SIZE, false},
        {"allowed", TABLE_SIZE, false}, {"percent", TABLE_NUMBER, false},
        {"mailbox", TABLE_SIZE, false}, {"messages", TABLE_NUMBER, false},
        {"queue", TABLE_SIZE, false},   {"note", TABLE_TEXT, false},
    };
    struct table *t = table_new(columns, sizeof columns / sizeof *columns);
    json_t *o;
    size_t i;

    if (first)
        put_row(t, first);
    json_array_foreach(rows, i, o) put_row(t, o);
    table_print(t, TABLE_PEOPLE, "There are no accounts.", stdout);
    table_free(&t);
}

static void print_list(const json_t *answer)
{
    print_rows(json_object_get(answer, "quotas"), NULL);
}

static void print_show(const json_t *answer)
{
    const json_t *quota = json_object_get(answer, "quota");

    print_rows(json_object_get(answer, "accounts"), quota);
    putchar('\n');
    account_command_print_sent(json_object_get(quota, "sent"));
}

static void print_more(const json_t *answer, const char *key, const char *what)
{
    long long n = json_integer_value(json_object_get(answer, key));

    if (n)
        printf("and %lld more %s.\n", n, what);
}

static void print_recount(const json_t *answer)
{
    static const struct table_column columns[] = {
        {"corrected", TABLE_TEXT, false},  {"was", TABLE_NUMBER, false},
        {"is", TABLE_NUMBER, false},       {"was-messages", TABLE_NUMBER, false},
        {"messages", TABLE_NUMBER, false},
    };
    struct table *t = table_new(columns, sizeof columns / sizeof *columns);
    long long n = json_integer_value(json_object_get(answer, "counted"));
    json_t *o;
    size_t i;

    json_array_foreach(json_object_get(answer, "corrected"), i, o)
    {
        table_text(t, span_of(house_command_text(o, "name")));
        put_number(t, o, "was");
        put_number(t, o, "is");
        put_number(t, o, "was_messages");
        put_number(t, o, "is_messages");
    }
    printf("%lld mailbox%s counted.\n", n, n == 1 ? "" : "es");
    table_print(t, TABLE_PEOPLE, "Nothing had to be corrected.", stdout);
    table_free(&t);
    print_more(answer, "corrected_more", "were corrected");
    json_array_foreach(json_object_get(answer, "failed"), i, o)
        printf("%s: %s\n", house_command_text(o, "name"), house_command_text(o, "words"));
    print_more(answer, "failed_more", "could not be counted");
}

int quota_command_ls(int argc, const char **argv)
{
    static const struct form_list list = {.command = "quota ls",
                                          .rows = "quotas",
                                          .sort = "name",
                                          .examples =
                                              "  port26 quota ls\n  port26 quota ls --json | jq "
                                              "'.quotas[] | select(.percent > 80)'\n",
                                          .print = print_list};

    return form_command_list(argc, argv, &list);
}

int quota_command_show(int argc, const char **argv)
{
    static const struct form_list list = {.command = "quota show",
                                          .argument = "name",
                                          .rows = "accounts",
                                          .sort = "name",
                                          .examples = "  port26 quota show you@example.com\n",
                                          .print = print_show};

    return form_command_list(argc, argv, &list);
}

int quota_command_recount(int argc, const char **argv)
{
    static const struct house_plain plain = {.command = "quota recount",
                                             .argument = "name",
                                             .all = true,
                                             .examples = "  port26 quota recount --all\n",
                                             .print = print_recount};

    return house_command_plain(argc, argv, &plain);
}

static void print_reset(const json_t *answer)
{
    (void)answer;
    puts("What was sent so far does not count any more.");
}

int quota_command_reset(int argc, const char **argv)
{
    static const struct house_plain plain = {.command = "quota reset",
                                             .argument = "name",
                                             .examples = "  port26 quota reset you@example.com\n",
                                             .print = print_reset};

    return house_command_plain(argc, argv, &plain);
}
