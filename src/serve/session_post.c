#include "serve/session_post.h"

#include "base/memory.h"
#include "http/submission.h"
#include "mail/address.h"
#include "mail/params.h"
#include "mail/reading.h"
#include "mail/utf8.h"
#include "probe/remedy.h"
#include "sasl/base64.h"
#include "serve/verdict_json.h"
#include "store/crc64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CREDENTIALS_MAX = 2048, RETRY_SECONDS = 60 };

/* ---- answers ---- */

/* The status for what SMTP would say; anything unknown is the fault of the message. */
static unsigned status_of(const struct reply *r, enum stage stage)
{
    static const struct {
        unsigned short code, status;
    } rows[] = {{501, 400}, {530, 401}, {535, 401}, {555, 400}};

    if (reply_class(r) == 2)
        return 200;
    if (r->code == 452 && (r->enhanced.subject == 7 || r->enhanced.subject == 5))
        return 429; /* a limit of this account, no trouble of ours */
    if (reply_class(r) == 4)
        return 503;
    if (r->code == 552 && r->enhanced.subject == 3) /* else it is somebody's mailbox */
        return 413;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].code == r->code)
            return rows[i].status;
    return stage == STAGE_MAIL ? 403 : 422;
}

static void add_reply(json_t *to, const struct reply *r)
{
    char enhanced[12] = "";

    if (r->enhanced.class)
        enhanced_text(r->enhanced, enhanced);
    json_object_set_new(to, "code", json_integer(r->code));
    json_object_set_new(to, "enhanced", json_string(enhanced));
    json_object_set_new(to, "text", verdict_json_words(r->text));
}

/* The same words as check and explain have for this reply. */
static void add_verdict(json_t *to, const struct session_post *p, enum stage stage,
                        const struct reply *r)
{
    const struct session *self = p->session;
    struct remedy_case k = {.host = span_of(self->house->config->hostname),
                            .port = (unsigned)self->door->config->port};
    struct verdict v = {0};

    remedy_of_cause(&v, reading_of(stage, r), &k, p->arena);
    json_object_set_new(to, "verdict", verdict_json_one(&v));
}

static json_t *recipients_json(const struct session_post *p)
{
    json_t *all = json_array();

    for (size_t i = 0; i < p->recipient_count; i++) {
        const struct session_recipient *r = &p->recipients[i];
        json_t *one = json_pack("{s:o}", "address", verdict_json_words(r->address));

        add_reply(one, &r->reply);
        if (reply_class(&r->reply) != 2)
            add_verdict(one, p, STAGE_RCPT, &r->reply);
        json_array_append_new(all, one);
    }
    return all;
}

static struct span dump(struct arena *a, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER);
    struct span out = text ? span_of(arena_printf(a, "%s\n", text)) : SPAN("{}\n");

    free(text);
    json_decref(json);
    return out;
}

static void add_extra(struct http_server_answer *a, struct span name, struct span value)
{
    a->extra[a->extra_count++] = (struct http_server_field){name, value};
}

static struct http_server_answer answer(const struct session_post *p, enum stage stage,
                                        const struct reply *r, struct span id)
{
    bool taken = reply_class(r) == 2;
    json_t *out = json_pack("{s:b}", "accepted", taken), *reply = json_object();
    struct http_server_answer a = {.status = status_of(r, stage), .type = "application/json"};

    if (taken)
        json_object_set_new(out, "id", verdict_json_words(id));
    add_reply(reply, r);
    json_object_set_new(out, "reply", reply);
    if (!taken)
        add_verdict(out, p, stage, r);
    json_object_set_new(out, "recipients", recipients_json(p));
    a.body = dump(p->arena, out);
    add_extra(&a, SPAN("Cache-Control"), SPAN("no-store"));
    if (a.status == 401)
        add_extra(&a, SPAN("WWW-Authenticate"), SPAN("Basic realm=\"mail\", charset=\"UTF-8\""));
    if (a.status == 429 || a.status == 503)
        add_extra(&a, SPAN("Retry-After"),
                  span_of(arena_printf(p->arena, "%d", (int)RETRY_SECONDS)));
    return a;
}

static struct http_server_answer refuse(const struct session_post *p, enum stage stage,
                                        struct reply r)
{
    return answer(p, stage, &r, SPAN_NONE);
}

/* The request itself is wrong: no mail was spoken of yet. */
static struct http_server_answer malformed(const struct session_post *p, unsigned status,
                                           const char *words)
{
    struct http_server_answer a =
        refuse(p, STAGE_NONE, reply_make(p->arena, 501, "5.5.4", "%s", words));

    a.status = status;
    return a;
}

/* ---- login: the name and password of AUTH PLAIN, by the same way ---- */

/* "name:password" as the initial response of PLAIN. False when it is none. */
static bool plain_response(struct span basic, struct text *plain, struct text *response)
{
    struct text pair = TEXT_INIT(CREDENTIALS_MAX);
    struct span rest, name;
    bool ok = text_room(&pair, CREDENTIALS_MAX - 1) && text_room(plain, CREDENTIALS_MAX - 1) &&
              base64_decode(basic, &pair);

    rest = text_span(&pair);
    ok = ok && span_find(rest, '\0') < 0 && span_cut(&rest, ':', &name) && rest.at &&
         text_addc(plain, '\0') && text_add(plain, name) && text_addc(plain, '\0') &&
         text_add(plain, rest) && base64_encode(text_span(plain), response);
    text_wipe(&pair);
    return ok;
}

static enum sasl_step check_plain(struct session *self, struct span response)
{
    struct sasl_server_config config = {
        .calls = &session_login_calls, .arg = self, .fake_secret = self->settings.fake_secret};
    struct sasl_server *s = sasl_server_start(SPAN("PLAIN"), &config);
    struct text challenge = TEXT_INIT(SASL_LINE_MAX);
    enum sasl_step step = s ? sasl_server_step(s, response, &challenge) : SASL_TEMPORARY;

    text_free(&challenge);
    sasl_server_free(&s);
    return step;
}

static enum sasl_step check_basic(struct session *self, struct span basic)
{
    struct text plain = TEXT_INIT(CREDENTIALS_MAX), response = TEXT_INIT(2 * CREDENTIALS_MAX);
    enum sasl_step step = SASL_BROKEN;

    if (text_room(&response, 2 * CREDENTIALS_MAX - 1) && plain_response(basic, &plain, &response))
        step = check_plain(self, text_span(&response));
    text_wipe(&plain);
    text_wipe(&response);
    return step;
}

/* Code 0: go on. */
static struct reply log_in(struct session_post *p, const struct http_server_request *r)
{
    struct session *self = p->session;
    struct span field = http_server_field(r, "Authorization");
    bool basic = span_istarts(field, SPAN("Basic "));
    enum sasl_step step = SASL_BROKEN;

    session_forget_login(self);
    if (!field.at && self->settings.trusted)
        return (struct reply){0};
    if (!basic)
        return reply_make(p->arena, 530, "5.7.0",
                          "Login needed: name and password as for receiving mail, by HTTP Basic");
    self->tried[0] = '\0';
    self->locked_out = false;
    step = check_basic(self, span_trim(span_from(field, strlen("Basic "))));
    memory_wipe((void *)(uintptr_t)field.at, field.len); /* P8: it lived long enough */
    if (step != SASL_OK)
        session_forget_login(self);
    session_note_login(self, step == SASL_OK, SPAN("Basic"));
    if (step == SASL_OK)
        return (struct reply){0};
    p->logins_failed++;
    if (step == SASL_TEMPORARY)
        return reply_make(p->arena, 454, "4.7.0",
                          "The login can not be checked now; try again in a minute.");
    if (self->locked_out)
        return reply_make(p->arena, 535, "5.7.13", SESSION_LOCKED);
    return reply_make(p->arena, 535, "5.7.8",
                      "Wrong name or password: they are the same as for receiving mail");
}

/* ---- envelope ---- */

static unsigned extensions(void)
{
    return PARAMS_SIZE | PARAMS_8BITMIME | PARAMS_SMTPUTF8 | PARAMS_DSN;
}

static struct reply bad_path(struct arena *a, const char *enhanced)
{
    return reply_make(a, 501, enhanced, "Bad address: it should look like <name@example.org>");
}

/* Code 0: the sender stands in the envelope. */
static struct reply read_sender(struct session_post *p, struct span value, uint64_t *size)
{
    struct params_offer offer = {extensions(), p->session->settings.limits.size};
    struct address from;
    struct params_mail params;
    struct error e = {0};
    enum params_result got;

    if (address_path(&value, PATH_REVERSE, true, &from) != PATH_OK)
        return bad_path(p->arena, "5.1.7");
    got = params_mail(value, &offer, &params, &e);
    if (got != PARAMS_OK)
        return reply_error(p->arena, params_code(got), &e);
    p->envelope = (struct envelope){
        .id = id_new(), .sender = from.whole, .envid = params.envid, .ret = params.ret};
    if (params.smtputf8 || from.utf8)
        p->envelope.need |= NEED_UTF8;
    if (params.body == BODY_8BITMIME)
        p->envelope.need |= NEED_8BIT;
    *size = params.size;
    return (struct reply){0};
}

/* What stands before the next ", <" or ",<" of a list of recipients; takes it off. A comma may also
 * stand in NOTIFY= and in quoted names, but not before "<" there. */
static struct span next_path(struct span *list)
{
    struct span whole = *list;
    bool quoted = false;

    for (size_t i = 0; i < whole.len; i++) {
        struct span behind = span_trim(span_from(whole, i + 1));

        if (whole.at[i] == '"' && (i == 0 || whole.at[i - 1] != '\\'))
            quoted = !quoted;
        if (whole.at[i] != ',' || quoted || !span_starts(behind, SPAN("<")))
            continue;
        *list = behind;
        return span_trim(span_head(whole, i));
    }
    *list = SPAN_NONE;
    return span_trim(whole);
}

static struct reply read_recipient(struct session_post *p, struct span value, struct recipient *out)
{
    struct params_offer offer = {extensions(), 0};
    struct address to;
    struct params_rcpt params;
    struct error e = {0};
    enum params_result got;

    *out = (struct recipient){.address = value};
    if (address_path(&value, PATH_FORWARD, true, &to) != PATH_OK)
        return bad_path(p->arena, "5.1.3");
    out->address = to.whole;
    got = params_rcpt(value, &offer, &params, &e);
    if (got != PARAMS_OK)
        return reply_error(p->arena, params_code(got), &e);
    out->orcpt = params_orcpt(&params, p->arena);
    out->notify = params.notify;
    if (to.utf8)
        p->envelope.need |= NEED_UTF8;
    return session_may_reach(p->session, p->arena, p->envelope.sender, to.whole);
}

static void take_recipient(struct session_post *p, struct span value)
{
    unsigned most = p->session->settings.limits.recipients;
    struct recipient to;
    struct reply r;

    if (p->recipient_count > most)
        return;
    if (p->recipient_count == most)
        r = reply_make(p->arena, 452, "4.5.3",
                       "Too many recipients in one message: send it again to the others");
    else
        r = read_recipient(p, value, &to);
    if (p->recipient_count == most)
        to.address = value;
    p->digest = session_digest(p->digest, to.address);
    p->recipients[p->recipient_count++] = (struct session_recipient){to.address, r};
    if (reply_class(&r) == 2)
        p->envelope.recipients[p->envelope.count++] = to;
}

/* How many there can be at most: one before each comma, and one at the end of each field. */
static size_t count_recipients(const struct http_server_request *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->count; i++) {
        const struct http_server_field *f = &r->fields[i];

        if (!span_iis(f->name, SUBMISSION_TO))
            continue;
        n++;
        for (size_t k = 0; k < f->value.len; k++)
            n += f->value.at[k] == ',';
    }
    return n;
}

static void read_recipients(struct session_post *p, const struct http_server_request *r)
{
    size_t most = count_recipients(r) + 1;

    p->recipients = arena_alloc(p->arena, most * sizeof *p->recipients);
    p->envelope.recipients = arena_alloc(p->arena, most * sizeof *p->envelope.recipients);
    for (size_t i = 0; i < r->count; i++) {
        struct span list = r->fields[i].value;

        if (!span_iis(r->fields[i].name, SUBMISSION_TO))
            continue;
        while (list.len)
            take_recipient(p, next_path(&list));
    }
}

/* Nobody is left: one who may be reached later makes it worth another try. */
static struct reply nobody(const struct session_post *p)
{
    for (size_t i = 0; i < p->recipient_count; i++)
        if (reply_class(&p->recipients[i].reply) == 4)
            return p->recipients[i].reply;
    if (p->recipient_count)
        return p->recipients[0].reply;
    return reply_make(p->arena, 501, "5.5.4", "No recipient: add a field %s: <name@example.org>",
                      SUBMISSION_TO);
}

/* ---- the request ---- */

static bool key_ok(struct span key)
{
    for (size_t i = 0; i < key.len; i++)
        if (key.at[i] <= ' ' || key.at[i] > '~')
            return false;
    return key.len <= SUBMISSION_KEY_MAX;
}

static bool type_ok(struct span type)
{
    struct span word;

    return span_cut(&type, ';', &word) && (span_iis(span_trim(word), SUBMISSION_TYPE) ||
                                           span_iis(span_trim(word), SUBMISSION_TYPE_UTF8));
}

static struct reply too_big(const struct session_post *p)
{
    return reply_make(p->arena, 552, "5.3.4",
                      "Message bigger than the %llu octets taken here: send a link to the files",
                      (unsigned long long)p->session->settings.limits.size);
}

static void forget(struct session_post *p, struct arena *a)
{
    *p = (struct session_post){
        .session = p->session, .tls = p->tls, .logins_failed = p->logins_failed, .arena = a};
}

/* Sender and recipients, and what the house says to them. Status 0: somebody is left. */
static struct http_server_answer ask_envelope(struct session_post *p,
                                              const struct http_server_request *r)
{
    struct reply reply;
    uint64_t size = 0;

    reply = read_sender(p, http_server_field(r, SUBMISSION_FROM), &size);
    if (reply.code)
        return refuse(p, STAGE_MAIL, reply);
    p->digest = session_digest(p->digest, p->envelope.sender);
    reply = session_may_send(p->session, p->arena, p->envelope.sender,
                             r->length > size ? r->length : size);
    if (reply_class(&reply) > 2)
        return refuse(p, STAGE_MAIL, reply);
    read_recipients(p, r);
    return p->envelope.count ? (struct http_server_answer){0} : refuse(p, STAGE_RCPT, nobody(p));
}

struct http_server_answer session_post_look(struct session_post *p,
                                            const struct http_server_request *r)
{
    struct http_server_answer a = {
        .status = 200, .type = "application/json", .body = SPAN("{\"login\": true}\n")};
    struct reply reply;

    forget(p, r->arena);
    reply = log_in(p, r);
    if (reply.code) {
        a = refuse(p, reply.code == 530 ? STAGE_MAIL : STAGE_AUTH, reply);
        a.close = p->logins_failed >= p->session->settings.limits.logins;
    } else {
        add_extra(&a, SPAN("Cache-Control"), SPAN("no-store"));
    }
    add_extra(&a, SPAN(SUBMISSION_ACCEPTS), SPAN(SUBMISSION_TYPES));
    return a;
}

struct http_server_answer session_post_begin(struct session_post *p,
                                             const struct http_server_request *r)
{
    uint64_t most = p->session->settings.limits.size;
    struct http_server_answer a;
    struct reply reply;

    forget(p, r->arena);
    if (!type_ok(http_server_field(r, "Content-Type")))
        return malformed(p, 415, "The body must be a message: Content-Type: " SUBMISSION_TYPE);
    p->key = http_server_field(r, SUBMISSION_KEY);
    if (!key_ok(p->key))
        return malformed(p, 400, SUBMISSION_KEY ": at most 200 visible ASCII characters");
    reply = log_in(p, r);
    if (reply.code) {
        /* As in SMTP, where MAIL is what an unknown client may not say. */
        a = refuse(p, reply.code == 530 ? STAGE_MAIL : STAGE_AUTH, reply);
        a.close = p->logins_failed >= p->session->settings.limits.logins;
        return a;
    }
    if (most && r->length > most)
        return refuse(p, STAGE_DATA, too_big(p));
    a = ask_envelope(p, r);
    if (!a.status)
        session_open_body(p->session, p->arena);
    return a;
}

/* ---- the body ---- */

static int store(struct session_post *p, struct span bytes)
{
    uint64_t most = p->session->settings.limits.size;

    p->size += bytes.len;
    if (most && p->size > most)
        return -EMSGSIZE;
    return bytes.len ? body_add(&p->session->body, bytes) : 0;
}

/* Lines may end in LF alone, as files have them; they are made CR LF. A CR alone is refused at the
 * end, for what it hides (P11): here it is held back until its LF comes. */
int session_post_body(struct session_post *p, struct span bytes)
{
    int bad = 0;

    p->digest = crc64_add(p->digest, bytes);
    if (utf8_high(bytes))
        p->envelope.need |= NEED_8BIT;
    while (bytes.len && !bad) {
        ptrdiff_t lf = span_find(bytes, '\n');
        struct span line = lf < 0 ? bytes : span_head(bytes, (size_t)lf);
        bool cr = line.len ? line.at[line.len - 1] == '\r' : p->cr;

        if ((p->cr && line.len) ||
            (line.len && span_find(span_head(line, line.len - 1), '\r') >= 0))
            p->bare = true;
        bad = store(p, span_head(line, line.len - (line.len && cr)));
        if (!bad && lf >= 0)
            bad = store(p, SPAN("\r\n"));
        p->cr = cr && lf < 0;
        p->open = lf < 0;
        bytes = lf < 0 ? SPAN_NONE : span_from(bytes, (size_t)lf + 1);
    }
    return bad;
}

static struct reply failed_body(const struct session_post *p, const struct session_mail *m,
                                int failed)
{
    struct reply r = failed == -EMSGSIZE ? too_big(p) : session_refuse_body(p->session, m, failed);

    if (r.code)
        return r;
    if (failed == -ENOSPC || failed == -EDQUOT)
        return reply_make(p->arena, 452, "4.3.1", "No room for this message now: try again later");
    return reply_make(p->arena, 451, "4.3.0",
                      "The message could not be stored now: try again later");
}

/* With recipients that were refused it is another message under the same key: else one that is
 * accepted at the next try would be told so, and not be among the recipients of the first. */
static struct span key_of(struct session_post *p)
{
    uint64_t accepted = 0;

    if (!p->key.len || p->envelope.count == p->recipient_count)
        return p->key;
    for (size_t i = 0; i < p->envelope.count; i++)
        accepted = session_digest(accepted, p->envelope.recipients[i].address);
    return span_of(
        arena_printf(p->arena, "%.*s/%016llx", SPAN_ARG(p->key), (unsigned long long)accepted));
}

static struct reply conclude(struct session_post *p, int failed)
{
    struct session_mail m = {.arena = p->arena,
                             .answers = p->arena,
                             .with = SPAN("HTTPS"),
                             .tls = p->tls,
                             .once = key_of(p),
                             .once_digest = p->digest};

    if (!failed && p->open)
        failed = store(p, SPAN("\r\n"));
    m.envelope = p->envelope;
    if (failed)
        return failed_body(p, &m, failed);
    if (p->bare || p->cr)
        return reply_make(p->arena, 550, "5.6.11",
                          "The message holds a bare CR; its lines must end in CR LF or LF. Update "
                          "the program that made it");
    return session_hand_over(p->session, &m);
}

/* "queued as ID": also for what was handed over before. */
static struct span id_of(const struct reply *r)
{
    return r->text.len >= ID_TEXT ? span_from(r->text, r->text.len - ID_TEXT) : SPAN_NONE;
}

struct http_server_answer session_post_end(struct session_post *p, int failed)
{
    struct reply r = conclude(p, failed);

    return answer(p, STAGE_DOT, &r, id_of(&r));
}
