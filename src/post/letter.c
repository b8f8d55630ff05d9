#include "post/letter.h"

#include "base/memory.h"
#include "mail/cause.h"

#include <assert.h>
#include <string.h>

static void visit_nothing(struct wire *p, struct letter_nothing *l)
{
    wire_u8(p, &l->unused);
}

static void visit_setup(struct wire *p, struct letter_setup *l)
{
    wire_span(p, &l->file);
    wire_span(p, &l->text);
    wire_u32(p, &l->number);
}

static void visit_certificate(struct wire *p, struct letter_certificate *l)
{
    wire_span(p, &l->door);
    wire_span(p, &l->certificate);
    wire_span(p, &l->key);
    wire_span(p, &l->names);
    wire_i64(p, &l->expires);
}

static void visit_drain(struct wire *p, struct letter_drain *l)
{
    wire_bool(p, &l->hurry);
}

static void visit_ask(struct wire *p, struct letter_ask *l)
{
    wire_bool(p, &l->all);
}

static void visit_door(struct wire *p, struct letter_door *l)
{
    wire_span(p, &l->name);
}

static void visit_login(struct wire *p, struct letter_login *l)
{
    wire_span(p, &l->name);
    wire_span(p, &l->password);
    wire_span(p, &l->peer);
}

static void visit_login_note(struct wire *p, struct letter_login_note *l)
{
    wire_span(p, &l->name);
    wire_span(p, &l->peer);
    wire_bool(p, &l->good);
}

static void visit_login_answer(struct wire *p, struct letter_login_answer *l)
{
    wire_enum(p, &l->result, LOGIN_LOCKED);
    wire_span(p, &l->account);
    wire_u32(p, &l->wait);
}

static void visit_verifier(struct wire *p, struct letter_verifier *l)
{
    wire_enum(p, &l->result, LOGIN_PLAIN);
    wire_u32(p, &l->iterations);
    wire_span(p, &l->salt);
    wire_bytes(p, l->stored_key, sizeof l->stored_key);
    wire_bytes(p, l->server_key, sizeof l->server_key);
    wire_u32(p, &l->wait);
}

static void visit_may_send(struct wire *p, struct letter_may_send *l)
{
    wire_span(p, &l->account);
    wire_span(p, &l->sender);
    wire_span(p, &l->peer);
    wire_span(p, &l->door);
    wire_u64(p, &l->size);
}

static void visit_may_reach(struct wire *p, struct letter_may_reach *l)
{
    wire_span(p, &l->account);
    wire_span(p, &l->sender);
    wire_span(p, &l->recipient);
    wire_span(p, &l->peer);
    wire_bool(p, &l->anywhere);
    wire_u32(p, &l->count);
    wire_bool(p, &l->outside);
    wire_u64(p, &l->size);
}

static void visit_enhanced(struct wire *p, struct enhanced *e)
{
    uint8_t class = e->class;
    uint16_t subject = e->subject, detail = e->detail;

    wire_u8(p, &class);
    wire_u16(p, &subject);
    wire_u16(p, &detail);
    *e = (struct enhanced){class, subject, detail};
}

static void visit_reply(struct wire *p, struct reply *r)
{
    uint16_t code = r->code;

    wire_u16(p, &code);
    r->code = code;
    visit_enhanced(p, &r->enhanced);
    wire_span(p, &r->text);
    wire_u32(p, &r->wait);
}

static void visit_answer(struct wire *p, struct letter_answer *l)
{
    visit_reply(p, &l->reply);
    wire_u32(p, &l->recipients);
    wire_u32(p, &l->wait);
}

static void visit_recipient(struct wire *p, struct recipient *r)
{
    uint32_t notify = r->notify;

    wire_span(p, &r->address);
    wire_span(p, &r->orcpt);
    wire_u32(p, &notify);
    r->notify = notify;
}

static void visit_envelope(struct wire *p, struct envelope *e)
{
    unsigned ret = e->ret;
    uint32_t need = e->need;

    wire_bytes(p, e->id.byte, ID_BYTES);
    wire_span(p, &e->sender);
    wire_span(p, &e->envid);
    wire_enum(p, &ret, RET_HDRS);
    e->ret = (enum dsn_ret)ret;
    wire_u32(p, &need);
    e->need = need;
    e->recipients =
        wire_array(p, &e->count, LETTER_RECIPIENTS, e->recipients, sizeof *e->recipients);
    for (size_t i = 0; i < e->count; i++)
        visit_recipient(p, &e->recipients[i]);
}

/* The descriptor itself travels beside the bytes; its place here only says whether there is one. */
static void visit_content(struct wire *p, struct content *c)
{
    bool file = c->fd >= 0;

    wire_span(p, &c->prefix);
    wire_span(p, &c->body);
    wire_bool(p, &file);
    wire_u64(p, &c->size);
    if (p->out)
        return;
    c->fd = -1;
    if (!file && c->size != c->body.len)
        p->bad = true;
}

static void visit_accept(struct wire *p, struct letter_accept *l)
{
    struct message *m = &l->message;

    visit_envelope(p, &m->envelope);
    wire_span(p, &m->origin.account);
    wire_span(p, &m->origin.peer);
    wire_span(p, &m->origin.helo);
    wire_span(p, &m->origin.door);
    wire_span(p, &m->origin.with);
    visit_content(p, &m->content);
    wire_i64(p, &m->arrived);
    wire_u32(p, &m->header_size);
    wire_span(p, &m->once);
    wire_u64(p, &m->once_digest);
    wire_bool(p, &m->once_loose);
    wire_bool(p, &l->outside);
    wire_bool(p, &l->again);
    wire_span(p, &l->tls_version);
    wire_span(p, &l->tls_cipher);
}

static void visit_scanned(struct wire *p, struct letter_scanned *l)
{
    wire_enum(p, &l->verdict, SCAN_NO_ANSWER);
    wire_span(p, &l->fields);
    wire_span(p, &l->words);
}

static void visit_arrival(struct wire *p, struct letter_arrival *l)
{
    wire_span(p, &l->peer);
}

static void visit_keys(struct wire *p, struct letter_keys *l)
{
    l->keys = wire_array(p, &l->count, LETTER_KEYS_MAX, l->keys, sizeof *l->keys);
    for (size_t i = 0; i < l->count; i++) {
        wire_span(p, &l->keys[i].name);
        wire_span(p, &l->keys[i].text);
    }
}

static void visit_sightings(struct wire *p, struct letter_sightings *l)
{
    l->rows = wire_array(p, &l->count, LETTER_KEYS_MAX, l->rows, sizeof *l->rows);
    for (size_t i = 0; i < l->count; i++) {
        wire_enum(p, &l->rows[i].state, LETTER_SEEN_WRONG);
        wire_span(p, &l->rows[i].words);
    }
}

static void visit_mailbox_wanted(struct wire *p, struct letter_mailbox_wanted *l)
{
    wire_u64(p, &l->number);
    wire_span(p, &l->account);
    wire_u32(p, &l->place);
    wire_span(p, &l->marked);
}

static void visit_mailbox(struct wire *p, struct letter_mailbox *l)
{
    wire_enum(p, &l->result, MAILBOX_NOT_NOW);
    wire_u32(p, &l->count);
    wire_u64(p, &l->octets);
    l->entries = wire_array(p, &l->entry_count, LETTER_ENTRIES, l->entries, sizeof *l->entries);
    for (size_t i = 0; i < l->entry_count; i++) {
        wire_u64(p, &l->entries[i].octets);
        wire_span(p, &l->entries[i].uid);
    }
}

static void visit_way(struct wire *p, struct job_way *w)
{
    unsigned kind = w->kind;

    wire_enum(p, &kind, ROUTE_RELAY);
    w->kind = (enum route_kind)kind;
    wire_span(p, &w->relay);
    wire_span(p, &w->user);
    wire_span(p, &w->password);
}

static void visit_job(struct wire *p, struct letter_job *l)
{
    struct job *j = &l->job;
    uint32_t attempt = j->attempt;
    unsigned kind = j->kind;
    size_t count = j->envelope.count;

    wire_u64(p, &j->lease);
    wire_u32(p, &attempt);
    j->attempt = attempt;
    visit_envelope(p, &j->envelope);
    j->numbers = wire_array(p, &count, LETTER_RECIPIENTS, j->numbers, sizeof *j->numbers);
    for (size_t i = 0; i < count; i++)
        wire_u32(p, &j->numbers[i]);
    if (count != j->envelope.count)
        p->bad = true;
    visit_content(p, &j->content);
    wire_enum(p, &kind, ROUTE_INBOX);
    j->kind = (enum route_kind)kind;
    wire_span(p, &j->destination);
    wire_span(p, &j->domain);
    wire_span(p, &j->relay);
    wire_span(p, &j->user);
    wire_span(p, &j->password);
    wire_span(p, &j->held);
    j->then = wire_array(p, &j->then_count, JOB_THEN, j->then, sizeof *j->then);
    for (size_t i = 0; i < j->then_count; i++)
        visit_way(p, &j->then[i]);
}

static void visit_outcome(struct wire *p, struct outcome *o)
{
    unsigned kind = o->kind, scope = o->scope, stage = o->stage, owner = o->owner;

    wire_enum(p, &kind, OUTCOME_NEVER);
    wire_enum(p, &scope, SCOPE_ROUTE);
    wire_enum(p, &stage, STAGE_INBOX);
    wire_enum(p, &owner, OWNER_RECIPIENT);
    wire_bool(p, &o->explained);
    wire_enum(p, &o->cause, CAUSE_COUNT - 1);
    wire_span(p, &o->details);
    o->kind = (enum outcome_kind)kind;
    o->scope = (enum outcome_scope)scope;
    o->stage = (enum stage)stage;
    o->owner = (enum owner)owner;
    visit_enhanced(p, &o->status);
    wire_bool(p, &o->waits_for_network);
    wire_bool(p, &o->maybe_delivered);
    wire_span(p, &o->held);
    wire_span(p, &o->words);
    wire_span(p, &o->host);
    wire_span(p, &o->address);
    wire_span(p, &o->tls);
    visit_reply(p, &o->reply);
}

static void visit_try(struct wire *p, struct job_try *t)
{
    unsigned stage = t->stage;

    wire_i64(p, &t->at);
    wire_span(p, &t->host);
    wire_span(p, &t->address);
    wire_span(p, &t->tls);
    wire_enum(p, &stage, STAGE_INBOX);
    t->stage = (enum stage)stage;
    visit_reply(p, &t->reply);
    wire_span(p, &t->words);
}

static void visit_result(struct wire *p, struct letter_result *l)
{
    struct job_result *r = &l->result;

    wire_u64(p, &r->lease);
    r->outcomes = wire_array(p, &r->count, LETTER_RECIPIENTS, r->outcomes, sizeof *r->outcomes);
    for (size_t i = 0; i < r->count; i++)
        visit_outcome(p, &r->outcomes[i]);
    r->tries = wire_array(p, &r->try_count, LETTER_TRIES, r->tries, sizeof *r->tries);
    for (size_t i = 0; i < r->try_count; i++)
        visit_try(p, &r->tries[i]);
    wire_bool(p, &r->untried);
}

static void visit_text(struct wire *p, struct letter_text *l)
{
    wire_span(p, &l->text);
}

static void visit_place(struct wire *p, struct letter_place *l)
{
    wire_span(p, &l->key);
    wire_span(p, &l->name);
    wire_span(p, &l->gateway);
    wire_span(p, &l->device);
    wire_span(p, &l->portal);
    wire_bool(p, &l->offline);
    wire_bool(p, &l->tunnel);
    wire_bool(p, &l->slept);
}

static void visit_looks(struct wire *p, struct letter_looks *l)
{
    wire_bool(p, &l->looks);
}

static void visit_note(struct wire *p, struct letter_note *l)
{
    visit_place(p, &l->place);
    wire_span(p, &l->door);
    wire_span(p, &l->proof);
    wire_enum(p, &l->result, LETTER_NOTE_RESULTS - 1);
    wire_i64(p, &l->ms);
    wire_i64(p, &l->at);
}

/* One row per kind. The visit functions take their own struct; a call through the row's type would
 * be undefined, so each gets a small typed door. */
#define X(kind, name, sides)                                                                       \
    static void open_##kind(struct wire *p, void *letter)                                          \
    {                                                                                              \
        visit_##name(p, letter);                                                                   \
    }
LETTER_LIST(X)
#undef X

static const struct row {
    void (*visit)(struct wire *p, void *letter);
    size_t size;
    unsigned sides;
} rows[] = {
#define X(kind, name, sides) {open_##kind, sizeof(struct letter_##name), sides},
    LETTER_LIST(X)
#undef X
};

bool letter_write(enum letter_kind kind, const void *letter, struct text *out)
{
    struct wire p = {.out = out};

    assert((size_t)kind < COUNT(rows));
    rows[kind].visit(&p, (void *)(uintptr_t)letter); /* writing changes nothing in it */
    return !p.bad;
}

void *letter_read(enum letter_kind kind, enum letter_side from, struct span in, struct arena *a)
{
    struct wire p = {.in = in, .arena = a};
    void *letter;

    if ((size_t)kind >= COUNT(rows) || !(rows[kind].sides & from))
        return NULL;
    letter = arena_alloc(a, rows[kind].size);
    rows[kind].visit(&p, letter);
    return wire_whole(&p) ? letter : NULL;
}
