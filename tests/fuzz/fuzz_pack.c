/* Records of the store as an attacker of the disk would write them: with a good seal. */
#include "store/crc64.h"
#include "store/pack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *record = malloc(size + 8);
    struct span s = {record, size + 8};
    uint64_t crc = crc64_add(0, (struct span){(const char *)data, size});
    struct arena *a = arena_new();
    struct store_head head;
    struct store_recipient recipient;
    struct store_event event;
    struct store_account account;
    struct store_host host;
    struct store_domain domain;
    struct store_alias alias;
    struct pack_body body;
    struct span value;

    if (!record)
        abort();
    if (size)
        memcpy(record, data, size);
    for (int i = 0; i < 8; i++)
        record[size + (size_t)i] = (char)(crc >> (8 * i));
    pack_read_head(s, a, &head, &body);
    pack_read_recipient(s, a, &recipient);
    pack_read_event(s, a, &event);
    pack_read_account(s, a, &account);
    pack_read_host(s, &host);
    pack_read_domain(s, a, &domain);
    pack_read_alias(s, a, &alias);
    pack_read_value(s, &value);
    arena_free(&a);
    free(record);
    return 0;
}
