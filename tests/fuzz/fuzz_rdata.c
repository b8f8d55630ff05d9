/* The bytes of DNS records: the first byte chooses the reader, what it says must hold. */
#include "dns/rdata.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_host(const char *host)
{
    if (host[0] && !rdata_name_ok(span_of(host)))
        abort();
}

static void read_record(int kind, struct span rdata)
{
    struct rdata_mx mx;
    struct rdata_srv srv;
    struct sockaddr_storage address;
    struct text text = TEXT_INIT(1024);
    char host[RDATA_NAME];

    switch (kind) {
    case 0:
        if (rdata_host(rdata, host))
            check_host(host);
        break;
    case 1:
        if (rdata_mx(rdata, &mx))
            check_host(mx.host);
        break;
    case 2:
        if (rdata_srv(rdata, &srv))
            check_host(srv.host);
        break;
    case 3:
        if (rdata_txt(rdata, &text) && text.len >= rdata.len)
            abort();
        break;
    case 4:
        if (rdata_address(rdata, &address) && rdata.len != 4 && rdata.len != 16)
            abort();
        break;
    default:
        rdata_name_ok(rdata);
    }
    text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    read_record(data[0] % 6, (struct span){(const char *)data + 1, size - 1});
    return 0;
}
