#include "cli/check_cell.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The order of the board; others follow as they are found. */
static const unsigned usual[] = {25, 26, 465, 587, 1025, 2525, 443};

void check_cell_address(const struct sockaddr_storage *a, char out[INET6_ADDRSTRLEN])
{
    const void *at = a->ss_family == AF_INET6
                         ? (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr
                         : &((const struct sockaddr_in *)a)->sin_addr;

    if ((a->ss_family != AF_INET && a->ss_family != AF_INET6) ||
        !inet_ntop(a->ss_family, at, out, INET6_ADDRSTRLEN))
        out[0] = '\0';
}

static bool has(const unsigned *ports, size_t n, unsigned port)
{
    for (size_t i = 0; i < n; i++)
        if (ports[i] == port)
            return true;
    return false;
}

size_t check_cell_ports(const struct findings *f, enum findings_who who,
                        unsigned out[CHECK_CELL_PORTS])
{
    size_t n = 0;

    for (size_t i = 0; i < COUNT(usual); i++)
        if (findings_find(f, who, usual[i], AF_UNSPEC) || (who == WHO_SERVER && !f->door_count))
            out[n++] = usual[i];
    for (size_t i = 0; i < f->door_count && n < CHECK_CELL_PORTS; i++)
        if (f->door[i].who == who && !has(out, n, f->door[i].port))
            out[n++] = f->door[i].port;
    return n;
}

static unsigned progress(const struct findings_door *d)
{
    return (unsigned)(d->state == DOOR_OPEN) * 8U + (unsigned)findings_speaks(d) * 4U +
           (unsigned)findings_verified(d) * 2U + (unsigned)(d->state != DOOR_UNTRIED);
}

const struct findings_door *check_cell_door(const struct findings *f, enum findings_who who,
                                            unsigned port, int family)
{
    const struct findings_door *best = NULL;

    for (size_t i = 0; i < f->door_count; i++) {
        const struct findings_door *d = &f->door[i];

        if (d->who == who && d->port == port && d->address.ss_family == family &&
            (!best || progress(d) > progress(best)))
            best = d;
    }
    return best;
}

static void add(struct check_cell *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct check_cell *c, const char *fmt, ...)
{
    size_t n = strlen(c->words);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->words + n, sizeof c->words - n, fmt, ap);
    va_end(ap);
}

static void add_tls(const struct findings_door *d, enum check_cell_form form, struct check_cell *c)
{
    if (d->tls == SEALED_YES) {
        add(c, ", %s, certificate %s", d->tls_version,
            findings_verified(d) ? "ok" : tls_verdict_name(d->verdict));
        c->mood = findings_verified(d) ? MOOD_GOOD : MOOD_BAD;
    } else if (d->tls == SEALED_FAILED) {
        add(c, ", TLS fails");
        c->mood = MOOD_BAD;
    } else if (form != CELL_LIVE && findings_speaks(d)) {
        add(c, d->starttls_refused ? ", TLS refused" : ", no TLS");
        c->mood = MOOD_PLAIN;
    }
}

/* The login was made at one address only: as observe chooses it, IPv4 first. */
static bool logged_in_at(const struct findings *f, const struct findings_door *d)
{
    const struct findings_door *four = check_cell_door(f, WHO_SERVER, d->port, AF_INET);

    return f->login.tried && d->who == WHO_SERVER && f->login.port == d->port &&
           findings_verified(d) && (d == four || !findings_verified(four));
}

static void add_talk(const struct findings *f, const struct findings_door *d,
                     enum check_cell_form form, struct check_cell *c)
{
    static const char *const words[] = {[TALK_NONE] = "",
                                        [TALK_SILENT] = ", nobody greets",
                                        [TALK_FOREIGN] = ", no mail server",
                                        [TALK_LOST] = ", hangs up",
                                        [TALK_STALLED] = ", greets, then silence",
                                        [TALK_REFUSED] = ", says ",
                                        [TALK_SMTP] = ""};

    bool over = form != CELL_LIVE;

    add(c, "open");
    if (form != CELL_SHORT)
        add(c, " %lld ms", (long long)d->connect_ms);
    c->mood = !over ? MOOD_WAIT : d->talk == TALK_NONE || findings_speaks(d) ? MOOD_GOOD : MOOD_BAD;
    if (!over && d->talk == TALK_NONE && d->greeting[0])
        add(c, ", greets");
    add(c, "%s", words[d->talk]);
    if (d->talk == TALK_REFUSED)
        add(c, "%u", d->reply.code);
    add_tls(d, form, c);
    if (!logged_in_at(f, d))
        return;
    add(c, f->login.ok ? ", login ok" : ", login refused");
    if (!f->login.ok)
        c->mood = MOOD_BAD;
}

void check_cell(const struct findings *f, const struct findings_door *d, enum check_cell_form form,
                struct check_cell *out)
{
    *out = (struct check_cell){.mood = MOOD_BAD};
    if (!d) {
        out->mood = MOOD_PLAIN;
        return;
    }
    switch (d->state) {
    case DOOR_UNTRIED:
        out->mood = form == CELL_LIVE ? MOOD_WAIT : MOOD_PLAIN;
        add(out, form == CELL_LIVE ? "connecting" : "not tried");
        break;
    case DOOR_NO_ROUTE:
        out->mood = MOOD_PLAIN;
        add(out, "no way there");
        break;
    case DOOR_SILENT:
        add(out, "no answer");
        break;
    case DOOR_REFUSED:
        add(out, "refused");
        break;
    case DOOR_FORBIDDEN:
        add(out, "forbidden by %s", d->icmp_from);
        break;
    case DOOR_UNREACHABLE:
        add(out, d->icmp ? "unreachable, says %s" : "unreachable%s", d->icmp_from);
        break;
    case DOOR_LOCAL:
        add(out, "this computer forbids it");
        break;
    case DOOR_OPEN:
        add_talk(f, d, form, out);
        break;
    }
}
