/* mime: reads a message from anywhere as far as a person or a bounce reader needs it: its text, the
 * machine-readable part of a delivery report (RFC 3464), some header fields. By GMime. */
#ifndef PORT26_MAIL_MIME_H
#define PORT26_MAIL_MIME_H

#include "base/arena.h"
#include "base/span.h"

enum { MIME_TEXT_MAX = 256 * 1024, MIME_PARTS_MAX = 64 };

struct mime {
    struct span from, subject;
    struct span failed; /* X-Failed-Recipients, which Exim writes */
    struct span text;   /* the text parts in order, decoded to UTF-8; HTML without its marks, only
                           when there is no plain text */
    struct span status; /* of the first message/delivery-status part, decoded; or empty */
};

/* Everything lives in the arena. False when the bytes are no message at all. The message that a
 * report carries back is not read. */
bool mime_read(struct span message, struct mime *out, struct arena *a);

#endif
