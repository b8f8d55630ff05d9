#include "probe/finer.h"

#include "base/memory.h"
#include "mail/reading.h"

#include <string.h>

#define AT(stage) (1U << (stage))
#define OPENING   (AT(STAGE_CONNECT) | AT(STAGE_GREETING) | AT(STAGE_HELO))

/* The first that fits holds. */
static const struct {
    enum cause cause;
    unsigned stages;   /* 0: wherever */
    unsigned code;     /* 0: any */
    const char *words; /* as reading_says takes them; NULL: whatever */
    const char *id;
} finer[] = {
    {CAUSE_MAILBOX_FULL, AT(STAGE_MAIL), 0, NULL, "M1"},
    {CAUSE_MAILBOX_FULL, 0, 0,
     "your mailbox|your account|your hosting account|sender's mailbox|sender mailbox|your quota|"
     "sender is over|sender over quota|your disk quota|your inbox",
     "M1"},
    {CAUSE_AUTH_BAD, 0, 0,
     "full email address|full e-mail address|complete email|complete e-mail|username should be|"
     "username must be|user name must be|full address as|short user name|short username|"
     "without the domain|without domain|without @|part before the @|invalid user name&@|"
     "user name only&mail|username only&mail",
     "A4"},
    {CAUSE_AUTH_BAD, 0, 0, "internet access login|isp username|access account|access provider",
     "A5"},
    {CAUSE_RECIPIENT_DOMAIN, OPENING, 0, NULL, "S11"},
    {CAUSE_RECIPIENT_DOMAIN, 0, 521, NULL, "S11"},
    {CAUSE_RECIPIENT_DOMAIN, 0, 0, "no smtp service", "S11"},
    {CAUSE_TLS_REQUIRED, AT(STAGE_AUTH), 0, NULL, "A9"},
    {CAUSE_TLS_REQUIRED, 0, 538, NULL, "A9"},
    {CAUSE_TLS_FAILURE, 0, 0,
     "protocol version|unsupported protocol|no shared cipher|handshake_failure|tls version|"
     "tlsv1.0|tls 1.0|tls 1.2 or",
     "S6"},
    {CAUSE_IP_BLOCKED, 0, 0, "pbl.spamhaus|policy block list|policy blocklist", "S8"},
};

const char *finer_id(enum cause cause, enum stage stage, unsigned code, struct span plain)
{
    for (size_t i = 0; i < COUNT(finer); i++)
        if (finer[i].cause == cause && (!finer[i].stages || (finer[i].stages & AT(stage))) &&
            (!finer[i].code || finer[i].code == code) &&
            (!finer[i].words || reading_says(plain, finer[i].words).len))
            return finer[i].id;
    return NULL;
}

const char *finer_more(const char *id, struct span plain)
{
    static const struct {
        const char *id, *words, *more;
    } rows[] = {
        {"M1",
         "hosting account|whole account|disk quota of the domain|domain quota|quota of the domain",
         "It is the space of the whole hosting account: what all its mailboxes hold counts"},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        if (strcmp(rows[i].id, id) == 0 && reading_says(plain, rows[i].words).len)
            return rows[i].more;
    return "";
}
