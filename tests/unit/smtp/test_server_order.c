/* Which command may come when, what it answers, and what the house is asked. The rows are those of
 * RFC 5321 and of HOSTILE 13-15, 25-31, 39-40, 44-55, 79, 83, 85, 86, 88. */
#include "dialogue.h"

#include "base/memory.h"
#include "sasl/sasl_server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define STEPS(...) ((const struct step[]){__VA_ARGS__, {STEP_END, NULL, 0}})
#define HELLO      HEAR("220 mx.test "), SAY("EHLO c.test"), HEAR("250 ")
#define BYE        SAY("QUIT"), HEAR("221 2.0.0"), GONE

static const char fake_context;

static void with_tls(struct smtp_server_settings *s)
{
    s->tls = (struct tls_context *)(uintptr_t)&fake_context;
    s->tls_before_login = s->login_offered = true;
}

static void tls_first(struct smtp_server_settings *s)
{
    with_tls(s);
    s->tls_first = s->login_required = true;
}

static void submission(struct smtp_server_settings *s)
{
    with_tls(s);
    s->login_required = true;
}

static void bound(struct smtp_server_settings *s)
{
    with_tls(s);
    s->channel_binding = true;
}

static void clear_login(struct smtp_server_settings *s)
{
    s->login_offered = true;
}

static void clear_submission(struct smtp_server_settings *s)
{
    s->login_offered = s->login_required = true;
    s->mechanisms = "PLAIN LOGIN";
    s->help = "https://help.test/";
}

static void trusted(struct smtp_server_settings *s)
{
    submission(s);
    s->trusted = true;
}

static void two_line_greeting(struct smtp_server_settings *s)
{
    s->greeting = "ESMTP port26\nNo spam please";
}

static void few_errors(struct smtp_server_settings *s)
{
    s->limits.errors = 3;
}

static void few_commands(struct smtp_server_settings *s)
{
    s->limits.commands = 4;
}

static void one_message(struct smtp_server_settings *s)
{
    s->limits.messages = 1;
}

static void two_logins(struct smtp_server_settings *s)
{
    clear_login(s);
    s->limits.logins = 2;
}

static void impatient(struct smtp_server_settings *s)
{
    s->times.command = SHORT_MS;
}

static void impatient_login(struct smtp_server_settings *s)
{
    clear_login(s);
    s->times.login = SHORT_MS;
}

static void stranger_time(struct smtp_server_settings *s)
{
    submission(s);
    s->times.before_login = SHORT_MS;
}

#define REFUSES(name, call, number)                                                                \
    static void name(struct house *h)                                                              \
    {                                                                                              \
        h->refuse = call;                                                                          \
        h->code = number;                                                                          \
    }
REFUSES(no_entry, "connected", 554)
REFUSES(no_entry_now, "connected", 421)
REFUSES(no_helo, "helo", 550)
REFUSES(no_login, "login", 454)
REFUSES(no_mail, "mail", 452)

static const struct scene order[] = {
    {"quit at once", NULL, NULL, 0, STEPS(HEAR("220 mx.test ESMTP"), BYE)},
    {"greeting of two lines", two_line_greeting, NULL, 0,
     STEPS(HEAR("220 No spam please"), HAS("220-mx.test ESMTP port26\n"), BYE)},
    {"house shut", NULL, no_entry, 0, STEPS(HEAR("554 5.0.0 the house"), GONE)},
    {"house full", NULL, no_entry_now, 0, STEPS(HEAR("421 4.0.0 the house"), GONE)},
    {"ehlo tells", NULL, NULL, 0,
     STEPS(HELLO, HAS("250-PIPELINING\n"), HAS("250-SIZE 10000\n"), HAS("250-8BITMIME\n"),
           HAS("250-SMTPUTF8\n"), HAS("250-CHUNKING\n"), HAS("250-DSN\n"),
           HAS("250-ENHANCEDSTATUSCODES\n"), HAS("250-LIMITS RCPTMAX=1000\n"), LACKS("STARTTLS"),
           LACKS("AUTH"), LACKS("BINARY"), LACKS("XCLIENT"), BYE)},
    {"limits tell mailmax", one_message, NULL, 0, STEPS(HELLO, HAS("RCPTMAX=1000 MAILMAX=1"), BYE)},
    {"helo is short", NULL, NULL, 0,
     STEPS(HEAR("220 "), SAY("HELO c.test"), HEAR("250 mx.test"), LACKS("SIZE"),
           ASKED("helo(c.test)"), BYE)},
    {"helo refused", NULL, no_helo, 0,
     STEPS(HEAR("220 "), SAY("EHLO c.test"), HEAR("550 "), SAY("MAIL FROM:<a@b.test>"),
           HEAR("503 5.5.1"), BYE)},
    {"helo names", NULL, NULL, 0,
     STEPS(HEAR("220 "), SAY("EHLO"), HEAR("501 5.5.4"), SAY("EHLO "), HEAR("501 5.5.4"),
           SAY("HELO x\tby y; ("), HEAR("501 5.5.4"), SAY("EHLO a b"), HEAR("501 5.5.4"), ASKED(""),
           SAY("EHLO [::::]"), HEAR("250 "), ASKED("helo([::::])"), SAY("EHLO \xff"), HEAR("250 "),
           ASKED("helo()"), SAY("EHLO my<b>pc"), HEAR("250 "), ASKED("helo()"),
           SAY("EHLO my_pc.test"), HEAR("250 "), ASKED("helo(my_pc.test)"), BYE)},
    {"before hello", NULL, NULL, 0,
     STEPS(HEAR("220 "), SAY("MAIL FROM:<a@b.test>"), HEAR("503 5.5.1 Say EHLO"), SAY("VRFY x"),
           HEAR("503 "), SAY("NOOP"), HEAR("250 "), SAY("RSET"), HEAR("250 "), SAY("HELP"),
           HEAR("214 "), SAY("AUTH PLAIN"), HEAR("503 "), SAY("STARTTLS"), HEAR("503 "), ASKED(""),
           BYE)},
    {"out of order", NULL, NULL, 0,
     STEPS(HELLO, SAY("RCPT TO:<a@b.test>"), HEAR("503 5.5.1"), SAY("DATA"), HEAR("503 5.5.1"),
           SAY("MAIL FROM:<a@b.test>"), HEAR("250 2.1.0"), SAY("MAIL FROM:<c@b.test>"),
           HEAR("503 5.5.1"), SAY("DATA"), HEAR("503 5.5.1"), SAY("RCPT TO:<a@b.test>"),
           HEAR("250 2.1.5"), SAY("DATA now"), HEAR("501 5.5.4 DATA"), SAY("MAIL FROM:<c@b.test>"),
           HEAR("503 5.5.1"), ASKED("helo(c.test) mail(a@b.test) rcpt(a@b.test)"), BYE)},
    {"arguments where none belong", NULL, NULL, 0,
     STEPS(HELLO, SAY("RSET now"), HEAR("501 5.5.4"), SAY("QUIT now"), HEAR("501 5.5.4"),
           SAY("NOOP whatever you say"), HEAR("250 2.0.0"), SAY("DATA "), HEAR("503 "),
           SAY("RSET  "), HEAR("250 2.0.0"), BYE)},
    {"rset and ehlo forget", NULL, NULL, 0,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("250 "), SAY("RCPT TO:<x@b.test>"),
           HEAR("250 "), SAY("RSET"), HEAR("250 "), SAY("RCPT TO:<y@b.test>"), HEAR("503 "),
           SAY("MAIL FROM:<a@b.test>"), HEAR("250 "), SAY("EHLO d.test"), HEAR("250 "), SAY("DATA"),
           HEAR("503 "),
           ASKED("helo(c.test) mail(a@b.test) rcpt(x@b.test) reset mail(a@b.test) reset "
                 "helo(d.test)"),
           BYE)},
    {"quit within a message", NULL, NULL, 0,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("250 "), SAY("QUIT"), HEAR("221 "), GONE,
           ASKED("helo(c.test) mail(a@b.test) reset"))},
    {"the house refuses mail", NULL, no_mail, 0,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("452 4.0.0"), SAY("RCPT TO:<y@b.test>"),
           HEAR("503 "), BYE)},
    {"vrfy tells nothing", NULL, NULL, 0,
     STEPS(HELLO, SAY("VRFY ann"), HEAR("252 2.1.5 Not told"), SAY("VRFY no@b.test"),
           HEAR("252 2.1.5 Not told"), SAY("VRFY"), HEAR("501 "), SAY("EXPN staff"), HEAR("502 "),
           BYE)},
    {"help", clear_submission, NULL, 0,
     STEPS(HEAR("220 "), SAY("HELP MAIL"), HEAR("214 2.0.0 https://help.test/"), HAS("RCPT"), BYE)},
    {"unknown and case", NULL, NULL, 0,
     STEPS(HELLO, SAY("XCLIENT ADDR=1.2.3.4"), HEAR("500 5.5.1"), SAY("XFORWARD NAME=x"),
           HEAR("500 5.5.1"), SAY("ETRN x"), HEAR("500 5.5.1"), SAY(""), HEAR("500 5.5.1"),
           SAY(" NOOP"), HEAR("500 5.5.1"), SAY("NOOPX"), HEAR("500 5.5.1"),
           SAY("MAIL\tFROM:<a@b>"), HEAR("500 5.5.1"), SAY("nOoP"), HEAR("250 "),
           SAY("mail from:<a@b.test>"), HEAR("250 "), SAY("rcpt to:<a@b.test>"), HEAR("250 "),
           BYE)},
    {"too many errors", few_errors, NULL, 0,
     STEPS(HELLO, SAY("RCPT TO:<a>"), HEAR("503 "), SAY("DATA"), HEAR("503 "), SAY("DATA"),
           HEAR("503 "), HEAR("421 4.7.0 Too many errors"), GONE)},
    {"too many commands", few_commands, NULL, 0,
     STEPS(HELLO, SAY("NOOP"), HEAR("250 "), SAY("NOOP"), HEAR("250 "), SAY("NOOP"), HEAR("250 "),
           SAY("NOOP"), HEAR("421 4.7.0"), GONE)},
    {"client leaves", NULL, NULL, -ECONNRESET,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("250 "), LEAVE,
           ASKED("helo(c.test) mail(a@b.test) reset"))},
    {"client leaves within a line", NULL, NULL, -ECONNRESET, STEPS(HELLO, RAW("MAIL FR"), LEAVE)},
    {"client sleeps", impatient, NULL, -ETIMEDOUT,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("250 "), LATER, LATER, HEAR("421 4.4.2"),
           GONE)},
    {"client dawdles in a line", impatient, NULL, -ETIMEDOUT,
     STEPS(HELLO, RAW("NO"), LATER, LATER, HEAR("421 4.4.2"), GONE)},
    {"stranger stays too long", stranger_time, NULL, -ETIMEDOUT,
     STEPS(HELLO, LATER, LATER, HEAR("421 4.4.2"), GONE)},
    {"evicted", NULL, NULL, -ECANCELED,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("250 "), EVICT, HEAR("421 4.3.2"), GONE,
           ASKED("helo(c.test) mail(a@b.test) reset"))},
    {"drained", NULL, NULL, 0,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("250 "), DRAIN, SAY("RCPT TO:<x@b.test>"),
           HEAR("250 "), SAY("DATA"), HEAR("354 "), SAY("hi\r\n."), HEAR("250 2.0.0 kept"),
           HEAR("421 4.3.2"), GONE)},
    {"drained between messages", NULL, NULL, 0,
     STEPS(HELLO, DRAIN, SAY("NOOP"), HEAR("250 "), HEAR("421 4.3.2"), GONE)},
};

static const struct scene hostile[] = {
    {"web", NULL, NULL, -EPROTO,
     STEPS(HEAR("220 "), RAW("GET / HTTP/1.1\r\nHost: x\r\nEHLO x\r\nMAIL FROM:<a@b.test>\r\n"),
           HEAR("500 5.5.1 This port speaks SMTP"), GONE, ASKED(""))},
    {"web form", NULL, NULL, -EPROTO,
     STEPS(HELLO, RAW("POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@b.test>\r\n"), HEAR("500 "),
           GONE, ASKED("helo(c.test)"))},
    {"web header later", NULL, NULL, -EPROTO,
     STEPS(HELLO, SAY("Content-Type: text/plain"), HEAR("500 "), GONE)},
    {"proxy header from a stranger", NULL, NULL, -EPROTO,
     STEPS(HEAR("220 "), SAY("PROXY TCP4 1.2.3.4 5.6.7.8 1 25"), HEAR("500 "), GONE)},
    {"ssh", NULL, NULL, -EPROTO, STEPS(HEAR("220 "), SAY("SSH-2.0-OpenSSH_9"), HEAR("500 "), GONE)},
    {"tls to a plain port", with_tls, NULL, -EPROTO,
     STEPS(HEAR("220 "), RAW("\x16\x03\x01\x02\x00\x01"), HEAR("500 5.5.1"), GONE)},
    {"sslv2 to a plain port", with_tls, NULL, -EPROTO,
     STEPS(HEAR("220 "), RAW("\x80\x2e\x01\x03\x01"), HEAR("500 5.5.1"), GONE)},
    {"bare lf", NULL, NULL, -EPROTO,
     STEPS(HELLO, RAW("MAIL FROM:<a@b.test>\nRCPT TO:<x@b.test>\r\n"), HEAR("500 5.5.2"), GONE,
           ASKED("helo(c.test)"))},
    {"bare lf typed by hand", NULL, NULL, 0,
     STEPS(HELLO, RAW("NOOP\n"), HEAR("500 5.5.2"), SAY("NOOP"), HEAR("250 "), BYE)},
    {"bare cr", NULL, NULL, 0, STEPS(HELLO, RAW("NOOP\rNOOP\r\n"), HEAR("500 5.5.2"), QUIET, BYE)},
    {"nul", NULL, NULL, 0,
     STEPS(HELLO, RAW("NOOP \0 x\r\n"), HEAR("500 5.5.2"), RAW("RSET\0\r\n"), HEAR("500 5.5.2"),
           BYE)},
    {"pipelined", NULL, NULL, 0,
     STEPS(
         HEAR("220 "),
         RAW("EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<no@b.test>\r\n"
             "RCPT TO:<x@b.test>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n"),
         HEAR("250 "), HEAR("250 2.1.0"), HEAR("550 5.1.1"), HEAR("250 2.1.5"), HEAR("354 "),
         HEAR("250 2.0.0"), HEAR("221 "), GONE,
         ASKED("helo(c.test) mail(a@b.test) rcpt(no@b.test) rcpt(x@b.test) begin end(1:hi\r\n)"))},
    {"no good recipient, then a body", NULL, NULL, -EPROTO,
     STEPS(HELLO,
           RAW("MAIL FROM:<a@b.test>\r\nRCPT TO:<no@b.test>\r\nRCPT TO:<no@b.test>\r\n"
               "DATA\r\nMAIL FROM:<evil@b.test>\r\n.\r\n"),
           HEAR("250 "), HEAR("550 "), HEAR("550 "), HEAR("554 5.5.1 No valid"), GONE,
           ASKED("helo(c.test) mail(a@b.test) rcpt(no@b.test) rcpt(no@b.test) reset"))},
    {"no good recipient", NULL, NULL, 0,
     STEPS(HELLO, RAW("MAIL FROM:<a@b.test>\r\nRCPT TO:<no@b.test>\r\nDATA\r\n"), HEAR("250 "),
           HEAR("550 "), HEAR("554 5.5.1 No valid"), SAY("RSET"), HEAR("250 "), BYE)},
    {"commands before the greeting", NULL, NULL, 0,
     STEPS(SAY("EHLO c.test"), HEAR("220 "), HEAR("250 "), BYE)},
    {"the house slams the door", NULL, NULL, 0,
     STEPS(HELLO, RAW("MAIL FROM:<a@b.test>\r\nRCPT TO:<slam@b.test>\r\nRCPT TO:<x@b.test>\r\n"),
           HEAR("250 "), HEAR("421 4.3.2"), GONE,
           ASKED("helo(c.test) mail(a@b.test) rcpt(slam@b.test) reset"))},
};

static const struct scene starttls[] = {
    {"not offered", NULL, NULL, 0, STEPS(HELLO, SAY("STARTTLS"), HEAR("502 5.5.1"), BYE)},
    {"good", submission, NULL, 0,
     STEPS(HELLO, HAS("STARTTLS"), LACKS("AUTH"), SAY("STARTTLS"), HEAR("220 2.0.0"),
           RAW("HELLO TLS\n"), SAY("MAIL FROM:<a@b.test>"), HEAR("503 5.5.1 Say EHLO"),
           SAY("EHLO d.test"), HEAR("250 "), LACKS("STARTTLS"),
           HAS("AUTH SCRAM-SHA-256 PLAIN LOGIN"), SAY("STARTTLS"), HEAR("503 5.5.1"), BYE)},
    {"channel binding", bound, NULL, 0,
     STEPS(HELLO, LACKS("AUTH"), SAY("STARTTLS"), HEAR("220 2.0.0"), RAW("HELLO TLS\n"),
           SAY("EHLO d.test"), HEAR("250 "),
           HAS("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"), BYE)},
    {"no channel binding", submission, NULL, 0,
     STEPS(HELLO, SAY("STARTTLS"), HEAR("220 2.0.0"), RAW("HELLO TLS\n"), SAY("EHLO d.test"),
           HEAR("250 "), SAY("AUTH SCRAM-SHA-256-PLUS"), HEAR("504 5.5.4"), BYE)},
    {"argument", with_tls, NULL, 0, STEPS(HELLO, SAY("STARTTLS now"), HEAR("501 5.5.4"), BYE)},
    {"injected command", with_tls, NULL, -EPROTO,
     STEPS(HELLO, RAW("STARTTLS\r\nNOOP\r\n"), HEAR("503 5.5.1"), GONE)},
    {"injected half line", with_tls, NULL, -EPROTO,
     STEPS(HELLO, RAW("STARTTLS\r\nEHLO inj"), HEAR("503 5.5.1"), GONE)},
    {"injected login and message", with_tls, NULL, -EPROTO,
     STEPS(HELLO,
           RAW("STARTTLS\r\nEHLO x\r\nAUTH PLAIN AGFubgBzZWNyZXQ=\r\nMAIL FROM:<a@b.test>\r\n"),
           HEAR("503 5.5.1"), GONE, ASKED("helo(c.test)"))},
    {"clear text after the go-ahead", with_tls, NULL, -EPROTO,
     STEPS(HELLO, SAY("STARTTLS"), HEAR("220 "), SAY("NOOP"), GONE)},
    {"gone after the go-ahead", with_tls, NULL, -ECONNRESET,
     STEPS(HELLO, SAY("STARTTLS"), HEAR("220 "), LEAVE)},
    {"within a message", with_tls, NULL, 0,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("250 "), SAY("STARTTLS"), HEAR("503 "), BYE)},
    {"tls first", tls_first, NULL, 0,
     STEPS(QUIET, RAW("HELLO TLS\n"), HELLO, LACKS("STARTTLS"), HAS("AUTH "), BYE)},
    {"tls first, plain client", tls_first, NULL, -EPROTO, STEPS(SAY("EHLO c.test"), GONE)},
    {"mail before tls", submission, NULL, 0,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("530 5.7.0 Must issue"), SAY("VRFY a"),
           HEAR("530 5.7.0"), SAY("NOOP"), HEAR("250 "), BYE)},
    {"login before tls", submission, NULL, 0,
     STEPS(HELLO, SAY("AUTH PLAIN AGFubgBzZWNyZXQ="), HEAR("538 5.7.11"), ASKED("helo(c.test)"),
           BYE)},
    {"trusted needs neither", trusted, NULL, 0,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("250 "), BYE)},
};

static const struct scene login[] = {
    {"not offered", NULL, NULL, 0, STEPS(HELLO, SAY("AUTH PLAIN"), HEAR("502 5.5.1"), BYE)},
    {"plain at once", clear_submission, NULL, 0,
     STEPS(HELLO, HAS("250-AUTH PLAIN LOGIN\n"), SAY("MAIL FROM:<a@b.test>"),
           HEAR("530 5.7.0 Login needed: switch on 'my outgoing server"),
           SAY("AUTH PLAIN AGFubgBzZWNyZXQ="), HEAR("235 2.7.0"), SAY("MAIL FROM:<a@b.test>"),
           HEAR("250 "), ASKED("helo(c.test) check(ann) login(ann,ok) mail(a@b.test by ann)"),
           BYE)},
    {"plain in two steps", clear_login, NULL, 0,
     STEPS(HELLO, SAY("auth plain"), HEAR("334 "), SAY("AGFubgBzZWNyZXQ="), HEAR("235 "),
           SAY("EHLO c.test"), HEAR("250 "), LACKS("AUTH"), BYE)},
    {"login in three", clear_login, NULL, 0,
     STEPS(HELLO, SAY("AUTH LOGIN"), HEAR("334 VXNlcm5hbWU6"), SAY("YW5u"),
           HEAR("334 UGFzc3dvcmQ6"), SAY("c2VjcmV0"), HEAR("235 2.7.0"), BYE)},
    {"wrong password", clear_login, NULL, 0,
     STEPS(HELLO, SAY("AUTH PLAIN AGFubgB3cm9uZw=="), HEAR("535 5.7.8"), SAY("AUTH LOGIN"),
           HEAR("334 "), SAY("YW5u"), HEAR("334 "), SAY("c2VjcmV0"), HEAR("235 "),
           ASKED("helo(c.test) check(ann) login(ann,no) check(ann) login(ann,ok)"), BYE)},
    {"store down", clear_login, NULL, 0,
     STEPS(HELLO, SAY("AUTH PLAIN AGRvd24AeA=="), HEAR("454 4.7.0"), BYE)},
    {"given up", clear_login, NULL, 0,
     STEPS(HELLO, SAY("AUTH LOGIN"), HEAR("334 "), SAY("*"), HEAR("501 5.5.2"), SAY("NOOP"),
           HEAR("250 "), BYE)},
    {"not base64", clear_login, NULL, 0,
     STEPS(HELLO, SAY("AUTH PLAIN !!!"), HEAR("501 "), SAY("AUTH PLAIN ="), HEAR("5"),
           SAY("AUTH PLAIN AAA"), HEAR("501 "), SAY("AUTH PLAIN a b"), HEAR("501 "), SAY("AUTH"),
           HEAR("501 5.5.4"), BYE)},
    {"other mechanisms", clear_submission, NULL, 0,
     STEPS(HELLO, SAY("AUTH ANONYMOUS"), HEAR("504 5.5.4"), SAY("AUTH EXTERNAL ="), HEAR("504 "),
           SAY("AUTH NTLM"), HEAR("504 "), SAY("AUTH SCRAM-SHA-256"), HEAR("504 "), BYE)},
    {"twice, and within a message", clear_login, NULL, 0,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("250 "), SAY("AUTH LOGIN"), HEAR("503 "),
           SAY("RSET"), HEAR("250 "), SAY("AUTH PLAIN AGFubgBzZWNyZXQ="), HEAR("235 "),
           SAY("AUTH PLAIN AGFubgBzZWNyZXQ="), HEAR("503 5.5.1"), BYE)},
    {"the house takes it back", clear_submission, no_login, 0,
     STEPS(HELLO, SAY("AUTH PLAIN AGFubgBzZWNyZXQ="), HEAR("454 "), SAY("MAIL FROM:<a@b.test>"),
           HEAR("530 "), BYE)},
    {"guessing ends", two_logins, NULL, 0,
     STEPS(HELLO, SAY("AUTH PLAIN AGFubgB3cm9uZw=="), HEAR("535 "),
           SAY("AUTH PLAIN AGFubgB3cm9uZw=="), HEAR("535 "), HEAR("421 4.7.0"), GONE)},
    {"dawdling", impatient_login, NULL, -ETIMEDOUT,
     STEPS(HELLO, SAY("AUTH LOGIN"), HEAR("334 "), RAW("YW"), LATER, LATER, HEAR("421 4.4.2"),
           GONE)},
    {"bare lf within", clear_login, NULL, -EPROTO,
     STEPS(HELLO, SAY("AUTH LOGIN"), HEAR("334 "), RAW("YW5u\nNOOP\r\n"), HEAR("500 "), GONE)},
    {"leaves within", clear_login, NULL, -ECONNRESET,
     STEPS(HELLO, SAY("AUTH LOGIN"), HEAR("334 "), LEAVE)},
};

static void test_order(void **state)
{
    (void)state;
    dialogue_play(order, COUNT(order));
}

static void test_hostile(void **state)
{
    (void)state;
    dialogue_play(hostile, COUNT(hostile));
}

static void test_starttls(void **state)
{
    (void)state;
    dialogue_play(starttls, COUNT(starttls));
}

static void test_login(void **state)
{
    (void)state;
    dialogue_play(login, COUNT(login));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_starttls),
        cmocka_unit_test(test_login),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
