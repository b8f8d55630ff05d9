/* directory: who is here: accounts, hosting accounts, domains, aliases; which addresses belong to
 * whom, who may send as whom. Lives in the keeper on the loop thread; the store holds the truth and
 * is written first. Hosting accounts and domains are all in memory. Accounts and aliases are read
 * when somebody asks for them, and kept as long as somebody does: starting takes the same time with
 * one account and with 100,000, and so does every look-up.
 *
 * A look-up that the store could not answer (a disk that fails, a damaged record) finds nobody and
 * is counted: who would say "there is nobody" for ever (550, 535) compares directory_troubles
 * before and after, and says "later" instead when it rose (P6). */
#ifndef PORT26_ACCOUNT_DIRECTORY_H
#define PORT26_ACCOUNT_DIRECTORY_H

#include "base/error.h"
#include "base/text.h"
#include "sasl/scram.h"
#include "store/store.h"

struct directory;

/* Kept as the verifier of an account whose password another server knows. */
#define ACCOUNT_ELSEWHERE "{DOVECOT}"

struct account {
    struct span name; /* canonical login: an address, or a bare name */
    struct scram_verifier verifier;
    bool has_password;    /* the verifier or the hash reads; else nobody can log in */
    bool elsewhere;       /* its password is asked from another server (ACCOUNT_ELSEWHERE) */
    struct span hash;     /* instead of the verifier: as another system kept it (account/hash.h) */
    bool locked;          /* itself; directory_locked asks its hosting account too */
    struct span *aliases; /* further addresses, canonical; "@domain": all of it */
    size_t alias_count;
    int64_t created;
    struct span host; /* name of its hosting account; empty: none */
    uint64_t quota;   /* octets of its mailbox; 0: the default of the settings */
    struct store_limits limits;
};

/* A hosting account: a customer. */
struct hosting {
    struct span name;
    uint64_t quota; /* octets of all it stores; 0: the default of the settings */
    struct store_limits limits;
    bool locked; /* none of its accounts may log in or send */
    int64_t created;
    size_t domains; /* how many it owns; accounts: directory_number */
    bool damaged;   /* its record does not read: nobody knows whether it is locked, so none of its
                       accounts is found */
};

struct hosted_domain {
    struct span name;      /* canonical */
    struct span host;      /* name of the hosting account that owns it; empty: none */
    struct span catch_all; /* who gets what nobody else in it gets; empty: nobody */
    int64_t created;       /* 0: it stands in the settings only */
    bool in_settings, in_store;
    bool damaged; /* its record does not read: who owns it and who gets the rest is not known */
};

struct hosted_alias {
    struct span address;  /* canonical */
    struct span *targets; /* canonical, here or elsewhere; the address itself: also its own inbox */
    size_t target_count;
};

/* Reads hosting accounts and domains from a reader of the store, which stays the caller's and is
 * asked later too. NULL and *e when that fails; a damaged record is not a failure. `domains`
 * (canonical, copied) are those of the settings: a bare login owns its name in each of these. */
struct directory *directory_open(struct store *reader, const char *const *domains, size_t count,
                                 struct error *e);
void directory_free(struct directory **d);
/* Replaces the list of the settings' domains (reload). */
void directory_domains(struct directory *d, const char *const *domains, size_t count);

/* The name under which a login is kept: address_canon for addresses, lower case otherwise. False
 * when it can not be one: empty, longer than 255, control characters, "/" or a leading "." or "-"
 * (HOSTILE 87). */
bool directory_name(struct span as_typed, struct text *out);
/* How many look-ups the store could not answer so far: whatever was found since the number rose may
 * be too little. And what to say then (temporary, 4.3.0; without names, the log has them). */
unsigned directory_troubles(const struct directory *d);
const struct error *directory_trouble(const struct directory *d);
/* The records among those asked for so far that still do not read: some of them, for people. */
typedef void directory_damaged_fn(void *arg, enum store_list_kind kind, struct span name);
void directory_damaged(const struct directory *d, directory_damaged_fn *fn, void *arg);
/* Forgets accounts and aliases nobody asked for since the last call but one, when there are many.
 * Call it from the loop every DIRECTORY_TIDY_MS. */
enum { DIRECTORY_TIDY_MS = 10 * 60 * 1000 };
void directory_tidy(struct directory *d);

/* NULL when there is none. The pointer stays good until the account is put or removed, and for
 * DIRECTORY_TIDY_MS at least. */
const struct account *directory_find(const struct directory *d, struct span canonical);
/* Whose inbox takes mail for this address (as in the envelope)? Looks at the address, its aliases,
 * the part before "+", and an account's catch-all; not at aliases that stand for others (use
 * directory_expand). NULL: nobody here. */
const struct account *directory_owner(const struct directory *d, struct span address);
/* May this account use that reverse-path? <> always; its own addresses; an alias that leads to it.
 */
bool directory_may_send(const struct directory *d, const struct account *a, struct span sender);
/* The addresses it may use, "a@b, c@d and 3 more", for the words of a refusal. */
void directory_addresses(const struct directory *d, const struct account *a, struct text *out);
/* Puts what the store has just committed. */
void directory_put(struct directory *d, const struct store_account *record);
void directory_remove(struct directory *d, struct span canonical);
/* Calls fn for some accounts of a list, by name, DIRECTORY_PAGE at most (so long the loop does
 * nothing else); `a` lives during the call, and is NULL when its
 * record does not read. What the store could not give at all is -1 with *e. 0: no more come after
 * the last one; 1: more may. */
enum { DIRECTORY_PAGE = 500 };
typedef void directory_account_fn(void *arg, struct span name, const struct account *a);
int directory_accounts(const struct directory *d, const struct store_list *list,
                       const struct store_range *range, directory_account_fn *fn, void *arg,
                       struct error *e);
/* How many names there are in a list; 0 after trouble. All accounts are counted once and then kept
 * count of until one changes. */
uint64_t directory_number(const struct directory *d, enum store_list_kind kind, struct span of);

/* ---- hosting accounts: directory_hosting.c ---- */

/* The name of a hosting account as it is kept: 1 to 64 of letters, digits, ".", "-", "_", in lower
 * case, beginning with a letter or digit. False when it can not be one. */
bool directory_host_name(struct span as_typed, struct text *out);
/* NULL when there is none. The pointer stays good until it is removed. */
const struct hosting *directory_host(const struct directory *d, struct span name);
/* The hosting account an account belongs to; NULL: none. */
const struct hosting *directory_host_of(const struct directory *d, const struct account *a);
/* Is the account, or its hosting account, locked? Mail for it is another matter. */
bool directory_locked(const struct directory *d, const struct account *a);
void directory_host_put(struct directory *d, const struct store_host *record);
void directory_host_remove(struct directory *d, struct span name);
void directory_host_each(const struct directory *d, void (*fn)(void *arg, const struct hosting *h),
                         void *arg);

/* ---- domains: directory_hosting.c ---- */

/* Is it ours, by the settings or by the store? Any spelling. */
bool directory_domain(const struct directory *d, struct span domain);
/* The same with all there is to know; NULL when it is not ours. The pointer stays good until the
 * domain is put or removed, or the settings change. */
const struct hosted_domain *directory_domain_find(const struct directory *d, struct span domain);
/* The hosting account that owns it; empty: none, or not ours. */
struct span directory_domain_host(const struct directory *d, struct span domain);
/* How many domains the store names: while there is one, nobody can tell from the settings alone
 * what is ours. */
size_t directory_domain_count(const struct directory *d);
void directory_domain_put(struct directory *d, const struct store_domain *record);
void directory_domain_remove(struct directory *d, struct span canonical);
/* Those of the settings as well. */
void directory_domain_each(const struct directory *d,
                           void (*fn)(void *arg, const struct hosted_domain *domain), void *arg);

/* ---- aliases: directory_expand.c ---- */

/* The alias of exactly this address, any spelling; NULL: none. Good as long as an account is. */
const struct hosted_alias *directory_alias(const struct directory *d, struct span address);
void directory_alias_put(struct directory *d, const struct store_alias *record);
void directory_alias_remove(struct directory *d, struct span canonical);
/* As directory_accounts, for STORE_ALIASES or STORE_DOMAIN_ALIASES. */
typedef void directory_alias_fn(void *arg, struct span address, const struct hosted_alias *alias);
int directory_aliases(const struct directory *d, const struct store_list *list,
                      const struct store_range *range, directory_alias_fn *fn, void *arg,
                      struct error *e);

/* Is there any alias or catch-all? Else every address is its own target. */
bool directory_stands_for_others(const struct directory *d);

/* Where mail for an address goes in the end. */
struct directory_target {
    struct span address;           /* as it was typed when nothing stood for it, else canonical */
    const struct account *account; /* whose inbox; NULL: none here */
    bool ours;                     /* the domain is; without an account: nobody of this name */
};

enum { DIRECTORY_DEPTH = 10 }; /* aliases behind aliases */

/* Follows aliases and the domain's catch-all to the addresses behind `address`, each once, in
 * order; one that no alias stands for is its own target. The list lives in `a`. 0; or -1 with *e
 * ("5.4.6"): it leads in a circle or too deep, or ("5.5.3") to more than `max` targets, or
 * ("4.3.0", temporary) the store could not say. */
int directory_expand(const struct directory *d, struct span address, size_t max, struct arena *a,
                     struct directory_target **out, size_t *count, struct error *e);

#endif
