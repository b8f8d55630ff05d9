#include "base/id.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

void id_random(void *at, size_t n)
{
    unsigned char *p = at;

    while (n) {
        ssize_t got = getrandom(p, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fprintf(stderr, "port26: the system gives no random bytes: %s\n", strerror(errno));
            abort();
        }
        p += got;
        n -= (size_t)got;
    }
}

struct id id_new(void)
{
    static struct id last;
    struct id id;
    uint64_t ms = (uint64_t)clock_wall();

    id_random(id.byte + 6, ID_BYTES - 6);
    for (int i = 5; i >= 0; i--, ms >>= 8)
        id.byte[i] = (unsigned char)ms;
    if (memcmp(id.byte, last.byte, ID_BYTES) <=
        0) { /* same millisecond, or the clock went back: count on */
        id = last;
        for (int i = ID_BYTES - 1; i >= 0 && ++id.byte[i] == 0; i--)
            ;
    }
    last = id;
    return id;
}

void id_text(const struct id *id, char buf[ID_TEXT + 1])
{
    unsigned bits = 0, held = 2; /* 26 digits have 130 bits: the first two are 0 */
    char *to = buf;

    for (int i = 0; i < ID_BYTES; i++) {
        bits = bits << 8 | id->byte[i];
        for (held += 8; held >= 5; held -= 5)
            *to++ = digits[bits >> (held - 5) & 31];
    }
    *to = '\0';
}

bool id_parse(struct span s, struct id *out)
{
    *out = (struct id){{0}};
    if (s.len != ID_TEXT)
        return false;
    for (int i = 0; i < ID_TEXT; i++) {
        char c = s.at[i] >= 'A' && s.at[i] <= 'Z' ? (char)(s.at[i] + 32) : s.at[i];
        const char *p = c ? strchr(digits, c) : NULL;
        int low = 125 - 5 * i;

        if (!p || (i == 0 && p - digits > 7))
            return false;
        for (int b = 0; b < 5; b++)
            if ((p - digits) >> b & 1)
                out->byte[15 - (low + b) / 8] |= (unsigned char)(1 << ((low + b) % 8));
    }
    return true;
}

bool id_eq(const struct id *a, const struct id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

struct span id_span(const struct id *id)
{
    return (struct span){(const char *)id->byte, ID_BYTES};
}
