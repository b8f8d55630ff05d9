/* wire: one description of a record serves both ways: the same visit function writes it and reads
 * it, so the two can not drift. Integers are little-endian, spans carry a 32-bit length. Reading
 * trusts nothing: anything out of bounds sets `bad` and yields zeros and empty spans; spans read
 * point into the input. */
#ifndef PORT26_POST_WIRE_H
#define PORT26_POST_WIRE_H

#include "base/arena.h"
#include "base/text.h"

struct wire {
    struct text *out;    /* writing when set */
    struct span in;      /* reading: what is left */
    struct arena *arena; /* reading: where arrays live */
    bool bad;
};

void wire_u8(struct wire *p, uint8_t *v);
void wire_u16(struct wire *p, uint16_t *v);
void wire_u32(struct wire *p, uint32_t *v);
void wire_u64(struct wire *p, uint64_t *v);
void wire_i64(struct wire *p, int64_t *v);
void wire_bool(struct wire *p, bool *v);
void wire_span(struct wire *p, struct span *v);
/* Exactly n raw bytes. */
void wire_bytes(struct wire *p, void *at, size_t n);
/* An enum kept in an int-sized variable; values above max are bad. */
void wire_enum(struct wire *p, unsigned *v, unsigned max);
/* The count of an array of `size`-byte elements: writing writes *n; reading reads *n (at most max,
 * and not more than the bytes left could hold), and allocates zeroed elements in the arena. Returns
 * the array to visit (`have` when writing). */
void *wire_array(struct wire *p, size_t *n, size_t max, void *have, size_t size);
/* After reading: everything was there and nothing is left over. */
bool wire_whole(const struct wire *p);

#endif
