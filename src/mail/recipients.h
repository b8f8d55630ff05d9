/* recipients: addresses as people write them, on a command line or in To, Cc and Bcc (RFC 5322
 * section 3.4 with the old forms of 4.4): names, groups, comments, quoted strings, folded lines. A
 * general MIME library is too kind for this: it makes "a@b" of "a@b@c" and passes over what it does
 * not understand, and a recipient that is passed over gets no mail. Here all is read, or nothing.
 *
 *     list    = [ item ] *( ("," / ";") [ item ] )
 *     item    = addr-spec / [phrase] "<" [route] addr-spec ">" / phrase ":" [ list ] ";"
 */
#ifndef PORT26_MAIL_RECIPIENTS_H
#define PORT26_MAIL_RECIPIENTS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"

enum {
    RECIPIENTS_HEADER_MAX = 1 << 20, /* octets of a header that is looked through */
    RECIPIENTS_MAX = 10000,
};

struct recipients {
    struct arena *arena; /* the caller's; the addresses live here */
    struct span domain;  /* put behind "@" of names without one; empty: such names are refused */
    struct map *known;
    struct span *at; /* as envelopes have them, local@domain; each once */
    size_t count, room;
    bool utf8; /* one of them needs SMTPUTF8 */
};

/* `domain` and `arena` must outlive it. */
void recipients_init(struct recipients *r, struct arena *arena, struct span domain);
void recipients_free(struct recipients *r);
/* Adds all addresses of a list. 0, or -1 and *e (ERROR_INPUT), which quotes what could not be read;
 * what was added before it stays. A list of nothing is fine. */
int recipients_list(struct recipients *r, struct span list, struct error *e);
/* Adds those of To, Cc and Bcc; when there are Resent-To, -Cc or -Bcc, of these instead (RFC 5322
 * 3.6.6). `header` ends at its end, or at the blank line. */
int recipients_header(struct recipients *r, struct span header, struct error *e);
/* A sender: one address, or "" or "<>" for none. */
int recipients_sender(struct span text, struct span domain, struct arena *a, struct span *out,
                      struct error *e);

#endif
