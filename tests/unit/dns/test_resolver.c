/* The resolver against real servers on this machine: Knot with a small zone, and one that is silent
 * or late. */
#include "dns/dns.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/fiber.h"
#include "io/jail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define KNOTD  "/usr/sbin/knotd"
#define KEYMGR "/usr/sbin/keymgr"

static const char zone[] = "@ 60 SOA ns admin 1 60 60 60 60\n"
                           "@ NS ns\n"
                           "ns A 127.0.0.1\n"
                           "@ MX 10 mx1\n"
                           "@ MX 20 mx2.lab.test.\n"
                           "mx1 A 192.0.2.1\n"
                           "mx1 AAAA 2001:db8::1\n"
                           "mx2 A 192.0.2.2\n"
                           "six AAAA 2001:db8::6\n"
                           "text TXT \"one \" \"two\"\n"
                           "null MX 0 .\n"
                           "alias CNAME lab.test.\n"
                           "mxalias MX 10 host-alias\n"
                           "host-alias CNAME mx2\n"
                           "round1 CNAME round2\n"
                           "round2 CNAME round1\n"
                           "chain-end CNAME absent\n"
                           "odd PTR \\037n\\000.lab.test.\n"
                           "forever 2147483647 A 192.0.2.3\n"
                           "never 0 A 192.0.2.4\n"
                           "_pop3s._tcp SRV 0 1 995 mx1\n";

static const char signed_zone[] = "$ORIGIN signed.test.\n"
                                  "$TTL 60\n"
                                  "@ SOA ns admin 1 60 60 60 60\n"
                                  "@ NS ns\n"
                                  "ns A 127.0.0.1\n"
                                  "@ MX 10 mx2\n"
                                  "mx2 A 192.0.2.2\n";

struct server {
    pid_t pid;
    char dir[64];
    char resolver[32]; /* "127.0.0.1@5300" */
};

/* ---- the server ---- */

static int bind_loopback(int type, uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void write_file(const struct server *s, const char *name, const char *fmt, ...)
{
    char path[128];
    va_list ap;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    f = fopen(path, "we");
    assert_non_null(f);
    va_start(ap, fmt);
    vfprintf(f, fmt, ap);
    va_end(ap);
    fclose(f);
}

static void write_zone(const struct server *s)
{
    struct text t = TEXT_INIT(65536);

    for (int i = 0; i < 500; i++)
        text_addf(&t, "many MX %d mx%d.many.example.\n", i, i);
    for (int i = 0; i < 40; i++)
        text_addf(&t, "big TXT \"%d %0200d\"\n", i, i);
    write_file(s, "zone", "$ORIGIN lab.test.\n$TTL 60\n%s%s", zone, text_cstr(&t));
    write_file(s, "signed", "%s", signed_zone);
    text_free(&t);
}

/* Is there an answer to this question within a tenth of a second? */
static bool answers(uint16_t port, const char *question, size_t length)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char reply[512];
    bool good;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    good = connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
           send(fd, question, length, 0) > 0 && poll(&p, 1, 100) == 1 &&
           recv(fd, reply, sizeof reply, 0) > 12 && (reply[3] & 15) == 0;
    close(fd);
    if (!good)
        usleep(20000);
    return good;
}

static bool is_up(uint16_t port)
{
#define HEAD "\1\1\0\0\0\1\0\0\0\0\0\0"
#define TAIL "\4test\0\0\6\0\1"
    static const char plain[] = HEAD "\3lab" TAIL, with_keys[] = HEAD "\6signed" TAIL;
#undef HEAD
#undef TAIL

    return answers(port, plain, sizeof plain - 1) && answers(port, with_keys, sizeof with_keys - 1);
}

static void start_knot(struct server *s, uint16_t port)
{
    char config[128];

    write_file(s, "knot.conf",
               "server:\n  listen: 127.0.0.1@%u\n  rundir: %s\n  udp-workers: 1\n"
               "  tcp-workers: 1\n  background-workers: 1\n"
               "log:\n  - target: %s/log\n    any: info\n"
               "database:\n  storage: %s\n"
               "zone:\n  - domain: lab.test\n    storage: %s\n    file: zone\n"
               "  - domain: signed.test\n    storage: %s\n    file: signed\n"
               "    dnssec-signing: on\n    zonefile-sync: -1\n    journal-content: none\n"
               "    zonefile-load: whole\n",
               port, s->dir, s->dir, s->dir, s->dir, s->dir);
    snprintf(config, sizeof config, "%s/knot.conf", s->dir);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        execl(KNOTD, "knotd", "-c", config, (char *)NULL);
        _exit(127);
    }
}

static void stop_knot(struct server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

/* What a validator has to know of the signed zone: the truth, and a lie. */
static bool write_anchors(const struct server *s)
{
    char command[256];

    write_file(s, "wrong-anchor", "signed.test. IN DS 12345 13 2 %064d\n", 0);
    snprintf(command, sizeof command, KEYMGR " -c %s/knot.conf signed.test ds >%s/anchor 2>&1",
             s->dir, s->dir);
    return system(command) == 0;
}

/* The port may be taken between our look and Knot's bind: then another is tried. */
static bool start_server(struct server *s)
{
    for (int attempt = 0; attempt < 3; attempt++) {
        uint16_t port = 0;

        close(bind_loopback(SOCK_DGRAM, &port));
        start_knot(s, port);
        snprintf(s->resolver, sizeof s->resolver, "127.0.0.1@%u", port);
        for (int i = 0; i < 100 && waitpid(s->pid, NULL, WNOHANG) == 0; i++)
            if (is_up(port))
                return true;
        stop_knot(s);
    }
    return false;
}

static void free_server(struct server *s)
{
    char command[96];

    snprintf(command, sizeof command, "rm -rf '%s'", s->dir);
    assert_int_equal(system(command), 0);
    free(s);
}

static int set_up(void **state)
{
    struct server *s;

    *state = NULL;
    if (access(KNOTD, X_OK) != 0)
        return 0;
    s = memory_alloc(sizeof *s);
    snprintf(s->dir, sizeof s->dir, "/tmp/port26-dns-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    write_zone(s);
    if (!start_server(s) || !write_anchors(s)) {
        free_server(s);
        return -1;
    }
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct server *s = *state;

    if (!s)
        return 0;
    stop_knot(s);
    free_server(s);
    return 0;
}

/* ---- a test body in a fiber ---- */

struct bench {
    struct loop *loop;
    struct dns *dns;
    struct arena *arena;
    const char *resolver, *anchor;
    int64_t timeout;
    void (*body)(struct bench *b);
    void *extra;
};

static void in_fiber(void *arg)
{
    struct bench *b = arg;
    struct span resolver = span_of(b->resolver);
    struct dns_settings settings = {.resolvers = &resolver,
                                    .resolver_count = 1,
                                    .timeout = b->timeout,
                                    .anchor_file = b->anchor};
    struct error e;

    b->dns = dns_new(b->loop, &settings, &e);
    if (!b->dns)
        fail_msg("%s", e.words);
    b->body(b);
    dns_free(&b->dns);
}

static void run(struct bench b)
{
    b.loop = loop_new();
    b.arena = arena_new();
    fiber_start(b.loop, in_fiber, &b);
    loop_run(b.loop);
    assert_null(b.dns);
    loop_free(&b.loop);
    arena_free(&b.arena);
}

/* ---- the zone ---- */

static void mx_rows(struct bench *b)
{
    static const struct {
        const char *name;
        enum dns_result result;
        size_t count;
        const char *host; /* of the least preference */
    } rows[] = {
        {"lab.test", DNS_OK, 2, "mx1.lab.test"},
        {"LAB.test.", DNS_OK, 2, "mx1.lab.test"},
        {"alias.lab.test", DNS_OK, 2, "mx1.lab.test"},
        {"null.lab.test", DNS_OK, 1, ""},
        {"mxalias.lab.test", DNS_OK, 1, "host-alias.lab.test"},
        {"mx1.lab.test", DNS_NONE, 0, ""},
        {"absent.lab.test", DNS_NXDOMAIN, 0, ""},
        {"chain-end.lab.test", DNS_NXDOMAIN, 0, ""},
        {"other.example", DNS_TEMPORARY, 0, ""}, /* REFUSED */
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_mx_list l;
        enum dns_result r =
            dns_mx(b->dns, span_of(rows[i].name), clock_now() + 10 * CLOCK_SECOND, b->arena, &l);
        struct span host = SPAN_NONE;

        if (r != rows[i].result || l.count != rows[i].count)
            fail_msg("%s: %s, %zu: %.*s", rows[i].name, dns_result_name(r), l.count,
                     SPAN_ARG(l.status.why));
        for (size_t k = 0; k < l.count; k++)
            if (l.mx[k].preference < 20)
                host = l.mx[k].host;
        assert_true(span_is(host, rows[i].host));
        assert_false(l.status.secure);
    }
}

static void mx_of_a_real_zone(void **state)
{
    const struct server *s = *state;

    if (!s)
        skip();
    run((struct bench){.resolver = s->resolver, .body = mx_rows});
}

static void other_records(struct bench *b)
{
    int64_t deadline = clock_now() + 10 * CLOCK_SECOND;
    struct dns_address_list addresses;
    struct dns_text_list texts;
    struct dns_srv_list services;

    assert_int_equal(dns_address(b->dns, SPAN("mx1.lab.test"), deadline, b->arena, &addresses),
                     DNS_OK);
    assert_int_equal(addresses.count, 2);
    assert_int_equal(addresses.address[0].ss_family, AF_INET6);
    dns_address(b->dns, SPAN("host-alias.lab.test"), deadline, b->arena, &addresses);
    assert_int_equal(addresses.count, 1);
    dns_address(b->dns, SPAN("six.lab.test"), deadline, b->arena, &addresses);
    assert_int_equal(addresses.count, 1);
    assert_int_equal(dns_address(b->dns, SPAN("text.lab.test"), deadline, b->arena, &addresses),
                     DNS_NONE);
    dns_txt(b->dns, SPAN("text.lab.test"), deadline, b->arena, &texts);
    assert_true(span_is(texts.text[0], "one two"));
    dns_srv(b->dns, SPAN("_pop3s._tcp.lab.test"), deadline, b->arena, &services);
    assert_int_equal(services.srv[0].port, 995);
    assert_int_equal(dns_address(b->dns, SPAN("localhost"), deadline, b->arena, &addresses),
                     DNS_OK);
}

static void other_records_of_a_real_zone(void **state)
{
    const struct server *s = *state;

    if (!s)
        skip();
    run((struct bench){.resolver = s->resolver, .body = other_records});
}

static void hostile_records(struct bench *b)
{
    int64_t deadline = clock_now() + 10 * CLOCK_SECOND;
    struct dns_lookup odd = {.name = SPAN("odd.lab.test"), .type = DNS_PTR};
    struct dns_address_list addresses;
    struct dns_mx_list mx;
    struct dns_text_list texts;
    enum dns_result r;

    r = dns_address(b->dns, SPAN("round1.lab.test"), deadline, b->arena, &addresses);
    assert_true(r == DNS_TEMPORARY || r == DNS_NONE);               /* a CNAME loop */
    dns_mx(b->dns, SPAN("many.lab.test"), deadline, b->arena, &mx); /* too large for UDP */
    assert_int_equal(mx.count, DNS_RECORDS_MAX);
    assert_true(mx.status.cut);
    dns_txt(b->dns, SPAN("big.lab.test"), deadline, b->arena, &texts);
    assert_int_equal(texts.count, 40);
    dns_address(b->dns, SPAN("forever.lab.test"), deadline, b->arena, &addresses);
    assert_int_equal(addresses.count, 1);
    assert_in_range(addresses.status.ttl, 0, 86400);
    dns_address(b->dns, SPAN("never.lab.test"), deadline, b->arena, &addresses);
    assert_int_equal(addresses.count, 1);
    dns_query(b->dns, &odd, 1, deadline, b->arena);
    assert_int_equal(odd.count, 1); /* raw it is there; the parser drops it */
}

static void hostile_records_of_a_real_zone(void **state)
{
    const struct server *s = *state;

    if (!s)
        skip();
    run((struct bench){.resolver = s->resolver, .body = hostile_records});
}

/* ---- DNSSEC ---- */

static void proven(struct bench *b)
{
    int64_t deadline = clock_now() + 10 * CLOCK_SECOND;
    struct dns_mx_list mx;
    struct dns_address_list addresses;

    assert_int_equal(dns_mx(b->dns, SPAN("signed.test"), deadline, b->arena, &mx), DNS_OK);
    assert_true(mx.status.secure);
    dns_address(b->dns, SPAN("mx2.signed.test"), deadline, b->arena, &addresses);
    assert_int_equal(addresses.count, 1);
    assert_true(addresses.status.secure); /* also that there is no AAAA */
    assert_int_equal(dns_mx(b->dns, SPAN("absent.signed.test"), deadline, b->arena, &mx),
                     DNS_NXDOMAIN);
    assert_true(mx.status.secure);
    assert_int_equal(dns_mx(b->dns, SPAN("mx1.lab.test"), deadline, b->arena, &mx), DNS_NONE);
    assert_false(mx.status.secure);
}

static void refuted(struct bench *b)
{
    int64_t deadline = clock_now() + 10 * CLOCK_SECOND;
    struct dns_mx_list mx;

    assert_int_equal(dns_mx(b->dns, SPAN("signed.test"), deadline, b->arena, &mx), DNS_BOGUS);
    assert_int_equal(mx.count, 0);
    assert_false(mx.status.secure);
    assert_true(span_starts(mx.status.why, SPAN("the answer fails DNSSEC: ")));
}

static void signatures_are_checked(void **state)
{
    const struct server *s = *state;
    char right[96], wrong[96];

    if (!s)
        skip();
    snprintf(right, sizeof right, "%s/anchor", s->dir);
    snprintf(wrong, sizeof wrong, "%s/wrong-anchor", s->dir);
    run((struct bench){.resolver = s->resolver, .anchor = right, .body = proven});
    run((struct bench){.resolver = s->resolver, .anchor = wrong, .body = refuted});
}

/* ---- in the jail ---- */

/* All files were read by dns_new; the thread starts in here. Ends the process. */
static void ask_in_jail(struct bench *b)
{
    static const struct jail_path no_paths[] = {{0}};
    struct dns_mx_list mx;
    struct error e = {0};

    if (jail_enter(JAIL_COURIER, no_paths, 1024, &e) < 0) {
        fprintf(stderr, "%s\n", e.words);
        _exit(2);
    }
    dns_mx(b->dns, SPAN("many.lab.test"), clock_now() + 10 * CLOCK_SECOND, b->arena, &mx);
    if (mx.status.result != DNS_OK)
        fprintf(stderr, "%.*s\n", SPAN_ARG(mx.status.why));
    _exit(mx.status.result == DNS_OK ? 0 : 1);
}

static void the_resolver_works_in_the_jail(void **state)
{
    const struct server *s = *state;
    int status;
    pid_t pid;

    if (!s)
        skip();
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        run((struct bench){.resolver = s->resolver, .body = ask_in_jail});
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- silence ---- */

struct silent {
    int fd;
    uint16_t port;
    char resolver[32];
};

static struct silent silent_server(void)
{
    struct silent s = {0};

    s.fd = bind_loopback(SOCK_DGRAM, &s.port);
    snprintf(s.resolver, sizeof s.resolver, "127.0.0.1@%u", s.port);
    return s;
}

static void wait_in_vain(struct bench *b)
{
    const struct span names[] = {SPAN("a.example"), SPAN("b.example")};
    struct dns_address_list found[2];
    int64_t start = clock_now();

    dns_addresses(b->dns, names, 2, start + 200, b->arena, found);
    assert_in_range(clock_now() - start, 190, 20000);
    assert_int_equal(found[1].status.result, DNS_TEMPORARY);
    assert_true(span_is(found[1].status.why, "no answer within 0.2 s"));
    /* The setting ends a question too, and a deadline that is past ends it at once. */
    start = clock_now();
    dns_addresses(b->dns, names, 2, CLOCK_NEVER, b->arena, found);
    assert_in_range(clock_now() - start, 290, 20000);
    dns_addresses(b->dns, names, 2, clock_now() - 1, b->arena, found);
    assert_int_equal(found[0].status.result, DNS_TEMPORARY);
}

static void a_silent_server_costs_the_deadline(void **state)
{
    struct silent s = silent_server();

    (void)state;
    run((struct bench){.resolver = s.resolver, .timeout = 300, .body = wait_in_vain});
    close(s.fd);
}

/* Answers all questions that came so far with NXDOMAIN. */
static void answer_late(int fd)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    char packet[1500];
    ssize_t n;

    while ((n = recvfrom(fd, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&from,
                         &size)) > 12) {
        packet[2] = (char)0x81;
        packet[3] = (char)0x83;
        sendto(fd, packet, (size_t)n, 0, (struct sockaddr *)&from, size);
    }
}

static void outlive_the_question(struct bench *b)
{
    const struct silent *s = b->extra;
    struct dns_address_list list;
    enum dns_result r = DNS_TEMPORARY;

    dns_address(b->dns, SPAN("late.example"), clock_now() + 100, b->arena, &list);
    assert_int_equal(list.status.result, DNS_TEMPORARY);
    arena_clear(b->arena);
    /* The late answer harms nobody and is in the cache soon. */
    for (int i = 0; i < 200 && r != DNS_NXDOMAIN; i++) {
        answer_late(s->fd);
        r = dns_address(b->dns, SPAN("late.example"), clock_now() + 100, b->arena, &list);
    }
    assert_int_equal(r, DNS_NXDOMAIN);
}

static void a_late_answer_wakes_nobody(void **state)
{
    struct silent s = silent_server();

    (void)state;
    run((struct bench){.resolver = s.resolver, .body = outlive_the_question, .extra = &s});
    close(s.fd);
}

static void cancel_soon(void *arg)
{
    fiber_sleep(50);
    fiber_cancel(arg);
}

static void be_cancelled(struct bench *b)
{
    struct dns_address_list list;
    int64_t start = clock_now();

    fiber_start(b->loop, cancel_soon, fiber_self());
    dns_address(b->dns, SPAN("a.example"), CLOCK_NEVER, b->arena, &list);
    assert_in_range(clock_now() - start, 40, 20000);
    assert_int_equal(list.status.result, DNS_TEMPORARY);
    assert_true(fiber_cancelled());
}

static void a_cancelled_fiber_comes_back(void **state)
{
    struct silent s = silent_server();

    (void)state;
    run((struct bench){.resolver = s.resolver, .body = be_cancelled});
    close(s.fd);
}

/* ---- settings ---- */

static void bad_settings_are_told(void **state)
{
    static const struct {
        const char *resolver;
        struct dns_settings s;
        const char *words;
    } rows[] = {
        {"resolver.example", {0}, "resolver.example"},
        {"192.0.2.1@x", {0}, "not the address"},
        {NULL, {.resolv_conf = "/nonexistent/resolv.conf"}, "/nonexistent/resolv.conf"},
        {"127.0.0.1", {.hosts_file = "/nonexistent/hosts"}, "/nonexistent/hosts"},
        {"127.0.0.1", {.anchor_file = "/nonexistent/key"}, "/nonexistent/key"},
        {"127.0.0.1", {.anchor_file = "/etc/passwd"}, "/etc/passwd"},
    };
    struct loop *loop = loop_new();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dns_settings s = rows[i].s;
        struct span resolver = span_of(rows[i].resolver);
        struct error e = {0};

        s.resolvers = &resolver;
        s.resolver_count = rows[i].resolver != NULL;
        assert_null(dns_new(loop, &s, &e));
        if (!strstr(e.words, rows[i].words))
            fail_msg("%zu: %s", i, e.words);
    }
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mx_of_a_real_zone),
        cmocka_unit_test(other_records_of_a_real_zone),
        cmocka_unit_test(hostile_records_of_a_real_zone),
        cmocka_unit_test(signatures_are_checked),
        cmocka_unit_test(the_resolver_works_in_the_jail),
        cmocka_unit_test(a_silent_server_costs_the_deadline),
        cmocka_unit_test(a_late_answer_wakes_nobody),
        cmocka_unit_test(a_cancelled_fiber_comes_back),
        cmocka_unit_test(bad_settings_are_told),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
