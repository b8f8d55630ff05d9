#include "maildir/maildir_name.h"

#include "base/id.h"
#include "maildir/maildir.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { UID_HEAD = 48, DIGITS = 18 };

static size_t digits(struct span s)
{
    size_t n = 0;

    while (n < s.len && s.at[n] >= '0' && s.at[n] <= '9')
        n++;
    return n;
}

static int64_t seconds(struct span key)
{
    uint64_t value = 0;
    size_t n = digits(key);

    return n <= DIGITS && span_u64(span_head(key, n), INT64_MAX, &value) ? (int64_t)value : 0;
}

/* "<seconds>.<id>_<number>.<host>": see deliver/inbox.c. */
static bool is_ours(struct span key)
{
    struct span rest = span_from(key, digits(key));
    struct id id;

    return rest.len > ID_TEXT + 2 && rest.at[0] == '.' && rest.at[ID_TEXT + 1] == '_' &&
           id_parse((struct span){rest.at + 1, ID_TEXT}, &id);
}

static void read_field(struct maildir_name *out, struct span field)
{
    uint64_t value;

    if (field.len < 3 || field.at[1] != '=' ||
        !span_u64(span_from(field, 2), INT64_MAX / 4, &value))
        return;
    if (field.at[0] == 'S') {
        out->has_size = true;
        out->size = value;
    } else if (field.at[0] == 'W') {
        out->has_vsize = true;
        out->vsize = value;
    }
}

void maildir_name_read(struct span name, struct maildir_name *out)
{
    ptrdiff_t colon = span_find(name, ':');
    struct span rest = colon < 0 ? name : span_head(name, (size_t)colon), field;

    *out = (struct maildir_name){0};
    span_cut(&rest, ',', &out->key);
    out->seconds = seconds(out->key);
    while (span_cut(&rest, ',', &field))
        read_field(out, field);
    if (!out->has_size || out->vsize < out->size || out->vsize > 2 * out->size)
        out->has_vsize = false;
    out->ours = is_ours(out->key);
}

static bool printable(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < '!' || s.at[i] > '~')
            return false;
    return true;
}

/* FNV-1a: names are made by programs, not by peers who look for collisions. */
static uint64_t hash(struct span s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.at[i]) * UINT64_C(0x100000001b3);
    return h;
}

struct span maildir_name_uid(struct arena *a, struct span key)
{
    char *uid;

    if (key.len && key.len <= MAILDIR_UID_MAX && printable(key))
        return key;
    uid = arena_printf(a, "%.*s~%016" PRIx64, (int)(key.len < UID_HEAD ? key.len : UID_HEAD),
                       key.len ? key.at : "", hash(key));
    for (char *c = uid; *c; c++)
        if (*c < '!' || *c > '~')
            *c = '_';
    return span_of(uid);
}
