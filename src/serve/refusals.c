#include "serve/refusals.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

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

void refusals_free(struct refusals **r)
{
    if (!*r)
        return;
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
    struct span words = span_head(reply->text, REFUSALS_WORDS);
    struct refused *a;
    struct refusal now = {0};
    size_t i = 0;

    if (!account.len)
        return;
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
}

void refusals_forget(struct refusals *r, struct span account)
{
    struct refused *a = map_get(r->accounts, account);

    if (a)
        remove_account(r, a);
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
