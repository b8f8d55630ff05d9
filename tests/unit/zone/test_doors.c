/* Whatever doors are configured: each form for mail programs, the page for people and the service
 * records name the same ones in the same order, all that can be used and no others. */
#include "clients/clients.h"
#include "clients/page.h"
#include "zone/zone.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { ROUNDS = 400, DOORS = 8, LIST = 4000 };

static const char *const roles[] = {"submission", "exchange", "pop3", "web"};
static const char *const modes[] = {"none", "starttls", "implicit"};
enum { ANYWHERE, LOOPBACK };
static const char *const addresses[] = {[ANYWHERE] = "",
                                        [LOOPBACK] = "address = 127.0.0.1",
                                        "address = 192.0.2.1",
                                        "address = 192.0.2.2"};
static const unsigned ports[] = {25,  26,   110,  443,  465,  587,  995,
                                 993, 1025, 2525, 4000, 4001, 4002, 8443};

struct made_door {
    unsigned port, role, mode, address;
};

static unsigned pick(unsigned *seed, size_t n)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 16) % (unsigned)n;
}

/* ---- what is to be told ---- */

/* The place of a port among those of providers: the best first. */
static int place_of(const struct made_door *d)
{
    static const unsigned sending[] = {465, 587, 2525, 26, 25, 1025, 443}, fetching[] = {995, 110};
    const unsigned *best = strcmp(roles[d->role], "pop3") == 0 ? fetching : sending;
    size_t n = best == fetching ? COUNT(fetching) : COUNT(sending);

    for (size_t i = 0; i < n; i++)
        if (best[i] == d->port)
            return (int)i;
    return 100;
}

static bool usable(const struct made_door *d)
{
    return (strcmp(roles[d->role], "submission") == 0 || strcmp(roles[d->role], "pop3") == 0) &&
           strcmp(modes[d->mode], "none") != 0;
}

static void add_best(const struct made_door *doors, size_t n, const char *role, const char *kind,
                     struct text *out)
{
    bool used[DOORS] = {false}, far = false;

    for (size_t i = 0; i < n; i++)
        far = far || (usable(&doors[i]) && doors[i].address != LOOPBACK);
    for (;;) {
        const struct made_door *best = NULL;

        for (size_t i = 0; i < n; i++) {
            const struct made_door *d = &doors[i];

            if (used[i] || !usable(d) || strcmp(roles[d->role], role) != 0 ||
                (far && d->address == LOOPBACK))
                continue;
            if (!best || place_of(d) < place_of(best) ||
                (place_of(d) == place_of(best) && d->mode > best->mode))
                best = d;
        }
        if (!best)
            return;
        text_addf(out, "%s mx.example.org:%u %s, ", kind, best->port, modes[best->mode]);
        for (size_t i = 0; i < n; i++) /* the same port at another address is no other door */
            used[i] = used[i] || (doors[i].port == best->port && doors[i].role == best->role);
    }
}

/* ---- what was told ---- */

/* The text behind `before`, up to `after`; *at goes on behind it. Empty and *at NULL: none. */
static struct span between(const char **at, const char *before, char after)
{
    const char *from = strstr(*at, before),
               *to = from ? strchr(from + strlen(before), after) : NULL;

    *at = to;
    return to ? (struct span){from + strlen(before), (size_t)(to - from) - strlen(before)}
              : SPAN_NONE;
}

static void line(struct text *out, struct span kind, struct span host, struct span port,
                 bool implicit)
{
    for (size_t i = 0; i < kind.len; i++)
        text_addc(out, (char)(kind.at[i] | 0x20));
    text_addf(out, " %.*s:%.*s %s, ", SPAN_ARG(host), SPAN_ARG(port),
              implicit ? "implicit" : "starttls");
}

static void read_form(const char *form, const char *told, struct text *out)
{
    static const struct {
        const char *form, *kind, *host, *port, *mode, *implicit;
        char ends[4];
    } rows[] = {
        {"mozilla", "Server type=\"", "<hostname>", "<port>", "<socketType>", "SSL", "\"<<<"},
        {"outlook", "<Type>", "<Server>", "<Port>", "<Encryption>", "SSL", "<<<<"},
        {"json", "\"protocol\": \"", "\"host\": \"", "\"port\": ", "\"encryption\": \"", "implicit",
         "\"\",\""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strcmp(rows[i].form, form) != 0)
            continue;
        for (const char *at = told;;) {
            struct span kind = between(&at, rows[i].kind, rows[i].ends[0]), host, port, mode;

            if (!at)
                return;
            host = between(&at, rows[i].host, rows[i].ends[1]);
            port = between(&at, rows[i].port, rows[i].ends[2]);
            mode = between(&at, rows[i].mode, rows[i].ends[3]);
            line(out, kind, host, port, span_is(mode, rows[i].implicit));
        }
    }
}

/* "Incoming (IMAP)  host, port 993, SSL/TLS": the label stands before the first of its kind. */
static void read_text(const char *told, struct text *out)
{
    struct span rest = span_of(told), row, kind = SPAN_NONE;

    while (span_cut(&rest, '\n', &row)) {
        struct span value = span_from(row, 17), host;
        ptrdiff_t at = span_search(row, SPAN("("));

        if (span_search(row, SPAN(", port ")) < 0)
            continue;
        if (at > 0)
            kind = span_head(span_from(row, (size_t)at + 1), 4);
        span_cut(&value, ',', &host);
        span_cut(&value, ',', &row);
        line(out, kind, host, span_from(row, 6), span_is(span_trim(value), "SSL/TLS"));
    }
}

static void compare(const char *what, const char *config, const char *told, const char *want)
{
    if (strcmp(told, want) != 0)
        fail_msg("%s\n%s: %s\n   not: %s", config, what, told, want);
}

static char *written(const struct clients_offer *o, const char *form)
{
    struct text out = TEXT_INIT(CLIENTS_TEXT_MAX);
    char *copy = NULL;

    if (clients_form(span_of(form))->write(o, &out))
        copy = memory_dup(text_cstr(&out));
    text_free(&out);
    return copy;
}

static void check_forms(const char *config, const struct clients_offer *o, const char *want)
{
    static const char *const forms[] = {"mozilla", "outlook", "json", "text"};

    for (size_t i = 0; i < COUNT(forms); i++) {
        char *all = written(o, forms[i]);
        struct text told = TEXT_INIT(LIST);

        assert_non_null(all);
        if (strcmp(forms[i], "text") == 0)
            read_text(all, &told);
        else
            read_form(forms[i], all, &told);
        compare(forms[i], config, text_cstr(&told), want);
        text_free(&told);
        free(all);
    }
}

/* Apple's has the first of each direction. */
static void check_apple(const struct clients_offer *o)
{
    char *all = written(o, "apple");
    const struct clients_door *in = clients_best(o, CLIENTS_POP3),
                              *to = clients_best(o, CLIENTS_SUBMISSION);
    const char *at = all;
    uint64_t port;

    assert_int_equal(all != NULL, in && to);
    if (!all)
        return;
    between(&at, "IncomingMailServerPortNumber", '<');
    assert_true(span_u64(between(&at, "<integer>", '<'), 65535, &port) && port == in->port);
    between(&at, "OutgoingMailServerPortNumber", '<');
    assert_true(span_u64(between(&at, "<integer>", '<'), 65535, &port) && port == to->port);
    free(all);
}

static void check_page(const struct clients_offer *o)
{
    struct text page = TEXT_INIT(CLIENTS_TEXT_MAX);
    size_t found = 0;

    assert_true(page_settings(o, PAGE_GERMAN, NULL, &page));
    for (size_t i = 0; i < o->count; i++) {
        char row[100], item[100];

        snprintf(row, sizeof row, "<td>%u</td>", o->doors[i].port);
        snprintf(item, sizeof item, ", Port %u, ", o->doors[i].port);
        found += strstr(text_cstr(&page), row) || strstr(text_cstr(&page), item);
    }
    assert_int_equal(found, o->count);
    text_free(&page);
}

/* One service after the other, each in the order of its priorities. */
static void check_records(const char *text, const struct config *c, const struct clients_offer *o,
                          struct arena *a)
{
    static const char *const services[][2] = {
        [CLIENTS_IMAP] = {"_imap", "_imaps"},
        [CLIENTS_POP3] = {"_pop3", "_pop3s"},
        [CLIENTS_SUBMISSION] = {"_submission", "_submissions"}};
    struct zone *zone = arena_alloc(a, sizeof *zone);
    struct text want = TEXT_INIT(LIST), told = TEXT_INIT(LIST);
    unsigned priority[CLIENTS_SUBMISSION + 1][2] = {{0}};

    zone_make(c, SPAN("example.com"), NULL, 0, a, zone);
    for (size_t i = 0; i < o->count; i++) {
        const struct clients_door *d = &o->doors[i];

        text_addf(&want, "%s._tcp.example.com %u 1 %u %s., ", services[d->kind][d->implicit],
                  priority[d->kind][d->implicit]++, d->port, d->host);
    }
    for (size_t i = 0; i < zone->count; i++)
        if (zone->record[i].purpose == ZONE_SERVICE &&
            span_search(zone->record[i].name, SPAN("_autodiscover")) < 0)
            text_addf(&told, "%.*s %.*s, ", SPAN_ARG(zone->record[i].name),
                      SPAN_ARG(zone->record[i].data));
    compare("records", text, text_cstr(&told), text_cstr(&want));
    text_free(&want);
    text_free(&told);
}

/* ---- a round ---- */

/* What the configuration would be refused for. */
static bool can_be(const struct made_door *doors, size_t n, const struct made_door *d)
{
    const char *role = roles[d->role], *mode = modes[d->mode];

    for (size_t i = 0; i < n; i++)
        if (doors[i].port == d->port && (doors[i].address == d->address ||
                                         doors[i].address == ANYWHERE || d->address == ANYWHERE))
            return false;
    return strcmp(role, "web") == 0    ? strcmp(mode, "starttls") != 0
           : strcmp(role, "pop3") == 0 ? strcmp(mode, "none") != 0
                                       : true;
}

static size_t make(unsigned *seed, struct made_door *doors, struct text *config)
{
    size_t n = 0, wanted = 1 + pick(seed, DOORS);

    text_adds(config, "hostname = mail.example.org\ndomains = example.com\n"
                      "tls { certificate = /c key = /k }\nclients { host = mx.example.org }\n");
    while (n < wanted) {
        struct made_door d = {ports[pick(seed, COUNT(ports))], pick(seed, COUNT(roles)),
                              pick(seed, COUNT(modes)), pick(seed, COUNT(addresses))};

        if (!can_be(doors, n, &d))
            continue;
        doors[n] = d;
        text_addf(config, "door \"d%zu\" { port = %u role = %s tls = %s https = false %s%s }\n", n,
                  d.port, roles[d.role], modes[d.mode], addresses[d.address],
                  strcmp(roles[d.role], "submission") == 0 && strcmp(modes[d.mode], "none") == 0
                      ? " trust = 192.0.2.0/24"
                      : "");
        n++;
    }
    return n;
}

static size_t try_one(unsigned *seed)
{
    struct made_door doors[DOORS];
    struct text text = TEXT_INIT(LIST), want = TEXT_INIT(LIST), told = TEXT_INIT(LIST);
    size_t n = make(seed, doors, &text);
    struct config_notes notes = {0};
    struct config *c = NULL;
    struct arena *a = arena_new();
    struct clients_offer o;

    if (config_parse(text_span(&text), "f", &notes, &c) < 0)
        fail_msg("%s%s", text_cstr(&text), notes.at[0].text);
    add_best(doors, n, "pop3", "pop3", &want);
    add_best(doors, n, "submission", "smtp", &want);
    assert_int_equal(clients_offer_of(c, SPAN("example.com"), SPAN("you@example.com"), a, &o),
                     want.len > 0);
    for (size_t i = 0; i < o.count; i++)
        text_addf(&told, "%s %s:%u %s, ", clients_kind_name(o.doors[i].kind), o.doors[i].host,
                  o.doors[i].port, o.doors[i].implicit ? "implicit" : "starttls");
    compare("offer", text_cstr(&text), text_cstr(&told), text_cstr(&want));
    check_forms(text_cstr(&text), &o, text_cstr(&want));
    check_apple(&o);
    check_page(&o);
    check_records(text_cstr(&text), c, &o, a);

    config_notes_free(&notes);
    config_free(&c);
    arena_free(&a);
    text_free(&text);
    text_free(&want);
    text_free(&told);
    return o.count;
}

static void any_doors(void **state)
{
    unsigned seed = 26;
    size_t doors = 0;

    (void)state;
    for (int i = 0; i < ROUNDS; i++)
        doors += try_one(&seed);
    assert_true(doors > ROUNDS); /* not by having none to tell of */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_doors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
