#include "scene.h"

#include <stdio.h>
#include <unistd.h>

static struct paper authority, here, extra;

static int setup(void **state)
{
    (void)state;
    paper_make(&(struct order){"Test CA", NULL, -1, 100, true, NULL}, &authority);
    paper_make(
        &(struct order){"localhost", "DNS:localhost,IP:127.0.0.1", -1, 90, false, &authority},
        &here);
    paper_make(
        &(struct order){"mx", "DNS:mx.example.org,DNS:*.example.net", -1, 90, false, &authority},
        &extra);
    return 0;
}

static struct scene scene_new(void)
{
    struct scene c = {.server = paper_server(&here)};
    c.client = tls_client_pem(span_of(authority.cert), NULL);
    assert_non_null(c.client);
    return c;
}

static void scene_free(struct scene *c)
{
    tls_context_free(&c->server);
    tls_context_free(&c->client);
}

static void say(struct stream *s, const char *words)
{
    int rc = stream_write(s, span_of(words));
    assert(rc == 0);
}

static void hear(struct stream *s, const char *words)
{
    char buf[100];
    size_t got = 0;
    while (got < strlen(words)) {
        ssize_t n = stream_read(s, buf + got, strlen(words) - got);
        assert(n > 0);
        got += (size_t)n;
    }
    assert(memcmp(buf, words, got) == 0);
}

/* ---- a session ---- */

struct seen {
    struct tls_info info[2];
    char words[300], sni[100];
    unsigned char exporter[2][TLS_EXPORTER];
    bool bound[2];
};

static void look_server(struct scene *c, struct stream **s)
{
    struct seen *seen = c->arg;
    assert(tls_info(*s, &seen->info[0]));
    snprintf(seen->sni, sizeof seen->sni, "%s", seen->info[0].sni);
    seen->bound[0] = tls_exporter(*s, seen->exporter[0]);
    hear(*s, "EHLO\r\n");
    say(*s, "250 OK\r\n");
    char c1;
    assert(stream_read(*s, &c1, 1) == 0);
    assert(stream_read(*s, &c1, 1) == 0); /* the end stays the end */
}

static void look_client(struct scene *c, struct stream **s)
{
    struct seen *seen = c->arg;
    assert(tls_info(*s, &seen->info[1]));
    snprintf(seen->words, sizeof seen->words, "%s", seen->info[1].words);
    seen->bound[1] = tls_exporter(*s, seen->exporter[1]);
    say(*s, "EHLO\r\n");
    hear(*s, "250 OK\r\n");
}

static void test_session(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_3_VERSION, TLS1_2_VERSION};
    static const char *const names[] = {"TLSv1.3", "TLSv1.2"};
    for (size_t i = 0; i < 2; i++) {
        struct seen seen = {0};
        struct scene c = scene_new();
        c.server_talk = look_server;
        c.client_talk = look_client;
        c.x.alpn = true;
        c.arg = &seen;
        SSL_CTX_set_max_proto_version(c.client->ctx, versions[i]);
        scene_run(&c);
        assert_int_equal(c.accepted, 0);
        assert_int_equal(c.connected, 0);
        assert_int_equal(c.verdict, TLS_VERIFIED);
        assert_string_equal(seen.info[0].version, names[i]);
        assert_true(seen.info[0].server && !seen.info[1].server);
        assert_true(seen.info[1].bits >= 128);
        assert_string_equal(seen.sni, "localhost");
        assert_non_null(strstr(seen.words, "for localhost, 127.0.0.1, issued by CN=Test CA"));
        assert_true(seen.bound[0] && seen.bound[1]);
        assert_memory_equal(seen.exporter[0], seen.exporter[1], TLS_EXPORTER);
        scene_free(&c);
    }
}

static void test_not_tls(void **state)
{
    (void)state;
    struct tls_info info;
    unsigned char out[TLS_EXPORTER];
    struct stream *a, *b;
    struct loop *l = loop_new();
    stream_pipe(l, 100, &a, &b);
    assert_false(tls_info(a, &info));
    assert_false(tls_info(NULL, &info));
    assert_false(tls_exporter(a, out));
    assert_null(tls_session_take(a));
    stream_close(&a);
    stream_close(&b);
    loop_free(&l);
}

/* ---- transfers, in every split (HOSTILE 33) ---- */

struct bulk {
    size_t total, write;
};

static char byte_at(size_t i)
{
    return (char)(i * 31 + i / 251);
}

static void send_bulk(struct stream *s, const struct bulk *b)
{
    char *buf = memory_alloc(b->write);
    for (size_t at = 0; at < b->total; at += b->write) {
        size_t n = b->total - at < b->write ? b->total - at : b->write;
        for (size_t i = 0; i < n; i++)
            buf[i] = byte_at(at + i);
        int rc = stream_write(s, (struct span){buf, n});
        assert(rc == 0);
    }
    free(buf);
}

static void receive_bulk(struct stream *s, const struct bulk *b)
{
    static char buf[5000];
    for (size_t at = 0; at < b->total;) {
        char *mine = memory_alloc(sizeof buf);
        ssize_t n = stream_read(s, mine, sizeof buf);
        assert(n > 0);
        for (size_t i = 0; i < (size_t)n; i++)
            assert(mine[i] == byte_at(at + i));
        at += (size_t)n;
        free(mine);
    }
}

static void bulk_server(struct scene *c, struct stream **s)
{
    receive_bulk(*s, c->arg);
    send_bulk(*s, c->arg);
}

static void bulk_client(struct scene *c, struct stream **s)
{
    send_bulk(*s, c->arg);
    receive_bulk(*s, c->arg);
}

static void test_splits(void **state)
{
    (void)state;
    static const struct {
        size_t drip;
        struct bulk bulk;
    } rows[] = {
        {1, {3000, 100}},         {2, {5000, 5000}},      {3, {40000, 20000}},
        {5, {5000, 1}},           {7, {70000, 33000}},    {511, {200000, 16384}},
        {512, {200000, 1000}},    {513, {200000, 70000}}, {4096, {300000, 32768}},
        {16406, {300000, 32769}}, {0, {4000000, 100000}}, {0, {100000, 37}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bulk bulk = rows[i].bulk;
        struct scene c = scene_new();
        c.drip = rows[i].drip;
        c.server_talk = bulk_server;
        c.client_talk = bulk_client;
        c.arg = &bulk;
        scene_run(&c);
        assert_int_equal(c.accepted, 0);
        assert_int_equal(c.connected, 0);
        scene_free(&c);
    }
}

/* Each side writes in a fiber of its own while it reads: both directions are always full. */
struct duplex {
    struct bulk bulk;
    struct stream *ends[2];
    struct fiber *reader[2];
    int written;
};

static void write_first(void *arg)
{
    struct duplex *d = arg;
    send_bulk(d->ends[0], &d->bulk);
    d->written |= 1;
    fiber_wake(d->reader[0]);
}

static void write_second(void *arg)
{
    struct duplex *d = arg;
    send_bulk(d->ends[1], &d->bulk);
    d->written |= 2;
    fiber_wake(d->reader[1]);
}

static void both_ways(struct scene *c, struct stream **s)
{
    struct duplex *d = c->arg;
    int me = s == &c->ends[1];
    d->ends[me] = *s;
    d->reader[me] = fiber_self();
    fiber_start(fiber_loop(), me ? write_second : write_first, d);
    receive_bulk(*s, &d->bulk);
    while (!(d->written & 1 << me))
        fiber_wait(clock_now() + SCENE_MS);
}

static void test_both_ways(void **state)
{
    (void)state;
    struct duplex d = {.bulk = {3000000, 50000}};
    struct scene c = scene_new();
    c.server_talk = c.client_talk = both_ways;
    c.arg = &d;
    scene_run(&c);
    assert_int_equal(c.accepted | c.connected, 0);
    scene_free(&c);
}

/* ---- ends ---- */

static void cut(struct scene *c, struct stream **s)
{
    (void)c;
    say(*s, "half");
    stream_abort(s);
}

static void expect_cut(struct scene *c, struct stream **s)
{
    char buf[10];
    (void)c;
    hear(*s, "half");
    ssize_t n = stream_read(*s, buf, sizeof buf);
    assert(n == -ECONNRESET);
    assert(stream_read(*s, buf, sizeof buf) < 0);
}

static void test_truncated(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct scene c = scene_new();
        c.server_talk = i ? cut : expect_cut;
        c.client_talk = i ? expect_cut : cut;
        scene_run(&c);
        assert_int_equal(c.accepted | c.connected, 0);
        scene_free(&c);
    }
}

static void go_quietly(struct scene *c, struct stream **s)
{
    (void)c;
    say(*s, "421 full\r\n");
}

static void write_into_it(struct scene *c, struct stream **s)
{
    (void)c;
    fiber_sleep(50); /* the other side is gone by now */
    int rc = stream_write(*s, SPAN("MAIL FROM:<>\r\n"));
    assert(rc < 0);
    assert(stream_write(*s, SPAN("x")) < 0);
    hear(*s, "421 full\r\n");
}

/* What the peer said before it went is still heard after a write failed. */
static void test_last_words_heard(void **state)
{
    (void)state;
    struct scene c = scene_new();
    c.server_talk = go_quietly;
    c.client_talk = write_into_it;
    scene_run(&c);
    assert_int_equal(c.accepted | c.connected, 0);
    scene_free(&c);
}

static void run_late(struct scene *c, struct stream **s)
{
    char buf[10];
    (void)c;
    assert(stream_read_now(*s, buf, sizeof buf) == -EAGAIN);
    stream_deadline(*s, clock_now() + 50);
    ssize_t n = stream_read(*s, buf, sizeof buf);
    assert(n == -ETIMEDOUT);
    stream_deadline(*s, clock_now() + SCENE_MS);
    say(*s, "421 too slow\r\n");
}

static void be_slow(struct scene *c, struct stream **s)
{
    (void)c;
    hear(*s, "421 too slow\r\n");
}

/* A deadline ends the stage, not the session: there is a last word. */
static void test_late(void **state)
{
    (void)state;
    struct scene c = scene_new();
    c.server_talk = run_late;
    c.client_talk = be_slow;
    scene_run(&c);
    assert_int_equal(c.accepted | c.connected, 0);
    scene_free(&c);
}

/* ---- peers that do not speak TLS ---- */

static void silent(struct scene *c, struct stream **s)
{
    char buf[100];
    (void)c;
    while (stream_read(*s, buf, sizeof buf) > 0)
        ;
}

static void test_silent(void **state)
{
    (void)state;
    struct scene c = scene_new();
    struct loop *l = loop_new();
    c.client_plain = true;
    c.client_talk = silent;
    stream_pipe(l, SCENE_PIPE, &c.ends[0], &c.ends[1]);
    stream_deadline(c.ends[0], clock_now() + 50);
    stream_deadline(c.ends[1], clock_now() + SCENE_MS);
    fiber_start(l, scene_server, &c);
    fiber_start(l, scene_client, &c);
    loop_run(l);
    loop_free(&l);
    assert_int_equal(c.accepted, -ETIMEDOUT);
    assert_non_null(strstr(c.server_error.words, "timed out"));
    scene_free(&c);
}

static void blurt(struct scene *c, struct stream **s)
{
    const struct span *bytes = c->arg;
    char alert[7];
    stream_write(*s, *bytes);
    ssize_t n = stream_read(*s, alert, sizeof alert);
    assert(n == 7 && alert[0] == 21); /* RFC 8446 section 5.1: an alert record */
}

static void test_garbage(void **state)
{
    (void)state;
    static char many[64 * 1024];
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = byte_at(i + 7);
    const struct span rows[] = {
        SPAN("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        SPAN("EHLO localhost\r\nMAIL FROM:<>\r\n"),
        SPAN("\x16\x03\x01\xff\xff\x01"),             /* a record longer than allowed */
        SPAN("\x16\x03\x01\x00\x04\x02\x00\x00\x00"), /* a ServerHello */
        {many, sizeof many},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene c = scene_new();
        struct span bytes = rows[i];
        c.client_plain = true;
        c.client_talk = blurt;
        c.arg = &bytes;
        scene_run(&c);
        assert_int_equal(c.accepted, -EPROTO);
        assert_int_equal(c.server_error.class, ERROR_TEMPORARY);
        scene_free(&c);
    }
}

static void hang_up(struct scene *c, struct stream **s)
{
    (void)c;
    stream_write(*s, SPAN("\x16\x03\x01\x02"));
}

static void test_hang_up(void **state)
{
    (void)state;
    struct scene c = scene_new();
    c.client_plain = true;
    c.client_talk = hang_up;
    scene_run(&c);
    assert_int_equal(c.accepted, -ECONNRESET);
    scene_free(&c);
    c = scene_new();
    c.server_plain = true;
    c.server_talk = hang_up;
    scene_run(&c);
    assert_int_equal(c.connected, -ECONNRESET);
    assert_int_equal(c.verdict, TLS_UNASKED);
    scene_free(&c);
}

/* ---- old and weak (HOSTILE 34) ---- */

static void test_old_and_weak(void **state)
{
    (void)state;
    static const struct {
        int max;
        const char *ciphers;
        bool works;
    } rows[] = {
        {TLS1_VERSION, "ALL:@SECLEVEL=0", false},
        {TLS1_1_VERSION, "ALL:@SECLEVEL=0", false},
        {TLS1_2_VERSION, "aNULL:@SECLEVEL=0", false},
        {TLS1_2_VERSION, "eNULL:@SECLEVEL=0", false},
        {TLS1_2_VERSION, "kRSA:@SECLEVEL=0", false},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene c = scene_new();
        SSL_CTX_set_min_proto_version(c.client->ctx, 0);
        SSL_CTX_set_max_proto_version(c.client->ctx, rows[i].max);
        assert_int_equal(SSL_CTX_set_cipher_list(c.client->ctx, rows[i].ciphers), 1);
        scene_run(&c);
        assert_int_equal(c.accepted, rows[i].works ? 0 : -EPROTO);
        assert_int_equal(c.connected, rows[i].works ? 0 : -EPROTO);
        scene_free(&c);
    }
}

/* A client must not fall back either. */
static void test_old_server(void **state)
{
    (void)state;
    struct scene c = scene_new();
    SSL_CTX_set_min_proto_version(c.server->ctx, 0);
    SSL_CTX_set_max_proto_version(c.server->ctx, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(c.server->ctx, "ALL:@SECLEVEL=0");
    scene_run(&c);
    assert_int_equal(c.connected, -EPROTO);
    assert_non_null(strstr(c.client_error.words, "older than 1.2"));
    scene_free(&c);
}

static void renegotiate(struct scene *c, struct stream **s)
{
    SSL *ssl = tls_of(*s)->ssl;
    (void)c;
    SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
    SSL_renegotiate(ssl);
    SSL_do_handshake(ssl);
    assert(tls_of(*s)->out.len > 0);
    stream_write(tls_of(*s)->stream.below, text_span(&tls_of(*s)->out));
    text_clear(&tls_of(*s)->out);
    char buf[10];
    ssize_t n = stream_read(*s, buf, sizeof buf);
    assert(n < 0); /* refused, and never done */
}

static void never_mind(struct scene *c, struct stream **s)
{
    char buf[10];
    (void)c;
    assert(stream_read(*s, buf, sizeof buf) <= 0);
    assert(SSL_num_renegotiations(tls_of(*s)->ssl) == 0);
}

static void test_renegotiation(void **state)
{
    (void)state;
    struct scene c = scene_new();
    SSL_CTX_set_max_proto_version(c.client->ctx, TLS1_2_VERSION);
    c.client_talk = renegotiate;
    c.server_talk = never_mind;
    scene_run(&c);
    assert_int_equal(c.accepted | c.connected, 0);
    scene_free(&c);
}

/* ---- ALPN (HOSTILE 37) ---- */

static void test_alpn(void **state)
{
    (void)state;
    static const struct {
        struct span offer;
        bool works;
    } rows[] = {
        {SPAN(""), true},           {SPAN("\4smtp"), true},
        {SPAN("\2h2\4smtp"), true}, {SPAN("\2h2\10http/1.1"), false},
        {SPAN("\5smtps"), false},   {SPAN("\4SMTP"), false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene c = scene_new();
        SSL_CTX_set_alpn_protos(c.client->ctx, (const unsigned char *)rows[i].offer.at,
                                (unsigned)rows[i].offer.len);
        scene_run(&c);
        assert_int_equal(c.accepted, rows[i].works ? 0 : -EPROTO);
        assert_int_equal(c.connected, rows[i].works ? 0 : -EPROTO);
        if (!rows[i].works)
            assert_non_null(strstr(c.client_error.words, "application protocol"));
        scene_free(&c);
    }
}

struct agreed {
    char protocol[2][TLS_PROTOCOL_MAX + 1];
};

static void note_agreed(struct scene *c, struct stream **s, unsigned side)
{
    struct agreed *a = c->arg;
    struct tls_info info;
    assert(tls_info(*s, &info));
    snprintf(a->protocol[side], sizeof a->protocol[side], "%s", info.protocol);
}

static void server_agreed(struct scene *c, struct stream **s)
{
    note_agreed(c, s, 0);
    say(*s, "x");
}

static void client_agreed(struct scene *c, struct stream **s)
{
    note_agreed(c, s, 1);
    hear(*s, "x");
}

/* Both sides of a door that speaks two protocols know which one it became. */
static void test_alpn_any(void **state)
{
    (void)state;
    static const struct {
        const char *speaks, *offer, *agreed; /* agreed NULL: no session */
        bool alpn;
    } rows[] = {
        {"http/1.1 smtp", NULL, "", false},
        {"http/1.1 smtp", NULL, "smtp", true},
        {"http/1.1 smtp", "http/1.1", "http/1.1", false},
        {"http/1.1 smtp", "smtp", "smtp", true},
        {"http/1.1 smtp", "h2", NULL, false},
        {NULL, "http/1.1", NULL, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene c = scene_new();
        struct agreed agreed = {0};
        c.protocols = rows[i].speaks;
        c.x.alpn = rows[i].alpn;
        c.x.protocol = rows[i].offer;
        c.server_talk = server_agreed;
        c.client_talk = client_agreed;
        c.arg = &agreed;
        scene_run(&c);
        assert_int_equal(c.connected, rows[i].agreed ? 0 : -EPROTO);
        for (unsigned side = 0; side < 2 && rows[i].agreed; side++)
            assert_string_equal(agreed.protocol[side], rows[i].agreed);
        scene_free(&c);
    }
}

/* What was peeked at is read again; a peek in vain harms nothing. */
static void server_peeks(struct scene *c, struct stream **s)
{
    char buf[100];
    (void)c;
    stream_deadline(*s, clock_now() + 20);
    assert(tls_peek(*s, buf, sizeof buf) == -ETIMEDOUT);
    stream_deadline(*s, clock_now() + SCENE_MS);
    say(*s, "speak\n");
    assert(tls_peek(*s, buf, 2) == 2 && memcmp(buf, "GE", 2) == 0);
    assert(tls_peek(*s, buf, sizeof buf) == 5 && memcmp(buf, "GET /", 5) == 0);
    hear(*s, "GET /");
    assert(tls_peek(*s, buf, sizeof buf) == 0);
    assert(tls_peek((*s)->below, buf, sizeof buf) == -EINVAL);
}

static void client_speaks(struct scene *c, struct stream **s)
{
    (void)c;
    hear(*s, "speak\n");
    say(*s, "GET /");
}

static void test_peek(void **state)
{
    (void)state;
    struct scene c = scene_new();
    c.server_talk = server_peeks;
    c.client_talk = client_speaks;
    scene_run(&c);
    assert_int_equal(c.accepted | c.connected, 0);
    scene_free(&c);
}

/* ---- resumption ---- */

struct again {
    struct tls_session *session;
    bool resumed;
};

static void greet(struct scene *c, struct stream **s)
{
    (void)c;
    say(*s, "220 x\r\n");
    silent(c, s);
}

static void keep_session(struct scene *c, struct stream **s)
{
    struct again *a = c->arg;
    struct tls_info info;
    assert(tls_info(*s, &info));
    a->resumed = info.resumed;
    hear(*s, "220 x\r\n");
    tls_session_free(&a->session);
    a->session = tls_session_take(*s);
}

static bool resumes(struct scene *c, const char *name, enum tls_verify verify)
{
    struct again *a = c->arg;
    struct tls_session *old = a->session;
    a->session = NULL;
    c->x = (struct tls_expect){.name = name, .verify = verify, .session = old};
    c->server_talk = greet;
    c->client_talk = keep_session;
    scene_run(c);
    tls_session_free(&old);
    assert_int_equal(c->accepted | c->connected, 0);
    return a->resumed;
}

static void test_resumption(void **state)
{
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct again a = {0};
        struct scene c = scene_new();
        SSL_CTX_set_max_proto_version(c.client->ctx, version);
        c.arg = &a;
        assert_false(resumes(&c, "localhost", TLS_VERIFY_FULL));
        assert_non_null(a.session);
        assert_true(resumes(&c, "localhost", TLS_VERIFY_FULL));
        assert_int_equal(c.verdict, TLS_VERIFIED);
        assert_true(resumes(&c, "localhost", TLS_VERIFY_NONE));
        assert_false(resumes(&c, "127.0.0.1", TLS_VERIFY_FULL));
        assert_false(resumes(&c, "other", TLS_VERIFY_NONE));
        assert_int_equal(c.verdict, TLS_WRONG_NAME);
        assert_true(resumes(&c, "other", TLS_VERIFY_NONE));
        assert_int_equal(c.verdict, TLS_WRONG_NAME); /* resuming makes nothing better */
        tls_session_free(&a.session);
        scene_free(&c);
    }
}

/* A session that was not verified is no way around the check. */
static void test_unverified_session(void **state)
{
    (void)state;
    struct again a = {0};
    struct scene c = scene_new();
    c.arg = &a;
    assert_false(resumes(&c, "other", TLS_VERIFY_NONE));
    struct tls_session *old = a.session;
    c.x = (struct tls_expect){.name = "other", .session = old};
    scene_run(&c);
    assert_int_equal(c.connected, -EKEYREJECTED);
    tls_session_free(&old);
    scene_free(&c);
}

/* Two listeners with one ticket key, and a key that was changed. */
static void test_tickets(void **state)
{
    (void)state;
    unsigned char key[TLS_TICKET_KEY] = "one";
    struct again a = {0};
    struct scene c = scene_new();
    struct tls_context *first = c.server, *second = paper_server(&here);
    c.arg = &a;
    assert_false(resumes(&c, "localhost", TLS_VERIFY_FULL));
    c.server = second;
    assert_false(resumes(&c, "localhost", TLS_VERIFY_FULL));
    tls_server_tickets(first, key);
    tls_server_tickets(second, key);
    assert_false(resumes(&c, "localhost", TLS_VERIFY_FULL));
    c.server = first;
    assert_true(resumes(&c, "localhost", TLS_VERIFY_FULL));
    key[0] ^= 1;
    tls_server_tickets(first, key);
    assert_false(resumes(&c, "localhost", TLS_VERIFY_FULL));
    tls_session_free(&a.session);
    tls_context_free(&second);
    scene_free(&c);
}

/* ---- certificates of the server ---- */

static void replace(struct scene *c, struct stream **s)
{
    tls_context_free(&c->server); /* the session lives on */
    hear(*s, "EHLO\r\n");
    say(*s, "250 OK\r\n");
}

static void plain_talk(struct scene *c, struct stream **s)
{
    (void)c;
    fiber_sleep(20);
    say(*s, "EHLO\r\n");
    hear(*s, "250 OK\r\n");
}

/* HOSTILE fault 37: the old context goes on when a new one cannot be made, and its sessions go on
 * when one can. */
static void test_reload(void **state)
{
    (void)state;
    struct scene c = scene_new();
    struct error e = {0};
    struct span half = span_head(span_of(here.cert), 200);
    assert_null(tls_server_pem(span_of(here.cert), span_of(extra.key), &e));
    assert_int_equal(e.class, ERROR_INPUT);
    assert_null(tls_server_pem(half, span_of(here.key), &e));
    assert_null(tls_server_pem(SPAN_NONE, SPAN_NONE, &e));
    assert_null(tls_server_pem(span_of(here.key), span_of(here.cert), &e));
    c.server_talk = replace;
    c.client_talk = plain_talk;
    scene_run(&c);
    assert_int_equal(c.accepted | c.connected, 0);
    assert_null(c.server);
    scene_free(&c);
}

static void test_dates_warn(void **state)
{
    (void)state;
    static const struct {
        int from, until;
        const char *words;
    } rows[] = {{-9, -1, "has expired"}, {1, 9, "not valid yet"}, {-1, 9, ""}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct paper p;
        struct error e = {0};
        paper_make(&(struct order){"x", "DNS:x", rows[i].from, rows[i].until, false, NULL}, &p);
        struct tls_context *c = tls_server_pem(span_of(p.cert), span_of(p.key), &e);
        assert_non_null(c);
        assert_int_equal(e.class, *rows[i].words ? ERROR_INPUT : ERROR_NONE);
        assert_non_null(strstr(e.words, rows[i].words));
        int64_t left = tls_server_expires(c) - clock_wall();
        assert_true(tls_server_named(c, "x") && tls_server_named(c, "X"));
        assert_false(tls_server_named(c, "y") || tls_server_named(c, "a.x") ||
                     tls_server_named(c, ""));
        assert_true(left > (rows[i].until - 1) * CLOCK_DAY && left <= rows[i].until * CLOCK_DAY);
        tls_context_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session),       cmocka_unit_test(test_not_tls),
        cmocka_unit_test(test_splits),        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_truncated),     cmocka_unit_test(test_last_words_heard),
        cmocka_unit_test(test_late),          cmocka_unit_test(test_silent),
        cmocka_unit_test(test_garbage),       cmocka_unit_test(test_hang_up),
        cmocka_unit_test(test_old_and_weak),  cmocka_unit_test(test_old_server),
        cmocka_unit_test(test_renegotiation), cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_alpn_any),      cmocka_unit_test(test_peek),
        cmocka_unit_test(test_resumption),    cmocka_unit_test(test_unverified_session),
        cmocka_unit_test(test_tickets),       cmocka_unit_test(test_reload),
        cmocka_unit_test(test_dates_warn),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
