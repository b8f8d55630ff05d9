/* Commands about accounts: the store is written first, then the directory. */
#include "serve/control_json.h"
#include "serve/control_parts.h"

#include "base/clock.h"
#include "base/memory.h"

struct account_write {
    struct control_call *run;
    struct store_account record;
    struct arena *arena;
    bool remove;
};

static int write_account(struct store *s, void *arg, struct error *e)
{
    struct account_write *w = arg;

    return w->remove ? store_account_remove(s, w->record.name, e)
                     : store_account_put(s, &w->record, e);
}

static void written(void *arg, int result, const struct error *e)
{
    struct account_write *w = arg;
    struct house *h = w->run->house;

    if (result >= 0 && w->remove)
        directory_remove(h->directory, w->record.name);
    else if (result >= 0)
        directory_put(h->directory, &w->record);
    login_forget(h->login);
    control_finish(w->run, result < 0 ? e : NULL);
}

static void commit_account(struct control_call *r, struct account_write *w)
{
    if (!commit_submit(queue_commit(r->house->queue), COMMIT_OWN, write_account, written, w, 0)) {
        error_set(&r->error, ERROR_TEMPORARY, "the store is busy; try again in a moment");
        return;
    }
    control_wait(r);
}

static bool name_of(struct control_call *r, struct arena *a, struct span *name)
{
    struct text canonical = TEXT_INIT(1024);
    bool ok = directory_name(control_text(r, "name"), &canonical);

    *name = arena_span(a, text_span(&canonical));
    text_free(&canonical);
    if (!ok)
        error_set(&r->error, ERROR_INPUT,
                  "\"%.*s\" can not be an account's name: use an address such as you@example.com",
                  SPAN_ARG(control_text(r, "name")));
    return ok;
}

static void take_aliases(struct control_call *r, struct account_write *w)
{
    json_t *list = json_object_get(r->in, "aliases");
    size_t n =
        json_array_size(list) < STORE_SENDERS_MAX ? json_array_size(list) : STORE_SENDERS_MAX;

    w->record.senders = arena_alloc(w->arena, n * sizeof *w->record.senders);
    for (size_t i = 0; i < n; i++)
        w->record.senders[w->record.sender_count++] =
            arena_span(w->arena, span_of(json_string_value(json_array_get(list, i))));
}

static bool take_password(struct control_call *r, struct account_write *w)
{
    struct scram_verifier v;
    char text[SCRAM_TEXT];

    if (scram_derive(control_text(r, "password"), &v, &r->error) < 0)
        return false;
    scram_format(&v, text);
    w->record.verifier = arena_span(w->arena, span_of(text));
    memory_wipe(&v, sizeof v);
    memory_wipe(text, sizeof text);
    return true;
}

static void put_account(struct control_call *r, bool exists)
{
    struct account_write w = {.run = r, .arena = arena_new()};
    const struct account *a = NULL;

    if (name_of(r, w.arena, &w.record.name))
        a = directory_find(r->house->directory, w.record.name);
    if (w.record.name.len && exists != (a != NULL)) {
        error_set(
            &r->error, ERROR_INPUT,
            exists
                ? "there is no account %.*s: `port26 account ls` shows all"
                : "the account %.*s exists already: `port26 account passwd` changes its password",
            SPAN_ARG(w.record.name));
    } else if (w.record.name.len && take_password(r, &w)) {
        w.record.created = a ? a->created : clock_wall();
        if (a) {
            w.record.senders = a->aliases;
            w.record.sender_count = a->alias_count;
            w.record.flags = a->locked ? STORE_ACCOUNT_LOCKED : 0;
        } else {
            take_aliases(r, &w);
        }
        commit_account(r, &w);
    }
    arena_free(&w.arena);
}

void control_account_add(struct control_call *r)
{
    put_account(r, false);
}

void control_account_passwd(struct control_call *r)
{
    put_account(r, true);
}

void control_account_rm(struct control_call *r)
{
    struct account_write w = {.run = r, .arena = arena_new(), .remove = true};

    if (name_of(r, w.arena, &w.record.name)) {
        if (directory_find(r->house->directory, w.record.name))
            commit_account(r, &w);
        else
            error_set(&r->error, ERROR_INPUT,
                      "there is no account %.*s: `port26 account ls` shows all",
                      SPAN_ARG(w.record.name));
    }
    arena_free(&w.arena);
}

static void account_row(void *arg, const struct account *a)
{
    json_array_append_new(arg, control_json_account(a));
}

void control_account_ls(struct control_call *r)
{
    json_t *rows = json_array();

    directory_each(r->house->directory, account_row, rows);
    json_object_set_new(r->out, "accounts", rows);
    r->done = false;
}
