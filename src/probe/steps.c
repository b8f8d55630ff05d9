#include "probe/steps.h"

#include "base/memory.h"
#include "base/text.h"

/* How a mail program calls things. NULL: it has no such field, so nothing is said of it. */
struct dialect {
    const char *open; /* the way to the settings for sending */
    const char *server, *port, *sealing;
    const char *login; /* the whole step */
    const char *user, *password;
    const char *spa_off, *spa_on; /* the whole step */
    const char *save;
    const char *implicit, *starttls, *plain; /* names of the kinds of encryption */
    const char *oauth;                       /* the whole step */
};

/* clang-format off */
static const struct dialect dialects[PROGRAM_COUNT] = {
    [PROGRAM_NONE] = {
        "Open the settings of the account, the part for outgoing mail (SMTP).",
        "Outgoing server (SMTP)", "Port", "Encryption", "\"My server requires authentication\": "
        "on, with the same name and password as for receiving.",
        "User name", "Password",
        "Kind of login: \"normal password\"; switch \"secure password authentication\" (SPA) off.",
        "Kind of login: switch \"secure password authentication\" (SPA, NTLM) on.",
        "Save, and send a short message to yourself.",
        "SSL/TLS", "STARTTLS", "none",
        "Kind of login: OAuth2; where it is not offered, remove the account and add it again."},
    [PROGRAM_OUTLOOK] = {
        "Settings (gear) > Accounts > Your accounts; next to the account: Manage > Advanced "
        "settings, part \"Outgoing mail\".",
        "SMTP server", "SMTP port", "SMTP connection security",
        "\"Outgoing server requires authentication\": on.", "SMTP user name", "SMTP password",
        NULL, "This program knows no SPA: use Outlook (classic) or Thunderbird.",
        "Choose Continue, and send a short message to yourself.",
        "SSL/TLS", "STARTTLS", "None",
        "Remove the account and add it again; sign in in the browser window that opens."},
    [PROGRAM_OUTLOOK_CLASSIC] = {
        "File > Account Settings > Account Settings..., choose the account, Change..., More "
        "Settings... (in recent versions: File > Account Settings > Server Settings > Outgoing "
        "mail).",
        "First window, \"Outgoing mail server (SMTP)\"", "Tab Advanced, \"Outgoing server "
        "(SMTP)\"",
        "Tab Advanced, \"Use the following type of encrypted connection\"",
        "Tab Outgoing Server: tick \"My outgoing server (SMTP) requires authentication\" and "
        "\"Use same settings as my incoming mail server\".",
        "First window, \"User Name\"", "First window, \"Password\"",
        "Untick \"Require logon using Secure Password Authentication (SPA)\" in the first window "
        "and on the tab Outgoing Server.",
        "Tick \"Require logon using Secure Password Authentication (SPA)\" in the first window.",
        "OK, Next: Outlook sends a test message by itself.",
        "SSL/TLS", "STARTTLS", "None",
        "Remove the account and add it again with File > Add Account; sign in in the window that "
        "opens."},
    [PROGRAM_THUNDERBIRD] = {
        "Menu (three bars) > Account Settings > Outgoing Server (SMTP), choose the server, "
        "Edit...",
        "Server Name", "Port", "Connection security",
        "Authentication method: \"Normal password\" instead of \"No authentication\".", "User "
        "Name",
        "Password (asked at the next sending; an old one is kept in Settings > Privacy & Security "
        "> Saved Passwords)",
        "Authentication method: \"Normal password\".", "Authentication method: \"NTLM\".",
        "OK, and send a short message to yourself.",
        "SSL/TLS", "STARTTLS", "None",
        "Authentication method: \"OAuth2\"; sign in in the window that opens at the next "
        "sending."},
    [PROGRAM_APPLE_MAIL] = {
        "Mail > Settings > Accounts, choose the account, Server Settings; under \"Outgoing Mail "
        "Server\" untick \"Automatically manage connection settings\".",
        "Host Name", "Port", "\"Use TLS/SSL\"", "Authentication: \"Password\" instead of "
        "\"None\".",
        "User Name", "Password",
        "Authentication: \"Password\".", "Authentication: \"NTLM\".",
        "Save, and send a short message to yourself.",
        "on", "on", "off",
        "Remove the account and add it again as Google, Microsoft Exchange or Yahoo; sign in in "
        "the "
        "window that opens."},
    [PROGRAM_IOS] = {
        "Settings > Apps > Mail > Mail Accounts, choose the account, Account Settings, SMTP, "
        "Primary Server.",
        "Host Name", "Server Port", "\"Use SSL\"", "Authentication: \"Password\".", "User Name",
        "Password",
        "Authentication: \"Password\".", "Authentication: \"NTLM\".",
        "Done, and send a short message to yourself.",
        "on", "on", "off",
        "Delete the account and add it again as Google, Microsoft or Yahoo; sign in in the window "
        "that opens."},
    [PROGRAM_ANDROID] = {
        "In the mail app: menu > Settings, choose the account, Outgoing server settings.",
        "SMTP server", "Port", "Security type", "\"Require sign-in\": on.", "User name",
        "Password",
        NULL, "This program knows no SPA: use another one for this server.",
        "Done, and send a short message to yourself.",
        "SSL/TLS", "STARTTLS", "None",
        "Remove the account and add it again by the provider's own button; sign in in the window "
        "that opens."},
    [PROGRAM_GMAIL_APP] = {
        "In the Gmail app: menu (three bars) > Settings, choose the account, Outgoing settings.",
        "SMTP server", "Port", "Security type", "\"Require sign-in\": on.", "Username", "Password",
        NULL, "The Gmail app knows no SPA: use another program for this server.",
        "Done, and send a short message to yourself.",
        "SSL/TLS", "STARTTLS", "None",
        "Remove the account and add it again by the provider's own button; sign in in the window "
        "that opens."},
    [PROGRAM_K9] = {
        "Settings, choose the account, Sending mail > Outgoing server.",
        "SMTP server", "Port", "Security", "\"Require sign-in\": on.", "Username", "Password",
        "Authentication: \"Normal password\".",
        "This program knows no NTLM: use another one for this server.",
        "Next, and send a short message to yourself.",
        "SSL/TLS", "STARTTLS", "None",
        "Authentication: \"OAuth 2.0\"; sign in in the browser window that opens."},
};
/* clang-format on */

#define X(id, name) name,
static const char *const names[] = {STEPS_PROGRAM_LIST(X)};
#undef X

bool steps_parse(struct span name, enum steps_program *out)
{
    for (size_t i = 0; i < COUNT(names); i++) {
        if (span_iis(name, names[i])) {
            *out = (enum steps_program)i;
            return true;
        }
    }
    return false;
}

const char *steps_name(enum steps_program p)
{
    return names[(unsigned)p < PROGRAM_COUNT ? p : PROGRAM_NONE];
}

const char *steps_sealing(enum steps_program p, enum steps_sealing s)
{
    const struct dialect *d = &dialects[(unsigned)p < PROGRAM_COUNT ? p : PROGRAM_NONE];

    switch (s) {
    case SEALING_TLS:
        return d->implicit;
    case SEALING_STARTTLS:
        return d->starttls;
    case SEALING_NONE:
        return d->plain;
    case SEALING_UNKNOWN:
        break;
    }
    return "SSL/TLS with port 465, STARTTLS with port 587";
}

static void where(struct verdict *v, const struct dialect *d, unsigned change,
                  const struct steps_settings *s, struct arena *a)
{
    if ((change & CHANGE_SERVER) && s->host.len)
        verdict_step(v, a, "%s: %.*s", d->server, SPAN_ARG(s->host));
    else if (change & CHANGE_SERVER)
        verdict_step(v, a, "%s: the name that your provider gives for sending.", d->server);
    if ((change & CHANGE_PORT) && s->port)
        verdict_step(v, a, "%s: %u", d->port, s->port);
    else if (change & CHANGE_PORT)
        verdict_step(v, a, "%s: 465 with SSL/TLS; if that does not work, 587 with STARTTLS.",
                     d->port);
}

static void login(struct verdict *v, const struct dialect *d, unsigned change,
                  const struct steps_settings *s, struct arena *a)
{
    if (change & CHANGE_LOGIN)
        verdict_step(v, a, "%s", d->login);
    if ((change & CHANGE_USER) && s->user.len)
        verdict_step(v, a, "%s: %.*s", d->user, SPAN_ARG(s->user));
    else if (change & CHANGE_USER)
        verdict_step(v, a, "%s: the full address, unless your provider says otherwise.", d->user);
    if (change & CHANGE_PASSWORD)
        verdict_step(v, a, "%s: type it anew.", d->password);
    if ((change & CHANGE_METHOD) && s->spa == SPA_ON)
        verdict_step(v, a, "%s", d->spa_on);
    else if ((change & CHANGE_METHOD) && d->spa_off)
        verdict_step(v, a, "%s", d->spa_off);
    if (change & CHANGE_OAUTH)
        verdict_step(v, a, "%s", d->oauth);
}

void steps_add(struct verdict *v, enum steps_program p, unsigned change,
               const struct steps_settings *s, struct arena *a)
{
    const struct dialect *d = &dialects[(unsigned)p < PROGRAM_COUNT ? p : PROGRAM_NONE];

    if (!change)
        return;
    verdict_step(v, a, "%s", d->open);
    where(v, d, change, s, a);
    if (change & CHANGE_SEALING)
        verdict_step(v, a, "%s: %s", d->sealing, steps_sealing(p, s->sealing));
    login(v, d, change, s, a);
    if (change & CHANGE_SENDER)
        verdict_step(v, a, "Sender address (From): the address of this account.");
    verdict_step(v, a, "%s", d->save);
}
