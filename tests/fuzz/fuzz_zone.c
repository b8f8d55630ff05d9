/* What strangers publish, compared with what we would: any bytes come to a verdict whose texts are
 * safe to show. The first byte tells the purpose, a NUL separates records. */
#include "zone/zone.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS = 8 };

static const struct span wanted[ZONE_PURPOSE_COUNT] = {
    [ZONE_MX] = SPAN("10 mail.test."),
    [ZONE_SPF] = SPAN("v=spf1 a:mail.test ~all"),
    [ZONE_DKIM] = SPAN("v=DKIM1; k=ed25519; p=AABB"),
    [ZONE_DMARC] = SPAN("v=DMARC1; p=none"),
    [ZONE_SERVICE] = SPAN("0 1 465 mail.test."),
    [ZONE_HOST] = SPAN("mail.test."),
    [ZONE_MTA_STS] = SPAN("v=STSv1; id=1"),
    [ZONE_TLS_REPORT] = SPAN("v=TLSRPTv1; rua=mailto:a@b.test"),
};

static void assert_safe(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        assert((unsigned char)s.at[i] >= 32 && s.at[i] != 127);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data + 1, size - 1}, list[RECORDS];
    struct zone_found found = {.data = list, .spf = SPF_FAIL, .address = SPAN("192.0.2.1")};
    struct text line = TEXT_INIT(1 << 20);
    struct arena *a = arena_new();
    struct zone_verdict v;
    struct zone_record r;

    if (size > 1 && size < 20000) {
        enum zone_purpose p = data[0] % ZONE_PURPOSE_COUNT;

        while (found.count < RECORDS && span_cut(&rest, '\0', &list[found.count]))
            found.count++;
        r = (struct zone_record){.purpose = p, .type = DNS_TXT, .data = wanted[p]};
        r.name = SPAN("b.test");
        zone_compare(&r, &found, a, &v);
        assert_safe(v.there);
        assert(v.state != ZONE_WRONG || v.words.len);
        r.data = v.publish;
        assert(zone_line(&r, &line));
        assert_safe(text_span(&line));
    }
    text_free(&line);
    arena_free(&a);
    return 0;
}
