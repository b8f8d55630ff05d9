/* client_content: the bytes of a message in pieces, from memory or from a file; for clients of SMTP
 * and of what does its work.
 */
#ifndef PORT26_SMTP_CLIENT_CONTENT_H
#define PORT26_SMTP_CLIENT_CONTENT_H

#include "mail/message.h"

struct client_content {
    const struct content *from;
    uint64_t at; /* octets handed out */
    size_t piece;
    char *buf; /* for files; made at the first need */
};

/* `piece`: the most a read gives. */
void client_content_init(struct client_content *r, const struct content *from, size_t piece);
void client_content_free(struct client_content *r);
/* The next piece, valid until the next call. 1, 0 at the end, negative errno: -EIO also when the
 * file is shorter than promised. */
int client_content_next(struct client_content *r, struct span *piece);
/* Prefix and body. */
uint64_t client_content_size(const struct content *from);

/* What stands in it; bits. */
enum client_content_has {
    CONTENT_8BIT = 1,        /* bytes above 127 anywhere */
    CONTENT_8BIT_HEADER = 2, /* before the first blank line */
    CONTENT_LONG = 4,        /* a line over 998 octets (RFC 5322 2.1.1) */
    CONTENT_NUL = 8,
    CONTENT_BARE = 16, /* CR or LF alone */
};
/* Reads all of it once. 0 and *has, or a negative errno. */
int client_content_scan(const struct content *from, unsigned *has);

#endif
