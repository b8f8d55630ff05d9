/* A stranger's SPF and DMARC records: any bytes are a record or none, and answering for them takes
 * a bounded number of questions. */
#include "dns/dns_fake.h"
#include "route/path.h"
#include "route/spf.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    struct spf_record *r = malloc(sizeof *r);
    char *record = malloc(size + 1);
    struct sockaddr_storage a;

    memcpy(record, data, size);
    record[size] = '\0';
    if (spf_parse(text, r)) {
        assert(r->count <= SPF_TERMS);
        for (size_t i = 0; i < r->count; i++)
            assert(r->term[i].bits4 <= 32 && r->term[i].bits6 <= 128 &&
                   r->term[i].domain.len <= size);
    }
    assert(strlen(spf_dmarc_policy(text)) <= 10);
    if (path_literal(SPAN("192.0.2.1"), &a) && size < 200) {
        struct dns_fake_row rows[] = {{"x.example", DNS_TXT, DNS_OK, record},
                                      {"x.example", DNS_A, DNS_OK, "192.0.2.7"},
                                      {"x.example", DNS_MX, DNS_OK, "10 x.example"},
                                      {0}};
        struct dns *d = dns_fake(rows);

        (void)spf_check(d, SPAN("x.example"), &a, 1, 0);
        assert(dns_fake_asked(d) <= 3 * 11 * (SPF_QUESTIONS + 2));
        dns_free(&d);
    }
    free(record);
    free(r);
    return 0;
}
