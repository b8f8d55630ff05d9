/* AUTH exchanges: the first byte chooses mechanism and binding, the rest are lines. A line that
 * starts with '!' is sent as it is, others are encoded first, so that the fuzzer gets behind
 * base64. */
#include "sasl/base64.h"
#include "sasl/sasl_server.h"

#include <stdlib.h>

static int check(void *arg, struct span name, struct span password)
{
    (void)arg;
    if (!name.len || name.len > SASL_NAME_MAX || !password.len || span_find(name, '\0') >= 0)
        abort();
    return (int)(name.len % 3) - 1;
}

static int verifier(void *arg, struct span name, struct scram_verifier *out)
{
    (void)arg;
    *out = (struct scram_verifier){.iterations = SCRAM_ITERATIONS, .salt_len = SCRAM_SALT};
    return (int)(name.len % 3) - 1;
}

static const struct sasl_server_calls calls = {check, verifier};

static void talk(struct sasl_server *s, struct span lines)
{
    struct text challenge = TEXT_INIT(SASL_LINE_MAX), line = TEXT_INIT(2 * SASL_LINE_MAX);
    struct span piece;
    enum sasl_step r = SASL_MORE;
    while (r == SASL_MORE && span_cut(&lines, '\n', &piece)) {
        text_clear(&line);
        if (span_starts(piece, SPAN("!")))
            text_add(&line, span_from(piece, 1));
        else
            base64_encode(piece, &line);
        r = sasl_server_step(s, text_span(&line), &challenge);
        if (r != SASL_MORE && challenge.len)
            abort();
        if (r == SASL_OK && !sasl_server_name(s).len)
            abort();
    }
    text_free(&challenge);
    text_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct span names[] = {SPAN("PLAIN"), SPAN("LOGIN"), SPAN("SCRAM-SHA-256"),
                                        SPAN("SCRAM-SHA-256-PLUS")};
    struct sasl_server_config c = {.calls = &calls, .fake_secret = SPAN("0123456789abcdef")};
    if (!size)
        return 0;
    c.binding.there = data[0] & 4;
    struct sasl_server *s = sasl_server_start(names[data[0] & 3], &c);
    if (s)
        talk(s, (struct span){(const char *)data + 1, size - 1});
    sasl_server_free(&s);
    return 0;
}
