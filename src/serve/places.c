#include "serve/places.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "conf/relay_door.h"
#include "io/loop.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static_assert(KNOWN_BROKE == LETTER_NOTE_RESULTS - 1, "a letter carries each result");

enum { SAVE_AFTER = 2000 }; /* ms: a round of attempts makes several notes */

struct places {
    struct known *known;
    struct place here;
    char portal[256]; /* the login page of this network, "" */
    bool told;
    int64_t since; /* wall clock: here since then */
    struct timer *save;
    bool dirty;
    char *file, *fresh; /* the record, and its name while it is written */
};

/* ---- the file ---- */

static void read_record(struct places *p)
{
    struct text text = TEXT_INIT(KNOWN_TEXT_MAX + 65536);
    int fd = open(p->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct error e = {0};

    if (fd >= 0 && file_read(fd, &text) == 0 && known_read(p->known, text_span(&text), &e) < 0)
        log_event(LOG_WARNING, "places.damaged", LOG_STR("file", p->file), LOG_STR("why", e.words));
    known_expire(p->known, clock_wall());
    if (fd >= 0)
        close(fd);
    text_free(&text);
}

/* Whole or not at all, but without waiting for the disk: it can be learnt again. */
static void save(void *arg)
{
    struct places *p = arg;
    struct text text = TEXT_INIT(KNOWN_TEXT_MAX + 65536);
    int rc;

    if (!p->dirty)
        return;
    p->dirty = false;
    known_write(p->known, &text);
    rc = file_replace(p->file, p->fresh, text_span(&text));
    if (rc < 0)
        log_event(LOG_WARNING, "places.unsaved", LOG_STR("file", p->file),
                  LOG_STR("why", strerror(-rc)));
    text_free(&text);
}

static void changed(struct places *p)
{
    if (!p->dirty && p->save)
        timer_set(p->save, SAVE_AFTER);
    p->dirty = true;
    if (!p->save)
        save(p);
}

struct places *places_open(struct loop *l, const char *folder)
{
    struct places *p = memory_alloc(sizeof *p);
    size_t room = strlen(folder) + sizeof "/places.new";

    p->known = known_new();
    p->file = memory_alloc(room);
    p->fresh = memory_alloc(room);
    snprintf(p->file, room, "%s/places", folder);
    snprintf(p->fresh, room, "%s/places.new", folder);
    if (l)
        p->save = timer_new(l, save, p);
    read_record(p);
    return p;
}

void places_close(struct places **p)
{
    if (!*p)
        return;
    save(*p);
    if ((*p)->save)
        timer_free(&(*p)->save);
    known_free(&(*p)->known);
    free((*p)->file);
    free((*p)->fresh);
    free(*p);
    *p = NULL;
}

/* ---- what couriers tell ---- */

static void put(char *to, size_t room, struct span s)
{
    snprintf(to, room, "%.*s", (int)span_head(s, room - 1).len, s.at ? s.at : "");
}

static struct place place_of(const struct letter_place *l)
{
    struct place p = {.offline = l->offline, .tunnel = l->tunnel};

    put(p.key, sizeof p.key, l->key);
    put(p.name, sizeof p.name, l->name);
    put(p.gateway, sizeof p.gateway, l->gateway);
    put(p.device, sizeof p.device, l->device);
    return p;
}

bool places_here(struct places *p, const struct letter_place *l)
{
    struct place now = place_of(l);
    bool other = !p->told || strcmp(now.key, p->here.key) != 0;

    if (other)
        p->since = clock_wall();
    p->told = true;
    p->here = now;
    put(p->portal, sizeof p->portal, l->portal);
    if (now.key[0]) {
        known_visit(p->known, &now, clock_wall());
        changed(p);
    }
    return other || l->slept;
}

bool places_open_door(const struct places *p, const struct config *c, struct span relay)
{
    int64_t now = clock_wall();

    for (size_t i = 0; i < c->relay_count; i++) {
        const struct config_relay *r = &c->relays[i];

        for (size_t k = 0; k < r->door_count && span_is(relay, r->name); k++) {
            char name[RELAY_DOOR_NAME];

            relay_door_name(&r->doors[k], name);
            if (known_sure(known_door(p->known, p->here.key, span_of(name)), now))
                return true;
        }
    }
    return false;
}

void places_note(struct places *p, const struct letter_note *l)
{
    struct place place = place_of(&l->place);

    if (!place.key[0])
        return;
    known_note(p->known, &place, l->door, (enum known_result)l->result, l->ms, l->proof, l->at);
    changed(p);
}

const struct known *places_known(const struct places *p)
{
    return p->known;
}

void places_write(const struct places *p, struct text *out)
{
    known_write(p->known, out);
}

bool places_call(struct places *p, const char *key, struct span called)
{
    bool there = known_call(p->known, strcmp(key, "here") == 0 ? p->here.key : key, called);

    if (there)
        changed(p);
    return there;
}

bool places_forget(struct places *p, const char *key)
{
    bool was = known_forget(p->known, key);

    if (was)
        changed(p);
    return was;
}

/* ---- JSON ---- */

static void put_time(json_t *o, const char *key, int64_t wall)
{
    char buf[32];

    if (wall > 0)
        clock_iso(wall, buf, sizeof buf);
    json_object_set_new(o, key, wall > 0 ? json_string(buf) : json_null());
}

static json_t *door_json(const char *name, const struct known_door *d)
{
    json_t *o = json_object();
    int64_t now = clock_wall();

    json_object_set_new(o, "door", json_string(name));
    json_object_set_new(o, "result", json_string(known_result_name(d ? d->last : KNOWN_NOTHING)));
    put_time(o, "at", d ? d->at : 0);
    json_object_set_new(o, "age_s", d && d->at ? json_integer((now - d->at) / 1000) : json_null());
    if (!d)
        return o;
    put_time(o, "since", d->since);
    put_time(o, "before_at", d->before_at);
    json_object_set_new(o, "ms", json_integer(d->ms));
    json_object_set_new(o, "proof", json_string(d->proof));
    json_object_set_new(o, "tries", json_integer(d->tries));
    json_object_set_new(o, "failures", json_integer(d->failures));
    json_object_set_new(o, "sporadic", json_boolean(known_sporadic(d)));
    json_object_set_new(o, "sure", json_boolean(known_sure(d, now)));
    return o;
}

static json_t *place_json(const struct place *p)
{
    json_t *o = json_object();

    json_object_set_new(o, "key", json_string(p->key));
    json_object_set_new(o, "name", json_string(p->name));
    json_object_set_new(o, "gateway", json_string(p->gateway));
    json_object_set_new(o, "device", json_string(p->device));
    json_object_set_new(o, "tunnel", json_boolean(p->tunnel));
    return o;
}

json_t *places_json(const struct places *p)
{
    json_t *all = json_array();
    const struct known_place *k;

    for (size_t i = 0; (k = known_at(p->known, i)); i++) {
        json_t *o = place_json(&k->place), *doors = json_array();

        json_object_set_new(o, "here",
                            json_boolean(p->told && strcmp(k->place.key, p->here.key) == 0));
        json_object_set_new(o, "called", json_string(k->called));
        put_time(o, "first", k->first);
        put_time(o, "latest", k->latest);
        for (size_t d = 0; d < k->door_count; d++)
            json_array_append_new(doors, door_json(k->door[d].name, &k->door[d]));
        json_object_set_new(o, "doors", doors);
        json_array_append_new(all, o);
    }
    return all;
}

json_t *places_json_here(const struct places *p)
{
    const struct known_place *k;
    json_t *o;

    if (!p->told)
        return json_null();
    o = place_json(&p->here);
    k = known_place(p->known, p->here.key);
    json_object_set_new(o, "called", json_string(k ? k->called : ""));
    json_object_set_new(o, "offline", json_boolean(p->here.offline));
    json_object_set_new(o, "portal", p->portal[0] ? json_string(p->portal) : json_null());
    put_time(o, "since", p->since);
    return o;
}

json_t *places_json_relays(const struct places *p, const struct config *c)
{
    json_t *all = json_array();

    for (size_t i = 0; i < c->relay_count; i++) {
        json_t *o = json_object(), *doors = json_array();

        for (size_t k = 0; k < c->relays[i].door_count; k++) {
            char name[RELAY_DOOR_NAME];

            relay_door_name(&c->relays[i].doors[k], name);
            json_array_append_new(
                doors, door_json(name, known_door(p->known, p->here.key, span_of(name))));
        }
        json_object_set_new(o, "name", json_string(c->relays[i].name));
        json_object_set_new(o, "doors", doors);
        json_array_append_new(all, o);
    }
    return all;
}
