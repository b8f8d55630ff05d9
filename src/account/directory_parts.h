/* directory_parts: what the files of directory.h share. For this folder only. */
#ifndef PORT26_ACCOUNT_DIRECTORY_PARTS_H
#define PORT26_ACCOUNT_DIRECTORY_PARTS_H

#include "account/directory.h"

#include "base/arena.h"
#include "base/map.h"

/* What lives in memory of its own, so that replacing one frees one. Of some there are 100,000. */
enum { OWNED_BLOCK = 160 };

/* The accounts and aliases in memory are those somebody asked for. */
struct owned_account {
    struct account account;
    struct arena *arena;
    bool asked; /* since directory_tidy */
};

struct owned_host {
    struct hosting hosting;
    struct arena *arena;
};

struct owned_domain {
    struct hosted_domain domain;
    struct arena *arena;
};

struct owned_alias {
    struct hosted_alias alias;
    struct arena *arena;
    bool asked;
};

enum { DIRECTORY_DAMAGED = 20 };

/* What a look-up changes; those who look hold the directory const. */
struct directory_notes {
    unsigned troubles;
    struct error trouble; /* what is said of each */
    char words[400];      /* of the last one in the log, and when that was */
    int64_t told;
    struct arena *arena; /* for the record being read */
    struct {
        enum store_list_kind kind;
        char *name;
    } unread[DIRECTORY_DAMAGED]; /* the latest that did not read */
    size_t unreads;
    struct map *nobody; /* what the store said is not there; empty after each change */
    bool counted;
    uint64_t accounts; /* when counted */
};

struct directory {
    struct store *reader;
    struct directory_notes *notes;
    struct map *by_name; /* canonical login -> struct owned_account */
    struct map *hosts;   /* name -> struct owned_host */
    struct map *domains; /* canonical -> struct owned_domain */
    struct map *aliases; /* canonical address -> struct owned_alias */
    bool any_alias;      /* in the store */
    char **own_domains;  /* of the settings */
    size_t own_domain_count, stored_domain_count;
};

/* Names of a list, taken first and looked at later: nothing else may read the store while it is
 * walked. */
struct directory_names {
    struct arena *arena;
    struct span *name;
    size_t count, cap;
};
int directory_names(const struct directory *d, const struct store_list *list,
                    const struct store_range *range, struct directory_names *out, struct error *e);
/* At most DIRECTORY_PAGE of them: 1 when there may be more, 0, -1. */
int directory_page(const struct directory *d, const struct store_list *list,
                   const struct store_range *range, struct directory_names *out, struct error *e);
void directory_names_free(struct directory_names *n);
/* What is asked for in vain again and again, as most recipients elsewhere are: a name of this kind
 * is not in the store. Only a change of ours can bring it, so the answer is remembered until one.
 */
bool directory_known_absent(const struct directory *d, enum store_list_kind kind, struct span name);
void directory_note_absent(const struct directory *d, enum store_list_kind kind, struct span name);
void directory_forget_absent(const struct directory *d);
/* Counts a look-up that the store could not answer. */
void directory_note(const struct directory *d, const struct error *e);
/* The same, of this record. */
void directory_note_record(const struct directory *d, enum store_list_kind kind, struct span name,
                           const struct error *e);

/* A canonical address: by login, by bare login in a domain of the settings, by an account's alias.
 * NULL: nobody. */
const struct account *directory_exact(const struct directory *d, struct span canonical);
/* The address without "+detail" (RFC 5233); false when it has none. */
bool directory_without_detail(struct span canonical, struct text *out);
/* The account that takes a whole domain by "@domain"; NULL: none. */
const struct account *directory_wildcard(const struct directory *d, struct span canonical);
/* What follows the last "@"; empty when there is none. */
struct span directory_domain_part(struct span address);
/* The entry of a canonical domain, made when there is none. */
struct hosted_domain *directory_domain_entry(struct directory *d, struct span canonical);
/* Frees an entry that nobody needs any more. */
void directory_domain_tidy(struct directory *d, struct span canonical);
/* Reads hosting accounts and domains; whether there is any alias. */
int directory_hosting_read(struct directory *d, struct error *e);
int directory_alias_read(struct directory *d, struct error *e);
void directory_hosting_free(struct directory *d);
void directory_alias_free(struct directory *d);
/* What directory_tidy does with aliases. */
void directory_alias_tidy(struct directory *d);
/* Fewer than so many of a kind are all kept. */
enum { DIRECTORY_KEPT = 5000, DIRECTORY_ABSENT = 50000 };

#endif
