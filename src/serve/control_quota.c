/* Commands about storage quotas. What an account or hosting account may send stands beside what it
 * stores in the answer of "quota show". */
#include "serve/control_json.h"
#include "serve/control_parts.h"
#include "serve/quotas.h"
#include "serve/sendings.h"

#include "base/memory.h"

#include <stdlib.h>

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

/* A hosting account that never had an account stores nothing. */
static struct usage_view view_of_host(const struct house *h, const struct hosting *host)
{
    uint64_t allowed = host->quota == STORE_NO_QUOTA ? 0 : host->quota;
    struct usage_view v;

    if (usage_of_host(quotas_usage(h->quotas), host->name, &v))
        return v;
    return (struct usage_view){.name = host->name,
                               .is_host = true,
                               .allowed = host->quota ? allowed : h->config->quota.host};
}

json_t *control_quota_host(const struct house *h, const struct hosting *host)
{
    struct usage_view v = view_of_host(h, host);

    return row_of(&v);
}

json_t *control_quota_account(const struct house *h, struct span name)
{
    struct usage_view v;

    return usage_of(quotas_usage(h->quotas), name, &v) ? row_of(&v) : json_null();
}

struct rows {
    const struct house *house;
    struct control_page page;
    struct span host; /* only its accounts; at NULL: all */
};

static void add_row(void *arg, const struct usage_view *v)
{
    struct rows *rows = arg;

    if ((!rows->host.at || span_eq(v->host, rows->host)) && control_page_wants(&rows->page))
        json_array_append_new(rows->page.rows, row_of(v));
}

static void add_host(void *arg, const struct hosting *host)
{
    struct rows *rows = arg;

    if (control_page_wants(&rows->page))
        json_array_append_new(rows->page.rows, control_quota_host(rows->house, host));
}

void control_quota_ls(struct control_call *r)
{
    struct rows rows = {.house = r->house};

    control_page_begin(r, &rows.page);
    directory_host_each(r->house->directory, add_host, &rows);
    usage_each(quotas_usage(r->house->quotas), add_row, &rows);
    control_page_end(r, &rows.page, "quotas");
}

/* An account by its name, or a hosting account. */
static bool find(struct control_call *r, struct usage_view *v)
{
    struct span typed = control_text(r, "name");
    const struct hosting *host = NULL;
    struct text name = TEXT_INIT(1024);
    bool found;

    found = directory_name(typed, &name) &&
            usage_of(quotas_usage(r->house->quotas), text_span(&name), v);
    if (!found) {
        text_clear(&name);
        if (directory_host_name(typed, &name))
            host = directory_host(r->house->directory, text_span(&name));
        if (host)
            *v = view_of_host(r->house, host);
    }
    text_free(&name);
    if (!found && !host)
        error_set(&r->error, ERROR_INPUT,
                  "there is no account and no hosting account named \"%.*s\": `port26 quota ls` "
                  "shows all",
                  SPAN_ARG(span_head(typed, 100)));
    return found || host;
}

void control_quota_show(struct control_call *r)
{
    const struct sendings *s = r->house->sendings;
    struct rows rows = {0};
    struct usage_view v;
    json_t *o;

    if (!find(r, &v))
        return;
    o = row_of(&v);
    json_object_set_new(o, "sent",
                        v.is_host ? sendings_host_json(s, v.name) : sendings_json(s, v.name));
    json_object_set_new(r->out, "quota", o);
    if (!v.is_host)
        return;
    rows.host = v.name;
    control_page_begin(r, &rows.page);
    usage_each(quotas_usage(r->house->quotas), add_row, &rows);
    control_page_end(r, &rows.page, "accounts");
}

/* ---- recount ---- */

struct recount {
    struct control_call *call;
    struct arena *arena;
    struct span *names, host;
    size_t count, cap;
    json_t *corrected, *failed;
};

static void take_name(void *arg, const struct usage_view *v)
{
    struct recount *n = arg;

    if (n->host.at && !span_eq(v->host, n->host))
        return;
    if (n->count == n->cap) {
        n->cap = n->cap ? 2 * n->cap : 64;
        n->names = memory_grow(n->names, n->cap * sizeof *n->names);
    }
    n->names[n->count++] = arena_span(n->arena, v->name);
}

static bool differs(const struct quotas_measured *m)
{
    return m->was_octets != (int64_t)m->octets || m->was_messages != (int64_t)m->messages;
}

static void counted(void *arg, const struct quotas_measured *m)
{
    struct recount *n = arg;

    if (m->error)
        json_array_append_new(
            n->failed, json_pack("{s:o, s:s}", "name", text(m->account), "words", m->error->words));
    else if (differs(m))
        json_array_append_new(n->corrected,
                              json_pack("{s:o, s:I, s:I, s:I, s:I}", "name", text(m->account),
                                        "was", (json_int_t)m->was_octets, "was_messages",
                                        (json_int_t)m->was_messages, "is", (json_int_t)m->octets,
                                        "is_messages", (json_int_t)m->messages));
    control_finish(n->call, NULL);
}

static void count_all(struct control_call *r, struct recount *n)
{
    for (size_t i = 0; i < n->count; i++) {
        quotas_measure(r->house->quotas, n->names[i], counted, n);
        control_wait(r);
    }
    json_object_set_new(r->out, "counted", json_integer((json_int_t)n->count));
    json_object_set_new(r->out, "corrected", json_incref(n->corrected));
    json_object_set_new(r->out, "failed", json_incref(n->failed));
}

void control_quota_recount(struct control_call *r)
{
    bool all = json_is_true(json_object_get(r->in, "all"));
    struct recount n = {
        .call = r, .arena = arena_new(), .corrected = json_array(), .failed = json_array()};
    struct usage_view v = {0};

    if (all || find(r, &v)) {
        if (v.is_host)
            n.host = arena_span(n.arena, v.name);
        if (all || v.is_host)
            usage_each(quotas_usage(r->house->quotas), take_name, &n);
        else
            take_name(&n, &v);
        count_all(r, &n);
    }
    json_decref(n.corrected);
    json_decref(n.failed);
    free(n.names);
    arena_free(&n.arena);
}
