/* usage_parts: what the files of usage.h share. For src/account/usage*.c only. */
#ifndef PORT26_ACCOUNT_USAGE_PARTS_H
#define PORT26_ACCOUNT_USAGE_PARTS_H

#include "account/usage.h"
#include "base/map.h"
#include "base/text.h"

/* Signed: what is taken may come before what was given (usage_store.h). */
struct usage_amount {
    int64_t queue, coming, mailbox, messages;
    unsigned warned; /* percent */
};

/* Stays until the end: an account of it may be in the middle of a change. */
struct usage_host {
    struct usage_amount sum; /* queue and coming: of accounts in memory; mailbox: of the store */
    uint64_t quota;          /* when it was asked for last */
    bool exists;
    bool loaded; /* what the store knows is in `sum` */
    size_t name_len;
    char name[];
};

/* Stays for the same reason, also when the account was removed. */
struct usage_entry {
    struct usage_amount sum;
    struct usage_host *host;   /* NULL: none */
    uint64_t quota;            /* when it was asked for last */
    struct usage_entry *later; /* in the list of the unsure */
    bool exists;               /* as an account; else only the queue still has something of it */
    bool loaded;               /* what the store knows is in `sum` */
    bool blind;                /* the store's record is damaged: nobody knows until it is counted */
    bool unsure, listed;
    int64_t measured;
    size_t name_len;
    char name[];
};

struct usage {
    struct usage_settings set;
    const struct usage_calls *calls;
    void *arg;
    struct store *reader;
    struct map *entries, *hosts;
    struct usage_entry *unsure, **unsure_end;
    char *marked; /* the unsure of the store up to this name are in the list; NULL: all of them */
    struct usage_gate *gate;
    struct text looked; /* names of usage_look */
    bool began;
};

/* ---- usage.c: accounts and their sums ---- */

struct span usage_entry_name(const struct usage_entry *n);
struct span usage_host_name(const struct usage_host *h);
/* The entry of an account, with what the store knows, at its hosting account of now. 1; 0: there is
 * no such account; -1 with *e: then *out, if there is one, does not know all. */
int usage_known(struct usage *u, struct span name, struct usage_entry **out, struct error *e);
/* The same for a hosting account, also one that does not exist (any more). NULL with *e. */
struct usage_host *usage_known_host(struct usage *u, struct span name, struct error *e);
/* For telling what was committed: as it is, nothing is read. NULL: it was never touched. */
struct usage_entry *usage_committed(struct usage *u, struct span name);
/* Adds to its sums and those of its hosting account. */
void usage_change(struct usage_entry *n, struct usage_amount by);

/* ---- usage_levels.c: what a sum means ---- */

struct usage_view usage_entry_view(const struct usage *u, const struct usage_entry *n);
struct usage_view usage_host_view(const struct usage *u, const struct usage_host *h);
/* Tells when it, or its hosting account, passed a level. */
void usage_judge(struct usage *u, struct usage_entry *n);

#endif
