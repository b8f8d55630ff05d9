#include "probe/autoconfig.h"

#include "base/memory.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/xml_read.h"

#include <string.h>

enum {
    DEPTH_PROVIDER = 2, /* clientConfig, emailProvider */
    DEPTH_SERVER = 3,
    DEPTH_FIELD = 4,
    HOST_MAX = 300,
};

struct reading {
    struct span address, domain;
    struct autoconfig *out;
    bool provider, server; /* inside emailProvider, inside a server for sending */
    struct autoconfig_server now;
};

/* ---- what the fields mean ---- */

static void take_host(struct reading *r, struct span value)
{
    struct text canon = TEXT_INIT(AUTOCONFIG_HOST - 1);
    struct span where = SPAN("%EMAILDOMAIN%");
    struct text whole = TEXT_INIT(HOST_MAX);
    ptrdiff_t at = span_search(value, where);

    if (at >= 0) {
        text_add(&whole, span_head(value, (size_t)at));
        text_add(&whole, r->domain);
        text_add(&whole, span_from(value, (size_t)at + where.len));
        value = text_span(&whole);
    }
    if (address_domain_ok(value, true) && address_domain_canon(value, &canon))
        span_cstr(text_span(&canon), r->now.host, sizeof r->now.host);
    text_free(&canon);
    text_free(&whole);
}

static void take_port(struct reading *r, struct span value)
{
    uint64_t port;

    if (span_u64(value, 65535, &port))
        r->now.port = (uint16_t)port;
}

static void take_sealing(struct reading *r, struct span value)
{
    if (span_iis(value, "SSL") || span_iis(value, "TLS"))
        r->now.sealing = SEALING_TLS;
    else if (span_iis(value, "STARTTLS"))
        r->now.sealing = SEALING_STARTTLS;
    else if (span_iis(value, "plain"))
        r->now.sealing = SEALING_NONE;
}

static void take_login(struct reading *r, struct span value)
{
    static const struct {
        const char *name;
        unsigned login;
    } rows[] = {
        {"password-cleartext", LOGIN_PASSWORD},
        {"plain", LOGIN_PASSWORD},
        {"password-encrypted", LOGIN_PASSWORD},
        {"secure", LOGIN_PASSWORD},
        {"OAuth2", LOGIN_OAUTH},
        {"NTLM", LOGIN_SPA},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (span_iis(value, rows[i].name))
            r->now.login |= rows[i].login;
}

static void take_user(struct reading *r, struct span value)
{
    ptrdiff_t at = span_rfind(r->address, '@');
    const struct {
        struct span mark, with;
    } rows[] = {
        {SPAN("%EMAILADDRESS%"), r->address},
        {SPAN("%EMAILLOCALPART%"), at > 0 ? span_head(r->address, (size_t)at) : SPAN_NONE},
        {SPAN("%EMAILDOMAIN%"), r->domain},
    };
    struct text user = TEXT_INIT(AUTOCONFIG_USER - 1);
    bool known = value.len > 0;

    while (value.len) {
        size_t i = 0;

        while (i < COUNT(rows) && !span_starts(value, rows[i].mark))
            i++;
        known = known && (i == COUNT(rows) ? *value.at != '%' : rows[i].with.len > 0);
        text_add_safe(&user, i < COUNT(rows) ? rows[i].with : span_head(value, 1));
        value = span_from(value, i < COUNT(rows) ? rows[i].mark.len : 1);
    }
    if (known && !user.full)
        span_cstr(text_span(&user), r->now.user, sizeof r->now.user);
    text_free(&user);
}

static void take_name(struct reading *r, struct span value)
{
    struct text name = TEXT_INIT(AUTOCONFIG_NAME - 1);

    text_add_safe(&name, value);
    if (!r->out->name[0])
        span_cstr(text_span(&name), r->out->name, sizeof r->out->name);
    text_free(&name);
}

/* ---- the elements ---- */

static void on_start(void *arg, unsigned depth, const char *name, const char **attributes)
{
    struct reading *r = arg;

    if (depth == DEPTH_PROVIDER)
        r->provider = strcmp(name, "emailProvider") == 0;
    if (depth != DEPTH_SERVER)
        return;
    r->server = r->provider && strcmp(name, "outgoingServer") == 0;
    for (size_t i = 0; attributes[i]; i += 2)
        if (strcmp(attributes[i], "type") == 0 && strcmp(attributes[i + 1], "smtp") != 0)
            r->server = false;
    memset(&r->now, 0, sizeof r->now);
}

static void end_field(struct reading *r, const char *name, struct span text)
{
    static const struct {
        const char *name;
        void (*take)(struct reading *r, struct span value);
    } rows[] = {
        {"hostname", take_host},        {"port", take_port},     {"socketType", take_sealing},
        {"authentication", take_login}, {"username", take_user},
    };

    for (size_t i = 0; text.len && i < COUNT(rows); i++)
        if (strcmp(name, rows[i].name) == 0)
            rows[i].take(r, text);
}

static void end_server(struct reading *r)
{
    if (r->now.host[0] && r->now.port && r->now.sealing != SEALING_UNKNOWN &&
        r->out->count < AUTOCONFIG_SERVERS)
        r->out->server[r->out->count++] = r->now;
}

static void on_end(void *arg, unsigned depth, const char *name, struct span text)
{
    struct reading *r = arg;

    if (depth == DEPTH_FIELD && r->server)
        end_field(r, name, text);
    if (depth == DEPTH_SERVER && r->server)
        end_server(r);
    if (depth == DEPTH_SERVER && r->provider && strcmp(name, "displayName") == 0)
        take_name(r, text);
}

bool autoconfig_parse(struct span xml, struct span address, struct span domain,
                      struct autoconfig *out)
{
    static const struct xml_read_calls calls = {on_start, on_end, .namespaces = false};
    struct reading r = {.address = address, .domain = domain, .out = out};

    memset(out, 0, sizeof *out);
    if (!xml_read(xml, AUTOCONFIG_MAX, &calls, &r))
        out->count = 0; /* half a file is no advice */
    return out->count > 0;
}
