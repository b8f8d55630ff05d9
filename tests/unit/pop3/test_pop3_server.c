/* The POP3 engine: order, grammar, marks, what RETR and TOP send, TLS (HOSTILE 32, 108-114). */
#include "tape.h"

#include "base/memory.h"
#include "pop3/pop3_stuff.h"
#include "tls/tls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GREETING "+OK pop.test POP3\r\n"
#define LOGIN    "USER ann\r\nPASS se cret \r\n"
#define GOT_IN   GREETING "+OK Now the password\r\n+OK Logged in: 4 messages, 81 octets\r\n"
#define ASKED_IN "check(ann) login(ann,ok,USER) open"
#define BYE      "QUIT\r\n"
#define SAID_BYE "+OK Good-bye\r\n"
#define FIRST    "-ERR Log in first\r\n"
#define WRONG                                                                                      \
    "-ERR [AUTH] Name or password is wrong: the name is most often your whole mail address\r\n"
#define SWITCH_ON                                                                                  \
    "-ERR Encryption needed before a login: switch on SSL/TLS or STARTTLS for the incoming "       \
    "server (POP3) in your mail program\r\n"
#define NO_SUCH "-ERR No such message: numbers go from 1 to 4\r\n"
#define CAPA_START                                                                                 \
    "+OK This server can\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"         \
    "EXPIRE NEVER\r\nUTF8 USER\r\nLANG\r\n"
#define CAPA_END "IMPLEMENTATION port26\r\n.\r\n"

static int context; /* stands for a TLS context */

static void with_tls(struct pop3_server_settings *s)
{
    s->tls = (struct tls_context *)(void *)&context;
    s->tls_before_login = true;
}

static void tls_first(struct pop3_server_settings *s)
{
    with_tls(s);
    s->tls_first = true;
}

static void bound(struct pop3_server_settings *s)
{
    tls_first(s);
    s->channel_binding = true;
}

static void bound_in_clear(struct pop3_server_settings *s)
{
    s->channel_binding = true;
}

static void bare(struct pop3_server_settings *s)
{
    s->tls_before_login = true;
}

static void draining(struct pop3_server_settings *s)
{
    static const bool yes = true;

    s->draining = &yes;
}

static void no_patience(struct pop3_server_settings *s)
{
    s->limits.logins = 2;
    s->limits.unknown = 3;
    s->limits.errors = 4;
    s->limits.commands = 5;
}

static void in_use(struct tape_house *h)
{
    h->refuse = "open";
    h->code = POP3_IN_USE;
    h->words = "another\r\nprogram";
}

static void broken_mailbox(struct tape_house *h)
{
    h->refuse = "open";
    h->code = POP3_SYS_TEMP;
}

static void no_update(struct tape_house *h)
{
    h->refuse = "update";
    h->code = POP3_SYS_TEMP;
}

static void no_login(struct tape_house *h)
{
    h->refuse = "login";
    h->code = POP3_SYS_TEMP;
}

static void no_message(struct tape_house *h)
{
    h->refuse = "message";
    h->code = POP3_SYS_PERM;
    h->words = "gone";
}

static void no_entry(struct tape_house *h)
{
    h->refuse = "entry";
    h->code = POP3_SYS_TEMP;
    h->words = "asleep";
}

static void read_fails(struct tape_house *h)
{
    h->content_fails = -EIO;
    h->slow = 5;
}

static void octet_by_octet(struct tape_house *h)
{
    h->slow = 1;
}

static void test_login(void **state)
{
    static const struct tape_scene scenes[] = {
        {"a whole session", NULL, NULL, LOGIN "STAT\r\n" BYE, 0, 0, GOT_IN "+OK 4 81\r\n" SAID_BYE,
         ASKED_IN},
        {"any case", NULL, NULL, "user ann\r\npass se cret \r\nstat\r\nquit\r\n", 0, 0,
         GOT_IN "+OK 4 81\r\n" SAID_BYE, ASKED_IN},
        {"before the login nothing is told", NULL, NULL,
         "STAT\r\nLIST\r\nRETR 1\r\nDELE 1\r\nNOOP\r\nRSET\r\nTOP 1 1\r\nUIDL\r\n" BYE, 0, 0,
         GREETING FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST SAID_BYE, ""},
        {"PASS without USER", NULL, NULL, "PASS x\r\n" BYE, 0, 0,
         GREETING "-ERR USER comes first, then PASS\r\n" SAID_BYE, ""},
        {"a PASS uses the USER up", NULL, NULL, "USER ann\r\nPASS x\r\nPASS se cret \r\n" BYE, 0, 0,
         GREETING "+OK Now the password\r\n" WRONG "-ERR USER comes first, then PASS\r\n" SAID_BYE,
         "check(ann) login(ann,no,USER)"},
        {"wrong, then right", NULL, NULL,
         "USER ann\r\nPASS secret\r\nUSER ann\r\nPASS se cret \r\n" BYE, 0, 0,
         GREETING "+OK Now the password\r\n" WRONG
                  "+OK Now the password\r\n+OK Logged in: 4 messages, 81 octets\r\n" SAID_BYE,
         "check(ann) login(ann,no,USER) " ASKED_IN},
        {"an empty password", NULL, NULL, "USER ann\r\nPASS\r\nUSER ann\r\nPASS \r\n" BYE, 0, 0,
         GREETING "+OK Now the password\r\n" WRONG "+OK Now the password\r\n" WRONG SAID_BYE,
         "login(ann,no,USER) login(ann,no,USER)"},
        {"no name", NULL, NULL, "USER\r\nUSER \r\n" BYE, 0, 0,
         GREETING "-ERR USER needs an argument\r\n-ERR USER needs an argument\r\n" SAID_BYE, ""},
        {"logged in twice", NULL, NULL, LOGIN "USER ann\r\nPASS x\r\nAUTH PLAIN\r\nSTLS\r\n" BYE, 0,
         0,
         GOT_IN "-ERR You are logged in already\r\n-ERR You are logged in already\r\n"
                "-ERR You are logged in already\r\n-ERR You are logged in already\r\n" SAID_BYE,
         ASKED_IN},
        {"nobody can tell", NULL, NULL, "USER down\r\nPASS x\r\n" BYE, 0, 0,
         GREETING "+OK Now the password\r\n-ERR [SYS/TEMP] Logins cannot be checked right now; "
                  "your password may be right. Try again in a minute\r\n" SAID_BYE,
         "check(down)"},
        {"the house undoes it", NULL, no_login, LOGIN "STAT\r\n" BYE, 0, 0,
         GREETING "+OK Now the password\r\n-ERR [SYS/TEMP] The login can not be checked now; try "
                  "again in a minute\r\n" FIRST SAID_BYE,
         "check(ann) login(ann,ok,USER)"},
        {"in use", NULL, in_use, LOGIN "STAT\r\n" BYE, 0, 0,
         GREETING
         "+OK Now the password\r\n-ERR [IN-USE] another\\x0d\\x0aprogram\r\n" FIRST SAID_BYE,
         ASKED_IN},
        {"a broken mailbox is no wrong password", NULL, broken_mailbox, LOGIN BYE, 0, 0,
         GREETING "+OK Now the password\r\n-ERR [SYS/TEMP] Your mailbox can not be opened now; "
                  "your password is right. Try again in a minute\r\n" SAID_BYE,
         ASKED_IN},
        {"APOP", NULL, NULL, "APOP ann 0123456789abcdef0123456789abcdef\r\n" BYE, 0, 0,
         GREETING
         "-ERR APOP is not offered: it would need your password in the clear here. Switch "
         "it off in your mail program and take an ordinary password, over SSL/TLS\r\n" SAID_BYE,
         ""},
    };

    (void)state;
    tape_play(scenes, COUNT(scenes));
}

static void test_auth(void **state)
{
    static const struct tape_scene scenes[] = {
        {"PLAIN at once", NULL, NULL, "AUTH PLAIN AGFubgBzZSBjcmV0IA==\r\n" BYE, 0, 0,
         GREETING "+OK Logged in: 4 messages, 81 octets\r\n" SAID_BYE,
         "check(ann) login(ann,ok,PLAIN) open"},
        {"PLAIN in two", NULL, NULL, "auth plain\r\n" CUT "AGFubgBzZSBjcmV0IA==\r\n" BYE, 0, 0,
         GREETING "+ \r\n+OK Logged in: 4 messages, 81 octets\r\n" SAID_BYE,
         "check(ann) login(ann,ok,PLAIN) open"},
        {"LOGIN", NULL, NULL, "AUTH LOGIN\r\nYW5u\r\nc2UgY3JldCA=\r\n" BYE, 0, 0,
         GREETING
         "+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n+OK Logged in: 4 messages, 81 octets\r\n" SAID_BYE,
         "check(ann) login(ann,ok,LOGIN) open"},
        {"cancelled", NULL, NULL, "AUTH PLAIN\r\n*\r\nSTAT\r\n" BYE, 0, 0,
         GREETING "+ \r\n-ERR Login given up or not understood\r\n" FIRST SAID_BYE, ""},
        {"not base64", NULL, NULL, "AUTH PLAIN ???\r\n" BYE, 0, 0,
         GREETING "-ERR Login given up or not understood\r\n" SAID_BYE, ""},
        {"another's name", NULL, NULL, "AUTH PLAIN Ym9iAGFubgBzZSBjcmV0IA==\r\n" BYE, 0, 0,
         GREETING WRONG SAID_BYE, "login(ann,no,PLAIN)"},
        /* The password is right, and no mail program shall forget it. */
        {"known by PLAIN only", NULL, NULL,
         "AUTH SCRAM-SHA-256 biwsbj1tb3ZlZCxyPWFiY2RlZmdoaWprbG1ub3A=\r\n" BYE, 0, 0,
         GREETING "-ERR This account was moved here: log in once with \"normal password\" "
                  "(PLAIN), then this method works too\r\n" SAID_BYE,
         ""},
        {"AUTH forgets the USER", NULL, NULL, "USER ann\r\nAUTH PLAIN *\r\nPASS se cret \r\n" BYE,
         0, 0,
         GREETING "+OK Now the password\r\n-ERR Login given up or not understood\r\n-ERR USER "
                  "comes first, then PASS\r\n" SAID_BYE,
         ""},
        {"which are there?", NULL, NULL, "AUTH\r\n" BYE, 0, 0,
         GREETING "+OK Mechanisms:\r\nSCRAM-SHA-256\r\nPLAIN\r\nLOGIN\r\n.\r\n" SAID_BYE, ""},
        {"SPA", NULL, NULL, "AUTH NTLM\r\nAUTH CRAM-MD5\r\n" BYE, 0, 0,
         GREETING
         "-ERR SPA (Secure Password Authentication, NTLM) is not offered: switch it off in "
         "your mail program and switch on SSL/TLS, which protects any password\r\n"
         "-ERR Unknown login mechanism: CAPA lists those there are. Choose \"normal "
         "password\" in your mail program, with SSL/TLS\r\n" SAID_BYE,
         ""},
        {"-PLUS is for TLS", bound_in_clear, NULL, "AUTH SCRAM-SHA-256-PLUS\r\n" BYE, 0, 0,
         GREETING "-ERR Unknown login mechanism: CAPA lists those there are. Choose \"normal "
                  "password\" in your mail program, with SSL/TLS\r\n" SAID_BYE,
         ""},
    };

    (void)state;
    tape_play(scenes, COUNT(scenes));
}

static void test_mailbox(void **state)
{
    static const struct tape_scene scenes[] = {
        {"lists", NULL, NULL, LOGIN "LIST\r\nUIDL\r\nLIST 2\r\nUIDL 3\r\nNOOP\r\n" BYE, 0, 0,
         GOT_IN "+OK 4 messages\r\n1 23\r\n2 32\r\n3 0\r\n4 26\r\n.\r\n"
                "+OK 4 messages\r\n1 uid-a\r\n2 uid-b\r\n3 uid-c\r\n4 uid-d\r\n.\r\n"
                "+OK 2 32\r\n+OK 3 uid-c\r\n+OK Still here\r\n" SAID_BYE,
         NULL},
        {"marks, and QUIT", NULL, NULL,
         LOGIN "DELE 1\r\nDELE 3\r\nDELE 1\r\nSTAT\r\nLIST\r\nUIDL 1\r\nRETR 1\r\nTOP 1 0\r\n" BYE,
         0, 0,
         GOT_IN "+OK Message 1 goes at QUIT\r\n+OK Message 3 goes at QUIT\r\n"
                "-ERR Message 1 is marked as deleted; RSET takes the marks off\r\n+OK 2 58\r\n"
                "+OK 2 messages\r\n2 32\r\n4 26\r\n.\r\n"
                "-ERR Message 1 is marked as deleted; RSET takes the marks off\r\n"
                "-ERR Message 1 is marked as deleted; RSET takes the marks off\r\n"
                "-ERR Message 1 is marked as deleted; RSET takes the marks off\r\n"
                "+OK Good-bye; 2 messages deleted\r\n",
         ASKED_IN " update(05)"},
        {"marks, then gone (R9)", NULL, NULL, LOGIN "DELE 1\r\nDELE 2\r\nDELE 3\r\nDELE 4\r\n", 0,
         -ECONNRESET,
         GOT_IN "+OK Message 1 goes at QUIT\r\n+OK Message 2 goes at QUIT\r\n+OK Message 3 goes at "
                "QUIT\r\n+OK Message 4 goes at QUIT\r\n",
         ASKED_IN},
        {"marks, then too late", NULL, NULL, LOGIN "DELE 1\r\n", -ETIMEDOUT, -ETIMEDOUT,
         GOT_IN "+OK Message 1 goes at QUIT\r\n-ERR Waited too long for you: closing, nothing was "
                "deleted; connect again\r\n",
         ASKED_IN},
        {"half a QUIT", NULL, NULL, LOGIN "DELE 1\r\nQUIT", 0, -ECONNRESET,
         GOT_IN "+OK Message 1 goes at QUIT\r\n", ASKED_IN},
        {"RSET", NULL, NULL, LOGIN "DELE 1\r\nRSET\r\nSTAT\r\n" BYE, 0, 0,
         GOT_IN
         "+OK Message 1 goes at QUIT\r\n+OK No message is marked any more\r\n+OK 4 81\r\n" SAID_BYE,
         ASKED_IN},
        {"QUIT that fails", NULL, no_update, LOGIN "DELE 4\r\n" BYE, 0, 0,
         GOT_IN "+OK Message 4 goes at QUIT\r\n-ERR [SYS/TEMP] Some deleted messages may still be "
                "there: look again in a minute\r\n",
         ASKED_IN " update(08)"},
        {"one that cannot be read", NULL, no_message, LOGIN "RETR 1\r\nTOP 1 1\r\n" BYE, 0, 0,
         GOT_IN "-ERR [SYS/PERM] gone\r\n-ERR [SYS/PERM] gone\r\n" SAID_BYE, NULL},
        {"a list that breaks off has no end", NULL, no_entry, LOGIN "LIST 4\r\nDELE 4\r\nLIST\r\n",
         0, -EIO,
         GOT_IN "-ERR [SYS/TEMP] asleep\r\n-ERR [SYS/TEMP] asleep\r\n+OK 4 messages\r\n1 23\r\n"
                "2 32\r\n3 0\r\n",
         NULL},
    };

    (void)state;
    tape_play(scenes, COUNT(scenes));
}

static void test_messages(void **state)
{
    static const char all[] = LOGIN "RETR 1\r\nRETR 2\r\nRETR 3\r\nTOP 4 0\r\nTOP 4 2\r\n"
                                    "TOP 4 99999999999\r\nTOP 2 1\r\n" BYE;
    static const char heard[] =
        GOT_IN "+OK 23 octets\r\nSubject: one\r\n\r\nHello\r\n.\r\n"
               "+OK 32 octets\r\nSubject: two\r\n\r\n..\r\n...dots\r\nend\r\n.\r\n"
               "+OK 0 octets\r\n.\r\n"
               "+OK Its top\r\nSubject: four\r\n\r\n.\r\n"
               "+OK Its top\r\nSubject: four\r\n\r\n1\r\n2\r\n.\r\n"
               "+OK Its top\r\nSubject: four\r\n\r\n1\r\n2\r\n3\r\n.\r\n"
               "+OK Its top\r\nSubject: two\r\n\r\n..\r\n.\r\n" SAID_BYE;
    static const struct tape_scene scenes[] = {
        {"whole pieces", NULL, NULL, all, 0, 0, heard, NULL},
        {"octet by octet", NULL, octet_by_octet, all, 0, 0, heard, NULL},
    };

    (void)state;
    tape_play(scenes, COUNT(scenes));
}

/* Nothing of a message that broke off looks like its end. */
static void test_broken_message(void **state)
{
    static const struct tape_scene scene = {.inside = read_fails};
    struct text heard = TEXT_INIT(TAPE_OUT_MAX);
    struct tape_house h;

    (void)state;
    assert_int_equal(tape_run(&scene, &h, SPAN(LOGIN "RETR 1\r\n" BYE), &heard), -EIO);
    assert_true(span_search(text_span(&heard), SPAN("\r\n.\r\n")) < 0);
    assert_true(span_search(text_span(&h.events), SPAN("broken")) >= 0);
    text_free(&heard);
    text_free(&h.asked);
    text_free(&h.events);
}

static void test_numbers(void **state)
{
    static const struct tape_scene scenes[] = {
        {"no numbers", NULL, NULL,
         LOGIN "RETR 0\r\nRETR -1\r\nRETR 99999999999999999999\r\nRETR 1.5\r\nRETR 1 1\r\n"
               "RETR 5\r\nRETR\r\nDELE x\r\nLIST 0x1\r\nSTAT\r\n" BYE,
         0, 0,
         GOT_IN NO_SUCH NO_SUCH NO_SUCH NO_SUCH NO_SUCH NO_SUCH
         "-ERR RETR needs an argument\r\n" NO_SUCH NO_SUCH "+OK 4 81\r\n" SAID_BYE,
         ASKED_IN},
        {"TOP", NULL, NULL,
         LOGIN
         "TOP 1\r\nTOP 1 -1\r\nTOP 1 1 1\r\nTOP 0 1\r\nTOP 1 99999999999999999999\r\nSTAT\r\n" BYE,
         0, 0,
         GOT_IN "-ERR Syntax: TOP message lines, both numbers\r\n-ERR Syntax: TOP message lines, "
                "both numbers\r\n-ERR Syntax: TOP message lines, both numbers\r\n" NO_SUCH
                "-ERR Syntax: TOP message lines, both numbers\r\n+OK 4 81\r\n" SAID_BYE,
         ASKED_IN},
        {"words too many", NULL, NULL, LOGIN "STAT 1\r\nQUIT now\r\nNOOP x\r\nRSET 1\r\n" BYE, 0, 0,
         GOT_IN "-ERR STAT takes no argument\r\n-ERR QUIT takes no argument\r\n-ERR NOOP takes no "
                "argument\r\n-ERR RSET takes no argument\r\n" SAID_BYE,
         ASKED_IN},
    };

    (void)state;
    tape_play(scenes, COUNT(scenes));
}

static void test_tls(void **state)
{
    static const struct tape_scene scenes[] = {
        {"no password in the clear", with_tls, NULL,
         "CAPA\r\nUSER ann\r\nPASS se cret \r\nAUTH PLAIN AGFubgBzZSBjcmV0IA==\r\nAUTH\r\n" BYE, 0,
         0,
         GREETING CAPA_START "STLS\r\n" CAPA_END SWITCH_ON SWITCH_ON SWITCH_ON SWITCH_ON SAID_BYE,
         ""},
        {"STLS", with_tls, NULL, "STLS\r\n" HELLO_TLS "CAPA\r\n" LOGIN "STLS\r\n" BYE, 0, 0,
         GREETING "+OK Go ahead with TLS\r\n" CAPA_START
                  "USER\r\nSASL SCRAM-SHA-256 PLAIN LOGIN\r\n" CAPA_END
                  "+OK Now the password\r\n+OK Logged in: 4 messages, 81 octets\r\n-ERR You are "
                  "logged in already\r\n" SAID_BYE,
         ASKED_IN},
        {"-PLUS where the door has it", bound, NULL, HELLO_TLS "AUTH\r\n" BYE, 0, 0,
         GREETING "+OK Mechanisms:\r\nSCRAM-SHA-256-PLUS\r\nSCRAM-SHA-256\r\nPLAIN\r\nLOGIN\r\n"
                  ".\r\n" SAID_BYE,
         ""},
        {"and not else", tls_first, NULL, HELLO_TLS "AUTH SCRAM-SHA-256-PLUS\r\n" BYE, 0, 0,
         GREETING "-ERR Unknown login mechanism: CAPA lists those there are. Choose \"normal "
                  "password\" in your mail program, with SSL/TLS\r\n" SAID_BYE,
         ""},
        {"implicit", tls_first, NULL, HELLO_TLS LOGIN BYE, 0, 0, GOT_IN SAID_BYE, ASKED_IN},
        {"implicit, but no TLS comes", tls_first, NULL, "USER ann\r\n", 0, -EPROTO, "", ""},
        {"no TLS after STLS", with_tls, NULL, "STLS\r\n" CUT "USER ann\r\n", 0, -EPROTO,
         GREETING "+OK Go ahead with TLS\r\n", ""},
        {"injected behind STLS (HOSTILE 32)", with_tls, NULL, "STLS\r\nCAPA\r\n" HELLO_TLS BYE, 0,
         -EPROTO, GREETING "-ERR Nothing may be sent behind STLS: closing\r\n", ""},
        {"half a command behind STLS", with_tls, NULL, "STLS\r\nCA" HELLO_TLS "PA\r\n", 0, -EPROTO,
         GREETING "-ERR Nothing may be sent behind STLS: closing\r\n", ""},
        {"STLS twice, and with an argument", with_tls, NULL,
         "STLS now\r\n" CUT "STLS\r\n" HELLO_TLS "STLS\r\n" CUT BYE, 0, 0,
         GREETING "-ERR STLS takes no argument\r\n+OK Go ahead with TLS\r\n-ERR TLS is already "
                  "active\r\n" SAID_BYE,
         ""},
        {"a port without TLS", bare, NULL, "STLS\r\n" CUT "USER ann\r\n" BYE, 0, 0,
         GREETING "-ERR STLS is not offered here\r\n-ERR Nobody can log in here, because this port "
                  "has no encryption: ask your provider for the port with SSL/TLS, most often "
                  "995\r\n" SAID_BYE,
         ""},
        {"TLS from the first octet", with_tls, NULL, "\026\003\001\002", 0, -EPROTO,
         GREETING "-ERR This port speaks POP3: closing. For TLS from the first octet use another "
                  "port.\r\n",
         ""},
    };

    (void)state;
    tape_play(scenes, COUNT(scenes));
}

static void clear_allowed(struct pop3_server_settings *s)
{
    with_tls(s);
    s->tls_before_login = false;
}

/* P10: a name said before TLS is nobody's after it. */
static void test_forgotten(void **state)
{
    static const struct tape_scene scenes[] = {
        {"USER, STLS, PASS", clear_allowed, NULL,
         "USER ann\r\nSTLS\r\n" HELLO_TLS "PASS se cret \r\n" BYE, 0, 0,
         GREETING "+OK Now the password\r\n+OK Go ahead with TLS\r\n-ERR USER comes first, then "
                  "PASS\r\n" SAID_BYE,
         ""},
        {"loopback may log in without", clear_allowed, NULL, LOGIN BYE, 0, 0, GOT_IN SAID_BYE,
         ASKED_IN},
    };

    (void)state;
    tape_play(scenes, COUNT(scenes));
}

static void test_strangers(void **state)
{
    static const struct tape_scene scenes[] = {
        {"a browser", NULL, NULL, "GET / HTTP/1.1\r\nHost: x\r\nUSER ann\r\n", 0, -EPROTO,
         GREETING "-ERR This port speaks POP3: closing. For web or shell use another port.\r\n",
         ""},
        {"an SMTP client", NULL, NULL, "EHLO me\r\n" BYE, 0, 0,
         GREETING "-ERR This is POP3, for incoming mail. Your mail program takes this port for "
                  "outgoing mail (SMTP): give it 587 or 465 there\r\n" SAID_BYE,
         ""},
        {"unknown, too often", no_patience, NULL, "A\r\nB\r\nC\r\nD\r\n", 0, 0,
         GREETING "-ERR Unknown command: CAPA tells what this server can\r\n-ERR Unknown command: "
                  "CAPA tells what this server can\r\n-ERR Unknown command: CAPA tells what this "
                  "server can\r\n-ERR Too many unknown commands: closing\r\n",
         ""},
        {"errors, too many", no_patience, NULL, "STAT\r\nSTAT\r\nSTAT\r\nSTAT\r\nSTAT\r\n", 0, 0,
         GREETING FIRST FIRST FIRST FIRST
         "-ERR Too many errors in one session: closing. Look at the earlier answers.\r\n",
         ""},
        {"logins, too many", no_patience, NULL, "USER x\r\nPASS x\r\nUSER x\r\nPASS x\r\n", 0, 0,
         GREETING "+OK Now the password\r\n" WRONG "+OK Now the password\r\n" WRONG
                  "-ERR [AUTH] Too many failed logins: closing\r\n",
         "check(x) login(x,no,USER) check(x) login(x,no,USER)"},
        {"a bare LF alone", NULL, NULL, "STAT\n" CUT BYE, 0, 0,
         GREETING "-ERR Bare CR, LF or NUL in a command: lines end in CR LF (try nc -C, or openssl "
                  "s_client -crlf)\r\n" SAID_BYE,
         ""},
        {"a bare LF with more behind it", NULL, NULL, "STAT\nQUIT\r\n", 0, -EPROTO,
         GREETING "-ERR Bare CR, LF or NUL in a command: lines end in CR LF (try nc -C, or openssl "
                  "s_client -crlf)\r\n",
         ""},
        {"draining", draining, NULL, LOGIN, 0, 0,
         GREETING "-ERR [SYS/TEMP] This server is closing for now, nothing was deleted: connect "
                  "again in a moment\r\n",
         ""},
        {"evicted", NULL, NULL, LOGIN "DELE 1\r\n", -ECANCELED, -ECANCELED,
         GOT_IN "+OK Message 1 goes at QUIT\r\n-ERR [SYS/TEMP] This server closes or needs the "
                "room: connect again; nothing was deleted\r\n",
         ASKED_IN},
        {"languages", NULL, NULL, "LANG\r\nLANG en\r\nLANG *\r\nLANG xx\r\nUTF8\r\n" BYE, 0, 0,
         GREETING "+OK Languages:\r\nen English\r\n.\r\n+OK en Answers are in English\r\n+OK en "
                  "Answers are in English\r\n-ERR Not spoken here: LANG lists what is\r\n+OK UTF-8 "
                  "it is\r\n" SAID_BYE,
         ""},
    };

    (void)state;
    tape_play(scenes, COUNT(scenes));
}

/* ---- sizes ---- */

struct heard {
    struct tape_house house;
    struct text text;
    int result;
};

static struct heard run(struct span say, void (*inside)(struct tape_house *h))
{
    const struct tape_scene scene = {.inside = inside};
    struct heard h = {.text = TEXT_INIT(TAPE_OUT_MAX)};

    h.result = tape_run(&scene, &h.house, say, &h.text);
    return h;
}

static void forget(struct heard *h)
{
    text_free(&h->text);
    text_free(&h->house.asked);
    text_free(&h->house.events);
}

static size_t lines_that_begin(const struct heard *h, const char *start)
{
    struct span rest = text_span(&h->text), line;
    size_t n = 0;

    while (span_cut(&rest, '\n', &line))
        n += span_starts(line, span_of(start));
    return n;
}

static void repeat(struct text *t, const char *what, size_t times)
{
    for (size_t i = 0; i < times; i++)
        text_adds(t, what);
}

static void test_long_lines(void **state)
{
    static const struct {
        const char *start;
        size_t octets; /* with CR LF */
        bool good;
    } rows[] = {
        {"NOOP", 256, false},    {"CAPA", 300, false},   {"USER ", 262, true},
        {"USER ", 263, false},   {"PASS ", 2000, false}, {"PASS ", 10240, false},
        {"STAT ", 70000, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text say = TEXT_INIT(1 << 20);
        struct heard h;

        text_adds(&say, rows[i].start);
        repeat(&say, "x", rows[i].octets - 2 - strlen(rows[i].start));
        text_adds(&say, "\r\nCAPA\r\nQUIT\r\n");
        h = run(text_span(&say), NULL);
        assert_int_equal(h.result, 0);
        assert_int_equal(lines_that_begin(&h, "-ERR"), rows[i].good ? 0 : 1);
        assert_int_equal(lines_that_begin(&h, "+OK"), rows[i].good ? 4 : 3);
        forget(&h);
        text_free(&say);
    }
}

static void test_many_commands(void **state)
{
    struct text say = TEXT_INIT(1 << 20);
    struct heard h;

    (void)state;
    text_adds(&say, LOGIN);
    repeat(&say, "NOOP\r\n", 10000);
    h = run(text_span(&say), NULL);
    assert_int_equal(h.result, 0);
    assert_int_equal(lines_that_begin(&h, "+OK Still here"), 5000 + 20 * TAPE_MESSAGES - 2);
    assert_int_equal(lines_that_begin(&h, "-ERR Too many commands"), 1);
    forget(&h);
    text_free(&say);
}

/* Octets as stored, however they are cut (HOSTILE 113). */
static void test_stuffing(void **state)
{
    static const struct {
        struct span in;
        struct span out;
    } rows[] = {
        {SPAN(""), SPAN(".\r\n")},
        {SPAN("a"), SPAN("a\r\n.\r\n")},
        {SPAN("\n"), SPAN("\r\n.\r\n")},
        {SPAN(".\n.\r\n..\n"), SPAN("..\r\n..\r\n...\r\n.\r\n")},
        {SPAN("a\rb\n\r\n\r"), SPAN("a\rb\r\n\r\n\r\r\n.\r\n")},
        {SPAN("a\r\r\nb\0c\n"), SPAN("a\r\r\nb\0c\r\n.\r\n")},
        {SPAN("a\n\n\r\n"), SPAN("a\r\n\r\n\r\n.\r\n")},
        {SPAN("x\r.\n"), SPAN("x\r.\r\n.\r\n")},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t cut = 1; cut < 8; cut++) {
            struct text out = TEXT_INIT(100);
            struct pop3_stuff s = {0};

            for (size_t at = 0; at < rows[i].in.len; at += cut)
                pop3_stuff_add(&s, span_head(span_from(rows[i].in, at), cut), &out);
            pop3_stuff_end(&s, &out);
            assert_true(span_eq(text_span(&out), rows[i].out));
            text_free(&out);
        }
}

static struct span huge[TAPE_MESSAGES];

static void with_huge(struct tape_house *h)
{
    h->message = huge;
}

/* A line of 10 MB, with NUL and dots in it, without an end. */
static void test_huge_line(void **state)
{
    enum { SIZE = 10 << 20 };
    char *line = malloc(SIZE);
    struct heard h;

    (void)state;
    assert_non_null(line);
    memset(line, '.', SIZE);
    line[SIZE / 2] = '\0';
    huge[1] = (struct span){line, SIZE};
    h = run(SPAN(LOGIN "RETR 2\r\nTOP 2 5\r\n" BYE), with_huge);
    assert_int_equal(h.result, 0);
    assert_true(h.text.len > 2 * SIZE && h.text.len < 2 * SIZE + 400);
    assert_int_equal(lines_that_begin(&h, "+OK 10485762 octets\r"), 1);
    assert_int_equal(lines_that_begin(&h, ".\r"), 2);
    forget(&h);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_auth),
        cmocka_unit_test(test_mailbox),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_broken_message),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_many_commands),
        cmocka_unit_test(test_huge_line),
        cmocka_unit_test(test_stuffing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
