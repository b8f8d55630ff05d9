#include "dns/dns_fake.h"

#include "base/memory.h"
#include "base/text.h"
#include "dns/driver.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_MAX = 65535 };

struct dns_fake {
    struct dns dns; /* first member */
    const struct dns_fake_row *table;
    unsigned asked;
};

/* ---- from the words of the table to the bytes of the wire ---- */

static void add_u16(struct text *out, uint64_t n)
{
    text_addc(out, (char)(n >> 8));
    text_addc(out, (char)n);
}

static void add_name(struct text *out, struct span name)
{
    struct span label;

    if (span_is(name, "."))
        name = SPAN_NONE;
    while (span_cut(&name, '.', &label)) {
        text_addc(out, (char)label.len);
        text_add(out, label);
    }
    text_addc(out, 0);
}

/* `numbers` 16-bit numbers and a name. */
static void add_numbers_and_name(struct text *out, struct span data, int numbers)
{
    for (int i = 0; i < numbers; i++) {
        uint64_t n = 0;
        bool good = span_u64(span_word(&data), UINT16_MAX, &n);

        assert(good);
        (void)good;
        add_u16(out, n);
    }
    add_name(out, span_word(&data));
}

static void add_ip(struct text *out, int family, const char *data, size_t size)
{
    char byte[sizeof(struct in6_addr)];
    int good = inet_pton(family, data, byte);

    assert(good == 1);
    (void)good;
    text_add(out, (struct span){byte, size});
}

static void add_strings(struct text *out, struct span data)
{
    do {
        struct span piece = span_head(data, 255);

        text_addc(out, (char)piece.len);
        text_add(out, piece);
        data = span_from(data, piece.len);
    } while (data.len > 0);
}

static void add_hex(struct text *out, struct span hex)
{
    for (size_t i = 0; i + 1 < hex.len; i += 2)
        text_addc(out, (char)strtoul((char[]){hex.at[i], hex.at[i + 1], '\0'}, NULL, 16));
}

static bool is_secure(const struct dns_fake_row *row)
{
    return row->data && row->data[0] == '!';
}

static void encode(const struct dns_fake_row *row, struct text *out)
{
    const char *words = row->data + is_secure(row);
    struct span data = span_of(words);

    if (span_starts(data, SPAN("#"))) {
        add_hex(out, span_from(data, 1));
        return;
    }
    switch (row->type) {
    case DNS_A:
        add_ip(out, AF_INET, words, sizeof(struct in_addr));
        break;
    case DNS_AAAA:
        add_ip(out, AF_INET6, words, sizeof(struct in6_addr));
        break;
    case DNS_MX:
        add_numbers_and_name(out, data, 1);
        break;
    case DNS_SRV:
        add_numbers_and_name(out, data, 3);
        break;
    case DNS_CNAME:
    case DNS_PTR:
        add_numbers_and_name(out, data, 0);
        break;
    case DNS_TXT:
    case DNS_TLSA:
        add_strings(out, data);
        break;
    }
}

/* ---- answering ---- */

static void add_record(const struct dns_fake_row *row, struct dns_lookup *l, struct arena *a)
{
    struct text bytes = TEXT_INIT(RECORD_MAX);

    if (l->count == DNS_RECORDS_MAX) {
        l->status.cut = true;
        return;
    }
    encode(row, &bytes);
    if (!l->rdata)
        l->rdata = arena_alloc(a, DNS_RECORDS_MAX * sizeof *l->rdata);
    l->rdata[l->count++] = arena_span(a, text_span(&bytes));
    text_free(&bytes);
}

static bool same_name(struct span asked, const char *name)
{
    if (span_ends(asked, SPAN(".")))
        asked.len--;
    return span_iis(asked, name);
}

static void answer(const struct dns_fake_row *table, struct dns_lookup *l, struct arena *a)
{
    l->status.result = DNS_NXDOMAIN;
    for (const struct dns_fake_row *row = table; row->name; row++) {
        if (!same_name(l->name, row->name))
            continue;
        if (row->type != l->type) {
            if (l->status.result == DNS_NXDOMAIN)
                l->status.result = DNS_NONE;
            continue;
        }
        l->status.result = row->result;
        l->status.secure = is_secure(row);
        if (row->result != DNS_OK)
            break;
        l->status.ttl = 300;
        add_record(row, l, a);
    }
    if (l->status.result != DNS_OK)
        l->status.why = span_of(dns_result_name(l->status.result));
}

static void query(struct dns *d, struct dns_lookup **lookups, size_t count, int64_t deadline,
                  struct arena *a)
{
    struct dns_fake *f = (struct dns_fake *)d;

    (void)deadline;
    f->asked += (unsigned)count;
    for (size_t i = 0; i < count; i++)
        answer(f->table, lookups[i], a);
}

static void free_fake(struct dns *d)
{
    free(d);
}

static const struct dns_driver fake_driver = {query, free_fake};

struct dns *dns_fake(const struct dns_fake_row *table)
{
    struct dns_fake *f = memory_alloc(sizeof *f);

    f->dns.driver = &fake_driver;
    f->table = table;
    return &f->dns;
}

unsigned dns_fake_asked(const struct dns *d)
{
    assert(d->driver == &fake_driver);
    return ((const struct dns_fake *)d)->asked;
}
