/* sending_parts: what the files of sending share, for src/account/sending*.c only. */
#ifndef PORT26_ACCOUNT_SENDING_PARTS_H
#define PORT26_ACCOUNT_SENDING_PARTS_H

#include "account/burst.h"
#include "account/sending.h"
#include "base/map.h"

/* The records of one name: what limits and the judge of bursts count is written with every accept
 * and stays small; what is known of an account's habits is written now and then, and with it a mark
 * by which the start finds those whose hold was cut short; its failures of the last hour are
 * written by the store thread alone (sending_note_failures). */
enum sending_record {
    SENDING_WINDOW,
    SENDING_HABITS,
    SENDING_FAILURES,
    SENDING_UNSWEPT,
    SENDING_RECORDS
};

/* Only accounts have habits and what belongs to them. */
static inline int sending_records(enum sending_kind kind)
{
    return kind == SENDING_ACCOUNT ? SENDING_RECORDS : SENDING_WINDOW + 1;
}

struct sending_entry {
    enum sending_kind kind;
    char *name;
    struct window window;
    int64_t told[WINDOW_SPANS]; /* when it was last told of a refusal; 0: never */
    struct burst burst;         /* accounts only */
    char *held;                 /* why its mail is held, or NULL */
    bool swept;                 /* and what waited is held as well */
    bool changed[SENDING_RECORDS];
    bool in_list;
    struct sending_entry *next_changed;
    struct sending_entry *older, *newer; /* bounded kinds, by last use */
};

/* A name whose records are to be removed. */
struct sending_gone {
    struct sending_gone *next;
    enum sending_kind kind;
    char *name;
};

struct sending {
    struct store *reader;
    struct map *entries; /* by kind and name; of accounts and hosting accounts those asked for */
    int64_t start;       /* what was stored is not younger; 0: not yet known */
    const struct sending_calls *calls;
    void *arg;
    bool burst;
    int64_t learn; /* ms */
    struct {
        struct sending_entry *oldest, *newest;
        size_t count;
    } used[SENDING_KINDS]; /* of those kinds that are bounded: by last use */
    struct sending_entry *changed;
    struct sending_gone *gone;
};

/* One record to write; an empty value removes it. */
struct sending_change {
    enum sending_kind kind;
    enum sending_record record;
    struct span name, value;
};

struct sending_changes {
    struct arena *arena;
    struct sending_change *list;
    size_t count, cap;
    bool is_charge; /* what follows is to be taken back when it was not kept */
    struct span charged[SENDING_KINDS];
    int64_t when;
    uint32_t recipients;
    struct span hold;
};

/* sending.c */
/* In memory; NULL: it is not. */
struct sending_entry *sending_find(const struct sending *s, enum sending_kind kind,
                                   struct span name);
/* Made when it is missing: of an account or hosting account only after sending_touch. */
struct sending_entry *sending_entry(struct sending *s, enum sending_kind kind, struct span name);
void sending_changed(struct sending *s, struct sending_entry *e, enum sending_record record);

/* sending_store.c */
struct sending_changes *sending_changes_new(void);
/* Adds a record as it is now. */
void sending_changes_add(struct sending_changes *c, const struct sending_entry *e,
                         enum sending_record record);
void sending_changes_remove(struct sending_changes *c, enum sending_kind kind, struct span name);
void sending_changes_free(struct sending_changes **c);
/* Reads the records of those kinds that are bounded; 0 or -1 and *e. */
int sending_read_bounded(struct sending *s, struct error *e);
/* Reads the records of one name, which has no entry yet; without any it gets none. 0 or -1 and *e.
 */
int sending_read_name(struct sending *s, enum sending_kind kind, struct span name, struct error *e);
/* The mark SENDING_UNSWEPT that comes after *key (empty: the first), and whose it is; *name lives
 * in *key. 1, 0: there is none, -1 and *e. */
int sending_next_unswept(const struct sending *s, struct text *key, struct span *name,
                         struct error *e);
/* Settles what was read with the clock of now. */
void sending_settle(struct sending_entry *e, int64_t now);
bool sending_is_bounded(enum sending_kind kind);

#endif
