#include "clients/mozilla.h"

#include "clients/xml.h"

static void add_server(const struct clients_offer *o, const struct clients_door *d,
                       struct text *out)
{
    const char *name = d->kind == CLIENTS_SUBMISSION ? "outgoingServer" : "incomingServer";
    char port[8];
    struct text number = TEXT_INIT(sizeof port);

    text_addf(&number, "%u", d->port);
    text_addf(out, "    <%s type=\"%s\">\n", name, clients_kind_name(d->kind));
    xml_element(out, 3, "hostname", span_of(d->host));
    xml_element(out, 3, "port", text_span(&number));
    xml_element(out, 3, "socketType", d->implicit ? SPAN("SSL") : SPAN("STARTTLS"));
    /* The only word of this format for a password that suits us: "password-encrypted" means
     * CRAM-MD5 to its readers, and there is none for SCRAM. TLS comes before it at each door. */
    xml_element(out, 3, "authentication", SPAN("password-cleartext"));
    xml_element(out, 3, "username",
                o->local_part ? SPAN("%EMAILLOCALPART%") : SPAN("%EMAILADDRESS%"));
    xml_close(out, 2, name);
    text_free(&number);
}

bool mozilla_write(const struct clients_offer *o, struct text *out)
{
    text_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\">\n"
                   "  <emailProvider id=\"");
    xml_text(out, o->domain);
    text_adds(out, "\">\n");
    xml_element(out, 2, "domain", o->domain);
    xml_element(out, 2, "displayName", o->display_name);
    xml_element(out, 2, "displayShortName", o->display_name);
    for (size_t i = 0; i < o->count; i++)
        add_server(o, &o->doors[i], out);
    text_adds(out, "  </emailProvider>\n</clientConfig>\n");
    return !out->full;
}
