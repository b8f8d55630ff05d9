#include "cli/places_command.h"

#include "cli/house_command.h"
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_text(struct table *t, const char *s)
{
    if (s[0])
        table_text(t, span_of(s));
    else
        table_none(t);
}

static void put_age(struct table *t, const json_t *door)
{
    const json_t *age = json_object_get(door, "age_s");

    if (json_is_integer(age))
        table_number(t, json_integer_value(age) * 1000);
    else
        table_none(t);
}

static const char *note_of(const json_t *door)
{
    if (json_is_true(json_object_get(door, "sporadic")))
        return "fails now and then";
    return house_command_text(door, "proof");
}

static void put_door(struct table *t, const char *first, const json_t *door)
{
    put_text(t, first);
    put_text(t, house_command_text(door, "door"));
    put_text(t, house_command_text(door, "result"));
    put_age(t, door);
    put_text(t, note_of(door));
}

static void print_place(const json_t *p)
{
    static const struct table_column columns[] = {{"here", TABLE_TEXT, false},
                                                  {"door", TABLE_TEXT, false},
                                                  {"result", TABLE_TEXT, false},
                                                  {"age", TABLE_DURATION, false},
                                                  {"note", TABLE_TEXT, true}};
    struct table *t = table_new(columns, sizeof columns / sizeof *columns);
    const char *here = json_is_true(json_object_get(p, "here")) ? "here" : "";
    char latest[MOMENT_SIZE];
    json_t *door;
    size_t i;

    printf("%s  %s%s%s\n", house_command_text(p, "key"), house_command_text(p, "called"),
           house_command_text(p, "called")[0] ? ": " : "", house_command_text(p, "name"));
    printf("last visit %s\n", house_command_moment(p, "latest", latest));
    json_array_foreach(json_object_get(p, "doors"), i, door) put_door(t, here, door);
    table_print(t, TABLE_PEOPLE, "No door of a relay was tried there.", stdout);
    table_free(&t);
    puts("");
}

static void print_places(const json_t *answer)
{
    const json_t *all = json_object_get(answer, "places");
    json_t *p;
    size_t i;

    if (!json_array_size(all))
        puts("No network is remembered yet.");
    json_array_foreach(all, i, p) print_place(p);
}

static void print_forgotten(const json_t *answer)
{
    (void)answer;
    puts("Forgotten. Its doors are tried anew at the next visit.");
}

int places_command_ls(int argc, const char **argv)
{
    static const struct house_plain plain = {
        .command = "places",
        .examples = "  port26 places\n  port26 places --json | jq '.places[].name'\n",
        .print = print_places};

    return house_command_plain(argc, argv, &plain);
}

int places_command_forget(int argc, const char **argv)
{
    static const struct house_plain plain = {
        .command = "places forget",
        .argument = "key",
        .examples = "  port26 places forget 0f4c2f6a9d3b5e718293a4b5c6d7e8f9\n",
        .print = print_forgotten};

    return house_command_plain(argc, argv, &plain);
}

static void print_named(const json_t *answer)
{
    (void)answer;
    puts("Noted. The setting when of a relay may name this network so.");
}

int places_command_name(int argc, const char **argv)
{
    char *file = NULL;
    int json = 0, status;
    const struct poptOption options[] = {COMMAND_CONFIG(&file), COMMAND_JSON(&json), POPT_TABLEEND};
    const struct command_rules rules = {options, 1, 2,
                                        "  port26 places name here home\n"
                                        "  port26 places name here    # takes the name away\n"};
    struct command_call call;

    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        json_t *command = house_command_new("places name");

        json_object_set_new(command, "key", json_string(call.args[0]));
        json_object_set_new(command, "name", json_string(call.count > 1 ? call.args[1] : ""));
        status = house_command_ask(
            &(struct house_question){call.words, file, command, json, print_named, NULL});
        command_end(&call);
    }
    free(file);
    return status;
}
