/* store_parts: what the files of store.h share. For this folder only. */
#ifndef PORT26_STORE_STORE_PARTS_H
#define PORT26_STORE_STORE_PARTS_H

#include "base/arena.h"
#include "base/text.h"
#include "store/folder.h"
#include "store/store.h"
#include "store/store_driver.h"

#include <stdatomic.h>

/* Ids whose body files wait for the end of the transaction. */
struct ids {
    struct id *id;
    size_t count, cap;
};

struct store {
    const struct store_driver *driver;
    void *self;
    struct folder *folder; /* NULL: everything is in memory */
    struct text record;    /* the record being made */
    struct arena *arena;   /* for one call */
    uint64_t inline_max, space_low, inodes_low;
    bool open; /* between begin and commit */
    bool reader;
    atomic_bool failed;
    struct ids named;  /* files that got their name in this transaction: removed by a rollback */
    struct ids doomed; /* files of removed messages: removed after the commit */
    size_t named_at_mark, doomed_at_mark;
};

/* Reads the body from a file in chunks: into `into` when given, always into the checksum. */
int store_read_body(int fd, uint64_t size, char *into, uint64_t *crc, struct error *e);
/* Its row, without content, in s->arena; -1 with words when it is not there. */
int store_must_get(struct store *s, const struct id *id, struct driver_row *row, struct error *e);
/* A name must be there and not too long. */
int store_check_name(struct span name, struct error *e);
/* All values of a kind. */
int store_all_values(struct store *s, enum driver_kind kind,
                     bool (*fn)(void *arg, struct span name, struct span value), void *arg,
                     struct error *e);
/* Makes the links that an account will have (NULL: none) out of those it has (NULL: none). */
int store_account_links(struct store *s, const struct store_account *had,
                        const struct store_account *has, struct error *e);
/* The same where the record that was there does not read: looks through all links. */
int store_account_unlink_all(struct store *s, struct span name, struct error *e);
int store_domain_links(struct store *s, const struct store_domain *had,
                       const struct store_domain *has, struct error *e);
int store_domain_unlink_all(struct store *s, struct span name, struct error *e);
int store_alias_links(struct store *s, const struct store_alias *had, const struct store_alias *has,
                      struct error *e);
int store_alias_unlink_all(struct store *s, struct span address, struct error *e);
/* Makes all links when the store was written by a version that knew none. */
int store_links_ready(struct store *s, struct error *e);
/* STORE_GOT when it was there, STORE_ABSENT, -1. */
int store_remove_named(struct store *s, enum driver_kind kind, struct span name, struct error *e);

#endif
