/* maildir_sizes: what was read of files whose names do not tell how long they are when they are
 * sent, so that the next list need not read them again. Kept in the file "port26-sizes" of the
 * account's folder, where it is nobody's message; it may be lost or removed at any time.
 *
 *     port26-sizes 1
 *     1050 1024 1763856000.M1P2.mx      octets as sent, octets of the file, key; in a list's order
 *
 * A file of a Maildir never changes, so its key stands for what is in it. Where one did change all
 * the same, maildir_sizes_forget is called. */
#ifndef PORT26_MAILDIR_MAILDIR_SIZES_H
#define PORT26_MAILDIR_MAILDIR_SIZES_H

#include "base/text.h"
#include "maildir/maildir_parts.h"

enum { MAILDIR_SIZES_MAX = 128 << 20 }; /* octets of the file; a larger one is not believed */

/* One list: asked and told in its order. */
struct maildir_sizes {
    struct text known; /* the file */
    struct text now;   /* what it should be */
    struct span rest;  /* of known: lines behind the one at hand */
    struct maildir_entry at;
    uint64_t octets, size; /* of the line at hand */
    bool ended;            /* there is none */
    size_t lines, noted, fresh;
};

/* Begins with the file's text in s->known, all else zeroed; maildir_sizes_end frees. */
void maildir_sizes_begin(struct maildir_sizes *s);
/* Is the message's line there? */
bool maildir_sizes_find(struct maildir_sizes *s, const struct maildir_entry *e, uint64_t *octets,
                        uint64_t *size);
/* What the next list shall find; fresh: it was read now. */
void maildir_sizes_note(struct maildir_sizes *s, const struct maildir_entry *e, uint64_t octets,
                        uint64_t size, bool fresh);
/* Is it worth writing? Else few files are read again. */
bool maildir_sizes_changed(const struct maildir_sizes *s);
void maildir_sizes_end(struct maildir_sizes *s);

/* Begins with what is kept in the Maildir. */
void maildir_sizes_load(struct maildir_sizes *s, const struct maildir *m);
/* Keeps it, when it is worth it, and ends. Errors only cost time at the next list. */
void maildir_sizes_store(struct maildir_sizes *s, const struct maildir *m);
void maildir_sizes_forget(const struct maildir *m);

#endif
