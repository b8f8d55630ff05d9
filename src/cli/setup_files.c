#include "cli/setup_files.h"

#include "base/file.h"
#include "cli/check_options.h"
#include "conf/config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SUBMISSION = 587, UNPRIVILEGED = 1587 };

/* ---- places ---- */

/* "$VARIABLE/port26", else "HOME/below/port26"; false when there is no home. */
static bool own_folder(const char *variable, const char *below, char out[PATH_MAX])
{
    const char *given = getenv(variable), *home = getenv("HOME");
    int n;

    if (given && given[0] == '/')
        n = snprintf(out, PATH_MAX, "%s/port26", given);
    else if (home && home[0] == '/')
        n = snprintf(out, PATH_MAX, "%s/%s/port26", home, below);
    else
        return false;
    return n > 0 && n < PATH_MAX;
}

/* A door below this number is not for everybody to open. */
static unsigned usual_port(void)
{
    FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    unsigned first = 1024;

    if (f) {
        if (fscanf(f, "%u", &first) != 1)
            first = 1024;
        fclose(f);
    }
    return first <= SUBMISSION ? SUBMISSION : UNPRIVILEGED;
}

/* Beside the configuration, named after the relay. */
static bool place_secret(struct setup_files *s)
{
    char copy[PATH_MAX];
    int n;

    snprintf(copy, sizeof copy, "%s", s->file);
    n = snprintf(s->secret, sizeof s->secret, "%s/%s.password", dirname(copy), s->relay);
    return n > 0 && (size_t)n < sizeof s->secret;
}

int setup_files_place(struct setup_files *s, struct error *e)
{
    char folder[PATH_MAX];

    s->system = geteuid() == 0;
    s->port = s->local_port ? s->local_port : s->system ? SUBMISSION : usual_port();
    if (s->system)
        snprintf(s->file, sizeof s->file, "%s", CONFIG_FILE);
    else if (!own_folder("XDG_STATE_HOME", ".local/state", s->state) ||
             !own_folder("XDG_CONFIG_HOME", ".config", folder) ||
             snprintf(s->file, sizeof s->file, "%.*s/port26.conf", PATH_MAX - 20, folder) < 0)
        return error_set(e, ERROR_INPUT,
                         "there is no home folder to keep the settings in: set HOME");
    if (s->config && snprintf(s->file, sizeof s->file, "%s", s->config) >= PATH_MAX)
        return error_set(e, ERROR_INPUT, "the name of the file is too long");
    if (!place_secret(s))
        return error_set(e, ERROR_INPUT, "the name of the folder is too long");
    if (!s->replace && access(s->file, F_OK) == 0)
        return error_set(e, ERROR_INPUT,
                         "%s is there already, and nothing was changed: --force replaces it and "
                         "keeps the old one as %s.old, --print only shows the new one",
                         s->file, s->file);
    return 0;
}

/* ---- the text ---- */

static void add(struct text *out, const char *indent, const char *name, const char *value)
{
    text_addf(out, "%s%s = ", indent, name);
    config_quote(span_of(value), out);
    text_addc(out, '\n');
}

static void add_folders(const struct setup_files *s, struct text *out)
{
    char path[PATH_MAX + 16];

    if (s->system)
        return;
    snprintf(path, sizeof path, "%s/control", s->state);
    add(out, "", "control", path);
    snprintf(path, sizeof path, "%s/store", s->state);
    text_adds(out, "store {\n");
    add(out, "    ", "path", path);
    snprintf(path, sizeof path, "%s/inbox", s->state);
    text_adds(out, "}\ninboxes {\n");
    add(out, "    ", "path", path);
    text_adds(out, "}\n");
}

static void add_doors(const struct setup_files *s, struct text *out)
{
    char door[300];

    text_adds(out, "    doors = {");
    for (size_t i = 0; i < s->door_count; i++) {
        const struct setup_door *d = &s->door[i];

        snprintf(door, sizeof door, "%s%s%u %s", d->host, d->host[0] ? ":" : "", d->port, d->mode);
        text_adds(out, i ? ", " : "");
        config_quote(span_of(door), out);
    }
    text_adds(out, "}\n");
}

static void add_relay(const struct setup_files *s, struct text *out)
{
    text_adds(out, "relay ");
    config_quote(span_of(s->relay), out);
    text_adds(out, " {\n");
    add(out, "    ", "host", s->host);
    add_doors(s, out);
    if (s->cafile)
        add(out, "    ", "ca-file", s->cafile);
    add(out, "    ", "user", s->user);
    if (s->token_command)
        add(out, "    ", "token-command", s->token_command);
    else
        add(out, "    ", "password-file", s->secret);
    text_adds(out, "}\n");
}

void setup_files_print(const struct setup_files *s, struct text *out)
{
    text_addf(out,
              "# Mail of this computer leaves through the account %s. Written by `port26 setup`;\n"
              "# port26.conf(5) tells what else there is.\n",
              s->address);
    add_folders(s, out);
    text_addf(out,
              "door \"local\" {\n    port = %u\n    address = {\"127.0.0.1\", \"::1\"}\n"
              "    tls = none\n    role = submission\n    trust-users = {",
              s->port);
    config_quote(span_of(s->trusted), out);
    text_adds(out, "}\n}\n");
    add_relay(s, out);
    text_adds(out, "route \"all\" { via = ");
    text_adds(out, "\"relay:");
    text_adds(out, s->relay);
    text_adds(out, "\" }\n"
                   "# To be told of a Wi-Fi that wants a login first (it asks Google when no door "
                   "opens):\n"
                   "# delivery { portal-check = \"" CHECK_PORTAL "\" }\n");
}

/* ---- writing ---- */

/* All folders above the file that are missing, for their owner alone; those of the system for all
 * to see. */
static int make_folders(const char *file, mode_t mode, struct error *e)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s", file);
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(path, mode) < 0 && errno != EEXIST)
            return error_sys(e, errno, "the folder %s can not be made", path);
        *at = '/';
    }
    return 0;
}

static void give_to_server(int fd)
{
    const struct passwd *pw = geteuid() == 0 ? getpwnam("port26") : NULL;

    if (pw)
        (void)!fchown(fd, pw->pw_uid, pw->pw_gid);
}

static int write_whole(const char *file, mode_t mode, struct span words, bool keep_old,
                       struct error *e)
{
    char temporary[PATH_MAX + 8], old[PATH_MAX + 8];
    int fd, rc;

    snprintf(temporary, sizeof temporary, "%s.XXXXXX", file);
    snprintf(old, sizeof old, "%s.old", file);
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return error_sys(e, errno, "%s can not be written", file);
    give_to_server(fd);
    rc = file_write(fd, words);
    if (rc == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
        rc = -errno;
    close(fd);
    if (rc == 0 && keep_old && rename(file, old) < 0 && errno != ENOENT)
        rc = -errno;
    if (rc == 0 && rename(temporary, file) < 0)
        rc = -errno;
    if (rc < 0)
        unlink(temporary);
    return rc < 0 ? error_sys(e, -rc, "%s can not be written", file) : 0;
}

/* What we wrote must read: if not, that is our mistake, and it is told before anybody relies on it.
 */
static int read_back(const struct setup_files *s, struct error *e)
{
    struct config_notes notes = {0};
    struct config *c = NULL;
    int rc = config_load(s->file, &notes, &c);

    for (size_t i = 0; rc < 0 && i < notes.count; i++)
        if (!notes.at[i].warning)
            error_set(e, ERROR_INPUT, "the new configuration does not read: %s", notes.at[i].text);
    config_notes_free(&notes);
    config_free(&c);
    return rc;
}

int setup_files_write(const struct setup_files *s, struct error *e)
{
    struct text words = TEXT_INIT(16 << 10);
    mode_t folders = s->system ? 0755 : 0700;
    char below[PATH_MAX + 4];
    int rc;

    snprintf(below, sizeof below, "%s/x", s->state);
    rc = make_folders(s->file, folders, e);
    if (rc == 0 && !s->system)
        rc = make_folders(below, folders, e);
    if (rc == 0 && s->password) {
        text_addf(&words, "%s\n", s->password);
        rc = write_whole(s->secret, 0600, text_span(&words), false, e);
        text_wipe(&words);
    }
    if (rc == 0) {
        setup_files_print(s, &words);
        rc = write_whole(s->file, s->system ? 0644 : 0600, text_span(&words), true, e);
    }
    text_free(&words);
    return rc < 0 ? -1 : read_back(s, e);
}
