/* The POP3 engine against any client. The first byte chooses the door and the house, the second how
 * the bytes are cut into reads. However it goes: the session ends, each message that was begun is
 * ended, every line of an answer ends in CR LF, messages are removed at most once and at the end,
 * and never without a login. */
#include "base/memory.h"
#include "pop3/pop3_server.h"
#include "tape.h"
#include "tls/tls.h"

struct session {
    struct tape tape;
    struct pop3_server_settings settings;
    unsigned begun, ended, updates;
    bool opened, refuses;
    size_t given;
};

static const char message[] = "Subject: x\n\n.\n..\r\nA line\rwith a CR\n\0.\nno end";

int tls_accept_any(struct stream **s, struct tls_context *c, const char *protocols, struct error *e)
{
    (void)c;
    (void)protocols;
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

static struct pop3_answer yes_or_no(const struct session *f)
{
    return (struct pop3_answer){f->refuses, POP3_SYS_TEMP, SPAN("no\r\n+OK yes")};
}

static struct pop3_answer on_open(void *arg, const struct pop3_server_session *s,
                                  struct pop3_server_mailbox *out)
{
    struct session *f = arg;

    require(s->login.len && !f->opened);
    require(s->tls || !s->settings->tls_before_login);
    f->opened = true;
    *out = (struct pop3_server_mailbox){9, 9000};
    return (struct pop3_answer){0};
}

static struct pop3_answer on_entry(void *arg, const struct pop3_server_session *s, uint32_t place,
                                   struct pop3_server_entry *out)
{
    struct session *f = arg;

    require(f->opened && place < s->count);
    *out = (struct pop3_server_entry){1000, "uid"};
    return place == 8 ? yes_or_no(f) : (struct pop3_answer){0};
}

static struct pop3_answer on_message(void *arg, const struct pop3_server_session *s, uint32_t place)
{
    struct session *f = arg;
    struct pop3_answer a = place == 7 ? yes_or_no(f) : (struct pop3_answer){0};

    require(f->opened && place < s->count && f->begun == f->ended);
    f->begun += !a.refused;
    f->given = 0;
    return a;
}

static ssize_t on_content(void *arg, const struct pop3_server_session *s, char *buf, size_t n)
{
    struct session *f = arg;
    size_t left = sizeof message - 1 - f->given;

    (void)s;
    if (f->refuses && f->given)
        return -EIO;
    n = left < n ? left : n;
    n = n > f->tape.piece ? f->tape.piece : n;
    memcpy(buf, message + f->given, n);
    f->given += n;
    return (ssize_t)n;
}

static void on_content_end(void *arg, const struct pop3_server_session *s)
{
    (void)s;
    ((struct session *)arg)->ended++;
}

static struct pop3_answer on_update(void *arg, const struct pop3_server_session *s,
                                    struct span marked)
{
    struct session *f = arg;
    unsigned bits = 0;

    require(f->opened && marked.len == s->count / 8 + 1);
    for (uint32_t i = 0; i < s->count; i++)
        bits += (unsigned)(unsigned char)marked.at[i / 8] >> i % 8 & 1;
    require(bits == s->deleted);
    f->updates++;
    return yes_or_no(f);
}

static const struct pop3_server_calls calls = {.login_calls = &tape_login_calls,
                                               .open = on_open,
                                               .entry = on_entry,
                                               .message = on_message,
                                               .content = on_content,
                                               .content_end = on_content_end,
                                               .update = on_update};

static void require_lines(struct span out, bool whole)
{
    struct span line = SPAN_NONE;

    while (span_cut(&out, '\n', &line) && out.at) {
        require(line.len >= 1 && line.at[line.len - 1] == '\r');
    }
    require(!whole || !line.len);
}

static int result;

static void serve(void *arg)
{
    struct session *f = arg;
    struct stream *top = &f->tape.stream;

    result = pop3_server_run(&top, &f->settings, &calls, f);
}

static struct pop3_server_settings door(unsigned char bits)
{
    struct pop3_server_settings s = pop3_server_defaults();

    s.hostname = "pop.test";
    s.fake_secret = SPAN("0123456789abcdef");
    s.tls_before_login = bits & 4;
    s.channel_binding = bits & 2;
    s.tls = bits & 8 ? (struct tls_context *)(uintptr_t)&tape_login_calls : NULL;
    s.tls_first = s.tls && bits & 16;
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session f = {0};

    if (size < 2)
        return 0;
    f.tape = tape_of(data + 1, size - 1, 64U << 20);
    f.settings = door(data[0]);
    f.refuses = data[0] & 1;
    tape_play(serve, &f);
    require(f.begun == f.ended && f.updates <= 1);
    require_lines(text_span(&f.tape.out), result != -EIO);
    text_free(&f.tape.out);
    return 0;
}
