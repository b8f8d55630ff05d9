/* Commands about domains and aliases. */
#include "serve/control_json.h"
#include "serve/control_parts.h"

#include "base/clock.h"
#include "base/memory.h"
#include "mail/address.h"

#include <inttypes.h>

/* ---- domains ---- */

static bool name_of(struct control_call *r, struct arena *a, struct span *name)
{
    struct text canonical = TEXT_INIT(1024);
    struct span typed = control_text(r, "name");
    bool ok = typed.len && span_find(typed, '[') < 0 && address_domain_canon(typed, &canonical) &&
              address_domain_ok(text_span(&canonical), false);

    *name = arena_span(a, text_span(&canonical));
    text_free(&canonical);
    if (!ok)
        error_set(&r->error, ERROR_INPUT, "\"%.*s\" is no domain: write it as in example.com",
                  SPAN_ARG(span_head(typed, 255)));
    return ok;
}

static bool address_of(struct control_call *r, struct span typed, struct arena *a, struct span *out)
{
    struct text canonical = TEXT_INIT(1024);
    bool ok = span_find(typed, '@') > 0 && directory_name(typed, &canonical);

    *out = arena_span(a, text_span(&canonical));
    text_free(&canonical);
    if (!ok)
        error_set(&r->error, ERROR_INPUT,
                  "\"%.*s\" is no mail address: write it as in "
                  "you@example.com",
                  SPAN_ARG(span_head(typed, 255)));
    return ok;
}

/* Accounts of the domain that belong to whom it belonged to follow it to its new owner. */
struct follow {
    struct registry *set;
    struct span from, to;
};

static void follow_domain(void *arg, struct span name, const struct account *a)
{
    struct follow *f = arg;

    if (span_eq(a->host, f->from))
        registry_account_change(f->set, &(struct store_account){.name = name, .host = f->to},
                                REGISTRY_HOST, SPAN_NONE);
}

void control_domains_changed(struct control_call *r)
{
    const struct control_calls *calls = r->control->calls;

    if (r->error.class == ERROR_NONE && calls && calls->domains_changed)
        calls->domains_changed(r->control->arg);
}

/* Does it lead anywhere, with it in force? Told, not refused: the rest may follow. */
static void warn(struct control_call *r, struct span address, struct arena *a)
{
    struct directory_target *targets;
    struct error e = {0};
    bool keeps = false;
    size_t count;

    if (directory_expand(r->house->directory, address, STORE_TARGETS_MAX, a, &targets, &count, &e) <
        0) {
        control_note(r, "Careful: %s.", e.words);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (targets[i].ours && !targets[i].account)
            control_note(r, "Careful: there is no mailbox %.*s here.",
                         SPAN_ARG(targets[i].address));
        keeps |= span_eq(targets[i].address, address);
    }
    if (!keeps && directory_find(r->house->directory, address))
        control_note(
            r,
            "Careful: the account %.*s gets no mail any more: name it among the targets to "
            "let it have a copy.",
            SPAN_ARG(address));
}

static struct span domain_of_address(struct span address)
{
    return span_from(address, (size_t)span_rfind(address, '@') + 1);
}

/* Nothing of `to` and `was` may live in the directory: it changes while this waits. */
static void write_domain(struct control_call *r, const struct store_domain *to, struct span was)
{
    struct registry *set = registry_new(r->house);
    struct follow f = {set, was, to->host};
    struct store_list within = {STORE_DOMAIN_ACCOUNTS, to->name};

    if (!span_eq(f.from, f.to) && /* also accounts made before the domain was ours */
        !control_accounts(r, &within, follow_domain, &f)) {
        registry_free(&set);
        return;
    }
    registry_domain_put(set, to); /* the last: until then the same command goes on with the rest */
    control_commit_long(r, &set);
    control_domains_changed(r);
    if (r->error.class == ERROR_NONE && to->catch_all.len) {
        const struct directory *d = r->house->directory;
        struct arena *a = arena_new();

        if (directory_owner(d, to->catch_all) || directory_alias(d, to->catch_all) ||
            !directory_domain(d, domain_of_address(to->catch_all)))
            warn(r, to->catch_all, a);
        else
            control_note(r, "Careful: there is no mailbox %.*s here.", SPAN_ARG(to->catch_all));
        arena_free(&a);
    }
}

static bool take_options(struct control_call *r, struct arena *a, struct store_domain *to)
{
    struct span all = control_text(r, "catch_all");

    if (control_has(r, "host") && !control_host(r, "host", a, &to->host))
        return false;
    if (!control_has(r, "catch_all"))
        return true;
    to->catch_all = SPAN_NONE;
    return !all.len || span_is(all, "none") || address_of(r, all, a, &to->catch_all);
}

void control_domain_add(struct control_call *r)
{
    struct arena *a = arena_new();
    struct store_domain to = {.created = clock_wall()};
    const struct hosted_domain *was;

    if (name_of(r, a, &to.name)) {
        was = directory_domain_find(r->house->directory, to.name);
        if (was && was->in_store)
            error_set(&r->error, ERROR_INPUT,
                      "the domain %.*s is here already: `port26 domain set` changes it",
                      SPAN_ARG(to.name));
        else if (take_options(r, a, &to))
            write_domain(r, &to, SPAN_NONE);
        if (r->error.class == ERROR_NONE)
            control_dkim_new(r, to.name);
        if (r->error.class == ERROR_NONE)
            control_note(
                r,
                "Its mail is signed from now on. `port26 domain dns %.*s` prints what is to "
                "be published, `port26 domain check %.*s` looks whether it is.",
                SPAN_ARG(to.name), SPAN_ARG(to.name));
    }
    arena_free(&a);
}

static const struct hosted_domain *domain_of(struct control_call *r, struct arena *a)
{
    const struct hosted_domain *found = NULL;
    struct span name;

    if (!name_of(r, a, &name))
        return NULL;
    found = directory_domain_find(r->house->directory, name);
    if (found && found->in_store)
        return found;
    error_set(&r->error, ERROR_INPUT,
              found ? "the domain %.*s stands in the settings: add it first (`port26 domain add`) "
                      "or change the file"
                    : "there is no domain %.*s: `port26 domain ls` shows all",
              SPAN_ARG(name));
    return NULL;
}

void control_domain_set(struct control_call *r)
{
    struct arena *a = arena_new();
    const struct hosted_domain *was = domain_of(r, a);

    if (was) {
        struct span host = arena_span(a, was->host);
        struct store_domain to = {arena_span(a, was->name), host, arena_span(a, was->catch_all),
                                  was->created};

        if (!control_has(r, "host") && !control_has(r, "catch_all"))
            error_set(&r->error, ERROR_INPUT, "nothing to set: give --host or --catch-all");
        else if (take_options(r, a, &to))
            write_domain(r, &to, host);
    }
    arena_free(&a);
}

/* What ends in a domain. */
struct within {
    json_t *accounts, *aliases; /* NULL: they could not be read, and r->error says why */
};

static void still_has(struct control_call *r, const struct hosted_domain *d, const struct within *w)
{
    struct text accounts = TEXT_INIT(600), aliases = TEXT_INIT(600);
    uint64_t accounts_all = directory_number(r->house->directory, STORE_DOMAIN_ACCOUNTS, d->name),
             aliases_all = directory_number(r->house->directory, STORE_DOMAIN_ALIASES, d->name);

    control_names(w->accounts, accounts_all, &accounts);
    control_names(w->aliases, aliases_all, &aliases);
    error_set(&r->error, ERROR_INPUT,
              "the domain %.*s still has %" PRIu64 " account%s%s and %" PRIu64
              " alias%s%s: remove these first "
              "(`port26 account rm`, `port26 alias rm`)",
              SPAN_ARG(d->name), accounts_all, accounts_all == 1 ? "" : "s", text_cstr(&accounts),
              aliases_all, aliases_all == 1 ? "" : "es", text_cstr(&aliases));
    text_free(&accounts);
    text_free(&aliases);
}

void control_domain_rm(struct control_call *r)
{
    struct arena *a = arena_new();
    const struct hosted_domain *d = domain_of(r, a);
    struct within w = {0};

    if (d && !d->in_settings)
        w = (struct within){control_list(r, STORE_DOMAIN_ACCOUNTS, d->name),
                            control_list(r, STORE_DOMAIN_ALIASES, d->name)};
    if (json_array_size(w.accounts) || json_array_size(w.aliases)) {
        still_has(r, d, &w);
    } else if (d && r->error.class == ERROR_NONE) {
        struct registry *set = registry_new(r->house);
        struct span name = arena_span(a, d->name);

        registry_domain_remove(set, name);
        control_commit(r, &set);
        control_domains_changed(r);
        if (r->error.class == ERROR_NONE)
            control_dkim_gone(r, name);
        if (r->error.class == ERROR_NONE && !directory_domain(r->house->directory, name))
            control_note(r, "Its DKIM keys are gone too; take its records out of the DNS.");
        else if (r->error.class == ERROR_NONE)
            control_note(r, "It stands in the settings as well, and mail for it still comes here.");
    }
    json_decref(w.accounts);
    json_decref(w.aliases);
    arena_free(&a);
}

struct list {
    struct control_page page;
    const struct house *house;
};

static void domain_row(void *arg, const struct hosted_domain *d)
{
    struct list *l = arg;
    json_t *row;

    if (!control_page_wants(&l->page))
        return;
    row = control_json_domain(l->house->directory, d);
    json_object_set_new(row, "dkim", control_dkim_sighting(l->house, d->name));
    json_array_append_new(l->page.rows, row);
}

void control_domain_ls(struct control_call *r)
{
    struct list l = {.house = r->house};

    control_page_begin(r, &l.page);
    directory_domain_each(r->house->directory, domain_row, &l);
    control_page_end(r, &l.page, "domains");
}

/* ---- aliases ---- */

static bool ours(struct control_call *r, struct span address)
{
    struct span domain = span_from(address, (size_t)span_rfind(address, '@') + 1);

    if (directory_domain(r->house->directory, domain))
        return true;
    error_set(
        &r->error, ERROR_INPUT,
        "the domain %.*s is not ours, so no mail for %.*s comes here: `port26 domain add %.*s` "
        "first",
        SPAN_ARG(domain), SPAN_ARG(address), SPAN_ARG(domain));
    return false;
}

static bool take_targets(struct control_call *r, struct arena *a, struct store_alias *to)
{
    json_t *list = json_object_get(r->in, "targets");
    size_t n = json_array_size(list);

    if (!n || n > STORE_TARGETS_MAX) {
        error_set(&r->error, ERROR_INPUT, "an alias has 1 to %d targets", STORE_TARGETS_MAX);
        return false;
    }
    to->targets = arena_alloc(a, n * sizeof *to->targets);
    for (size_t i = 0; i < n; i++)
        if (!address_of(r, span_of(json_string_value(json_array_get(list, i))), a,
                        &to->targets[to->target_count++]))
            return false;
    return true;
}

static void put_alias(struct control_call *r, bool exists)
{
    struct arena *a = arena_new();
    struct store_alias to = {0};

    if (address_of(r, control_text(r, "address"), a, &to.address) && ours(r, to.address)) {
        bool there = directory_alias(r->house->directory, to.address) != NULL,
             damaged = !there && (exists ? control_forgive(r, STORE_ALIASES, to.address)
                                         : control_damaged(r, STORE_ALIASES, to.address));

        if (damaged && !exists) {
            ; /* it is said already */
        } else if (exists != (there || damaged)) {
            error_set(&r->error, ERROR_INPUT,
                      exists ? "there is no alias %.*s: `port26 alias add` makes one"
                             : "the alias %.*s exists already: `port26 alias set` changes it",
                      SPAN_ARG(to.address));
        } else if (take_targets(r, a, &to)) {
            struct registry *set = registry_new(r->house);

            registry_alias_put(set, &to);
            control_commit(r, &set);
            if (r->error.class == ERROR_NONE)
                warn(r, to.address, a);
        }
    }
    arena_free(&a);
}

void control_alias_add(struct control_call *r)
{
    put_alias(r, false);
}

void control_alias_set(struct control_call *r)
{
    put_alias(r, true);
}

void control_alias_rm(struct control_call *r)
{
    struct arena *a = arena_new();
    struct span address;

    if (address_of(r, control_text(r, "address"), a, &address)) {
        if (directory_alias(r->house->directory, address) ||
            control_forgive(r, STORE_ALIASES, address)) {
            struct registry *set = registry_new(r->house);

            registry_alias_remove(set, address);
            control_commit(r, &set);
        } else {
            error_set(&r->error, ERROR_INPUT, "there is no alias %.*s: `port26 alias ls` shows all",
                      SPAN_ARG(address));
        }
    }
    arena_free(&a);
}

struct aliases {
    struct control_call *call;
    struct control_part part;
};

static void alias_row(void *arg, struct span address, const struct hosted_alias *alias)
{
    struct aliases *l = arg;

    control_part_row(l->call, &l->part, address, alias ? control_json_alias(alias) : NULL);
}

void control_alias_ls(struct control_call *r)
{
    struct store_list all = {.kind = STORE_ALIASES};
    struct aliases l = {.call = r};
    int more;

    control_part_begin(r, &l.part);
    do
        more =
            directory_aliases(r->house->directory, &all, &l.part.range, alias_row, &l, &r->error);
    while (control_part_more(r, &l.part, more));
    control_part_end(r, &l.part, "aliases");
}
