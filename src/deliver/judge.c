#include "deliver/judge.h"

#include "base/memory.h"
#include "mail/cause.h"
#include "mail/reading.h"

#include <errno.h>

enum { ANY_DETAIL = 0xffff };

enum place {
    AT_ANY,
    AT_OPENING, /* greeting and EHLO */
    AT_BODY,    /* DATA and the final dot */
    AT_TALK,    /* MAIL, RCPT, DATA, dot */
    AT_ONE,     /* row.stage exactly */
};

struct row {
    enum place place;
    enum stage stage; /* for AT_ONE */
    enum smtp_client_why why;
    unsigned short code;            /* exact code, or 4 or 5 for the class, or 0 */
    unsigned short subject, detail; /* of the enhanced code; ANY_DETAIL: whatever */
    enum cause cause; /* what the reply's words tell (mail/reading.h); CAUSE_NONE: whatever */
    /* the ruling */
    enum outcome_kind kind;
    enum outcome_scope scope;
    struct enhanced status;
};

#define WHERE(p, s)        .place = (p), .stage = (s)
#define SAID(c)            .why = CLIENT_REPLY, .code = (c), .subject = ANY_DETAIL
#define SAID_X(c, sub, de) .why = CLIENT_REPLY, .code = (c), .subject = (sub), .detail = (de)
#define HAPPENED(w)        .why = (w), .subject = ANY_DETAIL
#define LATER(sc, sub, de) .kind = OUTCOME_LATER, .scope = (sc), .status = {4, (sub), (de)}
#define NEVER(sc, sub, de) .kind = OUTCOME_NEVER, .scope = (sc), .status = {5, (sub), (de)}

/* clang-format off */
static const struct row rows[] = {
    /* The server takes leave, wherever it says so. */
    {WHERE(AT_ONE, STAGE_DOT), SAID(421), LATER(SCOPE_ROUTE, 4, 2)},
    {WHERE(AT_ANY, 0), SAID(421), LATER(SCOPE_PATH, 4, 2)},

    /* Greeting and EHLO: this host does not want us now; another may. */
    {WHERE(AT_OPENING, 0), SAID(5), LATER(SCOPE_PATH, 3, 2)},
    {WHERE(AT_OPENING, 0), SAID(4), LATER(SCOPE_PATH, 3, 2)},

    /* TLS: never a reason to give up (P6), nor to do without where it is demanded (P7). */
    {WHERE(AT_ONE, STAGE_STARTTLS), HAPPENED(CLIENT_NO_STARTTLS), LATER(SCOPE_PATH, 7, 10)},
    {WHERE(AT_ONE, STAGE_STARTTLS), SAID(0), LATER(SCOPE_PATH, 7, 0)},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_TLS), LATER(SCOPE_PATH, 7, 5)},

    /* Login: a wrong password is the user's to repair and no fault of the mail. All doors of a
     * relay share the login, so none of the others is asked: some providers lock accounts. */
    {WHERE(AT_ONE, STAGE_AUTH), SAID(5), LATER(SCOPE_ROUTE, 7, 8)},
    {WHERE(AT_ONE, STAGE_AUTH), SAID(432), LATER(SCOPE_ROUTE, 7, 12)},
    {WHERE(AT_ONE, STAGE_AUTH), SAID(4), LATER(SCOPE_PATH, 7, 0)},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_NO_AUTH), LATER(SCOPE_PATH, 7, 0)},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_NO_MECHANISM), LATER(SCOPE_PATH, 7, 4)},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_UNSAFE_LOGIN), LATER(SCOPE_PATH, 7, 11)},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_UNPROVEN), LATER(SCOPE_ROUTE, 7, 8)},

    /* The server wants a login or encryption first. */
    {WHERE(AT_TALK, 0), SAID(530), LATER(SCOPE_PATH, 7, 0)},

    /* 5xx, but the words tell that time heals it. */
    {WHERE(AT_TALK, 0), SAID(5), .cause = CAUSE_SENDING_LIMIT, LATER(SCOPE_ROUTE, 4, 5)},
    {WHERE(AT_TALK, 0), SAID(5), .cause = CAUSE_RATE, LATER(SCOPE_ROUTE, 7, 0)},
    {WHERE(AT_TALK, 0), SAID(5), .cause = CAUSE_GREYLISTED, LATER(SCOPE_RECIPIENT, 7, 1)},

    /* RCPT: the recipient's own. 552 is an old way to say "too many recipients" (RFC 5321
     * 4.5.3.1.10), unless it says that it means the mailbox. */
    {WHERE(AT_ONE, STAGE_RCPT), SAID_X(552, 5, 3), LATER(SCOPE_RECIPIENT, 5, 3)},
    {WHERE(AT_ONE, STAGE_RCPT), SAID(552), .cause = CAUSE_MAILBOX_FULL,
     NEVER(SCOPE_RECIPIENT, 2, 2)},
    {WHERE(AT_ONE, STAGE_RCPT), SAID_X(552, 0, 0), LATER(SCOPE_RECIPIENT, 5, 3)},
    {WHERE(AT_ONE, STAGE_RCPT), SAID(5), NEVER(SCOPE_RECIPIENT, 1, 0)},
    {WHERE(AT_ONE, STAGE_RCPT), SAID_X(4, 3, ANY_DETAIL), LATER(SCOPE_PATH, 3, 0)},
    {WHERE(AT_ONE, STAGE_RCPT), SAID(4), LATER(SCOPE_RECIPIENT, 2, 0)},

    /* MAIL: the message at this host. */
    {WHERE(AT_ONE, STAGE_MAIL), SAID(552), NEVER(SCOPE_MESSAGE, 3, 4)},
    {WHERE(AT_ONE, STAGE_MAIL), SAID(5), NEVER(SCOPE_ROUTE, 1, 0)},
    {WHERE(AT_ONE, STAGE_MAIL), SAID(4), LATER(SCOPE_PATH, 3, 0)},

    /* DATA and the dot: the content. */
    {WHERE(AT_BODY, 0), SAID(552), NEVER(SCOPE_MESSAGE, 3, 4)},
    {WHERE(AT_BODY, 0), SAID(5), NEVER(SCOPE_MESSAGE, 7, 1)},
    {WHERE(AT_ONE, STAGE_DATA), SAID(4), LATER(SCOPE_PATH, 3, 0)},
    {WHERE(AT_ONE, STAGE_DOT), SAID(4), LATER(SCOPE_ROUTE, 3, 0)},

    /* What this server cannot take. */
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_TOO_BIG), NEVER(SCOPE_MESSAGE, 3, 4)},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_NO_8BIT), NEVER(SCOPE_MESSAGE, 6, 3)},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_NO_UTF8), NEVER(SCOPE_MESSAGE, 6, 7)},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_BAD_ADDRESS), NEVER(SCOPE_MESSAGE, 1, 3)},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_CONTENT), LATER(SCOPE_ROUTE, 3, 0)},

    /* The connection. After the dot no other path is tried at once: the message may be there. */
    {WHERE(AT_ONE, STAGE_DOT), HAPPENED(CLIENT_LOST), LATER(SCOPE_ROUTE, 4, 2)},
    {WHERE(AT_ONE, STAGE_DOT), HAPPENED(CLIENT_BROKEN), LATER(SCOPE_ROUTE, 5, 0)},
    {WHERE(AT_ONE, STAGE_CONNECT), HAPPENED(CLIENT_LOST), LATER(SCOPE_PATH, 4, 1)},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_LOST), LATER(SCOPE_PATH, 4, 2)},
    {WHERE(AT_ANY, 0), HAPPENED(CLIENT_BROKEN), LATER(SCOPE_PATH, 5, 0)},
};
/* clang-format on */

/* Whatever the table forgot waits, and does not bounce. */
static const struct row otherwise = {LATER(SCOPE_PATH, 0, 0)};

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

/* What the words tell: codes alone are a guess that is good enough to explain a refusal, but not to
 * keep mail for days that was refused for good. 452 and 552 stand for "too many recipients" as well
 * as for a full mailbox, so those numbers, too, tell nothing. */
static enum cause reading(enum stage stage, const struct reply *r)
{
    struct reply plain = *r;

    plain.enhanced = (struct enhanced){0};
    if (r->code % 100 == 52)
        plain.code = (unsigned short)(r->code - 2);
    return reading_of(stage, &plain);
}

static bool fits(const struct row *r, const struct judge_event *e)
{
    return r->why == e->why && place_fits(r, e->stage) && code_fits(r, &e->reply) &&
           enhanced_fits(r, &e->reply.enhanced) &&
           (r->cause == CAUSE_NONE || r->cause == reading(e->stage, &e->reply));
}

/* Would another place in the network have brought it further? */
static bool network_trouble(const struct judge_event *e)
{
    if (e->stage == STAGE_DNS)
        return !e->dns_permanent;
    return e->why == CLIENT_LOST && e->stage != STAGE_DOT && e->sys != ECANCELED;
}

bool judge_stranger(const struct judge_event *e)
{
    switch (e->why) {
    case CLIENT_TLS:
    case CLIENT_NO_STARTTLS:
    case CLIENT_NO_AUTH:
    case CLIENT_NO_MECHANISM:
    case CLIENT_UNSAFE_LOGIN:
    case CLIENT_UNPROVEN:
        return true;
    case CLIENT_BROKEN:
        return e->stage == STAGE_GREETING;
    default:
        return false;
    }
}

bool judge_tells_more(enum stage before, const struct judge_event *e)
{
    bool mute = e->why == CLIENT_LOST || (e->why == CLIENT_TLS && e->verdict <= TLS_VERIFIED);

    if (before == STAGE_NONE)
        return true;
    if (e->sys == EPROTONOSUPPORT || e->stage < before)
        return false;
    return e->stage > before || !mute;
}

static struct judge_ruling ruling_of(const struct row *r, const struct judge_event *e)
{
    struct judge_ruling ruling = {
        .kind = r->kind,
        .scope = r->scope,
        .status = e->reply.enhanced.class ? e->reply.enhanced : r->status,
        .waits_for_network = network_trouble(e),
    };

    ruling.status.class = r->kind == OUTCOME_NEVER ? 5 : 4;
    return ruling;
}

struct judge_ruling judge_rule(const struct judge_event *e)
{
    static const struct row dns_never = {NEVER(SCOPE_ROUTE, 1, 2)};
    static const struct row dns_later = {LATER(SCOPE_ROUTE, 4, 3)};
    static const struct row cancelled = {LATER(SCOPE_ROUTE, 3, 2)}; /* we ended it ourselves */

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
    return (struct judge_event){
        .stage = f->stage, .why = f->why, .reply = f->reply, .sys = f->sys, .verdict = f->verdict};
}

bool judge_too_many(const struct reply *r)
{
    const struct enhanced *e = &r->enhanced;
    enum cause cause;

    if (r->code != 452 && r->code != 552)
        return false;
    if (e->class)
        return e->subject == 5 && e->detail == 3;
    cause = reading(STAGE_RCPT, r);
    return cause != CAUSE_MAILBOX_FULL && cause != CAUSE_STORAGE;
}

/* ---- words ---- */

static enum cause cause_of_verdict(enum tls_verdict v)
{
    switch (v) {
    case TLS_EXPIRED:
        return CAUSE_CERT_EXPIRED;
    case TLS_WRONG_NAME:
        return CAUSE_CERT_NAME;
    case TLS_SELF_SIGNED:
    case TLS_UNKNOWN_ISSUER:
        return CAUSE_CERT_ISSUER;
    default:
        return CAUSE_TLS_FAILURE;
    }
}

static enum cause cause_of_loss(const struct judge_event *e)
{
    if (e->sys == ECANCELED)
        return CAUSE_NONE;
    if (e->stage == STAGE_CONNECT)
        return cause_of_sys(e->sys);
    return e->sys == ETIMEDOUT && e->stage != STAGE_DOT ? CAUSE_SILENT : CAUSE_LOST;
}

/* What we saw ourselves; CAUSE_NONE: the reply tells, or only our own words do. */
static enum cause seen(const struct judge_event *e)
{
    static const enum cause causes[] = {
        [CLIENT_BROKEN] = CAUSE_PROTOCOL,
        [CLIENT_NO_STARTTLS] = CAUSE_STARTTLS_ABSENT,
        [CLIENT_NO_AUTH] = CAUSE_AUTH_ABSENT,
        [CLIENT_NO_MECHANISM] = CAUSE_AUTH_MECHANISM,
        [CLIENT_UNSAFE_LOGIN] = CAUSE_LOGIN_UNSAFE,
        [CLIENT_TOO_BIG] = CAUSE_TOO_LARGE,
        [CLIENT_NO_8BIT] = CAUSE_NO_8BIT,
        [CLIENT_NO_UTF8] = CAUSE_NO_UTF8,
        [CLIENT_CONTENT] = CAUSE_NONE,
    };

    if (e->why == CLIENT_LOST)
        return cause_of_loss(e);
    if (e->why == CLIENT_TLS)
        return cause_of_verdict(e->verdict);
    if (e->why == CLIENT_BROKEN && e->stage == STAGE_DOT)
        return CAUSE_LOST_AT_END;
    return causes[e->why];
}

/* Our own words, when no cause has better ones. */
static void explain_plainly(const struct judge_event *e, const struct judge_ruling *r,
                            const char *words, struct outcome *out, struct arena *a)
{
    bool again = e->stage != STAGE_DNS && r->kind == OUTCOME_LATER;

    out->words =
        span_of(arena_printf(a, "%s%s", words, again ? " It is tried again by itself." : ""));
    out->owner = OWNER_PROVIDER;
    out->status = r->status;
}

void judge_explain(const struct judge_event *e, const struct judge_ruling *r,
                   const struct judge_place *at, const char *words, struct outcome *out,
                   struct arena *a)
{
    struct cause_event ev = {.stage = e->stage,
                             .seen = seen(e),
                             .reply = e->reply,
                             .host = at->host,
                             .domain = at->domain};

    if (e->why == CLIENT_TLS || e->why == CLIENT_LOST)
        ev.details = span_of(words);
    out->status = e->reply.code && e->reply.enhanced.class ? r->status : (struct enhanced){0};
    if (ev.seen == CAUSE_NONE && !e->reply.code)
        explain_plainly(e, r, words, out, a);
    else
        cause_explain(&ev, out, a);
    /* The table's own number says more than "other". */
    if (out->status.subject == 0 && out->status.detail == 0)
        out->status = r->status;
}
