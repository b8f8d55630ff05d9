#include "mail/recipients.h"

#include "base/memory.h"
#include "base/text.h"
#include "mail/address.h"
#include "mail/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { ADDRESS_MAX = 1024, QUOTE_MAX = 80 };

/* An item being read. `bare` is what it says without comments and folding: an address when nothing
 * but "." and "@" joins its words. */
struct item {
    struct span all, rest; /* `all` for words to people */
    struct text bare;
    bool gap;     /* blanks or a comment stand before what comes next */
    bool comment; /* a comment does */
    bool phrase;  /* words with a gap between them: a name, never an address */
};

void recipients_init(struct recipients *r, struct arena *arena, struct span domain)
{
    *r = (struct recipients){.arena = arena, .domain = domain, .known = map_new()};
}

void recipients_free(struct recipients *r)
{
    map_free(&r->known);
    free(r->at);
    r->at = NULL;
    r->count = r->room = 0;
}

static int unreadable(const struct item *it, struct error *e, const char *why)
{
    struct span s = span_trim(span_head(it->all, it->all.len - it->rest.len));

    if (s.len > QUOTE_MAX)
        s = span_from(s, s.len - QUOTE_MAX);
    return error_set(e, ERROR_INPUT, "'%.*s' cannot be read as an address: %s", SPAN_ARG(s), why);
}

/* ---- one address ---- */

static bool has_at(struct span s)
{
    bool quoted = false;

    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"')
            quoted = !quoted;
        else if (s.at[i] == '\\')
            i++;
        else if (s.at[i] == '@' && !quoted)
            return true;
    }
    return false;
}

/* An address of ASCII letters before the "@" needs no SMTPUTF8: its domain has a form for all. */
static struct span plain_domain(struct arena *a, const struct address *addr)
{
    struct text domain = TEXT_INIT(ADDRESS_MAX);
    struct span out = addr->whole;

    if (addr->utf8 && !utf8_high(addr->local) && address_domain_canon(addr->domain, &domain))
        out = span_of(arena_printf(a, "%.*s@%s", SPAN_ARG(addr->local), text_cstr(&domain)));
    text_free(&domain);
    return out;
}

static bool known(struct recipients *r, struct span address)
{
    struct address a;
    struct text key = TEXT_INIT(ADDRESS_MAX);
    bool again;

    again = address_parse(address, true, &a) == PATH_OK && address_canon(&a, false, &key) &&
            map_put(r->known, text_span(&key), r);
    text_free(&key);
    return again;
}

static int add(struct recipients *r, const struct item *it, struct error *e)
{
    struct span s = text_span(&it->bare);
    struct address a;

    if (!has_at(s) && r->domain.len)
        s = span_of(arena_printf(r->arena, "%.*s@%.*s", SPAN_ARG(s), SPAN_ARG(r->domain)));
    else
        s = arena_span(r->arena, s);
    if (it->bare.full || address_parse(s, true, &a) != PATH_OK)
        return unreadable(it, e, "it should look like name@example.org");
    s = plain_domain(r->arena, &a);
    if (known(r, s))
        return 0;
    if (r->count == RECIPIENTS_MAX)
        return error_set(e, ERROR_INPUT,
                         "more than %d recipients: send it to some at a time, or use a list server",
                         (int)RECIPIENTS_MAX);
    if (r->count == r->room) {
        r->room = r->room ? 2 * r->room : 16;
        r->at = memory_grow(r->at, r->room * sizeof *r->at);
    }
    r->at[r->count++] = s;
    r->utf8 = r->utf8 || utf8_high(s);
    return 0;
}

/* ---- tokens: each takes its bytes off the front of it->rest ---- */

static char peek(const struct item *it)
{
    return it->rest.len ? it->rest.at[0] : '\0';
}

static bool at_any(const struct item *it, const char *set)
{
    return peek(it) && strchr(set, peek(it));
}

static char next(struct item *it)
{
    char c = it->rest.at[0];

    it->rest = span_from(it->rest, 1);
    return c;
}

static bool skip_comment(struct item *it)
{
    unsigned depth = 0;

    while (it->rest.len) {
        char c = next(it);

        if (c == '\\' && it->rest.len)
            next(it);
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            return true;
    }
    return false;
}

/* Blanks, folding and comments; false for a comment without end. */
static bool skip_space(struct item *it)
{
    while (it->rest.len) {
        char c = peek(it);

        if (c == '(') {
            if (!skip_comment(it))
                return false;
            it->comment = true;
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            next(it);
        } else {
            break;
        }
        it->gap = true;
    }
    return true;
}

static bool joins(char c)
{
    return c == '.' || c == '@';
}

/* Blanks around "." and "@" are an old custom. So are comments there, but "$(id)@example.org" was
 * not meant as one: in the middle of an address they are refused. */
static void put(struct item *it, char c)
{
    if (it->gap && it->bare.len &&
        (it->comment || (!joins(it->bare.at[it->bare.len - 1]) && !joins(c))))
        it->phrase = true;
    it->gap = it->comment = false;
    text_addc(&it->bare, c);
}

/* A quoted string or a domain literal, with its marks; folding inside it is dropped. */
static bool take_until(struct item *it, char end)
{
    put(it, next(it));
    while (it->rest.len) {
        char c = next(it);

        if (c == '\r' || c == '\n')
            continue;
        put(it, c);
        if (c == end)
            return true;
        if (c == '\\' && it->rest.len)
            put(it, next(it));
    }
    return false;
}

/* Words up to one of `ends` (left where it is) or the end. 0, or -1 and *e. */
static int take_words(struct item *it, const char *ends, struct error *e)
{
    while (true) {
        bool good = skip_space(it);
        char c = peek(it);

        if (!good)
            return unreadable(it, e, "a comment in it has no ')'");
        if (!it->rest.len || at_any(it, ends))
            return 0;
        if (c == '"')
            good = take_until(it, '"');
        else if (c == '[')
            good = take_until(it, ']');
        else
            put(it, next(it));
        if (!good)
            return unreadable(it, e, "a quote or bracket in it is not closed");
    }
}

static void forget(struct item *it)
{
    text_clear(&it->bare);
    it->gap = it->comment = it->phrase = false;
}

/* ---- items ---- */

/* "@relay.example,@other.example:" before an address says nothing any more (RFC 5321 C). */
static int take_route(struct item *it, struct error *e)
{
    if (!skip_space(it) || peek(it) != '@')
        return 0;
    if (take_words(it, ":>", e) < 0)
        return -1;
    if (peek(it) != ':')
        return unreadable(it, e, "it should look like name@example.org");
    next(it);
    forget(it);
    return 0;
}

static int take_angle(struct recipients *r, struct item *it, struct error *e)
{
    next(it);
    forget(it);
    if (take_route(it, e) < 0 || take_words(it, "<>", e) < 0)
        return -1;
    if (peek(it) != '>')
        return unreadable(it, e, "its '<' has no '>'");
    next(it);
    if (it->phrase || !it->bare.len)
        return unreadable(it, e, "between '<' and '>' there must be one address and no comment");
    if (add(r, it, e) < 0)
        return -1;
    forget(it);
    if (!skip_space(it) || (it->rest.len && !at_any(it, ",;")))
        return unreadable(it, e, "something follows its '>'; addresses are parted by commas");
    return 0;
}

/* One item, up to "," or ";" or the end. *group follows whether we are in one. */
static int take_item(struct recipients *r, struct item *it, bool *group, struct error *e)
{
    forget(it);
    if (take_words(it, ",;:<>", e) < 0)
        return -1;
    if (peek(it) == '<')
        return take_angle(r, it, e);
    if (peek(it) == '>')
        return unreadable(it, e, "its '>' has no '<'");
    if (peek(it) == ':') {
        if (*group || !it->bare.len)
            return unreadable(it, e, "a ':' must stand behind the name of a group");
        *group = true;
        next(it);
        return take_item(r, it, group, e);
    }
    if (it->phrase)
        return unreadable(it, e, "addresses are parted by commas, and hold no blanks or comments");
    return it->bare.len ? add(r, it, e) : 0;
}

int recipients_list(struct recipients *r, struct span list, struct error *e)
{
    struct item it = {.rest = list, .bare = TEXT_INIT(ADDRESS_MAX)};
    bool group = false;
    int result = 0;

    while (result == 0 && it.rest.len) {
        it.all = it.rest;
        result = take_item(r, &it, &group, e);
        if (result == 0 && it.rest.len && next(&it) == ';')
            group = false;
    }
    if (result == 0 && group)
        result = unreadable(&it, e, "the ';' at the end of its group is missing");
    text_free(&it.bare);
    return result;
}

/* ---- a header ---- */

/* The next field with its folded lines; false at the end of the header. */
static bool take_field(struct span *rest, struct span *name, struct span *value)
{
    size_t n = 0;
    ptrdiff_t colon;

    while (n < rest->len) {
        ptrdiff_t end = span_find(span_from(*rest, n), '\n');

        n = end < 0 ? rest->len : n + (size_t)end + 1;
        if (n == rest->len || (rest->at[n] != ' ' && rest->at[n] != '\t'))
            break;
    }
    *value = span_head(*rest, n);
    *rest = span_from(*rest, n);
    colon = span_find(*value, ':');
    if (colon <= 0)
        return false;
    *name = span_trim(span_head(*value, (size_t)colon));
    *value = span_from(*value, (size_t)colon + 1);
    return span_find(*name, ' ') < 0 && span_find(*name, '\n') < 0;
}

static bool wanted(struct span name, bool resent)
{
    static const char *const names[] = {"To", "Cc", "Bcc"};
    static const struct span again = {"Resent-", 7};

    if (resent && !span_istarts(name, again))
        return false;
    name = resent ? span_from(name, again.len) : name;
    for (size_t i = 0; i < COUNT(names); i++)
        if (span_iis(name, names[i]))
            return true;
    return false;
}

static bool is_resent(struct span header)
{
    struct span name, value;

    while (take_field(&header, &name, &value))
        if (wanted(name, true))
            return true;
    return false;
}

int recipients_header(struct recipients *r, struct span header, struct error *e)
{
    bool resent = is_resent(header);
    struct span name, value;
    struct error inner = {0};

    while (take_field(&header, &name, &value))
        if (wanted(name, resent) && recipients_list(r, value, &inner) < 0)
            return error_set(e, ERROR_INPUT, "%.*s: %s", SPAN_ARG(name), inner.words);
    return 0;
}

int recipients_sender(struct span text, struct span domain, struct arena *a, struct span *out,
                      struct error *e)
{
    struct recipients one;
    int result = 0;

    *out = SPAN_NONE;
    text = span_trim(text);
    if (!text.len || span_is(text, "<>"))
        return 0;
    recipients_init(&one, a, domain);
    result = recipients_list(&one, text, e);
    if (result == 0 && one.count == 1)
        *out = one.at[0];
    else if (result == 0)
        result = error_set(e, ERROR_INPUT, "'%.*s' must be one address",
                           SPAN_ARG(span_head(text, QUOTE_MAX)));
    recipients_free(&one);
    return result;
}
