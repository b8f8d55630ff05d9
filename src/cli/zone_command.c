#include "cli/zone_command.h"

#include "base/memory.h"
#include "cli/house_command.h"
#include "cli/table.h"

#include <stdio.h>

static void print_keys(const json_t *answer)
{
    static const struct table_column columns[] = {
        {"selector", TABLE_TEXT, false}, {"state", TABLE_TEXT, false},
        {"created", TABLE_TEXT, false},  {"active", TABLE_TEXT, false},
        {"name", TABLE_TEXT, true},
    };
    static const char *const keys[] = {"selector", "state", "created", "active", "name"};
    struct table *t = table_new(columns, COUNT(columns));
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(answer, "keys"), i, row)
    {
        for (size_t k = 0; k < COUNT(keys); k++)
            table_text(t, span_of(house_command_text(row, keys[k])));
    }
    table_print(t, TABLE_PEOPLE,
                "The domain has no keys, its mail is not signed: `port26 domain rotate` makes "
                "some.",
                stdout);
    table_free(&t);
}

static void print_rotated(const json_t *answer)
{
    print_keys(answer);
    puts("\nPublish what `port26 domain dns` prints; `port26 domain check` looks for it, and then "
         "the new keys sign.");
}

static void print_unsigned(const json_t *answer)
{
    printf(
        "Mail of %s is not signed any more. Take its DKIM records out of the DNS in some days.\n",
        house_command_text(answer, "domain"));
}

int zone_command_keys(int argc, const char **argv)
{
    static const struct house_plain plain = {.command = "domain keys",
                                             .argument = "name",
                                             .examples = "  port26 domain keys example.com\n",
                                             .print = print_keys};

    return house_command_plain(argc, argv, &plain);
}

int zone_command_rotate(int argc, const char **argv)
{
    static const struct house_plain plain = {.command = "domain rotate",
                                             .argument = "name",
                                             .examples = "  port26 domain rotate example.com\n",
                                             .print = print_rotated};

    return house_command_plain(argc, argv, &plain);
}

int zone_command_unsign(int argc, const char **argv)
{
    static const struct house_plain plain = {.command = "domain unsign",
                                             .argument = "name",
                                             .examples = "  port26 domain unsign example.com\n",
                                             .print = print_unsigned};

    return house_command_plain(argc, argv, &plain);
}
