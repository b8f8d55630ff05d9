#include "zone/tags.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool tags_version(struct span text, const char *version)
{
    struct span v = span_of(version), rest = span_from(text, v.len);

    return span_istarts(text, v) && (!rest.len || is_blank(rest.at[0]) || rest.at[0] == ';');
}

bool tags_get(struct span text, const char *name, struct span *value)
{
    struct span rest = text, tag, key;

    while (text.len && span_cut(&rest, ';', &tag)) {
        struct span after = tag;

        if (span_cut(&after, '=', &key) && after.at && span_iis(span_trim(key), name)) {
            *value = span_trim(after);
            return true;
        }
    }
    return false;
}

static bool next(struct span *s, char *c)
{
    while (s->len && is_blank(s->at[0]))
        *s = span_from(*s, 1);
    if (!s->len)
        return false;
    *c = s->at[0];
    *s = span_from(*s, 1);
    return true;
}

bool tags_same(struct span a, struct span b)
{
    char x = 0, y = 0;

    for (;;) {
        bool more = next(&a, &x);

        if (more != next(&b, &y))
            return false;
        if (!more)
            return true;
        if (x != y)
            return false;
    }
}
