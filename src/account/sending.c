#include "account/sending.h"

#include "account/sending_parts.h"
#include "account/sending_words.h"
#include "base/log.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = STORE_NAME_MAX, PARTY_MAX = STORE_NAME_MAX - 2 };

static const int64_t span_lengths[WINDOW_SPANS] = {
    [WINDOW_HOUR] = CLOCK_HOUR, [WINDOW_DAY] = CLOCK_DAY};

/* ---- entries ---- */

static bool key_of(enum sending_kind kind, struct span name, struct text *out)
{
    return text_addc(out, (char)('a' + kind)) && text_add(out, name);
}

struct sending_entry *sending_find(const struct sending *s, enum sending_kind kind,
                                   struct span name)
{
    struct text key = TEXT_INIT(KEY_MAX);
    struct sending_entry *e =
        name.len && key_of(kind, name, &key) ? map_get(s->entries, text_span(&key)) : NULL;

    text_free(&key);
    return e;
}

/* Accounts are as many as the host made; addresses are as many as the world has. */
bool sending_is_bounded(enum sending_kind kind)
{
    return kind == SENDING_ADDRESS || kind == SENDING_SENDER;
}

static void unlink_used(struct sending *s, struct sending_entry *e)
{
    *(e->older ? &e->older->newer : &s->used[e->kind].oldest) = e->newer;
    *(e->newer ? &e->newer->older : &s->used[e->kind].newest) = e->older;
    e->older = e->newer = NULL;
    s->used[e->kind].count--;
}

static void link_used(struct sending *s, struct sending_entry *e)
{
    e->older = s->used[e->kind].newest;
    *(e->older ? &e->older->newer : &s->used[e->kind].oldest) = e;
    s->used[e->kind].newest = e;
    s->used[e->kind].count++;
}

static void free_entry(struct sending_entry *e)
{
    window_free(&e->window);
    burst_free(&e->burst);
    free(e->held);
    free(e->name);
    free(e);
}

static void take_from_changed(struct sending *s, const struct sending_entry *e)
{
    struct sending_entry **link = &s->changed;

    if (!e->in_list)
        return;
    while (*link != e)
        link = &(*link)->next_changed;
    *link = e->next_changed;
}

/* Its records are removed at the next interval. Takes the name. */
static void forget_records(struct sending *s, enum sending_kind kind, char *name)
{
    struct sending_gone *gone = memory_alloc(sizeof *gone);

    *gone = (struct sending_gone){.next = s->gone, .kind = kind, .name = name};
    s->gone = gone;
}

static bool is_gone(const struct sending *s, enum sending_kind kind, struct span name)
{
    for (const struct sending_gone *g = s->gone; g; g = g->next)
        if (g->kind == kind && span_is(name, g->name))
            return true;
    return false;
}

static void drop(struct sending *s, struct sending_entry *e)
{
    struct text key = TEXT_INIT(KEY_MAX);

    key_of(e->kind, span_of(e->name), &key);
    map_take(s->entries, text_span(&key));
    text_free(&key);
    take_from_changed(s, e);
    if (sending_is_bounded(e->kind))
        unlink_used(s, e);
    forget_records(s, e->kind, e->name);
    e->name = NULL;
    free_entry(e);
}

struct sending_entry *sending_entry(struct sending *s, enum sending_kind kind, struct span name)
{
    struct sending_entry *e = sending_find(s, kind, name);
    struct text key = TEXT_INIT(KEY_MAX);

    if (!e && key_of(kind, name, &key)) {
        if (s->used[kind].count == SENDING_ADDRESSES)
            drop(s, s->used[kind].oldest);
        e = memory_alloc(sizeof *e);
        e->kind = kind;
        e->name = span_dup(name);
        map_put(s->entries, text_span(&key), e);
        if (sending_is_bounded(kind))
            link_used(s, e);
    } else if (e && sending_is_bounded(kind)) {
        unlink_used(s, e);
        link_used(s, e);
    }
    text_free(&key);
    return e;
}

/* After 0 it has its entry when anything of it is stored. */
static int touch(struct sending *s, enum sending_kind kind, struct span name, struct error *e)
{
    struct sending_entry *entry;

    if (!name.len || name.len > PARTY_MAX || sending_is_bounded(kind) ||
        sending_find(s, kind, name) || is_gone(s, kind, name))
        return 0;
    if (sending_read_name(s, kind, name, e) < 0)
        return -1;
    entry = sending_find(s, kind, name);
    if (entry && s->start)
        sending_settle(entry, s->start);
    return 0;
}

/* Who is about to send gets an entry in any case: or the store would be asked anew for each of a
 * thousand recipients whether anything was sent before. */
static int touch_all(struct sending *s, const struct sending_who *w, struct error *e)
{
    for (int k = 0; k < SENDING_KINDS; k++) {
        enum sending_kind kind = (enum sending_kind)k;
        struct span name = span_head(w->name[k], PARTY_MAX);

        if (touch(s, kind, name, e) < 0)
            return -1;
        if (name.len && !sending_is_bounded(kind) && !is_gone(s, kind, name))
            sending_entry(s, kind, name);
    }
    return 0;
}

/* For who only looks: what cannot be read now is not known. */
static struct sending_entry *look_up(struct sending *s, enum sending_kind kind, struct span name)
{
    struct error e = {0};

    if (touch(s, kind, name, &e) < 0)
        log_event(LOG_ERROR, "sending.unread", LOG_SPAN("name", name), LOG_STR("words", e.words));
    return sending_find(s, kind, name);
}

void sending_changed(struct sending *s, struct sending_entry *e, enum sending_record record)
{
    e->changed[record] = true;
    if (e->in_list)
        return;
    e->in_list = true;
    e->next_changed = s->changed;
    s->changed = e;
}

/* An IPv4 address as it is, of IPv6 the /64; what is neither has no entry. */
static void address_name(struct span peer, struct text *out)
{
    unsigned char at[16];
    char text[INET6_ADDRSTRLEN];

    if (!span_cstr(peer, text, sizeof text))
        return;
    if (inet_pton(AF_INET, text, at) == 1) {
        text_adds(out, text);
    } else if (inet_pton(AF_INET6, text, at) == 1) {
        memset(at + 8, 0, 8);
        inet_ntop(AF_INET6, at, text, sizeof text);
        text_addf(out, "%s/64", text);
    }
}

static void sender_name(struct span sender, struct text *out)
{
    for (size_t i = 0; i < sender.len && i < PARTY_MAX; i++) {
        char c = sender.at[i];

        text_addc(out, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
}

static bool has_limit(const struct sending_limits *l)
{
    for (int s = 0; s < WINDOW_SPANS; s++)
        for (int w = 0; w < WINDOW_WHATS; w++)
            if (l->most[s][w])
                return true;
    return false;
}

/* The name under which a party is counted, in `buf` when it has to be made; empty when it is not
 * counted. */
static struct span party(const struct sending_who *w, enum sending_kind kind, struct text *buf)
{
    struct span name = span_head(w->name[kind], PARTY_MAX);

    if (!sending_is_bounded(kind))
        return name;
    text_clear(buf);
    if (!has_limit(&w->limits[kind]))
        return SPAN_NONE;
    if (kind == SENDING_ADDRESS)
        address_name(name, buf);
    else
        sender_name(name, buf);
    return text_span(buf);
}

/* ---- open and close ---- */

struct sending *sending_open(struct store *reader, const struct sending_calls *calls, void *arg,
                             struct error *e)
{
    struct sending *s = memory_alloc(sizeof *s);

    *s = (struct sending){.reader = reader, .entries = map_new(), .calls = calls, .arg = arg};
    if (sending_read_bounded(s, e) < 0)
        sending_free(&s);
    return s;
}

void sending_settle(struct sending_entry *e, int64_t now)
{
    window_settle(&e->window, now);
    burst_settle(&e->burst, now);
    for (int i = 0; i < WINDOW_SPANS; i++)
        e->told[i] = e->told[i] < now ? e->told[i] : now;
}

static void settle_each(struct span key, void *value, void *arg)
{
    (void)key;
    sending_settle(value, *(int64_t *)arg);
}

static void drop_old_addresses(struct sending *s, int64_t now)
{
    for (int k = 0; k < SENDING_KINDS; k++)
        while (s->used[k].oldest && window_empty(&s->used[k].oldest->window, now))
            drop(s, s->used[k].oldest);
}

void sending_start(struct sending *s, int64_t now)
{
    s->start = now;
    map_each(s->entries, settle_each, &now);
    drop_old_addresses(s, now);
}

static void free_each(struct span key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    free_entry(value);
}

void sending_free(struct sending **s)
{
    if (!*s)
        return;
    while ((*s)->gone) {
        struct sending_gone *g = (*s)->gone;

        (*s)->gone = g->next;
        free(g->name);
        free(g);
    }
    map_each((*s)->entries, free_each, NULL);
    map_free(&(*s)->entries);
    free(*s);
    *s = NULL;
}

void sending_burst(struct sending *s, bool on, int64_t learn)
{
    s->burst = on;
    s->learn = learn;
}

/* ---- limits ---- */

/* Fills *r when this limit is in the way for longer than what it holds by now. */
static void look_at(const struct sending_entry *e, const struct sending_refusal *ask, int64_t now,
                    struct sending_refusal *r)
{
    int64_t at = window_frees(&e->window, ask->span, ask->what, ask->need, ask->limit, now);
    int64_t wait = at == CLOCK_NEVER ? CLOCK_NEVER : at - now;

    if (wait <= r->wait)
        return;
    *r = *ask;
    r->wait = wait;
    r->sent = window_sum(&e->window, ask->span, ask->what, now);
}

static const struct window no_window;

/* The limit that is in the way for longest; wait 0: none is. */
static struct sending_refusal find_refusal(const struct sending *s, const struct sending_who *w,
                                           const uint32_t need[WINDOW_WHATS], int64_t now)
{
    struct sending_entry nobody = {.window = no_window};
    struct sending_refusal r = {0};
    struct text buf = TEXT_INIT(KEY_MAX);

    for (int k = 0; k < SENDING_KINDS; k++) {
        struct span name = party(w, (enum sending_kind)k, &buf);
        const struct sending_entry *e = sending_find(s, (enum sending_kind)k, name);

        for (int i = 0; name.len && i < WINDOW_SPANS * WINDOW_WHATS; i++) {
            struct sending_refusal ask = {.kind = (enum sending_kind)k,
                                          .span = (enum window_span)(i / WINDOW_WHATS),
                                          .what = (enum window_what)(i % WINDOW_WHATS)};

            ask.limit = w->limits[k].most[ask.span][ask.what];
            ask.need = need[ask.what];
            if (ask.limit && ask.need)
                look_at(e ? e : &nobody, &ask, now, &r);
        }
    }
    text_free(&buf);
    return r;
}

/* Once in each hour or day, whichever limit it was. */
static void tell_refusal(struct sending *s, const struct sending_who *w, enum window_span span,
                         const char *words, int64_t now)
{
    struct sending_entry *e;

    if (!w->name[SENDING_ACCOUNT].len)
        return;
    e = sending_entry(s, SENDING_ACCOUNT, w->name[SENDING_ACCOUNT]);
    if (!e || (e->told[span] && now - e->told[span] < span_lengths[span]))
        return;
    e->told[span] = now;
    sending_changed(s, e, SENDING_WINDOW);
    if (s->calls && s->calls->refused)
        s->calls->refused(s->arg, w->name[SENDING_ACCOUNT], words);
}

/* `whole`: nothing of the message can go without the rest, so what never fits is refused for good.
 */
static int may(struct sending *s, const struct sending_who *w, const uint32_t need[WINDOW_WHATS],
               bool whole, int64_t now, struct error *e)
{
    struct sending_refusal r;
    struct text words = TEXT_INIT(SENDING_WORDS), buf = TEXT_INIT(KEY_MAX);
    bool never;

    if (touch_all(s, w, e) < 0)
        return -1;
    r = find_refusal(s, w, need, now);
    if (!r.wait)
        return 0;
    never = whole && r.wait == CLOCK_NEVER;
    sending_words_refusal(&r, party(w, r.kind, &buf), &words);
    error_mail(e, never ? ERROR_PERMANENT : ERROR_TEMPORARY, never ? "5.7.1" : "4.7.1", OWNER_YOU,
               "%s", text_cstr(&words));
    tell_refusal(s, w, r.span, text_cstr(&words), now);
    text_free(&words);
    text_free(&buf);
    return -1;
}

int sending_may(struct sending *s, const struct sending_who *w, uint32_t messages,
                uint32_t recipients, int64_t now, struct error *e)
{
    return may(s, w, (const uint32_t[WINDOW_WHATS]){messages, recipients}, false, now, e);
}

uint32_t sending_room(struct sending *s, const struct sending_who *w, int64_t now)
{
    struct text buf = TEXT_INIT(KEY_MAX);
    uint32_t room = UINT32_MAX;

    if (touch_all(s, w, NULL) < 0)
        return room;
    for (int k = 0; k < SENDING_KINDS; k++) {
        struct span name = party(w, (enum sending_kind)k, &buf);
        const struct sending_entry *e = sending_find(s, (enum sending_kind)k, name);

        for (int i = 0; name.len && i < WINDOW_SPANS; i++) {
            uint32_t limit = w->limits[k].most[i][WINDOW_RECIPIENTS];
            uint32_t sent =
                e ? window_sum(&e->window, (enum window_span)i, WINDOW_RECIPIENTS, now) : 0;

            if (limit && (limit > sent ? limit - sent : 0) < room)
                room = limit > sent ? limit - sent : 0;
        }
    }
    text_free(&buf);
    return room;
}

/* ---- stolen passwords ---- */

static void hold(struct sending *s, struct sending_entry *e, struct text *signs)
{
    struct text words = TEXT_INIT(2 * SENDING_WORDS);

    sending_words_held(span_of(e->name), text_span(signs), &words);
    e->held = memory_dup(text_cstr(&words));
    e->swept = false;
    text_free(&words);
    sending_changed(s, e, SENDING_HABITS);
    if (s->calls && s->calls->held)
        s->calls->held(s->arg, span_of(e->name), text_span(signs));
}

/* True: it is held from now on. */
static bool judge_sent(struct sending *s, struct sending_entry *e, struct span peer,
                       const struct recipient *to, size_t count, int64_t now)
{
    struct text signs = TEXT_INIT(SENDING_WORDS);
    uint64_t network = burst_network(peer);
    bool stolen = false;

    burst_sent(&e->burst, &(struct burst_from){network, now, s->learn}, to, count);
    sending_changed(s, e, SENDING_HABITS);
    if (!e->held && burst_judge(&e->burst, network, now, &signs)) {
        text_addf(&signs, "; the last of it came from %.*s", SPAN_ARG(span_head(peer, 45)));
        hold(s, e, &signs);
        stolen = true;
    }
    text_free(&signs);
    return stolen;
}

bool sending_failed(struct sending *s, struct span account, unsigned count, int64_t now)
{
    bool known = sending_find(s, SENDING_ACCOUNT, account);
    struct sending_entry *e = look_up(s, SENDING_ACCOUNT, account);
    struct text signs = TEXT_INIT(SENDING_WORDS);
    bool stolen;

    if (!e)
        return false;
    for (unsigned i = 0; known && i < count; i++) /* else they were just read from the store */
        burst_failed(&e->burst, now);
    stolen = s->burst && !e->held && burst_judge_any(&e->burst, now, &signs);
    if (stolen)
        hold(s, e, &signs);
    text_free(&signs);
    return stolen;
}

const char *sending_held(struct sending *s, struct span account)
{
    const struct sending_entry *e = look_up(s, SENDING_ACCOUNT, account);

    return e ? e->held : NULL;
}

void sending_swept(struct sending *s, struct span account)
{
    struct sending_entry *e = sending_find(s, SENDING_ACCOUNT, account);

    if (!e || !e->held)
        return;
    e->swept = true;
    sending_changed(s, e, SENDING_HABITS);
}

void sending_each_unswept(struct sending *s, void (*fn)(void *arg, struct span account), void *arg)
{
    struct text key = TEXT_INIT(KEY_MAX);
    struct error e = {0};
    struct span name;
    int got;

    while ((got = sending_next_unswept(s, &key, &name, &e)) > 0) {
        const struct sending_entry *one = look_up(s, SENDING_ACCOUNT, name);

        if (one && one->held && !one->swept)
            fn(arg, name);
    }
    if (got < 0)
        log_event(LOG_ERROR, "sending.unread", LOG_STR("words", e.words));
    text_free(&key);
}

bool sending_release(struct sending *s, struct span account, struct span foreign, int64_t now)
{
    struct sending_entry *e = look_up(s, SENDING_ACCOUNT, account);

    if (!e || !e->held)
        return false;
    free(e->held);
    e->held = NULL;
    burst_forgive(&e->burst, burst_network(foreign), now);
    for (int r = 0; r < SENDING_RECORDS; r++)
        sending_changed(s, e, (enum sending_record)r);
    return true;
}

/* ---- the accept ---- */

/* What somebody counts is written with the accept, all else at the next interval. */
static void charge_one(struct sending *s, struct sending_changes *c, const struct sending_who *w,
                       enum sending_kind kind)
{
    struct text buf = TEXT_INIT(KEY_MAX);
    struct span name = party(w, kind, &buf);
    struct sending_entry *e = name.len ? sending_entry(s, kind, name) : NULL;

    if (e)
        c->charged[kind] = arena_span(c->arena, name);
    text_free(&buf);
    if (!e)
        return;
    window_add(&e->window, c->when, 1, c->recipients);
    if (has_limit(&w->limits[kind]) || (kind == SENDING_ACCOUNT && s->burst))
        sending_changes_add(c, e, SENDING_WINDOW);
    else
        sending_changed(s, e, SENDING_WINDOW);
}

int sending_charge(struct sending *s, const struct sending_who *w, const struct recipient *to,
                   size_t count, int64_t now, struct sending_changes **out, struct error *e)
{
    struct span account = span_head(w->name[SENDING_ACCOUNT], PARTY_MAX);
    struct sending_entry *entry;
    struct sending_changes *c;

    *out = NULL;
    if (may(s, w, (const uint32_t[WINDOW_WHATS]){1, (uint32_t)count}, true, now, e) < 0)
        return -1;
    c = sending_changes_new();
    c->is_charge = true;
    c->when = now;
    c->recipients = (uint32_t)count;
    entry = account.len ? sending_entry(s, SENDING_ACCOUNT, account) : NULL;
    if (entry && s->burst && judge_sent(s, entry, w->name[SENDING_ADDRESS], to, count, now))
        sending_changes_add(c, entry, SENDING_HABITS);
    for (int k = 0; k < SENDING_KINDS; k++)
        charge_one(s, c, w, (enum sending_kind)k);
    if (entry && entry->held)
        c->hold = arena_span(c->arena, span_of(entry->held));
    *out = c;
    return 0;
}

struct span sending_hold(const struct sending_changes *c)
{
    return c ? c->hold : SPAN_NONE;
}

static void take_back(struct sending *s, const struct sending_changes *c)
{
    for (int k = 0; c->is_charge && k < SENDING_KINDS; k++) {
        struct sending_entry *e = sending_find(s, (enum sending_kind)k, c->charged[k]);

        if (!e)
            continue;
        window_take(&e->window, c->when, 1, c->recipients);
        sending_changed(s, e, SENDING_WINDOW);
    }
    for (size_t i = 0; i < c->count; i++) {
        struct sending_entry *e = sending_find(s, c->list[i].kind, c->list[i].name);

        if (e)
            sending_changed(s, e, c->list[i].record);
    }
}

void sending_end(struct sending *s, struct sending_changes **c, bool kept)
{
    if (*c && !kept)
        take_back(s, *c);
    sending_changes_free(c);
}

/* ---- what is written at intervals ---- */

static void take_entry(struct sending *s, struct sending_changes *c)
{
    struct sending_entry *e = s->changed;

    s->changed = e->next_changed;
    e->in_list = false;
    for (int r = 0; r < SENDING_RECORDS; r++) {
        if (e->changed[r])
            sending_changes_add(c, e, (enum sending_record)r);
        e->changed[r] = false;
    }
}

static void take_gone(struct sending *s, struct sending_changes *c)
{
    struct sending_gone *g = s->gone;
    struct sending_entry *back = sending_find(s, g->kind, span_of(g->name));

    s->gone = g->next;
    if (!back)
        sending_changes_remove(c, g->kind, span_of(g->name));
    for (int r = 0; back && r < sending_records(g->kind); r++)
        sending_changed(s, back, (enum sending_record)r);
    free(g->name);
    free(g);
}

struct sending_changes *sending_take_changes(struct sending *s, size_t most, int64_t now)
{
    struct sending_changes *c = NULL;

    drop_old_addresses(s, now);
    if (s->changed || s->gone)
        c = sending_changes_new();
    while (s->gone && c->count < most)
        take_gone(s, c);
    while (s->changed && c->count < most)
        take_entry(s, c);
    return c;
}

bool sending_reset(struct sending *s, enum sending_kind kind, struct span name)
{
    struct sending_entry *e = look_up(s, kind, name);

    if (!e || !e->window.count)
        return false;
    window_free(&e->window);
    memset(e->told, 0, sizeof e->told);
    sending_changed(s, e, SENDING_WINDOW);
    return true;
}

void sending_forget(struct sending *s, enum sending_kind kind, struct span name)
{
    struct sending_entry *e = sending_find(s, kind, name);

    if (e)
        drop(s, e);
    else if (!is_gone(s, kind, name))
        forget_records(s, kind, span_dup(name));
}

/* ---- showing ---- */

void sending_show(struct sending *s, enum sending_kind kind, struct span name,
                  const struct sending_limits *limits, int64_t now, struct sending_count *out)
{
    const struct sending_entry *e = look_up(s, kind, name);
    int64_t wait = 0;

    *out = (struct sending_count){0};
    for (int i = 0; e && i < WINDOW_SPANS * WINDOW_WHATS; i++) {
        enum window_span span = (enum window_span)(i / WINDOW_WHATS);
        enum window_what what = (enum window_what)(i % WINDOW_WHATS);
        uint32_t limit = limits->most[span][what];
        int64_t at = limit ? window_frees(&e->window, span, what, 1, limit, now) : now;

        out->sent[span][what] = window_sum(&e->window, span, what, now);
        wait = at - now > wait ? at - now : wait;
    }
    out->free_at = wait ? clock_wall() + wait : 0;
}
