/* Part of the rows were taken from the autoconfiguration database of Thunderbird (ISPDB, state of
 * 2026-03), which is under the Mozilla Public License 2.0, and so is this file:
 * SPDX-License-Identifier: MPL-2.0 */
#include "probe/providers.h"

#include "base/memory.h"

#define TLS  SEALING_TLS
#define STLS SEALING_STARTTLS
#define PASS LOGIN_PASSWORD
#define APP  LOGIN_APP_PASSWORD
#define AUTH LOGIN_OAUTH

/* clang-format off */
static const struct providers_row rows[] = {
    {"Gmail", "gmail.com|googlemail.com", "gsmtp|google.com|gmail.com|googlemail",
     "smtp.gmail.com",
     {{465, TLS}, {587, STLS}}, USER_ADDRESS, APP | AUTH, "app passwords need two-step "
     "verification"},
    {"Outlook.com", "outlook.com|hotmail.com|live.com|msn.com|hotmail.co.uk|hotmail.fr|"
     "hotmail.de|live.co.uk|outlook.de|outlook.fr",
     "smtp-mail.outlook.com|hotmail.com", "smtp-mail.outlook.com",
     {{587, STLS}}, USER_ADDRESS, AUTH, "no passwords at all, sign-in only"},
    {"Microsoft 365", "onmicrosoft.com", "office365.com|prod.outlook.com|protection.outlook.com|"
     "aka.ms|microsoft.com",
     "smtp.office365.com", {{587, STLS}}, USER_ADDRESS, AUTH | PASS,
     "authenticated SMTP is off by default; the administrator can allow it for a mailbox"},
    {"iCloud", "icloud.com|me.com|mac.com", "icloud.com|me.com|mail.me|support.apple.com",
     "smtp.mail.me.com",
     {{587, STLS}}, USER_ADDRESS, APP, "the sender must be an address of the account"},
    {"Yahoo", "yahoo.com|ymail.com|rocketmail.com|yahoo.co.uk|yahoo.de|yahoo.fr|yahoo.it|"
     "yahoo.es|yahoo.ca|yahoo.co.in|yahoo.in|yahoo.com.au|yahoo.com.br|cox.net",
     "yahoo.com|yahooinc|yahoodns", "smtp.mail.yahoo.com", {{465, TLS}, {587, STLS}},
     USER_ADDRESS, APP | AUTH, NULL},
    {"AT&T", "att.net|sbcglobal.net|bellsouth.net|ameritech.net|flash.net|nvbell.net|pacbell.net|"
     "prodigy.net|snet.net|swbell.net|wans.net|currently.com",
     "att.net", "smtp.mail.att.net", {{465, TLS}}, USER_ADDRESS, APP | AUTH,
     "the app password is called secure mail key there"},
    {"AOL", "aol.com|verizon.net|aim.com|netscape.net", "aol.com", "smtp.aol.com", {{465, TLS},
     {587, STLS}}, USER_ADDRESS, APP | AUTH, NULL},
    {"Fastmail", "fastmail.com|fastmail.fm|messagingengine.com", "fastmail|messagingengine",
     "smtp.fastmail.com",
     {{465, TLS}, {587, STLS}}, USER_ADDRESS, APP, "smtps-proxy.fastmail.com takes mail at port "
     "443"},
    {"GMX", "gmx.com|gmx.us|gmx.co.uk", "gmx.com", "mail.gmx.com", {{465, TLS}, {587, STLS}},
     USER_ADDRESS, PASS, "POP3 and IMAP must be switched on in the settings of the web mail"},
    {"GMX", "gmx.net|gmx.de|gmx.at|gmx.ch", "gmx.net|kundenserver|1und1",
     "mail.gmx.net",
     {{465, TLS}, {587, STLS}}, USER_ADDRESS, PASS, "POP3 and IMAP must be switched on in the "
     "settings of the web mail"},
    {"WEB.DE", "web.de", "web.de", "smtp.web.de", {{587, STLS}, {465, TLS}}, USER_LOCAL_PART, PASS,
     "POP3 and IMAP must be switched on in the settings of the web mail"},
    {"T-Online", "t-online.de|magenta.de", "t-online.de|t-ipnet", "securesmtp.t-online.de",
     {{465, TLS}, {587, STLS}}, USER_ADDRESS, PASS,
     "wants the e-mail password, not that of the customer center"},
    {"Zoho", "zoho.com|zohomail.com|zoho.eu", "zoho", "smtp.zoho.com", {{465, TLS}, {587,
     STLS}}, USER_ADDRESS, PASS | APP,
     "the sender must be the login or a verified alias"},
    {"Yandex", "yandex.ru|yandex.com|ya.ru", "yandex", "smtp.yandex.com", {{465, TLS}},
     USER_ADDRESS, APP, NULL},
    {"mail.ru", "mail.ru|inbox.ru|list.ru|bk.ru", "mail.ru", "smtp.mail.ru", {{465, TLS}, {587,
     STLS}}, USER_ADDRESS, APP, NULL},
    {"QQ Mail", "qq.com|foxmail.com", "qq.com", "smtp.qq.com", {{465, TLS}}, USER_ADDRESS, APP,
     "wants an authorization code as the password"},
    {"NetEase 163", "163.com|126.com", "163.com", "smtp.163.com", {{465, TLS}}, USER_ADDRESS,
     APP, "wants an authorization code as the password"},
    {"Rediffmail", "rediffmail.com", "rediffmail", "smtp.rediffmail.com", {{586, TLS}, {465,
     TLS}}, USER_ADDRESS, PASS, NULL},
    {"Proton Mail", "protonmail.com|proton.me|pm.me", "protonmail", "smtp.protonmail.ch", {{587,
     STLS}}, USER_ADDRESS, APP,
     "private accounts send through Proton Mail Bridge on the same computer, port 1025"},
    {"Comcast", "comcast.net", "comcast", "smtp.comcast.net", {{465, TLS}, {587, STLS}},
     USER_ADDRESS, APP | AUTH, NULL},
    {"EarthLink", "earthlink.net|mindspring.com", "earthlink|mindspring",
     "smtpauth.earthlink.net", {{587, STLS}}, USER_ADDRESS, PASS, NULL},
    {"Telus", "telus.net", "telus.net", "smtp.telus.net", {{465, TLS}, {587, STLS}},
     USER_ADDRESS, PASS, NULL},
    {"Frontier", "frontier.com|frontiernet.net", "frontier.com", "smtp.frontier.com", {{465,
     TLS}, {587, STLS}}, USER_ADDRESS, PASS, NULL},
    {"Amazon SES", "", "amazonses|email-smtp.|region us-|region eu-",
     "email-smtp.<region>.amazonaws.com",
     {{465, TLS}, {587, STLS}, {2465, TLS}, {2587, STLS}, {25, STLS}}, USER_OTHER, PASS, "wants "
     "SMTP credentials made for it"},
    {"SendGrid", "", "sendgrid", "smtp.sendgrid.net", {{465, TLS}, {587, STLS}, {2525, STLS},
     {25, STLS}}, USER_OTHER, PASS,
     "the user name is the word apikey"},
    {"Mailgun", "", "mailgun", "smtp.mailgun.org", {{465, TLS}, {587, STLS}, {2525, STLS}, {25,
     STLS}}, USER_OTHER, PASS, NULL},
    {"Postmark", "", "postmark", "smtp.postmarkapp.com", {{587, STLS}, {2525, STLS}, {25,
     STLS}}, USER_OTHER, PASS, NULL},
    {"Mailjet", "", "mailjet", "in-v3.mailjet.com", {{465, TLS}, {587, STLS}, {2525, STLS},
     {588, STLS}, {80, STLS}, {25, STLS}},
     USER_OTHER, PASS, NULL},
    {"Brevo", "", "brevo|sendinblue", "smtp-relay.brevo.com", {{465, TLS}, {587, STLS}, {2525,
     STLS}}, USER_OTHER, PASS, NULL},
    {"SMTP2GO", "", "smtp2go", "mail.smtp2go.com",
     {{465, TLS}, {443, TLS}, {8465, TLS}, {587, STLS}, {2525, STLS}, {8025, STLS}, {80, STLS},
      {25, STLS}},
     USER_OTHER, PASS, NULL},
    {"GoDaddy", "", "secureserver|godaddy", "smtpout.secureserver.net", {{465, TLS}, {3535,
     SEALING_NONE}, {80, SEALING_NONE}},
     USER_ADDRESS, PASS, NULL},
    {"Rackspace Email", "emailsrvr.com", "emailsrvr|rackspace", "secure.emailsrvr.com", {{465,
     TLS}}, USER_ADDRESS, PASS, NULL},
    {NULL, NULL, NULL, NULL, {{0, SEALING_UNKNOWN}}, USER_ADDRESS, 0, NULL},
};

static const struct providers_isp isps[] = {
    {"AT&T", "att.net|sbcglobal.net|bellsouth.net|swbell.net|pacbell.net|ameritech.net|flash.net|"
     "prodigy.net|snet.net|nvbell.net",
     "smtp.mail.att.net", {465, TLS}},
    {"EarthLink", "earthlink.net|mindspring.com|sprynet.com", "smtpauth.earthlink.net", {587,
     STLS}},
    {"PeoplePC", "peoplepc.com", "smtpauth.peoplepc.com", {587, STLS}},
    {"Sparklight (Cable One)", "cableone.net|sparklight.net", 
     "mail.cableone.net", {587, STLS}},
    {"NetZero", "netzero.net|netzero.com", NULL, {0, SEALING_UNKNOWN}},
    {"Juno", "juno.com", NULL, {0, SEALING_UNKNOWN}},
    {"Charter (Spectrum)", "charter.net|spectrum.net|twc.com|rr.com", "mobile.charter.net",
     {587, TLS}},
    {"Comcast", "comcast.net|attbi.com|mediaone.net", "smtp.comcast.net", {465, TLS}},
    {"Cox", "cox.net", "smtp.mail.yahoo.com", {465, TLS}},
    {"Bell (Sympatico)", "sympatico.ca|bell.ca", "smtphm.sympatico.ca", {587, STLS}},
    {"Telus", "telus.net", "smtp.telus.net", {465, TLS}},
    {"Verizon", "verizon.net", "smtp.aol.com", {465, TLS}},
    {"Frontier", "frontier.com|frontiernet.net", "smtp.frontier.com", {465, TLS}},
    {"Adelphia (now Spectrum)", "adelphia.net", NULL, {0, SEALING_UNKNOWN}},
    {"Rogers", "rogers.com", NULL, {0, SEALING_UNKNOWN}},
    {"Shaw", "shaw.ca", NULL, {0, SEALING_UNKNOWN}},
    {"Optimum", "optonline.net|optimum.net", NULL, {0, SEALING_UNKNOWN}},
};
/* clang-format on */

/* How the servers that take mail for customers' own domains are called; names end so. */
static const struct {
    const char *suffix, *provider;
} exchangers[] = {
    {"google.com", "Gmail"},
    {"googlemail.com", "Gmail"},
    {"olc.protection.outlook.com", "Outlook.com"},
    {"mail.protection.outlook.com", "Microsoft 365"},
    {"mx.microsoft", "Microsoft 365"},
    {"mail.icloud.com", "iCloud"},
    {"yahoodns.net", "Yahoo"},
    {"messagingengine.com", "Fastmail"},
    {"gmx.net", "GMX"},
    {"web.de", "WEB.DE"},
    {"t-online.de", "T-Online"},
    {"zoho.com", "Zoho"},
    {"zoho.eu", "Zoho"},
    {"yandex.net", "Yandex"},
    {"yandex.ru", "Yandex"},
    {"mail.ru", "mail.ru"},
    {"qq.com", "QQ Mail"},
    {"netease.com", "NetEase 163"},
    {"protonmail.ch", "Proton Mail"},
    {"comcast.net", "Comcast"},
    {"secureserver.net", "GoDaddy"},
    {"emailsrvr.com", "Rackspace Email"},
};

static bool is_one_of(struct span s, const char *list)
{
    struct span rest = span_of(list), word;

    while (span_cut(&rest, '|', &word))
        if (word.len && span_ieq(s, word))
            return true;
    return false;
}

static bool holds_one_of(struct span s, const char *list)
{
    struct span rest = span_of(list), word;

    while (span_cut(&rest, '|', &word))
        if (word.len && span_search(s, word) >= 0)
            return true;
    return false;
}

const struct providers_row *providers_all(void)
{
    return rows;
}

const struct providers_row *providers_of_domain(struct span domain)
{
    for (const struct providers_row *r = rows; r->name; r++)
        if (is_one_of(domain, r->domains))
            return r;
    return NULL;
}

static const struct providers_row *named(const char *name)
{
    for (const struct providers_row *r = rows; r->name; r++)
        if (span_is(span_of(name), r->name))
            return r;
    return NULL;
}

const struct providers_row *providers_of_mx(struct span host)
{
    for (size_t i = 0; i < COUNT(exchangers); i++) {
        struct span end = span_of(exchangers[i].suffix);
        size_t before = host.len - end.len;

        if (host.len >= end.len && span_ieq(span_from(host, before), end) &&
            (!before || host.at[before - 1] == '.'))
            return named(exchangers[i].provider);
    }
    return NULL;
}

const struct providers_row *providers_of_host(struct span host)
{
    for (const struct providers_row *r = rows; r->name; r++)
        if (span_ieq(host, span_of(r->host)))
            return r;
    return NULL;
}

const struct providers_row *providers_in(struct span plain)
{
    for (const struct providers_row *r = rows; r->name; r++)
        if (holds_one_of(plain, r->marks))
            return r;
    return NULL;
}

const struct providers_isp *providers_isp_of(struct span domain)
{
    for (size_t i = 0; i < COUNT(isps); i++)
        if (is_one_of(domain, isps[i].domains))
            return &isps[i];
    return NULL;
}
