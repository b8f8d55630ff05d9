/* BDAT (RFC 3030 section 2): "BDAT" SP chunk-size [SP "LAST"], and then that many octets, which are
 * content whatever they look like. They have to be read also when they are refused, else they would
 * be obeyed.
 *
 * Without BINARYMIME the content is lines. Some clients send lines that end in LF alone; they are
 * made CR LF here, so that what is stored looks the same to every server after us (P11). */
#include "smtp/server_session.h"

#include "base/clock.h"
#include "mail/utf8.h"

#include <errno.h>

/* What one BDAT has to do with its octets. */
enum fate {
    KEEP,
    SKIP,    /* and then refuse */
    REFUSED, /* skip; the answer is given */
};

/* A lone CR or LF becomes CR LF. A CR at the end is passed on at once and its LF is owed. */
static void add_strict(struct server_session *s, struct span bytes)
{
    size_t from = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.at[i];

        if (c != '\n' && s->chunk_cr) {
            server_body_add(s, (struct span){bytes.at + from, i - from});
            server_body_add(s, SPAN("\n"));
            from = i;
        } else if (c == '\n' && !s->chunk_cr) {
            server_body_add(s, (struct span){bytes.at + from, i - from});
            server_body_add(s, SPAN("\r\n"));
            from = i + 1;
        }
        s->chunk_cr = c == '\r';
    }
    server_body_add(s, span_from(bytes, from));
    s->chunk_open = bytes.at[bytes.len - 1] != '\n';
    if (utf8_high(bytes))
        s->transaction.envelope.need |= NEED_8BIT;
}

/* The last line gets its end. */
static void end_strict(struct server_session *s)
{
    if (s->chunk_cr)
        server_body_add(s, SPAN("\n"));
    else if (s->chunk_open)
        server_body_add(s, SPAN("\r\n"));
    s->chunk_cr = s->chunk_open = false;
}

/* Reads the octets of a chunk: into the message, or to nowhere. False: the session has ended. */
static bool read_chunk(struct server_session *s, uint64_t size, bool keep)
{
    while (size) {
        struct span bytes;

        if (!server_wait_bytes(s, server_body_until(s), &bytes))
            return false;
        if (bytes.len > size)
            bytes.len = (size_t)size;
        if (keep)
            add_strict(s, bytes);
        line_used(&s->lines, bytes.len);
        size -= bytes.len;
    }
    return true;
}

static enum fate fate_of(struct server_session *s)
{
    if (s->state == SERVER_CHUNKS)
        return KEEP;
    s->body_until = clock_now() + s->settings->times.body;
    if (s->state != SERVER_RCPT)
        return SKIP;
    s->chunk_cr = s->chunk_open = false;
    s->transaction.chunked = true;
    if (!server_body_begin(s))
        return REFUSED;
    server_session_enter(s, SERVER_CHUNKS);
    return KEEP;
}

static void out_of_order(struct server_session *s)
{
    if (s->state == SERVER_MAIL && s->recipients_refused)
        server_reply_say(s, 554, "5.5.1", "No valid recipients");
    else
        server_reply_say(s, 503, "5.5.1", "BDAT comes after MAIL FROM and RCPT TO");
}

static void conclude(struct server_session *s, const struct params_bdat *chunk)
{
    if (chunk->last)
        end_strict(s);
    if (chunk->last || server_body_lost(s))
        server_body_end(s);
    else
        server_reply_say(s, 250, "2.0.0", "%llu octets read", (unsigned long long)chunk->size);
}

void server_bdat_take(struct server_session *s, struct span args)
{
    struct span rest = args.len ? (struct span){args.at - 1, args.len + 1} : args; /* its blank */
    struct params_bdat chunk = {0};
    struct error e = {0};
    enum fate fate;

    if (params_bdat(rest, &chunk, &e) != PARAMS_OK) {
        server_mail_bad_params(s, PARAMS_SYNTAX, &e);
        server_session_end(s, -EPROTO); /* nobody knows where the next command begins */
        return;
    }
    fate = fate_of(s);
    if (!read_chunk(s, chunk.size, fate == KEEP))
        return;
    if (fate == KEEP)
        conclude(s, &chunk);
    else if (fate == SKIP)
        out_of_order(s);
}
