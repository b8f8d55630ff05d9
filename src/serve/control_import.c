/* The command that takes many accounts at once. The rows come in portions, are looked at and held
 * back. When all are good they are written, in parts of some milliseconds, so that nobody else
 * waits for 100,000 of them. A crash in the midst leaves those of the first parts, and a note in
 * the store; the same command goes on from there:
 *
 *   who was made by the import that was broken off stands in the store with its stamp, as the time
 *   of its making, and is no mistake in the file; domains come last, so none is ours as long as its
 *   accounts are not all here. */
#include "serve/amounts.h"
#include "serve/control_parts.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
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
    size_t added, changed, same, before;
    char token[ID_TEXT + 1];
    char *name;    /* of the file */
    int64_t stamp; /* when all it makes was made */
    bool again;    /* an import of that name was broken off: the stamp is its */
    bool writing;
    int64_t touched;
};

struct domain_made {
    struct span host;
    bool there; /* by the import that was broken off */
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
    free((*im)->name);
    arena_free(&(*im)->arena);
    free(*im);
    *im = NULL;
}

static unsigned flag(const struct control_call *r, const char *key, unsigned bit)
{
    return json_is_true(json_object_get(r->in, key)) ? bit : 0;
}

/* The end of a name that is too long. */
static struct span file_name(struct span name)
{
    if (!name.len)
        return SPAN("-");
    return span_from(name, name.len > STORE_NAME_MAX ? name.len - STORE_NAME_MAX : 0);
}

static struct house_import *begin(struct control_call *r)
{
    struct house *h = r->house;
    struct id id = id_new();
    struct registry_part part;
    struct span name = file_name(control_text(r, "file"));
    int unfinished;

    if (h->import && (h->import->writing || clock_now() - h->import->touched < IDLE_MAX)) {
        error_set(&r->error, ERROR_TEMPORARY, "another import runs; try again in a minute");
        return NULL;
    }
    control_import_free(&h->import);
    unfinished = registry_part_get(h, name, &part, &r->error);
    if (unfinished < 0)
        return NULL;
    h->import = memory_alloc(sizeof *h->import);
    h->import->name = span_dup(name);
    h->import->again = unfinished == STORE_GOT;
    h->import->stamp = h->import->again ? part.stamp : clock_wall();
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
    if (im && !im->writing && span_is(token, im->token))
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
    registry_host_put(im->set, &(struct store_host){.name = name, .created = im->stamp});
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

static struct domain_made *make_domain(struct house_import *im, struct span domain,
                                       struct span host, bool there)
{
    struct domain_made *made = arena_alloc(im->arena, sizeof *made);

    *made = (struct domain_made){host, there};
    map_put(im->domains, domain, made);
    json_array_append_new(im->made, json_stringn(domain.at, domain.len));
    return made;
}

/* The domain of the account: ours, made with this import, or told afterwards. Without a word about
 * the account's owner its owner is that of the domain. */
static void take_domain(struct control_call *r, struct house_import *im, struct store_account *to,
                        unsigned fields)
{
    struct span domain = domain_part(to->name);
    struct domain_made *made = map_get(im->domains, domain);
    const struct hosted_domain *is;

    if (!domain.len)
        return;
    is = made ? NULL : directory_domain_find(r->house->directory, domain);
    if (is && im->again && is->created == im->stamp)
        made = make_domain(im, domain, is->host, true);
    if (!made && !is) {
        if (!(im->allowed & IMPORT_CREATE)) {
            map_put(im->foreign, domain, im);
            return;
        }
        made = make_domain(im, domain, to->host, false);
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
    char verifier[SCRAM_TEXT];

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
    scram_format(&is->verifier, verifier);
    if (is->has_password && span_eq(is->hash.len ? is->hash : span_of(verifier), to->verifier))
        fields &= ~(unsigned)REGISTRY_VERIFIER;
    memory_wipe(verifier, sizeof verifier);
    return fields;
}

static int change(struct house_import *im, const struct account *is, const struct store_account *to,
                  unsigned fields, struct error *e)
{
    bool own = im->again && is->created == im->stamp;

    if (!(im->allowed & IMPORT_UPDATE) && !own)
        return error_set(e, ERROR_INPUT, "the account %.*s exists already: --update changes those",
                         SPAN_ARG(to->name));
    if (im->allowed & IMPORT_PASSWORDS)
        fields |= REGISTRY_VERIFIER;
    fields = differing(is, to, fields);
    if (fields)
        registry_account_change(im->set, to, fields, SPAN_NONE);
    if (own) {
        im->before++;
    } else if (fields) {
        im->changed++;
    } else {
        im->same++;
    }
    return 0;
}

static int take_row(struct control_call *r, struct house_import *im, const json_t *row,
                    struct error *e)
{
    struct store_account to = {.created = im->stamp, .verifier = text_of(row, "verifier")};
    const struct account *is;
    struct text name = TEXT_INIT(1024);
    bool good = directory_name(text_of(row, "name"), &name);
    unsigned fields = 0;

    to.name = arena_span(im->arena, text_span(&name));
    text_free(&name);
    if (!good || !to.verifier.len)
        return error_set(e, ERROR_INPUT, "a row needs a name and a verifier");
    if (im->added + im->changed + im->same + im->before >= ROWS_MAX)
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
    registry_account_add(im->set, &to);
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
    if (im->again)
        json_object_set_new(r->out, "before", json_integer((json_int_t)im->before));
    json_object_set_new(r->out, "hosts", hosts);
    json_object_set(r->out, "domains", im->made);
    json_object_set_new(r->out, "foreign", foreign);
}

/* ---- writing ---- */

static void add_domain(struct span name, void *value, void *arg)
{
    const struct domain_made *made = value;
    struct house_import *im = arg;

    if (!made->there)
        registry_domain_put(im->set, &(struct store_domain){
                                         .name = name, .host = made->host, .created = im->stamp});
}

static void part_written(void *arg, const struct error *e)
{
    control_finish(arg, e);
}

static void write_parts(struct control_call *r, struct house_import *im)
{
    size_t all = registry_count(im->set), left;
    struct error why;
    bool begun = false;

    do {
        registry_commit_part(im->set, span_of(im->name), im->stamp, part_written, r);
        control_wait(r);
        left = registry_left(im->set);
        if (left && !begun && (begun = true))
            log_event(LOG_NOTICE, "import.begun", LOG_STR("file", im->name),
                      LOG_NUM("written", (int64_t)(all - left)), LOG_NUM("all", (int64_t)all));
    } while (r->error.class == ERROR_NONE && left);
    if (r->error.class == ERROR_NONE)
        log_event(LOG_NOTICE, "import.done", LOG_STR("file", im->name),
                  LOG_NUM("all", (int64_t)all));
    if (r->error.class == ERROR_NONE || left == all)
        return; /* all is written, or nothing */
    why = r->error;
    error_set(&r->error, why.class,
              "%s; %zu of %zu changes were written before: run the same command again, and it goes "
              "on from there",
              why.words, all - left, all);
}

/* The import is nobody else's from here to its end. */
static void commit(struct control_call *r, struct house_import *im)
{
    map_each(im->domains, add_domain, im);
    im->writing = true;
    if (directory_troubles(r->house->directory) != r->troubles)
        r->error = *directory_trouble(r->house->directory);
    else if (registry_count(im->set) || im->again)
        write_parts(r, im);
    control_import_free(&r->house->import);
    control_domains_changed(r);
}

void control_account_import(struct control_call *r)
{
    struct house_import *im = find(r);
    bool last = json_is_true(json_object_get(r->in, "commit"));

    if (!im)
        return;
    im->touched = clock_now();
    take_rows(r, im);
    json_object_set_new(r->out, "import", json_string(im->token));
    if (last || json_is_true(json_object_get(r->in, "drop")))
        tell(r, im);
    if (last)
        commit(r, im);
    else if (json_is_true(json_object_get(r->in, "drop")))
        control_import_free(&r->house->import);
}

/* ---- those that were broken off ---- */

static void unfinished(void *arg, struct span name, const struct registry_part *p)
{
    char since[32];

    clock_iso(p->stamp, since, sizeof since);
    json_array_append_new(arg, json_pack("{s:o, s:s, s:I, s:I}", "file",
                                         json_stringn(name.at, name.len), "since", since, "written",
                                         (json_int_t)p->written, "all", (json_int_t)p->all));
}

json_t *control_imports(struct house *h)
{
    json_t *list = json_array();

    if (!h->import || !h->import->writing)
        registry_parts(h, unfinished, list, NULL);
    return list;
}

void control_account_forget(struct control_call *r)
{
    struct registry_part part;
    struct span name = file_name(control_text(r, "file"));
    int got = name.len ? registry_part_get(r->house, name, &part, &r->error) : STORE_ABSENT;

    if (got == STORE_GOT) {
        struct registry *set = registry_new(r->house);

        registry_part_forget(set, name);
        control_commit(r, &set);
    } else if (got == STORE_ABSENT) {
        error_set(&r->error, ERROR_INPUT, "no import of %.*s was broken off",
                  SPAN_ARG(span_head(name, 200)));
    }
}
