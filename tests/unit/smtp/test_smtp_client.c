/* The client against scripted servers over a pipe. */
#include "far.h"
#include "smtp/smtp_client.h"
#include "tls/certificate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

enum { PIPE_MAX = 16 << 10, MOMENT = 300 /* ms: a time that is to pass */ };

#define GREET "S:220 mx.example.org ESMTP hello"
#define BYE   "C:QUIT", "S:221 bye"

/* One case: the far side's script, our settings, what comes out. */
struct play {
    const char *const *script;
    struct smtp_client_settings s;
    const struct envelope *envelope; /* NULL: open only */
    struct content content;
    int messages; /* how often it is sent; 0: once */
    bool far_tls;
    /* results */
    struct arena *arena;
    int rc, sent;
    struct smtp_client_failure failure;
    struct smtp_client_far far;
    struct smtp_client_result result;
    bool usable, encrypted;
    struct text said;
    struct far_side side;
};

static struct text cert_pem, key_pem;
static struct tls_context *server_tls, *client_tls, *stranger_tls;

static int make_tls(void **state)
{
    const char *names[] = {"mx.example.org", NULL};
    struct certificate_wish wish = {.names = names};
    struct error e = {0};

    (void)state;
    text_init(&cert_pem, CERTIFICATE_PEM);
    text_init(&key_pem, CERTIFICATE_PEM);
    assert_int_equal(certificate_make(&wish, &cert_pem, &key_pem, &e), 0);
    server_tls = tls_server_pem(text_span(&cert_pem), text_span(&key_pem), &e);
    client_tls = tls_client_pem(text_span(&cert_pem), &e);
    stranger_tls = tls_client_pem(SPAN_NONE, &e);
    assert_non_null(server_tls);
    assert_non_null(client_tls);
    assert_non_null(stranger_tls);
    return 0;
}

static int free_tls(void **state)
{
    (void)state;
    tls_context_free(&server_tls);
    tls_context_free(&client_tls);
    tls_context_free(&stranger_tls);
    text_free(&cert_pem);
    text_free(&key_pem);
    return 0;
}

static struct smtp_client_settings quick(void)
{
    struct smtp_client_settings s = smtp_client_defaults();

    s.helo = "me.example";
    s.name = "mx.example.org";
    s.context = client_tls;
    s.times = (struct smtp_client_times){20000, 20000, 20000, 20000, 20000,
                                         20000, 20000, 20000, 20000, 20000};
    return s;
}

static void hear_all(void *arg, bool ours, struct span line)
{
    struct play *p = arg;

    text_adds(&p->said, ours ? "> " : "< ");
    text_add(&p->said, line);
    text_addc(&p->said, '\n');
}

struct scene {
    struct play *play;
    struct stream *stream;
};

static void send_all(struct play *p, struct smtp_client *c)
{
    for (int i = 0; i < (p->messages ? p->messages : 1); i++)
        p->sent = smtp_client_send(c, p->envelope, &p->content, p->arena, &p->result);
    p->failure = p->result.failure;
    p->usable = smtp_client_usable(c);
}

static void client_side(void *arg)
{
    struct scene *s = arg;
    struct play *p = s->play;
    struct smtp_client *c;

    p->s.said = hear_all;
    p->s.said_arg = p;
    c = smtp_client_new(&s->stream, &p->s);
    p->rc = smtp_client_approach(c);
    if (p->rc == 0 && p->s.user.len)
        p->rc = smtp_client_login(c);
    p->failure = *smtp_client_failure(c);
    p->failure.reply = reply_copy(p->arena, &p->failure.reply);
    p->far = *smtp_client_far(c);
    p->far.name = arena_span(p->arena, p->far.name);
    p->far.auth = arena_span(p->arena, p->far.auth);
    p->far.tls_words = arena_span(p->arena, p->far.tls_words);
    p->encrypted = p->far.tls;
    if (p->rc == 0 && p->envelope)
        send_all(p, c);
    smtp_client_quit(c);
    smtp_client_free(&c);
    stream_close(&s->stream);
}

static void play_it(struct play *p)
{
    struct loop *l = loop_new();
    struct scene scene = {.play = p};

    p->arena = arena_new();
    text_init(&p->said, 1 << 22);
    p->side = (struct far_side){.script = p->script, .tls = server_tls};
    stream_pipe(l, PIPE_MAX, &scene.stream, &p->side.stream);
    fiber_start(l, far_run, &p->side);
    fiber_start(l, client_side, &scene);
    loop_run(l);
    loop_free(&l);
    assert_string_equal(p->side.fault, "");
}

static void played(struct play *p)
{
    arena_free(&p->arena);
    text_free(&p->said);
    far_free(&p->side);
}

#define SCRIPT(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- opening ---- */

struct open_case {
    const char *name;
    const char *const *script;
    enum smtp_client_tls tls;
    const char *user;
    bool stranger; /* our side trusts nobody */
    bool verify, trusted;
    bool impatient; /* a MOMENT for the greeting */
    /* expected */
    enum stage stage;
    enum smtp_client_why why;
    unsigned code;
    bool encrypted;
};

#define OFFER_TLS "C:EHLO me.example", "S:250-mx.example.org\r\n250 STARTTLS"

static const struct open_case opens[] = {
    {"plain", SCRIPT(GREET, "C:EHLO me.example", "S:250 mx.example.org", BYE), .user = ""},
    {"greeting in many lines",
     SCRIPT("R:220-mx.example.org\r\n220-one\r\n", "W:30", "S:220 two", "C:EHLO", "S:250 ok", BYE),
     .user = ""},
    {"line ends in LF alone", SCRIPT("R:220 mx\n", "C:EHLO", "R:250-mx\n250 SIZE 5\n", BYE),
     .user = ""},
    {"HELO after 5xx",
     SCRIPT(GREET, "C:EHLO", "S:502 what?", "C:HELO me.example", "S:250 hello", BYE), .user = ""},
    {"HELO refused too", SCRIPT(GREET, "C:EHLO", "S:502 what?", "C:HELO", "S:550 no", BYE),
     .user = "", .stage = STAGE_HELO, .why = CLIENT_REPLY, .code = 550},
    {"421 to EHLO", SCRIPT(GREET, "C:EHLO", "S:421 4.3.2 down", "E"), .user = "",
     .stage = STAGE_HELO, .why = CLIENT_REPLY, .code = 421},
    {"554 greeting", SCRIPT("S:554 go away", BYE), .user = "", .stage = STAGE_GREETING,
     .why = CLIENT_REPLY, .code = 554},
    {"250 is no greeting", SCRIPT("S:250 hi", "E"), .user = "", .stage = STAGE_GREETING,
     .why = CLIENT_BROKEN},
    {"ssh", SCRIPT("S:SSH-2.0-OpenSSH_9.2", "E"), .user = "", .stage = STAGE_GREETING,
     .why = CLIENT_BROKEN},
    {"code 999", SCRIPT("S:999 hi", "E"), .user = "", .stage = STAGE_GREETING,
     .why = CLIENT_BROKEN},
    {"code changes", SCRIPT("S:220-hi\r\n250 ho", "E"), .user = "", .stage = STAGE_GREETING,
     .why = CLIENT_BROKEN},
    {"CR inside", SCRIPT("R:220 a\rb\r\n", "E"), .user = "", .stage = STAGE_GREETING,
     .why = CLIENT_BROKEN},
    {"code alone", SCRIPT("S:220", "C:EHLO", "S:250", BYE), .user = ""},
    {"hangs up", SCRIPT("X"), .user = "", .stage = STAGE_GREETING, .why = CLIENT_LOST},
    {"silent", SCRIPT("E"), .user = "", .stage = STAGE_GREETING, .why = CLIENT_LOST,
     .impatient = true},
    {"opportunistic, offered",
     SCRIPT(GREET, OFFER_TLS, "C:STARTTLS", "S:220 go", "TLS", "C:EHLO", "S:250 mx", BYE),
     .user = "", .tls = CLIENT_TLS_OPPORTUNISTIC, .encrypted = true},
    {"opportunistic, unknown issuer",
     SCRIPT(GREET, OFFER_TLS, "C:STARTTLS", "S:220 go", "TLS", "C:EHLO", "S:250 mx", BYE),
     .user = "", .tls = CLIENT_TLS_OPPORTUNISTIC, .stranger = true, .encrypted = true},
    {"opportunistic, not offered", SCRIPT(GREET, "C:EHLO", "S:250 mx", BYE), .user = "",
     .tls = CLIENT_TLS_OPPORTUNISTIC},
    {"opportunistic, refused", SCRIPT(GREET, OFFER_TLS, "C:STARTTLS", "S:454 not now", BYE),
     .user = "", .tls = CLIENT_TLS_OPPORTUNISTIC},
    {"opportunistic, handshake fails",
     SCRIPT(GREET, OFFER_TLS, "C:STARTTLS", "S:220 go", "R:this is no TLS record at all", "X"),
     .user = "", .tls = CLIENT_TLS_OPPORTUNISTIC, .stage = STAGE_TLS, .why = CLIENT_TLS},
    {"demanded, stripped", SCRIPT(GREET, "C:EHLO", "S:250 mx", BYE), .user = "",
     .tls = CLIENT_TLS_STARTTLS, .stage = STAGE_STARTTLS, .why = CLIENT_NO_STARTTLS},
    {"demanded, HELO only", SCRIPT(GREET, "C:EHLO", "S:500 no", "C:HELO", "S:250 mx", BYE),
     .user = "", .tls = CLIENT_TLS_STARTTLS, .stage = STAGE_STARTTLS, .why = CLIENT_NO_STARTTLS},
    {"demanded, refused", SCRIPT(GREET, OFFER_TLS, "C:STARTTLS", "S:454 no", BYE), .user = "",
     .tls = CLIENT_TLS_STARTTLS, .stage = STAGE_STARTTLS, .why = CLIENT_REPLY, .code = 454},
    {"demanded and verified",
     SCRIPT(GREET, OFFER_TLS, "C:STARTTLS", "S:220 go", "TLS", "C:EHLO", "S:250 mx", BYE),
     .user = "", .tls = CLIENT_TLS_STARTTLS, .verify = true, .encrypted = true},
    {"certificate does not pass", SCRIPT(GREET, OFFER_TLS, "C:STARTTLS", "S:220 go", "TLS!"),
     .user = "", .tls = CLIENT_TLS_STARTTLS, .verify = true, .stranger = true, .stage = STAGE_TLS,
     .why = CLIENT_TLS},
    {"implicit", SCRIPT("TLS", GREET, "C:EHLO", "S:250 mx", BYE), .user = "",
     .tls = CLIENT_TLS_IMPLICIT, .verify = true, .encrypted = true},
    {"login",
     SCRIPT("TLS", GREET, "C:EHLO", "S:250-mx\r\n250 AUTH PLAIN LOGIN",
            "C:AUTH PLAIN AHVzZXIAc2VjcmV0", "S:235 2.7.0 ok", BYE),
     .user = "user", .tls = CLIENT_TLS_IMPLICIT, .verify = true, .encrypted = true},
    {"login, asked for in steps",
     SCRIPT("TLS", GREET, "C:EHLO", "S:250-mx\r\n250 AUTH=LOGIN", "C:AUTH LOGIN",
            "S:334 VXNlcm5hbWU6", "C:dXNlcg==", "S:334 UGFzc3dvcmQ6", "C:c2VjcmV0", "S:235 ok",
            BYE),
     .user = "user", .tls = CLIENT_TLS_IMPLICIT, .verify = true, .encrypted = true},
    {"login refused",
     SCRIPT("TLS", GREET, "C:EHLO", "S:250-mx\r\n250 AUTH PLAIN", "C:AUTH PLAIN",
            "S:535 5.7.8 wrong", BYE),
     .user = "user", .tls = CLIENT_TLS_IMPLICIT, .verify = true, .encrypted = true,
     .stage = STAGE_AUTH, .why = CLIENT_REPLY, .code = 535},
    {"login, endless challenges",
     SCRIPT("TLS", GREET, "C:EHLO", "S:250-mx\r\n250 AUTH LOGIN", "C:AUTH LOGIN",
            "S:334 QQ==", "C:", "S:334 QQ==", "C:", "S:334 QQ==", "C:*", "S:501 cancelled", "E"),
     .user = "user", .tls = CLIENT_TLS_IMPLICIT, .verify = true, .encrypted = true,
     .stage = STAGE_AUTH, .why = CLIENT_UNPROVEN},
    {"login in the clear stays here",
     SCRIPT(GREET, "C:EHLO", "S:250-mx\r\n250 AUTH PLAIN LOGIN", BYE), .user = "user",
     .stage = STAGE_AUTH, .why = CLIENT_UNSAFE_LOGIN},
    {"login, STARTTLS stripped", SCRIPT(GREET, "C:EHLO", "S:250-mx\r\n250 AUTH PLAIN LOGIN", BYE),
     .user = "user", .tls = CLIENT_TLS_OPPORTUNISTIC, .stage = STAGE_AUTH,
     .why = CLIENT_UNSAFE_LOGIN},
    {"login to an unverified server stays here",
     SCRIPT("TLS", GREET, "C:EHLO", "S:250-mx\r\n250 AUTH PLAIN LOGIN", BYE), .user = "user",
     .tls = CLIENT_TLS_IMPLICIT, .stranger = true, .encrypted = true, .stage = STAGE_AUTH,
     .why = CLIENT_UNSAFE_LOGIN},
    {"login in the clear on loopback",
     SCRIPT(GREET, "C:EHLO", "S:250-mx\r\n250 AUTH PLAIN", "C:AUTH PLAIN", "S:235 ok", BYE),
     .user = "user", .trusted = true},
    {"login not offered", SCRIPT("TLS", GREET, "C:EHLO", "S:250 mx", BYE), .user = "user",
     .tls = CLIENT_TLS_IMPLICIT, .verify = true, .encrypted = true, .stage = STAGE_AUTH,
     .why = CLIENT_NO_AUTH},
    {"no mechanism in common",
     SCRIPT("TLS", GREET, "C:EHLO", "S:250-mx\r\n250 AUTH GSSAPI X-ODD", BYE), .user = "user",
     .tls = CLIENT_TLS_IMPLICIT, .verify = true, .encrypted = true, .stage = STAGE_AUTH,
     .why = CLIENT_NO_MECHANISM},
};

static void open_one(const struct open_case *o)
{
    struct play p = {.script = o->script, .s = quick()};

    if (o->impatient)
        p.s.times.greeting = MOMENT;
    p.s.tls = o->tls;
    p.s.user = span_of(o->user);
    p.s.password = SPAN("secret");
    p.s.verify = o->verify;
    p.s.link_trusted = o->trusted;
    if (o->stranger)
        p.s.context = stranger_tls;
    play_it(&p);
    assert_int_equal(p.rc, o->stage == STAGE_NONE ? 0 : -1);
    assert_int_equal(p.failure.stage, o->stage);
    assert_int_equal(p.failure.why, o->why);
    assert_int_equal(p.failure.reply.code, o->code);
    assert_int_equal(p.encrypted, o->encrypted);
    if (o->stage != STAGE_NONE)
        assert_true(p.failure.error.words[0]);
    assert_null(strstr(text_cstr(&p.said), "secret"));
    assert_null(strstr(text_cstr(&p.said), "c2VjcmV0"));
    assert_null(strstr(text_cstr(&p.said), "AHVzZXIAc2VjcmV0"));
    played(&p);
}

static void test_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
        print_message("  %s\n", opens[i].name);
        open_one(&opens[i]);
    }
}

/* CVE-2021-38371: what stood behind the 220 is not an answer to anything (P10). */
static void test_injected_reply(void **state)
{
    struct play p = {.script = SCRIPT(GREET, OFFER_TLS, "C:STARTTLS",
                                      "R:220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n", "TLS", "C:EHLO",
                                      "S:250-mx\r\n250 SIZE 77", BYE),
                     .s = quick()};

    (void)state;
    p.s.tls = CLIENT_TLS_STARTTLS;
    p.s.verify = true;
    play_it(&p);
    assert_int_equal(p.rc, 0);
    assert_true(p.far.injected);
    assert_int_equal(p.far.has, HAS_ESMTP | HAS_SIZE);
    assert_int_equal(p.far.size, 77);
    played(&p);
}

static void test_offers(void **state)
{
    struct play p = {.script = SCRIPT(GREET, "C:EHLO",
                                      "S:250-other.example at your service\r\n250-SIZE 1000\r\n"
                                      "250-8bitmime\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n"
                                      "250-CHUNKING\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n"
                                      "250-AUTH PLAIN LOGIN\r\n250-X-ODD 12\r\n"
                                      "250 LIMITS RCPTMAX=20 MAILMAX=x",
                                      BYE),
                     .s = quick()};

    (void)state;
    play_it(&p);
    assert_int_equal(p.far.has, HAS_ESMTP | HAS_SIZE | HAS_8BITMIME | HAS_SMTPUTF8 |
                                    HAS_PIPELINING | HAS_CHUNKING | HAS_DSN | HAS_ENHANCED |
                                    HAS_AUTH | HAS_LIMITS);
    assert_true(span_is(p.far.name, "mx.example.org"));
    assert_true(span_is(p.far.auth, "PLAIN LOGIN"));
    assert_int_equal(p.far.rcpt_max, 20);
    assert_int_equal(p.far.mail_max, 0);
    played(&p);
}

/* HOSTILE 105, 106: bounded, then broken. */
static void test_endless(void **state)
{
    static char line[1 << 16], many[300 * 30];
    const char *script[] = {line, "E", NULL};
    const char *keywords[] = {GREET, "C:EHLO", many, "E", NULL};
    struct play p = {.script = script, .s = quick()};

    (void)state;
    memset(line, 'a', sizeof line - 1);
    memcpy(line, "S:220 ", 6);
    play_it(&p);
    assert_int_equal(p.failure.why, CLIENT_BROKEN);
    played(&p);
    strcpy(many, "S:250-mx");
    for (int i = 0; i < 300; i++)
        snprintf(many + strlen(many), 30, "\r\n250-XKEY%d", i);
    p = (struct play){.script = keywords, .s = quick()};
    play_it(&p);
    assert_int_equal(p.failure.stage, STAGE_HELO);
    assert_int_equal(p.failure.why, CLIENT_BROKEN);
    played(&p);
}

/* ---- sending ---- */

static struct recipient three[] = {
    {.address = {"a@x.org", 7}}, {.address = {"b@x.org", 7}}, {.address = {"c@x.org", 7}}};
static const struct envelope to_three = {
    .sender = {"me@y.org", 8}, .recipients = three, .count = 3};
static const struct envelope to_one = {.sender = {"me@y.org", 8}, .recipients = three, .count = 1};

#define BODY       "Subject: hi\r\n\r\n.dot\r\nend\r\n"
#define HI(offers) GREET, "C:EHLO", "S:250-mx.example.org" offers "\r\n250 HELP"
#define PIPE       "\r\n250-PIPELINING"
#define MAIL1      "C:MAIL FROM:<me@y.org>", "S:250 ok"
#define RCPT1      "C:RCPT TO:<a@x.org>", "S:250 ok"
#define DATA       "C:DATA", "S:354 go"

struct send_case {
    const char *name;
    const char *const *script;
    const struct envelope *envelope;
    const char *body; /* NULL: BODY */
    bool impatient;   /* a MOMENT for the answer to the dot */
    /* expected */
    const char *states; /* per recipient: a accepted, r refused, u unsent */
    enum stage stage;
    enum smtp_client_why why;
    unsigned code;       /* of the failure, or of `done` */
    const char *arrived; /* content as received; NULL: the dot-stuffed BODY, "": none */
    bool maybe, usable;
};

static const struct recipient eight_rcpt[] = {{.address = {"\xc3\xa4@x.org", 8}}};
static const struct envelope utf8_envelope = {.sender = {"me@y.org", 8},
                                              .recipients = (struct recipient *)eight_rcpt,
                                              .count = 1,
                                              .need = NEED_UTF8};
static const struct envelope utf8_asked = {
    .sender = {"me@y.org", 8}, .recipients = three, .count = 1, .need = NEED_UTF8};
static const struct envelope eight_bit = {
    .sender = {"me@y.org", 8}, .recipients = three, .count = 1, .need = NEED_8BIT};
static struct recipient dsn_rcpt[] = {{.address = {"a@x.org", 7},
                                       .orcpt = {"rfc822;a@z.org", 14},
                                       .notify = NOTIFY_SUCCESS | NOTIFY_DELAY}};
static const struct envelope dsn_envelope = {
    .sender = {"", 0}, .recipients = dsn_rcpt, .count = 1, .ret = RET_HDRS, .envid = {"id+3D1", 6}};
static struct recipient evil_rcpt[] = {{.address = {"a@x.org>\r\nRSET", 14}}};
static const struct envelope evil = {
    .sender = {"me@y.org", 8}, .recipients = evil_rcpt, .count = 1};

#define LONG10  "0123456789"
#define LONG100 LONG10 LONG10 LONG10 LONG10 LONG10 LONG10 LONG10 LONG10 LONG10 LONG10
#define LONG999                                                                                    \
    LONG100 LONG100 LONG100 LONG100 LONG100 LONG100 LONG100 LONG100 LONG100 LONG100 LONG10

static const struct send_case sends[] = {
    {"one by one", SCRIPT(HI(""), MAIL1, RCPT1, DATA, "C*", "S:250 2.0.0 taken", BYE), &to_one,
     .states = "a", .code = 250, .usable = true},
    {"pipelined",
     SCRIPT(HI(PIPE), "C:MAIL", "C:RCPT TO:<a", "C:RCPT TO:<b", "C:RCPT TO:<c", "C:DATA",
            "R:250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n", "C*", "S:250 taken", BYE),
     &to_three, .states = "aaa", .code = 250, .usable = true},
    {"pipelined, mixed answers",
     SCRIPT(HI(PIPE), "C:MAIL", "C:RCPT", "C:RCPT", "C:RCPT", "C:DATA",
            "R:250 ok\r\n550 5.1.1 no\r\n250 ok\r\n452 4.5.3 many\r\n354 go\r\n", "C*",
            "S:250 taken", BYE),
     &to_three, .states = "rar", .code = 250, .usable = true},
    {"pipelined, nobody, 354: a lone dot",
     SCRIPT(HI(PIPE), "C:MAIL", "C:RCPT", "C:DATA", "R:250 ok\r\n550 no\r\n354 go\r\n", "C*",
            "S:554 nobody", BYE),
     &to_one, .states = "r", .arrived = "", .usable = true},
    {"pipelined, nobody, 503",
     SCRIPT(HI(PIPE), "C:MAIL", "C:RCPT", "C:DATA", "R:250 ok\r\n550 no\r\n503 no\r\n", BYE),
     &to_one, .states = "r", .arrived = "", .usable = true},
    {"pipelined, MAIL refused",
     SCRIPT(HI(PIPE), "C:MAIL", "C:RCPT", "C:DATA", "R:553 you no\r\n503 no\r\n503 no\r\n", BYE),
     &to_one, .states = "u", .stage = STAGE_MAIL, .why = CLIENT_REPLY, .code = 553, .arrived = "",
     .usable = true},
    {"MAIL refused, then all taken: not a dot is said",
     SCRIPT(HI(PIPE), "C:MAIL", "C:RCPT", "C:DATA", "R:553 no\r\n250 ok\r\n354 go\r\n", "E"),
     &to_one, .states = "u", .stage = STAGE_MAIL, .why = CLIENT_REPLY, .code = 553, .arrived = ""},
    {"one by one, nobody", SCRIPT(HI(""), MAIL1, "C:RCPT", "S:550 no", BYE), &to_one, .states = "r",
     .arrived = "", .usable = true},
    {"one by one, MAIL refused", SCRIPT(HI(""), "C:MAIL", "S:451 later", BYE), &to_one,
     .states = "u", .stage = STAGE_MAIL, .why = CLIENT_REPLY, .code = 451, .arrived = "",
     .usable = true},
    {"421 to RCPT", SCRIPT(HI(""), MAIL1, RCPT1, "C:RCPT", "S:421 enough", "E"), &to_three,
     .states = "auu", .stage = STAGE_RCPT, .why = CLIENT_REPLY, .code = 421, .arrived = ""},
    {"421 to MAIL, pipelined", SCRIPT(HI(PIPE), "C:MAIL", "C:RCPT", "C:DATA", "S:421 bye", "X"),
     &to_one, .states = "u", .stage = STAGE_MAIL, .why = CLIENT_REPLY, .code = 421, .arrived = ""},
    {"DATA refused", SCRIPT(HI(""), MAIL1, RCPT1, "C:DATA", "S:554 5.7.1 no", BYE), &to_one,
     .states = "a", .stage = STAGE_DATA, .why = CLIENT_REPLY, .code = 554, .arrived = "",
     .usable = true},
    {"DATA answered 250", SCRIPT(HI(""), MAIL1, RCPT1, "C:DATA", "S:250 eh", "E"), &to_one,
     .states = "a", .stage = STAGE_DATA, .why = CLIENT_BROKEN, .arrived = ""},
    {"refused after the dot", SCRIPT(HI(""), MAIL1, RCPT1, DATA, "C*", "S:554 5.7.1 spam", BYE),
     &to_one, .states = "a", .stage = STAGE_DOT, .why = CLIENT_REPLY, .code = 554, .usable = true},
    {"lost after the dot", SCRIPT(HI(""), MAIL1, RCPT1, DATA, "C*", "X"), &to_one, .states = "a",
     .stage = STAGE_DOT, .why = CLIENT_LOST, .maybe = true},
    {"nonsense after the dot", SCRIPT(HI(""), MAIL1, RCPT1, DATA, "C*", "S:ok then", "E"), &to_one,
     .states = "a", .stage = STAGE_DOT, .why = CLIENT_BROKEN, .maybe = true},
    {"silence after the dot", SCRIPT(HI(""), MAIL1, RCPT1, DATA, "C*", "E"), &to_one,
     .impatient = true, .states = "a", .stage = STAGE_DOT, .why = CLIENT_LOST, .maybe = true},
    {"250 to the dot twice",
     SCRIPT(HI(""), MAIL1, RCPT1, DATA, "C*", "S:250 taken\r\n250 taken", "E"), &to_one,
     .states = "a", .code = 250},
    {"354, then nothing but hanging up", SCRIPT(HI(""), MAIL1, RCPT1, "C:DATA", "X"), &to_one,
     .states = "a", .stage = STAGE_DATA, .why = CLIENT_LOST, .arrived = ""},
    {"SIZE is said",
     SCRIPT(HI("\r\n250-SIZE 1000"), "C:MAIL FROM:<me@y.org> SIZE=26", "S:250 ok", RCPT1, DATA,
            "C*", "S:250 ok", BYE),
     &to_one, .states = "a", .code = 250, .usable = true},
    {"over SIZE", SCRIPT(HI("\r\n250-SIZE 10"), BYE), &to_one, .states = "u", .stage = STAGE_MAIL,
     .why = CLIENT_TOO_BIG, .arrived = "", .usable = true},
    {"absurd SIZE",
     SCRIPT(HI("\r\n250-SIZE 99999999999999999999999"), MAIL1, RCPT1, DATA, "C*", "S:250 ok", BYE),
     &to_one, .states = "a", .code = 250, .usable = true},
    {"8-bit",
     SCRIPT(HI("\r\n250-8BITMIME"), "C:MAIL FROM:<me@y.org> BODY=8BITMIME", "S:250 ok", RCPT1, DATA,
            "C*", "S:250 ok", BYE),
     &eight_bit, .body = "A: b\r\n\r\n\xc3\xa4\r\n", .states = "a", .code = 250,
     .arrived = "A: b\r\n\r\n\xc3\xa4\r\n", .usable = true},
    {"8-bit, not taken there", SCRIPT(HI(""), BYE), &eight_bit, .body = "A: b\r\n\r\n\xc3\xa4\r\n",
     .states = "u", .stage = STAGE_MAIL, .why = CLIENT_NO_8BIT, .arrived = "", .usable = true},
    {"8-bit said, none there", SCRIPT(HI(""), MAIL1, RCPT1, DATA, "C*", "S:250 ok", BYE),
     &eight_bit, .states = "a", .code = 250, .usable = true},
    {"SMTPUTF8",
     SCRIPT(HI("\r\n250-8BITMIME\r\n250-SMTPUTF8"), "C:MAIL FROM:<me@y.org> BODY=8BITMIME SMTPUTF8",
            "S:250 ok", "C:RCPT TO:<\xc3\xa4@x.org>", "S:250 ok", DATA, "C*", "S:250 ok", BYE),
     &utf8_envelope, .states = "a", .code = 250, .usable = true},
    {"SMTPUTF8, not taken there", SCRIPT(HI("\r\n250-8BITMIME"), BYE), &utf8_envelope,
     .states = "u", .stage = STAGE_MAIL, .why = CLIENT_NO_UTF8, .arrived = "", .usable = true},
    {"SMTPUTF8 asked for without need", SCRIPT(HI(""), MAIL1, RCPT1, DATA, "C*", "S:250 ok", BYE),
     &utf8_asked, .states = "a", .code = 250, .usable = true},
    {"SMTPUTF8 for the header's sake", SCRIPT(HI("\r\n250-8BITMIME"), BYE), &utf8_asked,
     .body = "Subject: \xc3\xa4\r\n\r\nx\r\n", .states = "u", .stage = STAGE_MAIL,
     .why = CLIENT_NO_UTF8, .arrived = "", .usable = true},
    {"DSN",
     SCRIPT(HI("\r\n250-DSN"), "C:MAIL FROM:<> RET=HDRS ENVID=id+3D1", "S:250 ok",
            "C:RCPT TO:<a@x.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@z.org", "S:250 ok", DATA, "C*",
            "S:250 ok", BYE),
     &dsn_envelope, .states = "a", .code = 250, .usable = true},
    {"DSN, not offered",
     SCRIPT(HI(""), "C:MAIL FROM:<>", "S:250 ok", RCPT1, DATA, "C*", "S:250 ok", BYE),
     &dsn_envelope, .states = "a", .code = 250, .usable = true},
    {"RCPTMAX",
     SCRIPT(HI("\r\n250-LIMITS RCPTMAX=2"), MAIL1, RCPT1, "C:RCPT", "S:250 ok", DATA, "C*",
            "S:250 ok", BYE),
     &to_three, .states = "aau", .code = 250, .usable = true},
    {"BDAT for a long line",
     SCRIPT(HI("\r\n250-CHUNKING"), MAIL1, RCPT1, "C:BDAT 1018 LAST", "CN:1018", "S:250 ok", BYE),
     &to_one, .body = "A: b\r\n\r\n" LONG999, .states = "a", .code = 250,
     .arrived = "A: b\r\n\r\n" LONG999, .usable = true},
    {"BDAT is not needed",
     SCRIPT(HI("\r\n250-CHUNKING"), MAIL1, RCPT1, DATA, "C*", "S:250 ok", BYE), &to_one,
     .states = "a", .code = 250, .usable = true},
    {"an address with a command in it", SCRIPT(HI(""), BYE), &evil, .states = "u",
     .stage = STAGE_MAIL, .why = CLIENT_BAD_ADDRESS, .arrived = "", .usable = true},
};

static void check_states(const struct play *p, const char *states)
{
    for (size_t i = 0; states[i]; i++)
        assert_int_equal("uar"[p->result.recipients[i].state], states[i]);
}

static void send_one(const struct send_case *t)
{
    const char *body = t->body ? t->body : BODY;
    struct play p = {.script = t->script, .s = quick(), .envelope = t->envelope};
    const char *arrived = t->arrived ? t->arrived : "Subject: hi\r\n\r\n..dot\r\nend\r\n";

    p.content = (struct content){
        .prefix = span_head(span_of(body), 4), .body = span_from(span_of(body), 4), .fd = -1};
    if (t->impatient)
        p.s.times.dot = MOMENT;
    play_it(&p);
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.sent, t->stage == STAGE_NONE ? 0 : -1);
    assert_int_equal(p.failure.stage, t->stage);
    assert_int_equal(p.failure.why, t->why);
    assert_int_equal(t->stage ? p.failure.reply.code : p.result.done.code, t->code);
    assert_int_equal(p.result.maybe_delivered, t->maybe);
    assert_int_equal(p.usable, t->usable);
    assert_false(p.result.stale);
    check_states(&p, t->states);
    assert_string_equal(text_cstr(&p.side.content), arrived);
    if (t->script[0] && t->envelope == &dsn_envelope && !strstr(text_cstr(&p.said), "250-DSN"))
        assert_null(strstr(text_cstr(&p.side.heard), "NOTIFY"));
    played(&p);
}

static void test_send(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sends / sizeof *sends; i++) {
        print_message("  %s\n", sends[i].name);
        send_one(&sends[i]);
    }
}

static void test_send_again(void **state)
{
    struct play p = {.script = SCRIPT(HI(""), MAIL1, RCPT1, DATA, "C*", "S:250 ok", MAIL1, RCPT1,
                                      DATA, "C*", "S:250 ok", BYE),
                     .s = quick(),
                     .envelope = &to_one,
                     .content = {.body = SPAN("A: b\r\n\r\n"), .fd = -1},
                     .messages = 2};

    (void)state;
    play_it(&p);
    assert_int_equal(p.sent, 0);
    assert_int_equal(p.result.done.code, 250);
    played(&p);
}

/* A transaction left open is taken back before the next. */
static void test_reset_between(void **state)
{
    struct play p = {.script = SCRIPT(HI(""), MAIL1, "C:RCPT", "S:550 no", "C:RSET", "S:250 ok",
                                      MAIL1, "C:RCPT", "S:550 no", BYE),
                     .s = quick(),
                     .envelope = &to_one,
                     .content = {.body = SPAN("A: b\r\n\r\n"), .fd = -1},
                     .messages = 2};

    (void)state;
    play_it(&p);
    assert_int_equal(p.sent, 0);
    assert_int_equal(p.result.recipients[0].reply.code, 550);
    played(&p);
}

/* The server hangs up while the connection is kept: no attempt. */
static void test_stale(void **state)
{
    const char *const *const scripts[] = {
        SCRIPT(HI(""), MAIL1, RCPT1, DATA, "C*", "S:250 ok", "C:MAIL", "X"),
        SCRIPT(HI(""), MAIL1, RCPT1, DATA, "C*", "S:250 ok", "C:MAIL", "S:421 idle too long", "X"),
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct play p = {.script = scripts[i],
                         .s = quick(),
                         .envelope = &to_one,
                         .content = {.body = SPAN("A: b\r\n\r\n"), .fd = -1},
                         .messages = 2};

        play_it(&p);
        assert_int_equal(p.sent, -1);
        assert_true(p.result.stale);
        assert_false(p.result.maybe_delivered);
        played(&p);
    }
}

/* Large content from a file, with lines that need stuffing across the pieces' borders. */
static void test_from_file(void **state)
{
    char name[] = "/tmp/port26-client-XXXXXX";
    int fd = mkstemp(name);
    struct play p = {.script = SCRIPT(HI(PIPE), "C:MAIL", "C:RCPT", "C:DATA",
                                      "R:250 ok\r\n250 ok\r\n354 go\r\n", "C*", "S:250 ok", BYE),
                     .s = quick(),
                     .envelope = &to_one,
                     .content = {.prefix = SPAN("A: b\r\n\r\n"), .fd = fd, .size = 300000}};

    (void)state;
    unlink(name);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(write(fd, ".\r\n", 3), 3);
    play_it(&p);
    close(fd);
    assert_int_equal(p.sent, 0);
    assert_int_equal(p.side.content.len, 8 + 400000);
    played(&p);
}

/* A stored file that is shorter than it was: no dot may make half a message look whole. */
static void test_short_file(void **state)
{
    char name[] = "/tmp/port26-client-XXXXXX";
    int fd = mkstemp(name);
    struct play p = {.script = SCRIPT(HI(""), MAIL1, RCPT1, DATA, "E"),
                     .s = quick(),
                     .envelope = &to_one,
                     .content = {.fd = fd, .size = 1000}};

    (void)state;
    unlink(name);
    assert_int_equal(write(fd, "A: b\r\n", 6), 6);
    play_it(&p);
    close(fd);
    assert_int_equal(p.sent, -1);
    assert_int_equal(p.failure.why, CLIENT_CONTENT);
    assert_false(p.usable);
    assert_false(p.result.maybe_delivered);
    played(&p);
}

/* More recipients than one window. */
static void test_many(void **state)
{
    enum { MANY = 200 };
    static struct recipient to[MANY];
    static const char *script[3 + 2 * MANY + 20];
    const struct envelope e = {.sender = SPAN("me@y.org"), .recipients = to, .count = MANY};
    struct play p = {.script = script,
                     .s = quick(),
                     .envelope = &e,
                     .content = {.body = SPAN("A: b\r\n\r\n"), .fd = -1}};
    size_t n = 0;

    (void)state;
    script[n++] = GREET;
    script[n++] = "C:EHLO";
    script[n++] = "S:250-mx\r\n250 PIPELINING";
    script[n++] = "C:MAIL";
    script[n++] = "S:250 ok";
    for (int i = 0; i < MANY; i++) {
        to[i].address = SPAN("a@x.org");
        script[n++] = "C:RCPT";
        script[n++] = i % 2 ? "S:250 ok" : "S:450 later";
    }
    script[n++] = "C:DATA";
    script[n++] = "S:354 go";
    script[n++] = "C*";
    script[n++] = "S:250 ok";
    play_it(&p);
    assert_int_equal(p.sent, 0);
    assert_int_equal(p.result.accepted, MANY / 2);
    played(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),          cmocka_unit_test(test_injected_reply),
        cmocka_unit_test(test_offers),        cmocka_unit_test(test_endless),
        cmocka_unit_test(test_send),          cmocka_unit_test(test_send_again),
        cmocka_unit_test(test_reset_between), cmocka_unit_test(test_stale),
        cmocka_unit_test(test_from_file),     cmocka_unit_test(test_short_file),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, make_tls, free_tls);
}
