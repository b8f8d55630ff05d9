/* Commands about accounts. */
#include "serve/amounts.h"
#include "serve/control_json.h"
#include "serve/control_parts.h"
#include "serve/refusals.h"
#include "serve/sendings.h"

#include "base/clock.h"
#include "base/memory.h"
#include "mail/address.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

/* ---- arguments ---- */

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

/* The account that is meant; NULL with words when there is none. */
static const struct account *account_of(struct control_call *r, struct arena *a)
{
    const struct account *found = NULL;
    struct span name;

    if (!name_of(r, a, &name))
        return NULL;
    found = directory_find(r->house->directory, name);
    if (!found && !control_damaged(r, STORE_ACCOUNTS, name))
        error_set(&r->error, ERROR_INPUT, "there is no account %.*s: `port26 account ls` shows all",
                  SPAN_ARG(name));
    return found;
}

static bool take_aliases(struct control_call *r, struct store_account *to, struct arena *a,
                         unsigned *fields)
{
    if (!control_has(r, "aliases"))
        return true;
    *fields |= REGISTRY_SENDERS;
    return control_senders(r->house->directory, json_object_get(r->in, "aliases"), a, to,
                           &r->error) == 0;
}

static bool take_password(struct control_call *r, struct store_account *to, struct arena *a)
{
    struct scram_verifier v;
    char text[SCRAM_TEXT];

    if (scram_derive(control_text(r, "password"), &v, &r->error) < 0)
        return false;
    scram_format(&v, text);
    to->verifier = arena_span(a, span_of(text));
    memory_wipe(&v, sizeof v);
    memory_wipe(text, sizeof text);
    return true;
}

/* Who owns it: as the command says ("" or "none": nobody), else as its domain. */
static bool take_host(struct control_call *r, struct store_account *to, struct arena *a,
                      unsigned *fields)
{
    ptrdiff_t at = span_rfind(to->name, '@');

    if (control_has(r, "host")) {
        *fields |= REGISTRY_HOST;
        return control_host(r, "host", a, &to->host);
    }
    if (at >= 0)
        to->host = directory_domain_host(r->house->directory, span_from(to->name, (size_t)at + 1));
    return true;
}

/* Quota and limits, as far as they are given. */
static bool take_amounts(struct control_call *r, struct store_account *to, unsigned *fields)
{
    unsigned given = 0;

    if (!control_amounts(r, &to->quota, &to->limits, &given))
        return false;
    *fields |= (given & CONTROL_QUOTA ? REGISTRY_QUOTA : 0) |
               (given & CONTROL_MESSAGES ? REGISTRY_MESSAGES : 0) |
               (given & CONTROL_RECIPIENTS ? REGISTRY_RECIPIENTS : 0);
    return true;
}

/* ---- writing ---- */

static void change(struct control_call *r, const struct store_account *to, unsigned fields)
{
    struct registry *set = registry_new(r->house);

    registry_account_change(set, to, fields, SPAN_NONE);
    control_commit(r, &set);
}

static void warn_if_elsewhere(struct control_call *r, struct span name)
{
    ptrdiff_t at = span_rfind(name, '@');
    struct span domain = at < 0 ? SPAN_NONE : span_from(name, (size_t)at + 1);

    if (domain.len && !directory_domain(r->house->directory, domain))
        control_note(r,
                     "The domain %.*s is not ours yet, so no mail for this address comes here: "
                     "`port26 domain add %.*s`.",
                     SPAN_ARG(domain), SPAN_ARG(domain));
}

/* An alias of the same address gets its mail, unless the address is among its own targets. `former`
 * had the address among its own. */
static void warn_if_hidden(struct control_call *r, struct span name, struct span former)
{
    const struct hosted_alias *alias = directory_alias(r->house->directory, name);

    for (size_t i = 0; alias && i < alias->target_count; i++)
        if (span_eq(alias->targets[i], name))
            return;
    if (former.len)
        control_note(
            r, "Careful: %.*s was an alias of the account %.*s, which gets no more mail for it.",
            SPAN_ARG(name), SPAN_ARG(former));
    if (alias)
        control_note(r,
                     "Careful: there is an alias %.*s too, which gets the mail: `port26 alias rm "
                     "%.*s` gives it to this account.",
                     SPAN_ARG(name), SPAN_ARG(name));
}

static struct span former_owner(const struct control_call *r, struct span address, struct arena *a)
{
    const struct account *acc = directory_owner(r->house->directory, address);

    for (size_t i = 0; acc && i < acc->alias_count; i++)
        if (span_eq(acc->aliases[i], address))
            return arena_span(a, acc->name);
    return SPAN_NONE;
}

/* Mail of a former account of that name would be read by its next owner. */
static void warn_of_mail(struct control_call *r, struct span name)
{
    struct text path = TEXT_INIT(PATH_MAX);

    text_addf(&path, "%s/%.*s", r->house->config->inboxes.path, SPAN_ARG(name));
    if (access(text_cstr(&path), F_OK) == 0)
        control_note(r,
                     "Careful: %s was there already: what lies in it is this account's mail now. "
                     "Move it away if it was somebody else's.",
                     text_cstr(&path));
    text_free(&path);
}

/* Domains whose catch-all is an account that is gone. */
struct pointing {
    struct span name;
    json_t *domains;
};

static void pointing_domain(void *arg, const struct hosted_domain *d)
{
    struct pointing *p = arg;

    if (span_eq(d->catch_all, p->name))
        json_array_append_new(p->domains, json_stringn(d->name.at, d->name.len));
}

static void warn_of_pointers(struct control_call *r, struct span name)
{
    struct pointing p = {name, json_array()};
    struct text names = TEXT_INIT(600);
    json_t *aliases = control_list(r, STORE_TARGET_ALIASES, name);

    directory_domain_each(r->house->directory, pointing_domain, &p);
    control_sort(&p.domains);
    control_names(aliases, directory_number(r->house->directory, STORE_TARGET_ALIASES, name),
                  &names);
    if (names.len)
        control_note(r, "Careful: aliases still lead to it%s: `port26 alias set` or `rm`.",
                     text_cstr(&names));
    text_clear(&names);
    control_names(p.domains, json_array_size(p.domains), &names);
    if (names.len)
        control_note(
            r, "Careful: it is still the catch-all of a domain%s: `port26 domain set --catch-all`.",
            text_cstr(&names));
    text_free(&names);
    json_decref(aliases);
    json_decref(p.domains);
}

void control_account_add(struct control_call *r)
{
    struct arena *a = arena_new();
    struct store_account to = {.created = clock_wall()};
    unsigned fields = 0;

    if (name_of(r, a, &to.name)) {
        if (directory_find(r->house->directory, to.name)) {
            error_set(&r->error, ERROR_INPUT,
                      "the account %.*s exists already: `port26 account passwd` changes its "
                      "password, `port26 account set` the rest",
                      SPAN_ARG(to.name));
        } else if (control_damaged(r, STORE_ACCOUNTS, to.name)) {
            ; /* it says what to do */
        } else if (take_host(r, &to, a, &fields) && take_amounts(r, &to, &fields) &&
                   take_aliases(r, &to, a, &fields) && take_password(r, &to, a)) {
            struct registry *set = registry_new(r->house);
            struct span former = former_owner(r, to.name, a);

            warn_of_mail(r, to.name);
            registry_account_add(set, &to);
            control_commit(r, &set);
            warn_if_elsewhere(r, to.name);
            warn_if_hidden(r, to.name, former);
            control_senders_note(r, &to);
        }
    }
    arena_free(&a);
}

void control_account_passwd(struct control_call *r)
{
    struct arena *a = arena_new();
    const struct account *acc = account_of(r, a);
    struct store_account to = {0};

    if (acc && take_password(r, &to, a)) {
        to.name = acc->name;
        change(r, &to, REGISTRY_VERIFIER);
    }
    arena_free(&a);
}

void control_account_set(struct control_call *r)
{
    struct arena *a = arena_new();
    const struct account *acc = account_of(r, a);
    struct store_account to = {0};
    unsigned fields = 0;

    if (acc) {
        to.name = arena_span(a, acc->name); /* the account is made anew */
        if (take_aliases(r, &to, a, &fields) && take_host(r, &to, a, &fields) &&
            take_amounts(r, &to, &fields)) {
            if (fields)
                change(r, &to, fields);
            else
                error_set(&r->error, ERROR_INPUT,
                          "nothing to set: give --quota, --sending, --messages, --host or --alias");
            control_senders_note(r, &to);
            if (fields & REGISTRY_QUOTA && r->error.class == ERROR_NONE)
                control_quota_note(r, false, to.name);
        }
    }
    arena_free(&a);
}

static void set_lock(struct control_call *r, uint32_t flags)
{
    struct arena *a = arena_new();
    const struct account *acc = account_of(r, a);

    if (acc)
        change(r, &(struct store_account){.name = acc->name, .flags = flags}, REGISTRY_LOCK);
    arena_free(&a);
}

void control_account_lock(struct control_call *r)
{
    set_lock(r, STORE_ACCOUNT_LOCKED);
}

void control_account_unlock(struct control_call *r)
{
    set_lock(r, 0);
}

static void note_mail(struct control_call *r, struct span name)
{
    struct text path = TEXT_INIT(PATH_MAX);

    text_addf(&path, "%s/%.*s", r->house->config->inboxes.path, SPAN_ARG(name));
    if (access(text_cstr(&path), F_OK) == 0)
        control_note(r, "Its mail stays in %s until you remove it.", text_cstr(&path));
    else
        control_note(r, "It never had mail: there is no %s.", text_cstr(&path));
    text_free(&path);
}

static void forget(struct house *h, struct span name)
{
    sendings_forget(h->sendings, false, name);
    refusals_forget(h->refusals, name);
}

static void remove_account(struct control_call *r, struct span name, bool damaged)
{
    struct registry *set = registry_new(r->house);

    if (damaged)
        registry_account_discard(set, name);
    else
        registry_account_remove(set, name);
    control_commit(r, &set);
    if (r->error.class != ERROR_NONE)
        return;
    forget(r->house, name);
    if (damaged)
        control_note(r, "Its record was damaged: what it said (password, further addresses, quota, "
                        "limits, lock) is gone.");
    note_mail(r, name);
    warn_of_pointers(r, name);
}

/* The mail is the customer's: it stays until a person removes it. */
void control_account_rm(struct control_call *r)
{
    struct arena *a = arena_new();
    const struct account *acc = account_of(r, a);
    struct span name;

    if (acc)
        remove_account(r, arena_span(a, acc->name), false);
    else if (name_of(r, a, &name) && control_forgive(r, STORE_ACCOUNTS, name))
        remove_account(r, name, true);
    arena_free(&a);
}

/* ---- reading ---- */

struct accounts {
    struct control_call *call;
    struct control_part part;
};

static void account_row(void *arg, struct span name, const struct account *a)
{
    struct accounts *l = arg;

    control_part_row(l->call, &l->part, name, a ? control_json_account(a) : NULL);
}

static void list_accounts(struct control_call *r, directory_account_fn *row)
{
    struct store_list all = {.kind = STORE_ACCOUNTS};
    struct accounts l = {.call = r};
    int more;

    control_part_begin(r, &l.part);
    do
        more = directory_accounts(r->house->directory, &all, &l.part.range, row, &l, &r->error);
    while (control_part_more(r, &l.part, more));
    control_part_end(r, &l.part, "accounts");
}

void control_account_ls(struct control_call *r)
{
    list_accounts(r, account_row);
}

static json_t *verifier_of(const struct account *a)
{
    char verifier[SCRAM_TEXT];
    json_t *text;

    scram_format(&a->verifier, verifier);
    text = a->hash.len ? json_stringn(a->hash.at, a->hash.len) : json_string(verifier);
    memory_wipe(verifier, sizeof verifier);
    return text;
}

void control_account_verifier(struct control_call *r)
{
    struct arena *a = arena_new();
    struct span name;
    const struct account *acc =
        name_of(r, a, &name) ? directory_find(r->house->directory, name) : NULL;

    if (acc && acc->has_password)
        json_object_set_new(r->out, "verifier", verifier_of(acc));
    arena_free(&a);
}

/* What another server needs to judge the login: as secret as /etc/shadow, and for the same eyes. */
static void export_row(void *arg, struct span name, const struct account *a)
{
    struct accounts *l = arg;
    json_t *row;

    if (a && (!a->has_password || directory_locked(l->call->house->directory, a))) {
        control_part_pass(&l->part, name);
        return;
    }
    if (!a) {
        control_part_row(l->call, &l->part, name, NULL);
        return;
    }
    row = control_json_account(a);
    json_object_set_new(row, "verifier", verifier_of(a));
    control_part_row(l->call, &l->part, name, row);
}

void control_account_export(struct control_call *r)
{
    list_accounts(r, export_row);
}

/* Null where no server runs that could have refused anything. */
static json_t *refused_since(const struct control_call *r)
{
    char since[32];

    if (!r->control->calls)
        return json_null();
    clock_iso(refusals_since(r->house->refusals), since, sizeof since);
    return json_string(since);
}

void control_account_show(struct control_call *r)
{
    struct arena *a = arena_new();
    const struct account *acc = account_of(r, a);
    const struct hosting *h = acc ? directory_host_of(r->house->directory, acc) : NULL;

    if (acc) {
        json_t *o = control_json_account(acc);

        json_object_set_new(o, "host_locked", json_boolean(h && h->locked));
        json_object_set_new(o, "stored", control_quota_account(r->house, acc->name));
        json_object_set_new(o, "sent", sendings_json(r->house->sendings, acc->name));
        json_object_set_new(o, "refused", refusals_json(r->house->refusals, acc->name));
        json_object_set_new(o, "refused_since", refused_since(r));
        json_object_set_new(r->out, "account", o);
    }
    arena_free(&a);
}
