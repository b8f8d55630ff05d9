#include "deliver/posting.h"

#include "base/clock.h"
#include "base/memory.h"
#include "deliver/once.h"
#include "deliver/posting_answer.h"
#include "http/submission.h"
#include "sasl/base64.h"
#include "smtp/client_content.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    LOOK_TIME = 30 * 1000,        /* until it has told what it is, or whether the login is good */
    ANSWER_TIME = 10 * 60 * 1000, /* to a whole message, as to the final dot (RFC 5321 4.5.3.2.6) */
    WHOLE_TIME = 90 * 60 * 1000,  /* where the caller sets no end */
    ANSWER_MAX = 256 * 1024,
    PIECE = 64 * 1024,
    HEAD_MAX = 12 * 1024, /* of the 16 KiB that the other side takes */
    HEAD_RECIPIENTS = 80, /* and of its 100 fields */
    BASIC_MAX = 4096,
};

struct posting {
    struct stream **stream;
    struct http_client *http;
    struct arena *arena;
    struct posting_settings s;
    char *login; /* the field with the login, or NULL */
    struct smtp_client_far far;
    struct smtp_client_failure failure;
    int64_t until;
    unsigned messages;
};

/* ---- making ---- */

/* May what the password is be shown to a server that proved who it is? */
static bool may_show(struct span mechanisms, bool token)
{
    const char *one = token ? "OAUTHBEARER" : "PLAIN", *other = token ? "XOAUTH2" : "LOGIN";
    struct span word;

    if (!span_trim(mechanisms).len)
        return true;
    while ((word = span_word(&mechanisms)).len)
        if (span_iis(word, one) || span_iis(word, other))
            return true;
    return false;
}

static char *make_basic(const struct posting_settings *s)
{
    struct text pair = TEXT_INIT(BASIC_MAX), field = TEXT_INIT(2 * BASIC_MAX);
    char *out = NULL;

    if (text_room(&pair, BASIC_MAX - 1) && text_room(&field, 2 * BASIC_MAX - 1) &&
        text_add(&pair, s->user) && text_addc(&pair, ':') && text_add(&pair, s->password) &&
        text_adds(&field, "Authorization: Basic ") && base64_encode(text_span(&pair), &field) &&
        text_adds(&field, "\r\n"))
        out = span_dup(text_span(&field));
    text_wipe(&pair);
    text_wipe(&field);
    return out;
}

/* What no header can hold is no token. */
static char *make_bearer(const struct posting_settings *s)
{
    struct text field = TEXT_INIT(2 * BASIC_MAX);
    char *out = NULL;
    bool whole = s->password.len > 0;

    for (size_t i = 0; i < s->password.len; i++)
        whole = whole && s->password.at[i] > ' ' && s->password.at[i] < 127;
    if (whole && text_room(&field, 2 * BASIC_MAX - 1) &&
        text_adds(&field, "Authorization: Bearer ") && text_add(&field, s->password) &&
        text_adds(&field, "\r\n"))
        out = span_dup(text_span(&field));
    text_wipe(&field);
    return out;
}

static char *make_login(const struct posting_settings *s)
{
    if (!s->user.len || !may_show(s->mechanisms, s->token))
        return NULL;
    if (s->token)
        return make_bearer(s);
    return span_find(s->user, ':') < 0 ? make_basic(s) : NULL;
}

struct posting *posting_new(struct stream **stream, const struct posting_settings *s)
{
    struct posting *p = memory_alloc(sizeof *p);
    struct tls_info *i = &p->far.info;

    p->stream = stream;
    p->http = http_client_new(stream);
    p->arena = arena_new();
    p->s = (struct posting_settings){.host = arena_span(p->arena, s->host), .port = s->port};
    p->s.user = arena_span(p->arena, s->user);
    p->s.mechanisms = arena_span(p->arena, s->mechanisms);
    p->s.token = s->token;
    p->login = make_login(s);
    p->far.has = HAS_ESMTP | HAS_8BITMIME | HAS_SMTPUTF8 | HAS_DSN | HAS_ENHANCED | HAS_AUTH;
    p->far.name = p->s.host;
    p->far.tls = tls_info(*stream, i);
    if (p->far.tls)
        p->far.tls_words = span_of(arena_printf(p->arena, "%s %s %s", i->version, i->cipher,
                                                tls_verdict_name(i->verdict)));
    return p;
}

void posting_free(struct posting **p)
{
    if (!*p)
        return;
    if ((*p)->login)
        memory_wipe((*p)->login, strlen((*p)->login));
    free((*p)->login);
    http_client_free(&(*p)->http);
    arena_free(&(*p)->arena);
    free(*p);
    *p = NULL;
}

void posting_until(struct posting *p, int64_t at)
{
    p->until = at;
}

const struct smtp_client_failure *posting_failure(const struct posting *p)
{
    return &p->failure;
}

const struct smtp_client_far *posting_far(const struct posting *p)
{
    return &p->far;
}

/* ---- asking ---- */

static int64_t limit(const struct posting *p, int64_t ms)
{
    int64_t at = clock_now() + ms;

    return p->until && p->until < at ? p->until : at;
}

static void add_host(const struct posting *p, struct text *t)
{
    bool six = span_find(p->s.host, ':') >= 0;

    text_addf(t, six ? "Host: [%.*s]" : "Host: %.*s", SPAN_ARG(p->s.host));
    if (p->s.port != 443)
        text_addf(t, ":%u", (unsigned)p->s.port);
    text_adds(t, "\r\nAccept: */*\r\n");
}

static int get(struct posting *p, bool login, struct http_client_answer *a)
{
    struct http_client_request r = {.method = "GET",
                                    .target = SPAN(SUBMISSION_PATH),
                                    .max = ANSWER_MAX,
                                    .until = limit(p, LOOK_TIME),
                                    .answer = LOOK_TIME};
    struct text fields = TEXT_INIT(HEAD_MAX);
    int bad;

    text_room(&fields, HEAD_MAX - 1);
    add_host(p, &fields);
    if (login && p->login)
        text_adds(&fields, p->login);
    r.fields = text_span(&fields);
    bad = http_client_ask(p->http, &r, a);
    text_wipe(&fields);
    return bad;
}

static int lost(struct smtp_client_failure *f, enum stage stage, int bad)
{
    bool nonsense = bad == -EPROTO || bad == -EMSGSIZE;

    *f = (struct smtp_client_failure){
        .stage = stage, .why = nonsense ? CLIENT_BROKEN : CLIENT_LOST, .sys = nonsense ? 0 : -bad};
    if (nonsense)
        return error_mail(&f->error, ERROR_TEMPORARY, "4.5.0", OWNER_PROVIDER,
                          "What came back is no answer of a web server.");
    if (bad == -ETIMEDOUT)
        return error_mail(&f->error, ERROR_TEMPORARY, "4.4.2", OWNER_NETWORK,
                          "The web server did not answer in time.");
    return error_mail(&f->error, ERROR_TEMPORARY, "4.4.2", OWNER_NETWORK,
                      "The web server hung up in the middle: %s.", strerror(-bad));
}

/* No word against the relay: its web server has nothing to do with mail. */
static int no_mail_here(struct posting *p, unsigned status)
{
    struct smtp_client_failure *f = &p->failure;
    char said[32] = "no answer in HTTP";

    if (status)
        snprintf(said, sizeof said, "status %u", status);
    *f = (struct smtp_client_failure){
        .stage = STAGE_CONNECT, .why = CLIENT_LOST, .sys = EPROTONOSUPPORT};
    return error_mail(&f->error, ERROR_TEMPORARY, "4.4.1", OWNER_NETWORK,
                      "At %.*s, port %u, is a web server that takes no mail (GET " SUBMISSION_PATH
                      ": %s); the password was not told to it.",
                      SPAN_ARG(p->s.host), (unsigned)p->s.port, said);
}

static int wants_login(struct smtp_client_failure *f)
{
    *f = (struct smtp_client_failure){
        .stage = STAGE_MAIL,
        .why = CLIENT_REPLY,
        .reply = {.code = 530, .enhanced = {5, 7, 0}, .text = SPAN("Login needed")}};
    return error_mail(&f->error, ERROR_TEMPORARY, "4.7.0", OWNER_YOU,
                      "The server takes mail from people who log in only: give the relay a user "
                      "and a password-file.");
}

static int no_way_in(struct smtp_client_failure *f)
{
    *f = (struct smtp_client_failure){.stage = STAGE_AUTH, .why = CLIENT_NO_MECHANISM};
    return error_mail(&f->error, ERROR_TEMPORARY, "4.7.4", OWNER_YOU,
                      "Over HTTPS the login goes by name and password (Basic) or by an access "
                      "token (Bearer), and the relay's mechanisms, its user or its token do not "
                      "allow that, or the server wants the other.");
}

int posting_look(struct posting *p)
{
    struct http_client_answer a;
    int bad = get(p, false, &a);
    unsigned status = a.status;
    bool announced = !bad && posting_answer_announces(&a);
    bool fits = status != 401 || posting_answer_offers(&a, p->s.token);

    http_client_answer_free(&a);
    if (bad && bad != -EPROTO && bad != -EMSGSIZE)
        return lost(&p->failure, STAGE_GREETING, bad);
    if (!announced)
        return no_mail_here(p, status);
    if (status == 401 && !p->s.user.len)
        return wants_login(&p->failure);
    return fits ? 0 : no_way_in(&p->failure);
}

int posting_login(struct posting *p)
{
    struct http_client_answer a;
    int bad;

    if (!p->login)
        return no_way_in(&p->failure);
    bad = get(p, true, &a);
    if (bad)
        lost(&p->failure, STAGE_AUTH, bad);
    else
        posting_answer_login(&a, p->arena, &p->failure);
    http_client_answer_free(&a);
    return p->failure.stage == STAGE_NONE ? 0 : -1;
}

/* ---- a message ---- */

/* One request under way. */
struct request {
    const struct envelope *e;
    struct client_content content;
    struct text fields;
    size_t count; /* recipients in it */
    bool begun;   /* the body */
};

static bool clean(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < ' ' || s.at[i] == 127)
            return false;
    return true;
}

static void add_sender(struct request *q)
{
    static const char *const ret[] = {"", " RET=FULL", " RET=HDRS"};
    const struct envelope *e = q->e;

    text_addf(&q->fields, SUBMISSION_FROM ": <%.*s>%s", SPAN_ARG(e->sender), ret[e->ret]);
    if (e->need & (NEED_8BIT | NEED_UTF8))
        text_adds(&q->fields, " BODY=8BITMIME");
    if (e->need & NEED_UTF8)
        text_adds(&q->fields, " SMTPUTF8");
    if (e->envid.len)
        text_addf(&q->fields, " ENVID=%.*s", SPAN_ARG(e->envid));
    text_adds(&q->fields, "\r\n");
}

static void write_recipient(const struct recipient *r, struct text *line)
{
    static const char *const words[] = {"NEVER", "SUCCESS", "FAILURE", "DELAY"};
    const char *before = " NOTIFY=";

    text_addf(line, SUBMISSION_TO ": <%.*s>", SPAN_ARG(r->address));
    for (size_t i = 0; i < COUNT(words); i++) {
        if (!(r->notify & 1u << i))
            continue;
        text_addf(line, "%s%s", before, words[i]);
        before = ",";
    }
    if (r->orcpt.len)
        text_addf(line, " ORCPT=%.*s", SPAN_ARG(r->orcpt));
    text_adds(line, "\r\n");
}

/* As many as there is room for; one at least. */
static void add_recipients(struct request *q)
{
    for (size_t i = 0; i < q->e->count && i < HEAD_RECIPIENTS; i++) {
        const struct recipient *r = &q->e->recipients[i];
        struct text line = TEXT_INIT(4096);
        bool room;

        write_recipient(r, &line);
        room = !i || q->fields.len + line.len < HEAD_MAX;
        if (room) {
            text_add(&q->fields, text_span(&line));
            q->count++;
        }
        text_free(&line);
        if (!room)
            break;
    }
}

static void add_key(struct request *q)
{
    char key[ONCE_KEY];

    once_key(q->e, q->count, key);
    text_addf(&q->fields, SUBMISSION_KEY ": %s\r\n", key);
}

static int next_piece(void *arg, struct span *piece)
{
    struct request *q = arg;

    q->begun = true;
    return client_content_next(&q->content, piece);
}

static void write_fields(const struct posting *p, struct request *q)
{
    text_init(&q->fields, 2 * HEAD_MAX);
    text_room(&q->fields, 2 * HEAD_MAX - 1); /* at once: the login moves nowhere */
    add_host(p, &q->fields);
    if (p->login)
        text_adds(&q->fields, p->login);
    text_addf(&q->fields, "Content-Type: %s\r\n",
              q->e->need & NEED_UTF8 ? SUBMISSION_TYPE_UTF8 : SUBMISSION_TYPE);
    add_sender(q);
    add_recipients(q);
    add_key(q);
}

static int bad_address(struct smtp_client_result *out)
{
    out->failure = (struct smtp_client_failure){.stage = STAGE_MAIL, .why = CLIENT_BAD_ADDRESS};
    return error_mail(&out->failure.error, ERROR_PERMANENT, "5.1.3", OWNER_YOU,
                      "An address of the message holds control characters.");
}

static bool all_clean(const struct envelope *e)
{
    bool ok = clean(e->sender) && clean(e->envid);

    for (size_t i = 0; i < e->count; i++)
        ok = ok && clean(e->recipients[i].address) && clean(e->recipients[i].orcpt);
    return ok;
}

/* No whole answer. */
static int broke(const struct posting *p, const struct request *q,
                 const struct http_client_answer *a, int bad, struct smtp_client_result *out)
{
    if (a->content) {
        out->failure = (struct smtp_client_failure){
            .stage = STAGE_DATA, .why = CLIENT_CONTENT, .sys = -a->content};
        return error_mail(&out->failure.error, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
                          "The message could not be read here: %s.", strerror(-a->content));
    }
    lost(&out->failure, a->body_sent ? STAGE_DOT : STAGE_DATA, bad);
    out->maybe_delivered = a->body_sent;
    out->stale = p->messages > 1 && !q->begun && out->failure.why == CLIENT_LOST &&
                 bad != -ETIMEDOUT && bad != -ECANCELED;
    return -1;
}

static int post(struct posting *p, struct request *q, struct arena *a,
                struct smtp_client_result *out)
{
    struct http_client_request r = {.method = "POST",
                                    .target = SPAN(SUBMISSION_PATH),
                                    .next = next_piece,
                                    .arg = q,
                                    .size = client_content_size(q->content.from),
                                    .asks = true,
                                    .max = ANSWER_MAX,
                                    .until = limit(p, WHOLE_TIME),
                                    .answer = ANSWER_TIME};
    struct http_client_answer answer;
    int bad, rc;

    write_fields(p, q);
    r.fields = text_span(&q->fields);
    p->messages++;
    bad = http_client_ask(p->http, &r, &answer);
    text_wipe(&q->fields);
    rc = bad ? broke(p, q, &answer, bad, out) : posting_answer_message(&answer, q->count, a, out);
    http_client_answer_free(&answer);
    return rc;
}

int posting_send(struct posting *p, const struct envelope *e, const struct content *content,
                 struct arena *a, struct smtp_client_result *out)
{
    struct request q = {.e = e};
    int rc;

    *out = (struct smtp_client_result){
        .recipients = arena_alloc(a, (e->count + 1) * sizeof *out->recipients), .how = "POST"};
    if (!all_clean(e))
        return bad_address(out);
    client_content_init(&q.content, content, PIECE);
    rc = post(p, &q, a, out);
    client_content_free(&q.content);
    return rc;
}

/* ---- between and after ---- */

bool posting_usable(struct posting *p)
{
    return http_client_usable(p->http);
}

unsigned posting_messages(const struct posting *p)
{
    return p->messages;
}

void posting_cut(struct posting *p)
{
    if (!http_client_waits(p->http) && *p->stream)
        shutdown(stream_fd(*p->stream), SHUT_RDWR);
}
