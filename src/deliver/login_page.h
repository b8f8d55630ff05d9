/* login_page: does the network want a login before it lets anything out? Asked only when a look for
 * a relay's doors found none open, and only where the settings name a host for it. While there is a
 * login page, the question is asked again every few seconds, so that mail goes on by itself soon
 * after somebody has logged in. */
#ifndef PORT26_DELIVER_LOGIN_PAGE_H
#define PORT26_DELIVER_LOGIN_PAGE_H

#include "dns/dns.h"
#include "io/loop.h"

enum {
    LOGIN_PAGE_AGAIN = 5 * 1000,  /* ms between two questions, */
    LOGIN_PAGE_LATER = 30 * 1000, /* and after LOGIN_PAGE_SOON */
    LOGIN_PAGE_SOON = 10 * 60 * 1000,
    LOGIN_PAGE_QUIET = 60 * 1000, /* ms before a network that has none is asked again, */
    LOGIN_PAGE_MUTE = 15 * 1000,  /* or one that gave no answer */
};

struct login_page;

/* `host` "": nobody is ever asked. `told` hears that there is one (its words: an address of the
 * web, or a status), and "" when there is none any more; `asked`: because it has been asked, and
 * not by login_page_gone. */
struct login_page *login_page_new(struct loop *l, struct dns *dns, const char *host,
                                  void (*told)(void *arg, const char *words, bool asked),
                                  void *arg);
/* Nobody is told any more. NULL is fine; nulls the pointer. */
void login_page_free(struct login_page **p);
/* No door is open: asks, unless that is under way. */
void login_page_ask(struct login_page *p);
/* A door is open, or the network is another one: `told` hears "" when there was one. */
void login_page_gone(struct login_page *p);
/* Its words, safe to show, or NULL. */
const char *login_page_words(const struct login_page *p);

#endif
