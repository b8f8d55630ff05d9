/* Whatever is written: what is found are good addresses, each once, and within bounds. */
#include "mail/recipients.h"

#include "mail/address.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span s = {(const char *)data, size};
    struct arena *a = arena_new();
    struct recipients r;
    struct error e = {0};
    struct span sender;

    recipients_init(&r, a, SPAN("here.example"));
    if (recipients_list(&r, s, &e) < 0)
        assert(e.class == ERROR_INPUT && e.words[0]);
    recipients_header(&r, s, &e);
    assert(r.count <= size);
    for (size_t i = 0; i < r.count; i++) {
        struct address parsed;

        assert(address_parse(r.at[i], true, &parsed) == PATH_OK);
        assert(r.utf8 || !parsed.utf8);
        for (size_t k = 0; k < i; k++)
            assert(!span_eq(r.at[i], r.at[k]));
    }
    recipients_free(&r);
    if (recipients_sender(s, SPAN_NONE, a, &sender, &e) == 0 && sender.len) {
        struct address parsed;

        assert(address_parse(sender, true, &parsed) == PATH_OK);
    }
    arena_free(&a);
    return 0;
}
