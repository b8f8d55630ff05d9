/* Whole attempts against scripted servers on loopback, with names from a table. */
#include "deliver/attempt.h"
#include "../smtp/far.h"

#include "base/memory.h"
#include "conf/config.h"
#include "dns/dns_fake.h"
#include "tls/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* What is loaded for NTLM (sasl/ntlm.h) loses an OpenSSL context with each use. Our own TLS
 * contexts would show by the memory that holds them. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:gssntlmssp\nleak:libcrypto\n";
}

#define SCRIPT(...) ((const char *const[]){__VA_ARGS__, NULL})
#define GREET       "S:220 mx.example.org ESMTP", "C:EHLO me.example"
#define PLAIN       GREET, "S:250 mx.example.org"
#define MAIL        "C:MAIL FROM:<eve@example.net>", "S:250 ok"
#define RCPT        "C:RCPT TO:<ann@example.org>", "S:250 ok"
#define DATA        "C:DATA", "S:354 go", "C*"
#define BYE         "C:QUIT", "S:221 bye"

enum { HOSTS = 2, SESSIONS = 6 };

/* 127.0.0.1 and 127.0.0.2, one port: each plays its scripts, one for each connection. */
struct host {
    int fd;
    struct watch *watch;
    const char *const *script[SESSIONS];
    struct far_side side[SESSIONS];
    size_t sessions;
    bool shut; /* nobody listens */
};

static struct {
    struct loop *loop;
    struct host host[HOSTS];
    uint16_t port;
    struct config *config;
    struct dns *dns;
    struct attempt_context *context;
    struct arena *arena;
    struct job job[3];
    struct job_result result[3];
    size_t jobs;
    int64_t between; /* clock_shift between two jobs */
    unsigned idle;
    const char *opening; /* why attempt_open failed, or NULL */
} t;

static struct tls_context *server_tls;
static char ca_file[] = "/tmp/port26-ca-XXXXXX";

static int make_tls(void **state)
{
    struct text cert = TEXT_INIT(CERTIFICATE_PEM), key = TEXT_INIT(CERTIFICATE_PEM);
    const char *names[] = {"relay.example", "mx1.example.org", NULL};
    struct certificate_wish wish = {.names = names};
    struct error e = {0};
    int fd = mkstemp(ca_file);

    (void)state;
    assert_int_equal(certificate_make(&wish, &cert, &key, &e), 0);
    server_tls = tls_server_pem(text_span(&cert), text_span(&key), &e);
    assert_int_equal(write(fd, cert.at, cert.len), cert.len);
    close(fd);
    text_free(&cert);
    text_free(&key);
    return server_tls ? 0 : -1;
}

static int free_tls(void **state)
{
    (void)state;
    unlink(ca_file);
    tls_context_free(&server_tls);
    return 0;
}

static const struct dns_fake_row names[] = {
    {"example.org", DNS_MX, DNS_OK, "10 mx1.example.org"},
    {"example.org", DNS_MX, DNS_OK, "20 mx2.example.org"},
    {"mx1.example.org", DNS_A, DNS_OK, "127.0.0.1"},
    {"mx2.example.org", DNS_A, DNS_OK, "127.0.0.2"},
    {"relay.example", DNS_A, DNS_OK, "127.0.0.1"},
    {"null.example", DNS_MX, DNS_OK, "0 ."},
    {"broken.example", DNS_MX, DNS_TEMPORARY, NULL},
    {0},
};

static void accepted(void *arg)
{
    struct host *h = arg;
    int fd = accept4(h->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct far_side *side;

    if (fd < 0)
        return;
    if (h->sessions == SESSIONS || !h->script[h->sessions]) {
        close(fd);
        return;
    }
    side = &h->side[h->sessions];
    *side = (struct far_side){
        .stream = stream_socket(t.loop, fd), .script = h->script[h->sessions++], .tls = server_tls};
    fiber_start(t.loop, far_run, side);
}

static int bound(uint32_t last, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(port),
                            .sin_addr.s_addr = htonl(0x7f000000 | last)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* One port that is free on both addresses. A host that is shut holds the port without listening. */
static void find_port(void)
{
    do {
        struct sockaddr_in a;
        socklen_t n = sizeof a;

        t.host[0].fd = bound(1, 0);
        getsockname(t.host[0].fd, (struct sockaddr *)&a, &n);
        t.port = ntohs(a.sin_port);
        t.host[1].fd = bound(2, t.port);
        if (t.host[1].fd < 0)
            close(t.host[0].fd);
    } while (t.host[1].fd < 0);
}

static void set_up(void)
{
    memset(&t, 0, sizeof t);
    t.arena = arena_new();
    find_port();
}

static void configure(const char *more)
{
    struct config_notes notes = {0};
    char *text = arena_printf(t.arena,
                              "hostname = me.example\n"
                              "delivery { port = %u allow-loopback = yes helo = me.example }\n%s",
                              t.port, more);

    if (config_parse(span_of(text), "test", &notes, &t.config) < 0)
        for (size_t i = 0; i < notes.count; i++)
            print_message("%s\n", notes.at[i].text);
    config_notes_free(&notes);
    assert_non_null(t.config);
}

static struct recipient ann[] = {{.address = {"ann@example.org", 15}}};
static struct recipient both[] = {{.address = {"ann@example.org", 15}},
                                  {.address = {"bob@example.org", 15}}};

static struct job *add_job(struct recipient *to, size_t count)
{
    struct job *j = &t.job[t.jobs++];

    *j = (struct job){.lease = 40 + t.jobs, .attempt = 1, .kind = ROUTE_MX};
    j->envelope = (struct envelope){
        .id = id_new(), .sender = SPAN("eve@example.net"), .recipients = to, .count = count};
    j->destination = SPAN("mx:example.org");
    j->domain = SPAN("example.org");
    j->content = (struct content){.body = SPAN("Subject: hi\r\n\r\nhello\r\n"), .fd = -1};
    return j;
}

static void run_jobs(void *arg)
{
    struct error e = {0};

    (void)arg;
    t.context = attempt_open(t.loop, t.config, t.dns, NULL, NULL, &e);
    if (!t.context)
        t.opening = arena_printf(t.arena, "%s", e.words);
    for (size_t i = 0; t.context && i < t.jobs; i++) {
        if (i && t.between)
            clock_shift(t.between);
        attempt_run(t.context, &t.job[i], t.arena, &t.result[i]);
        fiber_sleep(20);
    }
    if (t.context)
        t.idle = attempt_idle(t.context);
    attempt_close(&t.context);
    fiber_sleep(30); /* good-byes on their way */
    for (size_t i = 0; i < HOSTS; i++)
        watch_free(&t.host[i].watch);
}

static void play(const char *more)
{
    configure(more);
    t.loop = loop_new();
    t.dns = dns_fake(names);
    for (size_t i = 0; i < HOSTS; i++) {
        if (!t.host[i].shut)
            assert_int_equal(listen(t.host[i].fd, 8), 0);
        t.host[i].watch = watch_new(t.loop, t.host[i].fd, accepted, &t.host[i]);
    }
    fiber_start(t.loop, run_jobs, NULL);
    loop_run(t.loop);
    assert_null(t.opening);
    for (size_t i = 0; i < HOSTS; i++)
        for (size_t k = 0; k < t.host[i].sessions; k++)
            assert_string_equal(t.host[i].side[k].fault, "");
}

static void clean_up(void)
{
    for (size_t i = 0; i < HOSTS; i++) {
        for (size_t k = 0; k < t.host[i].sessions; k++)
            far_free(&t.host[i].side[k]);
        close(t.host[i].fd);
    }
    dns_free(&t.dns);
    config_free(&t.config);
    loop_free(&t.loop);
    arena_free(&t.arena);
}

static const struct outcome *outcome(size_t job, size_t recipient)
{
    assert_int_equal(t.result[job].count, t.job[job].envelope.count);
    assert_int_equal(t.result[job].lease, t.job[job].lease);
    assert_true(t.result[job].outcomes[recipient].words.len > 0);
    return &t.result[job].outcomes[recipient];
}

/* ---- by MX ---- */

static void test_delivers(void **state)
{
    const struct outcome *o;

    (void)state;
    set_up();
    t.host[0].script[0] =
        SCRIPT(GREET, "S:250-mx\r\n250 DSN", MAIL, RCPT, DATA, "S:250 2.6.0 taken", BYE);
    add_job(ann, 1);
    play("");
    o = outcome(0, 0);
    assert_int_equal(o->kind, OUTCOME_DELIVERED);
    assert_int_equal(o->status.subject, 6);
    assert_int_equal(o->reply.code, 250);
    assert_true(span_is(o->host, "mx1.example.org"));
    assert_true(span_starts(o->address, SPAN("127.0.0.1:")));
    assert_int_equal(t.result[0].try_count, 1);
    assert_int_equal(t.result[0].tries[0].stage, STAGE_NONE);
    assert_string_equal(text_cstr(&t.host[0].side[0].content), "Subject: hi\r\n\r\nhello\r\n");
    assert_int_equal(t.idle, 1);
    clean_up();
}

static void test_reuses(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] =
        SCRIPT(PLAIN, MAIL, RCPT, DATA, "S:250 one", MAIL, RCPT, DATA, "S:250 two", BYE);
    add_job(ann, 1);
    add_job(ann, 1);
    play("");
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_RELAYED);
    assert_int_equal(outcome(1, 0)->kind, OUTCOME_RELAYED);
    assert_int_equal(t.host[0].sessions, 1);
    clean_up();
}

/* A kept connection that died is no attempt: a fresh one at once, and no trace in the story. */
static void test_stale(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] = SCRIPT(PLAIN, MAIL, RCPT, DATA, "S:250 one", "C:MAIL", "X");
    t.host[0].script[1] = SCRIPT(PLAIN, MAIL, RCPT, DATA, "S:250 two", BYE);
    add_job(ann, 1);
    add_job(ann, 1);
    play("");
    assert_int_equal(outcome(1, 0)->kind, OUTCOME_RELAYED);
    assert_int_equal(t.result[1].try_count, 1);
    assert_int_equal(t.host[0].sessions, 2);
    clean_up();
}

static void test_next_path(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] = SCRIPT("S:554 not you", BYE);
    t.host[1].script[0] = SCRIPT(PLAIN, MAIL, RCPT, DATA, "S:250 ok", BYE);
    add_job(ann, 1);
    play("");
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_RELAYED);
    assert_true(span_is(outcome(0, 0)->host, "mx2.example.org"));
    assert_int_equal(t.result[0].try_count, 2);
    assert_int_equal(t.result[0].tries[0].stage, STAGE_GREETING);
    assert_int_equal(t.result[0].tries[0].reply.code, 554);
    clean_up();
}

/* All paths said no: what came further is told; nothing bounces (P6). */
static void test_all_refuse(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] = SCRIPT(PLAIN, "C:MAIL", "S:451 4.3.0 later", BYE);
    t.host[1].script[0] = SCRIPT("S:554 5.7.1 not you", BYE);
    add_job(ann, 1);
    play("");
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_LATER);
    assert_int_equal(outcome(0, 0)->stage, STAGE_MAIL);
    assert_int_equal(outcome(0, 0)->reply.code, 451);
    assert_int_equal(t.result[0].try_count, 2);
    clean_up();
}

static void test_mixed_recipients(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] = SCRIPT(PLAIN, MAIL, "C:RCPT TO:<ann", "S:550 5.1.1 who?",
                                 "C:RCPT TO:<bob", "S:250 ok", DATA, "S:250 ok", BYE);
    add_job(both, 2);
    play("");
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_NEVER);
    assert_int_equal(outcome(0, 0)->reply.code, 550);
    assert_int_equal(outcome(0, 0)->status.class, 5);
    assert_int_equal(outcome(0, 1)->kind, OUTCOME_RELAYED);
    assert_int_equal(t.host[1].sessions, 0);
    clean_up();
}

/* RFC 5321 4.5.3.1.10: the rest goes in the next transaction. */
static void test_too_many(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] =
        SCRIPT(PLAIN, MAIL, "C:RCPT TO:<ann", "S:250 ok", "C:RCPT TO:<bob", "S:452 4.5.3 many",
               DATA, "S:250 ok", MAIL, "C:RCPT TO:<bob", "S:250 ok", DATA, "S:250 ok", BYE);
    add_job(both, 2);
    play("");
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_RELAYED);
    assert_int_equal(outcome(0, 1)->kind, OUTCOME_RELAYED);
    clean_up();
}

/* Lost after the dot: not tried again at once anywhere, and told (P4). */
static void test_maybe_delivered(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] = SCRIPT(PLAIN, MAIL, RCPT, DATA, "X");
    t.host[1].script[0] = SCRIPT(PLAIN, MAIL, RCPT, DATA, "S:250 ok", BYE);
    add_job(ann, 1);
    play("");
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_LATER);
    assert_true(outcome(0, 0)->maybe_delivered);
    assert_int_equal(t.host[1].sessions, 0);
    clean_up();
}

/* A failed handshake where TLS was only wished for: once more without, and told in the story. */
static void test_tls_fails_open(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] =
        SCRIPT(GREET, "S:250-mx\r\n250 STARTTLS", "C:STARTTLS", "S:220 go", "R:no TLS at all", "X");
    t.host[0].script[1] =
        SCRIPT(GREET, "S:250-mx\r\n250 STARTTLS", MAIL, RCPT, DATA, "S:250 ok", BYE);
    add_job(ann, 1);
    play("");
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_RELAYED);
    assert_int_equal(t.result[0].try_count, 2);
    assert_int_equal(t.result[0].tries[0].stage, STAGE_TLS);
    assert_int_equal(t.result[0].tries[1].stage, STAGE_NONE);
    clean_up();
}

/* P7: where the floor says TLS, nothing goes in the clear, and nothing bounces. */
static void test_tls_required(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] = SCRIPT(PLAIN, BYE);
    t.host[1].script[0] =
        SCRIPT(GREET, "S:250-mx\r\n250 STARTTLS", "C:STARTTLS", "S:220 go", "R:no TLS at all", "X");
    add_job(ann, 1);
    play("delivery { tls = required }\n");
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_LATER);
    assert_int_equal(outcome(0, 0)->stage, STAGE_TLS);
    assert_int_equal(t.host[1].sessions, 1);
    clean_up();
}

static void test_encrypts(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] = SCRIPT(GREET, "S:250-mx\r\n250 STARTTLS", "C:STARTTLS", "S:220 go", "TLS",
                                 "C:EHLO", "S:250 mx", MAIL, RCPT, DATA, "S:250 ok", BYE);
    add_job(ann, 1);
    play("");
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_RELAYED);
    assert_true(span_starts(outcome(0, 0)->tls, SPAN("TLSv1.3")));
    clean_up();
}

/* ---- paths ---- */

static void test_dead_is_last(void **state)
{
    (void)state;
    set_up();
    t.host[0].shut = true;
    t.host[1].script[0] = SCRIPT(PLAIN, MAIL, RCPT, DATA, "S:250 ok", BYE);
    t.host[1].script[1] = SCRIPT(PLAIN, MAIL, RCPT, DATA, "S:250 ok", BYE);
    t.between = 15000; /* the kept connection is over */
    add_job(ann, 1);
    add_job(ann, 1);
    play("");
    assert_int_equal(t.result[0].try_count, 2);
    assert_int_equal(t.result[0].tries[0].stage, STAGE_CONNECT);
    assert_int_equal(outcome(1, 0)->kind, OUTCOME_RELAYED);
    assert_int_equal(t.result[1].try_count, 1);
    clean_up();
}

static void test_all_dead(void **state)
{
    (void)state;
    set_up();
    t.host[0].shut = t.host[1].shut = true;
    add_job(ann, 1);
    add_job(ann, 1);
    add_job(ann, 1);
    play("");
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_LATER);
    assert_int_equal(outcome(0, 0)->stage, STAGE_CONNECT);
    assert_true(outcome(0, 0)->waits_for_network);
    assert_int_equal(t.result[0].try_count, 2);
    assert_int_equal(outcome(1, 0)->kind, OUTCOME_LATER);
    assert_int_equal(t.result[1].try_count, 1); /* not hammered */
    clean_up();
}

static void test_dns(void **state)
{
    const struct span domains[] = {SPAN("null.example"), SPAN("broken.example"),
                                   SPAN("nowhere.example")};

    (void)state;
    set_up();
    for (size_t i = 0; i < COUNT(domains); i++) {
        struct job *j = add_job(ann, 1);

        j->domain = j->destination = domains[i];
    }
    play("");
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_NEVER);
    assert_int_equal(outcome(0, 0)->status.detail, 10);
    assert_int_equal(outcome(1, 0)->kind, OUTCOME_LATER);
    assert_int_equal(outcome(1, 0)->status.detail, 3);
    assert_int_equal(outcome(2, 0)->kind, OUTCOME_NEVER);
    assert_int_equal(t.result[2].tries[0].stage, STAGE_DNS);
    clean_up();
}

/* ---- by a relay ---- */

static struct job *relay_job(void)
{
    struct job *j = add_job(ann, 1);

    j->kind = ROUTE_RELAY;
    j->relay = SPAN("isp");
    j->destination = SPAN("relay:isp");
    j->user = SPAN("me");
    j->password = SPAN("secret");
    return j;
}

static const char *relay_config(const char *tls)
{
    return arena_printf(t.arena,
                        "relay isp { host = relay.example port = %u tls = %s ca-file = \"%s\" "
                        "user = me password-file = \"/nowhere\" }\n",
                        t.port, tls, ca_file);
}

static void test_relay(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] =
        SCRIPT("TLS", GREET, "S:250-mx\r\n250 AUTH PLAIN",
               "C:AUTH PLAIN AG1lAHNlY3JldA==", "S:235 ok", MAIL, RCPT, DATA, "S:250 ok", BYE);
    relay_job();
    play(relay_config("implicit"));
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_RELAYED);
    assert_true(span_ends(outcome(0, 0)->tls, SPAN("verified")));
    clean_up();
}

/* 535: the user's to repair; the mail waits, in words, and is not bounced. */
static void test_relay_refuses_login(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] =
        SCRIPT(GREET, "S:250-mx\r\n250 STARTTLS", "C:STARTTLS", "S:220 go", "TLS", "C:EHLO",
               "S:250-mx\r\n250 AUTH PLAIN", "C:AUTH PLAIN", "S:535 5.7.8 no", BYE);
    relay_job();
    play(relay_config("starttls"));
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_LATER);
    assert_int_equal(outcome(0, 0)->stage, STAGE_AUTH);
    assert_int_equal(outcome(0, 0)->owner, OWNER_YOU);
    assert_int_equal(outcome(0, 0)->status.class, 4);
    assert_true(span_search(outcome(0, 0)->words, SPAN("user name or password is wrong")) >= 0);
    clean_up();
}

static void test_relay_stripped(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] = SCRIPT(GREET, "S:250-mx\r\n250 AUTH PLAIN", BYE);
    relay_job();
    play(relay_config("starttls"));
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_LATER);
    assert_int_equal(outcome(0, 0)->stage, STAGE_STARTTLS);
    assert_null(strstr(text_cstr(&t.host[0].side[0].heard), "AUTH"));
    assert_null(strstr(text_cstr(&t.host[0].side[0].heard), "MAIL"));
    clean_up();
}

static void test_relay_without_password(void **state)
{
    (void)state;
    set_up();
    relay_job()->password = SPAN_NONE;
    relay_job()->relay = SPAN("gone");
    play(relay_config("starttls"));
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_LATER);
    assert_int_equal(outcome(0, 0)->owner, OWNER_YOU);
    assert_int_equal(outcome(1, 0)->kind, OUTCOME_LATER);
    assert_int_equal(t.host[0].sessions, 0);
    clean_up();
}

/* ---- ending early ---- */

static struct fiber *runner;

static void stop_it(void *arg)
{
    (void)arg;
    fiber_sleep(50);
    fiber_cancel(runner);
}

static void run_cancelled(void *arg)
{
    struct error e = {0};

    (void)arg;
    runner = fiber_self();
    t.context = attempt_open(t.loop, t.config, t.dns, NULL, NULL, &e);
    fiber_start(t.loop, stop_it, NULL);
    attempt_run(t.context, &t.job[0], t.arena, &t.result[0]);
    attempt_close(&t.context);
    for (size_t i = 0; i < HOSTS; i++)
        watch_free(&t.host[i].watch);
}

static void test_cancel(void **state)
{
    (void)state;
    set_up();
    t.host[0].script[0] = SCRIPT("E");
    t.host[1].script[0] = SCRIPT(PLAIN);
    add_job(ann, 1);
    configure("");
    t.loop = loop_new();
    t.dns = dns_fake(names);
    for (size_t i = 0; i < HOSTS; i++) {
        listen(t.host[i].fd, 8);
        t.host[i].watch = watch_new(t.loop, t.host[i].fd, accepted, &t.host[i]);
    }
    fiber_start(t.loop, run_cancelled, NULL);
    loop_run(t.loop);
    assert_int_equal(outcome(0, 0)->kind, OUTCOME_LATER);
    assert_int_equal(t.host[1].sessions, 0);
    clean_up();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivers),       cmocka_unit_test(test_reuses),
        cmocka_unit_test(test_stale),          cmocka_unit_test(test_next_path),
        cmocka_unit_test(test_all_refuse),     cmocka_unit_test(test_mixed_recipients),
        cmocka_unit_test(test_too_many),       cmocka_unit_test(test_maybe_delivered),
        cmocka_unit_test(test_tls_fails_open), cmocka_unit_test(test_tls_required),
        cmocka_unit_test(test_encrypts),       cmocka_unit_test(test_dead_is_last),
        cmocka_unit_test(test_all_dead),       cmocka_unit_test(test_dns),
        cmocka_unit_test(test_relay),          cmocka_unit_test(test_relay_refuses_login),
        cmocka_unit_test(test_relay_stripped), cmocka_unit_test(test_relay_without_password),
        cmocka_unit_test(test_cancel),
    };

    return cmocka_run_group_tests(tests, make_tls, free_tls);
}
