/* The command that takes many accounts at once. The rows come in portions, are held back, and are
 * written with the last one as one transaction: all of them or none. */
#include "serve/amounts.h"
#include "serve/control_parts.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/map.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROWS_MAX = 500000,
    IDLE_MAX = 60 * 1000, /* ms after which an import that was left is dropped for another */
    ERRORS_MAX = 20,      /* told for one portion */
};

struct house_import {
    struct registry *set;
    struct map *names; /* in it so far */
    char token[ID_TEXT + 1];
    int64_t touched;
};

void control_import_free(struct house_import **im)
{
    if (!*im)
        return;
    registry_free(&(*im)->set);
    map_free(&(*im)->names);
    free(*im);
    *im = NULL;
}

static struct house_import *begin(struct control_call *r)
{
    struct house *h = r->house;
    struct id id = id_new();

    if (h->import && clock_now() - h->import->touched < IDLE_MAX) {
        error_set(&r->error, ERROR_TEMPORARY, "another import runs; try again in a minute");
        return NULL;
    }
    control_import_free(&h->import);
    h->import = memory_alloc(sizeof *h->import);
    h->import->set = registry_new(h);
    h->import->names = map_new();
    id_text(&id, h->import->token);
    return h->import;
}

static struct house_import *find(struct control_call *r)
{
    struct span token = control_text(r, "import");
    struct house_import *im = r->house->import;

    if (!token.len)
        return begin(r);
    if (im && span_is(token, im->token))
        return im;
    error_set(&r->error, ERROR_TEMPORARY,
              "this import was dropped: it paused too long; begin anew");
    return NULL;
}

static struct span text_of(const json_t *row, const char *key)
{
    return span_of(json_string_value(json_object_get(row, key)));
}

static int take_limits(const json_t *row, struct store_account *to, struct error *e)
{
    struct span quota = text_of(row, "quota"), sending = text_of(row, "sending"),
                messages = text_of(row, "messages");

    if (quota.len && amounts_quota(quota, &to->quota, e) < 0)
        return -1;
    if (sending.len &&
        amounts_rate(sending, &to->limits.recipients_hour, &to->limits.recipients_day, e) < 0)
        return -1;
    return messages.len
               ? amounts_rate(messages, &to->limits.messages_hour, &to->limits.messages_day, e)
               : 0;
}

static int take_host(const struct directory *d, const json_t *row, struct store_account *to,
                     struct error *e)
{
    struct span host = text_of(row, "host");
    struct text kept = TEXT_INIT(100);
    const struct hosting *h = NULL;
    ptrdiff_t at = span_rfind(to->name, '@');

    if (!host.len && at >= 0)
        to->host = directory_domain_host(d, span_from(to->name, (size_t)at + 1));
    if (!host.len)
        return 0;
    if (directory_host_name(host, &kept))
        h = directory_host(d, text_span(&kept));
    text_free(&kept);
    if (h)
        to->host = h->name;
    return h ? 0
             : error_set(e, ERROR_INPUT, "there is no hosting account %.*s",
                         SPAN_ARG(span_head(host, 64)));
}

static int take_row(struct control_call *r, struct house_import *im, const json_t *row,
                    struct arena *a, struct error *e)
{
    const struct directory *d = r->house->directory;
    const json_t *aliases = json_object_get(row, "aliases");
    struct store_account to = {.created = clock_wall(), .verifier = text_of(row, "verifier")};
    struct text name = TEXT_INIT(1024);
    bool good = directory_name(text_of(row, "name"), &name);

    to.name = arena_span(a, text_span(&name));
    text_free(&name);
    if (!good || !to.verifier.len)
        return error_set(e, ERROR_INPUT, "a row needs a name and a verifier");
    if (directory_find(d, to.name))
        return error_set(e, ERROR_INPUT, "the account %.*s exists already", SPAN_ARG(to.name));
    if (map_get(im->names, to.name))
        return error_set(e, ERROR_INPUT, "%.*s stands in the file twice", SPAN_ARG(to.name));
    if (registry_count(im->set) >= ROWS_MAX)
        return error_set(e, ERROR_INPUT, "more than %d accounts: import them in several files",
                         ROWS_MAX);
    if (take_limits(row, &to, e) < 0 || take_host(d, row, &to, e) < 0)
        return -1;
    to.sender_count = json_array_size(aliases);
    if (to.sender_count > STORE_SENDERS_MAX)
        return error_set(e, ERROR_INPUT, "more than %d aliases", STORE_SENDERS_MAX);
    to.senders = arena_alloc(a, to.sender_count * sizeof *to.senders);
    for (size_t i = 0; i < to.sender_count; i++)
        to.senders[i] = span_of(json_string_value(json_array_get(aliases, i)));
    map_put(im->names, to.name, im);
    registry_account_put(im->set, &to);
    return 0;
}

static void take_rows(struct control_call *r, struct house_import *im)
{
    json_t *rows = json_object_get(r->in, "rows"), *errors = json_array(), *row;
    struct arena *a = arena_new();
    size_t i;

    json_array_foreach(rows, i, row)
    {
        struct error e = {0};

        arena_clear(a);
        if (take_row(r, im, row, a, &e) < 0 && json_array_size(errors) < ERRORS_MAX)
            json_array_append_new(errors,
                                  json_pack("{s:I, s:s}", "line",
                                            json_integer_value(json_object_get(row, "line")),
                                            "words", e.words));
    }
    json_object_set_new(r->out, "errors", errors);
    arena_free(&a);
}

void control_account_import(struct control_call *r)
{
    struct house_import *im = find(r);

    if (!im)
        return;
    im->touched = clock_now();
    json_object_set_new(r->out, "import", json_string(im->token));
    take_rows(r, im);
    json_object_set_new(r->out, "accounts", json_integer((json_int_t)registry_count(im->set)));
    if (json_is_true(json_object_get(r->in, "commit"))) {
        struct registry *set = im->set;

        im->set = NULL;
        control_import_free(&r->house->import);
        control_commit(r, &set);
    } else if (json_is_true(json_object_get(r->in, "drop"))) {
        control_import_free(&r->house->import);
    }
}
