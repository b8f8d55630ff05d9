#include "probe/tell.h"

#include "base/memory.h"
#include "conf/suggest.h"
#include "probe/providers.h"

#include <string.h>

static const enum steps_sealing sealings[] = {
    [MODE_UNKNOWN] = SEALING_UNKNOWN,
    [MODE_PLAIN] = SEALING_NONE,
    [MODE_STARTTLS] = SEALING_STARTTLS,
    [MODE_TLS] = SEALING_TLS,
};

enum steps_sealing tell_sealing(enum findings_mode mode)
{
    return sealings[mode];
}

enum steps_spa tell_spa(const char *mechanisms)
{
    struct span rest = span_of(mechanisms), w;
    enum steps_spa spa = SPA_UNKNOWN;

    while ((w = span_word(&rest)).len) {
        if (span_iis(w, "PLAIN") || span_iis(w, "LOGIN"))
            return SPA_OFF;
        if (span_iis(w, "NTLM") || span_iis(w, "GSSAPI"))
            spa = SPA_ON;
    }
    return spa;
}

/* A door is recommended only when it keeps the password safe. */
static void take_best(const struct findings *f, const struct findings_door *best,
                      struct remedy_case *k)
{
    k->best.host = span_of(f->host);
    k->best.user = span_of(f->user);
    if (!best || !findings_verified(best))
        return;
    k->best.port = best->port;
    k->best.sealing = sealings[best->mode];
    k->best.spa = tell_spa(findings_auth(best));
}

enum { SLIPS_MAX = 2 };

/* "smtp.gmial.com": the server of the table that differs by a slip or two, or NULL. */
static const struct providers_row *meant(const char *host)
{
    const struct providers_row *near = NULL;
    size_t least = SLIPS_MAX + 1;

    for (const struct providers_row *r = providers_all(); r->name; r++) {
        size_t slips = suggest_distance(span_of(host), span_of(r->host));

        if (slips < least) {
            least = slips;
            near = r;
        }
    }
    return near;
}

/* Whose mailboxes these are, as far as the table knows. */
static const struct providers_row *provider_of(const struct findings *f)
{
    const struct providers_row *r = providers_of_domain(span_of(f->domain));

    if (!r)
        r = providers_of_host(span_of(f->host));
    return r || !f->right[0] ? r : providers_of_host(span_of(f->right));
}

/* There is no such server: which one is there instead? */
static void take_right(const struct findings *f, struct remedy_case *k)
{
    const struct providers_row *r = f->right[0] ? NULL : provider_of(f);

    k->best = (struct steps_settings){.user = span_of(f->user)};
    k->best.host = span_of(f->right);
    if (!k->best.host.len && !r)
        r = meant(f->host);
    if (!r || span_iis(span_of(r->host), f->host))
        return;
    k->best.host = span_of(r->host);
    k->best.port = r->doors[0].port;
    k->best.sealing = r->doors[0].sealing;
    if (!k->provider.len)
        k->provider = span_of(r->name);
}

static void say_right(const struct remedy_case *k, struct verdict *v, struct arena *a)
{
    if (k->best.host.len && k->provider.len)
        v->sentence = span_of(arena_printf(a, "%.*s That of %.*s is %.*s.", SPAN_ARG(v->sentence),
                                           SPAN_ARG(k->provider), SPAN_ARG(k->best.host)));
    else if (k->best.host.len)
        v->sentence = span_of(arena_printf(a, "%.*s Your provider's is %.*s.",
                                           SPAN_ARG(v->sentence), SPAN_ARG(k->best.host)));
}

/* Where the same port with the other way of beginning is the answer. */
static void take_same_door(const struct findings *f, const struct conclusion *c,
                           struct remedy_case *k)
{
    const struct findings_door *d = findings_find(f, WHO_SERVER, c->ports[0], AF_UNSPEC);

    if (!findings_speaks(d) || !findings_verified(d))
        return;
    k->best.port = d->port;
    k->best.sealing = sealings[d->mode];
}

/* The form of the user name that was not tried; empty when it cannot be known. */
static struct span other_form(const struct findings *f, struct arena *a)
{
    struct span user = span_of(f->user);
    ptrdiff_t at = span_find(user, '@');

    if (at >= 0)
        return span_head(user, (size_t)at);
    if (!user.len || !f->domain[0])
        return SPAN_NONE;
    return span_of(arena_printf(a, "%s@%s", f->user, f->domain));
}

/* The remedy names one door; when it is about more, they are added. */
static void name_ports(const struct conclusion *c, struct verdict *v, struct arena *a)
{
    struct text words = TEXT_INIT(200);

    if (!c->ports[0] || !c->ports[1])
        return;
    for (size_t i = 0; i < CONCLUDE_PORTS && c->ports[i]; i++)
        text_addf(&words, "%s%u", i ? ", " : "", c->ports[i]);
    v->sentence =
        span_of(arena_printf(a, "%.*s (Ports %s.)", SPAN_ARG(v->sentence), text_cstr(&words)));
    text_free(&words);
}

/* What the provider wants instead of the ordinary password, when that was refused. */
static void add_login(const struct providers_row *r, struct verdict *v, struct arena *a)
{
    if (!r || strcmp(v->id, "A3") != 0 || (r->login & LOGIN_PASSWORD))
        return;
    if (r->login & LOGIN_APP_PASSWORD)
        verdict_step(v, a,
                     "%s takes an app password here, made in the account's security settings; the "
                     "ordinary password is refused.",
                     r->name);
    else if (r->login & LOGIN_OAUTH)
        verdict_step(v, a, "%s takes no passwords here: sign in by the browser (OAuth2).", r->name);
}

static void tell_one(const struct findings *f, const struct conclusion *c,
                     const struct remedy_case *common, struct verdict *v, struct arena *a)
{
    struct remedy_case k = *common;

    k.port = c->ports[0];
    k.other = arena_span(a, span_of(c->other));
    if (strcmp(c->id, "S1") == 0)
        take_same_door(f, c, &k);
    if (strcmp(c->id, "N4") == 0)
        take_right(f, &k);
    if (strcmp(c->id, "A4") == 0)
        k.best.user = other_form(f, a);
    *v = (struct verdict){0};
    if (c->cause == CAUSE_CERT_NAME && c->other[0])
        k.best.host = k.other;
    remedy_fill(v, c->id, c->cause, &k, a);
    /* Before a recipient was named, the server that spoke is the provider's. */
    if (v->owner == OWNER_RECIPIENT && c->reply.stage < STAGE_RCPT)
        v->owner = OWNER_PROVIDER;
    v->rule = c->rule;
    add_login(provider_of(f), v, a);
    if (strcmp(c->id, "N4") == 0)
        say_right(&k, v, a);
    name_ports(c, v, a);
    if (c->reply.code)
        v->sentence = span_of(arena_printf(a, "%.*s The server said: %u %s", SPAN_ARG(v->sentence),
                                           c->reply.code, c->reply.text));
}

void tell_set(const struct findings *f, const struct conclusions *c, enum steps_program program,
              struct verdict_set *out, struct arena *a)
{
    struct remedy_case k = {.program = program, .host = span_of(f->host)};
    const struct providers_row *provider = provider_of(f);

    memset(out, 0, sizeof *out);
    if (provider)
        k.provider = span_of(provider->name);
    take_best(f, c->best, &k);
    tell_one(f, &c->at[0], &k, &out->verdict, a);
    for (size_t i = 1; i < c->count; i++) {
        struct verdict v;

        tell_one(f, &c->at[i], &k, &v, a);
        verdict_also(out, &v);
    }
    for (size_t i = 0; i < c->doubt_count; i++)
        verdict_doubt(out, a, "%s", c->doubt[i]);
    out->elapsed_ms = (uint64_t)f->elapsed_ms;
}
