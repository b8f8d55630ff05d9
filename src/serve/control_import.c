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

/* What the person lets it do besides adding accounts. */
enum allowed { IMPORT_CREATE = 1, IMPORT_UPDATE = 2, IMPORT_PASSWORDS = 4 };

struct house_import {
    struct registry *set;
    struct arena *arena;
    struct map *names;   /* accounts and aliases in it so far */
    struct map *hosts;   /* hosting accounts it makes -> its set */
    struct map *domains; /* domains it makes -> struct domain_made */
    struct map *foreign; /* domains of accounts that are not ours */
    json_t *made;        /* names of the domains it makes */
    unsigned allowed;
    size_t added, changed, same;
    char token[ID_TEXT + 1];
    int64_t touched;
};

struct domain_made {
    struct span host;
};

void control_import_free(struct house_import **im)
{
    if (!*im)
        return;
    registry_free(&(*im)->set);
    map_free(&(*im)->names);
    map_free(&(*im)->hosts);
    map_free(&(*im)->domains);
    map_free(&(*im)->foreign);
    json_decref((*im)->made);
    arena_free(&(*im)->arena);
    free(*im);
    *im = NULL;
}

static unsigned flag(const struct control_call *r, const char *key, unsigned bit)
{
    return json_is_true(json_object_get(r->in, key)) ? bit : 0;
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
    h->import->arena = arena_new();
    h->import->names = map_new();
    h->import->hosts = map_new();
    h->import->domains = map_new();
    h->import->foreign = map_new();
    h->import->made = json_array();
    h->import->allowed = flag(r, "create", IMPORT_CREATE) | flag(r, "update", IMPORT_UPDATE) |
                         flag(r, "passwords", IMPORT_PASSWORDS);
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

/* ---- one row ---- */

/* The fields it says something about. */
static int take_limits(const json_t *row, struct store_account *to, unsigned *fields,
                       struct error *e)
{
    struct span quota = text_of(row, "quota"), sending = text_of(row, "sending"),
                messages = text_of(row, "messages");

    *fields |= (quota.len ? REGISTRY_QUOTA : 0) | (sending.len ? REGISTRY_RECIPIENTS : 0) |
               (messages.len ? REGISTRY_MESSAGES : 0);
    if (quota.len && amounts_quota(quota, &to->quota, e) < 0)
        return -1;
    if (sending.len &&
        amounts_rate(sending, &to->limits.recipients_hour, &to->limits.recipients_day, e) < 0)
        return -1;
    return messages.len
               ? amounts_rate(messages, &to->limits.messages_hour, &to->limits.messages_day, e)
               : 0;
}

static struct span domain_part(struct span name)
{
    ptrdiff_t at = span_rfind(name, '@');

    return at < 0 ? SPAN_NONE : span_from(name, (size_t)at + 1);
}

/* A hosting account of that name, or one that is made with this import. */
static bool have_host(struct control_call *r, struct house_import *im, struct span name)
{
    if (directory_host(r->house->directory, name) || map_get(im->hosts, name))
        return true;
    if (!(im->allowed & IMPORT_CREATE))
        return false;
    map_put(im->hosts, name, im);
    registry_host_put(im->set, &(struct store_host){.name = name, .created = clock_wall()});
    return true;
}

static int take_host(struct control_call *r, struct house_import *im, const json_t *row,
                     struct store_account *to, unsigned *fields, struct error *e)
{
    struct span host = text_of(row, "host");
    struct text kept = TEXT_INIT(100);
    bool good;

    if (!host.len)
        return 0;
    *fields |= REGISTRY_HOST;
    if (span_is(host, "none"))
        return 0;
    good = directory_host_name(host, &kept) && !span_is(text_span(&kept), "default");
    to->host = arena_span(im->arena, text_span(&kept));
    text_free(&kept);
    if (!good)
        return error_set(e, ERROR_INPUT, "\"%.*s\" can not be a hosting account's name",
                         SPAN_ARG(span_head(host, 64)));
    if (have_host(r, im, to->host))
        return 0;
    return error_set(e, ERROR_INPUT,
                     "there is no hosting account %.*s: `port26 host add` makes it, or --create "
                     "all that the file names",
                     SPAN_ARG(to->host));
}

/* The domain of the account: ours, made with this import, or told afterwards. Without a word about
 * the account's owner its owner is that of the domain. */
static void take_domain(struct control_call *r, struct house_import *im, struct store_account *to,
                        unsigned fields)
{
    struct span domain = domain_part(to->name);
    struct domain_made *made = map_get(im->domains, domain);

    if (!domain.len)
        return;
    if (!made && !directory_domain(r->house->directory, domain)) {
        if (!(im->allowed & IMPORT_CREATE)) {
            map_put(im->foreign, domain, im);
            return;
        }
        made = arena_alloc(im->arena, sizeof *made);
        made->host = to->host;
        map_put(im->domains, domain, made);
        json_array_append_new(im->made, json_stringn(domain.at, domain.len));
        registry_domain_put(
            im->set,
            &(struct store_domain){.name = domain, .host = to->host, .created = clock_wall()});
    }
    if (!(fields & REGISTRY_HOST))
        to->host = made ? made->host : directory_domain_host(r->house->directory, domain);
}

/* One name, or alias, stands for one account. */
static int claim(struct house_import *im, struct span address, struct error *e)
{
    if (map_get(im->names, address))
        return error_set(e, ERROR_INPUT, "%.*s stands in the file twice, as a name or as an alias",
                         SPAN_ARG(address));
    map_put(im->names, address, im);
    return 0;
}

static int take_aliases(struct control_call *r, struct house_import *im, const json_t *row,
                        struct store_account *to, unsigned *fields, struct error *e)
{
    const json_t *aliases = json_object_get(row, "aliases");

    if (!json_array_size(aliases))
        return 0;
    *fields |= REGISTRY_SENDERS;
    if (control_senders(r->house->directory, aliases, im->arena, to, e) < 0)
        return -1;
    for (size_t i = 0; i < to->sender_count; i++)
        if (claim(im, to->senders[i], e) < 0)
            return -1;
    return 0;
}

static bool same_aliases(const struct account *is, const struct store_account *to)
{
    bool same = is->alias_count == to->sender_count;

    for (size_t i = 0; same && i < to->sender_count; i++)
        same = span_eq(is->aliases[i], to->senders[i]);
    return same;
}

/* Of what the row says, what is not so already. */
static unsigned differing(const struct account *is, const struct store_account *to, unsigned fields)
{
    const struct store_limits *l = &to->limits;

    if (is->quota == to->quota)
        fields &= ~(unsigned)REGISTRY_QUOTA;
    if (span_eq(is->host, to->host))
        fields &= ~(unsigned)REGISTRY_HOST;
    if (is->limits.messages_hour == l->messages_hour && is->limits.messages_day == l->messages_day)
        fields &= ~(unsigned)REGISTRY_MESSAGES;
    if (is->limits.recipients_hour == l->recipients_hour &&
        is->limits.recipients_day == l->recipients_day)
        fields &= ~(unsigned)REGISTRY_RECIPIENTS;
    if (same_aliases(is, to))
        fields &= ~(unsigned)REGISTRY_SENDERS;
    if (span_eq(is->hash, to->verifier))
        fields &= ~(unsigned)REGISTRY_VERIFIER;
    return fields;
}

static int change(struct house_import *im, const struct account *is, const struct store_account *to,
                  unsigned fields, struct error *e)
{
    if (!(im->allowed & IMPORT_UPDATE))
        return error_set(e, ERROR_INPUT, "the account %.*s exists already: --update changes those",
                         SPAN_ARG(to->name));
    if (im->allowed & IMPORT_PASSWORDS)
        fields |= REGISTRY_VERIFIER;
    fields = differing(is, to, fields);
    if (fields) {
        registry_account_change(im->set, to, fields, SPAN_NONE);
        im->changed++;
    } else {
        im->same++;
    }
    return 0;
}

static int take_row(struct control_call *r, struct house_import *im, const json_t *row,
                    struct error *e)
{
    struct store_account to = {.created = clock_wall(), .verifier = text_of(row, "verifier")};
    const struct account *is;
    struct text name = TEXT_INIT(1024);
    bool good = directory_name(text_of(row, "name"), &name);
    unsigned fields = 0;

    to.name = arena_span(im->arena, text_span(&name));
    text_free(&name);
    if (!good || !to.verifier.len)
        return error_set(e, ERROR_INPUT, "a row needs a name and a verifier");
    if (im->added + im->changed + im->same >= ROWS_MAX)
        return error_set(e, ERROR_INPUT, "more than %d accounts: import them in several files",
                         ROWS_MAX);
    if (claim(im, to.name, e) < 0 || take_limits(row, &to, &fields, e) < 0 ||
        take_host(r, im, row, &to, &fields, e) < 0)
        return -1;
    take_domain(r, im, &to, fields);
    if (take_aliases(r, im, row, &to, &fields, e) < 0)
        return -1;
    is = directory_find(r->house->directory, to.name);
    if (is)
        return change(im, is, &to, fields, e);
    if (directory_troubles(r->house->directory) != r->troubles) {
        *e = *directory_trouble(r->house->directory); /* it may be here */
        return -1;
    }
    registry_account_put(im->set, &to);
    im->added++;
    return 0;
}

static void take_rows(struct control_call *r, struct house_import *im)
{
    json_t *rows = json_object_get(r->in, "rows"), *errors = json_array(), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        struct error e = {0};

        if (take_row(r, im, row, &e) < 0 && json_array_size(errors) < ERRORS_MAX)
            json_array_append_new(errors,
                                  json_pack("{s:I, s:s}", "line",
                                            json_integer_value(json_object_get(row, "line")),
                                            "words", e.words));
    }
    json_object_set_new(r->out, "errors", errors);
}

static void add_name(struct span name, void *value, void *arg)
{
    (void)value;
    json_array_append_new(arg, json_stringn(name.at, name.len));
}

static void tell(struct control_call *r, const struct house_import *im)
{
    json_t *foreign = json_array(), *hosts = json_array();

    map_each(im->foreign, add_name, foreign);
    map_each(im->hosts, add_name, hosts);
    control_sort(&foreign);
    control_sort(&hosts);
    json_object_set_new(r->out, "import", json_string(im->token));
    json_object_set_new(r->out, "added", json_integer((json_int_t)im->added));
    json_object_set_new(r->out, "changed", json_integer((json_int_t)im->changed));
    json_object_set_new(r->out, "same", json_integer((json_int_t)im->same));
    json_object_set_new(r->out, "hosts", hosts);
    json_object_set(r->out, "domains", im->made);
    json_object_set_new(r->out, "foreign", foreign);
}

void control_account_import(struct control_call *r)
{
    struct house_import *im = find(r);

    if (!im)
        return;
    im->touched = clock_now();
    take_rows(r, im);
    if (json_is_true(json_object_get(r->in, "commit")) ||
        json_is_true(json_object_get(r->in, "drop")))
        tell(r, im);
    else
        json_object_set_new(r->out, "import", json_string(im->token));
    if (json_is_true(json_object_get(r->in, "commit"))) {
        struct registry *set = im->set;

        im->set = NULL;
        control_import_free(&r->house->import);
        control_commit(r, &set);
        control_domains_changed(r);
    } else if (json_is_true(json_object_get(r->in, "drop"))) {
        control_import_free(&r->house->import);
    }
}
