/* page_texts: the words of the pages, one row for each language. A further language is a row here
 * and an enum page_language. */
#ifndef PORT26_CLIENTS_PAGE_TEXTS_H
#define PORT26_CLIENTS_PAGE_TEXTS_H

#include "clients/clients.h"

enum page_language { PAGE_ENGLISH, PAGE_GERMAN, PAGE_LANGUAGES };

struct page_texts {
    const char *tag; /* RFC 5646 */
    const char *title, *title_for;
    const char *what, *address, *show; /* the question */
    const char *none, *foreign;        /* what is wrong with an address; foreign: %s the domain */
    const char *simple, *apple, *apple_then, *two_ways;
    const char *heading[CLIENTS_SUBMISSION + 1];
    const char *server, *port, *port_in /* a sentence */, *sealing, *user, *password;
    const char *its_password, *same_password;
    const char *shut, *in_turn;
    const char *from, *another;
};

const struct page_texts *page_texts(enum page_language l);

#endif
