/* header: looks through the header of a message while its bytes pass, in bounded memory and at any
 * split. It drops the fields that must not go on, notes which ones are there, and makes sure that
 * the header has an end: what follows it can never be taken for a header field.
 *
 * A line ends at CR LF, and also at a CR or LF that stands alone, because that is what becomes of
 * them when the message leaves (dot.h). Such a CR gets its LF here; everything else that is kept is
 * kept octet for octet. */
#ifndef PORT26_MAIL_HEADER_H
#define PORT26_MAIL_HEADER_H

#include "base/span.h"
#include "base/text.h"
#include "mail/dot.h"

enum header_mode {
    HEADER_SUBMISSION, /* from a user: Bcc, Resent-Bcc and Return-Path are dropped */
    HEADER_EXCHANGE,   /* from another server: Return-Path is dropped */
    /* from both: Authentication-Results that claim to be ours */
};

/* The fields that are counted. */
enum header_field {
    HEADER_DATE,
    HEADER_FROM,
    HEADER_SENDER,
    HEADER_MESSAGE_ID,
    HEADER_RECEIVED,
    HEADER_AUTO_SUBMITTED,
    HEADER_DROPPED, /* Bcc, Resent-Bcc, Return-Path */
    HEADER_RESULTS, /* Authentication-Results, whoever's */
    HEADER_DELIVERED_TO,
    HEADER_FIELDS,
};

enum {
    HEADER_NAME_MAX = 256,       /* a longer "name" is no field name */
    HEADER_RESULTS_MAX = 1024,   /* where the server's name must have ended in its results */
    HEADER_RECEIVED_MAX = 100,   /* RFC 5321 6.3: more is a loop */
    HEADER_DELIVERED_MAX = 8192, /* bytes kept of all Delivered-To fields */
};

struct header {
    enum header_mode mode;
    dot_out *out;
    void *arg;
    int state;
    bool dropping, keeping_delivered, judging, any;
    char held[HEADER_NAME_MAX]; /* the start of a line that is not understood yet */
    size_t held_len;
    struct text delivered; /* Delivered-To fields, a line feed before each */
    struct text doubt;     /* of a field while it is not known whether it is dropped */
    /* --- for the caller to set after header_init */
    struct span host; /* our name: results under it (RFC 8601 5) are forged, none of ours is there
                         yet; empty: all are kept */
    /* --- for the caller to read */
    unsigned count[HEADER_FIELDS];
    uint64_t size; /* octets of the header that came in, with the blank line (about, when mended) */
    bool ended;    /* the body was reached */
    bool mended;   /* the blank line was missing and was put in */
    bool refused;  /* out() returned false; it was not called again */
};

/* out() gets the message without the dropped fields; when it returns false, it is not called again,
 * but fields are counted on. */
void header_init(struct header *h, enum header_mode mode, dot_out *out, void *arg);
void header_free(struct header *h);
/* The next bytes of the message. */
void header_feed(struct header *h, struct span bytes);
/* The message is over: gives out what was held back. */
void header_finish(struct header *h);
/* More than HEADER_RECEIVED_MAX Received fields: refuse with 554 5.4.6 (HOSTILE 94). */
bool header_looping(const struct header *h);
/* Does a Delivered-To field name this address, in whatever spelling? */
bool header_was_delivered(const struct header *h, struct span address);

#endif
