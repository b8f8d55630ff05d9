/* crc64: the checksum by which a stored record proves itself whole (R3). CRC-64 of ECMA-182,
 * reflected, as in xz. It guards against disks, not against people: whoever can write the store can
 * write the checksum too (docs/why/store.md). */
#ifndef PORT26_STORE_CRC64_H
#define PORT26_STORE_CRC64_H

#include "base/span.h"

/* Goes on from `crc` (0 at the start). */
uint64_t crc64_add(uint64_t crc, struct span s);

#endif
