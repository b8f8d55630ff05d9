/* Names, maildirsize and port26-sizes come from whatever other programs leave in a folder. The
 * first line is a name, the rest either of the files. */
#include "base/memory.h"
#include "maildir/maildir.h"
#include "maildir/maildir_name.h"
#include "maildir/maildir_sizes.h"
#include "maildir/maildirsize.h"
#include "maildir/vsize.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_name(struct span name)
{
    struct arena *a = arena_new();
    struct maildir_name n, again;
    struct span uid;

    maildir_name_read(name, &n);
    assert(n.key.len <= name.len && n.seconds >= 0);
    assert(!n.has_vsize || (n.has_size && n.vsize >= n.size && n.vsize <= 2 * n.size));
    maildir_name_read(n.key, &again);
    assert(span_eq(n.key, again.key) && n.seconds == again.seconds && n.ours == again.ours);
    uid = maildir_name_uid(a, n.key);
    assert(uid.len >= 1 && uid.len <= MAILDIR_UID_MAX);
    for (size_t i = 0; i < uid.len; i++)
        assert(uid.at[i] >= '!' && uid.at[i] <= '~');
    arena_free(&a);
}

static void try_size(struct span text)
{
    struct text out = TEXT_INIT(text.len + 100);
    struct maildirsize m, again;

    if (!maildirsize_parse(text, &m))
        return;
    assert(m.octets >= 0 && m.messages >= 0);
    maildirsize_write(&out, &m);
    assert(maildirsize_parse(text_span(&out), &again));
    assert(again.octets == m.octets && again.messages == m.messages &&
           span_eq(again.quota, m.quota));
    text_free(&out);
}

/* The text as "port26-sizes", asked for what its own lines name. */
static void try_known(struct span text)
{
    struct maildir_sizes s = {.known = TEXT_INIT(text.len + 100)};
    struct span line = SPAN_NONE;
    uint64_t octets = 0, size = 0;

    text_adds(&s.known, "port26-sizes 1\n");
    text_add(&s.known, text);
    maildir_sizes_begin(&s);
    while (span_cut(&text, '\n', &line)) {
        struct span key = line;
        struct maildir_name n;
        struct maildir_entry e;

        span_word(&key);
        span_word(&key);
        maildir_name_read(span_from(key, key.len > 0), &n);
        e = (struct maildir_entry){.key = n.key, .seconds = n.seconds};
        if (maildir_sizes_find(&s, &e, &octets, &size))
            assert(octets >= size && octets <= 2 * size + 2);
        maildir_sizes_note(&s, &e, octets, size, true);
    }
    maildir_sizes_changed(&s);
    maildir_sizes_end(&s);
}

/* However the octets are cut, they count the same. */
static void try_count(struct span s)
{
    struct vsize whole = {0}, cut = {0};

    vsize_add(&whole, s);
    vsize_add(&cut, span_head(s, s.len / 3));
    vsize_add(&cut, span_from(s, s.len / 3));
    assert(vsize_sent(&whole) == vsize_sent(&cut) && vsize_sent(&whole) >= s.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size}, name = SPAN_NONE;

    try_count(rest);
    if (span_cut(&rest, '\n', &name)) {
        try_name(name);
        try_size(rest);
        try_known(rest);
    }
    return 0;
}
