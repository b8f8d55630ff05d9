#include "probe/remedy.h"

#include "base/memory.h"
#include "base/text.h"

#include <string.h>

enum { WORDS_MAX = 4096 };

/* One for each id of the tables; a row with a cause is the finer one and comes first. What is NULL
 * or OWNER_NONE here comes from cause_row(). */
struct remedy {
    const char *id;
    enum cause cause;
    enum owner owner;
    unsigned change;
    const char *sentence;
    const char *setting;
    const char *steps; /* one a line, after those of the program; with ^ before them */
};

#define DOOR  (CHANGE_SERVER | CHANGE_PORT | CHANGE_SEALING | CHANGE_LOGIN)
#define LOGIN (CHANGE_LOGIN | CHANGE_USER | CHANGE_PASSWORD)

/* clang-format off */
static const struct remedy remedies[] = {
    {VERDICT_OK, CAUSE_NONE, OWNER_NONE, 0,
     "Sending works: {host} answers, encrypts and takes mail.", "{best}", NULL},

    /* the packets do not get there */
    {"N1", CAUSE_UNREACHABLE, OWNER_YOU, 0,
     "The computer that tried to send had no way to {host}: no network, as a rule.",
     "Network connection: on",
     "Open any web page to see that the computer has a network; without one, switch it on.\n"
     "If it has: wait, or try another network; the way to the server is down."},
    {"N1", CAUSE_NONE, OWNER_YOU, 0,
     "This computer is offline; mail is not the problem.", "Network connection: on",
     "Switch on the network (Wi-Fi, cable, mobile data); take the device out of flight mode.\n"
     "Open any web page to see that it works, then send again."},
    {"N2", CAUSE_LOST, OWNER_NONE, 0, NULL, "",
     "Send again: what failed half way was not sent.\n"
     "If it lasts, try another network (mobile phone), and switch off the mail shield of the "
     "virus "
     "scanner and the VPN for a moment."},
    {"N2", CAUSE_NONE, OWNER_NETWORK, 0,
     "The connection loses packets; mail is only the first to notice.{more}", "",
     "Go nearer to the Wi-Fi station, or use a cable.\n"
     "Restart the router; if it goes on, call your internet provider.\n"
     "Send again: what failed half way was not sent."},
    {"N3", CAUSE_NONE, OWNER_YOU, 0,
     "This Wi-Fi wants you to log in first.", "",
     "Open a web browser and any web page; the login page of the place appears.\n"
     "Log in or agree to its terms, then send again."},
    {"N4", CAUSE_NONE, OWNER_YOU, CHANGE_SERVER,
     "There is no server called {host}.", "Outgoing server: {bestname}", NULL},
    {"N5", CAUSE_NONE, OWNER_NETWORK, 0,
     "The network does not give the right address for {host}.",
     "DNS server of this computer: another one, for example 9.9.9.9 or 1.1.1.1",
     "Restart the router.\n"
     "If it goes on, enter another DNS server in the network settings of this computer.\n"
     "Tell whoever runs this network that its DNS does not work properly."},
    {"N6", CAUSE_UNREACHABLE, OWNER_NONE, 0, NULL, "",
     "Open any web page to see that this computer has a network.\n"
     "If it has: wait, or try another network; the server or the way to it is down."},
    {"N6", CAUSE_NONE, OWNER_PROVIDER, 0,
     "{host} is not answering anyone; the settings and this network are not at fault.", "",
     "Wait: change nothing in your settings.\n"
     "Look at the provider's status page or web mail; call the provider if it lasts over an "
     "hour."},
    {"N7", CAUSE_REFUSED, OWNER_YOU, DOOR, NULL, "Port of the outgoing server: {best}",
     "If no port works, look at the provider's status page: the server may be down."},
    {"N7", CAUSE_NONE, OWNER_YOU, DOOR,
     "{host} takes no connections at this port.", "Port of the outgoing server: {best}", NULL},
    {"N8", CAUSE_SILENT, OWNER_NONE, DOOR, NULL, "Port of the outgoing server: {best}",
     "If no port works here: try another network, for example the mobile phone's.\n"
     "If it works nowhere, the server is down or its name is wrong."},
    {"N8", CAUSE_NONE, OWNER_NETWORK, DOOR,
     "This network blocks the port; nothing answers at {host}, and not at other servers either.",
     "Port of the outgoing server: {best}",
     "If no port works here: use another network, for example the mobile phone's.\n"
     "You may ask your internet provider to open the port, or for its own outgoing server."},
    {"N9", CAUSE_NONE, OWNER_NETWORK, DOOR,
     "A firewall between you and {host} refuses the port.",
     "Port of the outgoing server: {best}",
     "You may ask whoever runs this network to open the port."},
    {"N10", CAUSE_NONE, OWNER_NETWORK, DOOR,
     "The network says in so many words that the port is forbidden.",
     "Port of the outgoing server: {best}",
     "You may ask whoever runs this network to open the port."},
    {"N11", CAUSE_NONE, OWNER_NETWORK, 0,
     "This place lets you browse, but not send mail: all mail ports are shut.",
     "Network: another one, for example the mobile phone's; or a server at port 443",
     "Use another network (mobile phone), a VPN, or the provider's web mail.\n"
     "Ask your internet provider for its own outgoing server, or to open port 465 or 587."},
    {"N12", CAUSE_NONE, OWNER_NETWORK, DOOR,
     "Port 25 works here, but only to the internet provider's own server.{more}",
     "Port of the outgoing server: {best}",
     "Or use the internet provider's own outgoing server, with the login of the internet access."},
    {"N13", CAUSE_NONE, OWNER_NETWORK, DOOR,
     "When you call {host} on port 25, somebody else picks up: {other}.",
     "Port of the outgoing server: {best}",
     "Never give the password on port 25 in this network; if you did, change it."},
    {"N14", CAUSE_STARTTLS_ABSENT, OWNER_NONE, CHANGE_PORT | CHANGE_SEALING, NULL,
     "Port 465 with SSL/TLS",
     "Do not switch the encryption off: the password could be read on the way."},
    {"N14", CAUSE_NONE, OWNER_NETWORK, DOOR,
     "A firewall on this network removes the encryption on the way to {host}.",
     "Port 465 with SSL/TLS, which cannot be taken out",
     "Whoever runs the firewall can switch its mail inspection off (Cisco: \"no inspect "
     "esmtp\")."},
    {"N15", CAUSE_NONE, OWNER_YOU, 0,
     "A program or firewall opens your encrypted mail connection; it shows a certificate of its "
     "own: {other}.",
     "Mail shield of the virus scanner: off",
     "Switch off the scanning of outgoing mail in the virus scanner.\n"
     "If there is none, ask whoever runs this network; do not send passwords until it is clear."},
    {"N16", CAUSE_IPV6, OWNER_NONE, 0, NULL, "IPv6 for sending mail: off",
     "Let the mail system send over IPv4, or give its IPv6 address a reverse name and SPF."},
    {"N16", CAUSE_NONE, OWNER_NETWORK, 0,
     "The IPv6 path to {host} is broken; IPv4 works.", "IPv6: off for this network",
     "Switch IPv6 off in the network settings of this computer, or restart the router.\n"
     "Tell whoever runs this network."},
    {"N17", CAUSE_NONE, OWNER_NETWORK, DOOR,
     "The hosting company blocks outgoing mail ports by default.{more}",
     "Port of the outgoing server: {best}",
     "Send through a relay at port 587, 2525 or 443.\n"
     "Or ask the hosting company to open the port; most have a form for it."},
    {"N18", CAUSE_NONE, OWNER_YOU, 0,
     "This computer's own firewall stops the connection to {host}.",
     "Firewall of this computer: allow the mail program",
     "Allow the mail program in the firewall, the virus scanner and the VPN program.\n"
     "Switch them off for a moment to see which one it is."},
    {"N19", CAUSE_NONE, OWNER_NETWORK, DOOR,
     "A door that worked before no longer opens on this network.{since}",
     "Port of the outgoing server: {best}", NULL},
    {"N20", CAUSE_NONE, OWNER_NETWORK, DOOR,
     "The door works on other networks, but not on this one.{place}",
     "Port of the outgoing server here: {best}", NULL},
    {"N21", CAUSE_TIMEOUT, OWNER_NONE, 0, NULL, "",
     "Send again, first without attachments.\n"
     "If short messages go and long ones do not: switch off the VPN, and set the MTU of the "
     "network "
     "to 1400."},
    {"N21", CAUSE_NONE, OWNER_NETWORK, 0,
     "Short commands get through to {host}, long packets vanish on the way.",
     "MTU of this network: 1400",
     "Switch off the VPN and try again.\n"
     "Set the MTU of the network card or router to 1400, or tell whoever runs this network."},

    /* refused before login */
    {"S1", CAUSE_NONE, OWNER_YOU, CHANGE_PORT | CHANGE_SEALING,
     "Port and kind of encryption do not fit together at {host}.",
     "Encryption: SSL/TLS with port 465, STARTTLS with port 587", NULL},
    {"S2", CAUSE_NONE, OWNER_YOU, CHANGE_PORT | CHANGE_SEALING, NULL,
     "Encryption: on (SSL/TLS with port 465, STARTTLS with port 587)", NULL},
    {"S3", CAUSE_NONE, OWNER_PROVIDER, 0,
     "The encryption of {host} does not work at the moment.", "Port: 465 with SSL/TLS, for now",
     "Wait some minutes and try again.\nIf it lasts, tell the mail provider."},
    {"S4", CAUSE_CERT_NAME, OWNER_YOU, CHANGE_SERVER,
     "{host} shows a certificate for another name: {other}.",
     "Outgoing server: {rightname}",
     "Do not let the program ignore the warning before the provider has confirmed the name."},
    {"S4", CAUSE_NONE, OWNER_PROVIDER, 0,
     "The certificate of {host} is not in order.", "",
     "Check the date and time of this computer.\n"
     "If they are right, tell the mail provider: the certificate must be renewed."},
    {"S5", CAUSE_NONE, OWNER_YOU, 0,
     "This computer's date or time is wrong, so that every certificate looks out of date.",
     "Date and time: set by the network", "Set date, time and time zone, then send again."},
    {"S6", CAUSE_NONE, OWNER_YOU, 0,
     "This program and {host} have no encryption in common; one of them is too old.",
     "TLS version: 1.2 or newer",
     "Bring the mail program and the system up to date.\n"
     "If they are, the mail provider must update the server."},
    {"S7", CAUSE_NONE, OWNER_NONE, 0, NULL, "",
     "Change nothing; send again in some minutes."},
    {"S8", CAUSE_NONE, OWNER_YOU, DOOR, NULL,
     "Outgoing server: your mail provider's, port 465 or 587 with login", NULL},
    {"S9", CAUSE_NONE, OWNER_PROVIDER, 0, NULL, "Reverse name (PTR) and host name of the server",
     "For a mail program: send by your provider's server, port 465 or 587, with login.\n"
     "For a server: have whoever owns the address set a PTR record, give that name an A record "
     "for the same address, and use it in HELO."},
    {"S10", CAUSE_NONE, OWNER_PROVIDER, 0, NULL, "",
     "Bring the mail program up to date, and switch off the mail scanning of the virus scanner.\n"
     "If it lasts, give the server's words to the provider."},
    {"S11", CAUSE_NONE, OWNER_YOU, CHANGE_SERVER,
     "{host} is a machine that takes no mail at all.", "Outgoing server: {bestname}", NULL},

    /* login and sender */
    {"A1", CAUSE_NONE, OWNER_YOU, CHANGE_LOGIN | CHANGE_USER | CHANGE_PORT | CHANGE_SEALING, NULL,
     "\"My server requires authentication\": on", NULL},
    {"A2", CAUSE_NONE, OWNER_YOU, CHANGE_PORT | CHANGE_SEALING, NULL,
     "Port of the outgoing server: {best}", NULL},
    {"A3", CAUSE_NONE, OWNER_YOU, LOGIN, NULL, "User name and password for sending",
     "Sign in at the provider's web mail with the same name and password: if that fails too, they "
     "are wrong.\n"
     "If it works, an app password may be needed here instead.{providerhint}"},
    {"A4", CAUSE_NONE, OWNER_YOU, CHANGE_USER,
     "{host} wants the user name in another form.", "User name: {userform}", NULL},
    {"A5", CAUSE_NONE, OWNER_YOU, 0,
     "{host} wants the login of the internet access, not of the mailbox.",
     "User name and password: those of your internet provider",
     "Put the user name and password of the internet access into the settings for outgoing mail.\n"
     "They stand in the provider's letter or on its account pages."},
    {"A6", CAUSE_AUTH_APP_PASSWORD, OWNER_YOU, CHANGE_PASSWORD, NULL,
     "Password: an app password, made in the account's security settings",
     "^Sign in at the provider's web site, switch on two-step verification and make an app "
              "password.{providerhint}"},
    {"A6", CAUSE_NONE, OWNER_YOU, CHANGE_OAUTH, NULL, "Kind of login: OAuth2 (sign-in by browser)",
     "A program that knows no OAuth2 cannot send by this server: use another program, or a "
     "relay."},
    {"A7", CAUSE_NONE, OWNER_PROVIDER, 0, NULL, "\"Authenticated SMTP\" of this mailbox: on",
     "Ask the administrator of the account to allow authenticated SMTP for this "
     "mailbox.{providerhint}"},
    {"A8", CAUSE_NONE, OWNER_YOU, CHANGE_METHOD | CHANGE_SEALING, NULL,
     "Secure password authentication (SPA): {spa}", NULL},
    {"A9", CAUSE_NONE, OWNER_YOU, CHANGE_SEALING | CHANGE_PORT,
     "{host} takes the password over an encrypted connection only.",
     "Encryption: on (SSL/TLS with port 465, STARTTLS with port 587)", NULL},
    {"A10", CAUSE_AUTH_WEB, OWNER_YOU, 0, NULL, "",
     "Sign in at the provider's web site from the same network, and confirm that it was you.\n"
     "Then send again; if it fails, make an app password."},
    {"A10", CAUSE_NONE, OWNER_YOU, 0, NULL, "",
     "Stop trying for an hour.\n"
     "Look for a forgotten device with the old password (phone, tablet, scanner).\n"
     "Sign in once at the provider's web site, then send again."},
    {"A11", CAUSE_NONE, OWNER_PROVIDER, 0, NULL, "",
     "Change the password of the account, and check the computers that know it.\n"
     "Ask the provider to unlock sending."},
    {"A12", CAUSE_SENDER_UNVERIFIED, OWNER_YOU, CHANGE_SENDER, NULL,
     "Sender address: one that is verified at the provider",
     "Or verify the address or its domain in the provider's settings."},
    {"A12", CAUSE_NONE, OWNER_YOU, CHANGE_SENDER, NULL,
     "Sender address: the address of the account that logs in",
     "Or have the other address added to the account as an alias (send as)."},
    {"A13", CAUSE_NONE, OWNER_YOU, CHANGE_SENDER, NULL,
     "Sender address: one of this provider; or the outgoing server of the sender's own provider",
     NULL},
    {"A14", CAUSE_NONE, OWNER_YOU, CHANGE_LOGIN | CHANGE_USER | CHANGE_PORT | CHANGE_SEALING, NULL,
     "\"My server requires authentication\": on",
     "If it was on: the outgoing server is not your provider's; enter the right one."},
    {"A15", CAUSE_NONE, OWNER_PROVIDER, 0, NULL, "",
     "Do not change the password.\nWait some minutes and send again."},
    {"A16", CAUSE_NONE, OWNER_YOU, 0,
     "{host} takes your mail and holds it back: somebody else seems to know your password.",
     "Password: a new one",
     "Change the password at the provider, and on every device that uses it.\n"
     "Look for a virus on those devices.\n"
     "Ask the provider to let go what is yours; until then send nothing again: it is kept."},

    /* message, recipient, limits */
    {"M1", CAUSE_STORAGE, OWNER_PROVIDER, 0, NULL, "",
     "Wait, and send again later.\nIf it is your own provider's server, tell the provider."},
    {"M1", CAUSE_NONE, OWNER_YOU, 0,
     "Your own mail space is full, so that nothing can be stored for sending.{more}",
     "Mail space: make room",
     "Empty trash and junk, delete or move big messages, also from \"Sent\".\n"
     "Or ask the provider for more space."},
    {"M2", CAUSE_NONE, OWNER_RECIPIENT, 0, NULL, "",
     "Tell the recipient by telephone or another address; they must delete something.\n"
     "Send again later."},
    {"M3", CAUSE_NONE, OWNER_YOU, 0, NULL, "Size of attachments: smaller",
     "Make pictures smaller, split the message, or send a link to the files."},
    {"M4", CAUSE_RECIPIENT_DISABLED, OWNER_NONE, 0, NULL, "",
     "Ask the recipient another way for an address that is in use."},
    {"M4", CAUSE_NONE, OWNER_YOU, 0, NULL, "Recipient's address: correct it",
     "Look for slips of the pen, and type the address anew instead of taking the suggestion.\n"
     "If it is right, ask the recipient another way."},
    {"M5", CAUSE_NONE, OWNER_YOU, 0, NULL, "Recipient's address: the part behind the @",
     "Correct the part of the address behind the @, and send again."},
    {"M6", CAUSE_NONE, OWNER_RECIPIENT, 0, NULL, "",
     "Change nothing: a mail server tries again by itself in some minutes.\n"
     "If a mail program shows it, it speaks with the recipient's server directly: use your "
     "provider's outgoing server."},
    {"M7", CAUSE_NONE, OWNER_YOU, 0, NULL, "",
     "Wait until the limit is lifted, often within a day.\n"
     "Did you send so much? If not, change the password: somebody else may use the account.\n"
     "For newsletters use a service made for them."},
    {"M8", CAUSE_REPUTATION, OWNER_NONE, 0, NULL, "",
     "Tell the provider whose server sends: its address or domain has a bad name there."},
    {"M8", CAUSE_NONE, OWNER_RECIPIENT, 0, NULL, "",
     "Change nothing; it goes out later. Send fewer messages at a time."},
    {"M9", CAUSE_SENDER_DOMAIN, OWNER_YOU, CHANGE_SENDER, NULL,
     "Sender address: one whose domain exists", NULL},
    {"M9", CAUSE_NONE, OWNER_YOU, CHANGE_SERVER | CHANGE_LOGIN, NULL,
     "Outgoing server: that of the provider of the sender's own domain",
     "Or have the domain's administrator add this server to the SPF record and set up DKIM."},
    {"M10", CAUSE_DOMAIN_BLOCKED, OWNER_YOU, 0, NULL, "",
     "Look for the domains in the message (links, signature) at the list that is named.\n"
     "Send it without them, or ask the list to take them off."},
    {"M10", CAUSE_NONE, OWNER_PROVIDER, 0, NULL,
     "Outgoing server: your mail provider's, port 465 or 587 with login",
     "If it is: tell the mail provider, whose server is on the list.\n"
     "If the server is yours: find out why, then ask the list to take the address off."},
    {"M11", CAUSE_VIRUS, OWNER_YOU, 0, NULL, "Attachment: leave it out",
     "Check this computer for viruses.\nSend programs, archives and macros as a link."},
    {"M11", CAUSE_MALFORMED, OWNER_YOU, 0, NULL, "",
     "Bring the mail program up to date, or write the message anew in another one."},
    {"M11", CAUSE_NONE, OWNER_YOU, 0, NULL, "Content of the message: plainer",
     "Send a short plain message first; if it arrives, the content was the reason.\n"
     "Leave out links, pictures and attachments."},
    {"M12", CAUSE_NONE, OWNER_RECIPIENT, 0, NULL, "",
     "Ask the recipient, or the owner of the list, to admit your address."},
    {"M13", CAUSE_NONE, OWNER_RECIPIENT, 0,
     "The message left here and was turned back later; the report does not say why.", "",
     "Give the report to the recipient's mail administrator."},
    {"M14", CAUSE_NONE, OWNER_YOU, 0, NULL, "Number of recipients: fewer at a time",
     "Send to fewer recipients at a time, or use a mailing list."},
    {"M15", CAUSE_NONE, OWNER_RECIPIENT, 0, NULL, "",
     "Tell the recipient: two forwardings point to each other."},
    {"M16", CAUSE_NONE, OWNER_RECIPIENT, 0, NULL, "",
     "Give the server's words to the recipient's mail administrator, who knows the rule."},
    {"M17", CAUSE_NONE, OWNER_RECIPIENT, 0, NULL, "",
     "Write to an address in plain ASCII, and in plain text."},
    {"M18", CAUSE_NONE, OWNER_RECIPIENT, 0, NULL, "",
     "Reach the recipient another way, or send again later."},
};
/* clang-format on */

static const struct remedy *find(const char *id, enum cause c)
{
    const struct remedy *any = NULL;

    for (size_t i = 0; i < COUNT(remedies); i++) {
        if (strcmp(remedies[i].id, id) != 0)
            continue;
        if (remedies[i].cause == c && c != CAUSE_NONE)
            return &remedies[i];
        if (remedies[i].cause == CAUSE_NONE)
            any = &remedies[i];
    }
    return any;
}

bool remedy_known(const char *id)
{
    return find(id, CAUSE_NONE) != NULL;
}

static void say_best(struct text *out, const struct remedy_case *k)
{
    if (k->best.host.len)
        text_addf(out, "%.*s, ", SPAN_ARG(k->best.host));
    if (!k->best.port) {
        text_adds(out, "465 with SSL/TLS, or 587 with STARTTLS");
        return;
    }
    text_addf(out, k->best.host.len ? "port %u" : "%u", k->best.port);
    if (k->best.sealing != SEALING_UNKNOWN)
        text_addf(out, " with %s",
                  k->best.sealing == SEALING_NONE ? "no encryption"
                                                  : steps_sealing(PROGRAM_NONE, k->best.sealing));
}

static void say_hint(struct text *out, const struct remedy_case *k)
{
    static const struct {
        const char *provider, *hint;
    } hints[] = {
        {"Gmail", " Google: myaccount.google.com/apppasswords"},
        {"iCloud", " Apple: account.apple.com, \"App-Specific Passwords\""},
        {"Yahoo", " Yahoo: Account Security, \"Generate app password\""},
        {"AOL", " AOL: Account Security, \"Generate app password\""},
        {"Microsoft 365", " Microsoft 365: admin center > Users > Mail > Manage email apps > "
                          "Authenticated SMTP"},
        {"Fastmail", " Fastmail: Settings > Privacy & Security > App passwords"},
        {"Zoho", " Zoho: accounts.zoho.com, Security > App Passwords"},
    };

    for (size_t i = 0; i < COUNT(hints); i++)
        if (span_is(k->provider, hints[i].provider))
            text_adds(out, hints[i].hint);
}

static void say_host(struct text *out, const struct remedy_case *k)
{
    const char *nobody = out->len ? "the server" : "The server";

    text_add(out, k->host.len ? k->host : span_of(nobody));
    if (k->host.len && k->port)
        text_addf(out, " (port %u)", k->port);
}

static void say_bestname(struct text *out, const struct remedy_case *k)
{
    text_add(out, k->best.host.len ? k->best.host : SPAN("the name that your provider gives"));
}

static void say_other(struct text *out, const struct remedy_case *k)
{
    text_add(out, k->other.len ? k->other : SPAN("another one"));
}

static void say_rightname(struct text *out, const struct remedy_case *k)
{
    text_add(out, k->other.len ? k->other : SPAN("the name in the certificate"));
    text_adds(out, ", if your provider confirms it");
}

/* What is known besides, as a sentence of its own. */
static void say_more(struct text *out, const struct remedy_case *k)
{
    if (k->other.len)
        text_addf(out, " (%.*s.)", SPAN_ARG(k->other));
}

static void say_since(struct text *out, const struct remedy_case *k)
{
    if (k->other.len)
        text_addf(out, " (Until %.*s it did.)", SPAN_ARG(k->other));
}

static void say_place(struct text *out, const struct remedy_case *k)
{
    if (k->other.len)
        text_addf(out, " (It opened at %.*s.)", SPAN_ARG(k->other));
}

static void say_domain(struct text *out, const struct remedy_case *k)
{
    (void)k;
    text_adds(out, "the address");
}

static void say_spa(struct text *out, const struct remedy_case *k)
{
    text_adds(out, k->best.spa == SPA_ON ? "on" : "off");
}

static void say_userform(struct text *out, const struct remedy_case *k)
{
    if (k->best.user.len)
        text_add(out, k->best.user);
    else
        text_adds(out, "the full address");
}

/* Fills in the names. */
static struct span expand(struct span pattern, const struct remedy_case *k, struct arena *a)
{
    static const struct {
        const char *mark;
        void (*say)(struct text *, const struct remedy_case *);
    } marks[] = {
        {"{host}", say_host},   {"{best}", say_best},           {"{bestname}", say_bestname},
        {"{other}", say_other}, {"{providerhint}", say_hint},   {"{domain}", say_domain},
        {"{spa}", say_spa},     {"{rightname}", say_rightname}, {"{more}", say_more},
        {"{since}", say_since}, {"{place}", say_place},         {"{userform}", say_userform},
    };
    struct text out = TEXT_INIT(WORDS_MAX);
    struct span done;

    while (pattern.len) {
        size_t i = 0;

        while (i < COUNT(marks) && !span_starts(pattern, span_of(marks[i].mark)))
            i++;
        if (i < COUNT(marks))
            marks[i].say(&out, k);
        else
            text_addc(&out, pattern.at[0]);
        pattern = span_from(pattern, i < COUNT(marks) ? strlen(marks[i].mark) : 1);
    }
    done = arena_span(a, text_span(&out));
    text_free(&out);
    return done;
}

/* The words of an id that came without a cause. */
static const struct cause_row *words_of(const char *id, enum cause c)
{
    for (unsigned i = 1; c == CAUSE_NONE && id[0] && i < CAUSE_COUNT; i++)
        if (strcmp(cause_row((enum cause)i)->id, id) == 0)
            return cause_row((enum cause)i);
    return cause_row(c);
}

static void add_steps(struct verdict *v, const char *lines, bool first, const struct remedy_case *k,
                      struct arena *a)
{
    struct span rest = span_of(lines), step;

    while (span_cut(&rest, '\n', &step)) {
        bool early = step.len && step.at[0] == '^';
        struct span s = expand(span_from(step, early), k, a);

        if (s.len && early == first)
            verdict_step(v, a, "%.*s", SPAN_ARG(s));
    }
}

void remedy_fill(struct verdict *v, const char *id, enum cause c, const struct remedy_case *k,
                 struct arena *a)
{
    const struct remedy *r = find(id, c);
    const struct cause_row *row = words_of(id, c);

    v->id = r ? r->id : VERDICT_UNKNOWN;
    v->cause = c;
    v->owner = r && r->owner != OWNER_NONE ? r->owner : row->owner;
    v->sentence = expand(span_of(r && r->sentence ? r->sentence : row->what), k, a);
    v->setting = r ? expand(span_of(r->setting), k, a) : SPAN_NONE;
    v->step_count = 0;
    if (!r) {
        verdict_step(v, a, "%s", row->advice);
        return;
    }
    add_steps(v, r->steps, true, k, a);
    steps_add(v, k->program, r->change, &k->best, a);
    add_steps(v, r->steps, false, k, a);
}

void remedy_of_cause(struct verdict *v, enum cause c, const struct remedy_case *k, struct arena *a)
{
    const char *id = cause_row(c)->id;

    remedy_fill(v, id, c, k, a);
}
