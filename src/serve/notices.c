#include "serve/notices.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "io/loop.h"
#include "queue/queue.h"
#include "serve/places.h"
#include "serve/postman.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DOORS = 16, TOLD = 128, TEXT = 4096, LATEST = 8 };

struct told {
    uint64_t what;
    int64_t at;
};

struct said {
    int64_t at;
    char text[TEXT];
};

/* What is to be told of the place `key`, when it has been quiet for a moment. */
struct notices {
    struct timer *quiet;
    const struct places *places;
    void (*say)(void *arg, const char *text);
    void *arg;
    char key[PLACE_KEY];
    bool first; /* trouble in this place; else something that was open is shut */
    char door[DOORS][KNOWN_DOOR];
    size_t count;
    struct told told[TOLD]; /* a ring */
    size_t next;
    struct said said[LATEST]; /* a ring: for status */
    size_t said_next, said_count;
};

/* ---- the text ---- */

/* "mail.example.com:587 starttls" is 587. */
static unsigned port_of(const char *door)
{
    const char *colon = strrchr(door, ':');

    return colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
}

static bool is_shut(const struct known_door *d)
{
    return d->last == KNOWN_SHUT || d->last == KNOWN_STRANGER;
}

struct ports {
    unsigned at[KNOWN_DOORS_MAX];
    size_t count;
};

static void add_port(struct ports *p, unsigned port)
{
    size_t i = 0;

    while (i < p->count && p->at[i] < port)
        i++;
    if (!port || p->count == KNOWN_DOORS_MAX || (i < p->count && p->at[i] == port))
        return;
    memmove(&p->at[i + 1], &p->at[i], (p->count - i) * sizeof p->at[0]);
    p->at[i] = port;
    p->count++;
}

/* "port 25", "ports 25, 465 and 587" */
static void put_ports(const struct ports *p, struct text *out)
{
    text_addf(out, "port%s ", p->count == 1 ? "" : "s");
    for (size_t i = 0; i < p->count; i++)
        text_addf(out, "%s%u", i == 0 ? "" : i + 1 == p->count ? " and " : ", ", p->at[i]);
}

/* The door that worked last here, or NULL. */
static const struct known_door *open_door(const struct known_place *p)
{
    const struct known_door *best = NULL;

    for (size_t i = 0; i < p->door_count; i++)
        if (p->door[i].last == KNOWN_WORKS && (!best || p->door[i].at > best->at))
            best = &p->door[i];
    return best;
}

static void put_begin(const struct notices *n, const struct known_place *p,
                      const struct ports *shut, struct text *out)
{
    const char *name = p->called[0] ? p->called : p->place.name;
    time_t now = (time_t)(clock_wall() / 1000);
    struct tm tm;
    char at[8] = "";

    if (n->first) {
        text_addf(out, "This network (%s) closes ", name);
        put_ports(shut, out);
    } else {
        if (localtime_r(&now, &tm))
            strftime(at, sizeof at, "%H:%M", &tm);
        text_addf(out, "Since %s ", at);
        put_ports(shut, out);
        text_addf(out,
                  shut->count == 1 ? " no longer opens in this network (%s)"
                                   : " no longer open in this network (%s)",
                  name);
    }
}

static void compose(const struct notices *n, const struct known_place *p, struct text *out)
{
    const struct known_door *open = open_door(p);
    struct ports shut = {.count = 0}, strangers = {.count = 0};

    for (size_t i = 0; i < p->door_count; i++) {
        const struct known_door *d = &p->door[i];
        bool mine = n->first && is_shut(d);

        for (size_t k = 0; k < n->count && !mine; k++)
            mine = strcmp(n->door[k], d->name) == 0 && is_shut(d);
        if (!mine)
            continue;
        add_port(&shut, port_of(d->name));
        if (d->last == KNOWN_STRANGER)
            add_port(&strangers, port_of(d->name));
    }
    if (!shut.count)
        return; /* it has come back meanwhile */
    put_begin(n, p, &shut, out);
    if (open)
        text_addf(out, "; your mail leaves through %u.", port_of(open->name));
    else
        text_adds(out, "; your mail waits, and leaves by itself when a way opens or this computer "
                       "is in another network.");
    if (!strangers.count)
        return;
    text_adds(out, " Somebody else answers at ");
    put_ports(&strangers, out);
    text_adds(out, ": nothing is sent there.");
}

/* ---- once ---- */

static bool is_new(struct notices *n, uint64_t what)
{
    int64_t now = clock_now();

    for (size_t i = 0; i < TOLD; i++)
        if (n->told[i].at && n->told[i].what == what && now - n->told[i].at < NOTICES_AGAIN_MS)
            return false;
    n->told[n->next++ % TOLD] = (struct told){what, now ? now : 1};
    return true;
}

static uint64_t hash_of(const char *key, const char *door)
{
    return map_hash(span_of(key)) * 31 + map_hash(span_of(door));
}

static void publish(struct notices *n, const char *text)
{
    struct said *s = &n->said[n->said_next];

    n->said_next = (n->said_next + 1) % LATEST;
    if (n->said_count < LATEST)
        n->said_count++;
    s->at = clock_wall();
    snprintf(s->text, sizeof s->text, "%s", text);
    n->say(n->arg, text);
}

/* It has been quiet. */
static void tell(void *arg)
{
    struct notices *n = arg;
    const struct known_place *p = known_place(places_known(n->places), n->key);
    struct text text = TEXT_INIT(TEXT);

    if (p && n->count)
        compose(n, p, &text);
    n->count = 0;
    n->first = false;
    if (text.len)
        publish(n, text_cstr(&text));
    text_free(&text);
}

/* Has anything ever been shut there? */
static bool had_trouble(const struct known_place *p)
{
    for (size_t i = 0; p && i < p->door_count; i++)
        if (p->door[i].failures)
            return true;
    return false;
}

void notices_note(struct notices *n, const struct letter_note *l)
{
    const struct known_place *p;
    const struct known_door *before;
    bool waits = n->count > 0, opened, first;
    char key[PLACE_KEY], door[KNOWN_DOOR];

    if (!span_cstr(l->place.key, key, sizeof key) || !span_cstr(l->door, door, sizeof door))
        return;
    if (waits && strcmp(key, n->key) != 0) {
        tell(n);
        waits = false;
    }
    if (waits)
        timer_set(n->quiet, NOTICES_SETTLE_MS);
    p = known_place(places_known(n->places), key);
    before = known_door(places_known(n->places), key, l->door);
    opened = before && before->last == KNOWN_WORKS;
    first = (waits && n->first) || !had_trouble(p);
    if ((l->result != KNOWN_SHUT && l->result != KNOWN_STRANGER) || n->count == DOORS)
        return;
    if ((!opened && !first) || !is_new(n, hash_of(key, door)))
        return;
    if (!waits)
        n->first = !opened;
    memcpy(n->key, key, sizeof n->key);
    memcpy(n->door[n->count++], door, sizeof door);
    timer_set(n->quiet, NOTICES_SETTLE_MS);
}

void notices_tell(struct notices *n, struct span about, struct span text)
{
    struct text safe = TEXT_INIT(TEXT);

    text_add_safe(&safe, span_head(text, TEXT / 4));
    if (is_new(n, map_hash(about)))
        publish(n, text_cstr(&safe));
    text_free(&safe);
}

json_t *notices_json(const struct notices *n)
{
    json_t *all = json_array();

    for (size_t i = 0; n && i < n->said_count; i++) {
        const struct said *s = &n->said[(n->said_next + LATEST - 1 - i) % LATEST];
        char at[32];

        clock_iso(s->at, at, sizeof at);
        json_array_append_new(all, json_pack("{s:s, s:s}", "at", at, "text", s->text));
    }
    return all;
}

struct notices *notices_new(struct loop *l, const struct places *places,
                            void (*say)(void *arg, const char *text), void *arg)
{
    struct notices *n = memory_alloc(sizeof *n);

    *n = (struct notices){.places = places, .say = say, .arg = arg};
    n->quiet = timer_new(l, tell, n);
    return n;
}

void notices_free(struct notices **n)
{
    if (!*n)
        return;
    timer_free(&(*n)->quiet);
    free(*n);
    *n = NULL;
}

void notices_mail(struct queue *q, const struct config *c, const char *text)
{
    postman_send(q, c,
                 &(struct postman_letter){.to = span_of(c->notices.mail),
                                          .subject = SPAN("Mail in this network"),
                                          .text = span_of(text)});
}
