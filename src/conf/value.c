#include "conf/value.h"

#include "base/clock.h"
#include "base/memory.h"
#include "conf/relay_door.h"
#include "conf/suggest.h"
#include "mail/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { ITEMS_MAX = 10000, TEXT_MAX = 4096 };

struct unit {
    const char *name;
    uint64_t factor;
};

/* Biggest first: writing takes the first that divides. */
static const struct unit size_units[] = {{"T", UINT64_C(1) << 40},
                                         {"G", UINT64_C(1) << 30},
                                         {"M", UINT64_C(1) << 20},
                                         {"K", UINT64_C(1) << 10},
                                         {"", 1}};
static const struct unit time_units[] = {{"w", 7 * CLOCK_DAY}, {"d", CLOCK_DAY},
                                         {"h", CLOCK_HOUR},    {"m", CLOCK_MINUTE},
                                         {"s", CLOCK_SECOND},  {"ms", 1}};

/* A list in any of the structs is a pointer and a count; copied, as its C type varies. */
struct list {
    void *at;
    size_t count;
};
static_assert(sizeof(struct list) == sizeof(struct config_texts), "config_texts is a list");
static_assert(sizeof(struct list) == sizeof(struct config_times), "config_times is a list");
static_assert(sizeof(struct list) == sizeof(struct config_numbers), "config_numbers is a list");
static_assert(sizeof(struct list) == sizeof(struct config_cidrs), "config_cidrs is a list");
static_assert(sizeof(enum config_tls) == sizeof(unsigned), "choices are stored as unsigned");

static int wrong(struct error *e, struct span s, const char *advice)
{
    struct text shown = TEXT_INIT(300);

    text_add_safe(&shown, span_head(s, 60));
    if (s.len > 60)
        text_adds(&shown, "...");
    error_set(e, ERROR_INPUT, "'%s' %s", text_cstr(&shown), advice);
    text_free(&shown);
    return -1;
}

static int out_of_bounds(const struct row *row, struct span s, bool low, struct error *e)
{
    struct text bound = TEXT_INIT(100);

    text_adds(&bound, low ? "is too small: at least " : "is too large: at most ");
    value_number(row, low ? row->min : row->max, &bound);
    wrong(e, s, text_cstr(&bound));
    text_free(&bound);
    return -1;
}

/* For lists min counts values, so only max holds for each. */
static int in_bounds(const struct row *row, struct span s, uint64_t n, struct error *e)
{
    if (!row->list && n < (uint64_t)row->min)
        return out_of_bounds(row, s, true, e);
    if (n > (uint64_t)row->max)
        return out_of_bounds(row, s, false, e);
    return 0;
}

static int keep(struct arena *a, struct span s, void *item)
{
    *(const char **)item = arena_cstr(a, s);
    return 0;
}

static bool has_control(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7f)
            return true;
    return false;
}

static int read_text(const struct row *row, struct span s, struct arena *a, void *item,
                     struct error *e)
{
    size_t most = row->max ? (size_t)row->max : TEXT_MAX;

    if (has_control(s))
        return wrong(e, s, "holds control characters: remove them");
    if (!row->list && s.len < (size_t)row->min)
        return error_set(e, ERROR_INPUT, "must not be empty");
    if (s.len > most)
        return error_set(e, ERROR_INPUT, "is %zu octets long: at most %zu", s.len, most);
    return keep(a, s, item);
}

static int read_path(const struct row *row, struct span s, struct arena *a, void *item,
                     struct error *e)
{
    if (s.len && s.at[0] != '/')
        return wrong(e, s, "is no full path: begin it with /");
    while (s.len > 1 && s.at[s.len - 1] == '/')
        s.len--;
    return read_text(row, s, a, item, e);
}

static bool is_address(struct span s)
{
    unsigned char byte[16];
    char buf[INET6_ADDRSTRLEN];

    return span_cstr(s, buf, sizeof buf) &&
           (inet_pton(AF_INET, buf, byte) == 1 || inet_pton(AF_INET6, buf, byte) == 1);
}

/* A bare address becomes a literal as SMTP writes it. */
static int read_host(const struct row *row, struct span s, struct arena *a, void *item,
                     struct error *e)
{
    struct text canon = TEXT_INIT(1024);
    int family, result = -1;
    char buf[64];

    if (is_address(s))
        text_addf(&canon, "[%s%.*s]", span_find(s, ':') < 0 ? "" : "IPv6:", SPAN_ARG(s));
    else if (address_literal(s, &family, buf, sizeof buf))
        text_add(&canon, s);
    if (!canon.len && !address_domain_canon(s, &canon))
        wrong(e, s, "is no host name: write a name such as mail.example.org");
    else
        result = read_text(row, text_span(&canon), a, item, e);
    text_free(&canon);
    return result;
}

static int read_domain(const struct row *row, struct span s, struct arena *a, void *item,
                       struct error *e)
{
    int family;
    char buf[64];

    if (is_address(s) || address_literal(s, &family, buf, sizeof buf))
        return wrong(e, s, "is an address: write a domain such as example.org");
    return read_host(row, s, a, item, e);
}

static int read_mailbox(const struct row *row, struct span s, struct arena *a, void *item,
                        struct error *e)
{
    struct address mailbox;

    if (address_parse(s, true, &mailbox) != PATH_OK || !mailbox.domain.len)
        return wrong(e, s, "is no mail address: write one such as postmaster@example.org");
    return read_text(row, s, a, item, e);
}

static int read_address(const struct row *row, struct span s, struct arena *a, void *item,
                        struct error *e)
{
    (void)row;
    if (!is_address(s))
        return wrong(e, s, "is no address: write one such as 192.0.2.1 or 2001:db8::1");
    return keep(a, s, item);
}

static int read_resolver(const struct row *row, struct span s, struct arena *a, void *item,
                         struct error *e)
{
    ptrdiff_t at = span_rfind(s, '@');
    struct span host = at < 0 ? s : span_head(s, (size_t)at);
    uint64_t port = 53;

    (void)row;
    if (!is_address(host) ||
        (at >= 0 && (!span_u64(span_from(s, (size_t)at + 1), 65535, &port) || !port)))
        return wrong(e, s, "is no name server: write its address, or ADDRESS@PORT");
    return keep(a, s, item);
}

/* "*", "<>", "domain", "*.domain" or "local@domain"; the domain is kept in canonical form. */
static int read_pattern(const struct row *row, struct span s, struct arena *a, void *item,
                        struct error *e)
{
    ptrdiff_t at = span_rfind(s, '@');
    size_t head = span_starts(s, SPAN("*.")) ? 2 : (size_t)(at + 1);
    struct text canon = TEXT_INIT(1024);
    struct address mailbox;
    int result = -1;

    (void)row;
    if (span_is(s, "*") || span_is(s, "<>"))
        return keep(a, s, item);
    text_add(&canon, span_head(s, head));
    if ((at >= 0 && address_parse(s, true, &mailbox) != PATH_OK) ||
        !address_domain_canon(span_from(s, head), &canon))
        wrong(e, s, "is no pattern: write *, example.org, *.example.org or name@example.org");
    else
        result = keep(a, text_span(&canon), item);
    text_free(&canon);
    return result;
}

static int read_relay_door(const struct row *row, struct span s, struct arena *a, void *item,
                           struct error *e)
{
    static const struct row host_row = {.max = 255};
    struct relay_door d;
    const char *host = "";

    (void)row;
    if (span_iis(s, "auto"))
        return keep(a, SPAN("auto"), item);
    if (!relay_door_split(s, &d))
        return wrong(e, s,
                     "is no door: write one such as \"465 implicit\", or "
                     "\"smtp2.example.com:587 starttls\"");
    if (d.host.len > 2 && d.host.at[0] == '[' && !span_istarts(d.host, SPAN("[IPv6:")))
        d.host = (struct span){d.host.at + 1, d.host.len - 2};
    if (d.host.len && read_host(&host_row, d.host, a, &host, e) < 0)
        return -1;
    *(const char **)item = arena_printf(a, "%s%s%" PRIu64 " %s", host, *host ? ":" : "", d.port,
                                        config_tls_name(d.tls));
    return 0;
}

/* RFC 4422 section 3.1; upper case is the canonical form. */
static int read_mechanism(const struct row *row, struct span s, struct arena *a, void *item,
                          struct error *e)
{
    char name[20 + 1];

    (void)row;
    if (!s.len || !span_cstr(s, name, sizeof name))
        return wrong(e, s, "is no SASL mechanism: write a name such as SCRAM-SHA-256");
    for (char *c = name; *c; c++) {
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *c))
            return wrong(e, s, "is no SASL mechanism: write a name such as SCRAM-SHA-256");
    }
    return keep(a, span_of(name), item);
}

static int read_yesno(const struct row *row, struct span s, struct arena *a, void *item,
                      struct error *e)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};

    (void)row;
    (void)a;
    for (size_t i = 0; i < COUNT(words); i++) {
        if (!span_iis(s, words[i]))
            continue;
        *(bool *)item = i % 2;
        return 0;
    }
    return wrong(e, s, "is neither yes nor no: write true or false");
}

static int read_number(const struct row *row, struct span s, struct arena *a, void *item,
                       struct error *e)
{
    uint64_t n;

    (void)a;
    if (!span_u64(s, INT64_MAX, &n))
        return wrong(e, s, "is no number: write digits only");
    if (in_bounds(row, s, n, e) < 0)
        return -1;
    *(uint64_t *)item = n;
    return 0;
}

/* Takes the digits and the unit behind them off the front of *rest; false when there are none or
 * the product is beyond what int64_t holds. */
static bool quantity(struct span *rest, const struct unit *units, size_t count, uint64_t *out)
{
    size_t digits = 0, letters;
    struct span unit;
    uint64_t n;

    while (digits < rest->len && rest->at[digits] >= '0' && rest->at[digits] <= '9')
        digits++;
    letters = digits;
    while (letters < rest->len && (rest->at[letters] < '0' || rest->at[letters] > '9'))
        letters++;
    if (!span_u64(span_head(*rest, digits), INT64_MAX, &n))
        return false;
    unit = span_from(span_head(*rest, letters), digits);
    *rest = span_from(*rest, letters);
    for (size_t i = 0; i < count; i++) {
        if (!span_iis(unit, units[i].name))
            continue;
        if (n > (uint64_t)INT64_MAX / units[i].factor)
            return false;
        *out = n * units[i].factor;
        return true;
    }
    return false;
}

static int read_size(const struct row *row, struct span s, struct arena *a, void *item,
                     struct error *e)
{
    struct span rest = s;
    uint64_t n;

    (void)a;
    if (!quantity(&rest, size_units, COUNT(size_units), &n) || rest.len)
        return wrong(e, s, "is no size: write a number of octets, or with K, M, G, T as in 50M");
    if (in_bounds(row, s, n, e) < 0)
        return -1;
    *(uint64_t *)item = n;
    return 0;
}

static int read_duration(const struct row *row, struct span s, struct arena *a, void *item,
                         struct error *e)
{
    struct span rest = s;
    uint64_t sum = 0, n;
    bool good = s.len > 0;

    (void)a;
    if (span_is(s, "0"))
        rest = SPAN_NONE;
    while (good && rest.len) {
        good = quantity(&rest, time_units, COUNT(time_units), &n) && n <= (uint64_t)INT64_MAX - sum;
        sum += good ? n : 0;
    }
    if (!good)
        return wrong(e, s, "is no duration: write a number with ms, s, m, h, d or w as in 90s");
    if (row->list && !sum)
        return wrong(e, s, "is no wait: write at least 1ms");
    if (in_bounds(row, s, sum, e) < 0)
        return -1;
    *(int64_t *)item = (int64_t)sum;
    return 0;
}

/* The words of a choice without the holes; returns how many. */
static size_t choices(const struct row *row, const char **names, size_t room)
{
    size_t n = 0;

    for (int64_t i = 0; i <= row->max && n < room; i++)
        if (row->words[i])
            names[n++] = row->words[i];
    return n;
}

static int read_choice(const struct row *row, struct span s, struct arena *a, void *item,
                       struct error *e)
{
    const char *names[16], *near;
    struct text advice = TEXT_INIT(300);
    size_t count;

    (void)a;
    for (unsigned i = 0; i <= row->max; i++) {
        if (!row->words[i] || !span_iis(s, row->words[i]))
            continue;
        memcpy(item, &i, sizeof i);
        return 0;
    }
    count = choices(row, names, COUNT(names));
    text_adds(&advice, "is not one of ");
    for (size_t i = 0; i < count; i++)
        text_addf(&advice, "%s%s", i ? ", " : "", names[i]);
    near = suggest_name(s, names, count);
    if (near)
        text_addf(&advice, ": did you mean '%s'?", near);
    wrong(e, s, text_cstr(&advice));
    text_free(&advice);
    return -1;
}

static int read_cidr(const struct row *row, struct span s, struct arena *a, void *item,
                     struct error *e)
{
    (void)row;
    (void)a;
    if (!cidr_parse(s, item))
        return wrong(e, s,
                     "is no network: write one such as 192.0.2.0/24 or 2001:db8::/32, with "
                     "no bits set behind the prefix");
    return 0;
}

static void write_text(const struct row *row, const void *item, struct text *out)
{
    (void)row;
    config_quote(span_of(*(const char *const *)item), out);
}

static void write_yesno(const struct row *row, const void *item, struct text *out)
{
    (void)row;
    text_adds(out, *(const bool *)item ? "true" : "false");
}

static void write_unit(uint64_t n, const struct unit *units, size_t count, struct text *out)
{
    size_t i = 0;

    while (i < count - 1 && (n < units[i].factor || n % units[i].factor))
        i++;
    text_addf(out, "%" PRIu64 "%s", n / units[i].factor, units[i].name);
}

static void write_number(const struct row *row, const void *item, struct text *out)
{
    uint64_t n;

    memcpy(&n, item, sizeof n);
    value_number(row, (int64_t)n, out);
}

static void write_choice(const struct row *row, const void *item, struct text *out)
{
    unsigned i;

    memcpy(&i, item, sizeof i);
    assert(i <= row->max && row->words[i]);
    text_adds(out, row->words[i]);
}

static void write_cidr(const struct row *row, const void *item, struct text *out)
{
    char buf[CIDR_TEXT];

    (void)row;
    cidr_text(item, buf);
    text_addf(out, "\"%s\"", buf);
}

static int read_rate(const struct row *row, struct span s, struct arena *a, void *item,
                     struct error *e)
{
    (void)row;
    (void)a;
    if (!rate_parse(s, item))
        return wrong(e, s, "is no limit: write one such as \"100/h, 1000/d\", or \"\" for none");
    return 0;
}

static void write_rate(const struct row *row, const void *item, struct text *out)
{
    (void)row;
    text_adds(out, "\"");
    rate_text(item, out);
    text_adds(out, "\"");
}

struct type {
    const char *form;
    size_t size; /* of one value */
    int (*read)(const struct row *row, struct span s, struct arena *a, void *item, struct error *e);
    void (*write)(const struct row *row, const void *item, struct text *out);
};

static const struct type types[ROW_TYPES] = {
    [ROW_TEXT] = {"text", sizeof(const char *), read_text, write_text},
    [ROW_PATH] = {"path", sizeof(const char *), read_path, write_text},
    [ROW_HOST] = {"host", sizeof(const char *), read_host, write_text},
    [ROW_DOMAIN] = {"domain", sizeof(const char *), read_domain, write_text},
    [ROW_MAILBOX] = {"mail address", sizeof(const char *), read_mailbox, write_text},
    [ROW_ADDRESS] = {"IP address", sizeof(const char *), read_address, write_text},
    [ROW_RESOLVER] = {"IP address[@port]", sizeof(const char *), read_resolver, write_text},
    [ROW_PATTERN] = {"pattern", sizeof(const char *), read_pattern, write_text},
    [ROW_RELAY_DOOR] = {"door", sizeof(const char *), read_relay_door, write_text},
    [ROW_MECHANISM] = {"mechanism", sizeof(const char *), read_mechanism, write_text},
    [ROW_YESNO] = {"true or false", sizeof(bool), read_yesno, write_yesno},
    [ROW_NUMBER] = {"number", sizeof(uint64_t), read_number, write_number},
    [ROW_PORT] = {"port", sizeof(uint64_t), read_number, write_number},
    [ROW_SIZE] = {"size", sizeof(uint64_t), read_size, write_number},
    [ROW_DURATION] = {"duration", sizeof(int64_t), read_duration, write_number},
    [ROW_CHOICE] = {"word", sizeof(unsigned), read_choice, write_choice},
    [ROW_CIDR] = {"network", sizeof(struct cidr), read_cidr, write_cidr},
    [ROW_RATE] = {"number/h, number/d", sizeof(struct rate), read_rate, write_rate},
};

static int set_list(const struct row *row, const struct span *texts, size_t count, struct arena *a,
                    void *field, struct error *e)
{
    const struct type *type = &types[row->type];
    struct list list = {.count = count};

    if (count < (size_t)row->min)
        return error_set(e, ERROR_INPUT, "needs at least %d value", (int)row->min);
    if (count > ITEMS_MAX)
        return error_set(e, ERROR_INPUT, "has %zu values: at most %d", count, ITEMS_MAX);
    if (count)
        list.at = arena_alloc(a, count * type->size);
    for (size_t i = 0; i < count; i++)
        if (type->read(row, texts[i], a, (char *)list.at + i * type->size, e) < 0)
            return -1;
    memcpy(field, &list, sizeof list);
    return 0;
}

int value_set(const struct row *row, const struct span *texts, size_t count, struct arena *a,
              void *base, struct error *e)
{
    void *field = (char *)base + row->offset;

    if (row->list)
        return set_list(row, texts, count, a, field, e);
    assert(count == 1);
    return types[row->type].read(row, texts[0], a, field, e);
}

void value_default(const struct row *row, struct arena *a, void *base)
{
    struct span texts[16], rest, piece;
    struct error e = {0};
    size_t count = 0;
    int result;

    if (!row->standard)
        return;
    rest = span_of(row->standard);
    if (row->list && !rest.len)
        rest = SPAN_NONE;
    if (!row->list)
        texts[count++] = rest;
    while (row->list && count < COUNT(texts) && span_cut(&rest, ',', &piece))
        texts[count++] = span_trim(piece);
    result = value_set(row, texts, count, a, base, &e);
    assert(result == 0); /* a default fits its own row: the unit tests read them all */
    (void)result;
}

void value_print(const struct row *row, const void *base, struct text *out)
{
    const struct type *type = &types[row->type];
    const char *field = (const char *)base + row->offset;
    struct list list;

    if (!row->list) {
        type->write(row, field, out);
        return;
    }
    memcpy(&list, field, sizeof list);
    text_adds(out, "{");
    for (size_t i = 0; i < list.count; i++) {
        text_adds(out, i ? ", " : " ");
        type->write(row, (const char *)list.at + i * type->size, out);
    }
    text_adds(out, list.count ? " }" : "}");
}

void value_number(const struct row *row, int64_t n, struct text *out)
{
    if (row->type == ROW_SIZE)
        write_unit((uint64_t)n, size_units, COUNT(size_units), out);
    else if (row->type == ROW_DURATION && n)
        write_unit((uint64_t)n, time_units, COUNT(time_units), out);
    else
        text_addf(out, "%" PRId64, n);
}

const char *value_form(enum row_type type)
{
    return types[type].form;
}

bool value_bounded(const struct row *row)
{
    bool number = row->type == ROW_NUMBER || row->type == ROW_SIZE || row->type == ROW_DURATION;

    return number && !row->list;
}
