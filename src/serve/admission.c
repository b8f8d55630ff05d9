#include "serve/admission.h"

#include "mail/address.h"
#include "mail/xtext.h"

#include <sys/stat.h>
#include <unistd.h>

enum { PARAMETER_MAX = 1000 };

static bool address_good(struct span s)
{
    struct address a;

    return address_parse(s, true, &a) == PATH_OK && a.whole.len == s.len;
}

/* "addr-type;xtext" of RFC 3461 4.2. */
static bool orcpt_good(struct span s)
{
    struct span rest = s, type;

    if (!s.len)
        return true;
    return s.len <= PARAMETER_MAX && span_cut(&rest, ';', &type) && type.len && xtext_ok(type) &&
           rest.len && xtext_ok(rest);
}

static bool recipient_good(const struct recipient *r)
{
    const unsigned all = NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY;

    return (address_good(r->address) || span_iis(r->address, "postmaster")) &&
           orcpt_good(r->orcpt) && !(r->notify & ~all);
}

/* Only a file that the keeper lent: nobody else can have made one with our owner and no name. */
static bool content_good(const struct content *c)
{
    struct stat st;

    if (c->fd < 0)
        return c->size == c->body.len;
    return fstat(c->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           st.st_nlink == 0 && (uint64_t)st.st_size >= c->size;
}

static struct reply bad(struct arena *a, const char *what)
{
    return reply_make(a, 554, "5.6.0",
                      "What was handed over is not a mail: %s. Is the program of this version?",
                      what);
}

struct reply admission_check(const struct message *m, uint64_t size_max, struct arena *a)
{
    const struct envelope *e = &m->envelope;

    if (e->sender.len && !address_good(e->sender))
        return bad(a, "its sender is no address");
    if (!e->count)
        return bad(a, "it has no recipients");
    for (size_t i = 0; i < e->count; i++)
        if (!recipient_good(&e->recipients[i]))
            return bad(a, "a recipient of it is no address");
    if (e->envid.len > PARAMETER_MAX || !xtext_ok(e->envid))
        return bad(a, "its envelope id cannot be written in SMTP");
    if (!content_good(&m->content) || m->header_size > m->content.size)
        return bad(a, "its text is not where it should be");
    if (size_max && m->content.size > size_max)
        return reply_make(a, 552, "5.3.4",
                          "The message is bigger than the %llu octets taken here (message-size)",
                          (unsigned long long)size_max);
    return (struct reply){0};
}
