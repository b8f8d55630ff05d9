/* Commands about the DKIM keys of a domain. Nothing here shows a private key (P8). */
#include "base/clock.h"
#include "mail/address.h"
#include "serve/control_parts.h"
#include "serve/sightings.h"
#include "serve/signer.h"

enum { SHOWN = 5 }; /* domains in the status; `domain ls` has all */

static void set_time(json_t *row, const char *key, int64_t wall)
{
    char buf[32];

    if (wall)
        clock_iso(wall, buf, sizeof buf);
    json_object_set_new(row, key, wall ? json_string(buf) : json_null());
}

static json_t *row_of(const struct dkim_pair *p, enum keypair_kind kind, struct span domain)
{
    struct text selector = TEXT_INIT(100), record = TEXT_INIT(KEYPAIR_PUBLIC_MAX + 100);
    struct text name = TEXT_INIT(400);
    json_t *row = json_object();

    dkim_keys_selector(p, kind, &selector);
    dkim_keys_record(p, kind, &record);
    dkim_keys_name(p, kind, domain, &name);
    json_object_set_new(row, "keys", json_stringn(p->stem.at, p->stem.len));
    json_object_set_new(row, "selector", json_string(text_cstr(&selector)));
    json_object_set_new(row, "kind", json_string(kind == KEYPAIR_RSA ? "rsa" : "ed25519"));
    json_object_set_new(row, "state", json_string(dkim_keys_state_name(p->state)));
    set_time(row, "created", p->created);
    set_time(row, "active", p->active);
    json_object_set_new(row, "name", json_string(text_cstr(&name)));
    json_object_set_new(row, "text", json_string(text_cstr(&record)));
    text_free(&selector);
    text_free(&record);
    text_free(&name);
    return row;
}

static void answer_keys(struct control_call *r, struct span domain)
{
    struct arena *a = arena_new();
    struct dkim_keys keys = {.count = 0};
    json_t *rows = json_array();

    if (signer_keys(r->house->signer, domain, a, &keys, &r->error) == 0)
        for (size_t i = 0; i < keys.count; i++)
            for (size_t kind = 0; kind < DKIM_KINDS; kind++)
                json_array_append_new(rows, row_of(&keys.pair[i], (enum keypair_kind)kind, domain));
    json_object_set_new(r->out, "domain", json_stringn(domain.at, domain.len));
    json_object_set_new(r->out, "keys", rows);
    arena_free(&a);
}

static bool domain_of(struct control_call *r, struct text *domain)
{
    struct span typed = control_text(r, "name");

    if (!address_domain_canon(typed, domain))
        error_set(&r->error, ERROR_INPUT, "\"%.*s\" is no domain", SPAN_ARG(span_head(typed, 255)));
    else if (!directory_domain(r->house->directory, text_span(domain)))
        error_set(&r->error, ERROR_INPUT, "%s is not a domain of ours", text_cstr(domain));
    return r->error.class == ERROR_NONE;
}

/* What the DNS holds of the keys is another matter now. */
static void changed(struct control_call *r, struct span domain)
{
    sightings_changed(r->house->sightings, domain);
    json_object_set_new(r->out, "looks", json_boolean(sightings_look(r->house->sightings)));
}

static int seen(struct signer *s, struct span domain, struct control_call *r)
{
    return signer_seen(s, domain, control_text(r, "keys"), &r->error);
}

/* Runs what a command does with its domain, and shows the keys after it. */
static void change(struct control_call *r,
                   int (*fn)(struct signer *s, struct span domain, struct control_call *r))
{
    struct text domain = TEXT_INIT(256);

    if (domain_of(r, &domain) && (!fn || fn(r->house->signer, text_span(&domain), r) == 0)) {
        answer_keys(r, text_span(&domain));
        if (fn)
            changed(r, text_span(&domain));
        if (fn == seen)
            sightings_seen(r->house->sightings, text_span(&domain));
    }
    text_free(&domain);
}

static int rotate(struct signer *s, struct span domain, struct control_call *r)
{
    return signer_rotate(s, domain, &r->error);
}

static int unsign(struct signer *s, struct span domain, struct control_call *r)
{
    return signer_remove(s, domain, &r->error);
}

void control_dkim_keys(struct control_call *r)
{
    change(r, NULL);
}

void control_dkim_rotate(struct control_call *r)
{
    change(r, rotate);
}

void control_dkim_seen(struct control_call *r)
{
    change(r, seen);
}

void control_dkim_unsign(struct control_call *r)
{
    change(r, unsign);
}

void control_dkim_new(struct control_call *r, struct span domain)
{
    struct arena *a = arena_new();
    struct dkim_keys keys = {.count = 0};
    int rc = signer_keys(r->house->signer, domain, a, &keys, &r->error);

    if (rc == 0 && !keys.count) /* one of the settings may have some */
        rc = signer_rotate(r->house->signer, domain, &r->error);
    if (rc == 0) {
        answer_keys(r, domain);
        changed(r, domain);
    }
    arena_free(&a);
}

json_t *control_dkim_sighting(const struct house *h, struct span domain)
{
    struct sighting seen;
    json_t *o;

    if (!sightings_look(h->sightings))
        return json_null();
    sightings_find(h->sightings, domain, &seen);
    o = json_object();
    json_object_set_new(o, "state", json_string(sightings_state_name(seen.state)));
    json_object_set_new(o, "new_keys_wait", json_boolean(seen.waits));
    json_object_set_new(o, "words",
                        json_stringn(seen.words.at ? seen.words.at : "", seen.words.len));
    set_time(o, "looked", seen.at);
    return o;
}

static void bad_row(void *arg, struct span domain)
{
    json_t *rows = arg;

    if (json_array_size(rows) < SHOWN)
        json_array_append_new(rows, json_stringn(domain.at, domain.len));
}

static void count_bad(void *arg, struct span domain)
{
    (void)domain;
    ++*(size_t *)arg;
}

json_t *control_dkim_bad(const struct house *h)
{
    json_t *o = json_object(), *rows = json_array();
    size_t count = 0;

    sightings_each_bad(h->sightings, bad_row, rows);
    sightings_each_bad(h->sightings, count_bad, &count);
    json_object_set_new(o, "count", json_integer((json_int_t)count));
    json_object_set_new(o, "domains", rows);
    return o;
}

void control_dkim_gone(struct control_call *r, struct span domain)
{
    if (!directory_domain(r->house->directory, domain))
        signer_remove(r->house->signer, domain, &r->error);
}
