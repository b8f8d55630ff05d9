/* Everything a server may say: the input is the server's bytes, cut into pieces at each 0xff (the
 * first byte: our settings). Whatever they are, the client ends, and calls a message delivered only
 * when a 2xx followed its end. */
#include "base/log.h"
#include "smtp/smtp_client.h"
#include "play.h"

#include <string.h>

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
    if (smtp_client_approach(c) == 0 && (!s.user.len || smtp_client_login(c) == 0)) {
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
    return play_against(client, data, size);
}
