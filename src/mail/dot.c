#include "mail/dot.h"

#include "mail/utf8.h"

#include <assert.h>
#include <string.h>

static struct span between(const char *from, const char *to)
{
    return (struct span){from, (size_t)(to - from)};
}

/* --- decoder */

void dot_decoder_init(struct dot_decoder *d, dot_out *out, void *arg)
{
    *d = (struct dot_decoder){.place = DOT_START, .out = out, .arg = arg};
}

static void give(struct dot_decoder *d, struct span bytes)
{
    if (!bytes.len)
        return;
    d->size += bytes.len;
    if (!d->eight_bit)
        d->eight_bit = utf8_high(bytes);
    if (!d->refused)
        d->refused = !d->out(d->arg, bytes);
}

static void add_to_line(struct dot_decoder *d, size_t n)
{
    d->line += n;
    if (d->line > d->longest)
        d->longest = d->line;
}

/* Does a CR stand in [from, to) that is not the last byte there? */
static bool inner_cr(const char *from, const char *to)
{
    return to - from > 1 && memchr(from, '\r', (size_t)(to - from) - 1);
}

/* Reads to the end of the line or of the bytes; returns where it stopped. Nothing is taken out
 * here, so the caller's run of output goes on. */
static const char *decode_line(struct dot_decoder *d, const char *at, const char *end)
{
    const char *nl = memchr(at, '\n', (size_t)(end - at));
    const char *stop = nl ? nl : end;
    bool cr = stop > at ? stop[-1] == '\r' : d->place == DOT_CR; /* right before stop */

    if ((d->place == DOT_CR && stop > at) || inner_cr(at, stop) || (nl && !cr))
        d->bare = true;
    add_to_line(d, (size_t)(stop - at) - (stop > at && cr));
    if (!nl) {
        d->place = cr ? DOT_CR : DOT_TEXT;
        return end;
    }
    /* After an LF alone no line begins: a dot there is a dot. */
    d->place = cr ? DOT_START : DOT_TEXT;
    if (cr)
        d->line = 0;
    return nl + 1;
}

/* One byte behind the dot that began a line. Returns whether it was used up. */
static bool decode_behind_dot(struct dot_decoder *d, char c)
{
    if (d->place == DOT_DOT) {
        d->place = c == '\r' ? DOT_DOT_CR : DOT_TEXT;
        return c == '\r';
    }
    if (c == '\n') {
        d->place = DOT_ENDED;
        return true;
    }
    d->bare = true;
    d->place = DOT_TEXT;
    give(d, SPAN("\r"));
    return false;
}

bool dot_decode(struct dot_decoder *d, struct span *in)
{
    const char *at = in->at, *end = in->at + in->len;
    const char *run = at; /* content from here to `at` was not given out yet */

    assert(d->place != DOT_ENDED);
    while (at < end && d->place != DOT_ENDED) {
        if (d->place == DOT_START && *at == '.') {
            give(d, between(run, at));
            run = ++at;
            d->place = DOT_DOT;
        } else if (d->place == DOT_DOT || d->place == DOT_DOT_CR) {
            at += decode_behind_dot(d, *at);
            run = at;
        } else {
            at = decode_line(d, at, end);
        }
    }
    give(d, between(run, at));
    *in = between(at, end);
    return d->place == DOT_ENDED;
}

/* --- encoder */

void dot_encoder_init(struct dot_encoder *e, dot_out *out, void *arg)
{
    *e = (struct dot_encoder){.place = DOT_START, .out = out, .arg = arg};
}

static bool put(struct dot_encoder *e, struct span bytes)
{
    return !bytes.len || e->out(e->arg, bytes);
}

/* A CR was held back at the end of the last bytes. With an LF behind it, it was half a line end;
 * else it stood alone and becomes one. Returns how many bytes were used up. */
static size_t encode_after_cr(struct dot_encoder *e, char c, bool *ok)
{
    *ok = put(e, SPAN("\r\n"));
    e->place = DOT_START;
    return c == '\n';
}

/* Writes text without any LF from `at` to `stop`; CRs that stand in it alone become CR LF. */
static bool encode_text(struct dot_encoder *e, const char *at, const char *stop)
{
    while (at < stop) {
        const char *cr = memchr(at, '\r', (size_t)(stop - at));
        const char *to = cr ? cr : stop;

        if (e->place == DOT_START && *at == '.' && !put(e, SPAN(".")))
            return false;
        if (!put(e, between(at, to)) || (cr && !put(e, SPAN("\r\n"))))
            return false;
        e->place = cr ? DOT_START : DOT_TEXT;
        at = cr ? cr + 1 : stop;
    }
    return true;
}

/* The next line that holds nothing to change goes out with its neighbours in one piece; this is the
 * end of such a run: the first byte of a line that must be changed, or `end`. */
static const char *clean_run(const char *at, const char *end)
{
    while (at < end && *at != '.') {
        const char *nl = memchr(at, '\n', (size_t)(end - at));

        if (!nl || nl == at || nl[-1] != '\r' || inner_cr(at, nl))
            return at;
        at = nl + 1;
    }
    return at;
}

/* One line, or what there is of it. */
static bool encode_line(struct dot_encoder *e, const char **at, const char *end)
{
    const char *from = *at, *nl = memchr(from, '\n', (size_t)(end - from));
    const char *stop = nl ? nl : end;
    bool cr = stop > from && stop[-1] == '\r';

    *at = nl ? nl + 1 : end;
    if (!encode_text(e, from, cr ? stop - 1 : stop))
        return false;
    if (!nl) {
        e->place = cr ? DOT_CR : e->place; /* what it is the next bytes tell */
        return true;
    }
    e->place = DOT_START;
    return put(e, SPAN("\r\n"));
}

bool dot_encode(struct dot_encoder *e, struct span bytes)
{
    const char *at = bytes.at, *end = bytes.at + bytes.len;
    bool ok = true;

    while (ok && at < end) {
        if (e->place == DOT_CR) {
            at += encode_after_cr(e, *at, &ok);
        } else if (e->place == DOT_START) {
            const char *to = clean_run(at, end);

            ok = put(e, between(at, to));
            at = to;
            if (ok && at < end)
                ok = encode_line(e, &at, end);
        } else {
            ok = encode_line(e, &at, end);
        }
    }
    return ok;
}

bool dot_encode_end(struct dot_encoder *e)
{
    if (e->place != DOT_START && !put(e, SPAN("\r\n")))
        return false;
    e->place = DOT_ENDED;
    return put(e, SPAN(".\r\n"));
}
