#include "serve/walls.h"

#include "base/arena.h"
#include "base/memory.h"
#include "io/jail.h"

#include <libgen.h>
#include <stdlib.h>

/* Always; /run for the system's resolver and log. */
static const struct jail_path always[] = {
    {"/etc", false}, {"/usr", false}, {"/lib", false}, {"/lib64", false},
    {"/proc", true}, {"/dev", true},  {"/run", true},  {"/proc/self/exe", false},
};

struct walls {
    struct arena *arena;
    struct jail_path *paths;
    size_t count, room;
};

static void add(struct walls *w, const char *path, bool write)
{
    if (w->count + 1 == w->room) { /* the last one stays NULL */
        w->room *= 2;
        w->paths = memory_grow(w->paths, w->room * sizeof *w->paths);
    }
    w->paths[w->count++] = (struct jail_path){path, write};
}

/* The directory, not the file: whoever renews a certificate puts a new file in the old one's place.
 */
static void add_beside(struct walls *w, const char *file, bool write)
{
    if (file && *file)
        add(w, dirname(arena_printf(w->arena, "%s", file)), write);
}

static void add_all(struct walls *w, const struct config *c, const char *file)
{
    for (size_t i = 0; i < COUNT(always); i++)
        add(w, always[i].path, always[i].write);
    add(w, c->store.path, true);
    add(w, c->inboxes.path, true);
    add_beside(w, c->control, true);
    add_beside(w, file, false);
    add_beside(w, c->tls.cert.certificate, false);
    add_beside(w, c->tls.cert.key, false);
    if (*c->tls.folder)
        add(w, c->tls.folder, false);
    if (*c->tls.acme_webroot)
        add(w, c->tls.acme_webroot, false);
    for (size_t i = 0; i < c->door_count; i++) {
        add_beside(w, c->doors[i].cert.certificate, false);
        add_beside(w, c->doors[i].cert.key, false);
    }
    for (size_t i = 0; i < c->relay_count; i++) {
        add_beside(w, c->relays[i].ca_file, false);
        add_beside(w, c->relays[i].password_file, false);
    }
    add_beside(w, c->dns.trust_anchor, false);
}

int walls_enter(const struct config *c, const char *file, unsigned max_files, struct error *e)
{
    enum { ROOM = 32 };
    struct walls w = {.room = ROOM};
    int result;

    if (!c->process.jail)
        return 0;
    w.arena = arena_new();
    w.paths = memory_array(ROOM, sizeof *w.paths);
    add_all(&w, c, file);
    w.paths[w.count] = (struct jail_path){NULL, false};
    result = jail_enter(JAIL_KEEPER, w.paths, max_files, e);
    free(w.paths);
    arena_free(&w.arena);
    return result;
}
