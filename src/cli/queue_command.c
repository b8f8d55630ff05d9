#include "cli/queue_command.h"

#include "base/text.h"
#include "cli/house_command.h"
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

static void put_text(struct table *t, const json_t *o, const char *key)
{
    const char *s = house_command_text(o, key);

    if (s[0])
        table_text(t, span_of(s));
    else
        table_none(t);
}

static void put_moment(struct table *t, const json_t *o, const char *key)
{
    char buf[MOMENT_SIZE];

    if (house_command_moment(o, key, buf)[0])
        table_text(t, span_of(buf));
    else
        table_none(t);
}

static void put_message(struct table *t, const json_t *m)
{
    const char *state = house_command_text(m, "state");
    json_t *r;
    size_t i;

    json_array_foreach(json_object_get(m, "recipients"), i, r)
    {
        bool live = strcmp(state, "live") == 0;

        put_text(t, m, "id");
        put_moment(t, m, "arrived");
        table_number(t, json_integer_value(json_object_get(m, "size")));
        table_text(
            t, span_of(house_command_text(m, "from")[0] ? house_command_text(m, "from") : "<>"));
        put_text(t, r, "to");
        table_text(t, span_of(live ? house_command_text(r, "state") : state));
        table_number(t, json_integer_value(json_object_get(r, "attempts")));
        put_moment(t, r, "next_try");
        put_text(t, live ? r : m, live ? "words" : "state_words");
    }
}

static void print_list(const json_t *answer)
{
    static const struct table_column columns[] = {
        {"id", TABLE_TEXT, false},      {"arrived", TABLE_TEXT, false},
        {"size", TABLE_SIZE, false},    {"from", TABLE_TEXT, false},
        {"to", TABLE_TEXT, false},      {"state", TABLE_TEXT, false},
        {"tries", TABLE_NUMBER, false}, {"next-try", TABLE_TEXT, false},
        {"words", TABLE_TEXT, true},
    };
    struct table *t = table_new(columns, sizeof columns / sizeof *columns);
    json_t *m;
    size_t i;

    json_array_foreach(json_object_get(answer, "messages"), i, m) put_message(t, m);
    table_print(t, TABLE_PEOPLE, "The queue is empty.", stdout);
    table_free(&t);
}

static void print_try(const json_t *t)
{
    char at[MOMENT_SIZE];

    printf("        %s  %s %s", house_command_moment(t, "at", at), house_command_text(t, "host"),
           house_command_text(t, "address"));
    if (house_command_text(t, "tls")[0])
        printf("  %s", house_command_text(t, "tls"));
    printf("  %s", strcmp(house_command_text(t, "stage"), "none") == 0
                       ? "done"
                       : house_command_text(t, "stage"));
    if (json_object_get(t, "code"))
        printf(": %d %s %s", (int)json_integer_value(json_object_get(t, "code")),
               house_command_text(t, "status"), house_command_text(t, "reply"));
    printf("\n");
    if (house_command_text(t, "words")[0])
        printf("            %s\n", house_command_text(t, "words"));
}

static void print_story(const json_t *m)
{
    char at[MOMENT_SIZE];
    json_t *o, *t;
    size_t i, k;

    printf("Message    %s (%s)\nArrived    %s", house_command_text(m, "id"),
           house_command_text(m, "state"), house_command_moment(m, "arrived", at));
    if (house_command_text(m, "door")[0])
        printf(" at door %s from %s", house_command_text(m, "door"), house_command_text(m, "peer"));
    printf("\nFrom       <%s>", house_command_text(m, "from"));
    if (house_command_text(m, "account")[0])
        printf(" by login %s", house_command_text(m, "account"));
    printf("\nSize       %lld octets\n", (long long)json_integer_value(json_object_get(m, "size")));
    if (house_command_text(m, "state_words")[0])
        printf("Note       %s\n", house_command_text(m, "state_words"));
    json_array_foreach(json_object_get(m, "recipients"), i, o)
    {
        printf("To         <%s>: %s", house_command_text(o, "to"), house_command_text(o, "state"));
        if (house_command_moment(o, "next_try", at)[0])
            printf(", next try %s", at);
        printf("\n");
        if (house_command_text(o, "words")[0])
            printf("           %s\n", house_command_text(o, "words"));
    }
    printf("Story\n");
    json_array_foreach(json_object_get(m, "events"), i, o)
    {
        printf("    %s  %s\n", house_command_moment(o, "at", at), house_command_text(o, "words"));
        json_array_foreach(json_object_get(o, "tries"), k, t) print_try(t);
    }
}

static void print_show(const json_t *answer)
{
    json_t *m;
    size_t i;

    json_array_foreach(json_object_get(answer, "messages"), i, m) print_story(m);
}

static void print_touched(const json_t *answer)
{
    long long n = json_integer_value(json_object_get(answer, "touched"));

    printf("%lld message%s.\n", n, n == 1 ? "" : "s");
}

int queue_command_ls(int argc, const char **argv)
{
    static const struct house_plain plain = {
        .command = "queue ls",
        .examples = "  port26 queue ls\n  port26 queue ls --json | jq '.messages[].id'\n",
        .print = print_list};

    return house_command_plain(argc, argv, &plain);
}

int queue_command_show(int argc, const char **argv)
{
    static const struct house_plain plain = {.command = "queue show",
                                             .argument = "id",
                                             .examples =
                                                 "  port26 queue show 01k9xyp3x2f0a4q1ne8m7tzr5b\n",
                                             .print = print_show};

    return house_command_plain(argc, argv, &plain);
}

int queue_command_retry(int argc, const char **argv)
{
    static const struct house_plain plain = {.command = "queue retry",
                                             .argument = "id",
                                             .all = true,
                                             .examples = "  port26 queue retry --all\n",
                                             .print = print_touched};

    return house_command_plain(argc, argv, &plain);
}

int queue_command_hold(int argc, const char **argv)
{
    static const struct house_plain plain = {
        .command = "queue hold",
        .argument = "id",
        .reason = true,
        .examples = "  port26 queue hold ID --reason 'asking the sender'\n",
        .print = print_touched};

    return house_command_plain(argc, argv, &plain);
}

int queue_command_release(int argc, const char **argv)
{
    static const struct house_plain plain = {.command = "queue release",
                                             .argument = "id",
                                             .examples = "  port26 queue release ID\n",
                                             .print = print_touched};

    return house_command_plain(argc, argv, &plain);
}

int queue_command_rm(int argc, const char **argv)
{
    static const struct house_plain plain = {
        .command = "queue rm",
        .argument = "id",
        .reason = true,
        .examples = "  port26 queue rm ID --reason 'sender asked for it'\n",
        .print = print_touched};

    return house_command_plain(argc, argv, &plain);
}
