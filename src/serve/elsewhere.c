#include "serve/elsewhere.h"

#include "account/dovecot.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "serve/registry.h"

#include <stdlib.h>

struct asking {
    struct house *house;
    login_other_done_fn *done;
    void *arg;
    char *account; /* being made */
};

static void end(struct asking *a, enum login_verdict v, struct span account)
{
    a->done(a->arg, v, account);
    free(a->account);
    free(a);
}

static void made(void *arg, const struct error *e)
{
    struct asking *a = arg;

    if (!e)
        log_event(LOG_NOTICE, "account.made", LOG_STR("account", a->account),
                  LOG_STR("why", "Dovecot knows it"));
    end(a, e ? LOGIN_NOT_NOW : LOGIN_YES, span_of(a->account));
}

static void make(struct asking *a, struct span name)
{
    struct registry *set = registry_new(a->house);
    ptrdiff_t at = span_rfind(name, '@');
    struct store_account to = {
        .name = name, .verifier = SPAN(ACCOUNT_ELSEWHERE), .created = clock_wall()};

    if (at >= 0)
        to.host = directory_domain_host(a->house->directory, span_from(name, (size_t)at + 1));
    a->account = span_dup(name);
    registry_account_put(set, &to);
    registry_commit(&set, made, a);
}

/* Dovecot's name for it counts: a login may be written in several ways. */
static void answered(void *arg, enum dovecot_verdict v, struct span user)
{
    struct asking *a = arg;
    struct text name = TEXT_INIT(1024);
    const struct directory *d = a->house->directory;
    const struct account *acc = NULL;
    unsigned troubles = directory_troubles(d);

    if (v == DOVECOT_YES && directory_name(user, &name))
        acc = directory_find(d, text_span(&name));
    if (directory_troubles(d) != troubles) /* it may be here: not to be made anew */
        v = DOVECOT_NOT_NOW;
    if (v == DOVECOT_NOT_NOW)
        end(a, LOGIN_NOT_NOW, SPAN_NONE);
    else if (acc && acc->elsewhere && !directory_locked(d, acc))
        end(a, LOGIN_YES, acc->name);
    else if (acc || !name.len) /* a password of its own is kept here, or it is no name for us */
        end(a, LOGIN_NO, SPAN_NONE);
    else
        make(a, text_span(&name));
    text_free(&name);
}

/* ---- whom mail is for ---- */

enum { NAMES_MAX = 20 }; /* behind one alias that are asked for */

struct seeking {
    struct house *house;
    struct arena *arena;
    struct span *names;
    size_t count, next;
    elsewhere_answer_fn *answer;
    void *arg;
};

/* The mailbox of "kim+list@example.com" is kim's. */
static struct span mailbox_of(struct arena *a, struct span canonical)
{
    ptrdiff_t plus = span_find(canonical, '+'), at = span_rfind(canonical, '@');

    if (plus <= 0 || plus > at)
        return arena_span(a, canonical);
    return span_of(arena_printf(a, "%.*s%.*s", (int)plus, canonical.at,
                                SPAN_ARG(span_from(canonical, (size_t)at))));
}

static void want(struct seeking *k, struct span address)
{
    const struct house *h = k->house;
    struct text name = TEXT_INIT(1024);
    struct route route;
    struct span mailbox;
    unsigned troubles = directory_troubles(h->directory);

    if (k->count < NAMES_MAX && directory_name(address, &name)) {
        mailbox = mailbox_of(k->arena, text_span(&name));
        house_route(h, SPAN_NONE, mailbox, k->arena, &route);
        if (route.kind == ROUTE_INBOX && directory_domain(h->directory, route.domain) &&
            !directory_find(h->directory, mailbox) && !directory_alias(h->directory, mailbox) &&
            directory_troubles(h->directory) == troubles)
            k->names[k->count++] = mailbox;
    }
    text_free(&name);
}

/* Also for itself when nobody but the domain's catch-all takes its mail. */
static void collect(struct seeking *k, struct span recipient)
{
    struct directory_target *t;
    size_t count;

    k->names = arena_alloc(k->arena, NAMES_MAX * sizeof *k->names);
    if (directory_expand(k->house->directory, recipient, STORE_TARGETS_MAX, k->arena, &t, &count,
                         NULL) < 0)
        return;
    if (!count || t[0].address.at != recipient.at)
        want(k, recipient);
    for (size_t i = 0; i < count; i++)
        if (t[i].ours && !t[i].account)
            want(k, t[i].address);
}

static void finish(struct seeking *k, bool sure)
{
    k->answer(k->arg, sure);
    arena_free(&k->arena);
    free(k);
}

static void seek(struct seeking *k);

static void sought(void *arg, enum login_verdict v, struct span account)
{
    struct seeking *k = arg;

    (void)account;
    if (v == LOGIN_NOT_NOW)
        finish(k, false);
    else
        seek(k);
}

static void seek(struct seeking *k)
{
    struct asking *a;

    if (k->next == k->count || !k->house->users) { /* a reload may have taken it away */
        finish(k, k->next == k->count);
        return;
    }
    a = memory_alloc(sizeof *a);
    *a = (struct asking){.house = k->house, .done = sought, .arg = k};
    dovecot_exists(k->house->users, k->names[k->next++], answered, a);
}

void elsewhere_reach(struct house *h, struct span recipient, elsewhere_answer_fn *answer, void *arg)
{
    struct seeking *k;

    if (!h->users) {
        answer(arg, true);
        return;
    }
    k = memory_alloc(sizeof *k);
    *k = (struct seeking){.house = h, .arena = arena_new(), .answer = answer, .arg = arg};
    collect(k, recipient);
    seek(k);
}

/* ---- logins ---- */

static void other(void *arg, const struct login_question *q, login_other_done_fn *done,
                  void *done_arg)
{
    struct house *h = arg;
    struct asking *a = memory_alloc(sizeof *a);

    *a = (struct asking){.house = h, .done = done, .arg = done_arg};
    dovecot_check(h->dovecot, q->name, q->password, q->peer, answered, a);
}

void elsewhere_configure(struct house *h, const struct config *c)
{
    elsewhere_close(h);
    if (*c->accounts.dovecot_users)
        h->users = dovecot_new(h->loop, c->accounts.dovecot_users);
    if (*c->accounts.dovecot_auth)
        h->dovecot = dovecot_new(h->loop, c->accounts.dovecot_auth);
    login_on_other(h->login, h->dovecot ? other : NULL, h);
}

void elsewhere_close(struct house *h)
{
    dovecot_free(&h->dovecot);
    dovecot_free(&h->users);
}
