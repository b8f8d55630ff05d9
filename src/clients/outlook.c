#include "clients/outlook.h"

#include "base/clock.h"
#include "clients/xml.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define HEAD                                                                                       \
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Autodiscover "                                   \
    "xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006\">\n"

static const char *type_of(enum clients_kind k)
{
    static const char *const names[] = {
        [CLIENTS_IMAP] = "IMAP", [CLIENTS_POP3] = "POP3", [CLIENTS_SUBMISSION] = "SMTP"};

    return names[k];
}

/* In the order of the schema. */
static void add_protocol(const struct clients_offer *o, const struct clients_door *d,
                         struct text *out)
{
    struct text port = TEXT_INIT(8);

    text_addf(&port, "%u", d->port);
    xml_open(out, 3, "Protocol");
    xml_element(out, 4, "Type", span_of(type_of(d->kind)));
    xml_element(out, 4, "Server", span_of(d->host));
    xml_element(out, 4, "Port", text_span(&port));
    xml_element(out, 4, "LoginName", clients_login(o));
    xml_element(out, 4, "DomainRequired", SPAN("off"));
    xml_element(out, 4, "SPA", SPAN("off"));
    /* Readers that know Encryption leave SSL alone; to them TLS means STARTTLS. */
    xml_element(out, 4, "SSL", SPAN("on"));
    xml_element(out, 4, "Encryption", d->implicit ? SPAN("SSL") : SPAN("TLS"));
    xml_element(out, 4, "AuthRequired", SPAN("on"));
    if (d->kind == CLIENTS_SUBMISSION) {
        xml_element(out, 4, "UsePOPAuth", SPAN("on"));
        xml_element(out, 4, "SMTPLast", SPAN("off"));
    }
    xml_close(out, 3, "Protocol");
    text_free(&port);
}

bool outlook_write(const struct clients_offer *o, struct text *out)
{
    text_adds(out,
              HEAD "  <Response xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/"
                   "responseschema/2006a\">\n");
    xml_open(out, 2, "User");
    xml_element(out, 3, "DisplayName", o->address);
    xml_close(out, 2, "User");
    xml_open(out, 2, "Account");
    xml_element(out, 3, "AccountType", SPAN("email"));
    xml_element(out, 3, "Action", SPAN("settings"));
    for (size_t i = 0; i < o->count; i++)
        add_protocol(o, &o->doors[i], out);
    xml_close(out, 2, "Account");
    text_adds(out, "  </Response>\n</Autodiscover>\n");
    return !out->full;
}

bool outlook_refuse(enum outlook_error code, int64_t wall_ms, struct text *out)
{
    int64_t ms = wall_ms % CLOCK_DAY;

    text_addf(out,
              HEAD "  <Response>\n    <Error Time=\"%02" PRId64 ":%02" PRId64 ":%02" PRId64
                   ".%03" PRId64 "\" Id=\"%" PRId64 "\">\n",
              ms / CLOCK_HOUR, ms / CLOCK_MINUTE % 60, ms / CLOCK_SECOND % 60, ms % CLOCK_SECOND,
              wall_ms / CLOCK_SECOND % INT64_C(4294967296));
    text_addf(out, "      <ErrorCode>%d</ErrorCode>\n", (int)code);
    xml_element(out, 3, "Message",
                code == OUTLOOK_INVALID ? SPAN("Invalid Request")
                                        : SPAN("The provider has no such settings"));
    text_adds(out, "      <DebugData/>\n    </Error>\n  </Response>\n</Autodiscover>\n");
    return !out->full;
}

static bool add_json(json_t *o, struct text *out)
{
    char *dumped = json_dumps(o, JSON_COMPACT);
    bool ok = dumped && text_adds(out, dumped);

    free(dumped);
    json_decref(o);
    return ok;
}

bool outlook_json(const char *base, struct text *out)
{
    return add_json(json_pack("{s:s, s:s+}", "Protocol", OUTLOOK_JSON_PROTOCOL, "Url", base,
                              "/autodiscover/autodiscover.xml"),
                    out);
}

bool outlook_json_refuse(enum outlook_json_error code, struct text *out)
{
    static const struct {
        const char *code, *words;
    } rows[] = {
        [OUTLOOK_ADDRESS_MISSING] = {"MandatoryParameterMissing",
                                     "A valid smtp address must be provided."},
        [OUTLOOK_PROTOCOL_MISSING] =
            {"MandatoryParameterMissing",
             "A valid value must be provided for the query parameter 'Protocol'"},
        [OUTLOOK_PROTOCOL_UNKNOWN] = {"InvalidProtocol",
                                      "The given protocol value is invalid. Supported values are "
                                      "'" OUTLOOK_JSON_PROTOCOL "'"},
    };

    return add_json(
        json_pack("{s:s, s:s}", "ErrorCode", rows[code].code, "ErrorMessage", rows[code].words),
        out);
}
