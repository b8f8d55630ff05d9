/* vsize: how many octets a file with LF line ends has when it is sent with CR LF. The virtual size
 * (Dovecot's word, "W=" in names) counts one more for every LF that has no CR before it; what POP3
 * sends has a line end after the last line as well (RFC 1939 section 3). */
#ifndef PORT26_MAILDIR_VSIZE_H
#define PORT26_MAILDIR_VSIZE_H

#include "base/span.h"

struct vsize {
    uint64_t size; /* octets of the file */
    uint64_t bare; /* LFs without a CR before them */
    char last;     /* the last octet */
};

/* Adds the next octets of the file; begin with a zeroed struct. */
void vsize_add(struct vsize *v, struct span s);
/* All octets of fd from its beginning. 0 or a negative errno. */
int vsize_read(struct vsize *v, int fd);
uint64_t vsize_virtual(const struct vsize *v);
uint64_t vsize_sent(const struct vsize *v);

#endif
