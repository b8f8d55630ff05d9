#include "probe/findings.h"

#include "base/memory.h"

#define X(id, name) name,
static const char *const whos[] = {FINDINGS_WHO_LIST(X)};
static const char *const states[] = {FINDINGS_STATE_LIST(X)};
static const char *const talks[] = {FINDINGS_TALK_LIST(X)};
#undef X

const char *findings_who_name(enum findings_who w)
{
    return (unsigned)w < COUNT(whos) ? whos[w] : "";
}

const char *findings_state_name(enum findings_state s)
{
    return (unsigned)s < COUNT(states) ? states[s] : "";
}

const char *findings_talk_name(enum findings_talk t)
{
    return (unsigned)t < COUNT(talks) ? talks[t] : "";
}

const struct findings_door *findings_find(const struct findings *f, enum findings_who who,
                                          unsigned port, int family)
{
    for (size_t i = 0; i < f->door_count; i++) {
        const struct findings_door *d = &f->door[i];

        if (d->who == who && d->port == port &&
            (family == AF_UNSPEC || d->address.ss_family == family))
            return d;
    }
    return NULL;
}

bool findings_speaks(const struct findings_door *d)
{
    return d && d->state == DOOR_OPEN && d->talk == TALK_SMTP;
}

bool findings_shut(const struct findings_door *d)
{
    return d && d->state >= DOOR_SILENT && d->state <= DOOR_UNREACHABLE;
}

bool findings_verified(const struct findings_door *d)
{
    return d && d->tls == SEALED_YES && d->verdict == TLS_VERIFIED;
}

const char *findings_auth(const struct findings_door *d)
{
    return d->auth_tls[0] ? d->auth_tls : d->auth;
}
