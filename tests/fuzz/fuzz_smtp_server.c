/* The SMTP server engine against any client. The first byte chooses the door, the second how the
 * bytes are cut into reads. However it goes: the session ends, each transaction ends once, what is
 * kept has strict line ends (P11), and every answer is a well-formed reply line. */
#include "base/memory.h"
#include "smtp/smtp_server.h"
#include "tape.h"
#include "tls/tls.h"

enum { KEPT_MAX = 1 << 20 };

struct session {
    struct tape tape;
    struct smtp_server_settings settings;
    struct text kept;
    unsigned begun, ended;
};

int tls_accept(struct stream **s, struct tls_context *c, struct error *e)
{
    (void)c;
    (void)e;
    return tape_handshake(s);
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

static struct reply on_mail(void *arg, const struct smtp_server_session *s)
{
    ((struct session *)arg)->begun++;
    require(s->transaction && !s->transaction->envelope.count);
    return (struct reply){0};
}

static struct reply on_rcpt(void *arg, const struct smtp_server_session *s,
                            const struct recipient *r)
{
    (void)arg;
    if (r->address.len && r->address.at[0] == 'n')
        return reply_make(s->answers, 550, "5.1.1", "no %.*s here", SPAN_ARG(r->address));
    return reply_make(s->answers, 250, "2.1.5", "ok");
}

static struct reply on_begin(void *arg, const struct smtp_server_session *s)
{
    (void)s;
    text_clear(&((struct session *)arg)->kept);
    return (struct reply){0};
}

static int on_body(void *arg, const struct smtp_server_session *s, struct span bytes)
{
    (void)s;
    return text_add(&((struct session *)arg)->kept, bytes) ? 0 : -ENOSPC;
}

static void require_strict(struct span kept)
{
    for (size_t i = 0; i < kept.len; i++) {
        require(kept.at[i] != '\n' || (i && kept.at[i - 1] == '\r'));
        require(kept.at[i] != '\r' || (i + 1 < kept.len && kept.at[i + 1] == '\n'));
    }
    require(!kept.len || kept.at[kept.len - 1] == '\n');
}

static struct reply on_end(void *arg, const struct smtp_server_session *s, int failed)
{
    struct session *f = arg;

    f->ended++;
    require(s->transaction->envelope.count > 0);
    if (failed)
        return (struct reply){0};
    require(s->transaction->size == f->kept.len);
    require_strict(text_span(&f->kept));
    return reply_make(s->answers, 250, "2.0.0", "kept");
}

static void on_reset(void *arg, const struct smtp_server_session *s)
{
    require(s->transaction != NULL);
    ((struct session *)arg)->ended++;
}

static const struct smtp_server_calls calls = {.login_calls = &tape_login_calls,
                                               .mail = on_mail,
                                               .rcpt = on_rcpt,
                                               .body_begin = on_begin,
                                               .body = on_body,
                                               .body_end = on_end,
                                               .reset = on_reset};

static void require_replies(struct span out)
{
    struct span line = SPAN_NONE;

    while (span_cut(&out, '\n', &line) && out.at) {
        require(line.len >= 4 && line.len <= 511 && line.at[line.len - 1] == '\r');
        require(line.at[0] >= '2' && line.at[0] <= '5');
        require(strchr(" -", line.at[3]) || line.at[3] == '\r');
        require(span_find(span_head(line, line.len - 1), '\r') < 0);
    }
    require(!line.len);
}

static void serve(void *arg)
{
    struct session *f = arg;
    struct stream *top = &f->tape.stream;

    smtp_server_run(&top, &f->settings, &calls, f);
}

static struct smtp_server_settings door(unsigned char bits)
{
    struct smtp_server_settings s = smtp_server_defaults();

    s.hostname = "mx.test";
    s.fake_secret = SPAN("0123456789abcdef");
    s.login_offered = bits & 1;
    s.login_required = bits & 2;
    s.tls_before_login = bits & 4;
    s.channel_binding = bits & 128;
    s.tls = bits & 8 ? (struct tls_context *)(uintptr_t)&tape_login_calls : NULL;
    s.tls_first = s.tls && bits & 16;
    s.limits.size = bits & 32 ? 64 : KEPT_MAX;
    s.limits.messages = bits & 64 ? 1 : 0;
    s.limits.recipients = 100;
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session f = {.kept = TEXT_INIT(2 * KEPT_MAX)};

    if (size < 2)
        return 0;
    f.tape = tape_of(data + 1, size - 1, 64U << 20);
    f.settings = door(data[0]);
    tape_play(serve, &f);
    require(f.begun == f.ended);
    require_replies(text_span(&f.tape.out));
    text_free(&f.kept);
    text_free(&f.tape.out);
    return 0;
}
