#include "cli/zone_command.h"

#include "base/clock.h"
#include "base/memory.h"
#include "cli/house_command.h"
#include "cli/table.h"
#include "cli/zone_view.h"
#include "io/fiber.h"
#include "zone/zone_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_keys(const json_t *answer)
{
    static const struct table_column columns[] = {
        {"selector", TABLE_TEXT, false}, {"state", TABLE_TEXT, false},
        {"created", TABLE_TEXT, false},  {"active", TABLE_TEXT, false},
        {"name", TABLE_TEXT, true},
    };
    struct table *t = table_new(columns, COUNT(columns));
    char at[MOMENT_SIZE];
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(answer, "keys"), i, row)
    {
        table_text(t, span_of(house_command_text(row, "selector")));
        table_text(t, span_of(house_command_text(row, "state")));
        table_text(t, span_of(house_command_moment(row, "created", at)));
        table_text(t, span_of(house_command_moment(row, "active", at)));
        table_text(t, span_of(house_command_text(row, "name")));
    }
    table_print(t, TABLE_PEOPLE,
                "The domain has no keys, its mail is not signed: `port26 domain rotate` makes "
                "some.",
                stdout);
    table_free(&t);
}

static bool any_new(const json_t *answer)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(answer, "keys"), i, row)
    {
        if (strcmp(house_command_text(row, "state"), "new") == 0)
            return true;
    }
    return false;
}

static void print_rotated(const json_t *answer)
{
    const char *domain = house_command_text(answer, "domain");

    print_keys(answer);
    if (!any_new(answer)) {
        printf(
            "\nThe first keys of the domain sign from now on. Publish the two DKIM lines that "
            "`port26 domain dns %s`\nprints; `port26 domain check %s` tells when they are right.\n",
            domain, domain);
        return;
    }
    printf("\nWhat to do:\n"
           "  1. Publish the DKIM lines of the new keys; `port26 domain dns %s` prints them. Leave "
           "the old ones\n     where they are.\n",
           domain);
    if (json_is_true(json_object_get(answer, "looks")))
        printf("  2. Nothing more: the server looks for them by itself, after two minutes and then "
               "at most every hour,\n     and signs with the new keys once it has seen both. "
               "`port26 domain check %s` looks at once.\n",
               domain);
    else
        printf("  2. `port26 domain check %s` when they are published: the new keys sign once it "
               "has seen both.\n",
               domain);
    printf("  3. Take the old lines out of the DNS when `port26 domain keys %s` does not show them "
           "any more.\n",
           domain);
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

/* ---- records ---- */

enum { CHECK_MS = 30000, KEYS_MAX = 32 };

/* One run of `domain dns` or `domain check`. */
struct domain_run {
    const char *words, *typed;
    struct config *config;
    struct arena *arena;
    struct remote *remote;
    json_t *answer; /* of "domain keys" */
    struct span domain;
    struct zone zone;
    struct dns *dns;
    struct loop *loop;
    struct zone_found *found;
    struct zone_verdict *verdicts;
    struct zone_server *server;
    size_t server_count;
};

static int status_of(const struct error *e)
{
    return e->class == ERROR_TEMPORARY ? EX_TEMPFAIL
           : e->class == ERROR_INPUT   ? EX_DATAERR
                                       : EX_UNAVAILABLE;
}

static json_t *command_about(const struct domain_run *r, const char *words)
{
    json_t *o = house_command_new(words);

    json_object_set_new(o, "name", json_string(r->typed));
    return o;
}

static int run_remote(struct domain_run *r, json_t *command, json_t **answer)
{
    struct error e = {0};
    int status = EX_OK;

    if (remote_command(r->remote, command, answer, &e) < 0)
        status = command_error(r->words, status_of(&e), "%s", e.words);
    json_decref(command);
    return status;
}

static void make_zone(struct domain_run *r)
{
    struct zone_key keys[KEYS_MAX];
    size_t count = 0, i;
    json_t *row;

    r->domain = span_of(house_command_text(r->answer, "domain"));
    json_array_foreach(json_object_get(r->answer, "keys"), i, row)
    {
        const char *state = house_command_text(row, "state");

        if (count < KEYS_MAX && strcmp(state, "gone") != 0)
            keys[count++] = (struct zone_key){span_of(house_command_text(row, "name")),
                                              span_of(house_command_text(row, "text")),
                                              strcmp(state, "new") == 0        ? ZONE_KEY_NEW
                                              : strcmp(state, "retiring") == 0 ? ZONE_KEY_OLD
                                                                               : ZONE_KEY_SIGNS};
    }
    zone_make(r->config, r->domain, keys, count, r->arena, &r->zone);
}

/* Opens what both commands need. */
static int open_run(struct domain_run *r, const char *file)
{
    struct error e = {0};
    int status = command_config(r->words, file, &r->config);

    r->arena = arena_new();
    if (status == EX_OK && remote_open(r->config, &r->remote, &e) < 0)
        status = command_error(r->words, status_of(&e), "%s", e.words);
    if (status == EX_OK)
        status = run_remote(r, command_about(r, "domain keys"), &r->answer);
    if (status == EX_OK)
        make_zone(r);
    return status;
}

static void close_run(struct domain_run *r)
{
    json_decref(r->answer);
    remote_close(&r->remote);
    arena_free(&r->arena);
    config_free(&r->config);
}

int zone_command_dns(int argc, const char **argv)
{
    char *file = NULL;
    int json = 0, bare = 0, status;
    const struct poptOption options[] = {
        COMMAND_CONFIG(&file),
        COMMAND_JSON(&json),
        {"zone", 'z', POPT_ARG_NONE, &bare, 0, "print the lines of the zone file only", NULL},
        POPT_TABLEEND};
    const struct command_rules rules = {options, 1, 1,
                                        "  port26 domain dns example.com\n"
                                        "  port26 domain dns example.com --zone >> example.com\n"};
    struct command_call call;

    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        struct domain_run r = {.words = call.words, .typed = call.args[0]};

        status = open_run(&r, file);
        if (status == EX_OK && json)
            zone_view_json(&r.zone, r.domain, stdout);
        else if (status == EX_OK)
            zone_view_lines(&r.zone, !bare, stdout);
        close_run(&r);
        command_end(&call);
    }
    free(file);
    return status;
}

/* ---- check ---- */

static int open_dns(struct domain_run *r)
{
    const struct config_dns *d = &r->config->dns;
    struct span *resolvers = arena_alloc(r->arena, (d->resolver.count + 1) * sizeof *resolvers);
    struct dns_settings settings = {.resolvers = resolvers,
                                    .resolver_count = d->resolver.count,
                                    .anchor_file = *d->trust_anchor ? d->trust_anchor : NULL,
                                    .timeout = d->timeout};
    struct error e = {0};

    for (size_t i = 0; i < d->resolver.count; i++)
        resolvers[i] = span_of(d->resolver.at[i]);
    r->loop = loop_new();
    r->dns = dns_new(r->loop, &settings, &e);
    return r->dns ? EX_OK : command_error(r->words, EX_CONFIG, "%s", e.words);
}

static void ask(void *arg)
{
    struct domain_run *r = arg;

    int64_t deadline = clock_now() + CHECK_MS;

    zone_ask(r->dns, r->config, &r->zone, deadline, r->arena, r->found);
    zone_ask_aliases(r->dns, &r->zone, deadline, r->arena, r->found);
    r->server_count = zone_ask_server(r->dns, r->config, deadline, r->arena, r->server);
    loop_stop(r->loop);
}

static void look(struct domain_run *r)
{
    r->found = arena_alloc(r->arena, ZONE_RECORDS_MAX * sizeof *r->found);
    r->verdicts = arena_alloc(r->arena, ZONE_RECORDS_MAX * sizeof *r->verdicts);
    r->server = arena_alloc(r->arena, ZONE_SERVER_MAX * sizeof *r->server);
    fiber_start(r->loop, ask, r);
    loop_run(r->loop);
    for (size_t i = 0; i < r->zone.count; i++)
        zone_compare(&r->zone.record[i], &r->found[i], r->arena, &r->verdicts[i]);
}

static bool is_right(const struct domain_run *r, const char *name)
{
    for (size_t i = 0; i < r->zone.count; i++)
        if (span_is(r->zone.record[i].name, name) && r->zone.record[i].purpose == ZONE_DKIM)
            return r->verdicts[i].state == ZONE_RIGHT;
    return false;
}

/* The new pair of keys of which all stands in the DNS, or NULL. */
static const char *seen_keys(const struct domain_run *r)
{
    const char *seen = NULL;
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(r->answer, "keys"), i, row)
    {
        if (strcmp(house_command_text(row, "state"), "new") != 0)
            continue;
        if (!is_right(r, house_command_text(row, "name")))
            return NULL;
        seen = house_command_text(row, "keys");
    }
    return seen;
}

static int activate(struct domain_run *r, bool quiet)
{
    const char *seen = seen_keys(r);
    json_t *o, *answer = NULL;
    int status;

    if (!seen)
        return EX_OK;
    o = command_about(r, "domain seen");
    json_object_set_new(o, "keys", json_string(seen));
    status = run_remote(r, o, &answer);
    json_decref(answer);
    if (status == EX_OK && !quiet)
        printf("\nThe new keys (%s) are published: they sign from now on.\n", seen);
    return status;
}

static int judge(const struct domain_run *r)
{
    int status = EX_OK;

    for (size_t i = 0; i < r->zone.count; i++) {
        enum zone_state s = r->verdicts[i].state;

        if (r->zone.record[i].need != ZONE_REQUIRED || s == ZONE_RIGHT)
            continue;
        if (s != ZONE_UNKNOWN)
            return EX_UNAVAILABLE;
        status = EX_TEMPFAIL;
    }
    return status;
}

/* Does the DNS know the domain at all? */
static bool unheard(const struct domain_run *r)
{
    for (size_t i = 0; i < r->zone.count; i++)
        if (span_eq(r->zone.record[i].name, r->domain) && r->found[i].result == DNS_NXDOMAIN)
            return true;
    return false;
}

static void view(const struct domain_run *r, bool json)
{
    struct zone_view v = {&r->zone, r->verdicts, r->server, r->server_count};

    if (json) {
        zone_view_check_json(&v, r->domain, stdout);
        return;
    }
    zone_view_check(&v, stdout);
    if (unheard(r))
        printf("\nThe DNS does not know %.*s at all: is it registered, and does it have name "
               "servers?\n",
               SPAN_ARG(r->domain));
}

static int check(struct domain_run *r, const char *file, bool json)
{
    int status = open_run(r, file), active;

    if (status == EX_OK)
        status = open_dns(r);
    if (status == EX_OK) {
        look(r);
        view(r, json);
        active = activate(r, json);
        status = judge(r);
        status = status == EX_OK ? active : status;
        if (!json && !json_array_size(json_object_get(r->answer, "keys")))
            puts("\nMail of the domain is not signed: `port26 domain rotate` makes keys.");
    }
    dns_free(&r->dns);
    if (r->loop)
        loop_free(&r->loop);
    close_run(r);
    return status;
}

int zone_command_check(int argc, const char **argv)
{
    char *file = NULL;
    int json = 0, status;
    const struct poptOption options[] = {COMMAND_CONFIG(&file), COMMAND_JSON(&json), POPT_TABLEEND};
    const struct command_rules rules = {options, 1, 1, "  port26 domain check example.com\n"};
    struct command_call call;

    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        struct domain_run r = {.words = call.words, .typed = call.args[0]};

        status = check(&r, file, json);
        command_end(&call);
    }
    free(file);
    return status;
}
