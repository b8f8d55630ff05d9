/* report: which reports (delivery status notifications) people get, by RFC 3461 4.1 and P3, and
 * making them. */
#ifndef PORT26_QUEUE_REPORT_H
#define PORT26_QUEUE_REPORT_H

#include "mail/dsn.h"
#include "mail/message.h"
#include "mail/outcome.h"
#include "store/store.h"

enum report_kind { REPORT_NONE, REPORT_FAILED, REPORT_DELAYED, REPORT_DONE, REPORT_KINDS };

/* What happened to a recipient just now. */
enum report_fact {
    REPORT_FACT_FAILED,
    REPORT_FACT_WAITS,   /* longer than the delay notice's time */
    REPORT_FACT_FINAL,   /* delivered here, to the inbox */
    REPORT_FACT_RELAYED, /* given to a host that sends no reports itself */
    REPORT_FACT_PASSED,  /* given to a host that will send them */
    REPORT_FACT_EXPANDED /* an alias gave way to several others (RFC 3461 5.2.7) */
};

/* Which report does it call for? NONE when the sender is <> (`bounce`) or NOTIFY forbids it. */
enum report_kind report_for(enum report_fact fact, unsigned notify, bool bounce);

/* One recipient in a report. */
struct report_line {
    uint32_t number;   /* within the message */
    unsigned attempts; /* so far */
    enum report_fact fact;
    struct outcome outcome;
};

struct report {
    enum report_kind kind;
    enum dsn_language language;
    struct id id;           /* of the report as a message */
    const char *host;       /* our name */
    const char *postmaster; /* whom people may write to, or NULL */
    int64_t now;            /* wall clock */
    int64_t until;          /* wall clock: how long a delayed one is still tried */
    size_t count;
    struct report_line *lines;
};

/* Composes the report about `head` as a message from <> to its sender, which is not <>. `content`
 * may be empty (the message is damaged). All spans live in `a`. False when it grew beyond all
 * bounds. */
bool report_compose(const struct report *r, const struct store_head *head,
                    const struct content *content, struct arena *a, struct message *out);

#endif
