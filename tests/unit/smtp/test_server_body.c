/* MAIL, RCPT, DATA and BDAT: grammar, and content that is or is not kept. The rows are those of
 * HOSTILE 1-12, 16, 18-24, 52-64, 66, 71-76, 88, 103, 104. */
#include "dialogue.h"

#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define STEPS(...) ((const struct step[]){__VA_ARGS__, {STEP_END, NULL, 0}})
#define HELLO      HEAR("220 mx.test "), SAY("EHLO c.test"), HEAR("250 "), ASKED("helo(c.test)")
#define BYE        SAY("QUIT"), HEAR("221 2.0.0"), GONE
#define READY                                                                                      \
    HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("250 2.1.0"), SAY("RCPT TO:<x@b.test>"),              \
        HEAR("250 2.1.5"), ASKED("mail(a@b.test) rcpt(x@b.test)")
#define DATA READY, SAY("DATA"), HEAR("354 ")

static void small(struct smtp_server_settings *s)
{
    s->limits.size = 20;
}

static void impatient(struct smtp_server_settings *s)
{
    s->times.body = SHORT_MS;
}

static void few(struct smtp_server_settings *s)
{
    s->limits.recipients = 100;
    s->limits.errors = 3;
}

static void with_login(struct smtp_server_settings *s)
{
    s->login_offered = true;
}

#define REFUSES(name, call, number)                                                                \
    static void name(struct house *h)                                                              \
    {                                                                                              \
        h->refuse = call;                                                                          \
        h->code = number;                                                                          \
    }
REFUSES(no_begin, "begin", 452)
REFUSES(no_end, "end", 552)
REFUSES(end_421, "end", 421)

static void slow_commit(struct house *h)
{
    h->slow_commit = true;
}

static const struct scene grammar[] = {
    {"parameters", with_login, NULL, 0,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=q+2B1 AUTH=<>"),
           HEAR("250 2.1.0"), SAY("RCPT TO:<x@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;y@b.test"),
           HEAR("250 2.1.5"),
           ASKED("mail(a@b.test size 100 8bit envid q+2B1 hdrs) rcpt(x@b.test notify 10 orcpt "
                 "rfc822;y@b.test)"),
           BYE)},
    {"senders", NULL, NULL, 0,
     STEPS(HELLO, SAY("MAIL FROM:<>"), HEAR("250 "), SAY("RSET"), HEAR("250 "),
           SAY("MAIL FROM: <a@b.test>"), HEAR("250 "), SAY("RSET"), HEAR("250 "),
           SAY("MAIL FROM:<bad@b.test>"), HEAR("553 5.7.1"), SAY("MAIL FROM:<;id;>"), HEAR("501 "),
           SAY("MAIL FROM:<$(id)@b.test>"), HEAR("501 "), SAY("MAIL FROM:a@b.test"), HEAR("501 "),
           SAY("MAIL FROM:<a@b.test"), HEAR("501 "), SAY("MAIL <a@b.test>"), HEAR("501 5.5.4"),
           SAY("MAIL"), HEAR("501 5.5.4"), SAY("MAIL FROM:"), HEAR("501 "), SAY("MAIL FROM:<> \"="),
           HEAR("501 "), ASKED("mail() reset mail(a@b.test) reset mail(bad@b.test)"), BYE)},
    {"bad parameters", NULL, NULL, 0,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test> BODY=BINARYMIME"), HEAR("501 "),
           SAY("MAIL FROM:<a@b.test> SIZE=-1"), HEAR("501 "), SAY("MAIL FROM:<a@b.test> SIZE=abc"),
           HEAR("501 "), SAY("MAIL FROM:<a@b.test> SIZE=18446744073709551617"), HEAR("501 "),
           SAY("MAIL FROM:<a@b.test> SIZE=99999999"), HEAR("552 5.3.4"),
           SAY("MAIL FROM:<a@b.test> FOO=bar"), HEAR("555 5.5.4"),
           SAY("MAIL FROM:<a@b.test> SIZE=1 SIZE=1"), HEAR("501 "),
           SAY("MAIL FROM:<a@b.test> RET="), HEAR("501 "),
           SAY("MAIL FROM:<a@b.test> ENVID=a+0D+0Ab"), HEAR("501 "),
           SAY("MAIL FROM:<a@b.test> ENVID=+ZZ"), HEAR("501 "), SAY("MAIL FROM:<a@b.test> AUTH=<>"),
           HEAR("555 "), ASKED(""), BYE)},
    {"bad parameters of rcpt", NULL, NULL, 0,
     STEPS(READY, SAY("RCPT TO:<z@b.test> NOTIFY=NEVER,SUCCESS"), HEAR("501 "),
           SAY("RCPT TO:<z@b.test> NOTIFY=SUCCESS NOTIFY=DELAY"), HEAR("501 "),
           SAY("RCPT TO:<z@b.test> ORCPT=rfc822;a+0D+0AX:"), HEAR("501 "),
           SAY("RCPT TO:<z@b.test> SIZE=1"), HEAR("555 "), ASKED(""), BYE)},
    {"recipients", NULL, NULL, 0,
     STEPS(READY, SAY("RCPT TO:<>"), HEAR("501 "), SAY("RCPT TO:<@>"), HEAR("501 "),
           SAY("RCPT TO:<a@>"), HEAR("501 "), SAY("RCPT TO:<@b>"), HEAR("501 "),
           SAY("RCPT TO:<a@b@c>"), HEAR("501 "), SAY("RCPT TO:<a b@c>"), HEAR("501 "),
           SAY("RCPT TO:<a@b"), HEAR("501 "), SAY("RCPT TO:a@b>"), HEAR("501 "),
           SAY("RCPT TO:<\"a@b>"), HEAR("501 "), SAY("RCPT TO:<a@[1.2.3>"), HEAR("501 "), ASKED(""),
           SAY("RCPT TO:<postmaster>"), HEAR("250 "), SAY("RCPT TO:<\"a b\"@b.test>"), HEAR("250 "),
           SAY("RCPT TO:<@x.test,@y.test:u@b.test>"), HEAR("250 "), SAY("RCPT TO:<no@b.test>"),
           HEAR("550 5.1.1"), SAY("RCPT TO:<full@b.test>"), HEAR("452 4.2.2"),
           ASKED("rcpt(postmaster) rcpt(\"a b\"@b.test) rcpt(u@b.test) rcpt(no@b.test) "
                 "rcpt(full@b.test)"),
           BYE)},
    {"beyond ascii", NULL, NULL, 0,
     STEPS(HELLO, SAY("MAIL FROM:<\xc3\xa4@b.test>"), HEAR("553 5.6.7"),
           SAY("MAIL FROM:<\xc3\xa4@b.test> SMTPUTF8"), HEAR("250 "),
           SAY("RCPT TO:<\xc3\xb6@b.test>"), HEAR("250 "), SAY("RCPT TO:<\xff@b.test>"),
           HEAR("501 "), SAY("RSET"), HEAR("250 "), SAY("MAIL FROM:<a@b.test>"), HEAR("250 "),
           SAY("RCPT TO:<\xc3\xb6@b.test>"), HEAR("553 5.6.7"),
           ASKED("mail(\xc3\xa4@b.test utf8) rcpt(\xc3\xb6@b.test) reset mail(a@b.test)"), BYE)},
};

#define ONE_END(inner, kept)                                                                       \
    DATA, RAW("x" inner "MAIL FROM:<evil@b.test>\r\nRCPT TO:<x@b.test>\r\nDATA\r\nno\r\n.\r\n"),   \
        HEAR(kept), QUIET, SAY("NOOP"), HEAR("250 "), BYE
#define REFUSED(inner) ONE_END(inner, "550 5.6.11")

/* Each inner text looks like an end of message to some server; for us the true end is the last
 * line, there is one answer, and nothing within is obeyed. */
static const struct scene smuggling[] = {
    {"lf dot lf", NULL, NULL, 0, STEPS(REFUSED("\n.\n"))},
    {"lf dot crlf", NULL, NULL, 0, STEPS(REFUSED("\n.\r\n"))},
    {"crlf dot lf", NULL, NULL, 0, STEPS(REFUSED("\r\n.\n"))},
    {"cr dot cr", NULL, NULL, 0, STEPS(REFUSED("\r.\r"))},
    {"cr dot lf", NULL, NULL, 0, STEPS(REFUSED("\r.\n"))},
    {"lf dot cr", NULL, NULL, 0, STEPS(REFUSED("\n.\r"))},
    {"cr dot crlf", NULL, NULL, 0, STEPS(REFUSED("\r.\r\n"))},
    {"crlf dot cr", NULL, NULL, 0, STEPS(REFUSED("\r\n.\r"))},
    {"crlf dot cr crlf", NULL, NULL, 0, STEPS(REFUSED("\r\n.\r\r\n"))},
    {"cr crlf dot cr crlf", NULL, NULL, 0, STEPS(REFUSED("\r\r\n.\r\r\n"))},
    {"nul before the dot", NULL, NULL, 0, STEPS(ONE_END("\r\n\0.\r\n", "250 "))},
    {"nul behind the dot", NULL, NULL, 0, STEPS(ONE_END("\r\n.\0\r\n", "250 "))},
    {"nul within crlf", NULL, NULL, 0, STEPS(REFUSED("\r\n.\r\0\n"))},
    {"blank before the dot", NULL, NULL, 0, STEPS(ONE_END("\r\n .\r\n", "250 "))},
    {"blank behind the dot", NULL, NULL, 0, STEPS(ONE_END("\r\n. \r\n", "250 "))},
    {"nel", NULL, NULL, 0, STEPS(ONE_END("\xc2\x85.\xc2\x85", "250 "))},
    {"fullwidth dot", NULL, NULL, 0, STEPS(ONE_END("\r\n\xef\xbc\x8e\r\n", "250 "))},
};

static const struct scene data[] = {
    {"kept", NULL, NULL, 0,
     STEPS(DATA, SAY("Subject: x\r\n\r\n..dot\r\n.."), SAY("."), HEAR("250 2.0.0 kept"),
           ASKED("begin end(1:Subject: x\r\n\r\n.dot\r\n.\r\n)"), SAY("RCPT TO:<x@b.test>"),
           HEAR("503 "), BYE)},
    {"octet by octet", NULL, NULL, 0,
     STEPS(DATA, RAW("h"), RAW("i"), RAW("\r"), RAW("\n"), RAW("."), RAW("\r"), RAW("\n"),
           HEAR("250 "), ASKED("begin end(1:hi\r\n)"), BYE)},
    {"empty", NULL, NULL, 0, STEPS(DATA, SAY("."), HEAR("250 "), ASKED("begin end(1:)"), BYE)},
    {"two messages", NULL, NULL, 0,
     STEPS(DATA, SAY("1\r\n."), HEAR("250 "), SAY("MAIL FROM:<>"), HEAR("250 "),
           SAY("RCPT TO:<y@b.test>"), HEAR("250 "), SAY("DATA"), HEAR("354 "), SAY("2\r\n."),
           HEAR("250 "), ASKED("begin end(1:1\r\n) mail() rcpt(y@b.test) begin end(1:2\r\n)"),
           BYE)},
    {"8bit is seen", NULL, NULL, 0,
     STEPS(DATA, SAY("\xe4\r\n."), HEAR("250 "), ASKED("begin end(1:\xe4\r\n 8bit)"), BYE)},
    {"nul is content", NULL, NULL, 0, STEPS(DATA, SAY("a\0b\r\n."), HEAR("250 "), BYE)},
    {"too big", small, NULL, 0,
     STEPS(DATA, SAY("01234567890123456789\r\n."), HEAR("552 5.3.4"), ASKED("begin reset"),
           SAY("MAIL FROM:<a@b.test> SIZE=20"), HEAR("250 "), SAY("RCPT TO:<x@b.test>"),
           HEAR("250 "), SAY("DATA"), HEAR("354 "), SAY("012345678901234567\r\n."), HEAR("250 "),
           BYE)},
    {"refused at the start", NULL, no_begin, 0,
     STEPS(READY, SAY("DATA"), HEAR("452 "), ASKED("begin reset"), SAY("RCPT TO:<x@b.test>"),
           HEAR("503 "), BYE)},
    {"refused at the end", NULL, no_end, 0,
     STEPS(DATA, SAY("hi\r\n."), HEAR("552 "), ASKED("begin end(1:hi\r\n)"), SAY("NOOP"),
           HEAR("250 "), BYE)},
    {"refused at the end, more pipelined", NULL, no_end, 0,
     STEPS(DATA, RAW("hi\r\n.\r\nRSET\r\nNOOP\r\n"), HEAR("552 "), HEAR("250 2.0.0 Forgotten"),
           HEAR("250 2.0.0 Still"), ASKED("begin end(1:hi\r\n)"), BYE)},
    {"bare, more pipelined", NULL, NULL, -EPROTO,
     STEPS(DATA, RAW("hi\n.\r\n\r\n.\r\nNOOP\r\n"), HEAR("550 5.6.11"), GONE,
           ASKED("begin reset"))},
    {"closed at the end", NULL, end_421, 0,
     STEPS(DATA, SAY("hi\r\n."), HEAR("421 "), GONE, ASKED("begin end(1:hi\r\n)"))},
    {"the sink fails", NULL, NULL, 0,
     STEPS(DATA, RAW("sink fails\r\n"), QUIET, RAW("more\r\n.\r\n"), HEAR("452 4.3.1"),
           ASKED("begin end(1:sink fails\r\n)"), SAY("NOOP"), HEAR("250 "), BYE)},
    {"nothing is said before the commit", NULL, slow_commit, 0,
     STEPS(DATA, SAY("hi\r\n."), QUIET, HEAR("250 2.0.0"), BYE)},
    {"gone after 354", NULL, NULL, -ECONNRESET, STEPS(DATA, LEAVE, ASKED("begin reset"))},
    {"gone within", NULL, NULL, -ECONNRESET,
     STEPS(DATA, RAW("half a li"), LEAVE, ASKED("begin reset"))},
    {"gone before the last octet", NULL, NULL, -ECONNRESET,
     STEPS(DATA, RAW("hi\r\n.\r"), LEAVE, ASKED("begin reset"))},
    {"gone after the dot", NULL, slow_commit, -EPIPE,
     STEPS(DATA, SAY("hi\r\n."), LEAVE, ASKED("begin end(1:hi\r\n)"))},
    {"evicted within", NULL, NULL, -ECANCELED,
     STEPS(DATA, RAW("half a li"), EVICT, HEAR("421 4.3.2"), GONE, ASKED("begin reset"))},
    {"slow octets buy no time", impatient, NULL, -ETIMEDOUT,
     STEPS(DATA, RAW("a"), LATER, QUIET, RAW("b"), LATER, HEAR("421 4.4.2"), GONE,
           ASKED("begin reset"))},
};

static const struct scene bdat[] = {
    {"one chunk", NULL, NULL, 0,
     STEPS(READY, RAW("BDAT 4 LAST\r\nhi\r\n"), HEAR("250 2.0.0 kept"),
           ASKED("begin(chunks) end(1:hi\r\n)"), BYE)},
    {"pipelined whole", NULL, NULL, 0,
     STEPS(HELLO,
           RAW("MAIL FROM:<a@b.test>\r\nRCPT TO:<x@b.test>\r\nBDAT 5\r\n.\r\n.\n"
               "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"),
           HEAR("250 2.1.0"), HEAR("250 2.1.5"), HEAR("250 2.0.0 5 octets"), HEAR("250 2.0.0 kept"),
           HEAR("250 2.0.0 Still"),
           ASKED("mail(a@b.test) rcpt(x@b.test) begin(chunks) end(1:.\r\n.\r\nQUIT\r\n)"), BYE)},
    {"no end of line at the end", NULL, NULL, 0,
     STEPS(READY, RAW("BDAT 2 LAST\r\nhi"), HEAR("250 "), ASKED("begin(chunks) end(1:hi\r\n)"),
           BYE)},
    {"bare line ends are made strict", NULL, NULL, 0,
     STEPS(READY, RAW("BDAT 9\r\na\nb\rc\r\r\nd"), HEAR("250 2.0.0 9"), RAW("BDAT 2\r\n\re"),
           HEAR("250 "), RAW("BDAT 1\r\n\r"), HEAR("250 "), RAW("BDAT 1 LAST\r\n\n"), HEAR("250 "),
           ASKED("begin(chunks) end(1:a\r\nb\r\nc\r\n\r\nd\r\ne\r\n)"), BYE)},
    {"cr at the very end", NULL, NULL, 0,
     STEPS(READY, RAW("BDAT 2 LAST\r\na\r"), HEAR("250 "), ASKED("begin(chunks) end(1:a\r\n)"),
           BYE)},
    {"empty", NULL, NULL, 0,
     STEPS(READY, SAY("BDAT 0 LAST"), HEAR("250 2.0.0 kept"), ASKED("begin(chunks) end(1:)"), BYE)},
    {"empty last", NULL, NULL, 0,
     STEPS(READY, RAW("BDAT 4\r\nhi\r\n"), HEAR("250 "), SAY("BDAT 0 LAST"), HEAR("250 "),
           ASKED("begin(chunks) end(1:hi\r\n)"), BYE)},
    {"others amid chunks", NULL, NULL, 0,
     STEPS(READY, RAW("BDAT 4\r\nhi\r\n"), HEAR("250 "), SAY("DATA"), HEAR("503 5.5.1"),
           SAY("MAIL FROM:<a@b.test>"), HEAR("503 "), SAY("RCPT TO:<y@b.test>"), HEAR("503 "),
           SAY("NOOP"), HEAR("250 "), SAY("BDAT 0 LAST"), HEAR("250 "),
           ASKED("begin(chunks) end(1:hi\r\n)"), BYE)},
    {"rset amid chunks", NULL, NULL, 0,
     STEPS(READY, RAW("BDAT 4\r\nhi\r\n"), HEAR("250 "), SAY("RSET"), HEAR("250 "),
           RAW("BDAT 4 LAST\r\nhi\r\n"), HEAR("503 "), ASKED("begin(chunks) reset"), BYE)},
    {"no transaction", NULL, NULL, 0,
     STEPS(HEAR("220 "), RAW("BDAT 11 LAST\r\nMAIL FROM:\n"), HEAR("503 5.5.1"), QUIET, BYE)},
    {"no good recipient", NULL, NULL, 0,
     STEPS(HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("250 "), SAY("RCPT TO:<no@b.test>"),
           HEAR("550 "), RAW("BDAT 6 LAST\r\nQUIT\r\n"), HEAR("554 5.5.1"), QUIET, BYE)},
    {"surplus is commands", NULL, NULL, 0,
     STEPS(READY, RAW("BDAT 2 LAST\r\nhijunk\r\n"), HEAR("250 "), HEAR("500 "), BYE)},
    {"too few", impatient, NULL, -ETIMEDOUT,
     STEPS(READY, RAW("BDAT 9 LAST\r\nhi"), LATER, LATER, HEAR("421 4.4.2"), GONE,
           ASKED("begin(chunks) reset"))},
    {"gone within", NULL, NULL, -ECONNRESET,
     STEPS(READY, RAW("BDAT 9 LAST\r\nhi"), LEAVE, ASKED("begin(chunks) reset"))},
    {"sleeps between chunks", impatient, NULL, -ETIMEDOUT,
     STEPS(READY, RAW("BDAT 2\r\nhi"), HEAR("250 "), LATER, LATER, HEAR("421 "), GONE,
           ASKED("begin(chunks) reset"))},
    {"no size", NULL, NULL, -EPROTO, STEPS(READY, SAY("BDAT"), HEAR("501 "), GONE)},
    {"no number", NULL, NULL, -EPROTO, STEPS(READY, SAY("BDAT x"), HEAR("501 "), GONE)},
    {"negative", NULL, NULL, -EPROTO, STEPS(READY, SAY("BDAT -1 LAST"), HEAR("501 "), GONE)},
    {"too long a number", NULL, NULL, -EPROTO,
     STEPS(READY, SAY("BDAT 99999999999999999999"), HEAR("501 "), GONE)},
    {"too big", small, NULL, 0,
     STEPS(READY, RAW("BDAT 12\r\n0123456789\r\nBDAT 12\r\n0123456789\r\nBDAT 6 LAST\r\nRSET\r\n"),
           HEAR("250 "), HEAR("552 5.3.4"), HEAR("503 "), ASKED("begin(chunks) reset"), BYE)},
    {"refused at the start", NULL, no_begin, 0,
     STEPS(READY, RAW("BDAT 6\r\nRSET\r\n"), HEAR("452 "), RAW("BDAT 6 LAST\r\nRSET\r\n"),
           HEAR("503 "), ASKED("begin(chunks) reset"), BYE)},
    {"the sink fails", NULL, NULL, 0,
     STEPS(READY, RAW("BDAT 12\r\nsink fails\r\n"), HEAR("452 "),
           ASKED("begin(chunks) end(1:sink fails\r\n)"), BYE)},
};

static void test_grammar(void **state)
{
    (void)state;
    dialogue_play(grammar, COUNT(grammar));
}

static void test_smuggling(void **state)
{
    (void)state;
    dialogue_play(smuggling, COUNT(smuggling));
}

static void test_data(void **state)
{
    (void)state;
    dialogue_play(data, COUNT(data));
}

static void test_bdat(void **state)
{
    (void)state;
    dialogue_play(bdat, COUNT(bdat));
}

/* HOSTILE 88: a list far beyond the limit is cut, not punished, and what fits is kept. */
static void test_many_recipients(void **state)
{
    enum { ALL = 300 };
    struct step *steps = memory_array(2 * ALL + 16, sizeof *steps);
    const struct step head[] = {HELLO, SAY("MAIL FROM:<a@b.test>"), HEAR("250 ")};
    const struct step tail[] = {SAY("DATA"),  HEAR("354 "), SAY("hi\r\n."),
                                HEAR("250 "), BYE,          {STEP_END, NULL, 0}};
    const struct step rcpt = SAY("RCPT TO:<x@b.test>"), yes = HEAR("250 "), no = HEAR("452 4.5.3");
    struct scene scene = {"many recipients", few, NULL, 0, steps};
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(head); i++)
        steps[n++] = head[i];
    for (size_t i = 0; i < ALL; i++) {
        steps[n++] = rcpt;
        steps[n++] = i < 100 ? yes : no;
    }
    for (size_t i = 0; i < COUNT(tail); i++)
        steps[n++] = tail[i];
    assert_true(n <= 2 * ALL + 16);
    dialogue_play(&scene, 1);
    free(steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_smuggling),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_bdat),
        cmocka_unit_test(test_many_recipients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
