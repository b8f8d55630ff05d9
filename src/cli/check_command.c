#include "cli/check_command.h"

#include "base/memory.h"
#include "cli/check_findings.h"
#include "cli/command.h"
#include "cli/verdict_view.h"
#include "mail/address.h"
#include "probe/discover.h"
#include "probe/observe.h"
#include "probe/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char words[] = "check";

/* What is asked beside the user's own server, unless --offline-controls: each is a public service
 * that large networks use for the same purpose; none learns the address or the login. */
#define DEFAULT_CONTROL  "smtp.gmail.com"
#define DEFAULT_RESOLVER "9.9.9.9"
#define DEFAULT_PORTAL   "connectivitycheck.gstatic.com"
#define NOWHERE          "192.0.2.1" /* RFC 5737: no host may have it */

enum { PASSWORD_MAX = 1024, TIMEOUT_MAX_S = 60 };

struct check {
    char *tls_name, *user, *password_file, *to, *control, *resolver, *cafile, *client, *portal,
        *isp;
    int port, timeout, offline, json, explain;
    const char *target;
    enum findings_mode mode;
    enum steps_program program;
    char password[PASSWORD_MAX];
    struct discover found;
    char sender[FINDINGS_NAME];
    struct tls_context *tls;
    struct findings findings;
    struct conclusions conclusions;
    struct verdict_set set;
};

static const struct mode_name {
    const char *name;
    enum findings_mode mode;
} mode_names[] = {{"none", MODE_PLAIN},
                  {"starttls", MODE_STARTTLS},
                  {"implicit", MODE_TLS},
                  {"ssl", MODE_TLS},
                  {"tls", MODE_TLS}};

static int read_mode(struct check *c)
{
    if (!c->tls_name)
        return EX_OK;
    for (size_t i = 0; i < COUNT(mode_names); i++) {
        if (strcmp(c->tls_name, mode_names[i].name) != 0)
            continue;
        c->mode = mode_names[i].mode;
        return EX_OK;
    }
    return command_error(words, EX_USAGE, "--tls is none, starttls or implicit, not '%s'",
                         c->tls_name);
}

/* The first line of the file; "-" is standard input. */
static int read_password(struct check *c)
{
    bool here;
    ssize_t n;
    int fd;

    if (!c->password_file)
        return EX_OK;
    here = strcmp(c->password_file, "-") == 0;
    fd = here ? STDIN_FILENO : open(c->password_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return command_error(words, EX_NOINPUT, "%s: %s", c->password_file, strerror(errno));
    n = read(fd, c->password, sizeof c->password - 1);
    if (!here)
        close(fd);
    if (n <= 0)
        return command_error(words, EX_NOINPUT, "%s holds no password", c->password_file);
    c->password[strcspn(c->password, "\r\n")] = '\0';
    return EX_OK;
}

/* The terminal shows nothing of what is typed. */
static int ask_password(struct check *c)
{
    char *typed;

    if (!c->user || c->password_file)
        return EX_OK;
    typed = isatty(STDIN_FILENO) ? getpass("Password: ") : NULL;
    if (!typed)
        return command_error(words, EX_USAGE, "--user needs a password: give --password-file FILE");
    snprintf(c->password, sizeof c->password, "%s", typed);
    memory_wipe(typed, strlen(typed));
    return EX_OK;
}

static int read_numbers(struct check *c)
{
    if (c->port < 0 || c->port > 65535)
        return command_error(words, EX_USAGE, "--port is 1 to 65535, not %d", c->port);
    if (c->timeout < 0 || c->timeout > TIMEOUT_MAX_S)
        return command_error(words, EX_USAGE, "--timeout is 1 to %d seconds", TIMEOUT_MAX_S);
    if (c->client && !steps_parse(span_of(c->client), &c->program))
        return command_error(words, EX_USAGE,
                             "--client does not know '%s'; it knows outlook, outlook-classic, "
                             "thunderbird, apple-mail, ios, android, gmail-app, k9",
                             c->client);
    return EX_OK;
}

static int read_options(struct check *c)
{
    int status = read_mode(c);

    if (status == EX_OK)
        status = read_numbers(c);
    if (status == EX_OK)
        status = read_password(c);
    return status == EX_OK ? ask_password(c) : status;
}

static const char *second_of(const struct check *c)
{
    return c->resolver ? c->resolver : c->offline ? NULL : DEFAULT_RESOLVER;
}

/* "you@example.com" or "mail.example.com" or an address. */
static int find_server(struct check *c, struct loop *l)
{
    const char *at = strrchr(c->target, '@');
    struct error e = {0};

    if (strlen(at ? at + 1 : c->target) >= FINDINGS_NAME - 10 ||
        strlen(c->target) >= FINDINGS_NAME || !*c->target || (at && !at[1]))
        return command_error(words, EX_USAGE, "'%s' is no mail address and no server", c->target);
    if (!at) {
        snprintf(c->found.host, sizeof c->found.host, "%s", c->target);
        c->found.how = "given";
        return EX_OK;
    }
    snprintf(c->sender, sizeof c->sender, "%s", c->target);
    if (discover_run(l, at + 1, second_of(c), &c->found, &e) < 0)
        return command_error(words, EX_OSERR, "%s", e.words);
    return EX_OK;
}

static void show_door(void *arg, const struct findings_door *d)
{
    (void)arg;
    if (d->who == WHO_SERVER)
        check_findings_line(d, stdout);
    fflush(stdout);
}

static int look(struct check *c, struct loop *l)
{
    struct error e = {0};
    struct observe_settings s = {
        .host = c->found.host,
        .control = c->control   ? c->control
                   : c->offline ? NULL
                                : DEFAULT_CONTROL,
        .isp = c->isp,
        .nowhere = c->offline ? NULL : NOWHERE,
        .portal = c->portal    ? c->portal
                  : c->offline ? NULL
                               : DEFAULT_PORTAL,
        .second = second_of(c),
        .port = (unsigned)c->port,
        .mode = c->mode,
        .timeout = (int64_t)c->timeout * 1000,
        .user = span_of(c->user),
        .password = span_of(c->password),
        .from = span_of(c->sender[0] ? c->sender : c->user),
        .to = span_of(c->to),
        .seen = c->json ? NULL : show_door,
    };

    c->tls = tls_client_new(c->cafile, &e);
    if (!c->tls)
        return command_error(words, EX_CONFIG, "%s", e.words);
    s.tls = c->tls;
    if (!c->json)
        printf("%s (%s)\n", s.host, c->found.how);
    if (observe_run(l, &s, &c->findings, &e) < 0)
        return command_error(words, EX_OSERR, "%s", e.words);
    return EX_OK;
}

static void print_json(const struct check *c)
{
    json_t *o = verdict_view_json(&c->set, check_findings_facts(&c->findings),
                                  check_findings_doors(&c->findings));

    json_object_set_new(o, "server", json_string(c->found.host));
    json_object_set_new(o, "found_by", json_string(c->found.how));
    json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
}

static int answer(struct check *c)
{
    struct arena *a = arena_new();
    int status;

    conclude(&c->findings, &c->conclusions);
    tell_set(&c->findings, &c->conclusions, c->program, &c->set, a);
    if (c->json) {
        print_json(c);
    } else {
        if (c->explain) {
            printf("\nFindings; the rule that fired: %s\n", c->set.verdict.rule);
            check_findings_print(&c->findings, stdout);
        }
        putchar('\n');
        verdict_view_print(&c->set, stdout);
    }
    status = verdict_exit(&c->set.verdict);
    arena_free(&a);
    return status;
}

static int run(struct check *c)
{
    struct loop *l = loop_new();
    int status = read_options(c);

    if (status == EX_OK)
        status = find_server(c, l);
    if (status == EX_OK)
        status = look(c, l);
    memory_wipe(c->password, sizeof c->password);
    if (status == EX_OK)
        status = answer(c);
    tls_context_free(&c->tls);
    loop_free(&l);
    return status;
}

static void free_check(struct check *c)
{
    char *texts[] = {c->tls_name, c->user,   c->password_file, c->to,     c->control,
                     c->resolver, c->cafile, c->client,        c->portal, c->isp};

    for (size_t i = 0; i < COUNT(texts); i++)
        free(texts[i]);
    free(c);
}

int check_command_run(int argc, const char **argv)
{
    struct check *c = memory_alloc(sizeof *c);
    const struct poptOption options[] = {
        {"port", 'P', POPT_ARG_INT, &c->port, 0, "the port your mail program uses", "N"},
        {"tls", 't', POPT_ARG_STRING, &c->tls_name, 0,
         "the encryption it uses: none, starttls, implicit", "MODE"},
        {"user", 'u', POPT_ARG_STRING, &c->user, 0, "try one login with this name", "NAME"},
        {"password-file", 'p', POPT_ARG_STRING, &c->password_file, 0,
         "read the password from FILE (- for standard input)", "FILE"},
        {"to", 0, POPT_ARG_STRING, &c->to, 0, "ask whether mail to this address is taken",
         "ADDRESS"},
        {"client", 0, POPT_ARG_STRING, &c->client, 0, "tell the steps for this mail program",
         "PROGRAM"},
        {"control", 0, POPT_ARG_STRING, &c->control, 0,
         "mail server to compare with, instead of " DEFAULT_CONTROL, "HOST"},
        {"isp", 0, POPT_ARG_STRING, &c->isp, 0, "outgoing server of the internet provider", "HOST"},
        {"portal", 0, POPT_ARG_STRING, &c->portal, 0,
         "web server asked for /generate_204, instead of " DEFAULT_PORTAL, "HOST"},
        {"resolver", 0, POPT_ARG_STRING, &c->resolver, 0,
         "second resolver to compare with, instead of " DEFAULT_RESOLVER, "ADDRESS"},
        {"offline-controls", 0, POPT_ARG_NONE, &c->offline, 0,
         "ask none of the public services above", NULL},
        {"cafile", 0, POPT_ARG_STRING, &c->cafile, 0, "trust the authorities in FILE", "FILE"},
        {"timeout", 0, POPT_ARG_INT, &c->timeout, 0, "for all of it; the default is 4", "SECONDS"},
        {"explain", 'e', POPT_ARG_NONE, &c->explain, 0, "show every finding and the rule", NULL},
        COMMAND_JSON(&c->json),
        POPT_TABLEEND};
    const struct command_rules rules = {
        .options = options,
        .least = 1,
        .most = 1,
        .examples = "  port26 check you@example.com\n"
                    "  port26 check mail.example.com --port 25 --client outlook\n"};
    struct command_call call;
    int status = command_options(&call, argc, argv, &rules);

    if (status == COMMAND_GO_ON) {
        c->target = call.args[0];
        status = run(c);
        command_end(&call);
    }
    free_check(c);
    return status;
}
