/* Each rule has a network here that shows it, made from one where all is well. */
#include "probe/conclude.h"

#include "base/memory.h"
#include "probe/remedy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void address(struct sockaddr_storage *out, const char *text)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        return;
    }
    assert_int_equal(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
    six->sin6_family = AF_INET6;
}

static struct findings_door *add(struct findings *f, enum findings_who who, unsigned port,
                                 const char *at)
{
    struct findings_door *d = &f->door[f->door_count++];

    *d = (struct findings_door){.who = who, .port = (uint16_t)port, .state = DOOR_OPEN};
    address(&d->address, at);
    d->talk = TALK_SMTP;
    d->tls = SEALED_YES;
    d->verdict = TLS_VERIFIED;
    d->mode = port == 465 || port == 443 ? MODE_TLS : MODE_STARTTLS;
    d->has = HAS_ESMTP | (port == 465 ? HAS_AUTH : HAS_STARTTLS);
    d->has_tls = HAS_ESMTP | HAS_AUTH;
    snprintf(d->auth_tls, sizeof d->auth_tls, "PLAIN LOGIN");
    snprintf(d->issuer, sizeof d->issuer, "CN=Good CA");
    snprintf(d->name, sizeof d->name, "%s",
             who == WHO_CONTROL ? "smtp.other.example" : "mail.you.example");
    d->hop_answer = 0;
    if (port == 443)
        d->talk = TALK_NONE;
    return d;
}

static const unsigned ports[] = {25, 465, 587, 443};

static void fine(struct findings *f)
{
    memset(f, 0, sizeof *f);
    snprintf(f->host, sizeof f->host, "mail.you.example");
    snprintf(f->control, sizeof f->control, "smtp.other.example");
    f->dns.result = f->dns_second.result = LOOKUP_OK;
    f->dns.count = f->dns_second.count = 1;
    address(&f->dns.address[0], "192.0.2.10");
    f->dns_second.address[0] = f->dns.address[0];
    f->control_resolves = true;
    f->portal = PORTAL_NO;
    for (size_t i = 0; i < COUNT(ports); i++) {
        add(f, WHO_SERVER, ports[i], "192.0.2.10");
        add(f, WHO_CONTROL, ports[i], "198.51.100.20");
    }
}

static struct findings_door *door(struct findings *f, enum findings_who who, unsigned port)
{
    for (size_t i = 0; i < f->door_count; i++)
        if (f->door[i].who == who && f->door[i].port == port)
            return &f->door[i];
    fail_msg("no such door");
    return &f->door[0];
}

static void shut(struct findings_door *d, enum findings_state s)
{
    struct findings_door keep = *d;

    *d = (struct findings_door){.who = keep.who, .port = keep.port, .address = keep.address};
    d->state = s;
    d->sys = s == DOOR_SILENT ? ETIMEDOUT : ECONNREFUSED;
}

static void both(struct findings *f, unsigned port, enum findings_state s)
{
    shut(door(f, WHO_SERVER, port), s);
    shut(door(f, WHO_CONTROL, port), s);
}

static void all(struct findings *f, enum findings_state s)
{
    for (size_t i = 0; i < f->door_count; i++)
        shut(&f->door[i], s);
}

static void all_server(struct findings *f, enum findings_state s)
{
    for (size_t i = 0; i < f->door_count; i++)
        if (f->door[i].who == WHO_SERVER)
            shut(&f->door[i], s);
}

static void nothing(struct findings *f)
{
    (void)f;
}

static void no_route(struct findings *f)
{
    all(f, DOOR_NO_ROUTE);
    f->dns.result = f->dns_second.result = LOOKUP_FAILED;
    f->portal = PORTAL_NOTHING;
}

static void all_silent(struct findings *f)
{
    all(f, DOOR_SILENT);
    f->dns_second.result = LOOKUP_FAILED;
    f->portal = PORTAL_NOTHING;
}

static void portal(struct findings *f)
{
    for (size_t i = 0; i < f->door_count; i++) {
        f->door[i].talk = TALK_FOREIGN;
        f->door[i].verdict = TLS_WRONG_NAME;
    }
    f->portal = PORTAL_LOGIN;
}

static void resolver_broken(struct findings *f)
{
    f->door_count = 0;
    f->dns.result = LOOKUP_FAILED;
}

static void wrong_name(struct findings *f)
{
    f->door_count = 0;
    f->dns.result = f->dns_second.result = LOOKUP_NO_NAME;
}

static void resolver_lies(struct findings *f)
{
    all_server(f, DOOR_SILENT);
    address(&f->dns.address[0], "10.0.0.1");
    add(f, WHO_OTHER, 465, "192.0.2.10");
}

static void other_answer_works_too(struct findings *f)
{
    address(&f->dns_second.address[0], "203.0.113.7");
    add(f, WHO_OTHER, 465, "203.0.113.7");
}

static void local(struct findings *f)
{
    shut(door(f, WHO_SERVER, 587), DOOR_LOCAL);
    shut(door(f, WHO_CONTROL, 587), DOOR_LOCAL);
}

static void isp_only(struct findings *f)
{
    both(f, 25, DOOR_SILENT);
    add(f, WHO_ISP, 25, "203.0.113.25");
}

static void web_only(struct findings *f)
{
    both(f, 25, DOOR_SILENT);
    both(f, 465, DOOR_SILENT);
    both(f, 587, DOOR_REFUSED);
}

static void down(struct findings *f)
{
    all_server(f, DOOR_SILENT);
}

/* Not to be told from a block, so it must not be called one. */
static void down_without_control(struct findings *f)
{
    f->door_count = 0;
    add(f, WHO_SERVER, 25, "192.0.2.10");
    add(f, WHO_SERVER, 587, "192.0.2.10");
    add(f, WHO_SERVER, 443, "192.0.2.10");
    shut(&f->door[0], DOOR_SILENT);
    shut(&f->door[1], DOOR_SILENT);
}

static void drop25(struct findings *f)
{
    both(f, 25, DOOR_SILENT);
}

static void drop_one_server(struct findings *f)
{
    shut(door(f, WHO_SERVER, 25), DOOR_SILENT);
}

static void drop26_seen_by_router(struct findings *f)
{
    f->port = 26;
    shut(add(f, WHO_SERVER, 26, "192.0.2.10"), DOOR_SILENT);
    door(f, WHO_SERVER, 26)->hop_last = 1;
    door(f, WHO_SERVER, 587)->hop_answer = 4;
}

static void silent26(struct findings *f)
{
    f->port = 26;
    shut(add(f, WHO_SERVER, 26, "192.0.2.10"), DOOR_SILENT);
    shut(add(f, WHO_CONTROL, 26, "192.0.2.10"), DOOR_SILENT);
}

static void reset_near(struct findings *f)
{
    both(f, 25, DOOR_REFUSED);
    door(f, WHO_SERVER, 25)->hop_answer = 2;
    door(f, WHO_SERVER, 587)->hop_answer = 4;
}

static void refused26(struct findings *f)
{
    f->port = 26;
    shut(add(f, WHO_SERVER, 26, "192.0.2.10"), DOOR_REFUSED);
    door(f, WHO_SERVER, 26)->hop_answer = 4;
    door(f, WHO_SERVER, 587)->hop_answer = 4;
}

static void icmp(struct findings *f)
{
    both(f, 25, DOOR_FORBIDDEN);
    snprintf(door(f, WHO_SERVER, 25)->icmp_from, FINDINGS_NAME, "10.0.0.1");
}

static void intercept(struct findings *f, bool name)
{
    struct findings_door *d = door(f, WHO_SERVER, 25);

    if (name)
        snprintf(d->name, sizeof d->name, "relay.isp.example");
    else
        d->name[0] = '\0';
    d->tls = SEALED_NO;
    d->mode = MODE_PLAIN;
    d->has = HAS_ESMTP;
    d->has_tls = 0;
    d->auth_tls[0] = '\0';
}

/* Another machine of theirs takes mail from other servers; the control shows that 25 passes. */
static void mx_door(struct findings *f)
{
    intercept(f, true);
}

static void intercepted(struct findings *f)
{
    struct findings_door *x = door(f, WHO_CONTROL, 25);

    intercept(f, true);
    snprintf(x->name, sizeof x->name, "relay.isp.example");
    x->tls = SEALED_NO;
    x->mode = MODE_PLAIN;
    x->has_tls = 0;
}

/* Its own door 25 is for mail from other servers: less on offer is no sign by itself. */
static void plain_delivery_door(struct findings *f)
{
    intercept(f, false);
    snprintf(door(f, WHO_SERVER, 25)->name, FINDINGS_NAME, "mail.you.example");
}

/* A name of its own, and TLS with it: an honest delivery door of a big provider. */
static void other_name_only(struct findings *f)
{
    snprintf(door(f, WHO_SERVER, 25)->name, FINDINGS_NAME, "mx7.you.example");
}

static void ghost(struct findings *f)
{
    struct findings_door *d = door(f, WHO_SERVER, 25);

    plain_delivery_door(f);
    d->auth_tls[0] = '\0';
    add(f, WHO_NOWHERE, 25, "192.0.2.1");
}

static void masked(struct findings *f)
{
    door(f, WHO_SERVER, 587)->masked = true;
    door(f, WHO_SERVER, 587)->has = HAS_ESMTP;
}

static void strip(struct findings_door *d)
{
    d->tls = SEALED_NO;
    d->mode = MODE_PLAIN;
    d->has = HAS_ESMTP | HAS_AUTH;
    d->has_tls = 0;
}

static void stripped(struct findings *f)
{
    strip(door(f, WHO_SERVER, 587));
    strip(door(f, WHO_CONTROL, 587));
    strip(door(f, WHO_SERVER, 25));
    strip(door(f, WHO_CONTROL, 25));
}

static void read_along(struct findings *f)
{
    for (size_t i = 0; i < f->door_count; i++) {
        f->door[i].verdict = TLS_UNKNOWN_ISSUER;
        snprintf(f->door[i].issuer, FINDINGS_NAME, "CN=Mail Shield");
    }
}

static void dates(struct findings *f)
{
    for (size_t i = 0; i < f->door_count; i++)
        f->door[i].verdict = TLS_NOT_YET_VALID;
}

static void certificates(struct findings *f, enum tls_verdict v, const char *words)
{
    for (size_t i = 0; i < f->door_count; i++) {
        if (f->door[i].who != WHO_SERVER)
            continue;
        f->door[i].verdict = v;
        snprintf(f->door[i].tls_words, FINDINGS_TEXT, "%s", words);
    }
}

static void expired(struct findings *f)
{
    certificates(f, TLS_EXPIRED, "expired");
}

static void other_certificate(struct findings *f)
{
    certificates(f, TLS_WRONG_NAME,
                 "it is for another name; for host2.provider.example, issued by X");
}

static void self_signed(struct findings *f)
{
    certificates(f, TLS_SELF_SIGNED, "self-signed");
}

static void mode_mismatch(struct findings *f)
{
    f->port = 465;
    f->mode = MODE_STARTTLS;
}

static void stalls(struct findings *f)
{
    for (size_t i = 0; i < f->door_count; i++) {
        f->door[i].talk = TALK_STALLED;
        f->door[i].tls = SEALED_FAILED;
    }
}

static void tls_fails(struct findings *f)
{
    f->port = 465;
    door(f, WHO_SERVER, 465)->tls = SEALED_FAILED;
    door(f, WHO_SERVER, 465)->talk = TALK_LOST;
}

static void tls_later(struct findings *f)
{
    f->port = 587;
    door(f, WHO_SERVER, 587)->tls = SEALED_NO;
    door(f, WHO_SERVER, 587)->starttls_refused = true;
}

static void no_starttls(struct findings *f)
{
    f->port = 587;
    f->mode = MODE_STARTTLS;
    strip(door(f, WHO_SERVER, 587));
}

static void says(struct findings_reply *r, enum stage stage, unsigned code, const char *enhanced,
                 const char *text)
{
    *r = (struct findings_reply){.stage = stage, .code = (unsigned short)code};
    enhanced_parse(span_of(enhanced), &r->enhanced);
    snprintf(r->text, sizeof r->text, "%s", text);
}

static void busy(struct findings *f)
{
    for (unsigned i = 0; i < 3; i++) {
        struct findings_door *d = door(f, WHO_SERVER, ports[i]);

        d->talk = TALK_REFUSED;
        d->tls = SEALED_NO;
        says(&d->reply, STAGE_GREETING, 421, "4.3.2", "All server ports are busy");
    }
}

static void listed(struct findings *f)
{
    struct findings_door *d = door(f, WHO_SERVER, 25);

    f->port = 25;
    d->talk = TALK_REFUSED;
    d->tls = SEALED_NO;
    says(&d->reply, STAGE_GREETING, 554, "5.7.1",
         "Service unavailable; Client host [203.0.113.9] blocked using zen.spamhaus.org");
}

static void offers(struct findings *f, const char *mechanisms)
{
    for (size_t i = 0; i < f->door_count; i++)
        if (f->door[i].who == WHO_SERVER)
            snprintf(f->door[i].auth_tls, FINDINGS_NAME, "%s", mechanisms);
}

static void oauth_only(struct findings *f)
{
    offers(f, "XOAUTH2 OAUTHBEARER");
}

static void spa_only(struct findings *f)
{
    offers(f, "NTLM GSSAPI");
}

static void no_auth(struct findings *f)
{
    offers(f, "");
}

static void needs_tls(struct findings *f)
{
    f->port = 587;
    f->mode = MODE_PLAIN;
}

static void login(struct findings *f, unsigned code, const char *enhanced, const char *text)
{
    f->login.tried = true;
    f->login.port = 465;
    f->login.why = CLIENT_REPLY;
    says(&f->login.reply, STAGE_AUTH, code, enhanced, text);
}

static void wrong_password(struct findings *f)
{
    login(f, 535, "5.7.8", "Authentication credentials invalid");
}

static void app_password(struct findings *f)
{
    login(f, 534, "5.7.9", "Application-specific password required");
}

static void locked_out(struct findings *f)
{
    login(f, 454, "4.7.0", "Too many login attempts, please try again later");
}

/* A login must not be blamed at a door where somebody else answers. */
static void wrong_password_at_stranger(struct findings *f)
{
    intercepted(f);
    wrong_password(f);
}

static void refuses_rcpt(struct findings *f, unsigned code, const char *enhanced, const char *text)
{
    f->rcpt.tried = true;
    f->rcpt.port = 465;
    says(&f->rcpt.reply, STAGE_RCPT, code, enhanced, text);
}

static void relay_denied(struct findings *f)
{
    refuses_rcpt(f, 554, "5.7.1", "Relay access denied");
}

static void unknown_recipient(struct findings *f)
{
    f->login.tried = f->login.ok = true;
    refuses_rcpt(f, 550, "5.1.1", "User unknown");
}

static void greylisted(struct findings *f)
{
    f->login.tried = f->login.ok = true;
    refuses_rcpt(f, 450, "4.2.0", "Greylisted, please try again in 300 seconds");
}

static void not_owned(struct findings *f)
{
    f->login.tried = f->login.ok = true;
    f->mail.tried = true;
    f->mail.port = 465;
    says(&f->mail.reply, STAGE_MAIL, 553, "5.7.1",
         "Sender address rejected: not owned by user joe");
}

static void ipv6(struct findings *f)
{
    shut(add(f, WHO_SERVER, 587, "2001:db8::10"), DOOR_SILENT);
    shut(add(f, WHO_SERVER, 465, "2001:db8::10"), DOOR_SILENT);
}

static void no_ipv6_here(struct findings *f)
{
    shut(add(f, WHO_SERVER, 587, "2001:db8::10"), DOOR_NO_ROUTE);
}

static void loses(struct findings *f)
{
    for (size_t i = 0; i < 4; i++)
        f->door[i].again = 1;
}

static void two_faults(struct findings *f)
{
    drop25(f);
    expired(f);
}

static void other_door_shut(struct findings *f)
{
    f->port = 587;
    drop25(f);
}

static void drop25_beside_a_dead_control(struct findings *f)
{
    f->port = 25;
    shut(door(f, WHO_SERVER, 25), DOOR_SILENT);
    for (size_t i = 0; i < COUNT(ports); i++)
        shut(door(f, WHO_CONTROL, ports[i]), DOOR_SILENT);
}

/* The server serves 587 alone, and it is that which the network drops. */
static void only_door_dropped(struct findings *f)
{
    both(f, 587, DOOR_SILENT);
    shut(door(f, WHO_SERVER, 25), DOOR_REFUSED);
    shut(door(f, WHO_SERVER, 465), DOOR_REFUSED);
    shut(door(f, WHO_SERVER, 443), DOOR_REFUSED);
}

static void down_and_dropped(struct findings *f)
{
    all_server(f, DOOR_SILENT);
    both(f, 25, DOOR_SILENT);
}

static void down_and_dropped_there(struct findings *f)
{
    down_and_dropped(f);
    f->port = 25;
}

static void host_unreachable(struct findings *f)
{
    both(f, 25, DOOR_UNREACHABLE);
    door(f, WHO_SERVER, 25)->icmp = true;
    snprintf(door(f, WHO_SERVER, 25)->icmp_from, FINDINGS_NAME, "10.0.0.9");
}

static void local_reset(struct findings *f)
{
    reset_near(f);
    door(f, WHO_SERVER, 25)->hop_answer = 1;
}

static void exempt_control(struct findings *f)
{
    shut(door(f, WHO_SERVER, 25), DOOR_SILENT);
    door(f, WHO_SERVER, 25)->hop_last = 1;
    door(f, WHO_SERVER, 587)->hop_answer = 4;
}

static void read_near(struct findings *f)
{
    struct findings_door *d = door(f, WHO_SERVER, 465);

    d->verdict = TLS_UNKNOWN_ISSUER;
    snprintf(d->issuer, sizeof d->issuer, "CN=Mail Shield");
    d->hop_answer = 1;
    door(f, WHO_SERVER, 443)->hop_answer = 4;
}

static void own_port(struct findings *f)
{
    f->port = 12345;
    f->mode = MODE_TLS;
    f->door_count = 0;
    add(f, WHO_SERVER, 12345, "192.0.2.10")->mode = MODE_TLS;
}

static void another_service(struct findings *f)
{
    struct findings_door *d = add(f, WHO_SERVER, 8025, "192.0.2.10");

    f->port = 8025;
    d->talk = TALK_FOREIGN;
    d->tls = SEALED_NO;
}

static void six_mail_only(struct findings *f)
{
    shut(add(f, WHO_SERVER, 587, "2001:db8::10"), DOOR_SILENT);
    add(f, WHO_SERVER, 443, "2001:db8::10");
}

static void six_not_served(struct findings *f)
{
    shut(add(f, WHO_SERVER, 587, "2001:db8::10"), DOOR_REFUSED);
    add(f, WHO_SERVER, 443, "2001:db8::10");
}

static void once_a_minute(struct findings *f)
{
    f->uneven = true;
}

static void takes_few(struct findings *f)
{
    f->limited = true;
}

static void full_at_mail(struct findings *f)
{
    f->login.tried = f->login.ok = true;
    f->mail.tried = true;
    f->mail.port = 465;
    says(&f->mail.reply, STAGE_MAIL, 552, "5.2.2", "mailbox is over quota");
}

static void held(struct findings *f)
{
    f->login.tried = f->login.ok = true;
    f->mail.tried = f->mail.ok = true;
    f->mail.port = 465;
    says(&f->mail.reply, STAGE_MAIL, 250, "2.1.0",
         "Sender ok, but the mail of joe@example.com is held");
}

static void short_name(struct findings *f)
{
    wrong_password(f);
    snprintf(f->user, sizeof f->user, "joe");
}

static void wants_short_name(struct findings *f)
{
    wrong_password(f);
    says(&f->login.reply, STAGE_AUTH, 535, "5.7.8", "only the part before the @, please");
}

static void wants_access_login(struct findings *f)
{
    wrong_password(f);
    says(&f->login.reply, STAGE_AUTH, 535, "5.7.8", "use your ISP username");
}

static void dropped_since(struct findings *f)
{
    drop25(f);
    f->past.port = 25;
    f->past.shut_since_ms = 1700000000000;
}

static void dropped_here_only(struct findings *f)
{
    drop25(f);
    f->past.port = 25;
    snprintf(f->past.elsewhere, sizeof f->past.elsewhere, "home");
}

static void at_a_hoster(struct findings *f)
{
    drop25(f);
    snprintf(f->cloud, sizeof f->cloud, "Hetzner Cloud");
}

static void hoster_lets_25_pass(struct findings *f)
{
    both(f, 465, DOOR_SILENT);
    snprintf(f->cloud, sizeof f->cloud, "Hetzner Cloud");
}

static void fails_now_and_then(struct findings *f)
{
    f->past.port = 587;
    f->past.tries = 10;
    f->past.failures = 3;
}

static const struct row {
    const char *name;
    void (*make)(struct findings *f);
    const char *id, *rule;
    const char *also; /* must be there too */
    unsigned port;    /* the first it is about; 0: not asked */
} rows[] = {
    {"all is well", nothing, "OK", "works", NULL, 465},
    {"no route", no_route, "N1", "offline", NULL, 0},
    {"nobody answers anything", all_silent, "N1", "offline", NULL, 0},
    {"captive portal", portal, "N3", "captive-portal", NULL, 0},
    {"resolver broken", resolver_broken, "N5", "resolver-broken", NULL, 0},
    {"wrong name", wrong_name, "N4", "no-such-name", NULL, 0},
    {"resolver lies", resolver_lies, "N5", "resolver-lies", NULL, 0},
    {"two honest answers", other_answer_works_too, "OK", "works", NULL, 0},
    {"local firewall", local, "N18", "local-firewall", NULL, 587},
    {"ISP's server only", isp_only, "N12", "isp-server-only", "N8", 25},
    {"only the web", web_only, "N11", "all-mail-doors-shut", NULL, 465},
    {"server down", down, "N6", "server-down", NULL, 0},
    {"silence without a witness", down_without_control, "N6", "server-down", NULL, 0},
    {"25 dropped", drop25, "N8", "dropped-on-the-way", NULL, 25},
    {"25 silent at one server", drop_one_server, "OK", "works", NULL, 465},
    {"26 dropped, a router is witness", drop26_seen_by_router, "N8", "dropped-on-the-way", NULL,
     26},
    {"26 silent, no witness", silent26, "N7", "not-on-this-port", NULL, 26},
    {"25 reset on the way", reset_near, "N9", "reset-on-the-way", NULL, 25},
    {"26 refused by the server", refused26, "N7", "not-on-this-port", NULL, 26},
    {"25 forbidden by ICMP", icmp, "N10", "forbidden-by-icmp", NULL, 25},
    {"25 intercepted", intercepted, "N13", "somebody-else-answers", NULL, 25},
    {"delivery door with less", plain_delivery_door, "OK", "works", NULL, 465},
    {"delivery door with another name", other_name_only, "OK", "works", NULL, 465},
    {"somebody answers for nobody", ghost, "N13", "somebody-else-answers", NULL, 25},
    {"masked", masked, "N14", "smtp-masked", NULL, 587},
    {"STARTTLS stripped", stripped, "N14", "starttls-stripped", NULL, 587},
    {"TLS opened", read_along, "N15", "tls-opened", NULL, 465},
    {"clock", dates, "S5", "clock-wrong", NULL, 0},
    {"expired", expired, "S4", "certificate", NULL, 465},
    {"other name in certificate", other_certificate, "S4", "certificate", NULL, 465},
    {"self-signed", self_signed, "S4", "certificate", NULL, 465},
    {"STARTTLS set for 465", mode_mismatch, "S1", "tls-mode", NULL, 465},
    {"big packets", stalls, "N21", "big-packets-lost", NULL, 0},
    {"handshake fails", tls_fails, "S6", "tls-fails", NULL, 465},
    {"454 to STARTTLS", tls_later, "S3", "tls-fails", NULL, 587},
    {"no STARTTLS at one server", no_starttls, "N14", "no-starttls", NULL, 587},
    {"busy", busy, "S7", "greeting-refuses", NULL, 465},
    {"block-listed", listed, "M10", "greeting-refuses", NULL, 25},
    {"OAuth only", oauth_only, "A6", "oauth-only", NULL, 465},
    {"SPA only", spa_only, "A8", "spa-only", NULL, 465},
    {"no login offered", no_auth, "A2", "no-login-here", NULL, 465},
    {"login behind TLS", needs_tls, "A9", "login-needs-tls", NULL, 587},
    {"wrong password", wrong_password, "A3", "login-refused", NULL, 465},
    {"app password", app_password, "A6", "login-refused", NULL, 465},
    {"locked out", locked_out, "A10", "login-refused", NULL, 465},
    {"wrong password, and a stranger", wrong_password_at_stranger, "N13", "somebody-else-answers",
     "A3", 25},
    {"relay denied without login", relay_denied, "A1", "mail-refused", NULL, 465},
    {"unknown recipient", unknown_recipient, "M4", "mail-refused", NULL, 465},
    {"greylisted", greylisted, "M6", "mail-refused", NULL, 465},
    {"sender not owned", not_owned, "A12", "mail-refused", NULL, 465},
    {"IPv6 broken", ipv6, "N16", "ipv6-broken", NULL, 0},
    {"no IPv6 here", no_ipv6_here, "OK", "works", NULL, 0},
    {"packets lost", loses, "N2", "much-is-lost", NULL, 0},
    {"two faults", two_faults, "N8", "dropped-on-the-way", "S4", 25},
    {"delivery door on another machine", mx_door, "OK", "works", NULL, 465},
    {"silence beside a dead control", drop25_beside_a_dead_control, "N7", "not-on-this-port", NULL,
     25},
    {"its only door dropped", only_door_dropped, "N8", "dropped-on-the-way", NULL, 587},
    {"down, and 25 dropped", down_and_dropped, "N6", "server-down", "N8", 0},
    {"down, and the user's 25 dropped", down_and_dropped_there, "N8", "dropped-on-the-way", "N6",
     25},
    {"25 unreachable, 587 open", host_unreachable, "N10", "forbidden-by-icmp", NULL, 25},
    {"reset before the first router", local_reset, "N18", "local-firewall", NULL, 25},
    {"25 open to the control alone", exempt_control, "N12", "isp-server-only", NULL, 25},
    {"TLS opened at the first hop", read_near, "N15", "tls-opened", NULL, 465},
    {"a port of their own", own_port, "OK", "works", NULL, 12345},
    {"another service at that port", another_service, "N7", "nobody-greets", NULL, 8025},
    {"IPv6 shut at the mail doors", six_mail_only, "N16", "ipv6-broken", NULL, 587},
    {"no mail by IPv6", six_not_served, "OK", "works", NULL, 465},
    {"one connection a minute", once_a_minute, "N2", "much-is-lost", NULL, 0},
    {"the server takes few", takes_few, "S7", "takes-few", NULL, 0},
    {"own mailbox full", full_at_mail, "M1", "mail-refused", NULL, 465},
    {"held for a stolen password", held, "A16", "mail-held", NULL, 465},
    {"user name without domain", short_name, "A3", "login-refused", "A4", 465},
    {"the short user name", wants_short_name, "A4", "login-refused", NULL, 465},
    {"the login of the access", wants_access_login, "A5", "login-refused", NULL, 465},
    {"used to open", dropped_since, "N19", "used-to-open", "N8", 25},
    {"opens elsewhere", dropped_here_only, "N8", "dropped-on-the-way", "N20", 25},
    {"hosting company", at_a_hoster, "N17", "hosting-company", "N8", 25},
    {"hosting company, 25 open", hoster_lets_25_pass, "N8", "dropped-on-the-way", NULL, 465},
    {"now and then", fails_now_and_then, "N2", "packets-lost", NULL, 0},
    {"another door than the user's", other_door_shut, "OK", "works", "N8", 587},
};

static bool has(const struct conclusions *c, const char *id)
{
    for (size_t i = 1; i < c->count; i++)
        if (strcmp(c->at[i].id, id) == 0)
            return true;
    return false;
}

static void every_rule_has_its_network(void **state)
{
    static struct findings f;
    static struct conclusions c;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *r = &rows[i];

        fine(&f);
        r->make(&f);
        conclude(&f, &c);
        if (strcmp(c.at[0].id, r->id) != 0 || strcmp(c.at[0].rule, r->rule) != 0)
            fail_msg("%s: %s (%s), not %s (%s)", r->name, c.at[0].id, c.at[0].rule, r->id, r->rule);
        if (r->also && !has(&c, r->also))
            fail_msg("%s: %s is not mentioned", r->name, r->also);
        if (r->port && c.at[0].ports[0] != r->port)
            fail_msg("%s: port %u, not %u", r->name, c.at[0].ports[0], r->port);
        if (strcmp(r->id, "OK") != 0)
            assert_true(remedy_known(c.at[0].id));
    }
}

static void details_are_told(void **state)
{
    static struct findings f;
    static struct conclusions c;

    (void)state;
    fine(&f);
    icmp(&f);
    conclude(&f, &c);
    assert_string_equal(c.at[0].other, "10.0.0.1");
    fine(&f);
    other_certificate(&f);
    conclude(&f, &c);
    assert_string_equal(c.at[0].other, "host2.provider.example");
    fine(&f);
    intercepted(&f);
    conclude(&f, &c);
    assert_string_equal(c.at[0].other, "relay.isp.example");
}

static void doubts_are_told(void **state)
{
    static struct findings f;
    static struct conclusions c;

    (void)state;
    fine(&f);
    f.login.tried = f.login.ok = true;
    conclude(&f, &c);
    assert_int_equal(c.doubt_count, 0);
    fine(&f);
    down_without_control(&f);
    conclude(&f, &c);
    assert_in_range(c.doubt_count, 2, CONCLUDE_DOUBTS);
}

/* Whatever the states, it answers, and never blames the network where only one host was silent. */
static void any_mixture_is_answered(void **state)
{
    static struct findings f;
    static struct conclusions c;
    unsigned seed = 26;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        bool witness = false;

        fine(&f);
        for (size_t i = 0; i < f.door_count; i++) {
            seed = seed * 1103515245U + 12345U;
            shut(&f.door[i], (enum findings_state)(1 + (seed >> 16) % DOOR_OPEN));
            if (f.door[i].state == DOOR_OPEN)
                f.door[i].talk = (enum findings_talk)((seed >> 20) % (TALK_SMTP + 1));
        }
        for (size_t i = 0; i < 3; i++)
            witness = witness || door(&f, WHO_CONTROL, ports[i])->state == DOOR_SILENT;
        conclude(&f, &c);
        assert_in_range(c.count, 1, CONCLUDE_MAX);
        if (strcmp(c.at[0].rule, "dropped-on-the-way") == 0)
            assert_true(witness);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_has_its_network),
        cmocka_unit_test(details_are_told),
        cmocka_unit_test(doubts_are_told),
        cmocka_unit_test(any_mixture_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
