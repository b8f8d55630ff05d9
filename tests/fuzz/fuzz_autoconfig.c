/* A provider's settings file, whatever it holds: what is believed can be shown and used. */
#include "probe/autoconfig.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static void check_text(const char *s, size_t cap)
{
    assert(memchr(s, '\0', cap));
    for (; *s; s++)
        assert((unsigned char)*s >= ' ' && *s != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct autoconfig a;

    autoconfig_parse((struct span){(const char *)data, size}, SPAN("you@example.com"),
                     SPAN("example.com"), &a);
    assert(a.count <= AUTOCONFIG_SERVERS);
    check_text(a.name, sizeof a.name);
    for (size_t i = 0; i < a.count; i++) {
        const struct autoconfig_server *s = &a.server[i];

        check_text(s->host, sizeof s->host);
        check_text(s->user, sizeof s->user);
        assert(s->host[0] && s->port && s->sealing != SEALING_UNKNOWN);
    }
    return 0;
}
