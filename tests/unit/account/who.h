/* who: puts people into a store and, after the commit, into its directory, as serve/registry.c
 * does. */
#ifndef PORT26_TESTS_ACCOUNT_WHO_H
#define PORT26_TESTS_ACCOUNT_WHO_H

#include "account/directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WHO_WRITE(store, call)                                                                     \
    do {                                                                                           \
        struct error who_error = {0};                                                              \
        assert_int_equal(store_begin(store, &who_error), 0);                                       \
        assert_true((call) >= 0);                                                                  \
        assert_int_equal(store_commit(store, &who_error), 0);                                      \
    } while (0)

static inline void who_account(struct store *s, struct directory *d, const struct store_account *a)
{
    WHO_WRITE(s, store_account_put(s, a, &who_error));
    directory_put(d, a);
}

static inline void who_gone(struct store *s, struct directory *d, const char *name)
{
    WHO_WRITE(s, store_account_remove(s, span_of(name), &who_error));
    directory_remove(d, span_of(name));
}

static inline void who_host(struct store *s, struct directory *d, const struct store_host *h)
{
    WHO_WRITE(s, store_host_put(s, h, &who_error));
    directory_host_put(d, h);
}

static inline void who_domain(struct store *s, struct directory *d,
                              const struct store_domain *domain)
{
    WHO_WRITE(s, store_domain_put(s, domain, &who_error));
    directory_domain_put(d, domain);
}

static inline void who_domain_gone(struct store *s, struct directory *d, const char *name)
{
    WHO_WRITE(s, store_domain_remove(s, span_of(name), &who_error));
    directory_domain_remove(d, span_of(name));
}

static inline void who_alias(struct store *s, struct directory *d, const struct store_alias *al)
{
    WHO_WRITE(s, store_alias_put(s, al, &who_error));
    directory_alias_put(d, al);
}

static inline void who_alias_gone(struct store *s, struct directory *d, const char *address)
{
    WHO_WRITE(s, store_alias_remove(s, span_of(address), &who_error));
    directory_alias_remove(d, span_of(address));
}

#endif
