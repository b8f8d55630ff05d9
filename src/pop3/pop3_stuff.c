#include "pop3/pop3_stuff.h"

#include <string.h>

void pop3_stuff_add(struct pop3_stuff *s, struct span bytes, struct text *out)
{
    const char *at = bytes.at, *end = bytes.at + bytes.len;

    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        const char *stop = lf ? lf : end;

        if (!s->inside && *at == '.')
            text_addc(out, '.');
        text_add(out, (struct span){at, (size_t)(stop - at)});
        if (stop > at)
            s->cr = stop[-1] == '\r';
        s->inside = !lf;
        if (lf)
            text_add(out, s->cr ? SPAN("\n") : SPAN("\r\n"));
        if (lf)
            s->cr = false;
        at = lf ? lf + 1 : end;
    }
}

void pop3_stuff_end(struct pop3_stuff *s, struct text *out)
{
    text_add(out, s->inside ? SPAN("\r\n.\r\n") : SPAN(".\r\n"));
}
