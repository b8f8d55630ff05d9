/* directory: the accounts in memory: who exists, which addresses belong to whom, who may send as
 * whom. Lives in the keeper on the loop thread; the store holds the truth and is written first. */
#ifndef PORT26_ACCOUNT_DIRECTORY_H
#define PORT26_ACCOUNT_DIRECTORY_H

#include "base/error.h"
#include "base/text.h"
#include "sasl/scram.h"
#include "store/store.h"

struct directory;

struct account {
    struct span name; /* canonical login: an address, or a bare name */
    struct scram_verifier verifier;
    bool has_password; /* the verifier reads; else nobody can log in */
    bool locked;
    struct span *aliases; /* further addresses, canonical; "@domain": all of it */
    size_t alias_count;
    int64_t created;
};

/* Reads all accounts; call before other threads use the store. NULL and *e when that fails.
 * `domains` (canonical, copied) are ours: a bare login owns its name in each of them. */
struct directory *directory_open(struct store *s, const char *const *domains, size_t count,
                                 struct error *e);
void directory_free(struct directory **d);
/* Replaces the list of domains (reload). */
void directory_domains(struct directory *d, const char *const *domains, size_t count);

/* The name under which a login is kept: address_canon for addresses, lower case otherwise. False
 * when it can not be one: empty, longer than 255, control characters, "/" or a leading "." or "-"
 * (HOSTILE 87). */
bool directory_name(struct span as_typed, struct text *out);
/* NULL when there is none. The pointer stays good until the account is put or removed. */
const struct account *directory_find(const struct directory *d, struct span canonical);
/* Whose inbox takes mail for this address (as in the envelope)? Looks at the address, its aliases,
 * the part before "+", and a catch-all. NULL: nobody here. */
const struct account *directory_owner(const struct directory *d, struct span address);
/* May this account use that reverse-path? <> always. */
bool directory_may_send(const struct directory *d, const struct account *a, struct span sender);
/* The addresses it may use, "a@b, c@d and 3 more", for the words of a refusal. */
void directory_addresses(const struct directory *d, const struct account *a, struct text *out);
/* Puts what the store has just committed. */
void directory_put(struct directory *d, const struct store_account *record);
void directory_remove(struct directory *d, struct span canonical);
/* Calls fn for every account, in no order. */
void directory_each(const struct directory *d, void (*fn)(void *arg, const struct account *a),
                    void *arg);
size_t directory_count(const struct directory *d);

#endif
