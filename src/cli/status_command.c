#include "cli/status_command.h"

#include "base/clock.h"
#include "base/memory.h"
#include "cli/house_command.h"
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINES = 400, LINE = 600 };

/* "2026-11-22T22:37:50.097Z" is "22:37:50" to people, and with the day when it is another one. */
static const char *clock_of(const char *iso, char buf[32])
{
    struct tm now, at;
    time_t t, present = time(NULL);
    bool today;

    buf[0] = '\0';
    if (!moment_read(iso, &t) || !localtime_r(&t, &at) || !localtime_r(&present, &now))
        return buf;
    today = at.tm_yday == now.tm_yday && at.tm_year == now.tm_year;
    strftime(buf, 32, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M", &at);
    return buf;
}

static long long number(const json_t *o, const char *key)
{
    return (long long)json_integer_value(json_object_get(o, key));
}

static bool is(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key));
}

/* ---- where we are, and the way out ---- */

static void print_place(const json_t *place, FILE *to)
{
    const char *called = house_command_text(place, "called");
    const char *name = house_command_text(place, "name");
    char at[32];

    if (!json_is_object(place))
        return;
    if (is(place, "offline"))
        fprintf(to, "This computer is offline");
    else if (called[0])
        fprintf(to, "Network: %s (%s)", called, name);
    else
        fprintf(to, "Network: %s", name);
    clock_of(house_command_text(place, "since"), at);
    fprintf(to, at[0] ? ", since %s\n" : "%s\n", at);
    if (house_command_text(place, "portal")[0])
        fprintf(to,
                "It wants a login before it lets mail out: %s\n"
                "Open a web browser and log in; mail leaves by itself afterwards.\n",
                house_command_text(place, "portal"));
}

static const json_t *open_door(const json_t *relay)
{
    const json_t *best = NULL;
    json_t *door;
    size_t i;

    json_array_foreach(json_object_get(relay, "doors"), i, door)
    {
        if (strcmp(house_command_text(door, "result"), "works") == 0 &&
            (!best || strcmp(house_command_text(door, "at"), house_command_text(best, "at")) > 0))
            best = door;
    }
    return best;
}

static bool all_failed(const json_t *relay)
{
    json_t *door;
    size_t i;

    json_array_foreach(json_object_get(relay, "doors"), i, door)
    {
        if (strcmp(house_command_text(door, "result"), "unknown") == 0)
            return false;
    }
    return true;
}

static void print_way(const json_t *relay, FILE *to)
{
    const char *name = house_command_text(relay, "name");
    const json_t *door = open_door(relay);

    if (door)
        fprintf(to, "Relay %s: mail leaves through %s\n", name, house_command_text(door, "door"));
    else if (all_failed(relay))
        fprintf(to, "Relay %s: none of its doors opens in this network\n", name);
    else
        fprintf(to, "Relay %s: not needed yet in this network\n", name);
}

static void put_text(struct table *t, const char *s)
{
    if (s[0])
        table_text(t, span_of(s));
    else
        table_none(t);
}

static void put_door(struct table *t, const char *relay, const json_t *door)
{
    const json_t *age = json_object_get(door, "age_s");

    put_text(t, relay);
    put_text(t, house_command_text(door, "door"));
    put_text(t, house_command_text(door, "result"));
    if (json_is_integer(age))
        table_number(t, json_integer_value(age) * 1000);
    else
        table_none(t);
    put_text(t, is(door, "sporadic") ? "fails now and then" : house_command_text(door, "proof"));
}

static void print_relays(const json_t *relays, FILE *to)
{
    static const struct table_column columns[] = {{"relay", TABLE_TEXT, false},
                                                  {"door", TABLE_TEXT, false},
                                                  {"here", TABLE_TEXT, false},
                                                  {"age", TABLE_DURATION, false},
                                                  {"note", TABLE_TEXT, true}};
    struct table *t = table_new(columns, COUNT(columns));
    json_t *relay, *door;
    size_t i, k;

    json_array_foreach(relays, i, relay)
    {
        print_way(relay, to);
        json_array_foreach(json_object_get(relay, "doors"), k, door)
            put_door(t, house_command_text(relay, "name"), door);
    }
    table_print(t, TABLE_PEOPLE, NULL, to);
    table_free(&t);
}

/* ---- what waits ---- */

static void print_waiting(const json_t *w, bool times, FILE *to)
{
    const char *words = house_command_text(w, "words");
    long long n = number(w, "messages");
    char at[32];

    fprintf(to, "%lld message%s for %s wait%s", n, n == 1 ? "" : "s",
            house_command_text(w, "destination"), n == 1 ? "s" : "");
    if (is(w, "waits_for_network"))
        fprintf(to, " for a network that lets mail out");
    if (number(w, "under_way"))
        fprintf(to, ", %lld under way", number(w, "under_way"));
    else if (times && clock_of(house_command_text(w, "next_try"), at)[0])
        fprintf(to, "; next try %s", at);
    fprintf(to, "\n");
    if (words[0])
        fprintf(to, "    %s\n", words);
}

static void print_queue(const json_t *answer, FILE *to)
{
    const json_t *q = json_object_get(answer, "queue");
    long long n = number(q, "messages");

    if (!n)
        fprintf(to, "Nothing waits");
    else
        fprintf(to, "In the queue: %lld message%s, %lld octets", n, n == 1 ? "" : "s",
                number(q, "octets"));
    if (number(q, "held"))
        fprintf(to, ", %lld held", number(q, "held"));
    if (number(q, "damaged"))
        fprintf(to, ", %lld damaged", number(q, "damaged"));
    if (json_object_get(answer, "processes"))
        fprintf(to, ". Since the start: %lld accepted, %lld sent, %lld delivered here, %lld failed",
                number(q, "accepted"), number(q, "relayed"), number(q, "delivered"),
                number(q, "failed"));
    fprintf(to, ".\n");
}

static void print_notices(const json_t *notices, FILE *to)
{
    json_t *n;
    size_t i;

    json_array_foreach(notices, i, n)
    {
        char at[32];

        fprintf(to, "%s  %s\n", clock_of(house_command_text(n, "at"), at),
                house_command_text(n, "text"));
    }
}

/* ---- the house ---- */

/* "443           port 443 submission, TLS implicit, smtp https" */
static void print_doors(const json_t *doors, FILE *to)
{
    json_t *door, *word;
    size_t i, k;

    json_array_foreach(doors, i, door)
    {
        fprintf(to, "%-14sport %lld %s, TLS %s,", house_command_text(door, "name"),
                number(door, "port"), house_command_text(door, "role"),
                house_command_text(door, "tls"));
        json_array_foreach(json_object_get(door, "speaks"), k, word)
            fprintf(to, " %s", json_string_value(word));
        fputc('\n', to);
    }
}

static void print_processes(const json_t *answer, FILE *to)
{
    json_t *value;
    size_t i;

    fprintf(to, "%-14s%lld\n", "accounts", number(answer, "accounts"));
    json_array_foreach(json_object_get(answer, "processes"), i, value)
        fprintf(to, "%-14s%lld%s%s\n", house_command_text(value, "role"), number(value, "pid"),
                is(value, "ready") ? "" : " starting", is(value, "leaving") ? " leaving" : "");
}

static void print_keys(const json_t *dkim, FILE *to)
{
    const json_t *names = json_object_get(dkim, "domains");
    long long count = number(dkim, "count");
    json_t *name;
    size_t i;

    if (!count)
        return;
    fprintf(to,
            "DKIM keys that the DNS does not hold as they sign, so nobody can verify the mail: ");
    json_array_foreach(names, i, name) fprintf(to, "%s%s", i ? ", " : "", json_string_value(name));
    if ((long long)json_array_size(names) < count)
        fprintf(to, " and %lld more (`port26 domain ls`)",
                count - (long long)json_array_size(names));
    fputs(". `port26 domain check NAME` tells what to publish.\n", to);
}

static void print_certificates(const json_t *certificates, FILE *to)
{
    const json_t *first = json_object_get(certificates, "first");
    long long all = number(certificates, "ending");
    json_t *c;
    size_t i;
    char at[32];

    json_array_foreach(first, i, c)
        fprintf(to, "The certificate %s %s %s: renew it, then `port26 config reload`.\n",
                house_command_text(c, "file"), is(c, "ended") ? "has ended" : "ends",
                clock_of(house_command_text(c, "ends"), at));
    if ((long long)json_array_size(first) < all)
        fprintf(to, "So do %lld more.\n", all - (long long)json_array_size(first));
}

static void print_imports(const json_t *imports, FILE *to)
{
    json_t *im;
    size_t i;
    char at[32];

    json_array_foreach(imports, i, im)
        fprintf(to,
                "the import of %s, begun %s, was broken off after %lld of %lld changes: run the "
                "same command again (`port26 account import --forget %s` to leave it so)\n",
                house_command_text(im, "file"), clock_of(house_command_text(im, "since"), at),
                number(im, "written"), number(im, "all"), house_command_text(im, "file"));
}

static void print_damaged(const json_t *records, FILE *to)
{
    json_t *o;
    size_t i;

    json_array_foreach(records, i, o) fprintf(
        to,
        "the record of the %s %s is damaged, and its mail and logins wait: restore the store "
        "from a backup, or give up what it said: %s\n",
        house_command_text(o, "kind"), house_command_text(o, "name"),
        house_command_text(o, "mend"));
}

static void print_mail(const json_t *answer, bool times, FILE *to)
{
    json_t *w;
    size_t i;

    if (!json_object_get(answer, "processes"))
        fputs("no daemon runs: nothing leaves until it is started: `systemctl start port26`, or "
              "`port26 serve`\n",
              to);
    print_place(json_object_get(answer, "place"), to);
    if (times)
        print_relays(json_object_get(answer, "relays"), to);
    print_queue(answer, to);
    json_array_foreach(json_object_get(answer, "waiting"), i, w) print_waiting(w, times, to);
    print_keys(json_object_get(answer, "dkim"), to);
    print_certificates(json_object_get(answer, "certificates"), to);
    print_damaged(json_object_get(answer, "damaged"), to);
    print_imports(json_object_get(answer, "imports"), to);
    print_notices(json_object_get(answer, "notices"), to);
}

static void print_status(const json_t *answer)
{
    print_mail(answer, true, stdout);
    puts("");
    print_doors(json_object_get(answer, "doors"), stdout);
    print_processes(answer, stdout);
}

/* ---- again and again ---- */

struct view {
    char *line[LINES];
    size_t count;
};

static void free_view(struct view *v)
{
    while (v->count)
        free(v->line[--v->count]);
}

/* What may be told of as a change, one line each: no ages and no times. */
static void take_view(const json_t *answer, struct view *v)
{
    char *text = NULL;
    size_t len = 0, i, k;
    FILE *to = open_memstream(&text, &len);
    struct span rest, line;
    json_t *relay, *door;

    print_mail(answer, false, to);
    json_array_foreach(json_object_get(answer, "relays"), i, relay)
        json_array_foreach(json_object_get(relay, "doors"), k, door)
            fprintf(to, "%s %s: %s%s%s\n", house_command_text(relay, "name"),
                    house_command_text(door, "door"), house_command_text(door, "result"),
                    house_command_text(door, "proof")[0] ? ", " : "",
                    house_command_text(door, "proof"));
    fclose(to);
    v->count = 0;
    rest = (struct span){text, len};
    while (v->count < LINES && span_cut(&rest, '\n', &line))
        if (line.len)
            v->line[v->count++] = span_dup(span_head(line, LINE));
    free(text);
}

static bool has(const struct view *v, const char *line)
{
    for (size_t i = 0; i < v->count; i++)
        if (strcmp(v->line[i], line) == 0)
            return true;
    return false;
}

static void print_changes(const json_t *answer, struct view *before)
{
    time_t now = time(NULL);
    struct view v;
    struct tm tm;
    char at[16] = "";

    if (localtime_r(&now, &tm))
        strftime(at, sizeof at, "%H:%M:%S", &tm);
    take_view(answer, &v);
    for (size_t i = 0; i < v.count; i++)
        if (!has(before, v.line[i]))
            printf("%s %s\n", at, v.line[i]);
    fflush(stdout);
    free_view(before);
    *before = v;
}

/* Draws over what was there, so that nothing flickers. */
static void redraw(const json_t *answer)
{
    fputs("\033[H\033[J", stdout);
    print_mail(answer, true, stdout);
    fflush(stdout);
}

static int watch(const char *words, const struct config *config)
{
    struct view before = {.count = 0};
    const char *term = getenv("TERM");
    bool screen = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
    int status = EX_OK;

    while (status == EX_OK && !ferror(stdout)) {
        struct error e = {0};
        struct remote *r = NULL;
        json_t *answer = NULL;

        if (remote_open(config, &r, &e) < 0 ||
            remote_command(r, house_command_new("status"), &answer, &e) < 0)
            status = command_error(words, EX_UNAVAILABLE, "%s", e.words);
        else if (!remote_daemon(r))
            status = command_error(words, EX_UNAVAILABLE,
                                   "no daemon runs: `systemctl start port26`, or `port26 serve`");
        else if (screen)
            redraw(answer);
        else
            print_changes(answer, &before);
        json_decref(answer);
        remote_close(&r);
        if (status == EX_OK)
            sleep(1);
    }
    free_view(&before);
    return status;
}

static int run(const char *words, const char *file, bool json, bool again)
{
    struct config *config = NULL;
    int status;

    if (!again)
        return house_command_ask(&(struct house_question){words, file, house_command_new("status"),
                                                          json, print_status, NULL});
    status = command_config(words, file, &config);
    if (status == EX_OK)
        status = watch(words, config);
    config_free(&config);
    return status;
}

int status_command_run(int argc, const char **argv)
{
    char *file = NULL;
    int json = 0, again = 0, status;
    const struct poptOption options[] = {
        COMMAND_CONFIG(&file),
        COMMAND_JSON(&json),
        {"watch", 'w', POPT_ARG_NONE, &again, 0, "go on, every second, until Ctrl-C", NULL},
        POPT_TABLEEND};
    const struct command_rules rules = {options, 0, 0,
                                        "  port26 status\n  port26 status --watch\n"
                                        "  port26 status --json | jq .waiting\n"};
    struct command_call call;

    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        status = json && again ? command_error(call.words, EX_USAGE, "either --json or --watch")
                               : run(call.words, file, json != 0, again != 0);
        command_end(&call);
    }
    free(file);
    return status;
}
