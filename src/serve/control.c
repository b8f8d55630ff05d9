#include "serve/control.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"
#include "serve/control_json.h"
#include "serve/notices.h"
#include "serve/places.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 10000 };

/* One command under way; callbacks of the queue wake its fiber. */
struct run {
    struct control *control;
    struct house *house;
    const struct clerk_rights *rights;
    json_t *in, *out;
    struct fiber *fiber;
    bool done;
    struct error error;
};

static void finish(struct run *r, const struct error *e)
{
    if (e && e->class != ERROR_NONE)
        r->error = *e;
    r->done = true;
    fiber_wake(r->fiber);
}

/* The queue and the store always answer; their own waits are bounded. */
static void wait_done(struct run *r)
{
    while (!r->done)
        fiber_wait(CLOCK_NEVER);
    r->done = false;
}

static struct span text_of(const struct run *r, const char *key)
{
    return span_of(json_string_value(json_object_get(r->in, key)));
}

static bool id_of(struct run *r, struct id *out)
{
    struct span text = text_of(r, "id");

    if (id_parse(text, out))
        return true;
    error_set(&r->error, ERROR_INPUT, "\"%.*s\" is no message id: `port26 queue ls` shows them",
              SPAN_ARG(text));
    return false;
}

/* ---- queue ---- */

static void list_entry(void *arg, const struct queue_entry *entry, const struct error *e)
{
    struct run *r = arg;

    if (entry)
        json_array_append_new(json_object_get(r->out, "messages"), control_json_entry(entry));
    else
        finish(r, e);
}

static void queue_ls(struct run *r)
{
    struct id after;
    bool from = id_parse(text_of(r, "after"), &after);

    json_object_set_new(r->out, "messages", json_array());
    queue_list(r->house->queue, from ? &after : NULL, LIST_MAX, list_entry, r);
    wait_done(r);
}

static void queue_show_one(struct run *r)
{
    struct id id;

    if (!id_of(r, &id))
        return;
    json_object_set_new(r->out, "messages", json_array());
    queue_show(r->house->queue, &id, list_entry, r);
    wait_done(r);
    if (r->error.class == ERROR_NONE && !json_array_size(json_object_get(r->out, "messages")))
        error_set(&r->error, ERROR_INPUT,
                  "no message %.*s is in the queue: it was delivered, reported or removed; the log "
                  "has its story",
                  SPAN_ARG(text_of(r, "id")));
}

static void acted(void *arg, unsigned touched, const struct error *e)
{
    struct run *r = arg;

    json_object_set_new(r->out, "touched", json_integer(touched));
    finish(r, e);
}

static void act(struct run *r, enum queue_action action)
{
    struct id id;
    bool all = json_is_true(json_object_get(r->in, "all")) && action == QUEUE_RETRY;
    struct queue_order order = {action, all ? NULL : &id, r->rights->person, text_of(r, "reason")};

    if (!all && !id_of(r, &id))
        return;
    if (!order.reason.len)
        order.reason = SPAN("by command");
    queue_act(r->house->queue, &order, acted, r);
    wait_done(r);
    if (r->error.class == ERROR_NONE && !all &&
        !json_integer_value(json_object_get(r->out, "touched")))
        error_set(&r->error, ERROR_INPUT, "no message %.*s is in the queue in a state for this",
                  SPAN_ARG(text_of(r, "id")));
}

static void queue_retry(struct run *r)
{
    act(r, QUEUE_RETRY);
}

static void queue_hold(struct run *r)
{
    act(r, QUEUE_HOLD);
}

static void queue_release(struct run *r)
{
    act(r, QUEUE_RELEASE);
}

static void queue_rm(struct run *r)
{
    act(r, QUEUE_REMOVE);
}

/* ---- accounts: the store first, then the directory ---- */

struct account_write {
    struct run *run;
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
    finish(w->run, result < 0 ? e : NULL);
}

static void commit_account(struct run *r, struct account_write *w)
{
    if (!commit_submit(queue_commit(r->house->queue), COMMIT_OWN, write_account, written, w, 0)) {
        error_set(&r->error, ERROR_TEMPORARY, "the store is busy; try again in a moment");
        return;
    }
    wait_done(r);
}

static bool name_of(struct run *r, struct arena *a, struct span *name)
{
    struct text canonical = TEXT_INIT(1024);
    bool ok = directory_name(text_of(r, "name"), &canonical);

    *name = arena_span(a, text_span(&canonical));
    text_free(&canonical);
    if (!ok)
        error_set(&r->error, ERROR_INPUT,
                  "\"%.*s\" can not be an account's name: use an address such as you@example.com",
                  SPAN_ARG(text_of(r, "name")));
    return ok;
}

static void take_aliases(struct run *r, struct account_write *w)
{
    json_t *list = json_object_get(r->in, "aliases");
    size_t n =
        json_array_size(list) < STORE_SENDERS_MAX ? json_array_size(list) : STORE_SENDERS_MAX;

    w->record.senders = arena_alloc(w->arena, n * sizeof *w->record.senders);
    for (size_t i = 0; i < n; i++)
        w->record.senders[w->record.sender_count++] =
            arena_span(w->arena, span_of(json_string_value(json_array_get(list, i))));
}

static bool take_password(struct run *r, struct account_write *w)
{
    struct scram_verifier v;
    char text[SCRAM_TEXT];

    if (scram_derive(text_of(r, "password"), &v, &r->error) < 0)
        return false;
    scram_format(&v, text);
    w->record.verifier = arena_span(w->arena, span_of(text));
    memory_wipe(&v, sizeof v);
    memory_wipe(text, sizeof text);
    return true;
}

static void put_account(struct run *r, bool exists)
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

static void account_add(struct run *r)
{
    put_account(r, false);
}

static void account_passwd(struct run *r)
{
    put_account(r, true);
}

static void account_rm(struct run *r)
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

static void account_ls(struct run *r)
{
    json_t *rows = json_array();

    directory_each(r->house->directory, account_row, rows);
    json_object_set_new(r->out, "accounts", rows);
    r->done = false;
}

/* ---- the daemon ---- */

static void config_reload(struct run *r)
{
    struct text words = TEXT_INIT(16384);

    if (!r->control->calls || !r->control->calls->reload)
        error_set(&r->error, ERROR_INPUT, "no daemon runs; the next start reads the file anyway");
    else if (r->control->calls->reload(r->control->arg, &words) < 0)
        error_set(&r->error, ERROR_INPUT, "%s", text_cstr(&words));
    json_object_set_new(r->out, "notes", json_string(text_cstr(&words)));
    text_free(&words);
}

/* Without a daemon the record is read, and written at once. */
static struct places *take_places(struct run *r, bool *own)
{
    const struct control_calls *calls = r->control->calls;

    *own = !calls || !calls->places;
    return *own ? places_open(NULL, r->house->config->store.path) : calls->places(r->control->arg);
}

static void places_ls(struct run *r)
{
    bool own;
    struct places *p = take_places(r, &own);

    json_object_set_new(r->out, "places", places_json(p));
    if (own)
        places_close(&p);
}

/* One place, by its key. */
static void place_act(struct run *r, bool (*fn)(struct places *p, const char *key, struct span))
{
    struct span key = text_of(r, "key");
    bool own;
    struct places *p = take_places(r, &own);

    if (!key.len || !fn(p, key.at, text_of(r, "name")))
        error_set(&r->error, ERROR_INPUT,
                  "no place \"%.*s\" is remembered: `port26 places` shows their keys",
                  SPAN_ARG(span_head(key, 64)));
    else if (!own)
        r->control->calls->places_changed(r->control->arg);
    if (own)
        places_close(&p);
}

static bool forget(struct places *p, const char *key, struct span unused)
{
    (void)unused;
    return places_forget(p, key);
}

static void places_rm(struct run *r)
{
    place_act(r, forget);
}

static void places_name(struct run *r)
{
    place_act(r, places_call);
}

static void waiting_row(void *arg, const struct queue_place *p)
{
    json_array_append_new(arg, control_json_waiting(p));
}

static void status_places(struct run *r)
{
    json_t *waiting = json_array();
    bool own;
    struct places *p = take_places(r, &own);

    json_object_set_new(r->out, "place", places_json_here(p));
    json_object_set_new(r->out, "relays", places_json_relays(p, r->house->config));
    queue_places(r->house->queue, waiting_row, waiting);
    json_object_set_new(r->out, "waiting", waiting);
    if (own)
        places_close(&p);
}

static void status(struct run *r)
{
    struct queue_counts n;

    queue_counts(r->house->queue, &n);
    json_object_set_new(r->out, "queue", control_json_counts(&n));
    json_object_set_new(r->out, "accounts",
                        json_integer((json_int_t)directory_count(r->house->directory)));
    status_places(r);
    if (r->control->calls && r->control->calls->notices)
        json_object_set_new(r->out, "notices",
                            notices_json(r->control->calls->notices(r->control->arg)));
    json_object_set_new(r->out, "doors", control_json_doors(r->house->config));
    if (r->control->calls && r->control->calls->status) {
        struct text facts = TEXT_INIT(65536);
        json_t *processes;

        r->control->calls->status(r->control->arg, &facts);
        processes = json_loadb(text_cstr(&facts), facts.len, 0, NULL);
        if (processes)
            json_object_set_new(r->out, "processes", processes);
        text_free(&facts);
    }
}

static const struct command {
    const char *name;
    void (*fn)(struct run *r);
} commands[] = {
    {"queue ls", queue_ls},
    {"queue show", queue_show_one},
    {"queue retry", queue_retry},
    {"queue hold", queue_hold},
    {"queue release", queue_release},
    {"queue rm", queue_rm},
    {"account ls", account_ls},
    {"account add", account_add},
    {"account passwd", account_passwd},
    {"account rm", account_rm},
    {"config reload", config_reload},
    {"places", places_ls},
    {"places forget", places_rm},
    {"places name", places_name},
    {"status", status},
};

static void run_named(struct run *r, struct span name)
{
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (span_is(name, commands[i].name)) {
            commands[i].fn(r);
            return;
        }
    }
    error_set(&r->error, ERROR_INPUT,
              "the daemon does not know the command \"%.*s\"; are both of the same version?",
              SPAN_ARG(name));
}

void control_run(void *arg, struct span command, const struct clerk_rights *rights,
                 struct text *answer)
{
    struct control *c = arg;
    struct run r = {.control = c, .house = c->house, .rights = rights, .fiber = fiber_self()};
    char *dumped;

    r.in = json_loadb(command.at ? command.at : "", command.len, 0, NULL);
    r.out = json_object();
    if (!r.in)
        error_set(&r.error, ERROR_INPUT, "the command is no JSON");
    else if (!rights->admin)
        error_set(&r.error, ERROR_INPUT,
                  "only root and the user the daemon runs as may do this; try sudo");
    else
        run_named(&r, text_of(&r, "command"));
    json_object_set_new(r.out, "ok", json_boolean(r.error.class == ERROR_NONE));
    if (r.error.class != ERROR_NONE)
        json_object_set_new(r.out, "error", json_string(r.error.words));
    dumped = json_dumps(r.out, JSON_COMPACT);
    if (!dumped || !text_adds(answer, dumped))
        text_adds(answer, "{\"ok\":false,\"error\":\"the answer is too long; ask for less\"}");
    free(dumped);
    json_decref(r.in);
    json_decref(r.out);
}
