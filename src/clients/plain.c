#include "clients/plain.h"

#include <jansson.h>
#include <stdlib.h>

static struct span user_of(const struct clients_offer *o)
{
    if (o->address.len)
        return clients_login(o);
    return o->local_part ? SPAN("<local-part>") : SPAN("<address>");
}

static json_t *text_of(struct span s)
{
    json_t *text = json_stringn(s.at ? s.at : "", s.len);

    return text ? text : json_string("");
}

static json_t *doors(const struct clients_offer *o, bool outgoing)
{
    json_t *all = json_array();

    for (size_t i = 0; i < o->count; i++) {
        const struct clients_door *d = &o->doors[i];

        if ((d->kind == CLIENTS_SUBMISSION) == outgoing)
            json_array_append_new(
                all,
                json_pack("{s:s, s:o, s:i, s:s, s:s}", "protocol", clients_kind_name(d->kind),
                          "host", text_of(span_of(d->host)), "port", (int)d->port, "encryption",
                          d->implicit ? "implicit" : "starttls", "authentication", "password"));
    }
    return all;
}

bool plain_json(const struct clients_offer *o, struct text *out)
{
    json_t *all =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "domain", text_of(o->domain), "address",
                  text_of(o->address), "display_name", text_of(o->display_name), "user",
                  text_of(user_of(o)), "incoming", doors(o, false), "outgoing", doors(o, true));
    char *dumped = json_dumps(all, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

    text_addf(out, "%s\n", dumped ? dumped : "{}");
    free(dumped);
    json_decref(all);
    return !out->full;
}

bool plain_write(const struct clients_offer *o, struct text *out)
{
    static const char *const labels[] = {[CLIENTS_IMAP] = "Incoming (IMAP)",
                                         [CLIENTS_POP3] = "Incoming (POP3)",
                                         [CLIENTS_SUBMISSION] = "Outgoing (SMTP)"};

    text_addf(out, "%-17s%.*s\n", "Provider", SPAN_ARG(o->display_name));
    text_addf(out, "%-17s%.*s\n", "User name", SPAN_ARG(user_of(o)));
    text_addf(out, "%-17sthe same for incoming and outgoing mail\n", "Password");
    for (size_t i = 0; i < o->count; i++) {
        const struct clients_door *d = &o->doors[i];
        bool first = i == 0 || o->doors[i - 1].kind != d->kind;

        text_addf(out, "%-17s%s, port %u, %s\n", first ? labels[d->kind] : "", d->host, d->port,
                  d->implicit ? "SSL/TLS" : "STARTTLS");
    }
    return !out->full;
}
