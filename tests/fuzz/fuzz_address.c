/* What is taken as a path is a piece of the input, keeps its promises, and has a stable key. */
#include "mail/address.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct address *a)
{
    struct text key = TEXT_INIT(2048), again = TEXT_INIT(2048);

    assert(a->whole.len <= 254 && a->local.len <= 64);
    assert(span_find(a->whole, '\r') < 0 && span_find(a->whole, '\n') < 0);
    assert(span_find(a->whole, '\0') < 0);
    if (a->domain.len) {
        assert(a->domain.at == a->local.at + a->local.len + 1);
        assert(address_canon(a, true, &key));
        assert(address_domain_canon(a->domain, &again));
        assert(span_ends(text_span(&key), text_span(&again)));
        text_clear(&key);
        assert(address_domain_canon(text_span(&again), &key));
        assert(span_eq(text_span(&key), text_span(&again)));
    }
    text_free(&key);
    text_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span whole = {(const char *)data, size}, rest = whole;
    struct address a;

    for (int kind = PATH_REVERSE; kind <= PATH_FORWARD; kind++) {
        rest = whole;
        if (address_path(&rest, (enum path_kind)kind, true, &a) == PATH_OK) {
            assert(rest.len < whole.len && rest.at + rest.len == whole.at + whole.len);
            check(&a);
        } else {
            assert(rest.len == whole.len);
        }
    }
    if (address_parse(whole, true, &a) == PATH_OK)
        check(&a);
    return 0;
}
