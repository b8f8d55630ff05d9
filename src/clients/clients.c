#include "clients/clients.h"

#include "base/memory.h"
#include "clients/apple.h"
#include "clients/mozilla.h"
#include "clients/outlook.h"
#include "clients/plain.h"
#include "conf/relay_door.h"
#include "mail/address.h"

#include <stdlib.h>
#include <string.h>

const char *clients_kind_name(enum clients_kind k)
{
#define X(id, name) name,
    static const char *const names[] = {CLIENTS_KIND_LIST(X)};
#undef X
    return names[k];
}

const struct clients_form clients_forms[CLIENTS_FORMS] = {
    [CLIENTS_MOZILLA] = {"mozilla", "autoconfig", "text/xml; charset=utf-8", false, false, false,
                         mozilla_write},
    [CLIENTS_OUTLOOK] = {"outlook", "autodiscover", "text/xml; charset=utf-8", true, false, false,
                         outlook_write},
    [CLIENTS_APPLE] = {"apple", "mobileconfig", "application/x-apple-aspen-config", true, true,
                       true, apple_write},
    [CLIENTS_JSON] = {"json", "json", "application/json", false, false, false, plain_json},
    [CLIENTS_PLAIN] = {"text", "plain", "text/plain; charset=utf-8", false, false, false,
                       plain_write},
};

const struct clients_form *clients_form(struct span name)
{
    for (size_t i = 0; i < CLIENTS_FORMS; i++)
        if (span_iis(name, clients_forms[i].name) || span_iis(name, clients_forms[i].also))
            return &clients_forms[i];
    return NULL;
}

/* ---- which doors ---- */

static bool loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static bool only_loopback(const struct config_door *d)
{
    for (size_t i = 0; i < d->address.count; i++)
        if (!loopback(d->address.at[i]))
            return false;
    return true;
}

/* What a mail program can do at a door of that role; false: nothing. */
static bool kind_of(enum config_role role, enum clients_kind *kind)
{
    static const struct {
        enum config_role role;
        enum clients_kind kind;
    } rows[] = {{CONFIG_ROLE_SUBMISSION, CLIENTS_SUBMISSION}, {CONFIG_ROLE_POP3, CLIENTS_POP3}};

    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].role == role) {
            *kind = rows[i].kind;
            return true;
        }
    return false;
}

static bool usable(const struct config_door *d, enum clients_kind *kind)
{
    return d->tls != CONFIG_TLS_NONE && *d->cert.certificate && kind_of(d->role, kind);
}

/* A door for programs of this machine is nothing to offer, unless there are only such. */
static bool any_far(const struct config *c)
{
    enum clients_kind kind;

    for (size_t i = 0; i < c->door_count; i++)
        if (usable(&c->doors[i], &kind) && !only_loopback(&c->doors[i]))
            return true;
    return false;
}

static void add(struct clients_offer *o, struct clients_door d)
{
    o->doors[o->count++] = d;
}

static void add_foreign(struct clients_offer *o, enum clients_kind kind,
                        const struct config_relay_door *doors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(o, (struct clients_door){.kind = kind,
                                     .host = doors[i].host,
                                     .port = (uint16_t)doors[i].port,
                                     .implicit = doors[i].tls == CONFIG_TLS_IMPLICIT});
}

/* ---- which is better ---- */

/* The place among the ports that providers have; POP3 has 995 and 110, in this order. */
static size_t rank(const struct clients_door *d)
{
    size_t count;
    const struct config_relay_door *usual = relay_door_usual(&count);

    if (d->kind == CLIENTS_POP3)
        return d->port == 995 ? 0 : d->port == 110 ? 1 : 2;
    for (size_t i = 0; i < count; i++)
        if (usual[i].port == d->port)
            return i;
    return count;
}

static int better(const struct clients_door *a, const struct clients_door *b)
{
    size_t x = rank(a), y = rank(b);

    if (a->kind != b->kind)
        return (int)a->kind - (int)b->kind;
    if (x != y)
        return x < y ? -1 : 1;
    return b->implicit - a->implicit; /* RFC 8314 section 3 */
}

/* Stable: what is equal stays in the order of the file. */
static void sort(struct clients_door *doors, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct clients_door d = doors[i];
        size_t at = i;

        for (; at > 0 && better(&doors[at - 1], &d) > 0; at--)
            doors[at] = doors[at - 1];
        doors[at] = d;
    }
}

static void add_own(const struct config *c, struct clients_offer *o)
{
    bool far = any_far(c);
    size_t before = o->count;

    for (size_t i = 0; i < c->door_count; i++) {
        const struct config_door *d = &c->doors[i];
        enum clients_kind kind;

        if (usable(d, &kind) && !(far && only_loopback(d)))
            add(o, (struct clients_door){.kind = kind,
                                         .host = c->clients.host,
                                         .port = (uint16_t)d->port,
                                         .implicit = d->tls == CONFIG_TLS_IMPLICIT});
    }
    sort(o->doors + before, o->count - before);
}

/* One port at two addresses of this machine is one door to who has a name only. */
static bool told(const struct clients_door *doors, size_t n, const struct clients_door *d)
{
    for (size_t i = 0; i < n; i++)
        if (doors[i].kind == d->kind && doors[i].port == d->port &&
            span_iis(span_of(doors[i].host), d->host))
            return true;
    return false;
}

/* Stable as well: brings the kinds together, keeps the order inside of them, each door once, the
 * best of each kind. */
static void gather(struct clients_offer *o)
{
    struct clients_door sorted[CLIENTS_DOORS_MAX];
    size_t n = 0;

    for (int kind = CLIENTS_IMAP; kind <= CLIENTS_SUBMISSION; kind++) {
        size_t end = n + CLIENTS_KIND_MAX;

        for (size_t i = 0; i < o->count && n < end; i++)
            if ((int)o->doors[i].kind == kind && !told(sorted, n, &o->doors[i]))
                sorted[n++] = o->doors[i];
    }
    memcpy(o->doors, sorted, n * sizeof *sorted);
    o->count = n;
}

bool clients_offer_of(const struct config *c, struct span domain, struct span address,
                      struct arena *a, struct clients_offer *out)
{
    const struct config_clients *k = &c->clients;
    ptrdiff_t at = span_rfind(address, '@');

    *out = (struct clients_offer){.domain = arena_span(a, domain),
                                  .address = arena_span(a, address),
                                  .display_name = span_of(k->display_name),
                                  .local_part = k->user == CONFIG_USER_LOCAL_PART};
    out->local = span_head(out->address, at > 0 ? (size_t)at : 0);
    if (!out->display_name.len)
        out->display_name = out->domain;
    out->doors =
        arena_alloc(a, (c->door_count + k->imap_count + k->pop3_count) * sizeof *out->doors);
    add_foreign(out, CLIENTS_IMAP, k->imap, k->imap_count);
    add_own(c, out);
    add_foreign(out, CLIENTS_POP3, k->pop3, k->pop3_count);
    gather(out);
    return out->count > 0;
}

const struct clients_door *clients_best(const struct clients_offer *o, enum clients_kind kind)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->doors[i].kind == kind)
            return &o->doors[i];
    return NULL;
}

struct span clients_login(const struct clients_offer *o)
{
    return o->local_part ? o->local : o->address;
}

int clients_address(struct span typed, struct arena *a, struct span *address, struct span *domain)
{
    struct text canon = TEXT_INIT(1024);
    struct address parsed;
    int result = -1;

    typed = span_trim(typed);
    if (address_parse(typed, true, &parsed) == PATH_OK && !parsed.literal && parsed.domain.len &&
        address_domain_canon(parsed.domain, &canon)) {
        *address = arena_span(a, parsed.whole);
        *domain = arena_span(a, text_span(&canon));
        result = 0;
    }
    text_free(&canon);
    return result;
}
