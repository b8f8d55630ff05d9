#include "conf/relay_door.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* Least often shut first, then by how many providers have it: measured over some hundred networks
 * and the settings of a hundred providers. */
static const struct config_relay_door usual[] = {
    {NULL, 465, CONFIG_TLS_IMPLICIT},  {NULL, 587, CONFIG_TLS_STARTTLS},
    {NULL, 2525, CONFIG_TLS_STARTTLS}, {NULL, 26, CONFIG_TLS_STARTTLS},
    {NULL, 25, CONFIG_TLS_STARTTLS},   {NULL, 1025, CONFIG_TLS_STARTTLS},
    {NULL, 443, CONFIG_TLS_HTTPS},
};

const struct config_relay_door *relay_door_usual(size_t *count)
{
    *count = COUNT(usual);
    return usual;
}

static enum config_tls usual_tls(uint64_t port)
{
    static const struct {
        uint64_t port;
        enum config_tls tls;
    } rows[] = {{465, CONFIG_TLS_IMPLICIT},
                {993, CONFIG_TLS_IMPLICIT}, /* IMAP and POP3 (RFC 8314): struct config_clients */
                {995, CONFIG_TLS_IMPLICIT},
                {443, CONFIG_TLS_HTTPS}};

    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].port == port)
            return rows[i].tls;
    return CONFIG_TLS_STARTTLS;
}

static bool read_mode(struct span word, uint64_t port, enum config_tls *out)
{
    static const enum config_tls modes[] = {CONFIG_TLS_NONE, CONFIG_TLS_OPPORTUNISTIC,
                                            CONFIG_TLS_STARTTLS, CONFIG_TLS_IMPLICIT,
                                            CONFIG_TLS_HTTPS};

    *out = usual_tls(port);
    if (!word.len)
        return true;
    for (size_t i = 0; i < COUNT(modes); i++) {
        if (!span_iis(word, config_tls_name(modes[i])))
            continue;
        *out = modes[i];
        return true;
    }
    return false;
}

bool relay_door_split(struct span s, struct relay_door *out)
{
    struct span rest = s, where = span_word(&rest), mode = span_word(&rest);
    ptrdiff_t colon = span_rfind(where, ':');

    *out = (struct relay_door){0};
    if (colon == 0 || span_trim(rest).len)
        return false;
    if (colon > 0) {
        out->host = span_head(where, (size_t)colon);
        where = span_from(where, (size_t)colon + 1);
    }
    return span_u64(where, 65535, &out->port) && out->port && read_mode(mode, out->port, &out->tls);
}

void relay_door_name(const struct config_relay_door *d, char buf[RELAY_DOOR_NAME])
{
    struct span host = span_of(d->host);
    struct span six = SPAN("[IPv6:");

    if (span_istarts(host, six))
        snprintf(buf, RELAY_DOOR_NAME, "[%.*s:%u %s", SPAN_ARG(span_from(host, six.len)),
                 (unsigned)d->port, config_tls_name(d->tls));
    else if (span_starts(host, SPAN("[")) && host.len > 2)
        snprintf(buf, RELAY_DOOR_NAME, "%.*s:%u %s", (int)(host.len - 2), host.at + 1,
                 (unsigned)d->port, config_tls_name(d->tls));
    else
        snprintf(buf, RELAY_DOOR_NAME, "%s:%u %s", d->host, (unsigned)d->port,
                 config_tls_name(d->tls));
}

static void add(struct config_relay *r, const char *host, uint64_t port, enum config_tls tls)
{
    r->doors[r->door_count++] =
        (struct config_relay_door){.host = host ? host : r->host, .port = port, .tls = tls};
}

static void add_all(struct config_relay *r)
{
    for (size_t i = 0; i < COUNT(usual); i++)
        add(r, usual[i].host, usual[i].port, usual[i].tls);
}

static void add_text(struct arena *a, struct config_relay *r, const char *text)
{
    struct relay_door d;

    if (strcmp(text, "auto") == 0)
        add_all(r);
    else if (relay_door_split(span_of(text), &d))
        add(r, d.host.len ? arena_cstr(a, d.host) : NULL, d.port, d.tls);
}

/* The door that port and tls mean. */
static void add_plain(struct config *c, struct config_relay *r)
{
    bool implicit = config_line(c, &r->tls) && r->tls == CONFIG_TLS_IMPLICIT;
    uint64_t port = r->port ? r->port : implicit ? 465 : 587;

    add(r, NULL, port, config_line(c, &r->tls) ? r->tls : usual_tls(port));
}

void relay_door_complete(struct config *c, struct config_relay *r)
{
    r->doors = arena_alloc(c->arena, (r->door_texts.count + 1) * COUNT(usual) * sizeof *r->doors);
    for (size_t i = 0; i < r->door_texts.count; i++)
        add_text(c->arena, r, r->door_texts.at[i]);
    if (!r->door_count && (config_line(c, &r->port) || config_line(c, &r->tls)))
        add_plain(c, r);
    if (!r->door_count)
        add_all(r);
    r->port = r->doors[0].port;
    r->tls = r->doors[0].tls;
}
