/* message: a whole mail as it is handed over: from a client through the listener to the keeper, or
 * from the command line. */
#ifndef PORT26_MAIL_MESSAGE_H
#define PORT26_MAIL_MESSAGE_H

#include "mail/envelope.h"

/* The bytes of a mail: `prefix` (the fields we put before it: Received, missing Date and
 * Message-ID) and then the body. Lines end in CR LF, nothing is dot-stuffed. The body is either in
 * memory or in a file. */
struct content {
    struct span prefix;
    struct span body; /* when fd < 0 */
    int fd; /* >= 0: a file whose bytes 0 to size are the body; owned by whoever holds the content
             */
    uint64_t size; /* octets of the body, without the prefix */
};

struct message {
    struct envelope envelope;
    struct origin origin;
    struct content content;
    int64_t arrived;      /* wall-clock milliseconds */
    uint32_t header_size; /* octets of the body up to and with the blank line; for reports with
                             headers only */
    struct span once;     /* key under which the client may hand it over again without a second copy
                             (store.h); empty: none */
    uint64_t once_digest; /* of what it handed over under that key */
    bool once_loose;      /* what differs under that key is another message, and no mistake */
    /* Aliases among the recipients that gave way to several others and whose sender is to be told
     * so (RFC 3461 5.2.7); never in a letter. */
    struct recipient *expanded;
    size_t expanded_count;
    bool own; /* the house's own mail (a warning): no quota refuses it; never in a letter */
};

#endif
