#include "cli/check_evidence.h"

#include "base/memory.h"
#include "base/text.h"
#include "cli/check_cell.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SENTENCE_MAX = 2000 };

struct evidence {
    const struct check *c;
    const struct findings *f;
    struct arena *arena;
    struct span *out;
    size_t count;
};

static void say(struct evidence *e, struct text *sentence)
{
    if (e->count < CHECK_EVIDENCE_MAX && sentence->len)
        e->out[e->count++] = arena_span(e->arena, text_span(sentence));
    text_free(sentence);
}

static void sayf(struct evidence *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void sayf(struct evidence *e, const char *fmt, ...)
{
    struct text t = TEXT_INIT(SENTENCE_MAX);
    va_list ap;

    va_start(ap, fmt);
    text_addv(&t, fmt, ap);
    va_end(ap);
    say(e, &t);
}

/* ---- names ---- */

static void add_lookup(struct text *t, const struct findings_dns *n)
{
    char at[INET6_ADDRSTRLEN];

    if (n->result == LOOKUP_NO_NAME)
        text_adds(t, "there is no such name");
    else if (n->result != LOOKUP_OK)
        text_adds(t, "no answer");
    for (size_t i = 0; i < n->count; i++) {
        check_cell_address(&n->address[i], at);
        text_addf(t, "%s%s", i ? ", " : "", at);
    }
}

/* The same addresses may come in another order. */
static bool agree(const struct findings_dns *a, const struct findings_dns *b)
{
    char x[INET6_ADDRSTRLEN], y[INET6_ADDRSTRLEN];

    if (a->result != b->result)
        return false;
    for (size_t i = 0; i < a->count; i++)
        for (size_t j = 0; j < b->count; j++) {
            check_cell_address(&a->address[i], x);
            check_cell_address(&b->address[j], y);
            if (strcmp(x, y) == 0)
                return true;
        }
    return a->count == 0 && b->count == 0;
}

static void say_names(struct evidence *e)
{
    const struct findings *f = e->f;
    struct text t = TEXT_INIT(SENTENCE_MAX);

    if (f->host_is_address)
        return;
    text_addf(&t, "%s: ", f->host);
    add_lookup(&t, &f->dns);
    if (f->dns_second.result == LOOKUP_UNTRIED) {
        text_adds(&t, ".");
    } else if (agree(&f->dns, &f->dns_second)) {
        text_adds(&t, "; a second resolver says the same.");
    } else {
        text_adds(&t, "; a second resolver: ");
        add_lookup(&t, &f->dns_second);
        text_adds(&t, ".");
    }
    say(e, &t);
}

/* ---- doors: those that fare alike together ---- */

struct group {
    char words[200];
    struct text ports;
};

static void add_port(struct group *groups, size_t *count, const char *words, unsigned port)
{
    size_t i = 0;

    while (i < *count && strcmp(groups[i].words, words) != 0)
        i++;
    if (i == *count) {
        snprintf(groups[i].words, sizeof groups[i].words, "%s", words);
        groups[i].ports = TEXT_INIT(200);
        (*count)++;
    }
    text_addf(&groups[i].ports, "%s%u", groups[i].ports.len ? ", " : "", port);
}

/* "25 no answer; 465, 587 open, TLSv1.3, certificate ok"; the caller frees. */
static struct text doors(const struct findings *f, enum findings_who who, int family)
{
    unsigned ports[CHECK_CELL_PORTS];
    struct group groups[CHECK_CELL_PORTS];
    struct text t = TEXT_INIT(SENTENCE_MAX);
    size_t n = check_cell_ports(f, who, ports), count = 0;

    for (size_t i = 0; i < n; i++) {
        const struct findings_door *d = check_cell_door(f, who, ports[i], family);
        struct check_cell cell;

        if (!d)
            continue;
        check_cell(f, d, CELL_SHORT, &cell);
        add_port(groups, &count, cell.words, ports[i]);
    }
    for (size_t i = 0; i < count; i++) {
        text_addf(&t, "%s%s %s", i ? "; " : "", text_cstr(&groups[i].ports), groups[i].words);
        text_free(&groups[i].ports);
    }
    return t;
}

/* Both families in one sentence where they fare alike. */
static void say_doors(struct evidence *e, enum findings_who who, const char *label)
{
    struct text four = doors(e->f, who, AF_INET), six = doors(e->f, who, AF_INET6);
    bool alike = span_eq(text_span(&four), text_span(&six));

    if (four.len)
        sayf(e, "%s%s: %s.", label, alike ? ", IPv4 and IPv6" : "", text_cstr(&four));
    if (six.len && !alike)
        sayf(e, "%s, IPv6: %s.", label, text_cstr(&six));
    text_free(&four);
    text_free(&six);
}

static void say_all_doors(struct evidence *e)
{
    static const struct {
        enum findings_who who;
        const char *label;
    } rows[] = {
        {WHO_SERVER, "Ports of the server"},
        {WHO_CONTROL, NULL},
        {WHO_ISP, "The network's own mail server"},
        {WHO_NOWHERE, "At an address that no host may have"},
        {WHO_OTHER, "At the address of the second resolver"},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        say_doors(e, rows[i].who,
                  rows[i].label ? rows[i].label
                                : arena_printf(e->arena, "To compare, %s", e->f->control));
}

/* ---- the rest ---- */

static void say_hops(struct evidence *e)
{
    for (size_t i = 0; i < e->f->door_count; i++) {
        const struct findings_door *d = &e->f->door[i];

        if (d->who != WHO_SERVER || d->state == DOOR_OPEN)
            continue;
        if (d->hop_answer)
            sayf(e, "Port %u was refused %u %s away.", d->port, d->hop_answer,
                 d->hop_answer == 1 ? "hop" : "hops");
        else if (d->hop_last && d->state == DOOR_SILENT)
            sayf(e, "On port %u the last router that answered was %s, hop %u.", d->port,
                 d->hop_router, d->hop_last);
    }
}

static void say_web(struct evidence *e)
{
    static const char *const words[] = {
        [PORTAL_UNTRIED] = NULL,
        [PORTAL_NO] = "The web works, without a login page of this network.",
        [PORTAL_LOGIN] = "Instead of a known web page came: ",
        [PORTAL_NOTHING] = "A known web page could not be fetched.",
    };

    if (words[e->f->portal])
        sayf(e, "%s%s", words[e->f->portal],
             e->f->portal == PORTAL_LOGIN ? e->f->portal_words : "");
}

static void say_step(struct evidence *e, const char *what, const struct findings_login *l)
{
    if (!l->tried)
        return;
    if (l->reply.code)
        sayf(e, "%s at port %u: %u %s", what, l->port, l->reply.code, l->reply.text);
    else
        sayf(e, "%s at port %u: %s.", what, l->port, l->ok ? "ok" : smtp_client_why_name(l->why));
}

/* Of several looks: the ports that failed now and then. */
static void say_tries(struct evidence *e)
{
    const struct check *c = e->c;
    unsigned ports[CHECK_CELL_PORTS];
    size_t n = check_cell_ports(e->f, WHO_SERVER, ports);

    for (size_t i = 0; i < n; i++) {
        unsigned tries = 0, failures = 0;

        for (size_t k = 0; k < c->tally_count; k++) {
            if (c->tally[k].port != ports[i])
                continue;
            tries += c->tally[k].tries;
            failures += c->tally[k].failures;
        }
        if (failures && failures < tries && c->looks > 1)
            sayf(e, "Port %u: %u of %u connections failed.", ports[i], failures, tries);
    }
}

static void say_past(struct evidence *e)
{
    const struct findings_past *p = &e->f->past;
    const struct findings_door *d = findings_find(e->f, WHO_SERVER, p->port, AF_UNSPEC);
    bool shut_now = d && d->state != DOOR_OPEN;
    char when[40];

    if (!p->port)
        return;
    if (p->failures)
        sayf(e, "Lately in this network, port %u: %u of %u tries failed.", p->port, p->failures,
             p->tries);
    if (p->shut_since_ms && p->opened_ms && shut_now) {
        check_run_time(p->opened_ms, "%A %e %B %H:%M", when, sizeof when);
        sayf(e, "Port %u last opened here on %s.", p->port, when);
    }
    if (p->elsewhere[0] && shut_now)
        sayf(e, "Port %u opens in another network: %s.", p->port, p->elsewhere);
}

size_t check_evidence(const struct check *c, struct arena *a, struct span out[CHECK_EVIDENCE_MAX])
{
    struct evidence e = {.c = c, .f = &c->findings, .arena = a, .out = out};

    say_names(&e);
    say_all_doors(&e);
    say_tries(&e);
    say_hops(&e);
    say_web(&e);
    say_step(&e, "Login", &c->findings.login);
    say_step(&e, "Sender", &c->findings.mail);
    say_step(&e, "Recipient", &c->findings.rcpt);
    say_step(&e, "Test message", &c->findings.sent);
    say_past(&e);
    return e.count;
}
