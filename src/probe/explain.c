#include "probe/explain.h"

#include "base/memory.h"
#include "base/text.h"
#include "mail/reading.h"
#include "probe/bounce.h"
#include "probe/finer.h"
#include "probe/phrase.h"
#include "probe/providers.h"
#include "probe/remedy.h"
#include "probe/said.h"

#include <string.h>

enum { SHOWN_MAX = 400 };

/* What one piece of text comes to. */
struct sense {
    struct said said;
    struct reading reading;
    const struct phrase *phrase;
    struct span word; /* of the phrase */
    struct span plain;
    enum cause cause;
    const char *id; /* NULL: that of the cause */
    enum stage stage;
    const char *rule; /* for --explain */
    bool ok;          /* the server said yes */
};

static bool holds(struct span plain, const char *words)
{
    return reading_says(plain, words).len > 0;
}

/* Of words that hold together, "a&b", the first stands for all. */
static struct span shown_word(struct span words)
{
    struct span first = words;

    span_cut(&words, '&', &first);
    return first;
}

static const char *reading_rule(const struct reading *r, enum stage stage, struct arena *a)
{
    struct text t = TEXT_INIT(512);
    const char *rule;

    if (r->word.len)
        text_addf(&t, "the words \"%.*s\"", SPAN_ARG(shown_word(r->word)));
    if (r->subject && r->any_detail)
        text_addf(&t, "%sthe enhanced code x.%u", t.len ? " and " : "", r->subject);
    else if (r->subject)
        text_addf(&t, "%sthe enhanced code x.%u.%u", t.len ? " and " : "", r->subject, r->detail);
    if (r->code)
        text_addf(&t, "%sthe code %u%s", t.len ? " and " : "", r->code, r->code < 10 ? "xx" : "");
    if (r->by_stage)
        text_addf(&t, "%sthe stage %s", t.len ? " and " : "", stage_name(stage));
    rule = arena_cstr(a, text_span(&t));
    text_free(&t);
    return rule;
}

/* A rule that looks at nothing but 4xx or 5xx. */
static bool is_weak(const struct reading *r)
{
    return r->cause == CAUSE_NONE || (!r->word.len && !r->subject && r->code < 10 && !r->by_stage);
}

/* A log has a status code beside the words; there the words tell what broke the connection. */
static bool phrase_knows_better(const struct sense *s)
{
    if (!s->phrase)
        return false;
    if (s->said.made_up && !holds(s->plain, "response was|responded|server said") &&
        (s->phrase->stage == STAGE_CONNECT || s->phrase->stage == STAGE_DNS ||
         s->phrase->stage == STAGE_TLS))
        return true;
    return is_weak(&s->reading);
}

static void by_phrase(struct sense *s, struct arena *a)
{
    s->cause = s->phrase->cause;
    s->id = s->phrase->id;
    if (s->stage == STAGE_NONE)
        s->stage = s->phrase->stage;
    s->rule = arena_printf(a, "\"%.*s\" in %s", SPAN_ARG(shown_word(s->word)), s->phrase->form);
}

static void by_reading(struct sense *s, struct arena *a)
{
    s->cause = s->reading.cause;
    s->rule = reading_rule(&s->reading, s->stage, a);
}

/* No server is quoted and no program known: perhaps a reply without its code. What a rule makes of
 * the code does not count: it is our guess. */
static void by_words(struct sense *s, struct span text, struct arena *a)
{
    struct reply guess = {.code = 550, .text = span_head(text, SAID_TEXT_MAX)};

    s->reading = reading_why(s->stage, &guess);
    if (s->reading.word.len && !s->reading.code)
        by_reading(s, a);
    else
        s->cause = CAUSE_NONE;
}

static void make_sense(struct span text, enum stage stage, struct sense *s, struct arena *a)
{
    bool quoted = said_find(text, &s->said, a);
    const char *finer;

    s->plain = said_plain(span_head(text, 64 * 1024), a);
    s->phrase = phrase_find(s->plain, &s->word);
    s->stage = stage != STAGE_NONE ? stage : s->said.stage;
    if (s->stage == STAGE_NONE && quoted && s->phrase)
        s->stage = s->phrase->stage;
    if (!s->said.host.len)
        s->said.host = quoted && s->said.reply.code && !s->phrase ? SPAN_NONE : said_host(text, a);
    if (quoted && reply_class(&s->said.reply) < 4) {
        s->ok = true;
        s->rule = "the code 2xx or 3xx: the server agreed";
        return;
    }
    if (quoted)
        s->reading = reading_why(s->stage, &s->said.reply);
    if (quoted && !phrase_knows_better(s) && s->reading.cause != CAUSE_NONE)
        by_reading(s, a);
    else if (s->phrase)
        by_phrase(s, a);
    else if (!quoted)
        by_words(s, text, a);
    finer = finer_id(s->cause, s->stage, s->said.reply.code, s->plain);
    if (finer)
        s->id = finer;
}

static void find_note(struct explain_result *out, struct arena *a, const char *name,
                      struct span words)
{
    struct text t = TEXT_INIT(4 * SHOWN_MAX + 8);

    if (!words.len || out->finding_count == EXPLAIN_FINDINGS_MAX)
        return;
    text_add_safe(&t, span_head(span_trim(words), SHOWN_MAX));
    out->findings[out->finding_count++] =
        (struct explain_finding){name, arena_span(a, text_span(&t))};
    text_free(&t);
}

static void note_sense(struct explain_result *out, const struct sense *s, struct arena *a)
{
    char enhanced[12] = "";

    if (s->said.reply.enhanced.class)
        enhanced_text(s->said.reply.enhanced, enhanced);
    find_note(out, a, "host", s->said.host);
    if (s->stage != STAGE_NONE)
        find_note(out, a, "stage", span_of(stage_name(s->stage)));
    if (s->said.reply.code && !s->said.made_up)
        find_note(out, a, "reply",
                  span_of(arena_printf(a, "%u%s%s %.*s", s->said.reply.code, enhanced[0] ? " " : "",
                                       enhanced, SPAN_ARG(s->said.reply.text))));
    else if (enhanced[0])
        find_note(out, a, "status",
                  span_of(arena_printf(a, "%s %.*s", enhanced, SPAN_ARG(s->said.reply.text))));
    if (s->rule)
        find_note(out, a, "rule", span_of(s->rule));
}

/* Windows of mail programs show what their own provider's server says, not the recipient's. */
static bool from_program(struct span plain)
{
    return holds(plain, "0x800|an error occurred while sending|sending of the message failed|"
                        "cannot send mail|cannot send message|can't send mail|outgoing server|"
                        "error occurred while sending mail|can't send message");
}

static bool is_about_account(const char *id, enum stage stage)
{
    return id[0] == 'A' || id[0] == 'N' || strcmp(id, "S1") == 0 || strcmp(id, "S2") == 0 ||
           strcmp(id, "M7") == 0 || stage == STAGE_AUTH;
}

static void give_verdict(const struct sense *s, const struct explain_request *q, struct verdict *v,
                         struct arena *a)
{
    const char *id = s->ok ? VERDICT_OK : s->id ? s->id : cause_row(s->cause)->id;
    struct remedy_case k = {
        .program = q->program, .host = s->said.host, .other = span_of(finer_more(id, s->plain))};
    const struct providers_row *p = s->said.host.len ? providers_in(s->said.host) : NULL;

    if (!p)
        p = providers_in(s->plain);
    if (p)
        k.provider = span_of(p->name);
    if (p && is_about_account(id, s->stage)) {
        k.best.host = span_of(p->host);
        k.best.port = p->doors[0].port;
        k.best.sealing = p->doors[0].sealing;
    }
    if (s->cause == CAUSE_AUTH_MECHANISM && holds(s->plain, "plaintext passwords|ntlm required"))
        k.best.spa = SPA_ON;
    remedy_fill(v, id, s->cause, &k, a);
    v->rule = s->rule;
    if (s->ok) {
        v->owner = OWNER_NONE;
        v->sentence = SPAN("The server agreed; nothing is wrong in this reply.");
        v->setting = SPAN_NONE;
    }
    if (v->owner == OWNER_RECIPIENT && (s->stage == STAGE_AUTH || from_program(s->plain)) &&
        (s->cause == CAUSE_BUSY || s->cause == CAUSE_POLICY || s->cause == CAUSE_RATE))
        v->owner = OWNER_PROVIDER;
}

static void add_doubts(struct verdict_set *set, struct arena *a)
{
    static const struct {
        enum cause cause;
        const char *doubt;
    } doubts[] = {
        {CAUSE_SILENT, "whether this network blocks the port, the server is down, or its name is "
                       "wrong: \"port26 check\" tells them apart"},
        {CAUSE_REFUSED, "whether the server is down, does not use this port, or a firewall refuses "
                        "it: \"port26 check\" tells them apart"},
        {CAUSE_LOST, "whether the network or the server broke the connection"},
        {CAUSE_TIMEOUT, "whether the network loses packets or the server is slow"},
        {CAUSE_UNREACHABLE, "whether this network or the server's is cut off"},
        {CAUSE_AUTH_BAD, "whether the user name wants another form, or an app password is needed"},
        {CAUSE_CERT_NAME, "whether somebody stands between: \"port26 check\" compares"},
        {CAUSE_CERT_ISSUER, "whether a program or firewall reads along: \"port26 check\" compares"},
        {CAUSE_STARTTLS_ABSENT, "whether a firewall takes the encryption out: try another network"},
        {CAUSE_TLS_FAILURE, "whether the server or something on the way breaks the encryption"},
        {CAUSE_RELAY_DENIED, "whether the login is off, or this is not the provider's server"},
        {CAUSE_POLICY, "which rule it was: the server does not say"},
        {CAUSE_BUSY, "what the trouble is: the server does not say"},
    };

    for (size_t i = 0; i < COUNT(doubts); i++)
        if (doubts[i].cause == set->verdict.cause)
            verdict_doubt(set, a, "%s", doubts[i].doubt);
    if (strcmp(set->verdict.id, VERDICT_UNKNOWN) == 0)
        verdict_doubt(set, a, "anything: no words in the text are known here");
}

/* The words of one recipient of a report, from the most telling on. */
static void recipient_sense(const struct bounce *b, const struct bounce_recipient *r,
                            enum stage stage, struct sense *s, struct arena *a)
{
    make_sense(r->diagnostic.len ? r->diagnostic : b->text, stage, s, a);
    if (r->diagnostic.len && !s->ok && !s->phrase && is_weak(&s->reading)) {
        struct sense people = {0};

        make_sense(b->text, stage, &people, a);
        if (people.cause != CAUSE_NONE && (people.phrase || !is_weak(&people.reading)))
            *s = people;
    }
    if ((s->cause == CAUSE_NONE || s->ok) && r->status.class > 3) {
        s->ok = false;
        s->id = NULL;
        s->said.made_up = true;
        s->said.reply = (struct reply){.code = (unsigned short)(r->status.class * 100 + 50),
                                       .enhanced = r->status};
        s->reading = reading_why(s->stage, &s->said.reply);
        by_reading(s, a);
    }
    if (r->remote.len)
        s->said.host = r->remote;
}

static void explain_bounce(const struct bounce *b, const struct explain_request *q,
                           struct explain_result *out, struct arena *a)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct bounce_recipient *r = &b->at[i];
        struct sense s = {0};
        struct verdict v = {0};

        if (span_iis(r->action, "delivered") || span_iis(r->action, "relayed") ||
            span_iis(r->action, "expanded"))
            continue;
        recipient_sense(b, r, q->stage, &s, a);
        if (s.cause == CAUSE_NONE && !s.id)
            s.id = "M13";
        give_verdict(&s, q, &v, a);
        if (out->set.verdict.id) {
            verdict_also(&out->set, &v);
            continue;
        }
        out->set.verdict = v;
        find_note(out, a, "reporter", b->reporter);
        find_note(out, a, "recipient", r->address);
        find_note(out, a, "action", r->action);
        note_sense(out, &s, a);
    }
}

static void explain_plain(struct span text, const struct explain_request *q,
                          struct explain_result *out, struct arena *a)
{
    struct sense s = {0};

    make_sense(text, q->stage, &s, a);
    give_verdict(&s, q, &out->set.verdict, a);
    note_sense(out, &s, a);
}

void explain_text(struct span text, const struct explain_request *q, struct explain_result *out,
                  struct arena *a)
{
    struct bounce b;

    *out = (struct explain_result){0};
    text = span_head(text, EXPLAIN_INPUT_MAX);
    if (bounce_is_message(text) && bounce_read(text, &b, a)) {
        find_note(out, a, "form",
                  b.report ? SPAN("a delivery report (RFC 3464)") : SPAN("a message"));
        find_note(out, a, "subject", b.subject);
        explain_bounce(&b, q, out, a);
        if (!out->set.verdict.id)
            explain_plain(b.text, q, out, a);
    } else {
        explain_plain(text, q, out, a);
    }
    add_doubts(&out->set, a);
}
