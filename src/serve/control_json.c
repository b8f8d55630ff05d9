#include "serve/control_json.h"

#include "base/clock.h"
#include "serve/amounts.h"

#include <string.h>

enum { ENDING_MAX = 10 };

static void put(json_t *o, const char *key, struct span s)
{
    struct text safe = TEXT_INIT(65536);

    text_add_safe(&safe, s);
    json_object_set_new(o, key, json_string(text_cstr(&safe)));
    text_free(&safe);
}

static void put_number(json_t *o, const char *key, uint64_t n)
{
    json_object_set_new(o, key, json_integer((json_int_t)n));
}

static void put_time(json_t *o, const char *key, int64_t wall)
{
    char buf[32] = "";

    if (wall > 0)
        clock_iso(wall, buf, sizeof buf);
    json_object_set_new(o, key, wall > 0 ? json_string(buf) : json_null());
}

static void put_status(json_t *o, struct enhanced e)
{
    char buf[12];

    if (e.class) {
        enhanced_text(e, buf);
        json_object_set_new(o, "status", json_string(buf));
    } else {
        json_object_set_new(o, "status", json_null());
    }
}

static json_t *recipient(const struct store_head *h, size_t i)
{
    const struct store_recipient *r = &h->recipients[i];
    json_t *o = json_object();

    put(o, "to", h->envelope.recipients[i].address);
    json_object_set_new(o, "state", json_string(store_end_name(r->end)));
    put_number(o, "attempts", r->attempts);
    put_time(o, "next_try", r->end == STORE_WAITING ? r->next_try : 0);
    json_object_set_new(o, "waits_for_network", json_boolean(r->waits_for_network));
    put_status(o, r->status);
    put(o, "words", r->words);
    return o;
}

static json_t *one_try(const struct job_try *t)
{
    json_t *o = json_object();

    put_time(o, "at", t->at);
    put(o, "host", t->host);
    put(o, "address", t->address);
    put(o, "tls", t->tls);
    json_object_set_new(o, "stage", json_string(stage_name(t->stage)));
    if (t->reply.code) {
        put_number(o, "code", t->reply.code);
        put_status(o, t->reply.enhanced);
        put(o, "reply", t->reply.text);
    }
    put(o, "words", t->words);
    return o;
}

static json_t *event(const struct store_event *e)
{
    json_t *o = json_object(), *tries = json_array();

    put_time(o, "at", e->at);
    put_number(o, "recipients", e->count);
    put_number(o, "first_recipient", e->recipient);
    put(o, "words", e->words);
    for (size_t i = 0; i < e->try_count; i++)
        json_array_append_new(tries, one_try(&e->tries[i]));
    json_object_set_new(o, "tries", tries);
    return o;
}

json_t *control_json_entry(const struct queue_entry *entry)
{
    const struct store_head *h = entry->head;
    json_t *o = json_object(), *recipients = json_array(), *events = json_array();
    char id[ID_TEXT + 1];

    id_text(&h->id, id);
    json_object_set_new(o, "id", json_string(id));
    json_object_set_new(o, "state", json_string(store_state_name(h->state)));
    put(o, "state_words", h->words);
    json_object_set_new(o, "leased", json_boolean(entry->leased));
    put_time(o, "arrived", h->arrived);
    put_number(o, "size", h->size);
    put(o, "from", h->envelope.sender);
    put(o, "account", h->origin.account);
    put(o, "peer", h->origin.peer);
    put(o, "door", h->origin.door);
    for (size_t i = 0; i < h->envelope.count; i++)
        json_array_append_new(recipients, recipient(h, i));
    json_object_set_new(o, "recipients", recipients);
    for (size_t i = 0; i < entry->event_count; i++)
        json_array_append_new(events, event(&entry->events[i]));
    json_object_set_new(o, "events", events);
    return o;
}

/* In the form in which the commands take them. */
static void put_amounts(json_t *o, uint64_t quota, const struct store_limits *l)
{
    struct text quota_text = TEXT_INIT(64), messages = TEXT_INIT(64), sending = TEXT_INIT(64);

    amounts_quota_text(quota, &quota_text);
    amounts_rate_text(l->messages_hour, l->messages_day, &messages);
    amounts_rate_text(l->recipients_hour, l->recipients_day, &sending);
    json_object_set_new(o, "quota", json_string(text_cstr(&quota_text)));
    json_object_set_new(o, "messages", json_string(text_cstr(&messages)));
    json_object_set_new(o, "sending", json_string(text_cstr(&sending)));
    text_free(&quota_text);
    text_free(&messages);
    text_free(&sending);
}

json_t *control_json_account(const struct account *a)
{
    json_t *o = json_object(), *aliases = json_array();

    put(o, "name", a->name);
    for (size_t i = 0; i < a->alias_count; i++)
        json_array_append_new(aliases, json_stringn(a->aliases[i].at, a->aliases[i].len));
    json_object_set_new(o, "aliases", aliases);
    json_object_set_new(o, "locked", json_boolean(a->locked));
    json_object_set_new(o, "password", json_boolean(a->has_password));
    json_object_set_new(o, "login",
                        json_string(a->elsewhere       ? "PLAIN, LOGIN, asked from Dovecot"
                                    : !a->has_password ? "none"
                                    : a->hash.len      ? "PLAIN, LOGIN until the first login"
                                                       : "SCRAM, PLAIN, LOGIN"));
    put_time(o, "created", a->created);
    put(o, "host", a->host);
    put_amounts(o, a->quota, &a->limits);
    return o;
}

json_t *control_json_host(const struct directory *d, const struct hosting *h)
{
    json_t *o = json_object();

    put(o, "name", h->name);
    put_amounts(o, h->quota, &h->limits);
    json_object_set_new(o, "locked", json_boolean(h->locked));
    put_number(o, "domains", h->domains);
    put_number(o, "accounts", directory_number(d, STORE_HOST_ACCOUNTS, h->name));
    if (h->damaged)
        json_object_set_new(o, "damaged", json_true());
    put_time(o, "created", h->created);
    return o;
}

json_t *control_json_domain(const struct directory *all, const struct hosted_domain *d)
{
    json_t *o = json_object();

    put(o, "name", d->name);
    put(o, "host", d->host);
    put(o, "catch_all", d->catch_all);
    put_number(o, "accounts", directory_number(all, STORE_DOMAIN_ACCOUNTS, d->name));
    put_number(o, "aliases", directory_number(all, STORE_DOMAIN_ALIASES, d->name));
    if (d->damaged)
        json_object_set_new(o, "damaged", json_true());
    json_object_set_new(o, "settings", json_boolean(d->in_settings));
    put_time(o, "created", d->created);
    return o;
}

json_t *control_json_alias(const struct hosted_alias *a)
{
    json_t *o = json_object(), *targets = json_array();

    put(o, "address", a->address);
    for (size_t i = 0; i < a->target_count; i++)
        json_array_append_new(targets, json_stringn(a->targets[i].at, a->targets[i].len));
    json_object_set_new(o, "targets", targets);
    return o;
}

json_t *control_json_waiting(const struct queue_place *p)
{
    json_t *o = json_object();

    put(o, "destination", p->destination);
    put_number(o, "messages", p->waiting);
    put_number(o, "under_way", p->leased);
    put_number(o, "failures", p->failures);
    json_object_set_new(o, "waits_for_network", json_boolean(p->waits_for_network));
    put_time(o, "next_try", p->next);
    put(o, "words", p->words);
    return o;
}

json_t *control_json_counts(const struct queue_counts *n)
{
    json_t *o = json_object();

    put_number(o, "messages", n->messages);
    put_number(o, "held", n->held);
    put_number(o, "damaged", n->damaged);
    put_number(o, "recipients", n->recipients);
    put_number(o, "octets", n->octets);
    put_number(o, "destinations", n->destinations);
    put_number(o, "failing", n->failing);
    put_number(o, "leased", n->leased);
    put_number(o, "accepted", n->accepted);
    put_number(o, "delivered", n->delivered);
    put_number(o, "relayed", n->relayed);
    put_number(o, "failed", n->failed);
    put_number(o, "dropped", n->dropped);
    put_number(o, "reports", n->reports);
    return o;
}

static const char *protocol(const struct config_door *d)
{
    static const char *const names[] = {[CONFIG_ROLE_SUBMISSION] = "smtp",
                                        [CONFIG_ROLE_EXCHANGE] = "smtp",
                                        [CONFIG_ROLE_POP3] = "pop3"};

    if (d->role == CONFIG_ROLE_WEB)
        return d->tls == CONFIG_TLS_IMPLICIT ? "https" : "http";
    return names[d->role];
}

json_t *control_json_certificates(const struct certificates *c)
{
    const struct certificate_file *first[ENDING_MAX];
    int64_t now = clock_wall();
    size_t all = certificates_ending(c, now, first, ENDING_MAX);
    json_t *ending = json_array();

    for (size_t i = 0; i < all && i < ENDING_MAX; i++) {
        char at[40];

        clock_iso(first[i]->expires, at, sizeof at);
        json_array_append_new(ending, json_pack("{s:s, s:s, s:b}", "file", first[i]->path, "ends",
                                                at, "ended", first[i]->expires <= now));
    }
    return json_pack("{s:I, s:I, s:o}", "count", (json_int_t)c->count, "ending", (json_int_t)all,
                     "first", ending);
}

json_t *control_json_doors(const struct config *c)
{
    json_t *doors = json_array();

    for (size_t i = 0; i < c->door_count; i++) {
        const struct config_door *d = &c->doors[i];
        json_t *speaks = json_pack("[s]", protocol(d));

        if (d->https)
            json_array_append_new(speaks, json_string("https"));
        json_array_append_new(doors,
                              json_pack("{s:s, s:I, s:s, s:s, s:o}", "name", d->name, "port",
                                        (json_int_t)d->port, "role", config_role_name(d->role),
                                        "tls", config_tls_name(d->tls), "speaks", speaks));
    }
    return doors;
}
