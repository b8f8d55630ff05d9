#include "serve/settings.h"

#include "base/memory.h"
#include "clients/clients.h"
#include "tls/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX = 4 << 20, SECRET_MAX = 1024 };

static int read_file(const char *path, struct text *out, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;

    text_init(out, FILE_MAX);
    if (fd < 0)
        return error_sys(e, errno, "%s can not be read", path);
    while (n > 0) {
        char *room = text_room(out, 65536);

        n = room ? read(fd, room, 65536) : -1;
        if (n > 0)
            out->len += (size_t)n;
    }
    close(fd);
    if (n < 0)
        return error_set(e, ERROR_INPUT,
                         "%s can not be read whole: it must be a file of at most 4 MiB", path);
    text_add(out, SPAN_NONE); /* a terminator also for the empty file */
    return 0;
}

/* Mail programs are told of the doors under one name, and refuse a certificate that lacks it. */
static void check_name(const struct settings *s, const struct tls_context *probe, const char *file,
                       struct text *words)
{
    const char *host = s->config->clients.host;
    struct clients_offer offer;
    struct arena *a = arena_new();

    clients_offer_of(s->config, SPAN("x"), SPAN_NONE, a, &offer);
    for (size_t i = 0; i < offer.count; i++) {
        if (strcmp(offer.doors[i].host, host) != 0 || tls_server_named(probe, host))
            continue;
        text_addf(words,
                  "warning: %s is not made out to %s, where mail programs are sent: they will "
                  "refuse it. Get a certificate with that name, or name one that it has: clients { "
                  "host = NAME }\n",
                  file, host);
        break;
    }
    arena_free(&a);
}

/* Reads a pair and makes sure it is one, so that a bad one is found here and not in a listener. */
static int read_certificate(struct settings *s, const char *door,
                            const struct config_certificate *files, struct text *words)
{
    struct settings_certificate *c = &s->certificates[s->certificate_count];
    struct tls_context *probe = NULL;
    struct error e = {0};

    c->door = door;
    s->certificate_count++;
    if (read_file(files->certificate, &c->certificate, &e) == 0 &&
        read_file(files->key, &c->key, &e) == 0)
        probe = tls_server_pem(text_span(&c->certificate), text_span(&c->key), &e);
    if (!probe || e.class != ERROR_NONE)
        text_addf(words, "%s%s: %s%s%s\n", probe ? "warning: " : "", files->certificate, e.words,
                  door[0] ? " (door " : "", door[0] ? door : "");
    if (!probe)
        return -1;
    if (!door[0])
        check_name(s, probe, files->certificate, words);
    tls_context_free(&probe);
    return 0;
}

static int read_certificates(struct settings *s, struct text *words)
{
    const struct config *c = s->config;
    int bad = 0;

    s->certificates = memory_array(c->door_count + 1, sizeof *s->certificates);
    if (c->tls.certificate[0])
        bad = read_certificate(s, "", &c->tls, words);
    for (size_t i = 0; i < c->door_count; i++) {
        const struct config_certificate *own = &c->doors[i].cert;

        if (own->certificate[0] && strcmp(own->certificate, c->tls.certificate) != 0)
            bad = read_certificate(s, c->doors[i].name, own, words) < 0 ? -1 : bad;
    }
    return bad;
}

static int read_passwords(struct settings *s, struct text *words)
{
    const struct config *c = s->config;
    struct error e = {0};
    int bad = 0;

    s->passwords = memory_array(c->relay_count, sizeof *s->passwords);
    for (size_t i = 0; i < c->relay_count; i++) {
        text_init(&s->passwords[i], SECRET_MAX);
        if (!c->relays[i].password_file[0])
            continue;
        if (config_secret(c->relays[i].password_file, &s->passwords[i], &e) < 0) {
            text_addf(words, "relay \"%s\": %s\n", c->relays[i].name, e.words);
            bad = -1;
        }
    }
    return bad;
}

static void add_notes(const struct config_notes *notes, struct text *words)
{
    for (size_t i = 0; i < notes->count; i++)
        text_addf(words, "%s%s\n", notes->at[i].warning ? "warning: " : "", notes->at[i].text);
}

int settings_load(const char *file, struct settings **out, struct text *words)
{
    struct settings *s = memory_alloc(sizeof *s);
    struct config_notes notes = {0};
    struct error e = {0};
    int bad = read_file(file, &s->file, &e);

    if (bad)
        text_addf(words, "%s\n", e.words);
    else
        bad = config_parse(text_span(&s->file), file, &notes, &s->config);
    add_notes(&notes, words);
    config_notes_free(&notes);
    if (!bad) {
        bad = read_certificates(s, words);
        bad = read_passwords(s, words) < 0 ? -1 : bad;
    }
    if (bad)
        settings_free(&s);
    *out = s;
    return bad ? -1 : 0;
}

void settings_free(struct settings **s)
{
    if (!*s)
        return;
    for (size_t i = 0; i < (*s)->certificate_count; i++) {
        text_free(&(*s)->certificates[i].certificate);
        text_wipe(&(*s)->certificates[i].key);
    }
    for (size_t i = 0; (*s)->passwords && i < (*s)->config->relay_count; i++)
        text_wipe(&(*s)->passwords[i]);
    free((*s)->certificates);
    free((*s)->passwords);
    text_free(&(*s)->file);
    config_free(&(*s)->config);
    free(*s);
    *s = NULL;
}
