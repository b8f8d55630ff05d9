#include "store/crc64.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>

/* Slicing by 8: table[k][b] is byte b followed by k zero bytes, so that eight bytes cost eight
 * look-ups that do not wait for one another. */
static uint64_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill(void)
{
    for (uint64_t b = 0; b < 256; b++) {
        uint64_t c = b;

        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? (c >> 1) ^ UINT64_C(0xc96c5795d7870f42) : c >> 1;
        table[0][b] = c;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++)
            table[k][b] = (table[k - 1][b] >> 8) ^ table[0][table[k - 1][b] & 0xff];
}

static uint64_t eight(uint64_t c, const unsigned char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof word);
    c ^= le64toh(word);
    return table[7][c & 0xff] ^ table[6][c >> 8 & 0xff] ^ table[5][c >> 16 & 0xff] ^
           table[4][c >> 24 & 0xff] ^ table[3][c >> 32 & 0xff] ^ table[2][c >> 40 & 0xff] ^
           table[1][c >> 48 & 0xff] ^ table[0][c >> 56];
}

uint64_t crc64_add(uint64_t crc, struct span s)
{
    const unsigned char *p = (const unsigned char *)s.at;
    uint64_t c = ~crc;

    pthread_once(&once, fill);
    for (; s.len >= 8; s.len -= 8, p += 8)
        c = eight(c, p);
    for (; s.len; s.len--, p++)
        c = (c >> 8) ^ table[0][(c ^ *p) & 0xff];
    return ~c;
}
