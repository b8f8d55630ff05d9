/* Any reply has a meaning, and the words for it are one safe line. The first byte of the input is
 * the stage, the next the code. */
#include "mail/cause.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cause_event ev = {.stage = STAGE_NONE};
    struct outcome o = {.kind = OUTCOME_NEVER};
    struct arena *a;

    if (size < 4)
        return 0;
    a = arena_new();
    ev.stage = (enum stage)(data[0] % (STAGE_INBOX + 1));
    ev.reply.code = (unsigned short)(400 + data[1] % 200);
    ev.reply.enhanced = (struct enhanced){5, data[2] % 8, data[3]};
    ev.reply.text = (struct span){(const char *)data + 4, size - 4};
    ev.host = ev.domain = ev.details = ev.reply.text;
    assert(cause_of(&ev) != CAUSE_NONE);
    cause_explain(&ev, &o, a);
    assert(o.words.len && o.status.class == 5);
    for (size_t i = 0; i < o.words.len; i++)
        assert((unsigned char)o.words.at[i] >= ' ' && o.words.at[i] != 0x7f);
    arena_free(&a);
    return 0;
}
