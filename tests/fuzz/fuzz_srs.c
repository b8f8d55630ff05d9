/* Addresses that pretend to carry a stranger's: whatever is taken back is an address, and whatever
 * is made of one is taken back. */
#include "mail/address.h"
#include "sign/srs.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct srs_secrets secrets = {{SPAN("now"), SPAN("before")}, 2};
    struct span s = {(const char *)data, size};
    struct text out = TEXT_INIT(1024), back = TEXT_INIT(1024);
    struct address a;

    if (srs_back(&secrets, s, 0, &back) == SRS_OK)
        assert(address_parse(text_span(&back), true, &a) == PATH_OK);
    text_clear(&back);
    if (address_parse(s, true, &a) != PATH_OK)
        a.whole = SPAN_NONE;
    s = a.whole;
    if (s.len && srs_forward(&secrets, s, SPAN("o.example"), 0, &out) == SRS_OK) {
        assert(address_parse(text_span(&out), true, &a) == PATH_OK && a.local.len <= SRS_LOCAL);
        assert(srs_back(&secrets, text_span(&out), 0, &back) == SRS_OK);
        assert(span_eq(text_span(&back), s) || srs_is(s));
    }
    text_free(&out);
    text_free(&back);
    return 0;
}
