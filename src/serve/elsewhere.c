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

    if (v == DOVECOT_YES && directory_name(user, &name))
        acc = directory_find(d, text_span(&name));
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
    dovecot_free(&h->dovecot);
    if (*c->accounts.dovecot_auth)
        h->dovecot = dovecot_new(h->loop, c->accounts.dovecot_auth);
    login_on_other(h->login, h->dovecot ? other : NULL, h);
}

void elsewhere_close(struct house *h)
{
    dovecot_free(&h->dovecot);
}
