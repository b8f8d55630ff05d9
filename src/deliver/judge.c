#include "deliver/judge.h"

#include "base/memory.h"

#include <errno.h>

enum { ANY_DETAIL = 0xffff };

enum place {
    AT_ANY,
    AT_OPENING, /* greeting and EHLO */
    AT_BODY,    /* DATA and the final dot */
    AT_TALK,    /* MAIL, RCPT, DATA, dot */
    AT_ONE,     /* row.stage exactly */
};

/* How a row's far words are matched: enhanced subject and detail, 0xffff: whatever; a word in the
 * reply, any case, NULL: whatever. */
struct row {
    enum place place;
    enum stage stage; /* for AT_ONE */
    enum smtp_client_why why;
    unsigned short code; /* exact code, or 4 or 5 for the class, or 0 */
    unsigned short subject, detail;
    const char *word;
    /* the ruling */
    enum outcome_kind kind;
    enum outcome_scope scope;
    enum owner owner;
    struct enhanced status;
    const char *advice;
};

#define WHERE(p, s)        .place = (p), .stage = (s)
#define SAID(c)            .why = CLIENT_REPLY, .code = (c), .subject = ANY_DETAIL
#define SAID_X(c, sub, de) .why = CLIENT_REPLY, .code = (c), .subject = (sub), .detail = (de)
#define HAPPENED(w)        .why = (w), .subject = ANY_DETAIL
#define LATER(sc, o, sub, de)                                                                      \
    .kind = OUTCOME_LATER, .scope = (sc), .owner = (o), .status = {4, (sub), (de)}
#define NEVER(sc, o, sub, de)                                                                      \
    .kind = OUTCOME_NEVER, .scope = (sc), .owner = (o), .status = {5, (sub), (de)}

#define WAIT   "It is tried again by itself."
#define SENDER "Ask the recipient's mail administrator, and give them the server's words."

/* clang-format off */
static const struct row rows[] = {
    /* The server takes leave, wherever it says so. */
    {WHERE(AT_ONE, STAGE_DOT), SAID(421), LATER(SCOPE_ROUTE, OWNER_RECIPIENT, 4, 2),
     .advice = "The server took leave instead of taking the message. " WAIT},
    {WHERE(AT_ANY, 0), SAID(421), LATER(SCOPE_PATH, OWNER_RECIPIENT, 4, 2),
     .advice = "The server is busy, going down, or limits how much it takes from us. " WAIT},

    /* Greeting and EHLO: this host does not want us now; another may. */
    {WHERE(AT_OPENING, 0), SAID(5), LATER(SCOPE_PATH, OWNER_RECIPIENT, 3, 2),
     .advice = "This server does not want connections from this address. If it lasts, the address "
               "may be on a block list: look it up, or send through your provider's relay."},
    {WHERE(AT_OPENING, 0), SAID(4), LATER(SCOPE_PATH, OWNER_RECIPIENT, 3, 2), .advice = WAIT},

    /* TLS: never a reason to give up (P6), never a reason to do without where it is demanded (P7). */
    {WHERE(AT_ONE, STAGE_STARTTLS), HAPPENED(CLIENT_NO_STARTTLS),
     LATER(SCOPE_PATH, OWNER_PROVIDER, 7, 10),
     .advice = "Nothing was sent. " WAIT},
    {WHERE(AT_ONE, STAGE_STARTTLS), SAID(0), LATER(SCOPE_PATH, OWNER_PROVIDER, 7, 0),
     .advice = "The server cannot encrypt now. Nothing was sent. " WAIT},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_TLS), LATER(SCOPE_PATH, OWNER_PROVIDER, 7, 5),
     .advice = "Nothing was sent. If it lasts, the server's certificate must be repaired, or its "
               "name in the configuration, or somebody on the way reads along."},

    /* Login: a wrong password is the user's to repair and no fault of the mail. All doors of a relay
     * share the login, so none of the others is asked: some providers lock accounts. */
    {WHERE(AT_ONE, STAGE_AUTH), SAID(5), LATER(SCOPE_ROUTE, OWNER_YOU, 7, 8),
     .advice = "The relay refused the login. Check its user name and password (many providers want "
               "an app password); the mail waits here meanwhile."},
    {WHERE(AT_ONE, STAGE_AUTH), SAID(432), LATER(SCOPE_ROUTE, OWNER_YOU, 7, 12),
     .advice = "The relay wants the password to be changed first. The mail waits here meanwhile."},
    {WHERE(AT_ONE, STAGE_AUTH), SAID(4), LATER(SCOPE_PATH, OWNER_PROVIDER, 7, 0),
     .advice = "The relay cannot check logins now. " WAIT},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_NO_AUTH), LATER(SCOPE_PATH, OWNER_YOU, 7, 0),
     .advice = "The mail waits here meanwhile."},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_NO_MECHANISM), LATER(SCOPE_PATH, OWNER_YOU, 7, 4),
     .advice = "The mail waits here meanwhile."},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_UNSAFE_LOGIN), LATER(SCOPE_PATH, OWNER_YOU, 7, 11),
     .advice = "The mail waits here meanwhile."},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_UNPROVEN), LATER(SCOPE_ROUTE, OWNER_NETWORK, 7, 8),
     .advice = "It may not be the relay at all. The mail waits here meanwhile."},

    /* MAIL and RCPT wanting something of the session. */
    {WHERE(AT_TALK, 0), SAID(530), LATER(SCOPE_PATH, OWNER_YOU, 7, 0),
     .advice = "The server wants a login or encryption first. For a relay, set user and password; "
               "the mail waits here meanwhile."},
    {WHERE(AT_TALK, 0), SAID_X(5, 4, 5), .word = "exceeded", LATER(SCOPE_ROUTE, OWNER_YOU, 4, 5),
     .advice = "The relay's sending limit for this account is used up. It is tried again when the "
               "limit may have been lifted, often within a day."},

    /* RCPT: the recipient's own. 552 is an old way to say "too many recipients" (RFC 5321
     * 4.5.3.1.10), unless it says that it means the mailbox. */
    {WHERE(AT_ONE, STAGE_RCPT), SAID_X(552, 5, 3), LATER(SCOPE_RECIPIENT, OWNER_RECIPIENT, 5, 3),
     .advice = "The server takes fewer recipients at once. " WAIT},
    {WHERE(AT_ONE, STAGE_RCPT), SAID_X(552, 0, 0), LATER(SCOPE_RECIPIENT, OWNER_RECIPIENT, 5, 3),
     .advice = "The server takes no more recipients now. " WAIT},
    {WHERE(AT_ONE, STAGE_RCPT), SAID_X(5, 1, 1), NEVER(SCOPE_RECIPIENT, OWNER_YOU, 1, 1),
     .advice = "There is no such mailbox. Check the address for a slip of the pen."},
    {WHERE(AT_ONE, STAGE_RCPT), SAID_X(5, 2, 2), NEVER(SCOPE_RECIPIENT, OWNER_RECIPIENT, 2, 2),
     .advice = "The recipient's mailbox is full. Tell them another way, and send it again later."},
    {WHERE(AT_ONE, STAGE_RCPT), SAID(5), NEVER(SCOPE_RECIPIENT, OWNER_RECIPIENT, 1, 0),
     .advice = "The server does not take mail for this address from here. " SENDER},
    {WHERE(AT_ONE, STAGE_RCPT), SAID_X(4, 3, ANY_DETAIL), LATER(SCOPE_PATH, OWNER_RECIPIENT, 3, 0),
     .advice = "The server has a trouble of its own. " WAIT},
    {WHERE(AT_ONE, STAGE_RCPT), SAID(4), LATER(SCOPE_RECIPIENT, OWNER_RECIPIENT, 2, 0),
     .advice = "The server wants it later. Many do that with senders they do not know. " WAIT},

    /* MAIL: the message at this host. */
    {WHERE(AT_ONE, STAGE_MAIL), SAID(552), NEVER(SCOPE_MESSAGE, OWNER_YOU, 3, 4),
     .advice = "The message is too big for the recipient's server. Send it in parts, or share the "
               "attachment by a link."},
    {WHERE(AT_ONE, STAGE_MAIL), SAID(5), NEVER(SCOPE_ROUTE, OWNER_YOU, 1, 0),
     .advice = "The server does not take mail from this sender. Check the sender's address; a relay "
               "often takes only the addresses of the account that logged in."},
    {WHERE(AT_ONE, STAGE_MAIL), SAID(4), LATER(SCOPE_PATH, OWNER_RECIPIENT, 3, 0), .advice = WAIT},

    /* DATA and the dot: the content. */
    {WHERE(AT_BODY, 0), SAID(552), NEVER(SCOPE_MESSAGE, OWNER_YOU, 3, 4),
     .advice = "The message is too big for the recipient's server or mailbox. Send it in parts, or "
               "share the attachment by a link."},
    {WHERE(AT_BODY, 0), SAID(5), NEVER(SCOPE_MESSAGE, OWNER_RECIPIENT, 7, 1),
     .advice = "The server refused the message itself, not the address. " SENDER},
    {WHERE(AT_ONE, STAGE_DATA), SAID(4), LATER(SCOPE_PATH, OWNER_RECIPIENT, 3, 0), .advice = WAIT},
    {WHERE(AT_ONE, STAGE_DOT), SAID(4), LATER(SCOPE_ROUTE, OWNER_RECIPIENT, 3, 0), .advice = WAIT},

    /* What this server cannot take. */
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_TOO_BIG), NEVER(SCOPE_MESSAGE, OWNER_YOU, 3, 4),
     .advice = ""},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_NO_8BIT), NEVER(SCOPE_MESSAGE, OWNER_YOU, 6, 3),
     .advice = ""},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_NO_UTF8), NEVER(SCOPE_MESSAGE, OWNER_YOU, 6, 7),
     .advice = ""},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_BAD_ADDRESS), NEVER(SCOPE_MESSAGE, OWNER_YOU, 1, 3),
     .advice = ""},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_CONTENT), LATER(SCOPE_ROUTE, OWNER_PROVIDER, 3, 0),
     .advice = "Look at the disk of this machine. " WAIT},

    /* The connection. After the dot no other path is tried at once: the message may be there. */
    {WHERE(AT_ONE, STAGE_DOT), HAPPENED(CLIENT_LOST), LATER(SCOPE_ROUTE, OWNER_NETWORK, 4, 2),
     .advice = "The message may have arrived. It is sent again, so it may arrive twice."},
    {WHERE(AT_ONE, STAGE_DOT), HAPPENED(CLIENT_BROKEN), LATER(SCOPE_ROUTE, OWNER_RECIPIENT, 5, 0),
     .advice = "The message may have arrived. It is sent again, so it may arrive twice."},
    {WHERE(AT_ONE, STAGE_CONNECT), HAPPENED(CLIENT_LOST), LATER(SCOPE_PATH, OWNER_NETWORK, 4, 1),
     .advice = "The server may be down, or this network may block its port. " WAIT},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_LOST), LATER(SCOPE_PATH, OWNER_NETWORK, 4, 2),
     .advice = WAIT},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_BROKEN), LATER(SCOPE_PATH, OWNER_RECIPIENT, 5, 0),
     .advice = WAIT},
};
/* clang-format on */

/* Whatever the table forgot waits, and does not bounce. */
static const struct row otherwise = {LATER(SCOPE_PATH, OWNER_NONE, 0, 0), .advice = WAIT};

static bool place_fits(const struct row *r, enum stage s)
{
    switch (r->place) {
    case AT_ANY:
        return true;
    case AT_OPENING:
        return s == STAGE_GREETING || s == STAGE_HELO;
    case AT_BODY:
        return s == STAGE_DATA || s == STAGE_DOT;
    case AT_TALK:
        return s >= STAGE_MAIL && s <= STAGE_DOT;
    case AT_ONE:
        break;
    }
    return s == r->stage;
}

static bool code_fits(const struct row *r, const struct reply *reply)
{
    if (r->code == 0)
        return true;
    return r->code < 10 ? reply_class(reply) == r->code : reply->code == r->code;
}

static bool enhanced_fits(const struct row *r, const struct enhanced *e)
{
    if (r->subject == ANY_DETAIL)
        return true;
    return e->subject == r->subject && (r->detail == ANY_DETAIL || e->detail == r->detail);
}

static bool has_word(struct span text, const char *word)
{
    struct span w = span_of(word);

    for (size_t i = 0; i + w.len <= text.len; i++)
        if (span_istarts(span_from(text, i), w))
            return true;
    return false;
}

static bool fits(const struct row *r, const struct judge_event *e)
{
    return r->why == e->why && place_fits(r, e->stage) && code_fits(r, &e->reply) &&
           enhanced_fits(r, &e->reply.enhanced) && (!r->word || has_word(e->reply.text, r->word));
}

/* Would another place in the network have brought it further? */
static bool network_trouble(const struct judge_event *e)
{
    if (e->stage == STAGE_DNS)
        return !e->dns_permanent;
    return e->why == CLIENT_LOST && e->stage != STAGE_DOT && e->sys != ECANCELED;
}

static struct judge_ruling ruling_of(const struct row *r, const struct judge_event *e)
{
    struct judge_ruling ruling = {
        .kind = r->kind,
        .scope = r->scope,
        .owner = r->owner,
        .status = e->reply.enhanced.class ? e->reply.enhanced : r->status,
        .waits_for_network = network_trouble(e),
        .advice = r->advice,
    };

    ruling.status.class = r->kind == OUTCOME_NEVER ? 5 : 4;
    return ruling;
}

struct judge_ruling judge_rule(const struct judge_event *e)
{
    static const struct row dns_never = {NEVER(SCOPE_ROUTE, OWNER_YOU, 1, 2), .advice = ""};
    static const struct row dns_later = {LATER(SCOPE_ROUTE, OWNER_NETWORK, 4, 3), .advice = WAIT};
    static const struct row cancelled = {LATER(SCOPE_ROUTE, OWNER_PROVIDER, 3, 2),
                                         .advice = "This machine ended the attempt. " WAIT};

    if (e->stage == STAGE_DNS)
        return ruling_of(e->dns_permanent ? &dns_never : &dns_later, e);
    if (e->why == CLIENT_LOST && e->sys == ECANCELED)
        return ruling_of(&cancelled, e);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (fits(&rows[i], e))
            return ruling_of(&rows[i], e);
    return ruling_of(&otherwise, e);
}

struct judge_event judge_event_of(const struct smtp_client_failure *f)
{
    return (struct judge_event){.stage = f->stage, .why = f->why, .reply = f->reply, .sys = f->sys};
}

bool judge_too_many(const struct reply *r)
{
    const struct enhanced *e = &r->enhanced;

    if (r->code != 452 && r->code != 552)
        return false;
    return e->class == 0 || (e->subject == 5 && e->detail == 3);
}
