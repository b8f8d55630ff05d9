#include "conf/rate.h"

enum { MOST = 1000 * 1000 * 1000 };

static uint32_t *field_of(char unit, struct rate *r)
{
    return unit == 'h' ? &r->hour : unit == 'd' ? &r->day : NULL;
}

bool rate_parse(struct span s, struct rate *out)
{
    struct rate r = {0};
    struct span rest = span_trim(s), piece, number;
    uint64_t n;

    if (!rest.len)
        rest = SPAN_NONE;
    while (span_cut(&rest, ',', &piece)) {
        uint32_t *field;

        piece = span_trim(piece);
        if (!span_cut(&piece, '/', &number) || piece.len != 1)
            return false;
        field = field_of(piece.at[0], &r);
        if (!field || *field || !span_u64(span_trim(number), MOST, &n) || !n)
            return false;
        *field = (uint32_t)n;
    }
    *out = r;
    return true;
}

void rate_text(const struct rate *r, struct text *out)
{
    if (r->hour)
        text_addf(out, "%u/h", r->hour);
    if (r->day)
        text_addf(out, "%s%u/d", r->hour ? ", " : "", r->day);
}
