#include "cli/setup_command.h"

#include "base/memory.h"
#include "cli/check_options.h"
#include "cli/command.h"
#include "cli/password.h"
#include "cli/setup_files.h"
#include "cli/verdict_view.h"
#include "conf/relay_door.h"
#include "mail/address.h"
#include "probe/discover.h"
#include "probe/observe.h"
#include "probe/tell.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char words[] = "setup";

struct setup {
    char *user, *server, *password_file, *token_command, *config, *resolver, *cafile, *client,
        *local_user;
    int password_fd, port, print, force, unverified, offline;
    const char *target;
    enum steps_program program;
    char address[FINDINGS_NAME + 80]; /* the domain in A-labels */
    char domain[FINDINGS_NAME];
    char login[FINDINGS_NAME + 80];
    char password[PASSWORD_MAX];
    struct discover found;
    struct findings findings;
    struct verdict_set set;
    struct arena *arena;
    struct setup_files files;
};

/* ---- what was asked for ---- */

static int read_address(struct setup *s)
{
    struct text canon = TEXT_INIT(sizeof s->address - 1);
    struct address a;
    bool ok = address_parse(span_of(s->target), true, &a) == PATH_OK && !a.literal &&
              a.domain.len && address_canon(&a, false, &canon) &&
              span_cstr(text_span(&canon), s->address, sizeof s->address);
    const char *at = ok ? strrchr(s->address, '@') : NULL;

    text_free(&canon);
    if (!at || !span_cstr(span_of(at + 1), s->domain, sizeof s->domain - 16))
        return command_error(words, EX_USAGE,
                             "'%s' is no mail address: give it whole, as you@example.com",
                             s->target);
    return EX_OK;
}

static int read_options(struct setup *s)
{
    if (s->port < 0 || s->port > 65535)
        return command_error(words, EX_USAGE, "--port is 1 to 65535, not %d", s->port);
    if (s->client && !steps_parse(span_of(s->client), &s->program))
        return command_error(words, EX_USAGE, "--client does not know '%s'", s->client);
    if (!!s->password_file + (s->password_fd >= 0) + !!s->token_command > 1)
        return command_error(words, EX_USAGE,
                             "give one of --password-file, --password-fd and --token-command");
    return read_address(s);
}

/* Whose programs send: who called sudo, or who runs this. */
static const char *trusted(const struct setup *s)
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *pw;

    if (s->local_user)
        return s->local_user;
    if (geteuid() == 0 && sudo && getpwnam(sudo))
        return sudo;
    pw = getpwuid(geteuid());
    return pw ? pw->pw_name : "root";
}

static int place(struct setup *s)
{
    struct error e = {0};

    s->files.address = s->address;
    s->files.relay = s->domain;
    s->files.config = s->config;
    s->files.cafile = s->cafile;
    s->files.token_command = s->token_command;
    s->files.trusted = trusted(s);
    s->files.local_port = (unsigned)s->port;
    s->files.replace = s->force || s->print;
    return setup_files_place(&s->files, &e) < 0 ? command_error(words, EX_CANTCREAT, "%s", e.words)
                                                : EX_OK;
}

/* ---- the provider ---- */

static int find(struct setup *s, struct loop *l)
{
    struct discover_settings d = {.address = span_of(s->address),
                                  .domain = s->domain,
                                  .resolver = s->resolver,
                                  .second = s->resolver ? NULL : CHECK_RESOLVER,
                                  .cafile = s->cafile,
                                  .offline = s->offline};
    struct error e = {0};

    if (s->server) {
        snprintf(s->found.host, sizeof s->found.host, "%s", s->server);
        s->found.how = "given";
        s->found.end = DISCOVER_FOUND;
    } else if (discover_find(l, &d, &s->found, &e) < 0) {
        return command_error(words, EX_CONFIG, "%s", e.words);
    }
    if (s->found.end == DISCOVER_FOUND || s->found.end == DISCOVER_GUESSED)
        return EX_OK;
    return command_error(words, EX_UNAVAILABLE,
                         "%s Give the name of your provider's server for outgoing mail with "
                         "--server.",
                         s->found.words);
}

/* The name to log in with, and whether the provider takes passwords at all. */
static int choose_login(struct setup *s)
{
    const struct discover_door *d = s->found.count ? &s->found.door[0] : NULL;

    snprintf(s->login, sizeof s->login, "%s",
             s->user           ? s->user
             : d && d->user[0] ? d->user
                               : s->address);
    s->files.host = s->found.host;
    s->files.user = s->login;
    if (d && d->login == LOGIN_OAUTH && !s->token_command)
        return command_error(words, EX_CONFIG,
                             "%s takes no password, only an access token (OAuth 2.0): give a "
                             "program that prints one with --token-command \"PROGRAM...\"",
                             s->found.host);
    return EX_OK;
}

static int get_password(struct setup *s)
{
    struct error e = {0};
    char prompt[FINDINGS_NAME * 2 + 120], name[40];
    int rc;

    if (s->token_command || s->print)
        return EX_OK;
    if (s->password_file) {
        rc = password_file(s->password_file, s->password, &e);
    } else if (s->password_fd >= 0) {
        snprintf(name, sizeof name, "descriptor %d", s->password_fd);
        rc = password_read(s->password_fd, name, s->password, &e);
    } else {
        snprintf(prompt, sizeof prompt, "Password of %s at %s: ", s->login, s->found.host);
        rc = password_ask(prompt, s->password, &e);
    }
    s->files.password = s->password;
    return rc < 0 ? command_error(words, EX_NOINPUT, "%s", e.words) : EX_OK;
}

/* ---- is it right? ---- */

static void conclude_look(struct setup *s)
{
    struct conclusions c;

    conclude(&s->findings, &c);
    tell_set(&s->findings, &c, s->program, &s->set, s->arena);
}

/* A login that was refused is not written down; a network that lets nobody through today is no
 * reason to wait with the settings. */
static int verify(struct setup *s, struct loop *l)
{
    struct observe_settings o = {.host = s->found.host,
                                 .port = s->found.port,
                                 .resolver = s->resolver,
                                 .user = span_of(s->login),
                                 .password = span_of(s->password),
                                 .from = span_of(s->address)};
    struct error e = {0};
    size_t extra = 0;

    if (s->unverified || s->offline || s->token_command || s->print)
        return EX_OK;
    for (size_t i = 0; i < s->found.count && extra < OBSERVE_PORTS_MAX; i++)
        if (strcmp(s->found.door[i].host, s->found.host) == 0)
            o.extra_ports[extra++] = s->found.door[i].port;
    o.tls = tls_client_new(s->cafile, &e);
    if (!o.tls || observe_run(l, &o, &s->findings, &e) < 0) {
        tls_context_free(&o.tls);
        return command_error(words, EX_CONFIG, "%s", e.words);
    }
    tls_context_free(&o.tls);
    conclude_look(s);
    if (!s->findings.login.tried || s->findings.login.ok)
        return EX_OK;
    verdict_view_print(&s->set, stdout);
    fflush(stdout);
    command_error(words, EX_OK,
                  "nothing was written, because the server did not take this login (--unverified "
                  "writes it all the same)");
    return verdict_exit(&s->set.verdict);
}

/* ---- the doors ---- */

static void add_door(struct setup_files *f, const char *host, unsigned port, const char *mode)
{
    struct setup_door *d = &f->door[f->door_count];

    if (!port || f->door_count == SETUP_DOORS_MAX)
        return;
    for (size_t i = 0; i < f->door_count; i++)
        if (f->door[i].port == port && strcmp(f->door[i].host, host) == 0)
            return;
    snprintf(d->host, sizeof d->host, "%s", host);
    d->port = port;
    d->mode = mode;
    f->door_count++;
}

static const char *mode_of(const struct discover_door *d)
{
    if (d->sealing == SEALING_TLS || (d->sealing == SEALING_UNKNOWN && d->port == 465))
        return "implicit";
    return d->sealing == SEALING_NONE ? NULL : "starttls";
}

static void choose_doors(struct setup *s)
{
    const struct config_relay_door *usual;
    size_t count;

    for (size_t i = 0; i < s->found.count; i++) {
        const struct discover_door *d = &s->found.door[i];

        if (mode_of(d)) /* never in the clear */
            add_door(&s->files, strcmp(d->host, s->found.host) == 0 ? "" : d->host, d->port,
                     mode_of(d));
    }
    /* Those that the provider does not list cost nothing where another one opens. */
    usual = relay_door_usual(&count);
    for (size_t i = 0; i < count; i++)
        add_door(&s->files, "", (unsigned)usual[i].port, config_tls_name(usual[i].tls));
}

/* ---- in words ---- */

static void print_program(const struct setup *s)
{
    struct steps_settings local = {
        .host = SPAN("localhost"), .port = s->files.port, .sealing = SEALING_NONE, .spa = SPA_OFF};
    struct verdict v = {0};

    puts("\nIn the mail program, once and for ever:\n"
         "  outgoing server  localhost");
    printf("  port             %u\n", s->files.port);
    puts("  encryption       none (nothing leaves this computer in the clear)\n"
         "  authentication   none");
    if (s->program == PROGRAM_NONE)
        return;
    steps_add(&v, s->program, CHANGE_SERVER | CHANGE_PORT | CHANGE_SEALING, &local, s->arena);
    for (size_t i = 0; i < v.step_count; i++)
        printf("  %zu. %.*s\n", i + 1, SPAN_ARG(v.steps[i]));
}

static void print_done(const struct setup *s)
{
    const struct setup_files *f = &s->files;

    printf("Mail of this computer will leave through %s, for %s.\n", s->found.host, s->address);
    if (s->findings.login.ok)
        printf("  login    verified at port %u\n", s->findings.login.port);
    else if (s->set.verdict.id)
        printf("  login    not verified: no door opens from here now. %.*s\n",
               SPAN_ARG(s->set.verdict.sentence));
    else
        puts("  login    not verified");
    printf("  wrote    %s\n", f->file);
    if (f->password)
        printf("           %s\n", f->secret);
    if (f->system)
        puts("\nStart it now and at every boot:  systemctl enable --now port26");
    else
        puts("\nStart it now and at every login: systemctl --user enable --now port26\n"
             "or by hand:                      port26 serve");
    print_program(s);
}

static int print_only(const struct setup *s)
{
    struct text text = TEXT_INIT(16 << 10);

    setup_files_print(&s->files, &text);
    fputs(text_cstr(&text), stdout);
    text_free(&text);
    return EX_OK;
}

static int finish(struct setup *s)
{
    struct error e = {0};

    choose_doors(s);
    if (s->print)
        return print_only(s);
    if (setup_files_write(&s->files, &e) < 0)
        return command_error(words, EX_CANTCREAT, "%s", e.words);
    print_done(s);
    return EX_OK;
}

static int run(struct setup *s)
{
    struct loop *l = loop_new();
    int status = read_options(s);

    s->arena = arena_new();
    if (status == EX_OK)
        status = place(s);
    if (status == EX_OK)
        status = find(s, l);
    if (status == EX_OK)
        status = choose_login(s);
    if (status == EX_OK)
        status = get_password(s);
    if (status == EX_OK)
        status = verify(s, l);
    if (status == EX_OK)
        status = finish(s);
    arena_free(&s->arena);
    loop_free(&l);
    return status;
}

static void free_setup(struct setup *s)
{
    char *texts[] = {s->user,     s->server, s->password_file, s->token_command, s->config,
                     s->resolver, s->cafile, s->client,        s->local_user};

    for (size_t i = 0; i < COUNT(texts); i++)
        free(texts[i]);
    memory_wipe(s, sizeof *s);
    free(s);
}

int setup_command_run(int argc, const char **argv)
{
    struct setup *s = memory_alloc(sizeof *s);
    const struct poptOption options[] = {
        {"user", 'u', POPT_ARG_STRING, &s->user, 0, "log in with NAME instead of the address",
         "NAME"},
        {"server", 's', POPT_ARG_STRING, &s->server, 0,
         "the provider's server for outgoing mail, instead of the one found", "HOST"},
        {"password-file", 'p', POPT_ARG_STRING, &s->password_file, 0,
         "read the password from FILE (- for standard input) instead of asking", "FILE"},
        {"password-fd", 0, POPT_ARG_INT, &s->password_fd, 0, "read it from descriptor N", "N"},
        {"token-command", 0, POPT_ARG_STRING, &s->token_command, 0,
         "log in with the access token that COMMAND prints (OAuth 2.0)", "COMMAND"},
        {"port", 'P', POPT_ARG_INT, &s->port, 0,
         "where mail programs shall hand over their mail; the default is 587, or 1587 where that "
         "is root's",
         "N"},
        {"local-user", 0, POPT_ARG_STRING, &s->local_user, 0,
         "whose programs may send; the default is you", "NAME"},
        {"client", 0, POPT_ARG_STRING, &s->client, 0, "tell the steps for this mail program",
         "PROGRAM"},
        {"print", 0, POPT_ARG_NONE, &s->print, 0, "only print the configuration", NULL},
        {"force", 'f', POPT_ARG_NONE, &s->force, 0,
         "replace the configuration that is there, keeping it as FILE.old", NULL},
        {"unverified", 0, POPT_ARG_NONE, &s->unverified, 0, "do not try the login", NULL},
        {"offline", 0, POPT_ARG_NONE, &s->offline, 0,
         "ask nobody: the built-in table of providers alone", NULL},
        {"resolver", 0, POPT_ARG_STRING, &s->resolver, 0, "ask this resolver", "ADDRESS"},
        {"cafile", 0, POPT_ARG_STRING, &s->cafile, 0, "trust the authorities in FILE", "FILE"},
        {"config", 'c', POPT_ARG_STRING, &s->config, 0, "write FILE instead of the usual one",
         "FILE"},
        POPT_TABLEEND};
    const struct command_rules rules = {.options = options,
                                        .least = 1,
                                        .most = 1,
                                        .examples = "  port26 setup you@example.com\n"
                                                    "  port26 setup you@example.com --print\n"};
    struct command_call call;
    int status;

    s->password_fd = -1;
    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        s->target = call.args[0];
        status = run(s);
        command_end(&call);
    }
    free_setup(s);
    return status;
}
