/* session_pages_parts: what the files of the pages share, for src/serve/session_pages*.c only. */
#ifndef PORT26_SERVE_SESSION_PAGES_PARTS_H
#define PORT26_SERVE_SESSION_PAGES_PARTS_H

#include "clients/clients.h"
#include "serve/session_pages.h"

enum { SESSION_PAGES_MAX = CLIENTS_TEXT_MAX };

/* One question under way. */
struct asking {
    struct session_pages *pages;
    const struct http_server_request *request;
    struct http_server_answer *out;
};

const struct config *session_pages_config(const struct asking *q);
void session_pages_extra(struct asking *q, const char *name, struct span value);
/* Takes what stands in `text`, and frees it, for the answer. Always true. */
bool session_pages_give(struct asking *q, const char *type, struct text *text);
/* Later may do; 404 would be believed for days. Always true. */
bool session_pages_busy(struct asking *q);

/* The Host without its port. */
struct span session_pages_host(const struct asking *q);
/* The domain that the Host field names, behind `prefix` when it begins with that; false: nonsense,
 * or the prefix is not there though `needed`. */
bool session_pages_domain(const struct asking *q, const char *prefix, bool needed,
                          struct span *out);
/* The address in the query: 1, 0 when there is none, -1 when it is no address. */
int session_pages_address(const struct asking *q, struct span *address, struct span *domain);
/* The settings for a domain: 1, 0 when it is none of ours or has none, -1: the keeper cannot tell
 * now. `form` is for the log. */
int session_pages_offer(struct asking *q, const char *form, struct span domain, struct span address,
                        struct clients_offer *out);
/* Writes one of clients_forms for a domain, if it is ours. False: there is no such page. */
bool session_pages_form(struct asking *q, size_t form, struct span domain, struct span address);
/* Did the question come by TLS, to us or to a web server before us? */
bool session_pages_secure(const struct asking *q);
/* "https://HOST", or ":PORT" behind it, where the same pages are had over TLS; or NULL. HOST is the
 * name that was asked for when there is a certificate for it, else clients { host }. */
const char *session_pages_https(const struct asking *q);
/* Sends who came in the clear to `path` there, with the address when there is one. False: they are
 * not in the clear, or there is no such place. */
bool session_pages_to_https(struct asking *q, const char *path, struct span address);

/* ---- pages of other files, as the table in session_pages.c has them ---- */

/* Autodiscover: the question by GET, by POST, and its second version. */
bool session_pages_outlook(struct asking *q);
bool session_pages_outlook_posted(struct asking *q, struct span body, int failed);
bool session_pages_outlook_json(struct asking *q);
/* For people with a browser. */
bool session_pages_root(struct asking *q);
bool session_pages_settings(struct asking *q);
bool session_pages_style(struct asking *q);

#endif
