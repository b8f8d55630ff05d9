#include "post/letter.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

static void visit_nothing(struct pack *p, struct letter_nothing *l)
{
    pack_u8(p, &l->unused);
}

static void visit_setup(struct pack *p, struct letter_setup *l)
{
    pack_span(p, &l->file);
    pack_span(p, &l->text);
    pack_u32(p, &l->number);
}

static void visit_certificate(struct pack *p, struct letter_certificate *l)
{
    pack_span(p, &l->door);
    pack_span(p, &l->certificate);
    pack_span(p, &l->key);
}

static void visit_drain(struct pack *p, struct letter_drain *l)
{
    pack_bool(p, &l->hurry);
}

static void visit_door(struct pack *p, struct letter_door *l)
{
    pack_span(p, &l->name);
}

static void visit_login(struct pack *p, struct letter_login *l)
{
    pack_span(p, &l->name);
    pack_span(p, &l->password);
    pack_span(p, &l->peer);
}

static void visit_login_note(struct pack *p, struct letter_login_note *l)
{
    pack_span(p, &l->name);
    pack_span(p, &l->peer);
    pack_bool(p, &l->good);
}

static void visit_login_answer(struct pack *p, struct letter_login_answer *l)
{
    pack_enum(p, &l->result, LOGIN_LATER);
    pack_span(p, &l->account);
    pack_u32(p, &l->wait);
}

static void visit_verifier(struct pack *p, struct letter_verifier *l)
{
    pack_enum(p, &l->result, LOGIN_LATER);
    pack_u32(p, &l->iterations);
    pack_span(p, &l->salt);
    pack_bytes(p, l->stored_key, sizeof l->stored_key);
    pack_bytes(p, l->server_key, sizeof l->server_key);
    pack_u32(p, &l->wait);
}

static void visit_may_send(struct pack *p, struct letter_may_send *l)
{
    pack_span(p, &l->account);
    pack_span(p, &l->sender);
    pack_span(p, &l->peer);
    pack_span(p, &l->door);
    pack_u64(p, &l->size);
}

static void visit_may_reach(struct pack *p, struct letter_may_reach *l)
{
    pack_span(p, &l->account);
    pack_span(p, &l->recipient);
    pack_span(p, &l->peer);
    pack_bool(p, &l->anywhere);
}

static void visit_enhanced(struct pack *p, struct enhanced *e)
{
    uint8_t class = e->class;
    uint16_t subject = e->subject, detail = e->detail;

    pack_u8(p, &class);
    pack_u16(p, &subject);
    pack_u16(p, &detail);
    *e = (struct enhanced){class, subject, detail};
}

static void visit_reply(struct pack *p, struct reply *r)
{
    uint16_t code = r->code;

    pack_u16(p, &code);
    r->code = code;
    visit_enhanced(p, &r->enhanced);
    pack_span(p, &r->text);
}

static void visit_answer(struct pack *p, struct letter_answer *l)
{
    visit_reply(p, &l->reply);
}

static void visit_recipient(struct pack *p, struct recipient *r)
{
    uint32_t notify = r->notify;

    pack_span(p, &r->address);
    pack_span(p, &r->orcpt);
    pack_u32(p, &notify);
    r->notify = notify;
}

static void visit_envelope(struct pack *p, struct envelope *e)
{
    unsigned ret = e->ret;
    uint32_t need = e->need;

    pack_bytes(p, e->id.byte, ID_BYTES);
    pack_span(p, &e->sender);
    pack_span(p, &e->envid);
    pack_enum(p, &ret, RET_HDRS);
    e->ret = (enum dsn_ret)ret;
    pack_u32(p, &need);
    e->need = need;
    e->recipients =
        pack_array(p, &e->count, LETTER_RECIPIENTS, e->recipients, sizeof *e->recipients);
    for (size_t i = 0; i < e->count; i++)
        visit_recipient(p, &e->recipients[i]);
}

/* The descriptor itself travels beside the bytes; its place here only says whether there is one. */
static void visit_content(struct pack *p, struct content *c)
{
    bool file = c->fd >= 0;

    pack_span(p, &c->prefix);
    pack_span(p, &c->body);
    pack_bool(p, &file);
    pack_u64(p, &c->size);
    if (p->out)
        return;
    c->fd = -1;
    if (!file && c->size != c->body.len)
        p->bad = true;
}

static void visit_accept(struct pack *p, struct letter_accept *l)
{
    struct message *m = &l->message;

    visit_envelope(p, &m->envelope);
    pack_span(p, &m->origin.account);
    pack_span(p, &m->origin.peer);
    pack_span(p, &m->origin.helo);
    pack_span(p, &m->origin.door);
    pack_span(p, &m->origin.with);
    visit_content(p, &m->content);
    pack_i64(p, &m->arrived);
    pack_u32(p, &m->header_size);
}

static void visit_job(struct pack *p, struct letter_job *l)
{
    struct job *j = &l->job;
    uint32_t attempt = j->attempt;
    unsigned kind = j->kind;
    size_t count = j->envelope.count;

    pack_u64(p, &j->lease);
    pack_u32(p, &attempt);
    j->attempt = attempt;
    visit_envelope(p, &j->envelope);
    j->numbers = pack_array(p, &count, LETTER_RECIPIENTS, j->numbers, sizeof *j->numbers);
    for (size_t i = 0; i < count; i++)
        pack_u32(p, &j->numbers[i]);
    if (count != j->envelope.count)
        p->bad = true;
    visit_content(p, &j->content);
    pack_enum(p, &kind, ROUTE_INBOX);
    j->kind = (enum route_kind)kind;
    pack_span(p, &j->destination);
    pack_span(p, &j->domain);
    pack_span(p, &j->relay);
    pack_span(p, &j->user);
    pack_span(p, &j->password);
}

static void visit_outcome(struct pack *p, struct outcome *o)
{
    unsigned kind = o->kind, scope = o->scope, stage = o->stage, owner = o->owner;

    pack_enum(p, &kind, OUTCOME_NEVER);
    pack_enum(p, &scope, SCOPE_ROUTE);
    pack_enum(p, &stage, STAGE_INBOX);
    pack_enum(p, &owner, OWNER_RECIPIENT);
    o->kind = (enum outcome_kind)kind;
    o->scope = (enum outcome_scope)scope;
    o->stage = (enum stage)stage;
    o->owner = (enum owner)owner;
    visit_enhanced(p, &o->status);
    pack_bool(p, &o->waits_for_network);
    pack_bool(p, &o->maybe_delivered);
    pack_span(p, &o->words);
    pack_span(p, &o->host);
    pack_span(p, &o->address);
    pack_span(p, &o->tls);
    visit_reply(p, &o->reply);
}

static void visit_try(struct pack *p, struct job_try *t)
{
    unsigned stage = t->stage;

    pack_i64(p, &t->at);
    pack_span(p, &t->host);
    pack_span(p, &t->address);
    pack_span(p, &t->tls);
    pack_enum(p, &stage, STAGE_INBOX);
    t->stage = (enum stage)stage;
    visit_reply(p, &t->reply);
    pack_span(p, &t->words);
}

static void visit_result(struct pack *p, struct letter_result *l)
{
    struct job_result *r = &l->result;

    pack_u64(p, &r->lease);
    r->outcomes = pack_array(p, &r->count, LETTER_RECIPIENTS, r->outcomes, sizeof *r->outcomes);
    for (size_t i = 0; i < r->count; i++)
        visit_outcome(p, &r->outcomes[i]);
    r->tries = pack_array(p, &r->try_count, LETTER_TRIES, r->tries, sizeof *r->tries);
    for (size_t i = 0; i < r->try_count; i++)
        visit_try(p, &r->tries[i]);
}

static void visit_text(struct pack *p, struct letter_text *l)
{
    pack_span(p, &l->text);
}

/* One row per kind. The visit functions take their own struct; a call through the row's type would
 * be undefined, so each gets a small typed door. */
#define X(kind, name, sides)                                                                       \
    static void open_##kind(struct pack *p, void *letter)                                          \
    {                                                                                              \
        visit_##name(p, letter);                                                                   \
    }
LETTER_LIST(X)
#undef X

static const struct row {
    const char *name;
    void (*visit)(struct pack *p, void *letter);
    size_t size;
    unsigned sides;
} rows[] = {
#define X(kind, name, sides) {#kind, open_##kind, sizeof(struct letter_##name), sides},
    LETTER_LIST(X)
#undef X
};

bool letter_write(enum letter_kind kind, const void *letter, struct text *out)
{
    struct pack p = {.out = out};

    assert((size_t)kind < COUNT(rows));
    rows[kind].visit(&p, (void *)(uintptr_t)letter); /* writing changes nothing in it */
    return !p.bad;
}

void *letter_read(enum letter_kind kind, enum letter_side from, struct span in, struct arena *a)
{
    struct pack p = {.in = in, .arena = a};
    void *letter;

    if ((size_t)kind >= COUNT(rows) || !(rows[kind].sides & from))
        return NULL;
    letter = arena_alloc(a, rows[kind].size);
    rows[kind].visit(&p, letter);
    return pack_whole(&p) ? letter : NULL;
}

const char *letter_name(enum letter_kind kind)
{
    return (size_t)kind < COUNT(rows) ? rows[kind].name : "unknown";
}
