#include "deliver/posting_answer.h"

#include "base/clock.h"
#include "base/memory.h"
#include "http/retry_after.h"
#include "http/submission.h"

#include <jansson.h>

/* ---- JSON ---- */

/* NULL when it is none, or not whole. */
static json_t *read_json(const struct http_client_answer *a)
{
    struct span body = text_span(&a->body);
    struct span type = span_of(a->type), word;
    json_error_t unused;
    json_t *j;

    if (!span_cut(&type, ';', &word) || !span_iis(span_trim(word), "application/json"))
        return NULL;
    j = json_loadb(body.at ? body.at : "", body.len, 0, &unused);
    if (json_is_object(j))
        return j;
    json_decref(j);
    return NULL;
}

static struct span safe(const json_t *j, struct arena *arena)
{
    struct text t = TEXT_INIT(REPLY_TEXT_MAX);
    struct span out;

    text_add_safe(&t, span_of(json_string_value(j)));
    out = arena_span(arena, text_span(&t));
    text_free(&t);
    return out;
}

/* Code, enhanced code and text; false when there is no code that a reply can have. */
static bool read_reply(const json_t *j, struct arena *arena, struct reply *out)
{
    json_int_t code = json_integer_value(json_object_get(j, "code"));

    *out = (struct reply){0};
    if (code < 200 || code > 599)
        return false;
    out->code = (unsigned short)code;
    enhanced_parse(span_of(json_string_value(json_object_get(j, "enhanced"))), &out->enhanced);
    out->text = safe(json_object_get(j, "text"), arena);
    return true;
}

/* ---- failures ---- */

static int refused(struct smtp_client_failure *f, enum stage stage, const struct reply *r)
{
    *f = (struct smtp_client_failure){.stage = stage, .why = CLIENT_REPLY, .reply = *r};
    return error_mail(&f->error, reply_class(r) == 5 ? ERROR_PERMANENT : ERROR_TEMPORARY, "",
                      OWNER_PROVIDER, "The server said: %u %.*s", (unsigned)r->code,
                      SPAN_ARG(span_head(r->text, 200)));
}

static int strange(struct smtp_client_failure *f, enum stage stage, unsigned status)
{
    *f = (struct smtp_client_failure){.stage = stage, .why = CLIENT_BROKEN};
    return error_mail(&f->error, ERROR_TEMPORARY, "4.5.0", OWNER_PROVIDER,
                      "The web server's answer (status %u) is none that a submission has.", status);
}

/* What a status tells of which nobody made a reply: something between answered. */
static int bare_status(const struct http_client_answer *a, enum stage stage, struct arena *arena,
                       struct smtp_client_failure *f)
{
    static const struct {
        unsigned short status, code;
        const char *enhanced;
        enum stage stage; /* STAGE_NONE: where we are */
    } rows[] = {
        {401, 535, "5.7.8", STAGE_AUTH}, {408, 451, "4.4.2", STAGE_NONE},
        {413, 552, "5.3.4", STAGE_MAIL}, {429, 451, "4.7.0", STAGE_NONE},
        {500, 451, "4.3.0", STAGE_NONE}, {502, 451, "4.3.2", STAGE_NONE},
        {503, 451, "4.3.2", STAGE_NONE}, {504, 451, "4.3.2", STAGE_NONE},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reply r;

        if (rows[i].status != a->status)
            continue;
        r = reply_make(arena, rows[i].code, rows[i].enhanced, "HTTP status %u", a->status);
        return refused(f, rows[i].stage == STAGE_NONE ? stage : rows[i].stage, &r);
    }
    return strange(f, stage, a->status);
}

/* ---- answers ---- */

/* When to come again, where it said so. */
static void add_wait(const struct http_client_answer *a, struct reply *r)
{
    if (reply_class(r) >= 4)
        r->wait = retry_after(span_of(a->wait), clock_wall());
}

bool posting_answer_offers(const struct http_client_answer *a, bool token)
{
    struct span challenge = span_of(a->challenge), scheme = token ? SPAN("Bearer") : SPAN("Basic");

    for (size_t i = 0; i < challenge.len; i++)
        if (span_istarts(span_from(challenge, i), scheme))
            return true;
    return false;
}

bool posting_answer_announces(const struct http_client_answer *a)
{
    bool asks =
        a->status == 401 && (posting_answer_offers(a, false) || posting_answer_offers(a, true));

    return (asks || a->status / 100 == 2) &&
           span_search(span_of(a->accepts), SPAN(SUBMISSION_TYPE)) >= 0;
}

void posting_answer_login(const struct http_client_answer *a, struct arena *arena,
                          struct smtp_client_failure *out)
{
    json_t *j = read_json(a);
    struct reply r;

    *out = (struct smtp_client_failure){0};
    if (a->status / 100 != 2 && read_reply(json_object_get(j, "reply"), arena, &r) &&
        reply_class(&r) >= 4)
        refused(out, STAGE_AUTH, &r);
    else if (a->status / 100 != 2)
        bare_status(a, STAGE_AUTH, arena, out);
    add_wait(a, &out->reply);
    json_decref(j);
}

/* False: the list is not that of the request. */
static bool take_recipients(const json_t *list, size_t count, struct arena *arena,
                            struct smtp_client_result *out)
{
    if (json_array_size(list) != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct smtp_client_rcpt *to = &out->recipients[i];
        bool taken;

        if (!read_reply(json_array_get(list, i), arena, &to->reply))
            return false;
        taken = reply_class(&to->reply) == 2;
        to->state = taken ? CLIENT_RCPT_ACCEPTED : CLIENT_RCPT_REFUSED;
        out->accepted += taken;
    }
    return true;
}

/* Nobody of the recipients was asked, or they are no matter: where it would have been said. */
static enum stage stage_of(const struct http_client_answer *a, const struct reply *r, bool asked)
{
    if (a->status == 401 || r->code == 530 || r->code == 535 || r->code == 454)
        return STAGE_AUTH;
    return asked ? STAGE_DOT : STAGE_MAIL;
}

static int take_json(const struct http_client_answer *a, const json_t *j, size_t count,
                     struct arena *arena, struct smtp_client_result *out)
{
    const json_t *list = json_object_get(j, "recipients");
    bool accepted = json_is_true(json_object_get(j, "accepted"));
    bool asked = json_array_size(list) > 0;
    struct reply r;

    if (!read_reply(json_object_get(j, "reply"), arena, &r))
        return bare_status(a, STAGE_DOT, arena, &out->failure);
    if ((asked && !take_recipients(list, count, arena, out)) ||
        accepted != (reply_class(&r) == 2) || (accepted && !out->accepted) || reply_class(&r) == 3)
        return strange(&out->failure, STAGE_DOT, a->status);
    if (accepted) {
        out->done = r;
        return 0;
    }
    if (asked && !out->accepted)
        return 0; /* each has its own refusal */
    return refused(&out->failure, stage_of(a, &r, asked), &r);
}

int posting_answer_message(const struct http_client_answer *a, size_t count, struct arena *arena,
                           struct smtp_client_result *out)
{
    json_t *j = read_json(a);
    int rc = j ? take_json(a, j, count, arena, out)
               : bare_status(a, a->body_sent ? STAGE_DOT : STAGE_DATA, arena, &out->failure);

    if (rc < 0 && out->failure.why == CLIENT_BROKEN) {
        out->maybe_delivered = a->body_sent;
        for (size_t i = 0; i < count; i++)
            out->recipients[i] = (struct smtp_client_rcpt){0};
        out->accepted = 0;
    }
    add_wait(a, &out->failure.reply);
    for (size_t i = 0; i < count; i++)
        add_wait(a, &out->recipients[i].reply);
    json_decref(j);
    return rc;
}
