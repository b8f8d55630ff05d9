/* rspamd's answer, whatever it holds: what goes into the header stays whole fields of ours. */
#include "serve/rspamd.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct rspamd_answer out;
    struct error e = {0};
    struct rspamd_question q = {SPAN("mx.here.example"), SPAN("a@far.example"), SPAN("far")};

    if (rspamd_read((struct span){(const char *)data, size}, &q, a, &out, &e) == 0) {
        struct span rest = out.fields, line;

        assert(span_starts(out.fields, SPAN("Authentication-Results: mx.here.example;")));
        assert(span_ends(out.fields, SPAN("\r\n")));
        while (span_cut(&rest, '\n', &line)) {
            if (!line.len && !rest.at)
                break;
            assert(span_ends(line, SPAN("\r")));
            assert(line.at[0] == ' ' || span_starts(line, SPAN("Authentication-Results: ")) ||
                   span_starts(line, SPAN("X-Spam")));
            for (size_t i = 0; i + 1 < line.len; i++)
                assert((unsigned char)line.at[i] >= ' ');
        }
        for (size_t i = 0; i < out.words.len; i++)
            assert((unsigned char)out.words.at[i] >= ' ');
    }
    arena_free(&a);
    return 0;
}
