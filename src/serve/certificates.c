#include "serve/certificates.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "clients/clients.h"
#include "conf/notes.h"
#include "tls/tls_sni.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, OPEN_MODES = S_IROTH | S_IWOTH };

/* As certbot and dehydrated name them, in one folder for each certificate. */
static const char chain_name[] = "fullchain.pem", key_name[] = "privkey.pem";

struct reading {
    const struct config *config;
    const struct certificates *before;
    struct map *known; /* path to those of `before` */
    struct certificates *out;
    struct config_notes *notes;
    size_t room, octets;
    bool bad;
};

static void note(struct reading *r, enum notes_kind kind, const void *field, const char *words)
{
    notes_add(r->notes, kind, (struct notes_place){r->config->file, config_line(r->config, field)},
              "%s", words);
    r->bad |= kind == NOTES_ERROR;
}

/* ---- one file ---- */

static bool read_all(int fd, struct text *out)
{
    ssize_t n;

    do {
        char *room = text_room(out, 1024);

        if (!room) {
            errno = EFBIG;
            return false;
        }
        n = read(fd, room, 1024);
        if (n > 0)
            out->len += (size_t)n;
    } while (n > 0 || (n < 0 && errno == EINTR));
    return n == 0;
}

/* *open (may be NULL): may everybody read it? */
static int read_file(const char *path, struct text *out, bool *open_to_all, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    bool ok = fd >= 0 && fstat(fd, &st) == 0;

    text_init(out, FILE_MAX);
    if (ok && (!S_ISREG(st.st_mode) || st.st_size >= FILE_MAX - 4096)) {
        errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
        ok = false;
    }
    /* The room for all at once: a text that grows would leave copies of a key behind. */
    ok = ok && text_room(out, (size_t)st.st_size + 2048) && read_all(fd, out);
    if (!ok)
        error_sys(e, errno, "%s can not be read", path);
    else if (open_to_all)
        *open_to_all = st.st_mode & OPEN_MODES;
    if (fd >= 0)
        close(fd);
    return ok ? 0 : -1;
}

/* ---- one certificate ---- */

static struct certificate_file *add(struct reading *r, const char *door, const char *path)
{
    struct certificates *c = r->out;
    struct certificate_file *f;

    if (c->count == r->room) {
        r->room = r->room ? 2 * r->room : 16;
        c->at = memory_grow(c->at, r->room * sizeof *c->at);
    }
    f = &c->at[c->count++];
    *f = (struct certificate_file){.door = door, .path = path};
    text_init(&f->names, TLS_SNI_NAMES_TEXT);
    return f;
}

/* Mail programs are told of the doors under one name, and refuse a certificate that lacks it. */
static void check_name(struct reading *r, const struct tls_context *probe, const char *path)
{
    const char *host = r->config->clients.host;
    struct clients_offer offer;
    struct arena *a = arena_new();

    clients_offer_of(r->config, SPAN("x"), SPAN_NONE, a, &offer);
    for (size_t i = 0; i < offer.count; i++) {
        if (strcmp(offer.doors[i].host, host) != 0 || tls_server_named(probe, host) ||
            tls_sni_covers(r->out->sni, span_of(host)))
            continue;
        note(r, NOTES_WARNING, &r->config->tls.cert.certificate,
             arena_printf(a,
                          "%s is not made out to %s, where mail programs are sent: they will "
                          "refuse it. Get a certificate with that name, or name one that it has: "
                          "clients { host = NAME }",
                          path, host));
        break;
    }
    arena_free(&a);
}

/* What is wrong with one, or odd, with the place in the settings that led to it. */
static void told(struct reading *r, struct certificate_file *f, const void *field, bool good,
                 const struct error *e)
{
    struct text words = TEXT_INIT(2000);

    f->odd = e->class != ERROR_NONE;
    if (e->words[0] == '/') /* it names the file at fault itself */
        text_adds(&words, e->words);
    else
        text_addf(&words, "%s: %s", f->path, e->words);
    if (f->door && f->door[0])
        text_addf(&words, " (door %s)", f->door);
    if (f->odd)
        note(r, good ? NOTES_WARNING : NOTES_ERROR, field, text_cstr(&words));
    text_free(&words);
}

/* A pair that a door shows. Checked here, so that a bad one is not found in a listener. */
static void read_door(struct reading *r, const char *door, const struct config_certificate *files)
{
    struct certificate_file *f = add(r, door, files->certificate);
    struct tls_context *probe = NULL;
    struct error e = {0};

    if (read_file(files->certificate, &f->certificate, NULL, &e) == 0 &&
        read_file(files->key, &f->key, NULL, &e) == 0)
        probe = tls_server_pem(text_span(&f->certificate), text_span(&f->key), &e);
    told(r, f, &files->certificate, probe != NULL, &e);
    if (!probe)
        return;
    f->expires = tls_server_expires(probe);
    if (!door[0])
        check_name(r, probe, f->path);
    tls_context_free(&probe);
}

/* The same one as before, which was good? Then what it says is known. */
static bool unchanged(const struct reading *r, struct certificate_file *f)
{
    const struct certificate_file *was = map_get(r->known, span_of(f->path));

    if (!was || was->odd || was->expires <= clock_wall() ||
        !span_eq(text_span(&was->certificate), text_span(&f->certificate)) ||
        !span_eq(text_span(&was->key), text_span(&f->key)))
        return false;
    f->expires = was->expires;
    return text_add(&f->names, text_span(&was->names));
}

static int check_further(struct reading *r, struct certificate_file *f, bool open_to_all,
                         struct error *e)
{
    struct tls_sni_entry x = {.cert = text_span(&f->certificate), .key = text_span(&f->key)};

    if (open_to_all)
        return error_set(e, ERROR_INPUT, "its key may be read by everybody: chmod 600 it");
    if (unchanged(r, f))
        return 0;
    if (tls_sni_read(r->out->sni, &x, &f->names, e) < 0)
        return -1;
    f->expires = x.expires;
    if (!f->names.len)
        error_set(e, ERROR_INPUT, "is made out to no name, so nobody is shown it");
    return 0;
}

/* One of the folder. */
static void read_further(struct reading *r, const char *name)
{
    const char *folder = r->config->tls.folder;
    struct arena *a = r->out->arena;
    struct certificate_file *f =
        add(r, NULL, arena_printf(a, "%s/%s/%s", folder, name, chain_name));
    struct tls_sni_entry x;
    struct error e = {0};
    bool open_to_all = false, good;

    good = read_file(f->path, &f->certificate, NULL, &e) == 0 &&
           read_file(arena_printf(a, "%s/%s/%s", folder, name, key_name), &f->key, &open_to_all,
                     &e) == 0 &&
           check_further(r, f, open_to_all, &e) == 0;
    told(r, f, &r->config->tls.folder, good, &e);
    r->octets += f->certificate.len + f->key.len;
    x = (struct tls_sni_entry){.names = text_span(&f->names), .expires = f->expires};
    if (good && (!tls_sni_add(r->out->sni, &x) || r->octets > CERTIFICATES_OCTETS))
        note(r, NOTES_ERROR, &r->config->tls.folder,
             arena_printf(a, "%s holds too much: %d names and %d MiB are the most", folder,
                          TLS_SNI_NAMES, CERTIFICATES_OCTETS >> 20));
}

/* ---- the folder ---- */

static bool is_folder(struct reading *r, const char *name)
{
    struct stat st;
    struct text path = TEXT_INIT(8192);
    bool yes;

    text_addf(&path, "%s/%s", r->config->tls.folder, name);
    yes = stat(text_cstr(&path), &st) == 0 && S_ISDIR(st.st_mode);
    if (!yes && span_ends(text_span(&path), SPAN(".pem"))) {
        text_addf(&path, " is not used: put it as %s and its key as %s into a folder of its own",
                  chain_name, key_name);
        note(r, NOTES_WARNING, &r->config->tls.folder, text_cstr(&path));
    }
    text_free(&path);
    return yes;
}

static void read_folder(struct reading *r)
{
    const char *folder = r->config->tls.folder;
    struct dirent **names = NULL;
    int count = *folder ? scandir(folder, &names, NULL, alphasort) : 0;
    struct error e = {0};

    if (count < 0) {
        error_sys(&e, errno, "the folder %s can not be read", folder);
        note(r, NOTES_ERROR, &r->config->tls.folder, e.words);
    }
    for (int i = 0; i < count; i++) {
        bool full = r->out->count >= CERTIFICATES_MAX;

        if (names[i]->d_name[0] != '.' && !full && is_folder(r, names[i]->d_name))
            read_further(r, names[i]->d_name);
        if (full && i == count - 1)
            note(r, NOTES_ERROR, &r->config->tls.folder,
                 arena_printf(r->out->arena, "%s holds more than %d certificates", folder,
                              CERTIFICATES_MAX));
        free(names[i]);
    }
    free(names);
}

/* ---- all ---- */

static void keep_known(struct reading *r)
{
    r->known = map_new();
    for (size_t i = 0; r->before && i < r->before->count; i++)
        if (!r->before->at[i].door)
            map_put(r->known, span_of(r->before->at[i].path), &r->before->at[i]);
}

int certificates_read(const struct config *c, const struct certificates *before,
                      struct certificates *out, struct config_notes *notes)
{
    struct reading r = {.config = c, .before = before, .out = out, .notes = notes};

    *out = (struct certificates){.arena = arena_new(), .sni = tls_sni_new()};
    keep_known(&r);
    read_folder(&r);
    if (c->tls.cert.certificate[0])
        read_door(&r, "", &c->tls.cert);
    for (size_t i = 0; i < c->door_count; i++) {
        const struct config_certificate *own = &c->doors[i].cert;

        if (own->certificate[0] && strcmp(own->certificate, c->tls.cert.certificate) != 0)
            read_door(&r, c->doors[i].name, own);
    }
    map_free(&r.known);
    return r.bad ? -1 : 0;
}

size_t certificates_ending(const struct certificates *c, int64_t now,
                           const struct certificate_file **out, size_t max)
{
    size_t all = 0, n = 0;

    for (size_t i = 0; i < c->count; i++) {
        const struct certificate_file *f = &c->at[i];
        size_t at;

        if (f->expires >= now + CERTIFICATES_SOON * CLOCK_DAY)
            continue;
        all++;
        for (at = n < max ? n : max; at > 0 && out[at - 1]->expires > f->expires; at--)
            if (at < max)
                out[at] = out[at - 1];
        if (at < max)
            out[at] = f;
        n = n < max ? n + 1 : n;
    }
    return all;
}

void certificates_free(struct certificates *c)
{
    for (size_t i = 0; i < c->count; i++) {
        text_free(&c->at[i].certificate);
        text_wipe(&c->at[i].key);
        text_free(&c->at[i].names);
    }
    free(c->at);
    tls_sni_free(&c->sni);
    arena_free(&c->arena);
    *c = (struct certificates){0};
}
