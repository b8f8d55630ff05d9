/* A record of keys: any bytes are one or none, and one that is read is written the same. */
#include "sign/dkim_keys.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size};
    const struct dkim_times t = {.wait = 1000, .overlap = 5000};
    struct dkim_keys one, two;
    struct text out = TEXT_INIT(1 << 20), text = TEXT_INIT(1 << 20);

    if (size > DKIM_RECORD_MAX || !dkim_keys_read(in, &one))
        return 0;
    assert(one.count <= DKIM_PAIRS_MAX);
    assert(dkim_keys_write(&one, &out));
    assert(dkim_keys_read(text_span(&out), &two) && two.count == one.count);
    for (size_t i = 0; i < one.count; i++) {
        assert(one.pair[i].active == two.pair[i].active);
        assert(span_eq(one.pair[i].stem, two.pair[i].stem));
        assert(dkim_keys_record(&one.pair[i], KEYPAIR_RSA, &text));
        assert(dkim_keys_selector(&one.pair[i], KEYPAIR_ED25519, &text));
    }
    dkim_keys_look(&two, &t, 100000);
    dkim_keys_sweep(&two);
    assert(!dkim_keys_in(&two, DKIM_GONE));
    text_free(&out);
    text_free(&text);
    return 0;
}
