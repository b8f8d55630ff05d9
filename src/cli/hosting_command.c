#include "cli/hosting_command.h"

#include "cli/account_command.h"

#include "base/memory.h"
#include "base/text.h"
#include "cli/form_command.h"
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

static void put_text(struct table *t, const json_t *o, const char *key)
{
    table_text(t, span_of(house_command_text(o, key)));
}

static void put_number(struct table *t, const json_t *o, const char *key)
{
    table_number(t, json_integer_value(json_object_get(o, key)));
}

static void put_list(struct table *t, const json_t *list)
{
    struct text all = TEXT_INIT(65536);
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
        text_addf(&all, "%s%s", i ? ", " : "", json_string_value(item));
    table_text(t, span_of(text_cstr(&all)));
    text_free(&all);
}

/* ---- hosting accounts ---- */

static void print_hosts(const json_t *answer)
{
    static const struct table_column columns[] = {
        {"name", TABLE_TEXT, false},      {"quota", TABLE_TEXT, false},
        {"sending", TABLE_TEXT, false},   {"messages", TABLE_TEXT, false},
        {"domains", TABLE_NUMBER, false}, {"accounts", TABLE_NUMBER, false},
        {"locked", TABLE_YESNO, false}};
    struct table *t = table_new(columns, COUNT(columns));
    json_t *h;
    size_t i;

    json_array_foreach(json_object_get(answer, "hosts"), i, h)
    {
        put_text(t, h, "name");
        put_text(t, h, "quota");
        put_text(t, h, "sending");
        put_text(t, h, "messages");
        put_number(t, h, "domains");
        put_number(t, h, "accounts");
        table_number(t, json_is_true(json_object_get(h, "locked")));
    }
    table_print(t, TABLE_PEOPLE, "There are no hosting accounts: `port26 host add NAME` makes one.",
                stdout);
    table_free(&t);
}

int hosting_command_host_ls(int argc, const char **argv)
{
    static const struct form_list list = {.command = "host ls",
                                          .rows = "hosts",
                                          .sort = "name",
                                          .examples = "  port26 host ls\n",
                                          .print = print_hosts};

    return form_command_list(argc, argv, &list);
}

static void print_names(const char *title, const json_t *list, const json_t *all)
{
    long long more = json_integer_value(all) - (long long)json_array_size(list);
    json_t *item;
    size_t i;

    printf("%-10s", title);
    json_array_foreach(list, i, item) printf("%s%s", i ? ", " : "", json_string_value(item));
    if (more > 0)
        printf(" and %lld more", more);
    puts(json_array_size(list) ? "" : "none");
}

static void print_host(const json_t *answer)
{
    const json_t *h = json_object_get(answer, "host");
    char created[MOMENT_SIZE];

    printf("Name      %s%s\n", house_command_text(h, "name"),
           json_is_true(json_object_get(h, "locked")) ? " (locked)" : "");
    printf("Created   %s\n", house_command_moment(h, "created", created));
    printf("Quota     %s\n", house_command_text(h, "quota"));
    account_command_print_stored(json_object_get(h, "stored"));
    account_command_print_sending(h);
    account_command_print_sent(json_object_get(h, "sent"));
    print_names("Domains", json_object_get(h, "domain_names"), json_object_get(h, "domains"));
    print_names("Accounts", json_object_get(h, "account_names"), json_object_get(h, "accounts"));
}

int hosting_command_host_show(int argc, const char **argv)
{
    static const struct form form = {.command = "host show",
                                     .argument = "name",
                                     .examples = "  port26 host show acme\n",
                                     .print = print_host};

    return form_command(argc, argv, &form);
}

int hosting_command_host_add(int argc, const char **argv)
{
    static const struct form form = {
        .command = "host add",
        .argument = "name",
        .options = FORM_AMOUNTS,
        .examples = "  port26 host add acme --quota 10G --sending 1000/h,5000/d\n"};

    return form_command(argc, argv, &form);
}

int hosting_command_host_set(int argc, const char **argv)
{
    static const struct form form = {.command = "host set",
                                     .argument = "name",
                                     .options = FORM_AMOUNTS,
                                     .examples = "  port26 host set acme --quota 20G\n"};

    return form_command(argc, argv, &form);
}

int hosting_command_host_lock(int argc, const char **argv)
{
    static const struct form form = {
        .command = "host lock", .argument = "name", .examples = "  port26 host lock acme\n"};

    return form_command(argc, argv, &form);
}

int hosting_command_host_unlock(int argc, const char **argv)
{
    static const struct form form = {
        .command = "host unlock", .argument = "name", .examples = "  port26 host unlock acme\n"};

    return form_command(argc, argv, &form);
}

int hosting_command_host_rm(int argc, const char **argv)
{
    static const struct form form = {
        .command = "host rm", .argument = "name", .examples = "  port26 host rm acme\n"};

    return form_command(argc, argv, &form);
}

/* ---- domains ---- */

/* What the server saw of its keys in the DNS. */
static void put_dkim(struct table *t, const json_t *seen)
{
    static const char *const rows[][2] = {{"unknown", "not looked yet"},
                                          {"none", "no keys"},
                                          {"published", "published"},
                                          {"missing", "NOT in the DNS"},
                                          {"wrong", "WRONG in the DNS"}};
    const char *state = house_command_text(seen, "state");
    bool waits = json_is_true(json_object_get(seen, "new_keys_wait"));
    char words[80];

    if (!json_is_object(seen)) {
        table_none(t);
        return;
    }
    for (size_t i = 0; i < COUNT(rows); i++)
        if (strcmp(state, rows[i][0]) == 0)
            state = rows[i][1];
    snprintf(words, sizeof words, "%s%s", state, waits ? ", new keys wait" : "");
    table_text(t, span_of(words));
}

static void print_domains(const json_t *answer)
{
    static const struct table_column columns[] = {
        {"name", TABLE_TEXT, false},      {"host", TABLE_TEXT, false},
        {"catch-all", TABLE_TEXT, false}, {"accounts", TABLE_NUMBER, false},
        {"aliases", TABLE_NUMBER, false}, {"in-settings", TABLE_YESNO, false},
        {"dkim", TABLE_TEXT, true}};
    struct table *t = table_new(columns, COUNT(columns));
    json_t *d;
    size_t i;

    json_array_foreach(json_object_get(answer, "domains"), i, d)
    {
        put_text(t, d, "name");
        put_text(t, d, "host");
        put_text(t, d, "catch_all");
        put_number(t, d, "accounts");
        put_number(t, d, "aliases");
        table_number(t, json_is_true(json_object_get(d, "settings")));
        put_dkim(t, json_object_get(d, "dkim"));
    }
    table_print(t, TABLE_PEOPLE, "No domain is ours: `port26 domain add example.com` makes it so.",
                stdout);
    table_free(&t);
}

int hosting_command_domain_ls(int argc, const char **argv)
{
    static const struct form_list list = {.command = "domain ls",
                                          .rows = "domains",
                                          .sort = "name",
                                          .examples = "  port26 domain ls\n",
                                          .print = print_domains};

    return form_command_list(argc, argv, &list);
}

int hosting_command_domain_add(int argc, const char **argv)
{
    static const struct form form = {
        .command = "domain add",
        .argument = "name",
        .options = FORM_HOST | FORM_CATCH_ALL,
        .examples = "  port26 domain add example.com --host acme\n"
                    "  port26 domain add example.com --catch-all you@example.com\n"};

    return form_command(argc, argv, &form);
}

int hosting_command_domain_set(int argc, const char **argv)
{
    static const struct form form = {.command = "domain set",
                                     .argument = "name",
                                     .options = FORM_HOST | FORM_CATCH_ALL,
                                     .examples =
                                         "  port26 domain set example.com --catch-all none\n"};

    return form_command(argc, argv, &form);
}

int hosting_command_domain_rm(int argc, const char **argv)
{
    static const struct form form = {
        .command = "domain rm", .argument = "name", .examples = "  port26 domain rm example.com\n"};

    return form_command(argc, argv, &form);
}

/* ---- aliases ---- */

static void print_aliases(const json_t *answer)
{
    static const struct table_column columns[] = {{"address", TABLE_TEXT, false},
                                                  {"targets", TABLE_TEXT, true}};
    struct table *t = table_new(columns, COUNT(columns));
    json_t *a;
    size_t i;

    json_array_foreach(json_object_get(answer, "aliases"), i, a)
    {
        put_text(t, a, "address");
        put_list(t, json_object_get(a, "targets"));
    }
    table_print(t, TABLE_PEOPLE,
                "There are no aliases: `port26 alias add ADDRESS TARGET` makes one.", stdout);
    table_free(&t);
}

int hosting_command_alias_ls(int argc, const char **argv)
{
    static const struct form_list list = {.command = "alias ls",
                                          .rows = "aliases",
                                          .sort = "address",
                                          .examples = "  port26 alias ls\n",
                                          .print = print_aliases};

    return form_command_list(argc, argv, &list);
}

int hosting_command_alias_add(int argc, const char **argv)
{
    static const struct form form = {
        .command = "alias add",
        .argument = "address",
        .list = "targets",
        .examples = "  port26 alias add sales@example.com ann@example.com bob@example.com\n"
                    "  port26 alias add ann@example.com ann@example.com copy@example.net\n"};

    return form_command(argc, argv, &form);
}

int hosting_command_alias_set(int argc, const char **argv)
{
    static const struct form form = {.command = "alias set",
                                     .argument = "address",
                                     .list = "targets",
                                     .examples =
                                         "  port26 alias set sales@example.com ann@example.com\n"};

    return form_command(argc, argv, &form);
}

int hosting_command_alias_rm(int argc, const char **argv)
{
    static const struct form form = {.command = "alias rm",
                                     .argument = "address",
                                     .examples = "  port26 alias rm sales@example.com\n"};

    return form_command(argc, argv, &form);
}
