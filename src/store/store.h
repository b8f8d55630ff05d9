/* store: what must survive a crash: messages, what became of each recipient, accounts. One store is
 * open at a time per path (flock on <path>/lock; the kernel releases it when the process dies).
 *
 * Threads: everything here is called from one thread, the store thread (queue/commit.h runs it),
 * except store_body_file, store_failed and store_space, which any thread may call. A second handle
 * that only reads (store_reader_open) belongs to another thread.
 *
 * Promises the drivers keep and tests/unit/store/ checks for each of them (DESIGN section 5):
 *  P1  store_commit returns 0 only after body, envelope and recipients of every message put since
 *      store_begin are on the disk.
 *  P2  When it returns -1 nothing of them remains, now or after a restart. A failed sync is never
 *      tried again and called good: the store is then `failed` and refuses all writing until
 *      store_reopen has started again from the last good commit.
 *  P3  What stands between store_begin and store_commit happens whole or not at all, so the end of
 * a recipient and the report about it are one. P12 What an accept is charged is put in the same
 * transaction as the store_put it pays for. R3  A body proves itself complete (size and checksum)
 * whenever it is loaded. One that does not is never given out and never deleted.
 *
 * Errors: 0 good, -1 with *e filled: temporary "4.3.1" with sys ENOSPC/EDQUOT when space ran out
 * (reply 452), else "4.3.0" (reply 451). */
#ifndef PORT26_STORE_STORE_H
#define PORT26_STORE_STORE_H

#include "mail/job.h"

struct store;

/* ---- records ---- */

enum store_state {
    STORE_LIVE,    /* being delivered */
    STORE_HELD,    /* a person stopped it; stays until released or removed by a person */
    STORE_DAMAGED, /* body missing or changed on the disk: visible, never delivered, never deleted
                      but by a person */
};
const char *store_state_name(enum store_state s);

/* What became of one recipient. WAITING is the only state that is not an end (P3). */
enum store_end { STORE_WAITING, STORE_DELIVERED, STORE_RELAYED, STORE_FAILED, STORE_DROPPED };
const char *store_end_name(enum store_end e);

/* State of one recipient. All zero is the state at the accept: due at once. */
struct store_recipient {
    uint32_t number; /* within the message, from 0 */
    enum store_end end;
    uint32_t attempts;
    int64_t next_try; /* queue clock (queue/queue.h), milliseconds; 0: at once */
    bool waits_for_network;
    bool delay_told;        /* the one delay notice was sent, or is not wanted */
    struct enhanced status; /* of the last attempt; class 0: none yet */
    struct span words;      /* last words about it, for people; empty: none yet */
};

/* A message without its bytes. */
struct store_head {
    struct id id;
    enum store_state state;
    struct span words; /* why it is held or damaged */
    int64_t arrived;   /* wall clock, for people */
    int64_t born;      /* queue clock, for the lifetime */
    uint64_t size;     /* octets of prefix and body */
    uint32_t header_size;
    struct envelope envelope;
    struct origin origin;
    struct store_recipient *recipients; /* envelope.count of them, in order */
};

/* The settled story of a message: one row for each job that came back. */
struct store_event {
    int64_t at;         /* wall clock */
    uint32_t recipient; /* number of the job's first recipient */
    uint32_t count;     /* how many recipients it was for */
    struct span words;  /* one sentence */
    size_t try_count;   /* the paths that were tried; at most STORE_TRIES_MAX are kept */
    struct job_try *tries;
};
enum { STORE_TRIES_MAX = 64 };

/* How much may be sent, as sliding sums. 0: the default of the settings; STORE_NO_LIMIT: any. */
struct store_limits {
    uint32_t messages_hour, messages_day, recipients_hour, recipients_day;
};
#define STORE_NO_LIMIT UINT32_MAX
/* Quotas: 0: the default of the settings; this: none. */
#define STORE_NO_QUOTA UINT64_MAX

enum store_account_flag { STORE_ACCOUNT_LOCKED = 1 };
enum store_host_flag { STORE_HOST_LOCKED = 1 };

struct store_account {
    struct span name;     /* canonical login (address_canon with fold, or a bare name) */
    struct span verifier; /* secret-like text of account/; at most STORE_VERIFIER_MAX octets */
    struct span *senders; /* addresses, or "@domain", it may use besides its name */
    size_t sender_count;  /* at most STORE_SENDERS_MAX */
    int64_t created;      /* wall clock */
    uint32_t flags;       /* enum store_account_flag bits */
    uint64_t quota;       /* octets of its mailbox; 0: the default of the settings */
    struct span host;     /* the hosting account it belongs to; empty: to none */
    struct store_limits limits;
};

/* A hosting account: a customer who owns domains and accounts. */
struct store_host {
    struct span name;
    uint64_t quota; /* octets of all it stores; 0: the default of the settings */
    struct store_limits limits;
    int64_t created; /* wall clock */
    uint32_t flags;  /* enum store_host_flag bits */
};

/* A domain whose mail we keep, besides those of the settings. */
struct store_domain {
    struct span name;      /* canonical */
    struct span host;      /* the hosting account that owns it; empty: none */
    struct span catch_all; /* canonical address for what nobody else here gets; empty: none */
    int64_t created;
};

/* An address that stands for others. */
struct store_alias {
    struct span address;  /* canonical */
    struct span *targets; /* canonical addresses, here or elsewhere */
    size_t target_count;  /* 1 to STORE_TARGETS_MAX */
};
enum { STORE_TARGETS_MAX = 1000 };
enum { STORE_SENDERS_MAX = 1000, STORE_VERIFIER_MAX = 2000 };

/* ---- opening ---- */

struct store_settings {
    const char *driver;  /* "sqlite" or "memory"; NULL: "sqlite" */
    const char *path;    /* the folder; made with mode 0700 when missing */
    uint64_t inline_max; /* bodies up to this size stand in the table, larger ones are files; 0: a
                            measured default */
    uint64_t space_low;  /* store_space below this many octets refuses; 0: 64 MiB */
    uint64_t inodes_low; /* and below this many inodes; 0: 1 */
    const char *vfs;     /* SQLite file system layer; NULL: the usual one (tests fail others) */
};

/* What the opening found; for the log (R8). */
struct store_found {
    unsigned orphans; /* body files without a row, removed: accepts that never came to their 250 */
    unsigned missing; /* body files that rows name and the disk does not hold: set damaged */
    unsigned strange; /* names in body/ that are not ours: left alone */
};

/* Opens or makes the store, takes its lock, brings the schema up to date, removes orphan files.
 * Fails with clear words: locked by another process, made by a newer version, wrong owner, a link
 * where a folder should be. `found` may be NULL. */
int store_open(const struct store_settings *set, struct store **out, struct store_found *found,
               struct error *e);
/* Rolls back what is open, frees all, gives the lock back; nulls the pointer. Readers first. */
void store_close(struct store **s);
/* A handle that only reads, for one other thread beside the store's (the loop): each call sees what
 * was committed before it, and nothing of a commit that failed. It never waits for a sync; a value
 * takes some 10 to 30 microseconds (docs/why/store.md). The functions that find, get, walk and
 * count work with it; those that write or begin assert. It goes on while the store is `failed` and
 * after store_reopen. With a store in memory it waits for the open transaction, so the thread that
 * has one open must not use it. Closed by store_close, before the store. */
int store_reader_open(struct store *s, struct store **out, struct error *e);
/* Did a sync or commit fail, so that nothing is accepted until store_reopen? Any thread. */
bool store_failed(const struct store *s);
/* Tries to start again from the last good commit, under the same lock. */
int store_reopen(struct store *s, struct error *e);
/* Housekeeping that may take a while (checkpoint). Call it when store_wants_tidy says so, outside
 * of begin and commit. */
bool store_wants_tidy(const struct store *s);
int store_tidy(struct store *s, struct error *e);
/* Room for `size` more octets above the low-water mark? Asks the file system. Any thread. */
int store_space(const struct store *s, uint64_t size, struct error *e);
/* An unnamed file (O_TMPFILE) beside the store, for a body that is too large for memory: whoever
 * writes it hands it to store_put as content.fd. Nothing remains of it if nobody does. The caller
 * owns it. -1 with *e. Any thread. */
int store_body_file(const struct store *s, struct error *e);

/* ---- transactions ---- */

int store_begin(struct store *s, struct error *e);
/* The one sync (P1, P2). After -1 the transaction is rolled back. */
int store_commit(struct store *s, struct error *e);
void store_rollback(struct store *s);
/* A step within: store_undo takes back what came after store_mark, store_keep leaves it. Every mark
 * is ended by one of both; they do not nest. */
int store_mark(struct store *s, struct error *e);
int store_keep(struct store *s, struct error *e);
void store_undo(struct store *s);

/* ---- messages: inside begin and commit ---- */

/* Puts a message: envelope, recipients (all waiting), body. *fresh is false when this id is there
 * already: then nothing changes and it is a success (the client asked again). `born`: queue clock.
 * A body in a file is synced and given its name here. content.fd stays the caller's. */
int store_put(struct store *s, const struct message *m, int64_t born, bool *fresh, struct error *e);
/* Writes one recipient's state. */
int store_recipient_set(struct store *s, const struct id *id, const struct store_recipient *r,
                        struct error *e);
int store_state_set(struct store *s, const struct id *id, enum store_state state, struct span words,
                    struct error *e);
int store_event_add(struct store *s, const struct id *id, const struct store_event *ev,
                    struct error *e);
/* Removes message, recipients, story and body (a body's file after the commit). */
int store_remove(struct store *s, const struct id *id, struct error *e);

enum store_got {
    STORE_GOT = 0,
    STORE_ABSENT = 1, /* there is no such record */
    STORE_BROKEN = 2, /* it is damaged; *e says how. store_load then also sets its state */
};

/* Head of one message; spans live in `a`. -1 with *e, or enum store_got. */
int store_find(struct store *s, const struct id *id, struct arena *a, struct store_head *out,
               struct error *e);
/* Head and verified content. content->body lives in `a`, or content->fd is a file the caller
 * closes. STORE_BROKEN: size or checksum is wrong, or the file is missing; the state was set to
 * STORE_DAMAGED. An EIO on reading is -1 (temporary, R3 does not apply yet). */
int store_load(struct store *s, const struct id *id, struct arena *a, struct store_head *head,
               struct content *content, struct error *e);
/* Calls fn for every message in the order they came, until it returns false. The head lives only
 * during the call. */
typedef bool store_walk_fn(void *arg, const struct store_head *head);
int store_walk(struct store *s, store_walk_fn *fn, void *arg, struct error *e);
/* The story, oldest first; at most `max` newest events. *out lives in `a`. */
int store_events(struct store *s, const struct id *id, size_t max, struct arena *a,
                 struct store_event **out, size_t *count, struct error *e);

/* ---- accounts ---- */

/* Puts or replaces. */
int store_account_put(struct store *s, const struct store_account *acc, struct error *e);
/* STORE_GOT, STORE_ABSENT or -1. */
int store_account_get(struct store *s, struct span name, struct arena *a, struct store_account *out,
                      struct error *e);
/* STORE_GOT when it was there, STORE_ABSENT, -1. */
int store_account_remove(struct store *s, struct span name, struct error *e);
typedef bool store_account_fn(void *arg, const struct store_account *acc);
int store_account_each(struct store *s, store_account_fn *fn, void *arg, struct error *e);

/* ---- hosting accounts, domains, aliases: as with accounts ---- */

int store_host_put(struct store *s, const struct store_host *h, struct error *e);
int store_host_get(struct store *s, struct span name, struct arena *a, struct store_host *out,
                   struct error *e);
int store_host_remove(struct store *s, struct span name, struct error *e);
typedef bool store_host_fn(void *arg, const struct store_host *h);
int store_host_each(struct store *s, store_host_fn *fn, void *arg, struct error *e);

int store_domain_put(struct store *s, const struct store_domain *d, struct error *e);
int store_domain_get(struct store *s, struct span name, struct arena *a, struct store_domain *out,
                     struct error *e);
int store_domain_remove(struct store *s, struct span name, struct error *e);
typedef bool store_domain_fn(void *arg, const struct store_domain *d);
int store_domain_each(struct store *s, store_domain_fn *fn, void *arg, struct error *e);

int store_alias_put(struct store *s, const struct store_alias *al, struct error *e);
int store_alias_get(struct store *s, struct span address, struct arena *a, struct store_alias *out,
                    struct error *e);
int store_alias_remove(struct store *s, struct span address, struct error *e);

/* ---- who belongs to whom: names without the records, for lists, pages and counts ---- */

enum store_list_kind {
    STORE_ACCOUNTS, /* all */
    STORE_HOSTS,
    STORE_DOMAINS,
    STORE_ALIASES,
    /* Links, kept in the transaction that puts or removes the record they come from. */
    STORE_CLAIMS,          /* accounts that claim this address or "@domain" as a sender of theirs */
    STORE_HOST_ACCOUNTS,   /* accounts of this hosting account */
    STORE_DOMAIN_ACCOUNTS, /* accounts whose names end in this domain */
    STORE_HOST_DOMAINS,    /* domains of this hosting account */
    STORE_DOMAIN_ALIASES,  /* aliases whose addresses end in this domain */
    STORE_TARGET_ALIASES,  /* aliases of another address that lead to this one */
    STORE_LIST_COUNT,
};
struct store_list {
    enum store_list_kind kind;
    struct span
        of; /* canonical address, "@domain", hosting account, domain; the first four: none */
};
/* Which part of a list, or of the values of a kind. */
struct store_range {
    struct span prefix; /* names that begin with this; empty: all */
    struct span after;  /* and come after this one as memcmp orders them; empty: from the first */
    size_t max;         /* at most so many; 0: all */
};
typedef bool store_name_fn(void *arg, struct span name);
/* Calls fn for each name in order until it returns false. range NULL: all. fn must not call the
 * store; the name lives during the call. */
int store_names(struct store *s, const struct store_list *list, const struct store_range *range,
                store_name_fn *fn, void *arg, struct error *e);
/* Does the record of that name read? For the first four kinds: STORE_GOT, STORE_ABSENT,
 * STORE_BROKEN (it may still be replaced and removed), or -1. */
int store_record_reads(struct store *s, enum store_list_kind kind, struct span name,
                       struct error *e);
/* How many there are: some 10 nanoseconds for each. */
int store_count(struct store *s, const struct store_list *list, uint64_t *count, struct error *e);

/* ---- handed over once ---- */

/* A client that heard no answer hands the same message over again with the same key; the record of
 * the first time stands in the transaction of its store_put, and outlives the message. */
struct store_once {
    struct id id;    /* of the message it became */
    uint64_t digest; /* the caller's, of what was handed over */
};
enum { STORE_ONCE_KEY_MAX = 220 };
/* What an account did under a key. Kept for one to two days of `now`, the queue clock. STORE_GOT,
 * STORE_ABSENT, -1. */
int store_once_get(struct store *s, struct span account, struct span key, int64_t now,
                   struct store_once *out, struct error *e);
/* Puts one, and forgets some that are too old. */
int store_once_put(struct store *s, struct span account, struct span key, int64_t now,
                   const struct store_once *once, struct error *e);

/* ---- values of other parts, by kind and name ---- */

/* Whose values they are; what stands in them is for that part to say. The numbers are in no file:
 * store_values.c maps them. */
enum store_kind {
    STORE_KIND_USAGE,   /* octets and messages of an account's mailbox, by its name */
    STORE_KIND_SENDING, /* what an account or hosting account sent lately */
    STORE_KIND_DKIM,    /* keys of a domain */
    STORE_KIND_WARNING, /* which warnings were sent */
    STORE_KIND_GREY,    /* greylisting */
    STORE_KIND_HOSTED,  /* octets and messages of a hosting account's mailboxes, by its name */
    STORE_KIND_UNSURE,  /* accounts whose Maildir is to be counted, by name; empty */
    STORE_KIND_REPORTS, /* how many reports a sender got lately */
    STORE_KIND_IMPORT,  /* imports that are being written, by the name of the file */
    STORE_KIND_FORWARD, /* senders of forwarded mail that fit into no reverse-path of ours */
    STORE_KIND_COUNT,
};
enum { STORE_VALUE_MAX = 64 << 10, STORE_NAME_MAX = 400 };
/* Puts or replaces; inside begin and commit. The name is 1 to STORE_NAME_MAX octets of any kind,
 * the value up to STORE_VALUE_MAX. It is kept under a seal (R3). */
int store_value_put(struct store *s, enum store_kind kind, struct span name, struct span value,
                    struct error *e);
/* enum store_got or -1; STORE_BROKEN with *e when the seal does not hold. *value lives in `a`, and
 * its at is not NULL. */
int store_value_get(struct store *s, enum store_kind kind, struct span name, struct arena *a,
                    struct span *value, struct error *e);
/* STORE_GOT when it was there, STORE_ABSENT, -1. Inside begin and commit. */
int store_value_remove(struct store *s, enum store_kind kind, struct span name, struct error *e);
/* Calls fn for every value of the kind, by name (as memcmp orders them), until it returns false.
 * value.at is NULL when it is damaged. fn must not call the store; spans live during the call. */
typedef bool store_value_fn(void *arg, struct span name, struct span value);
int store_value_each(struct store *s, enum store_kind kind, store_value_fn *fn, void *arg,
                     struct error *e);
/* The same for a part of them. */
int store_value_range(struct store *s, enum store_kind kind, const struct store_range *range,
                      store_value_fn *fn, void *arg, struct error *e);

/* ---- small values by name ---- */

enum { STORE_META_MAX = 4000, STORE_SECRET_BYTES = 32 };
/* STORE_GOT, STORE_ABSENT, -1. Names in use: "secret" (STORE_SECRET_BYTES random bytes, made when
 * the store is made: for verifiers of accounts that do not exist), "clock" (queue/), "links" (which
 * links are complete), "srs" (secrets of forwarding). */
int store_meta_get(struct store *s, struct span name, struct arena *a, struct span *value,
                   struct error *e);
int store_meta_put(struct store *s, struct span name, struct span value, struct error *e);

#endif
