/* Any text is explained: bounces by MIME, replies, log lines. What is shown must be harmless. */
#include "probe/explain.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < ' ' || s.at[i] == 127)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct explain_request q = {0};
    struct explain_result r;
    struct span text = {(const char *)data, size};

    if (size) {
        q.stage = (enum stage)(data[0] % (STAGE_INBOX + 1));
        q.program = (enum steps_program)(data[0] % PROGRAM_COUNT);
        text = span_from(text, 1);
    }
    explain_text(text, &q, &r, a);
    check(r.set.verdict.sentence);
    check(r.set.verdict.setting);
    for (size_t i = 0; i < r.set.verdict.step_count; i++)
        check(r.set.verdict.steps[i]);
    for (size_t i = 0; i < r.finding_count; i++)
        check(r.findings[i].words);
    arena_free(&a);
    return 0;
}
