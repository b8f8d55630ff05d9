/* directory_parts: what the files of directory.h share. For this folder only. */
#ifndef PORT26_ACCOUNT_DIRECTORY_PARTS_H
#define PORT26_ACCOUNT_DIRECTORY_PARTS_H

#include "account/directory.h"

#include "base/arena.h"
#include "base/map.h"

/* What lives in memory of its own, so that replacing one frees one. Of some there are 100,000. */
enum { OWNED_BLOCK = 160 };

struct owned_account {
    struct account account;
    struct arena *arena;
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
};

struct directory {
    struct map *by_name;    /* canonical login -> struct owned_account */
    struct map *by_address; /* an account's alias -> struct owned_account */
    struct map *hosts;      /* name -> struct owned_host */
    struct map *domains;    /* canonical -> struct owned_domain; also some that only logins name */
    struct map *aliases;    /* canonical address -> struct owned_alias */
    char **own_domains;     /* of the settings */
    size_t own_domain_count, stored_domain_count;
    void (*watch)(void *arg, struct span name); /* of accounts; NULL: nobody */
    void *watch_arg;
};

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
/* Counts an account (or one less) at its hosting account and domain. */
void directory_host_count(struct directory *d, const struct account *a, int n);
/* Reads hosting accounts, domains and aliases. */
int directory_hosting_read(struct directory *d, struct store *s, struct error *e);
int directory_alias_read(struct directory *d, struct store *s, struct error *e);
void directory_hosting_free(struct directory *d);
void directory_alias_free(struct directory *d);

#endif
