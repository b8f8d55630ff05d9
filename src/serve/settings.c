#include "serve/settings.h"

#include "base/memory.h"
#include "conf/notes.h"

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
        return error_sys(e, errno, "it can not be read");
    while (n > 0) {
        char *room = text_room(out, 65536);

        n = room ? read(fd, room, 65536) : -1;
        if (n > 0)
            out->len += (size_t)n;
    }
    close(fd);
    if (n < 0)
        return error_set(e, ERROR_INPUT,
                         "it can not be read whole: it must be a file of at most 4 MiB");
    text_add(out, SPAN_NONE); /* a terminator also for the empty file */
    return 0;
}

static int read_passwords(struct settings *s, struct config_notes *notes)
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
            notes_add(notes, NOTES_ERROR,
                      (struct notes_place){c->file, config_line(c, &c->relays[i].password_file)},
                      "relay \"%s\": %s", c->relays[i].name, e.words);
            bad = -1;
        }
    }
    return bad;
}

int settings_load(const char *file, const struct settings *before, struct settings **out,
                  struct config_notes *notes)
{
    struct settings *s = memory_alloc(sizeof *s);
    struct error e = {0};
    int bad = read_file(file, &s->file, &e);

    if (bad)
        notes_add(notes, NOTES_ERROR, (struct notes_place){file, 0}, "%s", e.words);
    else
        bad = config_parse(text_span(&s->file), file, notes, &s->config);
    if (!bad) {
        bad = certificates_read(s->config, before ? &before->certificates : NULL, &s->certificates,
                                notes);
        bad = read_passwords(s, notes) < 0 ? -1 : bad;
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
    for (size_t i = 0; (*s)->passwords && i < (*s)->config->relay_count; i++)
        text_wipe(&(*s)->passwords[i]);
    certificates_free(&(*s)->certificates);
    free((*s)->passwords);
    text_free(&(*s)->file);
    config_free(&(*s)->config);
    free(*s);
    *s = NULL;
}
