/* Commands about storage quotas. What an account or hosting account may send stands beside what it
 * stores in the answer of "quota show". */
#include "serve/control_json.h"
#include "serve/control_parts.h"
#include "serve/quotas.h"
#include "account/usage_words.h"
#include "serve/sendings.h"

#include "base/arena.h"
#include "base/memory.h"

#include <stdlib.h>

enum { SMALL = 64 << 10 }; /* a quota that is a slip of the pen */

static json_t *text(struct span s)
{
    return json_stringn(s.at ? s.at : "", s.len);
}

static json_t *row_of(const struct usage_view *v)
{
    json_t *o = json_object();

    json_object_set_new(o, "name", text(v->name));
    json_object_set_new(o, "kind", json_string(v->is_host ? "host" : "account"));
    if (!v->is_host)
        json_object_set_new(o, "host", text(v->host));
    json_object_set_new(o, "used", json_integer((json_int_t)v->used));
    json_object_set_new(o, "allowed",
                        v->allowed ? json_integer((json_int_t)v->allowed) : json_null());
    json_object_set_new(o, "percent", v->allowed ? json_integer(usage_percent(v)) : json_null());
    json_object_set_new(o, "mailbox", json_integer((json_int_t)v->mailbox));
    json_object_set_new(o, "messages", json_integer((json_int_t)v->messages));
    json_object_set_new(o, "queue", json_integer((json_int_t)v->queue));
    json_object_set_new(o, "unsure", json_boolean(v->unsure));
    return o;
}

json_t *control_quota_host(const struct house *h, const struct hosting *host)
{
    struct usage_view v;

    return usage_of_host(quotas_usage(h->quotas), host->name, &v, NULL) > 0 ? row_of(&v)
                                                                            : json_null();
}

json_t *control_quota_account(const struct house *h, struct span name)
{
    struct usage_view v;

    return usage_of(quotas_usage(h->quotas), name, &v, NULL) > 0 ? row_of(&v) : json_null();
}

void control_quota_note(struct control_call *r, bool is_host, struct span name)
{
    struct usage *u = quotas_usage(r->house->quotas);
    char used[USAGE_SIZE_TEXT], room[USAGE_SIZE_TEXT];
    struct usage_view v;
    int there = is_host ? usage_of_host(u, name, &v, NULL) : usage_of(u, name, &v, NULL);

    if (there <= 0 || !v.allowed)
        return;
    usage_words_size(v.used, used);
    usage_words_size(v.allowed, room);
    if (v.used >= v.allowed)
        control_note(r,
                     "Careful: %s of %s are used already. Until mail is deleted nothing can be "
                     "sent from %s or received.",
                     used, room, is_host ? "its mailboxes" : "it");
    else if (v.allowed < SMALL)
        control_note(r, "Careful: that is %s, hardly one message. 100M is a hundred megabytes.",
                     room);
}

/* Names are taken first, then looked at: nothing else reads the store while it is walked. */
struct names {
    struct control_page page;
    struct arena *arena;
    struct span *name;
    size_t count, cap;
    bool all; /* not only those of the page */
};

static bool take_name(void *arg, struct span name)
{
    struct names *n = arg;

    if (!n->all && !control_page_wants(&n->page))
        return true;
    if (n->count == n->cap) {
        n->cap = n->cap ? 2 * n->cap : 64;
        n->name = memory_grow(n->name, n->cap * sizeof *n->name);
    }
    n->name[n->count++] = arena_span(n->arena, name);
    return true;
}

static bool take_names(struct control_call *r, struct names *n, enum store_list_kind kind,
                       struct span of)
{
    struct store_list list = {kind, of};

    return store_names(r->house->reader, &list, NULL, take_name, n, &r->error) == 0;
}

static void names_begin(const struct control_call *r, struct names *n)
{
    *n = (struct names){.arena = arena_new()};
    control_page_begin(r, &n->page);
}

static void names_free(struct names *n)
{
    free(n->name);
    arena_free(&n->arena);
}

/* Rows of accounts, or of hosting accounts, from this one on. */
static bool add_rows(struct control_call *r, struct names *n, size_t from, bool hosts)
{
    struct usage *u = quotas_usage(r->house->quotas);
    struct usage_view v;

    for (size_t i = from; i < n->count; i++) {
        int there = hosts ? usage_of_host(u, n->name[i], &v, &r->error)
                          : usage_look(u, n->name[i], &v, &r->error);

        if (there < 0)
            return false;
        if (there)
            json_array_append_new(n->page.rows, row_of(&v));
    }
    return true;
}

void control_quota_ls(struct control_call *r)
{
    struct names n;
    size_t hosts;

    names_begin(r, &n);
    if (take_names(r, &n, STORE_HOSTS, SPAN_NONE) && add_rows(r, &n, 0, true)) {
        hosts = n.count;
        if (take_names(r, &n, STORE_ACCOUNTS, SPAN_NONE))
            add_rows(r, &n, hosts, false);
    }
    control_page_end(r, &n.page, "quotas");
    names_free(&n);
}

/* An account by its name, or a hosting account. */
static bool find(struct control_call *r, struct usage_view *v)
{
    struct usage *u = quotas_usage(r->house->quotas);
    struct span typed = control_text(r, "name");
    struct text name = TEXT_INIT(1024);
    int found = 0;

    if (directory_name(typed, &name))
        found = usage_of(u, text_span(&name), v, &r->error);
    if (!found && directory_host_name(typed, &name))
        found = usage_of_host(u, text_span(&name), v, &r->error);
    text_free(&name);
    if (!found)
        error_set(&r->error, ERROR_INPUT,
                  "there is no account and no hosting account named \"%.*s\": `port26 quota ls` "
                  "shows all",
                  SPAN_ARG(span_head(typed, 100)));
    return found > 0;
}

static void refreshed(void *arg)
{
    control_finish(arg, NULL);
}

/* What an IMAP server did a moment ago is in it. */
void control_quota_show(struct control_call *r)
{
    const struct sendings *s = r->house->sendings;
    struct usage_view v;
    struct names n;
    json_t *o;

    if (!find(r, &v))
        return;
    if (!v.is_host) {
        quotas_refresh(r->house->quotas, v.name, refreshed, r);
        control_wait(r);
        if (!find(r, &v)) /* it may have been removed meanwhile */
            return;
    }
    o = row_of(&v);
    json_object_set_new(o, "sent",
                        v.is_host ? sendings_host_json(s, v.name) : sendings_json(s, v.name));
    json_object_set_new(r->out, "quota", o);
    if (!v.is_host)
        return;
    names_begin(r, &n);
    if (take_names(r, &n, STORE_HOST_ACCOUNTS, v.name))
        add_rows(r, &n, 0, false);
    control_page_end(r, &n.page, "accounts");
    names_free(&n);
}

void control_quota_reset(struct control_call *r)
{
    struct usage_view v;

    if (find(r, &v))
        sendings_reset(r->house->sendings, v.is_host, v.name, r->rights->person);
}

/* ---- recount ---- */

/* Of 100,000 mailboxes all may be told, and an answer has a bound: so many rows of a list, and how
 * many there are besides. */
enum { RECOUNT_ROWS = 1000 };

struct told {
    json_t *rows;
    size_t more;
};

struct recount {
    struct control_call *call;
    struct names names;
    struct told corrected, failed;
};

static void tell(struct told *t, json_t *row)
{
    if (json_array_size(t->rows) < RECOUNT_ROWS) {
        json_array_append_new(t->rows, row);
        return;
    }
    t->more++;
    json_decref(row);
}

static bool differs(const struct quotas_measured *m)
{
    return m->was_octets != (int64_t)m->octets || m->was_messages != (int64_t)m->messages;
}

static json_t *correction(struct span name, int64_t was, int64_t was_messages, uint64_t is,
                          uint64_t is_messages)
{
    return json_pack("{s:o, s:I, s:I, s:I, s:I}", "name", text(name), "was", (json_int_t)was,
                     "was_messages", (json_int_t)was_messages, "is", (json_int_t)is, "is_messages",
                     (json_int_t)is_messages);
}

static void counted(void *arg, const struct quotas_measured *m)
{
    struct recount *n = arg;

    if (m->error)
        tell(&n->failed,
             json_pack("{s:o, s:s}", "name", text(m->account), "words", m->error->words));
    else if (differs(m))
        tell(&n->corrected,
             correction(m->account, m->was_octets, m->was_messages, m->octets, m->messages));
    control_finish(n->call, NULL);
}

static void mended(void *arg, const struct quotas_mended *m)
{
    struct recount *n = arg;

    for (size_t i = 0; i < m->count; i++)
        tell(&n->corrected,
             correction(m->host[i].host, m->host[i].was.octets, m->host[i].was.messages,
                        (uint64_t)m->host[i].is.octets, (uint64_t)m->host[i].is.messages));
    control_finish(n->call, m->error);
}

/* The mailboxes first: the sums are made of what is known of them. */
static void count_all(struct control_call *r, struct recount *n, bool sums, struct span host)
{
    for (size_t i = 0; i < n->names.count; i++) {
        quotas_measure(r->house->quotas, n->names.name[i], counted, n);
        control_wait(r);
    }
    if (sums) {
        quotas_mend(r->house->quotas, host, mended, n);
        control_wait(r);
    }
    json_object_set_new(r->out, "counted", json_integer((json_int_t)n->names.count));
    json_object_set_new(r->out, "corrected", json_incref(n->corrected.rows));
    json_object_set_new(r->out, "corrected_more", json_integer((json_int_t)n->corrected.more));
    json_object_set_new(r->out, "failed", json_incref(n->failed.rows));
    json_object_set_new(r->out, "failed_more", json_integer((json_int_t)n->failed.more));
}

void control_quota_recount(struct control_call *r)
{
    bool all = json_is_true(json_object_get(r->in, "all")), good = true;
    struct recount n = {.call = r, .corrected = {json_array(), 0}, .failed = {json_array(), 0}};
    struct usage_view v = {0};
    struct span host = SPAN_NONE;

    names_begin(r, &n.names);
    n.names.all = true;
    if (all || find(r, &v)) {
        host = arena_span(n.names.arena, v.is_host ? v.name : v.host);
        if (all)
            good = take_names(r, &n.names, STORE_ACCOUNTS, SPAN_NONE);
        else if (v.is_host)
            good = take_names(r, &n.names, STORE_HOST_ACCOUNTS, host);
        else
            take_name(&n.names, v.name);
        if (good)
            count_all(r, &n, all || host.len, host);
    }
    json_decref(n.corrected.rows);
    json_decref(n.failed.rows);
    json_decref(n.names.page.rows);
    names_free(&n.names);
}
