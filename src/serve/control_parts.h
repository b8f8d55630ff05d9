/* control_parts: what the files of the commands share, for src/serve/control*.c only. A command
 * reads its arguments from `in`, puts its answer into `out`, or fills `error`; it may wait. */
#ifndef PORT26_SERVE_CONTROL_PARTS_H
#define PORT26_SERVE_CONTROL_PARTS_H

#include "io/fiber.h"
#include "serve/control.h"
#include "serve/registry.h"

#include <jansson.h>

/* One command under way; callbacks of the queue and the store wake its fiber. */
struct control_call {
    struct control *control;
    struct house *house;
    const struct clerk_rights *rights;
    json_t *in, *out;
    struct fiber *fiber;
    bool done;
    unsigned troubles; /* of the directory when it began: nothing is changed after another one */
    struct error error;
};

/* Ends control_wait; `e` may be NULL. */
void control_finish(struct control_call *r, const struct error *e);
/* Until control_finish. The queue and the store always answer; their own waits are bounded. */
void control_wait(struct control_call *r);
/* A text among the arguments; empty when there is none. */
struct span control_text(const struct control_call *r, const char *key);

/* Is the argument there, though it may be empty? */
bool control_has(const struct control_call *r, const char *key);
/* Something the person should know, besides that it was done: a line of the answer's "note". */
void control_note(struct control_call *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Puts the texts of an array in order. */
void control_sort(json_t **names);
/* " (a, b, c and 7 more)" of so many, of which at least the first are named; nothing when there are
 * none. */
void control_names(const json_t *names, uint64_t all, struct text *out);
/* Is the record of this name damaged? Then with words, and they tell what can be done. */
bool control_damaged(struct control_call *r, enum store_list_kind kind, struct span name);
/* The same for a command that removes or replaces it: true takes the error back. */
bool control_forgive(struct control_call *r, enum store_list_kind kind, struct span name);
/* The records that are known to be: a new reference. */
json_t *control_unread(const struct house *h);
/* Commits changes and waits until they are in force, or r->error is set. */
void control_commit(struct control_call *r, struct registry **set);
/* The same for a set that may be long: then it is written in parts, in its order, and what was
 * written stays when one fails. */
void control_commit_long(struct control_call *r, struct registry **set);
/* Calls fn for all accounts of a list, by name; between some of them the loop does other work.
 * False with words when one does not read. */
bool control_accounts(struct control_call *r, const struct store_list *list,
                      directory_account_fn *fn, void *arg);
/* The first 1000 names of a list, in order: a new reference. NULL with words when that fails. */
json_t *control_list(struct control_call *r, enum store_list_kind kind, struct span of);
/* Of a list that may be long one page: from the name "from" on, with "next" when there is more. */
struct control_part {
    json_t *rows;
    struct store_range range;
    size_t left;
    struct text last; /* name that was read */
};
void control_part_begin(const struct control_call *r, struct control_part *p);
/* A name that is left out. */
void control_part_pass(struct control_part *p, struct span name);
/* Notes a name; with row NULL its record does not read, and the person is told. */
void control_part_row(struct control_call *r, struct control_part *p, struct span name,
                      json_t *row);
/* After each page of the directory: true when another one is to be read. */
bool control_part_more(struct control_call *r, struct control_part *p, int more);
void control_part_end(struct control_call *r, struct control_part *p, const char *key);
/* The same for what is in memory: the rows from number "from" on. */
struct control_page {
    json_t *rows;
    size_t from, seen;
};
/* Begins one; control_page_wants says whether the next row belongs to it, and counts it. */
void control_page_begin(const struct control_call *r, struct control_page *p);
bool control_page_wants(struct control_page *p);
/* Puts the rows under `key`, and under "next" where the next page begins, if there is one. */
void control_page_end(struct control_call *r, struct control_page *p, const char *key);
/* The hosting account an argument names, as it is kept; empty for "" and "none". False with words
 * when there is none of that name. */
bool control_host(struct control_call *r, const char *key, struct arena *a, struct span *name);
/* Reads "quota", "messages" and "sending" (recipients) as far as they are there, and says which in
 * *given. False with words when one does not read. */
enum control_given { CONTROL_QUOTA = 1, CONTROL_MESSAGES = 2, CONTROL_RECIPIENTS = 4 };
bool control_amounts(struct control_call *r, uint64_t *quota, struct store_limits *limits,
                     unsigned *given);

/* control_accounts.c */
void control_account_ls(struct control_call *r);
void control_account_show(struct control_call *r);
void control_account_export(struct control_call *r);
/* What proves one account's password. */
void control_account_verifier(struct control_call *r);
void control_account_add(struct control_call *r);
void control_account_passwd(struct control_call *r);
void control_account_set(struct control_call *r);
void control_account_lock(struct control_call *r);
void control_account_unlock(struct control_call *r);
void control_account_rm(struct control_call *r);

/* control_quota.c */
/* What an account, or hosting account, stores and may store: a new reference. */
json_t *control_quota_account(const struct house *h, struct span name);
json_t *control_quota_host(const struct house *h, const struct hosting *host);
/* Says after a change of its quota when an account or hosting account has no room any more. */
void control_quota_note(struct control_call *r, bool is_host, struct span name);
void control_quota_ls(struct control_call *r);
void control_quota_show(struct control_call *r);
void control_quota_recount(struct control_call *r);
void control_quota_reset(struct control_call *r);

/* control_clients.c */
void control_settings(struct control_call *r);

/* control_dkim.c */
void control_dkim_keys(struct control_call *r);
void control_dkim_rotate(struct control_call *r);
void control_dkim_seen(struct control_call *r);
void control_dkim_unsign(struct control_call *r);
/* The first keys of a domain that is new here, and what to publish, as "keys" of the answer. */
void control_dkim_new(struct control_call *r, struct span domain);
/* What the server saw of a domain's keys in the DNS; null: it does not look. */
json_t *control_dkim_sighting(const struct house *h, struct span domain);
/* The domains whose keys are not in the DNS: how many, and the first of them. */
json_t *control_dkim_bad(const struct house *h);
/* Forgets the keys of a domain that is not here any more. */
void control_dkim_gone(struct control_call *r, struct span domain);
/* control_senders.c */
/* Reads the further addresses of the account to->name into it; they live in `a`. An empty one, or
 * "none", alone: none. -1 and *e: not an address, another account's, or too many. */
int control_senders(const struct directory *d, const json_t *list, struct arena *a,
                    struct store_account *to, struct error *e);
/* Tells which of them bring no mail. */
void control_senders_note(struct control_call *r, const struct store_account *a);

/* control_import.c */
void control_account_import(struct control_call *r);
/* Nobody goes on with an import that was broken off. */
void control_account_forget(struct control_call *r);
/* Those that were: a new reference. */
json_t *control_imports(struct house *h);

/* control_hosts.c */
void control_host_ls(struct control_call *r);
void control_host_show(struct control_call *r);
void control_host_add(struct control_call *r);
void control_host_set(struct control_call *r);
void control_host_lock(struct control_call *r);
void control_host_unlock(struct control_call *r);
void control_host_rm(struct control_call *r);

/* control_domains.c */
/* Tells the other processes, when all went well. */
void control_domains_changed(struct control_call *r);
void control_domain_ls(struct control_call *r);
void control_domain_add(struct control_call *r);
void control_domain_set(struct control_call *r);
void control_domain_rm(struct control_call *r);
void control_alias_ls(struct control_call *r);
void control_alias_add(struct control_call *r);
void control_alias_set(struct control_call *r);
void control_alias_rm(struct control_call *r);

/* control_sending.c */
void control_account_release(struct control_call *r);

#endif
