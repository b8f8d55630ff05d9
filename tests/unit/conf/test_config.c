#include "conf/config.h"

#include "base/clock.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The notes of a text, one per line. */
static struct config *parse(const char *text, struct text *notes)
{
    struct config_notes n = {0};
    struct config *c = NULL;
    int result = config_parse(span_of(text), "f", &n, &c);

    assert_int_equal(result, n.errors ? -1 : 0);
    assert_true((c != NULL) == (result == 0));
    for (size_t i = 0; i < n.count; i++)
        text_addf(notes, "%s%s\n", n.at[i].warning ? "warning: " : "", n.at[i].text);
    config_notes_free(&n);
    return c;
}

/* Keeps warnings quiet that are not what a row is about. */
#define QUIET "hostname = h.example domains = example.org tls { certificate = /c key = /k }\n"

struct invalid {
    const char *name, *text, *notes;
};

static const struct invalid invalid_table[] = {
    {"misspelt setting", "# one\n\nhostnam = a.example\n",
     "f:3: unknown setting 'hostnam': did you mean 'hostname'?\n"},
    {"misspelt block", "dor \"a\" { port = 25 }\n",
     "f:1: unknown block 'dor': did you mean 'door'?\n"},
    {"misspelt in block", "limits {\n  recipient = 100\n}\n",
     "f:2: unknown setting 'recipient': did you mean 'recipients'?\n"},
    {"web takes no mail", QUIET "door \"w\" { port = 8080 role = web https = true }\n",
     "f:2: door 'w' has the role web, which takes no mail: leave out https, or write role = "
     "submission\n"},
    {"web has no STARTTLS", QUIET "door \"w\" { port = 80 tls = starttls }\n",
     "f:2: door 'w' has the role web, where there is no STARTTLS: write tls = implicit or none\n"},
    {"clients without TLS", QUIET "clients { imap = \"imap.example.org:143 none\" }\n",
     "f:2: mail programs need a host name, a port and TLS: write doors such as "
     "\"imap.example.org:993 implicit\" or \"imap.example.org:143 starttls\"\n"},
    {"clients with any", QUIET "clients { pop3 = auto }\n",
     "f:2: mail programs need a host name, a port and TLS: write doors such as "
     "\"imap.example.org:993 implicit\" or \"imap.example.org:143 starttls\"\n"},
    {"no MX", QUIET "mta-sts { mode = testing mx = { \"*\" } }\n",
     "f:2: '*' in mx of mta-sts is no name of a server: write mx1.example.org or *.example.org\n"},
    {"unknown", "zzzzzzzzzz = 1\n",
     "f:1: unknown setting 'zzzzzzzzzz': remove it, or look it up in port26.conf(5)\n"},
    {"wrong block", "message-size = 5M\n",
     "f:1: 'message-size' has its place inside the block 'limits': move it\n"},
    {"not in a block", "store { hostname = a.example }\n",
     "f:1: 'hostname' has its place outside of all blocks: move it\n"},
    {"list without braces", "domains = a.example b.example\n",
     "f:1: did not expect 'b.example' here: a setting is written name = value, a list { a, b }, a "
     "block name { ... }\n"},
    {"all mistakes are told",
     "hostnam = a\nstore { pth = /x\n free-min = 5X }\nqqqqqqq = { 1, 2 }\n",
     "f:1: unknown setting 'hostnam': did you mean 'hostname'?\n"
     "f:2: unknown setting 'pth': did you mean 'path'?\n"
     "f:3: free-min: '5X' is no size: write a number of octets, or with K, M, G, T as in 50M\n"
     "f:4: unknown setting 'qqqqqqq': remove it, or look it up in port26.conf(5)\n"},
    {"line behind comments", "/* a\n b */\n# c\n/* d */ store { free-min = { 1 } }\n",
     "f:4: did not expect '{' here: a setting is written name = value, a list { a, b }\n"},
    {"no value", "hostname a.example\n", "f:1: hostname: write = and a value behind it\n"},
    {"end instead of value", "hostname =\n", "f:2: the file ends where a value should follow\n"},
    {"block without name", "door {\n port = 25\n}\n",
     "f:1: the block 'door' needs a name of its own: write door \"name\" { ... }\n"},
    {"block named twice", "relay \"a\" { host = x.example }\nrelay \"a\" { host = y.example }\n",
     "f:2: there is already a block of this kind named 'a': choose another name\n"},
    {"bad block name", "relay \"a b\" { host = x.example }\n",
     "f:1: relay: its name must be 1 to 64 letters, digits, dots, hyphens or underscores\n"},
    {"never closed", "store {\n path = /x\n",
     "f:1: the { opened here is never closed: add the missing }\n"},
    {"never opened", "hostname = a.example\n}\n",
     "f:2: nothing is open that this } could close: remove it, or look for a missing { above\n"},
    {"quotation", "hostname = \"a.example\ndomains = {}\n",
     "f:1: the text begun here with a quotation mark does not end on its line\n"},
    {"comment", "\n/* x\n\n", "f:2: the comment begun here with /* never ends: close it with */\n"},
    {"control octet", "hostname = a\033[31m.example\n",
     "f:1: this line holds control characters: remove them\n"},
    {"append to one value", "hostname += a.example\n",
     "f:1: 'hostname' holds one value: write = instead of +=\n"},
    {"environment", "user = \"${PORT26_NO_SUCH}\"\n",
     "f:1: the environment has no variable 'PORT26_NO_SUCH': set it, or write \\$ for a dollar "
     "sign\n"},
    {"escape", "user = \"a\\999\"\n", "f:1: '\\999' means nothing: write \\\\ for a backslash\n"},
    {"nameless setting", "\"\" = 5\n", "f:1: cannot be understood from here on\n"},
    {"number", "delivery { concurrency = many }\n",
     "f:1: concurrency: 'many' is no number: write digits only\n"},
    {"too small", "limits { recipients = 99 }\n",
     "f:1: recipients: '99' is too small: at least 100\n"},
    {"too large", "limits { message-size = 5T }\n",
     "f:1: message-size: '5T' is too large: at most 4G\n"},
    {"port", "door a { port = 65536 }\n", "f:1: port: '65536' is too large: at most 65535\n"},
    {"duration", "dns { timeout = 10 }\n",
     "f:1: timeout: '10' is no duration: write a number with ms, s, m, h, d or w as in 90s\n"},
    {"long duration", "dns { timeout = 1h }\n", "f:1: timeout: '1h' is too large: at most 5m\n"},
    {"choice", "log { level = warn }\n",
     "f:1: level: 'warn' is not one of error, warning, notice, info, debug\n"},
    {"near choice", "log { form = jsn }\n",
     "f:1: form: 'jsn' is not one of keyvalue, json: did you mean 'json'?\n"},
    {"opportunistic door", "door a { port = 25 tls = opportunistic }\n",
     "f:1: tls: 'opportunistic' is not one of none, starttls, implicit\n"},
    {"bool", "process { jail = perhaps }\n",
     "f:1: jail: 'perhaps' is neither yes nor no: write true or false\n"},
    {"path", "store { path = var }\n", "f:1: path: 'var' is no full path: begin it with /\n"},
    {"network", "door a { port = 587 trust = { 10.0.0.1/8 } }\n",
     "f:1: trust: '10.0.0.1/8' is no network: write one such as 192.0.2.0/24 or 2001:db8::/32, "
     "with no bits set behind the prefix\n"},
    {"address", "door a { port = 587 address = { localhost } }\n",
     "f:1: address: 'localhost' is no address: write one such as 192.0.2.1 or 2001:db8::1\n"},
    {"no address", "door a { port = 587 address = {} }\n", "f: address: needs at least 1 value\n"},
    {"domain", "domains = { a..example }\n",
     "f:1: domains: 'a..example' is no host name: write a name such as mail.example.org\n"},
    {"domain is address", "domains = { 192.0.2.1 }\n",
     "f:1: domains: '192.0.2.1' is an address: write a domain such as example.org\n"},
    {"mailbox", "postmaster = nobody\n",
     "f:1: postmaster: 'nobody' is no mail address: write one such as postmaster@example.org\n"},
    {"pattern", "route a { to = { a@b@ } via = mx }\n",
     "f:1: to: 'a@b@' is no pattern: write *, example.org, *.example.org or name@example.org\n"},
    {"resolver", "dns { resolver = { 192.0.2.1@0 } }\n",
     "f:1: resolver: '192.0.2.1@0' is no name server: write its address, or ADDRESS@PORT\n"},
    {"mechanism", "relay a { host = x.example mechanisms = { \"A B\" } }\n",
     "f:1: mechanisms: 'A B' is no SASL mechanism: write a name such as SCRAM-SHA-256\n"},
    {"no wait", "delivery { retry = { 0 } }\n", "f:1: retry: '0' is no wait: write at least 1ms\n"},
    {"door lacks port", QUIET "door a {\n tls = none\n}\n",
     "f:4: this door lacks 'port': add port = port\n"},
    {"relay lacks host", QUIET "relay a { }\n", "f:2: this relay lacks 'host': add host = host\n"},
    {"doors overlap", QUIET "door a { port = 587 }\ndoor b { port = 587 address = 192.0.2.1 }\n",
     "f:3: door 'b' wants port 587 at 192.0.2.1, which door 'a' has: change one of them\n"},
    {"open relay", QUIET "door a { port = 587 trust = { 0.0.0.0/0 } }\n",
     "f:2: door 'a' trusts everybody and would be an open relay: name the networks of your own "
     "clients\n"},
    {"HTTPS without TLS", QUIET "door a { port = 587 https = true tls = starttls }\n",
     "f:2: door 'a' speaks HTTPS: write tls = implicit and role = submission, or https = false\n"},
    {"key alone", "hostname = h.example domains = x.example\ntls { key = /k }\n",
     "warning: f: there is no certificate, so nobody can log in with TLS: add tls { certificate = "
     "FILE key = FILE }\n"
     "f:2: there is a key without a certificate: add certificate = FILE\n"},
    {"unknown relay", QUIET "route a { via = relay:nope }\n",
     "f:2: route 'a' goes via 'relay:nope', but there is no such relay: add relay \"nope\" { ... "
     "}\n"},
    {"misspelt relay", QUIET "relay isp { host = x.example }\nroute a { via = relay:ips }\n",
     "f:3: route 'a' goes via 'relay:ips', which is unknown: did you mean 'relay:isp'?\n"},
    {"unknown way", QUIET "route a { via = pigeonpost }\n",
     "f:2: route 'a' goes via 'pigeonpost': write mx, inbox or relay:NAME\n"},
    {"door without port", "relay a { host = x.example doors = { \"x.example\" } }\n",
     "f:1: doors: 'x.example' is no door: write one such as \"465 implicit\", or "
     "\"smtp2.example.com:587 starttls\"\n"},
    {"door with a strange mode", "relay a { host = x.example\ndoors = { \"465 tls\" } }\n",
     "f:2: doors: '465 tls' is no door: write one such as \"465 implicit\", or "
     "\"smtp2.example.com:587 starttls\"\n"},
    {"door with a bad host", "relay a { host = x.example doors = { \"a b:465\" } }\n",
     "f:1: doors: 'a b:465' is no door: write one such as \"465 implicit\", or "
     "\"smtp2.example.com:587 starttls\"\n"},
    {"doors and port", QUIET "relay a { host = x.example doors = { 465 } port = 25 }\n",
     "f:2: relay 'a' has doors, and port or tls besides: write it into doors, or leave out "
     "doors\n"},
    {"password over an open door",
     QUIET "relay a { host = x.example user = me password-file = /p\n"
           "doors = { 465, \"25 opportunistic\" } }\n",
     "f:3: relay 'a' would get a password without TLS: write tls = starttls or implicit\n"},
    {"both secrets",
     QUIET "relay a { host = b.test user = u password-file = /x token-command = y }\n",
     "f:2: relay 'a' has both a password and a token-command: keep one of them\n"},
    {"then of a route without relay", QUIET "route r { via = mx then = mx }\n",
     "f:2: route 'r' has further ways in then, which only a route via a relay may have: leave them "
     "out\n"},
    {"then without such a relay",
     QUIET "relay a { host = b.test }\nroute r { via = relay:a then = relay:isp }\n",
     "f:3: route 'r' goes via 'relay:isp', which is unknown: did you mean 'relay:a'?\n"},
    {"then with the inbox",
     QUIET "relay a { host = b.test }\nroute r { via = relay:a then = inbox }\n",
     "f:3: route 'r' has the inbox as a further way: write mx or relay:NAME\n"},
    {"warnings that fall", QUIET "quota { warn = { 95, 80 } }\n",
     "f:2: warn of quota is at most 8 rising numbers from 1 to 100: write { 80, 95 }\n"},
    {"a warning beyond all", "quota { warn = { 101 } }\n",
     "f:1: warn: '101' is too large: at most 100\n"},
    {"notices to nobody", QUIET "notices { mail = somebody }\n",
     "f:2: 'somebody' in mail of notices is no address: write you@example.org\n"},
    {"token without user", QUIET "relay a { host = b.test token-command = y }\n",
     "f:2: relay 'a' has a token-command without user: add user = NAME\n"},
    {"user alone", QUIET "relay a { host = x.example user = me }\n",
     "f:2: relay 'a' has a user without password: add password-file = FILE\n"},
    {"password alone", QUIET "relay a { host = x.example password-file = /p }\n",
     "f:2: relay 'a' has a password without user: add user = NAME\n"},
    {"password in clear",
     QUIET "relay a { host = x.example tls = opportunistic user = me "
           "password-file = /p }\n",
     "f:2: relay 'a' would get a password without TLS: write tls = starttls or implicit\n"},
    {"password to anybody",
     QUIET "relay a { host = x.example verify = no user = me password-file = /p }\n",
     "f:2: relay 'a' would get a password without proof who it is: leave out verify = false, and "
     "name its authority in ca-file\n"},
    {"control too long",
     QUIET "store { path = /0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
           "0123456789/0123456789/0123456789/0123456789 }\n",
     "f:2: the path of the control socket is too long: write control = a shorter path\n"},
};

static void test_invalid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(invalid_table); i++) {
        struct text notes = TEXT_INIT(100000);
        struct config *c = parse(invalid_table[i].text, &notes);

        if (strcmp(text_cstr(&notes), invalid_table[i].notes) != 0)
            print_error("%s\n", invalid_table[i].name);
        assert_string_equal(text_cstr(&notes), invalid_table[i].notes);
        assert_null(c);
        text_free(&notes);
    }
}

static const struct invalid warning_table[] = {
    {"nothing wrong", QUIET, ""},
    {"short name", "hostname = box domains = example.org tls { certificate = /c }\n",
     "warning: f:1: hostname 'box' is no full name and many servers will refuse it: write hostname "
     "= mail.example.org\n"},
    {"no mail for anybody", "hostname = h.example tls { certificate = /c }\n",
     "warning: f: there are neither domains nor a relay: add domains = { ... } or use `port26 "
     "domain add` if mailboxes are here, or a relay if all mail goes through one\n"},
    {"exchange without domains",
     "hostname = h.example tls { certificate = /c }\nrelay a { host = x.example }\n"
     "door a { port = 25 }\n",
     "warning: f:3: door 'a' takes mail for our domains, but there are none in this file: add "
     "domains = { ... }, or use `port26 domain add`\n"},
    {"no login", QUIET "door a { port = 2526\n tls = none }\n",
     "warning: f:3: nobody can log in at door 'a', which has no TLS: give it a certificate, or "
     "networks in trust\n"},
    {"no login for POP3", "hostname = h.example domains = x.example\ndoor a { port = 110 }\n",
     "warning: f:2: nobody can log in at door 'a', which has no TLS: give it a certificate\n"},
    {"trust at POP3", QUIET "door a { port = 110 trust = 192.0.2.0/24 }\n",
     "warning: f:2: door 'a' has the role pop3, where everybody logs in: leave out trust and "
     "trust-users\n"},
    {"implicit without certificate",
     "hostname = h.example domains = x.example\ndoor a { port = 465 }\n",
     "warning: f:2: door 'a' speaks TLS but has no certificate, so it stays shut: add tls { "
     "certificate = FILE key = FILE }, or tls = none\n"},
    {"late notice", QUIET "delivery { delay-notice = 2d lifetime = 1d }\n",
     "warning: f:2: delay-notice is not shorter than lifetime, so it is never sent: shorten it, or "
     "write 0\n"},
    {"greedy address", QUIET "limits { connections = 500 }\n",
     "warning: f:2: connections-per-address is more than connections: one address can keep all "
     "others out\n"},
    {"open to this machine",
     QUIET "door a { port = 587 address = { 127.0.0.1, ::1 } trust = { "
           "0.0.0.0/0, ::/0 } }\n",
     ""},
    {"login on this machine",
     QUIET "relay a { host = 127.0.0.1 tls = none user = a password-file "
           "= /p }\n",
     ""},
};

static void test_warnings(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(warning_table); i++) {
        struct text notes = TEXT_INIT(100000);
        struct config *c = parse(warning_table[i].text, &notes);

        if (strcmp(text_cstr(&notes), warning_table[i].notes) != 0)
            print_error("%s\n", warning_table[i].name);
        assert_string_equal(text_cstr(&notes), warning_table[i].notes);
        assert_non_null(c);
        config_free(&c);
        text_free(&notes);
    }
}

static struct config *good(const char *text)
{
    struct text notes = TEXT_INIT(100000);
    struct config *c = parse(text, &notes);

    assert_string_equal(text_cstr(&notes), "");
    text_free(&notes);
    assert_non_null(c);
    return c;
}

static void test_defaults(void **state)
{
    struct config *c = config_defaults();
    static const struct {
        uint64_t port;
        enum config_tls tls;
        enum config_role role;
    } doors[] = {{25, CONFIG_TLS_STARTTLS, CONFIG_ROLE_EXCHANGE},
                 {26, CONFIG_TLS_STARTTLS, CONFIG_ROLE_SUBMISSION},
                 {465, CONFIG_TLS_IMPLICIT, CONFIG_ROLE_SUBMISSION},
                 {587, CONFIG_TLS_STARTTLS, CONFIG_ROLE_SUBMISSION},
                 {1025, CONFIG_TLS_STARTTLS, CONFIG_ROLE_SUBMISSION},
                 {2525, CONFIG_TLS_STARTTLS, CONFIG_ROLE_SUBMISSION}};

    (void)state;
    assert_non_null(c->hostname);
    assert_string_equal(c->user, "port26");
    assert_string_equal(c->control, "/var/lib/port26/control");
    assert_string_equal(c->inboxes.path, "/var/lib/port26/inbox");
    assert_string_equal(c->delivery.helo, c->hostname);
    assert_string_equal(c->tls.cert.certificate, "");
    assert_string_equal(c->tls.cert.key, "");
    assert_int_equal(c->log.level, LOG_INFO);
    assert_int_equal(c->limits.message_size, 50 << 20);
    assert_int_equal(c->delivery.lifetime, 5 * CLOCK_DAY);
    assert_int_equal(c->quota.account, 0);
    assert_int_equal(c->quota.warn.count, 2);
    assert_int_equal(c->quota.warn.at[1], 95);
    assert_int_equal(c->delivery.retry.count, 7);
    assert_int_equal(c->delivery.retry.at[6], 4 * CLOCK_HOUR);
    assert_int_equal(c->door_count, COUNT(doors));
    for (size_t i = 0; i < COUNT(doors); i++) {
        assert_int_equal(c->doors[i].port, doors[i].port);
        assert_int_equal(c->doors[i].tls, doors[i].tls);
        assert_int_equal(c->doors[i].role, doors[i].role);
        assert_int_equal(c->doors[i].address.count, 2);
        assert_string_equal(c->doors[i].greeting.at[0], "ESMTP");
    }
    config_free(&c);
    assert_null(c);
    config_free(&c);
}

static void test_values(void **state)
{
    struct config *c = good("hostname = Mail.B\xc3\xbc"
                            "cher.Example; domains = { Example.ORG,\n"
                            "  \"two.example\", # and\n  three.example }\n"
                            "domains += four.example\n"
                            "tls { certificate = /etc/cert.pem }\n"
                            "store { path = /srv/mail/ inline-max = 1K }\n"
                            "log { target = journal level = debug form = json }\n"
                            "limits { message-time = 1h30m }\n"
                            "dns { resolver = { 192.0.2.1, ::1@5353 } }\n"
                            "process { jail = off }\n");

    (void)state;
    assert_string_equal(c->hostname, "mail.xn--bcher-kva.example");
    assert_int_equal(c->domains.count, 4);
    assert_string_equal(c->domains.at[0], "example.org");
    assert_string_equal(c->domains.at[3], "four.example");
    assert_string_equal(c->postmaster, "postmaster@example.org");
    assert_string_equal(c->tls.cert.key, "/etc/cert.pem");
    assert_string_equal(c->store.path, "/srv/mail");
    assert_string_equal(c->control, "/srv/mail/control");
    assert_int_equal(c->store.inline_max, 1024);
    assert_int_equal(c->log.target, LOG_TO_JOURNAL);
    assert_int_equal(c->log.form, LOG_JSON);
    assert_int_equal(c->log.level, LOG_DEBUG);
    assert_int_equal(c->limits.message_time, 90 * CLOCK_MINUTE);
    assert_string_equal(c->dns.resolver.at[1], "::1@5353");
    assert_false(c->process.jail);
    assert_true(config_domain(c, SPAN("two.Example")));
    assert_false(config_domain(c, SPAN("x.two.example")));
    assert_int_equal(config_line(c, &c->store.inline_max), 6);
    assert_int_equal(config_line(c, &c->store.free_min), 0);
    config_free(&c);
}

/* Who has mail here can fetch it. */
static void test_default_pop3(void **state)
{
    struct config *c = good(QUIET);

    (void)state;
    assert_int_equal(c->door_count, 8);
    assert_int_equal(c->doors[6].port, 110);
    assert_int_equal(c->doors[6].tls, CONFIG_TLS_STARTTLS);
    assert_int_equal(c->doors[6].role, CONFIG_ROLE_POP3);
    assert_int_equal(c->doors[7].port, 995);
    assert_int_equal(c->doors[7].tls, CONFIG_TLS_IMPLICIT);
    assert_int_equal(c->doors[7].role, CONFIG_ROLE_POP3);
    assert_int_equal(c->limits.pop3_timeout, 10 * CLOCK_MINUTE);
    config_free(&c);
    c = good(QUIET "door a { port = 995 }\ndoor b { port = 1110 role = pop3 }\n");
    assert_int_equal(c->doors[0].role, CONFIG_ROLE_POP3);
    assert_int_equal(c->doors[0].tls, CONFIG_TLS_IMPLICIT);
    assert_int_equal(c->doors[1].role, CONFIG_ROLE_POP3);
    assert_int_equal(c->doors[1].tls, CONFIG_TLS_STARTTLS);
    assert_string_equal(config_role_name(c->doors[1].role), "pop3");
    config_free(&c);
}

static void test_doors(void **state)
{
    struct config *c =
        good(QUIET "door plain { port = 2500 role = exchange tls = none\n"
                   " greeting = { \"hello\", \"it's me\" } }\n"
                   "door safe { port = 465 certificate = /d proxy-from = 10.0.0.0/8 }\n"
                   "door other { port = 999 trust = { 192.0.2.0/24, ::1 } }\n");

    (void)state;
    assert_int_equal(c->door_count, 3);
    assert_string_equal(c->doors[0].name, "plain");
    assert_int_equal(c->doors[0].role, CONFIG_ROLE_EXCHANGE);
    assert_int_equal(c->doors[0].tls, CONFIG_TLS_NONE);
    assert_int_equal(c->doors[0].greeting.count, 2);
    assert_string_equal(c->doors[0].greeting.at[1], "it's me");
    assert_string_equal(c->doors[0].cert.certificate, "/c");
    assert_string_equal(c->doors[0].cert.key, "/k");
    assert_int_equal(c->doors[1].tls, CONFIG_TLS_IMPLICIT);
    assert_string_equal(c->doors[1].cert.certificate, "/d");
    assert_string_equal(c->doors[1].cert.key, "/d");
    assert_int_equal(c->doors[1].proxy_from.count, 1);
    assert_int_equal(c->doors[1].proxy_from.at[0].bits, 8);
    assert_int_equal(c->doors[2].tls, CONFIG_TLS_STARTTLS);
    assert_int_equal(c->doors[2].role, CONFIG_ROLE_SUBMISSION);
    assert_int_equal(c->doors[2].trust.count, 2);
    assert_int_equal(config_line(c, &c->doors[2].port), 5);
    config_free(&c);
}

/* Port 443 is the web's, unless the file says otherwise. */
static void test_https_doors(void **state)
{
    static const struct {
        const char *door;
        bool https;
        enum config_tls tls;
    } rows[] = {
        {"door a { port = 443 }\n", true, CONFIG_TLS_IMPLICIT},
        {"door a { port = 443 https = false }\n", false, CONFIG_TLS_STARTTLS},
        {"door a { port = 443 tls = starttls }\n", false, CONFIG_TLS_STARTTLS},
        {"door a { port = 443 tls = implicit }\n", true, CONFIG_TLS_IMPLICIT},
        {"door a { port = 443 role = exchange }\n", false, CONFIG_TLS_STARTTLS},
        {"door a { port = 8443 https = true }\n", true, CONFIG_TLS_IMPLICIT},
        {"door a { port = 465 }\n", false, CONFIG_TLS_IMPLICIT},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[500];
        struct config *c;

        snprintf(text, sizeof text, "%s%s", QUIET, rows[i].door);
        c = good(text);
        assert_int_equal(c->doors[0].https, rows[i].https);
        assert_int_equal(c->doors[0].tls, rows[i].tls);
        config_free(&c);
    }
}

static void test_relays_and_routes(void **state)
{
    struct config *c =
        good(QUIET "route first { to = *.Example.com from = \"<>\" via = mx }\n"
                   "relay isp { host = smtp.isp.example user = me password-file = /p\n"
                   "  mechanisms = { scram-sha-256, PLAIN } }\n"
                   "relay old { host = 2001:db8::1 port = 465 }\n"
                   "relay new { host = x.example tls = implicit verify = no }\n"
                   "route second { to = { a@b.example } via = relay:isp }\n"
                   "route last { via = inbox }\n");

    (void)state;
    assert_int_equal(c->route_count, 3);
    assert_string_equal(c->routes[0].to.at[0], "*.example.com");
    assert_string_equal(c->routes[0].from.at[0], "<>");
    assert_int_equal(c->routes[0].kind, CONFIG_VIA_MX);
    assert_int_equal(c->routes[1].kind, CONFIG_VIA_RELAY);
    assert_ptr_equal(c->routes[1].relay, &c->relays[0]);
    assert_int_equal(c->routes[2].kind, CONFIG_VIA_INBOX);
    assert_string_equal(c->routes[2].to.at[0], "*");
    assert_int_equal(c->relays[0].port, 465);
    assert_int_equal(c->relays[0].tls, CONFIG_TLS_IMPLICIT);
    assert_true(c->relays[0].verify);
    assert_string_equal(c->relays[0].mechanisms.at[0], "SCRAM-SHA-256");
    assert_string_equal(c->relays[1].host, "[IPv6:2001:db8::1]");
    assert_int_equal(c->relays[1].tls, CONFIG_TLS_IMPLICIT);
    assert_int_equal(c->relays[2].port, 465);
    assert_false(c->relays[2].verify);
    assert_ptr_equal(config_relay(c, "new"), &c->relays[2]);
    assert_null(config_relay(c, "nil"));
    config_free(&c);
}

static void assert_relay_door(const struct config_relay *r, size_t at, const char *host,
                              uint64_t port, enum config_tls tls)
{
    assert_true(at < r->door_count);
    assert_string_equal(r->doors[at].host, host);
    assert_int_equal(r->doors[at].port, port);
    assert_int_equal(r->doors[at].tls, tls);
}

static void test_relay_doors(void **state)
{
    struct config *c =
        good(QUIET "relay all { host = Smtp.X.example }\n"
                   "relay port { host = x.example port = 2525 }\n"
                   "relay tls { host = x.example tls = implicit }\n"
                   "relay word { host = x.example doors = auto }\n"
                   "relay list { host = x.example doors = { 465, \"Two.example:587  STARTTLS\",\n"
                   "  \"[2001:db8::1]:26 none\", \"192.0.2.1:25 opportunistic\" } }\n");
    struct text out = TEXT_INIT(CONFIG_FILE_MAX);

    (void)state;
    assert_int_equal(c->relays[0].door_count, 7);
    assert_relay_door(&c->relays[0], 0, "smtp.x.example", 465, CONFIG_TLS_IMPLICIT);
    assert_relay_door(&c->relays[0], 1, "smtp.x.example", 587, CONFIG_TLS_STARTTLS);
    assert_relay_door(&c->relays[0], 5, "smtp.x.example", 1025, CONFIG_TLS_STARTTLS);
    assert_relay_door(&c->relays[0], 6, "smtp.x.example", 443, CONFIG_TLS_HTTPS);
    assert_int_equal(c->relays[1].door_count, 1);
    assert_relay_door(&c->relays[1], 0, "x.example", 2525, CONFIG_TLS_STARTTLS);
    assert_int_equal(c->relays[2].door_count, 1);
    assert_relay_door(&c->relays[2], 0, "x.example", 465, CONFIG_TLS_IMPLICIT);
    assert_int_equal(c->relays[3].door_count, 7);
    assert_int_equal(c->relays[4].door_count, 4);
    assert_relay_door(&c->relays[4], 0, "x.example", 465, CONFIG_TLS_IMPLICIT);
    assert_relay_door(&c->relays[4], 1, "two.example", 587, CONFIG_TLS_STARTTLS);
    assert_relay_door(&c->relays[4], 2, "[IPv6:2001:db8::1]", 26, CONFIG_TLS_NONE);
    assert_relay_door(&c->relays[4], 3, "[192.0.2.1]", 25, CONFIG_TLS_OPPORTUNISTIC);
    config_print(c, true, &out);
    assert_non_null(strstr(text_cstr(&out), "doors = { \"465 implicit\", \"two.example:587 "
                                            "starttls\", \"[IPv6:2001:db8::1]:26 none\", "
                                            "\"[192.0.2.1]:25 opportunistic\" }\n"));
    text_free(&out);
    config_free(&c);
}

static void test_environment(void **state)
{
    struct config *c;

    (void)state;
    setenv("PORT26_TEST_DIR", "/run/x", 1);
    c = good(QUIET "control = ${PORT26_TEST_DIR}/c user = \"${PORT26_NONE:-mail}\"");
    assert_string_equal(c->control, "/run/x/c");
    assert_string_equal(c->user, "mail");
    config_free(&c);
    unsetenv("PORT26_TEST_DIR");
}

/* More mistakes than can be told are at least counted. */
static void test_many_mistakes(void **state)
{
    struct text text = TEXT_INIT(1 << 20);
    struct config_notes notes = {0};
    struct config *c;

    (void)state;
    for (int i = 0; i < 200; i++)
        text_addf(&text, "relay r%d { host = x.example port = 0 }\n", i);
    assert_int_equal(config_parse(text_span(&text), "f", &notes, &c), -1);
    assert_int_equal(notes.errors, 200);
    assert_int_equal(notes.count, CONFIG_NOTES);
    config_notes_free(&notes);
    assert_int_equal(notes.errors, 0);
    text_free(&text);
}

static void load_fails(const char *file, const char *words)
{
    struct config_notes notes = {0};
    struct config *c;
    char expected[300];

    snprintf(expected, sizeof expected, "%s%s", file, words);
    assert_int_equal(config_load(file, &notes, &c), -1);
    assert_null(c);
    assert_int_equal(notes.count, 1);
    assert_string_equal(notes.at[0].text, expected);
    config_notes_free(&notes);
}

static void test_load(void **state)
{
    char dir[] = "/tmp/port26-conf-XXXXXX", file[64];
    struct config_notes notes = {0};
    struct config *c;
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/port26.conf", dir);
    load_fails(file, ": cannot be opened: No such file or directory");
    load_fails(dir, ": is no regular file: name the configuration file");
    f = fopen(file, "w");
    assert_non_null(f);
    fputs(QUIET, f);
    fflush(f);
    assert_int_equal(config_load(file, &notes, &c), 0);
    assert_int_equal(notes.count, 0);
    assert_string_equal(c->hostname, "h.example");
    assert_string_equal(c->file, file);
    config_free(&c);
    chmod(file, 0666);
    load_fails(file, ": may be changed by everybody: chmod o-w it first");
    chmod(file, 0600);
    /* HOSTILE 119: a line of 1 MiB. */
    for (int i = 0; i < 1 << 20; i++)
        putc('x', f);
    fflush(f);
    load_fails(file, ":2: this line is longer than 16384 octets: is it a configuration file?");
    assert_int_equal(ftruncate(fileno(f), (off_t)CONFIG_FILE_MAX + 1), 0);
    load_fails(file, ": is larger than 4194304 octets: is it a configuration file?");
    fclose(f);
    unlink(file);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invalid),       cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_defaults),      cmocka_unit_test(test_values),
        cmocka_unit_test(test_doors),         cmocka_unit_test(test_default_pop3),
        cmocka_unit_test(test_https_doors),   cmocka_unit_test(test_relays_and_routes),
        cmocka_unit_test(test_relay_doors),   cmocka_unit_test(test_environment),
        cmocka_unit_test(test_many_mistakes), cmocka_unit_test(test_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
