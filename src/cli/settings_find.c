#include "cli/settings_find.h"

#include "base/clock.h"
#include "base/memory.h"
#include "mail/address.h"
#include "probe/tell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 3000, HOSTS_MAX = 3 };

const char *settings_find_name(enum settings_tried t)
{
#define X(id, name, words) name,
    static const char *const names[] = {SETTINGS_TRIED_LIST(X)};
#undef X
    return names[t];
}

const char *settings_find_words(enum settings_tried t)
{
#define X(id, name, words) words,
    static const char *const sentences[] = {SETTINGS_TRIED_LIST(X)};
#undef X
    return sentences[t];
}

static int read_address(struct settings *s, struct error *e)
{
    struct text canon = TEXT_INIT(sizeof s->canon - 1);
    struct address a;
    bool ok = address_parse(span_of(s->address), true, &a) == PATH_OK && !a.literal &&
              a.domain.len && address_canon(&a, false, &canon) &&
              span_cstr(text_span(&canon), s->canon, sizeof s->canon);

    text_free(&canon);
    s->domain = ok ? strrchr(s->canon, '@') : NULL;
    if (!s->domain || strlen(s->domain) >= FINDINGS_NAME - 16) {
        error_set(e, ERROR_INPUT, "'%.100s' is no mail address: give it whole, as you@example.com",
                  s->address);
        return EX_USAGE;
    }
    s->domain++;
    return EX_OK;
}

/* ---- the doors ---- */

static struct settings_door *door_of(struct settings *s, const char *host, unsigned port)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->door[i].door.port == port && strcmp(s->door[i].door.host, host) == 0)
            return &s->door[i];
    return NULL;
}

/* A door that no source named is worth a row only where nothing better is known: a guessed host. */
static struct settings_door *row_for(struct settings *s, const char *host,
                                     const struct findings_door *d)
{
    struct settings_door *row = door_of(s, host, d->port), *open = door_of(s, host, 0);

    if (row || !open || !findings_verified(d) || !findings_auth(d)[0] ||
        s->count == SETTINGS_DOORS_MAX)
        return row;
    row = &s->door[s->count++];
    *row = *open;
    row->door.port = d->port;
    row->door.sealing = tell_sealing(d->mode);
    return row;
}

static void take_door(struct settings_door *row, const struct findings_door *d)
{
    enum settings_tried t = !findings_speaks(d)     ? TRIED_SHUT
                            : !findings_verified(d) ? TRIED_UNSURE
                                                    : TRIED_WORKS;
    bool better = row->tried == TRIED_NOT || (t == TRIED_WORKS && row->tried != TRIED_WORKS) ||
                  (t == TRIED_UNSURE && row->tried == TRIED_SHUT);

    if (!better) /* one family is enough */
        return;
    row->tried = t;
    row->ms = d->connect_ms;
    row->spa = tell_spa(findings_auth(d));
}

/* What was guessed and what nobody answered at stands behind what works; else as trusted. */
static int by_use(const void *a, const void *b)
{
    const struct settings_door *x = a, *y = b;
    int works = (y->tried == TRIED_WORKS) - (x->tried == TRIED_WORKS);

    if (works)
        return works;
    return (x->door.port == 0) - (y->door.port == 0);
}

/* Stable: the order of trust must stay. */
static void sort_doors(struct settings *s)
{
    for (size_t i = 1; i < s->count; i++) {
        struct settings_door d = s->door[i];
        size_t at = i;

        for (; at > 0 && by_use(&s->door[at - 1], &d) > 0; at--)
            s->door[at] = s->door[at - 1];
        s->door[at] = d;
    }
}

/* ---- looking ---- */

static const enum findings_mode modes[] = {
    [SEALING_UNKNOWN] = MODE_UNKNOWN,
    [SEALING_NONE] = MODE_PLAIN,
    [SEALING_STARTTLS] = MODE_STARTTLS,
    [SEALING_TLS] = MODE_TLS,
};

static int look_at(struct settings *s, struct loop *l, struct tls_context *tls, const char *host,
                   struct error *e)
{
    struct observe_settings o = {.host = host,
                                 .resolver = s->resolver,
                                 .tls = tls,
                                 .timeout = s->timeout ? s->timeout : LOOK_MS};
    size_t extra = 0;

    for (size_t i = 0; i < s->count && extra < OBSERVE_PORTS_MAX; i++) {
        const struct discover_door *d = &s->door[i].door;

        if (strcmp(d->host, host) != 0)
            continue;
        o.extra_ports[extra++] = d->port;
        if (o.port)
            continue;
        o.port = d->port; /* how it begins need not be found out then */
        o.mode = modes[d->sealing];
    }
    if (observe_run(l, &o, &s->findings, e) < 0)
        return EX_CONFIG;
    s->looked = true;
    for (size_t i = 0; i < s->findings.door_count; i++) {
        const struct findings_door *d = &s->findings.door[i];
        struct settings_door *row = d->who == WHO_SERVER ? row_for(s, host, d) : NULL;

        if (row)
            take_door(row, d);
    }
    return EX_OK;
}

static bool some_works(const struct settings *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->door[i].tried == TRIED_WORKS)
            return true;
    return false;
}

/* One host after the other, the most trusted first, until a door works. */
static int look(struct settings *s, struct loop *l, struct error *e)
{
    struct tls_context *tls = tls_client_new(s->cafile, e);
    char seen[HOSTS_MAX][FINDINGS_NAME];
    size_t hosts = 0, named = s->count;
    int status = tls ? EX_OK : EX_CONFIG;

    for (size_t i = 0; status == EX_OK && i < named && hosts < HOSTS_MAX && !some_works(s); i++) {
        bool again = false;

        for (size_t j = 0; j < hosts; j++)
            again = again || strcmp(seen[j], s->door[i].door.host) == 0;
        if (again)
            continue;
        memcpy(seen[hosts], s->door[i].door.host, sizeof seen[hosts]);
        status = look_at(s, l, tls, seen[hosts++], e);
    }
    tls_context_free(&tls);
    return status;
}

int settings_find(struct settings *s, struct error *e)
{
    int status = read_address(s, e);
    struct discover_settings d = {.address = span_of(s->canon),
                                  .domain = s->domain,
                                  .resolver = s->resolver,
                                  .cafile = s->cafile,
                                  .offline = s->no_network};
    int64_t began = clock_now();
    struct loop *l;

    if (status != EX_OK)
        return status;
    l = loop_new();
    if (discover_find(l, &d, &s->found, e) < 0)
        status = EX_CONFIG;
    for (size_t i = 0; i < s->found.count; i++)
        s->door[s->count++].door = s->found.door[i];
    if (status == EX_OK && !s->no_check && !s->no_network)
        status = look(s, l, e);
    sort_doors(s);
    s->elapsed_ms = clock_now() - began;
    loop_free(&l);
    return status;
}

/* ---- in words ---- */

static void nothing_found(const struct settings *s, enum steps_program program, struct verdict *v,
                          struct arena *a)
{
    struct remedy_case k = {.program = program};
    enum discover_end end = s->found.end;

    if (end == DISCOVER_NO_DOMAIN) {
        v->id = "N4";
        v->owner = OWNER_YOU;
        v->setting = SPAN("Mail address: the part behind the @");
        v->sentence = span_of(s->found.words);
        return;
    }
    remedy_fill(v, VERDICT_UNKNOWN, CAUSE_NONE, &k, a);
    v->sentence = span_of(s->found.words);
    v->step_count = 0;
    if (end == DISCOVER_NO_ANSWER || end == DISCOVER_NOT_ASKED) {
        v->owner = OWNER_NONE;
        verdict_step(v, a, "%s",
                     end == DISCOVER_NO_ANSWER
                         ? "Look whether this computer is online, and try again."
                         : "Try again without --offline.");
        return;
    }
    v->owner = OWNER_PROVIDER;
    verdict_step(v, a,
                 "Ask the provider, or who runs %s, for the name of the server for outgoing mail.",
                 s->domain);
}

static void all_well(const struct settings *s, struct verdict *v, struct arena *a)
{
    const struct settings_door *d = &s->door[0];

    v->id = VERDICT_OK;
    v->sentence =
        span_of(d->tried == TRIED_WORKS ? "These settings are right, and the door opens from here."
                                        : "These settings are what the provider gives.");
    if (d->door.port)
        v->setting =
            span_of(arena_printf(a, "Outgoing server: %s, port %u with %s", d->door.host,
                                 d->door.port, steps_sealing(PROGRAM_NONE, d->door.sealing)));
    else
        v->setting = span_of(arena_printf(a, "Outgoing server: %s", d->door.host));
}

void settings_find_steps(const struct settings *s, enum steps_program program, struct verdict *v,
                         struct arena *a)
{
    const struct settings_door *d = &s->door[0];
    struct steps_settings how = {.host = span_of(d->door.host),
                                 .port = d->door.port,
                                 .sealing = d->door.sealing,
                                 .user = span_of(d->door.user),
                                 .spa = d->spa == SPA_UNKNOWN ? SPA_OFF : d->spa};
    bool only_oauth = d->door.login == LOGIN_OAUTH;

    if ((d->door.login & LOGIN_APP_PASSWORD) && !(d->door.login & LOGIN_PASSWORD))
        verdict_step(v, a,
                     "Make an app password in the security settings of the account, at the "
                     "provider's web site: the ordinary password is refused.");
    steps_add(v, program, only_oauth ? (CHANGE_ALL & ~CHANGE_METHOD) | CHANGE_OAUTH : CHANGE_ALL,
              &how, a);
}

void settings_find_verdict(const struct settings *s, enum steps_program program,
                           struct verdict_set *out, struct arena *a)
{
    struct conclusions *c = memory_alloc(sizeof *c);

    memset(out, 0, sizeof *out);
    if (!s->count) {
        nothing_found(s, program, &out->verdict, a);
    } else if (s->looked && s->door[0].tried != TRIED_WORKS) {
        conclude(&s->findings, c);
        tell_set(&s->findings, c, program, out, a);
    } else {
        all_well(s, &out->verdict, a);
        settings_find_steps(s, program, &out->verdict, a);
        if (!s->looked)
            verdict_doubt(out, a, "whether the door opens from here: it was not tried");
        verdict_doubt(out, a, "whether name and password are right: no login was tried");
    }
    if (!out->verdict.rule)
        out->verdict.rule = "";
    out->elapsed_ms = (uint64_t)s->elapsed_ms;
    free(c);
}
