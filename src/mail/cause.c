#include "mail/cause.h"

#include "base/memory.h"
#include "base/text.h"
#include "mail/reading.h"

#include <errno.h>

#define AGAIN " It is tried again by itself."

/* clang-format off */
static const struct cause_row rows[CAUSE_COUNT] = {
    [CAUSE_NONE] = {"", OWNER_NONE, 0, 0,
        "{host} gave no reason that is known here.",
        "Read its own words; its administrator can explain them."},

    /* login and sender */
    [CAUSE_AUTH_REQUIRED] = {"A1", OWNER_YOU, 7, 0,
        "{host} wants a login before it takes mail for others.",
        "Set the user name and password for sending."},
    [CAUSE_AUTH_BAD] = {"A3", OWNER_YOU, 7, 8,
        "{host} refused the login: user name or password is wrong.",
        "Check both. Many providers want the full address as the user name, and some an app "
        "password."},
    [CAUSE_AUTH_APP_PASSWORD] = {"A6", OWNER_YOU, 7, 9,
        "{host} wants an app password: the ordinary one does not work in mail programs.",
        "Make one in the account's security settings and use it here."},
    [CAUSE_AUTH_OAUTH] = {"A6", OWNER_YOU, 7, 9,
        "{host} takes no passwords any more; it wants a sign-in by OAuth.",
        "Choose OAuth sign-in, or another way to send."},
    [CAUSE_AUTH_DISABLED] = {"A7", OWNER_PROVIDER, 7, 0,
        "Sending by mail programs is switched off for this account at {host}.",
        "Ask the administrator of the account to allow it (\"SMTP AUTH\")."},
    [CAUSE_AUTH_WEB] = {"A10", OWNER_YOU, 7, 14,
        "{host} wants you to sign in with a web browser first.",
        "Sign in on the provider's web site once, confirm that it was you, and try again."},
    [CAUSE_AUTH_LIMIT] = {"A10", OWNER_YOU, 7, 0,
        "{host} has seen too many login attempts and closed the account's door for a while.",
        "Check the password on every device that uses it, then wait."},
    [CAUSE_AUTH_MECHANISM] = {"A8", OWNER_YOU, 7, 4,
        "{host} does not know the kind of login that was tried.",
        "Choose another one: \"normal password\" over TLS works nearly everywhere."},
    [CAUSE_AUTH_ABSENT] = {"A2", OWNER_YOU, 7, 0,
        "{host} offers no login at this door.",
        "Use the submission door: port 465 with TLS or port 587 with STARTTLS."},
    [CAUSE_AUTH_LATER] = {"A15", OWNER_PROVIDER, 7, 0,
        "{host} cannot check logins at the moment. The password is not at fault.",
        "Nothing needs to be changed." AGAIN},
    [CAUSE_ACCOUNT_SUSPENDED] = {"A11", OWNER_PROVIDER, 7, 13,
        "The provider has stopped this account from sending.",
        "Ask the provider why; after a break-in, change the password first."},
    [CAUSE_SENDING_LIMIT] = {"M7", OWNER_YOU, 4, 5,
        "The account has reached its sending limit at {host}.",
        "Wait until the limit is lifted, often the next day, or "
        "ask the provider for a higher one."},
    [CAUSE_SENDER_NOT_OWNED] = {"A12", OWNER_YOU, 7, 1,
        "The login is right, but {host} does not let it send with this sender address.",
        "Use the account's own address, or have the other one added to it as an alias."},
    [CAUSE_SENDER_UNVERIFIED] = {"A12", OWNER_YOU, 7, 1,
        "{host} does not know the sender address or its domain as yours yet.",
        "Verify it in the provider's settings."},
    [CAUSE_SENDER_DOMAIN] = {"M9", OWNER_YOU, 1, 8,
        "{host} finds no such domain as that of the sender address.",
        "Correct the sender address, or the domain's entries in DNS."},
    [CAUSE_SENDER_REJECTED] = {"A13", OWNER_YOU, 1, 0,
        "{host} does not take mail from this sender.",
        "Check the sender address; if it is right, ask the recipient's mail administrator."},

    /* recipient */
    [CAUSE_RECIPIENT_UNKNOWN] = {"M4", OWNER_YOU, 1, 1,
        "{host} knows no mailbox of this address.",
        "Check the address for a slip of the pen; if it is right, ask the recipient another way."},
    [CAUSE_RECIPIENT_DISABLED] = {"M4", OWNER_RECIPIENT, 2, 1,
        "The mailbox exists at {host}, but it is closed.",
        "Reach the recipient another way."},
    [CAUSE_RECIPIENT_RESTRICTED] = {"M12", OWNER_RECIPIENT, 7, 2,
        "The recipient accepts mail from certain senders only.",
        "Ask the recipient, or the list's owner, to admit your address."},
    [CAUSE_RECIPIENT_DOMAIN] = {"M5", OWNER_YOU, 1, 2,
        "{host} does not take mail for the part of the address behind the @.",
        "Check that part of the address."},
    [CAUSE_MAILBOX_FULL] = {"M2", OWNER_RECIPIENT, 2, 2,
        "The recipient's mailbox is full.",
        "Tell the recipient another way; they must make room."},
    [CAUSE_TOO_MANY_RECIPIENTS] = {"M14", OWNER_YOU, 5, 3,
        "{host} takes fewer recipients at once.",
        "Send to fewer recipients at a time, or use a mailing list."},

    /* message */
    [CAUSE_TOO_LARGE] = {"M3", OWNER_YOU, 3, 4,
        "The message is too big for {host}.",
        "Make it smaller, or send a link to the files."},
    [CAUSE_STORAGE] = {"M1", OWNER_RECIPIENT, 3, 1,
        "{host} has no room for more mail.",
        "Its administrator must make room." AGAIN},
    [CAUSE_SPAM] = {"M11", OWNER_YOU, 7, 1,
        "{host} takes the message for spam because of what is in it.",
        "Reword it, with fewer links and pictures, or reach the recipient another way."},
    [CAUSE_VIRUS] = {"M11", OWNER_YOU, 7, 0,
        "{host} thinks that an attachment is dangerous.",
        "Check it for viruses; send a link instead of programs or archives."},
    [CAUSE_MALFORMED] = {"M11", OWNER_YOU, 6, 0,
        "{host} says that the message is not made by the rules.",
        "Try another mail program, and tell the maker of this one."},
    [CAUSE_LOOP] = {"M15", OWNER_RECIPIENT, 4, 6,
        "The message went round in circles among servers.",
        "Look for two forwardings that point to each other."},
    [CAUSE_NO_8BIT] = {"M17", OWNER_RECIPIENT, 6, 3,
        "The message holds 8-bit text, and {host} takes plain ASCII only.",
        "Send it again with quoted-printable encoding, which mail programs can do."},
    [CAUSE_NO_UTF8] = {"M17", OWNER_RECIPIENT, 6, 7,
        "The message has an address with letters beyond ASCII, and {host} does not know such "
        "addresses.",
        "Use an address in plain ASCII."},

    /* relaying, TLS */
    [CAUSE_RELAY_DENIED] = {"A14", OWNER_YOU, 7, 1,
        "{host} does not pass on mail for others without knowing them.",
        "Switch on the login for sending; if it is on, check that this is the right server."},
    [CAUSE_TLS_REQUIRED] = {"S2", OWNER_YOU, 7, 10,
        "{host} insists on encryption.",
        "Switch on TLS for this server."},
    [CAUSE_TLS_FAILURE] = {"S3", OWNER_PROVIDER, 7, 5,
        "The encrypted connection to {host} could not be made. Nothing was sent.",
        "If it lasts, the server's administrator must repair it, or a firewall on the way does "
        "not let it through." AGAIN},
    [CAUSE_TLS_MODE] = {"S1", OWNER_YOU, 7, 10,
        "The door of {host} and the settings differ in how encryption begins.",
        "Use TLS from the start on port 465, STARTTLS on port 587."},
    [CAUSE_STARTTLS_ABSENT] = {"N14", OWNER_PROVIDER, 7, 10,
        "Encryption is demanded, but {host} does not offer STARTTLS. Nothing was sent.",
        "Ask the server's administrator; when it works from another network, a firewall here "
        "takes it out: use port 465." AGAIN},
    [CAUSE_CERT_EXPIRED] = {"S4", OWNER_PROVIDER, 7, 5,
        "The certificate of {host} is out of date. Nothing was sent.",
        "The server's administrator must renew it. If many servers seem out of date, this "
        "computer's clock is wrong." AGAIN},
    [CAUSE_CERT_NAME] = {"S4", OWNER_YOU, 7, 5,
        "The certificate of {host} is made out to another name. Nothing was sent.",
        "Use the name in the certificate if the provider agrees; "
        "else somebody may stand between." AGAIN},
    [CAUSE_CERT_ISSUER] = {"S4", OWNER_PROVIDER, 7, 5,
        "The certificate of {host} is signed by nobody who is trusted here. Nothing was sent.",
        "The server's administrator must get a proper one. If many servers look so, a program or "
        "firewall here reads along." AGAIN},
    [CAUSE_LOGIN_UNSAFE] = {"A9", OWNER_YOU, 7, 11,
        "The login was not sent to {host}, because the connection is not safe.",
        "Switch on TLS with a verified certificate."},

    /* our address and domain */
    [CAUSE_IP_BLOCKED] = {"M10", OWNER_PROVIDER, 7, 1,
        "{host} does not take mail from the address of this mail system.",
        "Look the address up at the block list that is named and ask to be taken off, or send "
        "through a provider's relay."},
    [CAUSE_IP_DYNAMIC] = {"S8", OWNER_YOU, 7, 1,
        "{host} takes no mail straight from home or dial-up addresses.",
        "Send through your provider's relay, port 465 or 587."},
    [CAUSE_IPV6] = {"N16", OWNER_PROVIDER, 7, 1,
        "{host} takes no mail over IPv6 from here.",
        "Let mail to it leave over IPv4."},
    [CAUSE_DOMAIN_BLOCKED] = {"M10", OWNER_YOU, 7, 1,
        "A domain in the message, or the sender's, is on a block list.",
        "Look it up at the list that is named and ask to be taken off."},
    [CAUSE_PTR] = {"S9", OWNER_PROVIDER, 7, 25,
        "The address of this mail system has no proper reverse name in DNS.",
        "Whoever owns the address must set a PTR record that leads back to it; or send through a "
        "provider's relay."},
    [CAUSE_HELO] = {"S9", OWNER_PROVIDER, 5, 2,
        "{host} does not accept the name by which this mail system calls itself.",
        "Set its host name to a full one that exists in DNS."},
    [CAUSE_SPF] = {"M9", OWNER_YOU, 7, 23,
        "The sender's domain does not allow this mail system to send for it (SPF).",
        "Send through the domain's own provider, or add this system to its SPF record."},
    [CAUSE_DKIM] = {"M9", OWNER_YOU, 7, 20,
        "The signature of the sender's domain (DKIM) is missing or wrong.",
        "Send through the domain's own provider, or set up DKIM."},
    [CAUSE_DMARC] = {"M9", OWNER_YOU, 7, 1,
        "The sender's domain asks others to refuse mail that does not come from its own servers "
        "(DMARC).",
        "Send through the domain's own provider, or set up SPF and DKIM for this system."},
    [CAUSE_UNAUTHENTICATED] = {"M9", OWNER_YOU, 7, 26,
        "Nothing proves to {host} that the mail comes from the sender's domain (SPF, DKIM).",
        "Set up SPF and DKIM for the domain, or send through its own provider."},
    [CAUSE_REPUTATION] = {"M8", OWNER_PROVIDER, 7, 1,
        "{host} has a poor opinion of the address or domain that sends.",
        "Stop unwanted mail from it, set up SPF and DKIM, and send little for a while."},

    /* later */
    [CAUSE_RATE] = {"M8", OWNER_NONE, 7, 0,
        "{host} limits how much it takes from here.",
        "Nothing needs to be changed; if it lasts, send less at a time." AGAIN},
    [CAUSE_GREYLISTED] = {"M6", OWNER_NONE, 7, 1,
        "{host} asks senders that it meets for the first time to come back some minutes later.",
        "Nothing needs to be changed." AGAIN},
    [CAUSE_BUSY] = {"S7", OWNER_RECIPIENT, 3, 2,
        "{host} is busy or in trouble.",
        "Nothing needs to be changed." AGAIN},
    [CAUSE_POLICY] = {"M16", OWNER_RECIPIENT, 7, 1,
        "{host} refuses the mail by a rule of its own.",
        "Give the server's words to the recipient's mail administrator, who can tell the rule."},
    [CAUSE_PROTOCOL] = {"S10", OWNER_PROVIDER, 5, 0,
        "{host} and this mail system did not understand each other.",
        "If it lasts, tell the administrator of this mail system." AGAIN},
    [CAUSE_TIMEOUT] = {"N21", OWNER_NETWORK, 4, 2,
        "{host} waited too long for something.",
        "If it lasts, big packets may get lost on the way." AGAIN},

    /* connection */
    [CAUSE_REFUSED] = {"N7", OWNER_RECIPIENT, 4, 1,
        "{host} refused the connection.",
        "The server is down or not at this port; if every server refuses, "
        "a firewall here does it." AGAIN},
    [CAUSE_SILENT] = {"N8", OWNER_NETWORK, 4, 1,
        "{host} did not answer in time.",
        "If other servers do not answer on this port either, the network here blocks it: use a "
        "relay on port 465 or 587." AGAIN},
    [CAUSE_UNREACHABLE] = {"N6", OWNER_NETWORK, 4, 1,
        "There is no way to {host} from this network at the moment.",
        "Check the connection of this computer." AGAIN},
    [CAUSE_FORBIDDEN] = {"N18", OWNER_YOU, 4, 1,
        "A firewall forbids the connection to {host}.",
        "Allow it in this computer's firewall, or use another port." AGAIN},
    [CAUSE_LOST] = {"N2", OWNER_NETWORK, 4, 2,
        "The connection to {host} broke.",
        "If it lasts, the network here or there is unsteady." AGAIN},
    [CAUSE_LOST_AT_END] = {"N2", OWNER_NETWORK, 4, 2,
        "The connection to {host} broke after the message was sent, before the receipt came.",
        "It may arrive twice: that is better than not at all." AGAIN},
    [CAUSE_NO_DOMAIN] = {"N4", OWNER_YOU, 1, 2,
        "There is no such domain as {domain}.",
        "Check the part of the address behind the @."},
    [CAUSE_NULL_MX] = {"M5", OWNER_YOU, 1, 10,
        "The domain {domain} takes no mail at all, and says so.",
        "Check the part of the address behind the @, or ask for another address."},
    [CAUSE_DNS_LATER] = {"N5", OWNER_NETWORK, 4, 3,
        "The mail servers of {domain} cannot be looked up at the moment.",
        "If it lasts, check the DNS settings of this computer." AGAIN},
    [CAUSE_LIFETIME] = {"M18", OWNER_RECIPIENT, 4, 7,
        "The mail could not be delivered in all the time it was tried.",
        "Reach the recipient another way, or send it again later."},
};
/* clang-format on */

#define X(id, name) name,
static const char *const names[] = {CAUSE_LIST(X)};
#undef X

const struct cause_row *cause_row(enum cause c)
{
    return &rows[(unsigned)c < CAUSE_COUNT ? c : CAUSE_NONE];
}

const char *cause_name(enum cause c)
{
    return names[(unsigned)c < CAUSE_COUNT ? c : CAUSE_NONE];
}

bool cause_parse(struct span name, enum cause *out)
{
    for (size_t i = 0; i < COUNT(names); i++) {
        if (span_is(name, names[i])) {
            *out = (enum cause)i;
            return true;
        }
    }
    return false;
}

enum cause cause_of_sys(int sys)
{
    static const struct {
        int sys;
        enum cause cause;
    } table[] = {
        {ECONNREFUSED, CAUSE_REFUSED},    {ETIMEDOUT, CAUSE_SILENT},
        {ENETUNREACH, CAUSE_UNREACHABLE}, {EHOSTUNREACH, CAUSE_UNREACHABLE},
        {ENETDOWN, CAUSE_UNREACHABLE},    {EADDRNOTAVAIL, CAUSE_UNREACHABLE},
        {EPERM, CAUSE_FORBIDDEN},         {EACCES, CAUSE_FORBIDDEN},
    };

    for (size_t i = 0; i < COUNT(table); i++)
        if (table[i].sys == sys)
            return table[i].cause;
    return CAUSE_LOST;
}

enum cause cause_of(const struct cause_event *ev)
{
    if (ev->seen == CAUSE_LOST && ev->stage == STAGE_DOT)
        return CAUSE_LOST_AT_END;
    if (ev->seen != CAUSE_NONE)
        return ev->seen;
    return ev->reply.code ? reading_of(ev->stage, &ev->reply) : CAUSE_NONE;
}

/* Fills in the names. A sentence may begin with one that is missing. */
static void expand(struct text *out, const char *pattern, const struct cause_names *n)
{
    struct span rest = span_of(pattern), host = SPAN("{host}"), domain = SPAN("{domain}");
    bool begins = true;

    for (; rest.len; begins = false) {
        if (span_starts(rest, host)) {
            text_add_safe(out, n->host.len ? n->host
                                           : span_of(begins ? n->words->first : n->words->host));
            rest = span_from(rest, host.len);
        } else if (span_starts(rest, domain)) {
            text_add_safe(out, n->domain.len ? n->domain : span_of(n->words->domain));
            rest = span_from(rest, domain.len);
        } else {
            text_addc(out, rest.at[0]);
            rest = span_from(rest, 1);
        }
    }
}

void cause_fill(struct text *out, const char *what, const char *advice, const struct cause_names *n)
{
    expand(out, what, n);
    if (n->details.len) {
        text_adds(out, " (");
        text_add_safe(out, n->details);
        text_addc(out, ')');
    }
    if (advice)
        text_addf(out, " %s", advice);
}

void cause_explain(const struct cause_event *ev, struct outcome *out, struct arena *a)
{
    static const struct cause_words english = {"The other server", "the other server",
                                               "the address"};
    enum cause cause = cause_of(ev);
    const struct cause_row *row = cause_row(cause);
    struct cause_names known = {ev->host, ev->domain, ev->details, &english};
    struct text words = TEXT_INIT(4096);

    cause_fill(&words, row->what, row->advice, &known);
    out->explained = true;
    out->cause = cause;
    out->details = arena_span(a, ev->details);
    out->words = arena_span(a, text_span(&words));
    out->owner = row->owner;
    if (out->status.class == 0)
        out->status = ev->reply.enhanced.class ? ev->reply.enhanced
                                               : (struct enhanced){.subject = row->subject,
                                                                   .detail = row->detail};
    if (out->kind == OUTCOME_LATER || out->kind == OUTCOME_NEVER)
        out->status.class = out->kind == OUTCOME_LATER ? 4 : 5;
    text_free(&words);
}
