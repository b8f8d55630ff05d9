/* usage_parts: what the files of usage.h share. For src/account/usage*.c only. */
#ifndef PORT26_ACCOUNT_USAGE_PARTS_H
#define PORT26_ACCOUNT_USAGE_PARTS_H

#include "account/usage.h"
#include "base/map.h"

/* Signed: what is taken may come before what was given (usage_store.h). */
struct usage_amount {
    int64_t queue, coming, mailbox, messages;
    unsigned warned; /* percent */
};

struct usage_host {
    struct usage_amount sum;
    struct usage_entry *first; /* its accounts */
    size_t name_len;
    char name[];
};

struct usage_entry {
    struct usage_amount sum;
    struct usage_host *host;          /* NULL: none */
    struct usage_entry *next, **link; /* among the host's */
    struct usage_entry *later;        /* in the list of the unsure */
    unsigned charges;                 /* that name it */
    bool exists;                      /* as an account; else it goes with its last charge */
    bool unsure, listed;
    int64_t measured;
    size_t name_len;
    char name[];
};

struct usage {
    struct usage_settings set;
    const struct usage_calls *calls;
    void *arg;
    struct map *entries, *hosts;
    struct usage_entry *unsure, **unsure_end;
    struct usage_gate *gate;
    bool began;
};

/* ---- usage.c: accounts and their sums ---- */

struct span usage_entry_name(const struct usage_entry *n);
struct span usage_host_name(const struct usage_host *h);
/* The entry of an account, made when there is none, at its hosting account of now; NULL: there is
 * no such account. */
struct usage_entry *usage_known(struct usage *u, struct span name);
/* Adds to its sums and those of its hosting account. */
void usage_change(struct usage_entry *n, struct usage_amount by);
/* What is not in a list, not an account and not charged goes. */
void usage_drop_if_idle(struct usage *u, struct usage_entry *n);

/* ---- usage_levels.c: what a sum means ---- */

struct usage_view usage_entry_view(const struct usage *u, const struct usage_entry *n);
struct usage_view usage_host_view(const struct usage *u, const struct usage_host *h);
/* Tells when it, or its hosting account, passed a level. */
void usage_judge(struct usage *u, struct usage_entry *n);

#endif
