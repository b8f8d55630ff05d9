#include "cli/check_options.h"

#include "base/memory.h"
#include "cli/command.h"
#include "mail/address.h"
#include "serve/amounts.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS "check"

static int read_mode(struct check_options *o)
{
    static const struct {
        const char *name;
        enum findings_mode mode;
    } names[] = {{"none", MODE_PLAIN},
                 {"starttls", MODE_STARTTLS},
                 {"implicit", MODE_TLS},
                 {"ssl", MODE_TLS},
                 {"tls", MODE_TLS}};

    if (!o->tls_name)
        return EX_OK;
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(o->tls_name, names[i].name) != 0)
            continue;
        o->mode = names[i].mode;
        return EX_OK;
    }
    return command_error(WORDS, EX_USAGE, "--tls is none, starttls or implicit, not '%s'",
                         o->tls_name);
}

static int read_numbers(struct check_options *o)
{
    const struct {
        const char *name;
        int value, unset, least, most;
    } rows[] = {
        {"--port", o->port, 0, 1, 65535},
        {"--timeout", o->timeout, 0, 1, CHECK_TIMEOUT_MAX_S},
        {"--repeat", o->repeat, 0, 1, CHECK_REPEAT_MAX},
        {"--pause", o->pause, -1, 0, CHECK_PAUSE_MAX_S},
        {"--password-fd", o->password_fd, -1, 0, 1 << 20},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].value != rows[i].unset &&
            (rows[i].value < rows[i].least || rows[i].value > rows[i].most))
            return command_error(WORDS, EX_USAGE, "%s is %d to %d, not %d", rows[i].name,
                                 rows[i].least, rows[i].most, rows[i].value);
    o->size = CHECK_SIZE;
    if (o->size_words && !amounts_size(span_of(o->size_words), &o->size))
        return command_error(WORDS, EX_USAGE, "--size is octets, as in 500K or 20M, not '%s'",
                             o->size_words);
    if (o->repeat && o->watch)
        return command_error(WORDS, EX_USAGE,
                             "--repeat ends by itself and --watch does not: "
                             "give one of them");
    if (o->pause < 0)
        o->pause = o->watch ? CHECK_WATCH_PAUSE_S : CHECK_PAUSE_S;
    return EX_OK;
}

static int read_program(struct check_options *o)
{
    if (o->client && !steps_parse(span_of(o->client), &o->program))
        return command_error(WORDS, EX_USAGE,
                             "--client does not know '%s'; it knows outlook, outlook-classic, "
                             "thunderbird, apple-mail, ios, android, gmail-app, k9",
                             o->client);
    return EX_OK;
}

static bool is_mailbox(const char *words)
{
    struct address a;

    return strlen(words) < FINDINGS_NAME && address_parse(span_of(words), false, &a) == PATH_OK;
}

static int read_addresses(struct check_options *o)
{
    const char *from = o->from                          ? o->from
                       : strchr(o->target, '@')         ? o->target
                       : o->user && is_mailbox(o->user) ? o->user
                                                        : "";
    const char *to = o->to ? o->to : o->send ? from : "";

    if (o->from && !is_mailbox(o->from))
        return command_error(WORDS, EX_USAGE, "--from '%s' is no mail address", o->from);
    if (o->to && !is_mailbox(o->to))
        return command_error(WORDS, EX_USAGE, "--to '%s' is no mail address", o->to);
    if (o->send && !is_mailbox(from))
        return command_error(WORDS, EX_USAGE,
                             "--send needs a sender: check your mail address, or give --from");
    snprintf(o->sender, sizeof o->sender, "%s", from);
    snprintf(o->receiver, sizeof o->receiver, "%s", to);
    if (o->send && !o->user)
        o->user = memory_dup(from); /* mail is sent through a login only */
    return EX_OK;
}

static int read_password(struct check_options *o)
{
    struct error e = {0};
    char name[40];
    int result = 0;

    if (o->password_file && o->password_fd >= 0)
        return command_error(WORDS, EX_USAGE, "give --password-file or --password-fd, not both");
    if (o->password_file) {
        result = password_file(o->password_file, o->password, &e);
    } else if (o->password_fd >= 0) {
        snprintf(name, sizeof name, "descriptor %d", o->password_fd);
        result = password_read(o->password_fd, name, o->password, &e);
    } else if (o->user) {
        result = password_ask("Password: ", o->password, &e);
    }
    return result < 0 ? command_error(WORDS, EX_NOINPUT, "%s", e.words) : EX_OK;
}

int check_options_read(struct check_options *o)
{
    static int (*const steps[])(struct check_options *) = {read_mode, read_numbers, read_program,
                                                           read_addresses, read_password};
    int status = EX_OK;

    for (size_t i = 0; i < COUNT(steps) && status == EX_OK; i++)
        status = steps[i](o);
    return status;
}

void check_options_free(struct check_options *o)
{
    char *texts[] = {o->tls_name, o->user,     o->password_file, o->from,   o->to,
                     o->control,  o->resolver, o->cafile,        o->client, o->portal,
                     o->isp,      o->report,   o->size_words};

    for (size_t i = 0; i < COUNT(texts); i++)
        free(texts[i]);
    memory_wipe(o->password, sizeof o->password);
}

void check_options_table(struct check_options *o, struct poptOption rows[CHECK_OPTIONS_ROWS])
{
    const struct poptOption table[] = {
        {"port", 'P', POPT_ARG_INT, &o->port, 0, "the port your mail program uses", "N"},
        {"tls", 't', POPT_ARG_STRING, &o->tls_name, 0,
         "the encryption it uses: none, starttls, implicit", "MODE"},
        {"user", 'u', POPT_ARG_STRING, &o->user, 0,
         "try one login with this name; the password is asked for", "NAME"},
        {"password-file", 'p', POPT_ARG_STRING, &o->password_file, 0,
         "read the password from FILE (- for standard input)", "FILE"},
        {"password-fd", 0, POPT_ARG_INT, &o->password_fd, 0,
         "read the password from this open descriptor", "N"},
        {"from", 0, POPT_ARG_STRING, &o->from, 0, "the sender's address, where it is not yours",
         "ADDRESS"},
        {"to", 0, POPT_ARG_STRING, &o->to, 0, "ask whether mail to this address is taken",
         "ADDRESS"},
        {"size", 0, POPT_ARG_STRING, &o->size_words, 0,
         "ask for a message so big; the default is that of a letter, 10K", "SIZE"},
        {"send", 0, POPT_ARG_NONE, &o->send, 0,
         "when nothing is wrong, really send one small message, to yourself or --to", NULL},
        {"client", 0, POPT_ARG_STRING, &o->client, 0, "tell the steps for this mail program",
         "PROGRAM"},
        {"repeat", 'n', POPT_ARG_INT, &o->repeat, 0, "look N times, for what fails now and then",
         "N"},
        {"watch", 'w', POPT_ARG_NONE, &o->watch, 0, "look again and again, tell what changes",
         NULL},
        {"pause", 0, POPT_ARG_INT, &o->pause, 0,
         "between two looks; the default is 2, with --watch 30", "SECONDS"},
        {"report", 'o', POPT_ARG_STRING, &o->report, 0,
         "write a page for the support desk; name and addresses are masked", "FILE.html"},
        {"report-full", 0, POPT_ARG_NONE, &o->report_full, 0, "mask nothing but the password",
         NULL},
        {"no-history", 0, POPT_ARG_NONE, &o->no_history, 0,
         "neither use nor keep what was seen in this network before", NULL},
        {"control", 0, POPT_ARG_STRING, &o->control, 0,
         "mail server to compare with, instead of " CHECK_CONTROL, "HOST"},
        {"isp", 0, POPT_ARG_STRING, &o->isp, 0, "outgoing server of the internet provider", "HOST"},
        {"portal", 0, POPT_ARG_STRING, &o->portal, 0,
         "web server asked for /generate_204, instead of " CHECK_PORTAL, "HOST"},
        {"resolver", 0, POPT_ARG_STRING, &o->resolver, 0,
         "second resolver to compare with, instead of " CHECK_RESOLVER, "ADDRESS"},
        {"offline-controls", 0, POPT_ARG_NONE, &o->offline, 0,
         "ask none of the public services above", NULL},
        {"cafile", 0, POPT_ARG_STRING, &o->cafile, 0, "trust the authorities in FILE", "FILE"},
        {"timeout", 0, POPT_ARG_INT, &o->timeout, 0, "for one look; the default is 4", "SECONDS"},
        {"explain", 'e', POPT_ARG_NONE, &o->explain, 0, "show every finding and the rule", NULL},
        COMMAND_JSON(&o->json),
        POPT_TABLEEND};

    static_assert(COUNT(table) <= CHECK_OPTIONS_ROWS, "the caller's room");
    memcpy(rows, table, sizeof table);
}
