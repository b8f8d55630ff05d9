/* Rules about the conversation: who picks up, and what do they say? */
#include "probe/conclude_rules.h"

#include "base/memory.h"
#include "mail/reading.h"
#include "probe/finer.h"
#include "probe/said.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool only_of(const char *list, const char *const *allowed)
{
    struct span rest = span_of(list), w;
    bool any = false;

    while ((w = span_word(&rest)).len) {
        bool found = false;

        for (size_t i = 0; allowed[i]; i++)
            found = found || span_iis(w, allowed[i]);
        if (!found)
            return false;
        any = true;
    }
    return any;
}

static unsigned all_has(const struct findings_door *d)
{
    return d->has | d->has_tls;
}

/* ---- somebody else picks up ---- */

static bool named_differently(const struct findings_door *a, const struct findings_door *b)
{
    return a->name[0] && b->name[0] && strcasecmp(a->name, b->name) != 0;
}

/* The other server, at another address, calls itself the same at that door, and proves nothing. */
static bool is_twin(const struct facts *k, const struct findings_door *d)
{
    const struct findings_door *x = conclude_door(k, WHO_CONTROL, d->port);

    return findings_speaks(x) && !findings_verified(x) && d->name[0] &&
           strcasecmp(x->name, d->name) == 0 &&
           memcmp(&x->address, &d->address, sizeof d->address) != 0;
}

/* The network lets this port pass: the other server speaks there as it does elsewhere. Or who
 * answers stands as far away as the server. Only what no server does by itself counts then. */
static bool passes(const struct facts *k, const struct findings_door *d)
{
    const struct findings_door *x = conclude_door(k, WHO_CONTROL, d->port);

    if (findings_speaks(x) && findings_verified(x))
        return true;
    for (const unsigned *p = k->doors; *p && findings_speaks(x); p++) {
        const struct findings_door *y = conclude_door(k, WHO_CONTROL, *p);

        if (*p != d->port && findings_speaks(y) && findings_verified(y) && x->name[0] &&
            strcasecmp(x->name, y->name) == 0)
            return true;
    }
    return d->hop_answer > 1 && d->hop_answer == conclude_distance(k);
}

/* What speaks against door d being the server. `own` is another door of it that speaks, or NULL.
 * `weighty`: a sign that no honest server shows by being set up differently. */
static unsigned signs(const struct facts *k, const struct findings_door *d,
                      const struct findings_door *own, bool *weighty)
{
    const struct findings_door *nowhere = conclude_door(k, WHO_NOWHERE, d->port);
    unsigned lacks = own ? all_has(own) & ~all_has(d) & (HAS_STARTTLS | HAS_AUTH) : 0;
    bool name = own && named_differently(d, own);
    bool twin = is_twin(k, d) && (!own || name);
    bool near = d->hop_answer && d->hop_answer < conclude_distance(k);
    bool thin = own && ((own->tls == SEALED_YES && d->tls != SEALED_YES) || (lacks & HAS_AUTH));
    bool stranger = own && findings_verified(own) && d->tls == SEALED_YES;
    bool fair = passes(k, d) && !near;
    bool open = nowhere && nowhere->state == DOOR_OPEN, ghost = open && findings_speaks(nowhere);

    /* Who stands near and keeps the name may only read along: other rules are about him. */
    *weighty = (name && !fair) || twin || ghost;
    return name + 2U * twin + near + thin + stranger + open + ghost;
}

static bool is_stranger(const struct facts *k, const struct findings_door *d)
{
    bool weighty;

    if (signs(k, d, NULL, &weighty) >= 2 && weighty)
        return true;
    for (const unsigned *q = k->doors; *q; q++) {
        const struct findings_door *own = conclude_door(k, WHO_SERVER, *q);

        if (*q == d->port || !findings_speaks(own) ||
            (!findings_verified(own) && own->mode == MODE_PLAIN))
            continue;
        if (signs(k, d, own, &weighty) >= 2 && weighty)
            return true;
    }
    return false;
}

static bool unknown_issuer(const struct findings_door *d)
{
    return d && d->tls == SEALED_YES &&
           (d->verdict == TLS_UNKNOWN_ISSUER || d->verdict == TLS_SELF_SIGNED);
}

/* The other server's certificates: none is good, and one is by an unknown issuer: by that of d, or,
 * when d is NULL, by any. */
static bool control_read_too(const struct facts *k, const struct findings_door *d)
{
    bool found = false;

    for (size_t i = 0; i < k->f->door_count; i++) {
        const struct findings_door *x = &k->f->door[i];

        if (x->who != WHO_CONTROL)
            continue;
        if (!d && findings_verified(x))
            return false;
        found = found ||
                (unknown_issuer(x) && (!d || (d->issuer[0] && strcmp(x->issuer, d->issuer) == 0)));
    }
    return found;
}

static bool nothing_verified(const struct facts *k)
{
    for (const unsigned *p = k->doors; *p; p++)
        if (findings_verified(conclude_door(k, WHO_SERVER, *p)))
            return false;
    return true;
}

/* It calls itself otherwise than a door that proved to be the server's. */
static bool other_than_proven(const struct facts *k, const struct findings_door *d)
{
    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *own = conclude_door(k, WHO_SERVER, *p);

        if (findings_speaks(own) && findings_verified(own) && named_differently(own, d))
            return true;
    }
    return false;
}

/* Something nearer than the server took the call. */
static bool answers_near(const struct facts *k, unsigned port)
{
    const struct findings_door *d = conclude_door(k, WHO_SERVER, port);

    return d->hop_answer && d->hop_answer < conclude_distance(k);
}

/* That issuer shows up nearer than the server is. */
static bool issuer_near(const struct facts *k, const struct findings_door *d)
{
    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *at = conclude_door(k, WHO_SERVER, *p);

        if (at && unknown_issuer(at) && answers_near(k, *p) && strcmp(at->issuer, d->issuer) == 0)
            return true;
    }
    return false;
}

/* Two servers that have nothing to do with each other show certificates by one unknown issuer; or
 * no certificate of either is good anywhere, and they were not made by the servers themselves; or
 * it is shown nearer than the server is. Each still speaks as itself. */
static bool read_along(const struct facts *k, const struct findings_door *d)
{
    if (!unknown_issuer(d) || is_twin(k, d) || other_than_proven(k, d))
        return false;
    return control_read_too(k, d) || issuer_near(k, d) ||
           (d->verdict != TLS_SELF_SIGNED && nothing_verified(k) && control_read_too(k, NULL));
}

bool conclude_intercepted(struct facts *k, struct conclusion *c)
{
    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);

        if (*p == 443 || !findings_speaks(d) || findings_verified(d) || d->masked ||
            read_along(k, d) || !is_stranger(k, d))
            continue;
        conclude_port(c, *p);
        if (!c->other[0])
            conclude_other(c, d->name);
    }
    return c->ports[0] != 0;
}

bool conclude_read_along(struct facts *k, struct conclusion *c)
{
    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);

        if (!read_along(k, d))
            continue;
        conclude_port(c, *p);
        if (!c->other[0])
            conclude_other(c, d->issuer);
    }
    return c->ports[0] != 0;
}

bool conclude_masked(struct facts *k, struct conclusion *c)
{
    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);

        if (d && d->masked)
            conclude_port(c, *p);
    }
    return c->ports[0] != 0;
}

static bool plain_only(const struct findings_door *d)
{
    return findings_speaks(d) && d->mode == MODE_PLAIN;
}

static bool can_seal(const struct facts *k, enum findings_who who)
{
    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, who, *p);

        if (*p != 443 && d && d->tls == SEALED_YES)
            return true;
    }
    return false;
}

static bool plain_at(const struct facts *k, enum findings_who who, unsigned port)
{
    return plain_only(conclude_door(k, who, port)) && !conclude_said(k, "N13", port);
}

/* Both servers lack at one door what at least one of them has at another. Without another server:
 * it is missing wherever it could be taken out, and only there. */
bool conclude_stripped(struct facts *k, struct conclusion *c)
{
    const struct findings_door *sealed = conclude_door(k, WHO_SERVER, 465);

    if (!can_seal(k, WHO_SERVER) && !can_seal(k, WHO_CONTROL))
        return false;
    for (const unsigned *p = k->doors; *p; p++)
        if (*p != 443 && plain_at(k, WHO_SERVER, *p) &&
            (plain_at(k, WHO_CONTROL, *p) || answers_near(k, *p)))
            conclude_port(c, *p);
    if (!k->control && findings_verified(sealed) && plain_at(k, WHO_SERVER, 25) &&
        plain_at(k, WHO_SERVER, 587)) {
        conclude_port(c, 587);
        conclude_port(c, 25);
        conclude_doubt(k, "The server itself may offer no STARTTLS: try from another network.");
    }
    return c->ports[0] != 0;
}

bool conclude_no_starttls(struct facts *k, struct conclusion *c)
{
    const struct findings_door *d = conclude_door(k, WHO_SERVER, k->f->port);

    if (!k->f->port || k->f->mode == MODE_PLAIN || !plain_only(d) ||
        conclude_said(k, "N13", k->f->port) ||
        (k->f->mode == MODE_UNKNOWN && !can_seal(k, WHO_SERVER)))
        return false;
    c->cause = CAUSE_STARTTLS_ABSENT;
    conclude_port(c, k->f->port);
    conclude_doubt(k, "A firewall may take STARTTLS out: try from another network.");
    return true;
}

/* ---- TLS ---- */

static bool dated(const struct findings_door *d)
{
    return d->tls == SEALED_YES && (d->verdict == TLS_EXPIRED || d->verdict == TLS_NOT_YET_VALID);
}

/* Two servers do not forget to renew on the same day. */
bool conclude_clock(struct facts *k, struct conclusion *c)
{
    bool ours = false, theirs = false;

    (void)c;
    for (size_t i = 0; i < k->f->door_count; i++) {
        const struct findings_door *d = &k->f->door[i];

        if (findings_verified(d))
            return false;
        ours = ours || (d->who == WHO_SERVER && dated(d));
        theirs = theirs || (d->who == WHO_CONTROL && dated(d));
    }
    return ours && theirs;
}

/* Which row the person's trouble with TLS is about: their door, when it comes so far; else the best
 * when none passes. */
static const struct findings_door *sealed_door(const struct facts *k)
{
    const struct findings_door *first = NULL, *own = conclude_door(k, WHO_SERVER, k->f->port);

    if (k->f->port && own && own->tls == SEALED_YES && !conclude_said(k, "N13", k->f->port))
        return own;
    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);

        if (*p == 443 || !findings_speaks(d) || conclude_said(k, "N13", *p))
            continue;
        if (findings_verified(d))
            return NULL;
        if (!first && d->tls == SEALED_YES)
            first = d;
    }
    return first;
}

static const enum cause certificate_causes[] = {
    [TLS_EXPIRED] = CAUSE_CERT_EXPIRED,       [TLS_NOT_YET_VALID] = CAUSE_CERT_EXPIRED,
    [TLS_WRONG_NAME] = CAUSE_CERT_NAME,       [TLS_SELF_SIGNED] = CAUSE_CERT_ISSUER,
    [TLS_UNKNOWN_ISSUER] = CAUSE_CERT_ISSUER, [TLS_OTHER] = CAUSE_CERT_ISSUER,
};

/* "it is for another name; for a.example, b.example, issued by ..." -> "a.example" */
static void right_name(const struct findings_door *d, struct conclusion *c)
{
    const char *at = strstr(d->tls_words, "; for ");
    size_t n = at ? strcspn(at + 6, ", ;") : 0;

    if (d->verdict == TLS_WRONG_NAME && at)
        snprintf(c->other, sizeof c->other, "%.*s", (int)n, at + 6);
}

bool conclude_certificate(struct facts *k, struct conclusion *c)
{
    const struct findings_door *d = sealed_door(k);

    if (!d || d->tls != SEALED_YES || d->verdict == TLS_VERIFIED || d->verdict == TLS_UNASKED)
        return false;
    for (size_t i = 0; i < k->out->count; i++)
        if (strcmp(k->out->at[i].id, "S5") == 0 || strcmp(k->out->at[i].id, "N15") == 0)
            return false;
    c->cause = certificate_causes[d->verdict];
    right_name(d, c);
    conclude_port(c, d->port);
    if (dated(d) && !k->control)
        conclude_doubt(k, "This computer's clock may be wrong.");
    if (d->verdict != TLS_EXPIRED && !k->control)
        conclude_doubt(k, "Somebody in this network may stand between you and the server.");
    return true;
}

/* The user's program would begin as it cannot work. */
bool conclude_mode(struct facts *k, struct conclusion *c)
{
    const struct findings_door *d = conclude_door(k, WHO_SERVER, k->f->port);
    enum findings_mode m = k->f->mode;

    if (!k->f->port || !findings_speaks(d) || d->mode == MODE_UNKNOWN)
        return false;
    if (m == MODE_UNKNOWN && k->f->port == 465)
        m = MODE_TLS;
    if (m == MODE_UNKNOWN && k->f->port == 587)
        m = MODE_STARTTLS;
    if (m == MODE_UNKNOWN || (m == MODE_TLS) == (d->mode == MODE_TLS))
        return false;
    conclude_port(c, k->f->port);
    conclude_other(c, d->mode == MODE_TLS ? "SSL/TLS" : "STARTTLS");
    return true;
}

bool conclude_big_packets(struct facts *k, struct conclusion *c)
{
    unsigned stalled = 0;

    for (size_t i = 0; i < k->f->door_count; i++) {
        const struct findings_door *d = &k->f->door[i];

        if (d->who == WHO_SERVER && findings_verified(d))
            return false;
        if (d->state == DOOR_OPEN && d->talk == TALK_STALLED)
            stalled++;
        if (d->who == WHO_SERVER && d->talk == TALK_STALLED)
            conclude_port(c, d->port);
    }
    return stalled >= 2 && c->ports[0];
}

bool conclude_tls_fails(struct facts *k, struct conclusion *c)
{
    const struct findings_door *d = NULL;

    if (conclude_said(k, "N21", 0))
        return false;
    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *at = conclude_door(k, WHO_SERVER, *p);

        if (*p == 443 || !at || at->state != DOOR_OPEN)
            continue;
        if (findings_verified(at) && !k->f->port)
            return false;
        if (!d && (!k->f->port || *p == k->f->port) &&
            (at->tls == SEALED_FAILED || at->starttls_refused))
            d = at;
    }
    if (!d)
        return false;
    conclude_port(c, d->port);
    c->reply = d->reply;
    if (d->starttls_refused || d->talk == TALK_STALLED) { /* asked for it, and got none */
        c->id = "S3";
        c->cause = CAUSE_TLS_FAILURE;
    }
    conclude_other(c, d->tls_words);
    return true;
}

/* ---- what the server says ---- */

static bool read_reply(const struct findings_reply *r, struct conclusion *c)
{
    const struct reply reply = {.code = r->code, .enhanced = r->enhanced, .text = span_of(r->text)};
    struct arena *a;
    const char *finer;
    struct span plain;

    if (r->code < 400)
        return false;
    a = arena_new();
    plain = said_plain(reply.text, a);
    c->reply = *r;
    c->cause = reading_of(r->stage, &reply);
    finer = finer_id(c->cause, r->stage, r->code, plain);
    c->id = finer ? finer : cause_row(c->cause)->id;
    if (!c->id[0])
        c->id = "unknown";
    conclude_other(c, finer_more(c->id, plain));
    arena_free(&a);
    return true;
}

/* Before it knows who sends what to whom, it can only speak of itself. */
static void read_greeting(struct conclusion *c)
{
    if (c->cause == CAUSE_RATE) {
        c->cause = CAUSE_BUSY;
        c->id = cause_row(c->cause)->id;
    }
    if (c->reply.code == 521 || c->cause == CAUSE_NULL_MX || c->cause == CAUSE_RECIPIENT_DOMAIN) {
        c->cause = CAUSE_NULL_MX;
        c->id = "S11";
    }
}

bool conclude_greeting(struct facts *k, struct conclusion *c)
{
    const struct findings_door *refused = NULL;

    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);

        if (!d || !conclude_matters(k, *p) || d->state != DOOR_OPEN)
            continue;
        if (d->talk == TALK_REFUSED && !refused)
            refused = d;
    }
    if (!refused || !read_reply(&refused->reply, c))
        return false;
    read_greeting(c);
    conclude_port(c, refused->port);
    return true;
}

/* It took a connection, and not the next one; the other server took both. */
bool conclude_takes_few(struct facts *k, struct conclusion *c)
{
    (void)c;
    return k->f->limited;
}

static bool mute(const struct findings_door *d)
{
    return d && d->state == DOOR_OPEN && d->tls != SEALED_YES &&
           (d->talk == TALK_SILENT || d->talk == TALK_LOST) && d->tls != SEALED_FAILED;
}

/* It opens, and nobody greets. One server does so when it has too much to do or does not like us;
 * when two do, something on the way takes the connections and lets nothing through. Where another
 * service answers, the port is the wrong one. */
bool conclude_mute(struct facts *k, struct conclusion *c)
{
    for (const unsigned *p = k->doors; *p; p++) {
        const struct findings_door *d = conclude_door(k, WHO_SERVER, *p);

        if (*p == 443 || (k->f->port ? k->f->port != *p : findings_speaks(k->best)) || !d)
            continue;
        if (d->state == DOOR_OPEN && d->talk == TALK_FOREIGN)
            c->id = "N7";
        else if (mute(d) && mute(conclude_door(k, WHO_CONTROL, *p)))
            c->id = "N8";
        else if (!mute(d))
            continue;
        conclude_port(c, *p);
        if (strcmp(c->id, "S7") == 0)
            conclude_doubt(k, "A firewall, or a delay before the greeting: it opened and said "
                              "nothing.");
        return true;
    }
    return false;
}

/* The door whose offers count. */
static const struct findings_door *login_door(const struct facts *k)
{
    const struct findings_door *d = conclude_door(k, WHO_SERVER, k->f->port);

    if (!k->f->port || !findings_speaks(d) || conclude_said(k, "N13", k->f->port))
        d = k->best;
    return findings_speaks(d) && !d->masked ? d : NULL;
}

bool conclude_no_auth(struct facts *k, struct conclusion *c)
{
    const struct findings_door *d = login_door(k);

    if (!d || findings_auth(d)[0] || plain_only(d))
        return false;
    conclude_port(c, d->port);
    return true;
}

bool conclude_oauth_only(struct facts *k, struct conclusion *c)
{
    static const char *const tokens[] = {"XOAUTH2", "OAUTHBEARER", NULL};
    const struct findings_door *d = login_door(k);

    if (!d || !only_of(findings_auth(d), tokens))
        return false;
    c->cause = CAUSE_AUTH_OAUTH;
    conclude_port(c, d->port);
    return true;
}

bool conclude_spa_only(struct facts *k, struct conclusion *c)
{
    static const char *const spa[] = {"NTLM",     "GSSAPI",     "GSS-SPNEGO",
                                      "CRAM-MD5", "DIGEST-MD5", NULL};
    const struct findings_door *d = login_door(k);

    if (!d || !only_of(findings_auth(d), spa))
        return false;
    c->cause = CAUSE_AUTH_MECHANISM;
    conclude_other(c, findings_auth(d));
    conclude_port(c, d->port);
    return true;
}

/* The user's program stays in the clear where the login is only offered behind TLS. */
bool conclude_needs_tls(struct facts *k, struct conclusion *c)
{
    const struct findings_door *d = login_door(k);

    if (!d || k->f->mode != MODE_PLAIN || !k->f->port || d->auth[0] || !d->auth_tls[0])
        return false;
    conclude_port(c, d->port);
    return true;
}

static const struct {
    enum smtp_client_why why;
    const char *id;
    enum cause cause;
} login_ends[] = {
    {CLIENT_NO_AUTH, "A2", CAUSE_AUTH_ABSENT},
    {CLIENT_NO_MECHANISM, "A8", CAUSE_AUTH_MECHANISM},
    {CLIENT_UNSAFE_LOGIN, "A9", CAUSE_LOGIN_UNSAFE},
    {CLIENT_UNPROVEN, "S10", CAUSE_PROTOCOL},
};

bool conclude_login(struct facts *k, struct conclusion *c)
{
    const struct findings_login *l = &k->f->login;

    if (!l->tried || l->ok)
        return false;
    conclude_port(c, l->port);
    if (read_reply(&l->reply, c))
        return true;
    for (size_t i = 0; i < COUNT(login_ends); i++) {
        if (login_ends[i].why != l->why)
            continue;
        c->id = login_ends[i].id;
        c->cause = login_ends[i].cause;
        return true;
    }
    c->id = "unknown";
    return true;
}

/* Most servers want the whole address; one login does not tell whether this one does. */
bool conclude_user_form(struct facts *k, struct conclusion *c)
{
    const struct findings_login *l = &k->f->login;

    if (!conclude_said(k, "A3", 0) || !k->f->user[0] || strchr(k->f->user, '@'))
        return false;
    conclude_port(c, l->port);
    return true;
}

/* A refusal to pass mail on means another thing when no login was made. */
bool conclude_mail(struct facts *k, struct conclusion *c)
{
    const struct findings_login *l = k->f->mail.tried && !k->f->mail.ok   ? &k->f->mail
                                     : k->f->rcpt.tried && !k->f->rcpt.ok ? &k->f->rcpt
                                     : k->f->sent.tried && !k->f->sent.ok ? &k->f->sent
                                                                          : NULL;

    if (!l || !read_reply(&l->reply, c))
        return false;
    conclude_port(c, l->port);
    if (c->cause == CAUSE_MAILBOX_FULL && l->reply.stage == STAGE_MAIL)
        c->id = "M1"; /* no recipient was named yet: it is our own */
    if (c->cause == CAUSE_RELAY_DENIED && !k->f->login.tried) {
        const struct findings_door *d = login_door(k);

        c->cause = CAUSE_AUTH_REQUIRED;
        c->id = d && !findings_auth(d)[0] ? "A2" : "A1";
    }
    return true;
}

/* Taken, but not on its way: no refusal tells that. */
bool conclude_held(struct facts *k, struct conclusion *c)
{
    const struct findings_login *l = &k->f->mail;

    if (!l->ok || !reading_says(span_of(l->reply.text), "is held").len)
        return false;
    c->reply = l->reply;
    conclude_port(c, l->port);
    return true;
}
