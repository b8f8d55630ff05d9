/* The further addresses of an account, as commands and imports give them. Each belongs to one
 * account: of two that claim it one would get the other's mail. */
#include "serve/control_parts.h"

#include "base/id.h"
#include "base/memory.h"
#include "mail/address.h"

/* "@domain", or an address, in the form that is kept; empty: neither. */
static struct span canonical(struct span typed, struct arena *a)
{
    struct text out = TEXT_INIT(1024), domain = TEXT_INIT(1024);
    struct span kept = SPAN_NONE;

    if (span_starts(typed, SPAN("@"))) {
        if (address_domain_canon(span_from(typed, 1), &domain) &&
            address_domain_ok(text_span(&domain), false))
            text_addf(&out, "@%s", text_cstr(&domain));
    } else if (span_find(typed, '@') < 0 || !directory_name(typed, &out)) {
        text_clear(&out);
    }
    if (out.len)
        kept = arena_span(a, text_span(&out));
    text_free(&out);
    text_free(&domain);
    return kept;
}

static bool claims(const struct account *acc, struct span address)
{
    ptrdiff_t at = span_rfind(address, '@');

    if (span_eq(acc->name, address) ||
        (at > 0 && span_eq(acc->name, span_head(address, (size_t)at))))
        return true;
    for (size_t i = 0; i < acc->alias_count; i++)
        if (span_eq(acc->aliases[i], address))
            return true;
    return false;
}

/* Whose it is already. Of a whole domain: who gets a name in it that nobody has. */
static const struct account *owner(const struct directory *d, struct span address, struct arena *a)
{
    const struct account *found;
    struct id id = id_new();
    char name[ID_TEXT + 1];

    id_text(&id, name);
    found = directory_owner(d, address.at[0] == '@'
                                   ? span_of(arena_printf(a, "%s%.*s", name, SPAN_ARG(address)))
                                   : address);
    return found && claims(found, address) ? found : NULL;
}

int control_senders(const struct directory *d, const json_t *list, struct arena *a,
                    struct store_account *to, struct error *e)
{
    size_t n = json_array_size(list);

    if (n > STORE_SENDERS_MAX)
        return error_set(e, ERROR_INPUT, "more than %d aliases", STORE_SENDERS_MAX);
    to->senders = arena_alloc(a, n * sizeof *to->senders);
    to->sender_count = 0;
    for (size_t i = 0; i < n; i++) {
        struct span typed = span_of(json_string_value(json_array_get(list, i)));
        struct span address = canonical(typed, a);
        const struct account *whose;

        if (n == 1 && (!typed.len || span_is(typed, "none")))
            return 0;
        if (!address.len)
            return error_set(e, ERROR_INPUT,
                             "\"%.*s\" is no alias: write an address such as sales@example.com, or "
                             "@example.com for all of a domain",
                             SPAN_ARG(span_head(typed, 100)));
        whose = owner(d, address, a);
        if (whose && !span_eq(whose->name, to->name))
            return error_set(e, ERROR_INPUT,
                             "%.*s belongs to the account %.*s already; for an address that stands "
                             "for several use `port26 alias add`",
                             SPAN_ARG(address), SPAN_ARG(whose->name));
        to->senders[to->sender_count++] = address;
    }
    return 0;
}

void control_senders_note(struct control_call *r, const struct store_account *a)
{
    const struct directory *d = r->house->directory;

    for (size_t i = 0; i < a->sender_count; i++) {
        struct span address = a->senders[i];
        struct span domain = span_from(address, (size_t)span_rfind(address, '@') + 1);

        if (!directory_domain(d, domain))
            control_note(r,
                         "Careful: the domain of %.*s is not ours: it may send as that, but mail "
                         "for it does not come here.",
                         SPAN_ARG(address));
        else if (directory_alias(d, address))
            control_note(r,
                         "Careful: there is an alias %.*s too, which gets the mail: `port26 alias "
                         "rm %.*s` gives it to this account.",
                         SPAN_ARG(address), SPAN_ARG(address));
    }
}
