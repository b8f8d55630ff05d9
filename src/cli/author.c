#include "cli/author.h"

#include "mail/address.h"

#include <pwd.h>
#include <unistd.h>

/* Field of /etc/passwd: "Full Name,room,phone"; "&" is the login (an old custom). */
static struct span full_name(struct arena *a, const struct passwd *pw)
{
    struct span rest = span_of(pw->pw_gecos), name;
    ptrdiff_t mark;

    if (!span_cut(&rest, ',', &name))
        return SPAN_NONE;
    mark = span_find(name, '&');
    if (mark < 0)
        return arena_span(a, name);
    return span_of(arena_printf(a, "%.*s%s%.*s", SPAN_ARG(span_head(name, (size_t)mark)),
                                pw->pw_name, SPAN_ARG(span_from(name, (size_t)mark + 1))));
}

void author_self(const struct config *c, struct arena *a, struct author *out)
{
    const struct passwd *pw = getpwuid(getuid());
    struct address parsed;

    *out = (struct author){0};
    if (pw) {
        out->login = arena_span(a, span_of(pw->pw_name));
        out->name = full_name(a, pw);
        out->address = span_of(arena_printf(a, "%s@%s", pw->pw_name, c->hostname));
    }
    if (address_parse(out->address, true, &parsed) == PATH_OK)
        return;
    out->login = span_of(arena_printf(a, "uid-%u", (unsigned)getuid()));
    out->address = span_of(arena_printf(a, "%.*s@%s", SPAN_ARG(out->login), c->hostname));
}

struct span author_domain(const struct config *c)
{
    if (!c->domains.count || config_domain(c, span_of(c->hostname)))
        return span_of(c->hostname);
    return span_of(c->domains.at[0]);
}
