/* Everything a server may say: the input is the server's bytes, cut into pieces at each 0xff (the
 * first byte: our settings). Whatever they are, the client ends, and calls a message delivered only
 * when a 2xx followed its end. */
#include "base/clock.h"
#include "base/log.h"
#include "io/fiber.h"
#include "smtp/smtp_client.h"

#include <stdlib.h>
#include <string.h>

struct play {
    struct stream *near, *far;
    struct span server;
    unsigned char settings;
};

/* Reads along, so that neither side waits for room. */
static void swallow(void *arg)
{
    struct play *p = arg;
    char buf[4096];
    struct span piece;

    while (span_cut(&p->server, (char)0xff, &piece)) {
        if (piece.len && stream_write(p->far, piece) < 0)
            break;
        while (stream_read_now(p->far, buf, sizeof buf) > 0)
            ;
        fiber_sleep(0);
    }
    stream_close(&p->far);
}

static void client(void *arg)
{
    struct play *p = arg;
    struct smtp_client_settings s = smtp_client_defaults();
    struct recipient to[2] = {{.address = SPAN("a@example.org")},
                              {.address = SPAN("b@example.org")}};
    struct envelope e = {.sender = SPAN("c@example.org"), .recipients = to, .count = 2};
    struct content content = {.body = SPAN("Subject: x\r\n\r\n.y\r\n"), .fd = -1};
    struct smtp_client_result r;
    struct arena *a = arena_new();
    struct smtp_client *c;

    s.helo = "me.example";
    s.times = (struct smtp_client_times){50, 50, 50, 50, 50, 50, 50, 50, 50, 50};
    s.link_trusted = true;
    if (p->settings & 1) {
        s.user = SPAN("user");
        s.password = SPAN("password");
    }
    e.need = p->settings & 2 ? NEED_8BIT : 0;
    c = smtp_client_new(&p->near, &s);
    for (int i = 0; i < 1 && smtp_client_open(c) == 0; i++) {
        if (smtp_client_send(c, &e, &content, a, &r) == 0 && r.accepted && r.done.code / 100 != 2)
            abort();
        if (r.failure.stage != STAGE_NONE && !r.failure.error.words[0])
            abort();
        smtp_client_usable(c);
    }
    smtp_client_quit(c);
    smtp_client_free(&c);
    stream_close(&p->near);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct play p = {0};
    struct loop *l;

    if (size < 1 || size > 1 << 16)
        return 0;
    l = loop_new();
    p.settings = data[0];
    p.server = (struct span){(const char *)data + 1, size - 1};
    stream_pipe(l, 1 << 17, &p.near, &p.far);
    stream_deadline(p.far, clock_now() + 1000);
    fiber_start(l, swallow, &p);
    fiber_start(l, client, &p);
    loop_run(l);
    loop_free(&l);
    return 0;
}
