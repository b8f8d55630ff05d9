#include "conf/config.h"

#include "base/memory.h"
#include "conf/notes.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PASSWORD_MAX = 1024 };

struct check {
    const struct config *c;
    struct config_notes *notes;
};

static void note_at(struct check *k, const void *field, const char *name, const char *words)
{
    notes_add(k->notes, NOTES_ERROR, (struct notes_place){k->c->file, config_line(k->c, field)},
              "%s: %s", name, words);
}

/* Can the file be read? Private ones must be closed to others. "" is no file. */
static void check_file(struct check *k, const char *const *path, const char *name, bool secret)
{
    struct error e = {0};
    struct stat st;
    int fd;

    if (!**path)
        return;
    fd = open(*path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        error_sys(&e, errno, "cannot open %s", *path);
    else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        error_set(&e, ERROR_INPUT, "%s is no regular file", *path);
    else if (secret && st.st_mode & (S_IROTH | S_IWOTH))
        error_set(&e, ERROR_INPUT, "%s may be read by everybody: chmod 600 it", *path);
    if (e.class != ERROR_NONE)
        note_at(k, path, name, e.words);
    if (fd >= 0)
        close(fd);
}

static void check_certificate(struct check *k, const struct config_certificate *cert)
{
    bool apart = strcmp(cert->key, cert->certificate) != 0;

    check_file(k, &cert->certificate, "certificate", !apart);
    if (apart)
        check_file(k, &cert->key, "key", true);
}

/* A directory that is there, or can be made in one that is, or in the store's, which is made first.
 */
static void check_directory(struct check *k, const char *const *path, const char *name)
{
    char *copy = memory_dup(*path);
    struct error e = {0};
    struct stat st;

    if (stat(*path, &st) == 0 && !S_ISDIR(st.st_mode))
        error_set(&e, ERROR_INPUT, "%s is no directory", *path);
    else if (access(*path, F_OK) < 0 && errno != ENOENT)
        error_sys(&e, errno, "cannot use %s", *path);
    else if (access(*path, F_OK) < 0 && access(dirname(copy), F_OK) < 0 &&
             strcmp(copy, k->c->store.path) != 0)
        error_sys(&e, errno, "%s cannot be made", *path);
    if (e.class != ERROR_NONE)
        note_at(k, path, name, e.words);
    free(copy);
}

static void check_password(struct check *k, const struct config_relay *r)
{
    struct text secret = TEXT_INIT(PASSWORD_MAX);
    struct error e = {0};

    if (*r->password_file && config_secret(r->password_file, &secret, &e) < 0)
        note_at(k, &r->password_file, "password-file", e.words);
    text_wipe(&secret);
}

static void check_user(struct check *k)
{
    if (geteuid() == 0 && !getpwnam(k->c->user))
        notes_add(k->notes, NOTES_ERROR,
                  (struct notes_place){k->c->file, config_line(k->c, &k->c->user)},
                  "user: the system knows no user '%s': add one with useradd --system %s, or name "
                  "another",
                  k->c->user, k->c->user);
}

int config_check(const struct config *c, struct config_notes *notes)
{
    struct check k = {c, notes};
    size_t before = notes->errors;

    check_user(&k);
    check_certificate(&k, &c->tls.cert);
    for (size_t i = 0; i < c->door_count; i++)
        if (config_line(c, &c->doors[i].cert.certificate))
            check_certificate(&k, &c->doors[i].cert);
    for (size_t i = 0; i < c->relay_count; i++) {
        check_file(&k, &c->relays[i].ca_file, "ca-file", false);
        check_password(&k, &c->relays[i]);
    }
    check_file(&k, &c->dns.trust_anchor, "trust-anchor", false);
    check_directory(&k, &c->store.path, "path");
    if (config_line(c, &c->inboxes.path))
        check_directory(&k, &c->inboxes.path, "path");
    notes_sort(notes);
    return notes->errors == before ? 0 : -1;
}
