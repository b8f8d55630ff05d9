#include "serve/proxy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sockaddr_storage from;
    size_t used;
    bool local;

    if (proxy_parse((struct span){(const char *)data, size}, &used, &from, &local) == PROXY_DONE &&
        (used > size || used > PROXY_MAX))
        abort();
    return 0;
}
