#include "tape.h"

#include "base/memory.h"
#include "io/fiber.h"
#include "io/loop.h"
#include "sasl/sasl_server.h"
#include "tls/tls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

const struct span tape_messages[TAPE_MESSAGES] = {
    SPAN("Subject: one\n\nHello\n"),
    SPAN("Subject: two\r\n\r\n.\r\n..dots\r\nend"),
    SPAN(""),
    SPAN("Subject: four\n\n1\n2\n3\n"),
};

/* ---- a stream and a TLS made of words ---- */

struct tape {
    struct stream stream;
    struct span left;
    int ends;
    struct text *heard;
};

static ssize_t tape_read(struct stream *s, char *buf, size_t n)
{
    struct tape *t = (struct tape *)s;
    struct span piece;
    ptrdiff_t cut;

    if (t->left.len && t->left.at[0] == CUT[0])
        t->left = span_from(t->left, 1);
    if (!t->left.len)
        return t->ends;
    cut = span_find(t->left, CUT[0]);
    piece = span_head(t->left, cut < 0 ? t->left.len : (size_t)cut);
    piece = span_head(piece, n);
    memcpy(buf, piece.at, piece.len);
    t->left = span_from(t->left, piece.len);
    return (ssize_t)piece.len;
}

static int tape_write(struct stream *s, const char *buf, size_t n)
{
    assert_true(text_add(((struct tape *)s)->heard, (struct span){buf, n}));
    return 0;
}

static const struct stream_ops tape_ops = {.name = "tape", .read = tape_read, .write = tape_write};

int tls_accept_any(struct stream **s, struct tls_context *c, const char *protocols, struct error *e)
{
    char first;

    assert_non_null(c);
    assert_string_equal(protocols, "pop3");
    if (stream_read(*s, &first, 1) == 1 && first == '!')
        return 0;
    error_set(e, ERROR_PERMANENT, "not TLS");
    return -EPROTO;
}

bool tls_info(const struct stream *top, struct tls_info *out)
{
    (void)top;
    *out = (struct tls_info){.version = "TLSv1.3", .cipher = "", .sni = ""};
    return true;
}

bool tls_exporter(const struct stream *top, unsigned char out[TLS_EXPORTER])
{
    (void)top;
    memset(out, 1, TLS_EXPORTER);
    return true;
}

/* ---- the house: ann, whose password is "se cret "; "down" cannot be checked ---- */

static struct pop3_answer answer(struct tape_house *h, const char *call)
{
    struct pop3_answer a = {0};

    if (!h->refuse || strcmp(h->refuse, call) != 0)
        return a;
    a.refused = true;
    a.code = h->code;
    a.words = span_of(h->words);
    return a;
}

static struct pop3_answer on_login(void *arg, const struct pop3_server_session *s, bool ok,
                                   struct span name)
{
    struct tape_house *h = arg;

    text_addf(&h->asked, "login(%.*s,%s,%.*s) ", SPAN_ARG(name), ok ? "ok" : "no",
              SPAN_ARG(s->mechanism));
    return answer(h, "login");
}

static uint64_t size_of(struct span m)
{
    uint64_t n = 0;

    for (size_t i = 0; i < m.len; i++)
        n += m.at[i] == '\n' && (!i || m.at[i - 1] != '\r') ? 2 : 1;
    return n + (m.len && m.at[m.len - 1] != '\n' ? 2 : 0);
}

static struct pop3_answer on_open(void *arg, const struct pop3_server_session *s,
                                  struct pop3_server_mailbox *out)
{
    struct tape_house *h = arg;

    assert_true(s->login.len > 0);
    text_adds(&h->asked, "open ");
    out->count = TAPE_MESSAGES;
    for (size_t i = 0; i < TAPE_MESSAGES; i++)
        out->octets += size_of(h->message[i]);
    return answer(h, "open");
}

static struct pop3_answer on_entry(void *arg, const struct pop3_server_session *s, uint32_t place,
                                   struct pop3_server_entry *out)
{
    struct tape_house *h = arg;

    (void)s;
    assert_true(place < TAPE_MESSAGES);
    out->octets = size_of(h->message[place]);
    memcpy(out->uid, "uid-", 4);
    out->uid[4] = (char)('a' + place);
    out->uid[5] = '\0';
    return place == TAPE_MESSAGES - 1 ? answer(h, "entry") : (struct pop3_answer){0};
}

static struct pop3_answer on_message(void *arg, const struct pop3_server_session *s, uint32_t place)
{
    struct tape_house *h = arg;
    struct pop3_answer a = answer(h, "message");

    (void)s;
    text_addf(&h->asked, "read(%u) ", (unsigned)place);
    if (a.refused)
        return a;
    assert_int_equal(h->open, 0);
    h->open++;
    h->at = 0;
    h->place = place;
    return a;
}

static ssize_t on_content(void *arg, const struct pop3_server_session *s, char *buf, size_t n)
{
    struct tape_house *h = arg;
    struct span left = span_from(h->message[h->place], h->at);

    (void)s;
    assert_int_equal(h->open, 1);
    if (h->at && h->content_fails)
        return h->content_fails;
    left = span_head(left, h->slow && h->slow < n ? h->slow : n);
    if (left.len)
        memcpy(buf, left.at, left.len);
    h->at += left.len;
    return (ssize_t)left.len;
}

static void on_content_end(void *arg, const struct pop3_server_session *s)
{
    (void)s;
    ((struct tape_house *)arg)->open--;
}

static struct pop3_answer on_update(void *arg, const struct pop3_server_session *s,
                                    struct span marked)
{
    struct tape_house *h = arg;

    assert_int_equal(marked.len, TAPE_MESSAGES / 8 + 1);
    assert_true(!s->deleted == !marked.at[0]);
    if (s->deleted)
        text_addf(&h->asked, "update(%02x) ", (unsigned)(unsigned char)marked.at[0]);
    return answer(h, "update");
}

static void on_event(void *arg, const struct pop3_server_session *s, enum pop3_server_event e,
                     struct span words)
{
    (void)s;
    (void)words;
    text_addf(&((struct tape_house *)arg)->events, "%s ", pop3_server_event_name(e));
}

static int check_password(void *arg, struct span name, struct span password)
{
    text_addf(&((struct tape_house *)arg)->asked, "check(%.*s) ", SPAN_ARG(name));
    if (span_is(name, "down"))
        return -1;
    return span_is(name, "ann") && span_is(password, "se cret ") ? 0 : 1;
}

static int verifier(void *arg, struct span name, struct scram_verifier *out)
{
    (void)arg;
    (void)out;
    return span_is(name, "moved") ? 2 : 1;
}

static const struct sasl_server_calls login_calls = {check_password, verifier};
static const struct pop3_server_calls calls = {
    .login_calls = &login_calls,
    .login = on_login,
    .open = on_open,
    .entry = on_entry,
    .message = on_message,
    .content = on_content,
    .content_end = on_content_end,
    .update = on_update,
    .event = on_event,
};

/* ---- the play ---- */

struct play {
    struct tape tape;
    struct pop3_server_settings settings;
    struct tape_house *house;
    int result;
};

static void serve(void *arg)
{
    struct play *p = arg;
    struct stream *top = &p->tape.stream;

    p->result = pop3_server_run(&top, &p->settings, &calls, p->house);
}

int tape_run(const struct tape_scene *scene, struct tape_house *h, struct span say,
             struct text *heard)
{
    struct play p = {.tape = {{.ops = &tape_ops}, say, scene->ends, heard}, .house = h};
    struct loop *loop = loop_new();

    p.settings = pop3_server_defaults();
    p.settings.hostname = "pop.test";
    p.settings.fake_secret = SPAN("0123456789abcdef");
    *h = (struct tape_house){
        .asked = TEXT_INIT(1 << 20), .events = TEXT_INIT(1 << 20), .message = tape_messages};
    if (scene->door)
        scene->door(&p.settings);
    if (scene->inside)
        scene->inside(h);
    fiber_start(loop, serve, &p);
    loop_run(loop);
    loop_free(&loop);
    assert_int_equal(h->open, 0);
    return p.result;
}

static void play(const struct tape_scene *scene)
{
    struct text heard = TEXT_INIT(TAPE_OUT_MAX);
    struct tape_house h;
    int result = tape_run(scene, &h, span_of(scene->say), &heard);

    if (!span_is(text_span(&heard), scene->hear))
        fail_msg("scene \"%s\": heard\n%s\nnot\n%s", scene->name, text_cstr(&heard), scene->hear);
    if (result != scene->result)
        fail_msg("scene \"%s\": result %d, not %d; events: %s", scene->name, result, scene->result,
                 text_cstr(&h.events));
    if (scene->asked && !span_is(span_trim(text_span(&h.asked)), scene->asked))
        fail_msg("scene \"%s\": asked %s, not %s", scene->name, text_cstr(&h.asked), scene->asked);
    text_free(&heard);
    text_free(&h.asked);
    text_free(&h.events);
}

void tape_play(const struct tape_scene *scenes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        play(&scenes[i]);
}
