#include "cli/account_command.h"

#include "base/memory.h"
#include "base/text.h"
#include "cli/form_command.h"
#include "cli/table.h"

#include <stdio.h>
#include <string.h>

int account_command_add(int argc, const char **argv)
{
    static const struct form form = {
        .command = "account add",
        .argument = "name",
        .options = FORM_AMOUNTS | FORM_HOST | FORM_ALIAS | FORM_PASSWORD,
        .examples = "  port26 account add you@example.com\n"
                    "  port26 account add you@example.com --alias sales@example.com\n"
                    "  port26 account add you@example.com --quota 1G --sending 100/h,1000/d\n"};

    return form_command(argc, argv, &form);
}

int account_command_passwd(int argc, const char **argv)
{
    static const struct form form = {.command = "account passwd",
                                     .argument = "name",
                                     .options = FORM_PASSWORD,
                                     .examples = "  port26 account passwd you@example.com\n"};

    return form_command(argc, argv, &form);
}

int account_command_set(int argc, const char **argv)
{
    static const struct form form = {
        .command = "account set",
        .argument = "name",
        .options = FORM_AMOUNTS | FORM_HOST | FORM_ALIAS,
        .examples = "  port26 account set you@example.com --quota 2G\n"
                    "  port26 account set you@example.com --sending none --host acme\n"};

    return form_command(argc, argv, &form);
}

int account_command_lock(int argc, const char **argv)
{
    static const struct form form = {.command = "account lock",
                                     .argument = "name",
                                     .examples = "  port26 account lock you@example.com\n"};

    return form_command(argc, argv, &form);
}

int account_command_unlock(int argc, const char **argv)
{
    static const struct form form = {.command = "account unlock",
                                     .argument = "name",
                                     .examples = "  port26 account unlock you@example.com\n"};

    return form_command(argc, argv, &form);
}

static void print_released(const json_t *answer)
{
    json_int_t n = json_integer_value(json_object_get(answer, "messages"));

    json_int_t removed = json_integer_value(json_object_get(answer, "removed"));

    printf("%lld message%s released.\n", (long long)n, n == 1 ? " is" : "s are");
    if (removed)
        printf("%lld message%s removed.\n", (long long)removed, removed == 1 ? " is" : "s are");
}

int account_command_release(int argc, const char **argv)
{
    static const struct form form = {.command = "account release",
                                     .argument = "name",
                                     .options = FORM_REMOVE_FROM,
                                     .examples = "  port26 account release you@example.com\n"
                                                 "  port26 account release you@example.com "
                                                 "--remove-from 203.0.113.9\n",
                                     .print = print_released};

    return form_command(argc, argv, &form);
}

int account_command_rm(int argc, const char **argv)
{
    static const struct form form = {.command = "account rm",
                                     .argument = "name",
                                     .examples = "  port26 account rm you@example.com\n"};

    return form_command(argc, argv, &form);
}

static void add_aliases(struct text *all, const json_t *account)
{
    json_t *alias;
    size_t i;

    json_array_foreach(json_object_get(account, "aliases"), i, alias)
        text_addf(all, "%s%s", i ? ", " : "", json_string_value(alias));
}

static void print_accounts(const json_t *answer)
{
    static const struct table_column columns[] = {
        {"name", TABLE_TEXT, false},    {"aliases", TABLE_TEXT, true},
        {"host", TABLE_TEXT, false},    {"quota", TABLE_TEXT, false},
        {"created", TABLE_TEXT, false}, {"locked", TABLE_YESNO, false}};
    struct table *t = table_new(columns, COUNT(columns));
    json_t *a;
    size_t i;

    json_array_foreach(json_object_get(answer, "accounts"), i, a)
    {
        struct text all = TEXT_INIT(65536);
        char created[MOMENT_SIZE];

        add_aliases(&all, a);
        table_text(t, span_of(house_command_text(a, "name")));
        table_text(t, span_of(text_cstr(&all)));
        table_text(t, span_of(house_command_text(a, "host")));
        table_text(t, span_of(house_command_text(a, "quota")));
        table_text(t, span_of(house_command_moment(a, "created", created)));
        table_number(t, json_is_true(json_object_get(a, "locked")));
        text_free(&all);
    }
    table_print(t, TABLE_PEOPLE,
                "There are no accounts: `port26 account add you@example.com` makes one.", stdout);
    table_free(&t);
}

int account_command_ls(int argc, const char **argv)
{
    static const struct form_list list = {.command = "account ls",
                                          .rows = "accounts",
                                          .sort = "name",
                                          .examples = "  port26 account ls\n",
                                          .print = print_accounts};

    return form_command_list(argc, argv, &list);
}

/* SCRAM-SHA-256$4096:salt$stored:server is {SCRAM-SHA-256}4096,salt,stored,server to Dovecot. */
static void add_dovecot_hash(struct text *out, const char *verifier)
{
    static const char scram[] = "SCRAM-SHA-256$";
    size_t n = strlen(scram);

    if (strncmp(verifier, scram, n) != 0) {
        text_adds(out, verifier); /* {CRYPT}... already */
        return;
    }
    text_adds(out, "{SCRAM-SHA-256}");
    for (const char *p = verifier + n; *p; p++)
        text_addc(out, *p == ':' || *p == '$' ? ',' : *p);
}

/* A line of a passwd-file: name:hash:uid:gid:gecos:home:shell:fields. Nothing in a name is a colon
 * but in an address literal, which no account has. */
static void print_export(const json_t *answer)
{
    json_t *a;
    size_t i;

    json_array_foreach(json_object_get(answer, "accounts"), i, a)
    {
        struct text line = TEXT_INIT(4096);
        const char *quota = house_command_text(a, "quota");

        if (strchr(house_command_text(a, "name"), ':'))
            continue;
        text_addf(&line, "%s:", house_command_text(a, "name"));
        add_dovecot_hash(&line, house_command_text(a, "verifier"));
        text_adds(&line, "::::::");
        if (strcmp(quota, "default") != 0)
            text_addf(&line, "userdb_quota_rule=*:storage=%s%s",
                      strcmp(quota, "none") == 0 ? "0" : quota,
                      strspn(quota, "0123456789") == strlen(quota) ? "B" : ""); /* else Kbytes */
        puts(text_cstr(&line));
        text_wipe(&line);
    }
}

int account_command_export(int argc, const char **argv)
{
    static const struct form_list list = {.command = "account export",
                                          .rows = "accounts",
                                          .sort = "name",
                                          .examples = "  port26 account export >users && "
                                                      "install -o dovecot -m 600 users "
                                                      "/etc/dovecot/users\n",
                                          .print = print_export};

    return form_command_list(argc, argv, &list);
}

/* "1 recipient", but "1 of 100 recipients" */
static bool is_one(const json_t *count, const char *key, const json_t *limit)
{
    return !limit && json_integer_value(json_object_get(count, key)) == 1;
}

/* "12 of 100 recipients in 3 messages" */
static void print_sent(const char *label, const json_t *count)
{
    const json_t *limit = json_object_get(count, "recipients_limit");
    const json_t *most = json_object_get(count, "messages_limit");

    printf("%s to %lld", label,
           (long long)json_integer_value(json_object_get(count, "recipients")));
    if (limit)
        printf(" of %lld", (long long)json_integer_value(limit));
    printf(" recipient%s in %lld", is_one(count, "recipients", limit) ? "" : "s",
           (long long)json_integer_value(json_object_get(count, "messages")));
    if (most)
        printf(" of %lld", (long long)json_integer_value(most));
    printf(" message%s\n", is_one(count, "messages", most) ? "" : "s");
}

void account_command_print_sent(const json_t *sent)
{
    char until[MOMENT_SIZE];
    const char *held = json_string_value(json_object_get(sent, "held"));

    print_sent("Last hour", json_object_get(sent, "hour"));
    print_sent("Last day ", json_object_get(sent, "day"));
    if (house_command_moment(sent, "full_until", until)[0])
        printf("Full      until %s\n", until);
    if (held)
        printf("Held      %s\n", held);
}

static void add_rate(struct text *out, const json_t *sent, const char *span, const char *limit)
{
    const json_t *most = json_object_get(json_object_get(sent, span), limit);

    if (most)
        text_addf(out, "%s%lld/%c", out->len ? "," : "", (long long)json_integer_value(most),
                  *span);
}

/* "100/h,500/d recipients", with what holds behind it when that is more than was set for it:
 * "default (1000/d) messages". */
static void print_rate(const json_t *o, const char *key, const char *limit, const char *what)
{
    const json_t *sent = json_object_get(o, "sent");
    const char *set = house_command_text(o, key);
    struct text holds = TEXT_INIT(100);

    add_rate(&holds, sent, "hour", limit);
    add_rate(&holds, sent, "day", limit);
    if (!holds.len)
        text_adds(&holds, "none");
    if (strcmp(set, text_cstr(&holds)) == 0)
        printf("%s %s", set, what);
    else
        printf("%s (%s) %s", set, text_cstr(&holds), what);
    text_free(&holds);
}

void account_command_print_sending(const json_t *o)
{
    fputs("Sending   ", stdout);
    print_rate(o, "sending", "recipients_limit", "recipients");
    fputs(", ", stdout);
    print_rate(o, "messages", "messages_limit", "messages");
    putchar('\n');
}

void account_command_print_stored(const json_t *stored)
{
    const json_t *allowed = json_object_get(stored, "allowed");
    long long messages = json_integer_value(json_object_get(stored, "messages"));
    struct text words = TEXT_INIT(200);

    table_size(&words, json_integer_value(json_object_get(stored, "used")));
    if (json_is_integer(allowed)) {
        text_adds(&words, " of ");
        table_size(&words, json_integer_value(allowed));
        text_addf(&words, " (%lld%%)",
                  (long long)json_integer_value(json_object_get(stored, "percent")));
    } else {
        text_adds(&words, ", no limit");
    }
    text_adds(&words, ": mailbox ");
    table_size(&words, json_integer_value(json_object_get(stored, "mailbox")));
    text_addf(&words, " in %lld message%s, queue ", messages, messages == 1 ? "" : "s");
    table_size(&words, json_integer_value(json_object_get(stored, "queue")));
    printf("Stored    %s%s\n", text_cstr(&words),
           json_is_true(json_object_get(stored, "unsure")) ? "; not counted yet" : "");
    text_free(&words);
}

/* "2026-11-23T03:24:07+01:00, 3 times since 2026-11-23T03:20:01+01:00, from 192.0.2.7: 452 4.2.2
 * Your mailbox..." */
static void print_refused(const json_t *refused)
{
    json_t *row;
    size_t i;

    json_array_foreach(refused, i, row)
    {
        long long times = json_integer_value(json_object_get(row, "times"));
        const char *peer = house_command_text(row, "peer");
        char at[MOMENT_SIZE];

        printf("Refused   %s", house_command_moment(row, "at", at));
        if (times > 1)
            printf(", %lld times since %s", times, house_command_moment(row, "first", at));
        printf("%s%s: %lld %s %s\n", *peer ? ", from " : "", peer,
               (long long)json_integer_value(json_object_get(row, "code")),
               house_command_text(row, "status"), house_command_text(row, "words"));
    }
}

static void print_since(const json_t *account)
{
    char since[MOMENT_SIZE];

    if (!*house_command_moment(account, "refused_since", since))
        puts("Refused   not known: the server does not run");
    else if (!json_array_size(json_object_get(account, "refused")))
        printf("Refused   nothing since %s; the log has what was before\n", since);
}

static void print_account(const json_t *answer)
{
    const json_t *a = json_object_get(answer, "account");
    struct text aliases = TEXT_INIT(65536);
    const char *host = house_command_text(a, "host");
    char created[MOMENT_SIZE];

    add_aliases(&aliases, a);
    printf("Name      %s%s\n", house_command_text(a, "name"),
           json_is_true(json_object_get(a, "locked")) ? " (locked)" : "");
    printf("Aliases   %s\n", aliases.len ? text_cstr(&aliases) : "none");
    printf("Host      %s%s\n", *host ? host : "none",
           json_is_true(json_object_get(a, "host_locked")) ? " (locked)" : "");
    printf("Created   %s\n", house_command_moment(a, "created", created));
    printf("Quota     %s\n", house_command_text(a, "quota"));
    account_command_print_stored(json_object_get(a, "stored"));
    account_command_print_sending(a);
    account_command_print_sent(json_object_get(a, "sent"));
    printf("Login     %s\n", house_command_text(a, "login"));
    print_refused(json_object_get(a, "refused"));
    print_since(a);
    text_free(&aliases);
}

int account_command_show(int argc, const char **argv)
{
    static const struct form form = {.command = "account show",
                                     .argument = "name",
                                     .examples = "  port26 account show you@example.com\n",
                                     .print = print_account};

    return form_command(argc, argv, &form);
}
