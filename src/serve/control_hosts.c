/* Commands about hosting accounts, and what commands about accounts and domains share with them. */
#include "serve/amounts.h"
#include "serve/control_json.h"
#include "serve/control_parts.h"
#include "serve/sendings.h"

#include "base/clock.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- shared ---- */

static void committed(void *arg, const struct error *e)
{
    control_finish(arg, e);
}

struct visit {
    directory_account_fn *fn;
    void *arg;
    struct text *last;
};

static void visit(void *arg, struct span name, const struct account *a)
{
    struct visit *v = arg;

    text_clear(v->last);
    text_add(v->last, name);
    if (a)
        v->fn(v->arg, name, a);
}

void control_commit(struct control_call *r, struct registry **set)
{
    if (directory_troubles(r->house->directory) != r->troubles) {
        r->error = *directory_trouble(r->house->directory);
        registry_free(set);
        return;
    }
    registry_commit(set, committed, r);
    control_wait(r);
}

enum { LONG = 200 }; /* changes that nobody else need wait for */

void control_commit_long(struct control_call *r, struct registry **set)
{
    size_t all = registry_count(*set), left = all;
    struct error why;

    if (all <= LONG || directory_troubles(r->house->directory) != r->troubles) {
        control_commit(r, set);
        return;
    }
    while (left && r->error.class == ERROR_NONE) {
        registry_commit_part(*set, SPAN_NONE, 0, committed, r);
        control_wait(r);
        left = registry_left(*set);
    }
    why = r->error;
    if (why.class != ERROR_NONE && left != all)
        error_set(&r->error, why.class,
                  "%s; %zu of %zu changes were written before: run the same command again",
                  why.words, all - left, all);
    registry_free(set);
}

/* What each kind is called, and what makes its record good again. */
static const struct {
    const char *name, *mend;
} kinds[] = {
    [STORE_ACCOUNTS] = {"account", "`port26 account rm` removes it, and `account add` makes "
                                   "it anew over the same mail"},
    [STORE_HOSTS] = {"hosting account", "`port26 host set` sets it anew"},
    [STORE_DOMAINS] = {"domain", "`port26 domain set` sets it anew, `domain rm` removes it"},
    [STORE_ALIASES] = {"alias", "`port26 alias set` sets it anew, `alias rm` removes it"}};

/* Not input: it is there, and nobody is to take "no" for an answer. */
bool control_damaged(struct control_call *r, enum store_list_kind kind, struct span name)
{
    struct error e = {0};

    if (store_record_reads(r->house->reader, kind, name, &e) != STORE_BROKEN)
        return false;
    error_set(&r->error, ERROR_TEMPORARY,
              "the server can not read the record of the %s %.*s: it is damaged; restore the store "
              "from a backup, or give up what it said: %s",
              kinds[kind].name, SPAN_ARG(name), kinds[kind].mend);
    return true;
}

bool control_forgive(struct control_call *r, enum store_list_kind kind, struct span name)
{
    if (!control_damaged(r, kind, name))
        return false;
    r->error = (struct error){0};
    r->troubles = directory_troubles(r->house->directory);
    return true;
}

static void unread(void *arg, enum store_list_kind kind, struct span name)
{
    json_array_append_new(arg,
                          json_pack("{s:s, s:o, s:s}", "kind", kinds[kind].name, "name",
                                    json_stringn(name.at, name.len), "mend", kinds[kind].mend));
}

json_t *control_unread(const struct house *h)
{
    json_t *list = json_array();

    directory_damaged(h->directory, unread, list);
    return list;
}

bool control_accounts(struct control_call *r, const struct store_list *list,
                      directory_account_fn *fn, void *arg)
{
    const struct directory *d = r->house->directory;
    struct text last = TEXT_INIT(STORE_NAME_MAX + 1);
    struct visit v = {fn, arg, &last};
    unsigned troubles = directory_troubles(d);
    int more;

    do {
        struct store_range range = {.after = text_span(&last)};

        more = directory_accounts(d, list, &range, visit, &v, &r->error);
        if (more > 0)
            fiber_sleep(0);
    } while (more > 0);
    text_free(&last);
    if (more == 0 && directory_troubles(d) != troubles)
        r->error = *directory_trouble(d);
    return r->error.class == ERROR_NONE;
}

enum { NAMES_MAX = 1000 };

static bool list_name(void *arg, struct span name)
{
    json_array_append_new(arg, json_stringn(name.at, name.len));
    return true;
}

json_t *control_list(struct control_call *r, enum store_list_kind kind, struct span of)
{
    struct store_list list = {kind, of};
    json_t *names = json_array();

    if (store_names(r->house->reader, &list, &(struct store_range){.max = NAMES_MAX}, list_name,
                    names, &r->error) == 0)
        return names;
    json_decref(names);
    return NULL;
}

void control_note(struct control_call *r, const char *fmt, ...)
{
    struct text words = TEXT_INIT(8000);
    va_list ap;

    text_add(&words, span_of(json_string_value(json_object_get(r->out, "note"))));
    if (words.len)
        text_addc(&words, '\n');
    va_start(ap, fmt);
    text_addv(&words, fmt, ap);
    va_end(ap);
    json_object_set_new(r->out, "note", json_string(text_cstr(&words)));
    text_free(&words);
}

enum { PAGE_ROWS = 2000 };

void control_page_begin(const struct control_call *r, struct control_page *p)
{
    json_int_t from = json_integer_value(json_object_get(r->in, "from"));

    *p = (struct control_page){json_array(), from > 0 ? (size_t)from : 0, 0};
}

bool control_page_wants(struct control_page *p)
{
    size_t n = p->seen++;

    return n >= p->from && n - p->from < PAGE_ROWS;
}

void control_page_end(struct control_call *r, struct control_page *p, const char *key)
{
    json_object_set_new(r->out, key, p->rows);
    if (p->seen > p->from && p->seen - p->from > PAGE_ROWS)
        json_object_set_new(r->out, "next", json_integer((json_int_t)(p->from + PAGE_ROWS)));
}

void control_part_begin(const struct control_call *r, struct control_part *p)
{
    *p = (struct control_part){.rows = json_array(),
                               .range = {.after = control_text(r, "from")},
                               .left = PAGE_ROWS,
                               .last = TEXT_INIT(STORE_NAME_MAX + 1)};
}

void control_part_pass(struct control_part *p, struct span name)
{
    p->left -= p->left > 0;
    text_clear(&p->last);
    text_add(&p->last, name);
}

void control_part_row(struct control_call *r, struct control_part *p, struct span name, json_t *row)
{
    control_part_pass(p, name);
    if (row)
        json_array_append_new(p->rows, row);
    else
        control_note(r, "The record of %.*s does not read, so it is left out: the log says more.",
                     SPAN_ARG(name));
}

bool control_part_more(struct control_call *r, struct control_part *p, int more)
{
    p->range.after = text_span(&p->last);
    p->range.max = p->left;
    if (more > 0 && !p->left)
        json_object_set_new(r->out, "next", json_string(text_cstr(&p->last)));
    return more > 0 && p->left && fiber_sleep(0) == 0;
}

void control_part_end(struct control_call *r, struct control_part *p, const char *key)
{
    json_object_set_new(r->out, key, p->rows);
    text_free(&p->last);
}

static int compare(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

void control_sort(json_t **names)
{
    size_t n = json_array_size(*names);
    json_t **all = memory_array(n + 1, sizeof *all), *sorted = json_array();

    for (size_t i = 0; i < n; i++)
        all[i] = json_array_get(*names, i);
    qsort(all, n, sizeof *all, compare);
    for (size_t i = 0; i < n; i++)
        json_array_append(sorted, all[i]);
    free(all);
    json_decref(*names);
    *names = sorted;
}

void control_names(const json_t *names, uint64_t all, struct text *out)
{
    enum { SHOWN = 5 };
    size_t n = json_array_size(names), i = 0;

    for (; i < n && i < SHOWN; i++)
        text_addf(out, "%s%s", i ? ", " : " (", json_string_value(json_array_get(names, i)));
    if (i < all && n)
        text_addf(out, " and %" PRIu64 " more", all - i);
    if (n)
        text_addc(out, ')');
}

bool control_has(const struct control_call *r, const char *key)
{
    return json_object_get(r->in, key) != NULL;
}

bool control_host(struct control_call *r, const char *key, struct arena *a, struct span *name)
{
    struct text kept = TEXT_INIT(100);
    struct span typed = control_text(r, key);
    const struct hosting *h = NULL;

    *name = SPAN_NONE;
    if (!typed.len || span_is(typed, "none"))
        return true;
    if (directory_host_name(typed, &kept))
        h = directory_host(r->house->directory, text_span(&kept));
    text_free(&kept);
    if (h)
        *name = arena_span(a, h->name);
    else
        error_set(&r->error, ERROR_INPUT,
                  "there is no hosting account %.*s: `port26 host ls` shows all",
                  SPAN_ARG(span_head(typed, 64)));
    return h != NULL;
}

bool control_amounts(struct control_call *r, uint64_t *quota, struct store_limits *limits,
                     unsigned *given)
{
    if (control_has(r, "quota")) {
        *given |= CONTROL_QUOTA;
        if (amounts_quota(control_text(r, "quota"), quota, &r->error) < 0)
            return false;
    }
    if (control_has(r, "messages")) {
        *given |= CONTROL_MESSAGES;
        if (amounts_rate(control_text(r, "messages"), &limits->messages_hour, &limits->messages_day,
                         &r->error) < 0)
            return false;
    }
    if (control_has(r, "sending")) {
        *given |= CONTROL_RECIPIENTS;
        if (amounts_rate(control_text(r, "sending"), &limits->recipients_hour,
                         &limits->recipients_day, &r->error) < 0)
            return false;
    }
    return true;
}

/* ---- hosting accounts ---- */

static bool name_of(struct control_call *r, struct arena *a, struct span *name)
{
    struct text kept = TEXT_INIT(100);
    bool ok = directory_host_name(control_text(r, "name"), &kept);

    *name = arena_span(a, text_span(&kept));
    text_free(&kept);
    if (!ok)
        error_set(
            &r->error, ERROR_INPUT,
            "\"%.*s\" can not be a hosting account's name: use 1 to 64 letters, digits, dots, "
            "hyphens and underscores",
            SPAN_ARG(span_head(control_text(r, "name"), 100)));
    return ok;
}

static const struct hosting *host_of(struct control_call *r, struct arena *a)
{
    const struct hosting *h = NULL;
    struct span name;

    if (!name_of(r, a, &name))
        return NULL;
    h = directory_host(r->house->directory, name);
    if (!h)
        error_set(&r->error, ERROR_INPUT,
                  "there is no hosting account %.*s: `port26 host ls` shows all", SPAN_ARG(name));
    return h;
}

static void put_host(struct control_call *r, const struct store_host *h)
{
    struct registry *set = registry_new(r->house);

    registry_host_put(set, h);
    control_commit(r, &set);
}

void control_host_add(struct control_call *r)
{
    struct arena *a = arena_new();
    struct store_host to = {.created = clock_wall()};
    unsigned given = 0;

    if (name_of(r, a, &to.name)) {
        if (span_is(to.name, "none") || span_is(to.name, "default"))
            error_set(&r->error, ERROR_INPUT,
                      "\"%.*s\" is what commands say for no hosting account: choose another name",
                      SPAN_ARG(to.name));
        else if (directory_host(r->house->directory, to.name))
            error_set(&r->error, ERROR_INPUT,
                      "the hosting account %.*s exists already: `port26 host set` changes it",
                      SPAN_ARG(to.name));
        else if (control_amounts(r, &to.quota, &to.limits, &given))
            put_host(r, &to);
    }
    arena_free(&a);
}

static struct store_host record_of(const struct hosting *h)
{
    return (struct store_host){.name = h->name,
                               .quota = h->quota,
                               .limits = h->limits,
                               .created = h->created,
                               .flags = h->locked ? STORE_HOST_LOCKED : 0};
}

void control_host_set(struct control_call *r)
{
    struct arena *a = arena_new();
    const struct hosting *h = host_of(r, a);
    unsigned given = 0;

    if (h) {
        struct store_host to = record_of(h);

        to.name = arena_span(a, h->name); /* it may be removed while this waits */
        if (control_amounts(r, &to.quota, &to.limits, &given)) {
            if (given)
                put_host(r, &to);
            if (given & CONTROL_QUOTA && r->error.class == ERROR_NONE)
                control_quota_note(r, true, to.name);
            else if (!given)
                error_set(&r->error, ERROR_INPUT,
                          "nothing to set: give --quota, --sending or --messages");
        }
    }
    arena_free(&a);
}

static void set_lock(struct control_call *r, uint32_t flags)
{
    struct arena *a = arena_new();
    const struct hosting *h = host_of(r, a);

    if (h) {
        struct store_host to = record_of(h);

        to.flags = flags;
        put_host(r, &to);
    }
    arena_free(&a);
}

void control_host_lock(struct control_call *r)
{
    set_lock(r, STORE_HOST_LOCKED);
}

void control_host_unlock(struct control_call *r)
{
    set_lock(r, 0);
}

/* What one hosting account owns. */
struct owned {
    json_t *domains, *accounts; /* NULL: they could not be read, and r->error says why */
};

static struct owned owned_by(struct control_call *r, struct span host)
{
    struct owned o = {control_list(r, STORE_HOST_DOMAINS, host),
                      control_list(r, STORE_HOST_ACCOUNTS, host)};

    return o;
}

static void still_owns(struct control_call *r, const struct hosting *h, const struct owned *o)
{
    struct text accounts = TEXT_INIT(600), domains = TEXT_INIT(600);
    uint64_t accounts_all = directory_number(r->house->directory, STORE_HOST_ACCOUNTS, h->name),
             domains_all = directory_number(r->house->directory, STORE_HOST_DOMAINS, h->name);

    control_names(o->accounts, accounts_all, &accounts);
    control_names(o->domains, domains_all, &domains);
    error_set(&r->error, ERROR_INPUT,
              "the hosting account %.*s still owns %" PRIu64 " account%s%s and %" PRIu64
              " domain%s%s: remove them "
              "(`port26 account rm`, `port26 domain rm`) or give them to another (`port26 domain "
              "set NAME --host OTHER` takes the accounts along), or lock it instead",
              SPAN_ARG(h->name), accounts_all, accounts_all == 1 ? "" : "s", text_cstr(&accounts),
              domains_all, domains_all == 1 ? "" : "s", text_cstr(&domains));
    text_free(&accounts);
    text_free(&domains);
}

/* Nothing vanishes by the way: what it owns goes first, by name. */
void control_host_rm(struct control_call *r)
{
    struct arena *a = arena_new();
    const struct hosting *h = host_of(r, a);

    struct owned o = h ? owned_by(r, h->name) : (struct owned){0};

    if (json_array_size(o.accounts) || json_array_size(o.domains)) {
        still_owns(r, h, &o);
    } else if (o.accounts && o.domains) {
        struct registry *set = registry_new(r->house);
        struct span name = arena_span(a, h->name);

        registry_host_remove(set, h->name);
        control_commit(r, &set);
        if (r->error.class == ERROR_NONE)
            sendings_forget(r->house->sendings, true, name);
    }
    json_decref(o.accounts);
    json_decref(o.domains);
    arena_free(&a);
}

struct hosts {
    struct control_page page;
    const struct directory *directory;
};

static void host_row(void *arg, const struct hosting *h)
{
    struct hosts *l = arg;

    if (control_page_wants(&l->page))
        json_array_append_new(l->page.rows, control_json_host(l->directory, h));
}

void control_host_ls(struct control_call *r)
{
    struct hosts l = {.directory = r->house->directory};

    control_page_begin(r, &l.page);
    directory_host_each(r->house->directory, host_row, &l);
    control_page_end(r, &l.page, "hosts");
}

void control_host_show(struct control_call *r)
{
    struct arena *a = arena_new();
    const struct hosting *h = host_of(r, a);

    if (h) {
        struct owned o = owned_by(r, h->name);
        json_t *host = control_json_host(r->house->directory, h);

        json_object_set_new(host, "stored", control_quota_host(r->house, h));
        json_object_set_new(host, "sent", sendings_host_json(r->house->sendings, h->name));
        json_object_set_new(host, "domain_names", o.domains);
        json_object_set_new(host, "account_names", o.accounts);
        json_object_set_new(r->out, "host", host);
    }
    arena_free(&a);
}
