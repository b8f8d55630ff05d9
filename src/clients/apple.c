#include "clients/apple.h"

#include "clients/xml.h"
#include "tls/digest.h"

enum { UUID_TEXT = 37 };

/* Name-based UUID, version 5 (RFC 9562 section 5.5) of a URL that nobody else makes. */
static void uuid_of(const struct clients_offer *o, const char *part, struct text *out)
{
    static const char space_of_urls[] =
        "\x6b\xa7\xb8\x11\x9d\xad\x11\xd1\x80\xb4\x00\xc0\x4f\xd4\x30\xc8";
    unsigned char u[DIGEST_SHA1];
    struct text name = TEXT_INIT(2048);

    text_add(&name, (struct span){space_of_urls, sizeof space_of_urls - 1});
    text_addf(&name, "urn:port26:mail:%.*s:", SPAN_ARG(o->domain));
    for (size_t i = 0; i < o->address.len; i++) {
        char c = o->address.at[i];

        text_addc(&name, (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c)); /* one mailbox */
    }
    text_addf(&name, ":%s", part);
    digest_sha1(text_span(&name), u);
    u[6] = (unsigned char)((u[6] & 0x0f) | 0x50);
    u[8] = (unsigned char)((u[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++)
        text_addf(out, "%s%02X", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
    text_free(&name);
}

static void key(struct text *out, unsigned depth, const char *name, struct span value)
{
    xml_element(out, depth, "key", span_of(name));
    xml_element(out, depth, "string", value);
}

static void number(struct text *out, unsigned depth, const char *name, unsigned value)
{
    struct text digits = TEXT_INIT(16);

    text_addf(&digits, "%u", value);
    xml_element(out, depth, "key", span_of(name));
    xml_element(out, depth, "integer", text_span(&digits));
    text_free(&digits);
}

static void yes_no(struct text *out, unsigned depth, const char *name, bool value)
{
    xml_element(out, depth, "key", span_of(name));
    text_addf(out, "%*s<%s/>\n", (int)(2 * depth), "", value ? "true" : "false");
}

/* What each payload begins with. The identifier is the domain turned round, as Apple wants it. */
static void add_names(const struct clients_offer *o, unsigned depth, const char *type,
                      const char *part, struct text *out)
{
    struct text id = TEXT_INIT(1024), uuid = TEXT_INIT(UUID_TEXT);
    struct span rest = o->domain;
    ptrdiff_t dot;

    while ((dot = span_rfind(rest, '.')) >= 0) {
        text_add(&id, span_from(rest, (size_t)dot + 1));
        text_addc(&id, '.');
        rest = span_head(rest, (size_t)dot);
    }
    text_add(&id, rest);
    uuid_of(o, part, &uuid);
    text_addf(&id, ".mail.%s.%s", text_cstr(&uuid), part);
    key(out, depth, "PayloadType", span_of(type));
    number(out, depth, "PayloadVersion", 1);
    key(out, depth, "PayloadIdentifier", text_span(&id));
    key(out, depth, "PayloadUUID", text_span(&uuid));
    key(out, depth, "PayloadDisplayName", o->display_name);
    key(out, depth, "PayloadOrganization", o->display_name);
    text_free(&id);
    text_free(&uuid);
}

static void add_server(const struct clients_offer *o, const struct clients_door *d, bool incoming,
                       struct text *out)
{
    static const struct {
        const char *method, *host, *port, *ssl, *user;
    } names[] = {
        {"OutgoingMailServerAuthentication", "OutgoingMailServerHostName",
         "OutgoingMailServerPortNumber", "OutgoingMailServerUseSSL", "OutgoingMailServerUsername"},
        {"IncomingMailServerAuthentication", "IncomingMailServerHostName",
         "IncomingMailServerPortNumber", "IncomingMailServerUseSSL", "IncomingMailServerUsername"}};

    key(out, 3, names[incoming].method, SPAN("EmailAuthPassword"));
    key(out, 3, names[incoming].host, span_of(d->host));
    number(out, 3, names[incoming].port, d->port);
    yes_no(out, 3, names[incoming].ssl, true); /* STARTTLS too: the port tells it */
    key(out, 3, names[incoming].user, clients_login(o));
}

static void add_account(const struct clients_offer *o, const struct clients_door *in,
                        const struct clients_door *to, struct text *out)
{
    xml_open(out, 2, "dict");
    add_names(o, 3, "com.apple.mail.managed", "account", out);
    key(out, 3, "EmailAccountDescription", o->display_name);
    key(out, 3, "EmailAccountType",
        in->kind == CLIENTS_IMAP ? SPAN("EmailTypeIMAP") : SPAN("EmailTypePOP"));
    key(out, 3, "EmailAddress", o->address);
    add_server(o, in, true, out);
    add_server(o, to, false, out);
    yes_no(out, 3, "OutgoingPasswordSameAsIncomingPassword", true);
    xml_close(out, 2, "dict");
}

bool apple_write(const struct clients_offer *o, struct text *out)
{
    const struct clients_door *imap = clients_best(o, CLIENTS_IMAP),
                              *in = imap ? imap : clients_best(o, CLIENTS_POP3),
                              *to = clients_best(o, CLIENTS_SUBMISSION);

    if (!in || !to || !o->address.len)
        return false;
    text_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                   "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
                   "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
                   "<plist version=\"1.0\">\n<dict>\n");
    add_names(o, 1, "Configuration", "profile", out);
    key(out, 1, "PayloadDescription", SPAN("A mail account: where to get mail and how to send it"));
    yes_no(out, 1, "PayloadRemovalDisallowed", false);
    xml_element(out, 1, "key", SPAN("PayloadContent"));
    xml_open(out, 1, "array");
    add_account(o, in, to, out);
    xml_close(out, 1, "array");
    text_adds(out, "</dict>\n</plist>\n");
    return !out->full;
}
