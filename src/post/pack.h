/* pack: one description of a record serves both ways: the same visit function writes it and reads
 * it, so the two can not drift. Integers are little-endian, spans carry a 32-bit length. Reading
 * trusts nothing: anything out of bounds sets `bad` and yields zeros and empty spans; spans read
 * point into the input. */
#ifndef PORT26_POST_PACK_H
#define PORT26_POST_PACK_H

#include "base/arena.h"
#include "base/text.h"

struct pack {
    struct text *out;    /* writing when set */
    struct span in;      /* reading: what is left */
    struct arena *arena; /* reading: where arrays live */
    bool bad;
};

void pack_u8(struct pack *p, uint8_t *v);
void pack_u16(struct pack *p, uint16_t *v);
void pack_u32(struct pack *p, uint32_t *v);
void pack_u64(struct pack *p, uint64_t *v);
void pack_i64(struct pack *p, int64_t *v);
void pack_bool(struct pack *p, bool *v);
void pack_span(struct pack *p, struct span *v);
/* Exactly n raw bytes. */
void pack_bytes(struct pack *p, void *at, size_t n);
/* An enum kept in an int-sized variable; values above max are bad. */
void pack_enum(struct pack *p, unsigned *v, unsigned max);
/* The count of an array of `size`-byte elements: writing writes *n; reading reads *n (at most max,
 * and not more than the bytes left could hold), and allocates zeroed elements in the arena. Returns
 * the array to visit (`have` when writing). */
void *pack_array(struct pack *p, size_t *n, size_t max, void *have, size_t size);
/* After reading: everything was there and nothing is left over. */
bool pack_whole(const struct pack *p);

#endif
