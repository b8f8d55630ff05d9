/* dsn_texts: the sentences of a report, one row for each language. A further language is a row
 * here, rows in cause_texts.c and finding_texts.c, an enum dsn_language and a word in conf/rows.c.
 * The tests tell what is missing. */
#ifndef PORT26_MAIL_DSN_TEXTS_H
#define PORT26_MAIL_DSN_TEXTS_H

#include "mail/dsn.h"

struct dsn_texts_kind {
    const char *subject; /* ASCII: it stands in a header field */
    const char *opening, *label;
};

struct dsn_texts {
    struct dsn_texts_kind kind[DSN_SUCCESS + 1];
    struct dsn_texts_kind passed; /* a success as far as it is known here: relayed, expanded */
    const char *subject_to;       /* between the kind and the address; ASCII */
    const char *recipient, *recipients;     /* "1 recipient", "2 recipients"; ASCII */
    const char *who;                        /* "Who can repair it:" */
    const char *owner[OWNER_RECIPIENT + 1]; /* NULL: not told */
    const char *far, *note, *relayed, *expanded, *maybe;
    const char *unsaid; /* instead of words that this language has not */
    const char *date;   /* takes day, month's name, year, time, zone; "": as RFC 5322 writes it */
    const char *month[12];
    const char *tried, *time, *times, *last_try, *until;
    const char *their_subject, *accepted;
    const char *help; /* takes the address (two parts), the id, and what follows */
    const char *whole, *header;
    const char *system;             /* "The mail system of " */
    const char *many;               /* subject of a bundle, behind the number of reports; ASCII */
    const char *bundle;             /* what it is, before their subjects */
    const char *from;               /* whose name stands before our address; ASCII */
    const char *mime, *mime_bundle; /* for programs that know no parts; ASCII */
};

const struct dsn_texts *dsn_texts(enum dsn_language l);

#endif
