#include "serve/refusals.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "io/loop.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct refusal {
    int64_t first, at; /* wall; at 0: there is none */
    unsigned times;
    unsigned short code;
    struct enhanced status;
    char *words, *peer;
};

/* All accounts are a ring, the one that was refused last in front. */
struct refused {
    struct refused *next, *previous;
    char *account;
    struct refusal latest[REFUSALS_EACH]; /* the latest first */
};

struct refusals {
    struct map *accounts;
    struct refused ring; /* its head: no account */
    int64_t since;
    struct timer *save; /* NULL: they are not kept */
    char *file, *fresh; /* where, and its name while it is written */
    bool dirty;
};

struct refusals *refusals_new(void)
{
    struct refusals *r = memory_alloc(sizeof *r);

    r->accounts = map_new();
    r->since = clock_wall();
    r->ring.next = r->ring.previous = &r->ring;
    return r;
}

static void drop(struct refusal *x)
{
    free(x->words);
    free(x->peer);
    *x = (struct refusal){0};
}

static void take_out(struct refused *a)
{
    a->next->previous = a->previous;
    a->previous->next = a->next;
}

static void put_in_front(struct refusals *r, struct refused *a)
{
    a->next = r->ring.next;
    a->previous = &r->ring;
    a->next->previous = a->previous->next = a;
}

static void remove_account(struct refusals *r, struct refused *a)
{
    take_out(a);
    map_take(r->accounts, span_of(a->account));
    for (size_t i = 0; i < REFUSALS_EACH; i++)
        drop(&a->latest[i]);
    free(a->account);
    free(a);
}

static void changed(struct refusals *r)
{
    if (r->save && !r->dirty)
        timer_set(r->save, REFUSALS_SAVE_MS);
    r->dirty = true;
}

static void save(void *arg);

void refusals_free(struct refusals **r)
{
    if (!*r)
        return;
    if ((*r)->save) {
        save(*r);
        timer_free(&(*r)->save);
    }
    free((*r)->file);
    free((*r)->fresh);
    while ((*r)->ring.next != &(*r)->ring)
        remove_account(*r, (*r)->ring.next);
    map_free(&(*r)->accounts);
    free(*r);
    *r = NULL;
}

static struct refused *account_of(struct refusals *r, struct span account)
{
    struct refused *a = map_get(r->accounts, account);

    if (a) {
        take_out(a);
    } else {
        if (map_count(r->accounts) >= REFUSALS_ACCOUNTS)
            remove_account(r, r->ring.previous);
        a = memory_alloc(sizeof *a);
        a->account = span_dup(account);
        map_put(r->accounts, account, a);
    }
    put_in_front(r, a);
    return a;
}

/* Wrong passwords are one thing, wherever they come from. */
static bool same(const struct refusal *x, const struct reply *reply, struct span words)
{
    return x->at && x->code == reply->code && (reply->code == 535 || span_is(words, x->words));
}

void refusals_note(struct refusals *r, struct span account, struct span peer,
                   const struct reply *reply)
{
    struct text safe = TEXT_INIT(4 * REFUSALS_WORDS);
    struct span words;
    struct refused *a;
    struct refusal now = {0};
    size_t i = 0;

    if (!account.len)
        return;
    text_add_safe(&safe, span_head(reply->text, REFUSALS_WORDS));
    words = text_span(&safe);
    a = account_of(r, account);
    while (i < REFUSALS_EACH - 1 && !same(&a->latest[i], reply, words))
        i++;
    if (same(&a->latest[i], reply, words))
        now = (struct refusal){.first = a->latest[i].first, .times = a->latest[i].times};
    drop(&a->latest[i]);
    memmove(a->latest + 1, a->latest, i * sizeof *a->latest);
    now.at = clock_wall();
    now.first = now.first ? now.first : now.at;
    now.times++;
    now.code = reply->code;
    now.status = reply->enhanced;
    now.words = span_dup(words);
    now.peer = span_dup(peer);
    a->latest[0] = now;
    text_free(&safe);
    changed(r);
}

void refusals_forget(struct refusals *r, struct span account)
{
    struct refused *a = map_get(r->accounts, account);

    if (!a)
        return;
    remove_account(r, a);
    changed(r);
}

static json_t *row_of(const struct refusal *x)
{
    char at[32], first[32], status[12] = "";

    clock_iso(x->at, at, sizeof at);
    clock_iso(x->first, first, sizeof first);
    if (x->status.class)
        enhanced_text(x->status, status);
    return json_pack("{s:s, s:s, s:I, s:s, s:I, s:s, s:s}", "at", at, "first", first, "times",
                     (json_int_t)x->times, "peer", x->peer, "code", (json_int_t)x->code, "status",
                     status, "words", x->words);
}

json_t *refusals_json(const struct refusals *r, struct span account)
{
    const struct refused *a = map_get(r->accounts, account);
    json_t *rows = json_array();

    for (size_t i = 0; a && i < REFUSALS_EACH; i++)
        if (a->latest[i].at)
            json_array_append_new(rows, row_of(&a->latest[i]));
    return rows;
}

int64_t refusals_since(const struct refusals *r)
{
    return r->since;
}

/* ---- the file ---- */

/* "[first, at, times, code, class, subject, detail, peer, words]"; NULL: it is not UTF-8. */
static json_t *kept_row(const struct refusal *x)
{
    return json_pack("[I, I, I, i, i, i, i, s, s]", (json_int_t)x->first, (json_int_t)x->at,
                     (json_int_t)x->times, x->code, x->status.class, x->status.subject,
                     x->status.detail, x->peer, x->words);
}

static char *kept_line(const struct refused *a)
{
    json_t *rows = json_array(), *o;
    char *line;

    for (size_t i = 0; i < REFUSALS_EACH; i++)
        if (a->latest[i].at)
            json_array_append_new(rows, kept_row(&a->latest[i]));
    o = json_pack("{s:s, s:o}", "account", a->account, "refused", rows);
    line = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    return line;
}

/* Those that were refused last come first: when it is full, the others are left out. */
static void write_all(const struct refusals *r, struct text *out)
{
    text_addf(out, "{\"since\":%lld}\n", (long long)r->since);
    for (const struct refused *a = r->ring.next; a != &r->ring; a = a->next) {
        char *line = kept_line(a);
        size_t len = line ? strlen(line) : 0;

        if (out->len + len + 1 > REFUSALS_FILE)
            len = 0;
        if (len)
            text_addf(out, "%s\n", line);
        free(line);
    }
}

static void save(void *arg)
{
    struct refusals *r = arg;
    struct text text = TEXT_INIT(REFUSALS_FILE);
    int rc;

    if (!r->dirty)
        return;
    r->dirty = false;
    write_all(r, &text);
    rc = file_replace(r->file, r->fresh, text_span(&text));
    if (rc < 0)
        log_event(LOG_WARNING, "refusals.unsaved", LOG_STR("file", r->file),
                  LOG_STR("why", strerror(-rc)));
    text_free(&text);
}

/* False: it is none, or too old. */
static bool read_row(json_t *row, struct refusal *out)
{
    json_int_t first, at, times;
    int code, class, subject, detail;
    const char *peer, *words;

    if (json_unpack(row, "[I, I, I, i, i, i, i, s, s!]", &first, &at, &times, &code, &class,
                    &subject, &detail, &peer, &words) < 0 ||
        at <= clock_wall() - REFUSALS_DAYS * CLOCK_DAY || first <= 0 || times < 1 ||
        times > UINT_MAX || code < 0 || code > 999 || class < 0 || class > 5 || subject < 0 ||
        subject > 999 || detail < 0 || detail > 999)
        return false;
    *out = (struct refusal){.first = first,
                            .at = at,
                            .times = (unsigned)times,
                            .code = (unsigned short)code,
                            .words = memory_dup(words),
                            .peer = memory_dup(peer)};
    out->status.class = (unsigned char)class;
    out->status.subject = (unsigned short)subject;
    out->status.detail = (unsigned short)detail;
    return true;
}

static void read_account(struct refusals *r, const char *name, json_t *rows)
{
    struct refused *a = account_of(r, span_of(name));
    size_t n = 0, i;
    json_t *row;

    json_array_foreach(rows, i, row) if (n < REFUSALS_EACH && !a->latest[n].at) n +=
        read_row(row, &a->latest[n]);
    if (!a->latest[0].at)
        remove_account(r, a);
    else { /* the file begins with who was refused last */
        take_out(a);
        a->previous = r->ring.previous;
        a->next = &r->ring;
        a->previous->next = a->next->previous = a;
    }
}

static void read_line(struct refusals *r, struct span line)
{
    json_t *o = json_loadb(line.at, line.len, 0, NULL), *rows = json_object_get(o, "refused");
    const char *name = json_string_value(json_object_get(o, "account"));
    json_int_t since = json_integer_value(json_object_get(o, "since"));

    if (name && *name && map_count(r->accounts) < REFUSALS_ACCOUNTS)
        read_account(r, name, rows);
    else if (since > 0 && since < r->since)
        r->since = since;
    json_decref(o);
}

static char *path_of(const char *folder, const char *name)
{
    size_t room = strlen(folder) + strlen(name) + 2;
    char *path = memory_alloc(room);

    snprintf(path, room, "%s/%s", folder, name);
    return path;
}

void refusals_keep(struct refusals *r, struct loop *l, const char *folder)
{
    struct text text = TEXT_INIT(REFUSALS_FILE);
    struct span rest, line;
    int fd;

    r->file = path_of(folder, "refusals");
    r->fresh = path_of(folder, "refusals.new");
    r->save = timer_new(l, save, r);
    fd = open(r->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && file_read(fd, &text) == 0)
        for (rest = text_span(&text); span_cut(&rest, '\n', &line);)
            read_line(r, line);
    if (fd >= 0)
        close(fd);
    text_free(&text);
    r->dirty = false;
}
