#include "serve/control.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"
#include "serve/control_json.h"
#include "serve/control_parts.h"
#include "serve/notices.h"
#include "serve/places.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 10000 };

void control_finish(struct control_call *r, const struct error *e)
{
    if (e && e->class != ERROR_NONE)
        r->error = *e;
    r->done = true;
    fiber_wake(r->fiber);
}

/* The queue and the store always answer; their own waits are bounded. */
void control_wait(struct control_call *r)
{
    while (!r->done)
        fiber_wait(CLOCK_NEVER);
    r->done = false;
}

struct span control_text(const struct control_call *r, const char *key)
{
    return span_of(json_string_value(json_object_get(r->in, key)));
}

static bool id_of(struct control_call *r, struct id *out)
{
    struct span text = control_text(r, "id");

    if (id_parse(text, out))
        return true;
    error_set(&r->error, ERROR_INPUT, "\"%.*s\" is no message id: `port26 queue ls` shows them",
              SPAN_ARG(text));
    return false;
}

/* ---- queue ---- */

static void list_entry(void *arg, const struct queue_entry *entry, const struct error *e)
{
    struct control_call *r = arg;

    if (entry)
        json_array_append_new(json_object_get(r->out, "messages"), control_json_entry(entry));
    else
        control_finish(r, e);
}

static void queue_ls(struct control_call *r)
{
    struct id after;
    bool from = id_parse(control_text(r, "after"), &after);

    json_object_set_new(r->out, "messages", json_array());
    queue_list(r->house->queue, from ? &after : NULL, LIST_MAX, list_entry, r);
    control_wait(r);
}

static void queue_show_one(struct control_call *r)
{
    struct id id;

    if (!id_of(r, &id))
        return;
    json_object_set_new(r->out, "messages", json_array());
    queue_show(r->house->queue, &id, list_entry, r);
    control_wait(r);
    if (r->error.class == ERROR_NONE && !json_array_size(json_object_get(r->out, "messages")))
        error_set(&r->error, ERROR_INPUT,
                  "no message %.*s is in the queue: it was delivered, reported or removed; the log "
                  "has its story",
                  SPAN_ARG(control_text(r, "id")));
}

static void acted(void *arg, unsigned touched, const struct error *e)
{
    struct control_call *r = arg;

    json_object_set_new(r->out, "touched", json_integer(touched));
    control_finish(r, e);
}

static void act(struct control_call *r, enum queue_action action)
{
    struct id id;
    bool all = json_is_true(json_object_get(r->in, "all")) && action == QUEUE_RETRY;
    struct queue_order order = {action, all ? NULL : &id, r->rights->person,
                                control_text(r, "reason")};

    if (!all && !id_of(r, &id))
        return;
    if (!order.reason.len)
        order.reason = SPAN("by command");
    queue_act(r->house->queue, &order, acted, r);
    control_wait(r);
    if (r->error.class == ERROR_NONE && !all &&
        !json_integer_value(json_object_get(r->out, "touched")))
        error_set(&r->error, ERROR_INPUT, "no message %.*s is in the queue in a state for this",
                  SPAN_ARG(control_text(r, "id")));
}

static void queue_retry(struct control_call *r)
{
    act(r, QUEUE_RETRY);
}

static void queue_hold(struct control_call *r)
{
    act(r, QUEUE_HOLD);
}

static void queue_release(struct control_call *r)
{
    act(r, QUEUE_RELEASE);
}

static void queue_rm(struct control_call *r)
{
    act(r, QUEUE_REMOVE);
}

/* ---- the daemon ---- */

/* An error is one line. */
static void refuse_reload(struct control_call *r, const struct config_notes *notes)
{
    struct text line = TEXT_INIT(16384);

    for (size_t i = 0; i < notes->count; i++)
        if (!notes->at[i].warning)
            text_addf(&line, "%s; ", notes->at[i].text);
    error_set(&r->error, ERROR_INPUT, "%sthe running configuration stays in force",
              text_cstr(&line));
    text_free(&line);
}

static void config_reload(struct control_call *r)
{
    struct config_notes notes = {0};
    json_t *warnings = json_array();

    if (!r->control->calls || !r->control->calls->reload)
        error_set(&r->error, ERROR_INPUT, "no daemon runs; the next start reads the file anyway");
    else if (r->control->calls->reload(r->control->arg, &notes) < 0)
        refuse_reload(r, &notes);
    for (size_t i = 0; i < notes.count; i++)
        if (notes.at[i].warning)
            json_array_append_new(warnings, json_string(notes.at[i].text));
    json_object_set_new(r->out, "warnings", warnings);
    config_notes_free(&notes);
}

/* Without a daemon the record is read, and written at once. */
static struct places *take_places(struct control_call *r, bool *own)
{
    const struct control_calls *calls = r->control->calls;

    *own = !calls || !calls->places;
    return *own ? places_open(NULL, r->house->config->store.path) : calls->places(r->control->arg);
}

static void places_ls(struct control_call *r)
{
    bool own;
    struct places *p = take_places(r, &own);

    json_object_set_new(r->out, "places", places_json(p));
    if (own)
        places_close(&p);
}

/* One place, by its key. */
static void place_act(struct control_call *r,
                      bool (*fn)(struct places *p, const char *key, struct span))
{
    struct span key = control_text(r, "key");
    bool own;
    struct places *p = take_places(r, &own);

    if (!key.len || !fn(p, key.at, control_text(r, "name")))
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

static void places_rm(struct control_call *r)
{
    place_act(r, forget);
}

static void places_name(struct control_call *r)
{
    place_act(r, places_call);
}

static void waiting_row(void *arg, const struct queue_place *p)
{
    json_array_append_new(arg, control_json_waiting(p));
}

static void status_places(struct control_call *r)
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

static void status(struct control_call *r)
{
    struct queue_counts n;

    queue_counts(r->house->queue, &n);
    json_object_set_new(r->out, "queue", control_json_counts(&n));
    json_object_set_new(
        r->out, "accounts",
        json_integer((json_int_t)directory_number(r->house->directory, STORE_ACCOUNTS, SPAN_NONE)));
    status_places(r);
    json_object_set_new(r->out, "imports", control_imports(r->house));
    json_object_set_new(r->out, "damaged", control_unread(r->house));
    json_object_set_new(r->out, "dkim", control_dkim_bad(r->house));
    if (r->control->calls && r->control->calls->certificates)
        json_object_set_new(
            r->out, "certificates",
            control_json_certificates(r->control->calls->certificates(r->control->arg)));
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
    void (*fn)(struct control_call *r);
} commands[] = {
    {"queue ls", queue_ls},
    {"queue show", queue_show_one},
    {"queue retry", queue_retry},
    {"queue hold", queue_hold},
    {"queue release", queue_release},
    {"queue rm", queue_rm},
    {"account ls", control_account_ls},
    {"account add", control_account_add},
    {"account passwd", control_account_passwd},
    {"account rm", control_account_rm},
    {"domain keys", control_dkim_keys},
    {"domain rotate", control_dkim_rotate},
    {"domain seen", control_dkim_seen},
    {"domain unsign", control_dkim_unsign},
    {"account import", control_account_import},
    {"account forget", control_account_forget},
    {"account verifier", control_account_verifier},
    {"account set", control_account_set},
    {"account show", control_account_show},
    {"account export", control_account_export},
    {"account lock", control_account_lock},
    {"account unlock", control_account_unlock},
    {"host ls", control_host_ls},
    {"host show", control_host_show},
    {"host add", control_host_add},
    {"host set", control_host_set},
    {"host lock", control_host_lock},
    {"host unlock", control_host_unlock},
    {"host rm", control_host_rm},
    {"domain ls", control_domain_ls},
    {"domain add", control_domain_add},
    {"domain set", control_domain_set},
    {"domain rm", control_domain_rm},
    {"alias ls", control_alias_ls},
    {"alias add", control_alias_add},
    {"alias set", control_alias_set},
    {"alias rm", control_alias_rm},
    {"account release", control_account_release},
    {"quota ls", control_quota_ls},
    {"quota show", control_quota_show},
    {"quota recount", control_quota_recount},
    {"quota reset", control_quota_reset},
    {"config reload", config_reload},
    {"settings", control_settings},
    {"places", places_ls},
    {"places forget", places_rm},
    {"places name", places_name},
    {"status", status},
};

static void run_named(struct control_call *r, struct span name)
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
    struct control_call r = {.control = c,
                             .house = c->house,
                             .rights = rights,
                             .fiber = fiber_self(),
                             .troubles = directory_troubles(c->house->directory)};
    char *dumped;

    r.in = json_loadb(command.at ? command.at : "", command.len, 0, NULL);
    r.out = json_object();
    if (!r.in)
        error_set(&r.error, ERROR_INPUT, "the command is no JSON");
    else if (!rights->admin)
        error_set(&r.error, ERROR_INPUT,
                  "only root and the user the daemon runs as may do this; try sudo");
    else
        run_named(&r, control_text(&r, "command"));
    if (r.error.class == ERROR_INPUT && directory_troubles(c->house->directory) != r.troubles)
        r.error = *directory_trouble(c->house->directory); /* there may be what was not found */
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
