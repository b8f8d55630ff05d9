/* Records of what an account sent: whatever stands in the store, nothing grows beyond its bound,
 * and what was read is written and read again as the same. */
#include "account/burst.h"
#include "account/window.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bounds(const struct burst *b)
{
    assert(b->networks <= BURST_NETWORKS && b->contacts <= BURST_CONTACTS);
    assert(b->contact_next < BURST_CONTACTS);
}

static void use(struct burst *b)
{
    struct recipient to[] = {{.address = SPAN("a@example.org")}, {.address = SPAN("B@c.test")}};
    struct text words = TEXT_INIT(1000);
    int64_t now = 1000 * CLOCK_DAY;

    burst_settle(b, now);
    for (int i = 0; i < 30; i++)
        burst_sent(b, &(struct burst_from){(uint64_t)i, now, CLOCK_DAY}, to, 2);
    burst_failed(b, now);
    burst_judge(b, 3, now, &words);
    burst_judge_any(b, now, &words);
    burst_forgive(b, 3, now);
    check_bounds(b);
    text_free(&words);
}

static void check_hour(struct span in)
{
    struct text first = TEXT_INIT(BURST_HOUR_MAX), second = TEXT_INIT(BURST_HOUR_MAX);
    struct burst b = {0}, again = {0};
    struct span rest;

    burst_unpack_hour(&in, &b);
    check_bounds(&b);
    burst_pack_hour(&b, &first);
    assert(!first.full);
    rest = text_span(&first);
    assert(burst_unpack_hour(&rest, &again));
    burst_pack_hour(&again, &second);
    assert(span_eq(text_span(&first), text_span(&second)));
    use(&b);
    burst_free(&b);
    burst_free(&again);
    text_free(&first);
    text_free(&second);
}

static void check_contacts(struct span in)
{
    struct text out = TEXT_INIT(BURST_CONTACTS_MAX);
    struct burst b = {0};

    if (burst_unpack_contacts(in, &b)) {
        check_bounds(&b);
        burst_pack_contacts(&b, &out);
        assert(!out.full);
        use(&b);
    }
    burst_free(&b);
    burst_unpack_old(in, &b);
    check_bounds(&b);
    use(&b);
    burst_free(&b);
    text_free(&out);
}

static void check_failures(struct span in)
{
    struct text first = TEXT_INIT(BURST_FAILURES_MAX), second = TEXT_INIT(BURST_FAILURES_MAX);
    struct burst b = {0};

    burst_add_failures(in, 1, CLOCK_DAY, &first);
    assert(!first.full && burst_unpack_failures(text_span(&first), &b));
    burst_add_failures(text_span(&first), 0, CLOCK_DAY, &second);
    assert(span_eq(text_span(&first), text_span(&second)));
    text_free(&first);
    text_free(&second);
}

static void check_window(struct span in)
{
    struct text out = TEXT_INIT(WINDOW_PACKED_MAX);
    struct window w;

    if (window_unpack(&in, &w)) {
        window_settle(&w, 1000 * CLOCK_DAY);
        for (int i = 0; i < 100; i++)
            window_add(&w, 1000 * CLOCK_DAY + i * CLOCK_MINUTE, 1, 1);
        window_pack(&w, &out);
        assert(!out.full);
    }
    window_free(&w);
    text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size};

    check_hour(in);
    check_contacts(in);
    check_failures(in);
    check_window(in);
    return 0;
}
