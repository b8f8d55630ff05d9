#include "post/wire.h"

#include <assert.h>
#include <string.h>

void wire_bytes(struct wire *p, void *at, size_t n)
{
    if (p->out) {
        if (!text_add(p->out, (struct span){at, n}))
            p->bad = true;
    } else if (p->bad || p->in.len < n) {
        p->bad = true;
        memset(at, 0, n);
    } else {
        memcpy(at, p->in.at, n);
        p->in = span_from(p->in, n);
    }
}

/* All integers go through here: `width` bytes, lowest first. */
static uint64_t number(struct wire *p, uint64_t v, size_t width)
{
    unsigned char raw[8];

    for (size_t i = 0; i < width; i++)
        raw[i] = (unsigned char)(v >> (8 * i));
    wire_bytes(p, raw, width);
    v = 0;
    for (size_t i = 0; i < width; i++)
        v |= (uint64_t)raw[i] << (8 * i);
    return v;
}

void wire_u8(struct wire *p, uint8_t *v)
{
    *v = (uint8_t)number(p, *v, 1);
}

void wire_u16(struct wire *p, uint16_t *v)
{
    *v = (uint16_t)number(p, *v, 2);
}

void wire_u32(struct wire *p, uint32_t *v)
{
    *v = (uint32_t)number(p, *v, 4);
}

void wire_u64(struct wire *p, uint64_t *v)
{
    *v = number(p, *v, 8);
}

void wire_i64(struct wire *p, int64_t *v)
{
    *v = (int64_t)number(p, (uint64_t)*v, 8);
}

void wire_bool(struct wire *p, bool *v)
{
    uint8_t byte = *v;

    wire_u8(p, &byte);
    if (byte > 1)
        p->bad = true;
    *v = byte == 1;
}

void wire_enum(struct wire *p, unsigned *v, unsigned max)
{
    uint32_t n = *v;

    wire_u32(p, &n);
    if (n > max) {
        assert(!p->out);
        p->bad = true;
        n = 0;
    }
    *v = n;
}

void wire_span(struct wire *p, struct span *v)
{
    uint32_t n = (uint32_t)v->len;

    assert(!p->out || v->len <= UINT32_MAX);
    wire_u32(p, &n);
    if (p->out) {
        wire_bytes(p, (void *)(uintptr_t)v->at, v->len);
    } else if (p->bad || n > p->in.len) {
        p->bad = true;
        *v = SPAN_NONE;
    } else {
        *v = span_head(p->in, n);
        p->in = span_from(p->in, n);
    }
}

void *wire_array(struct wire *p, size_t *n, size_t max, void *have, size_t size)
{
    uint32_t count = (uint32_t)*n;

    assert(!p->out || *n <= max);
    wire_u32(p, &count);
    if (p->out)
        return have;
    if (p->bad || count > max || count > p->in.len) { /* every element takes a byte at least */
        p->bad = true;
        count = 0;
    }
    *n = count;
    return arena_alloc(p->arena, count * size);
}

bool wire_whole(const struct wire *p)
{
    return !p->bad && p->in.len == 0;
}
