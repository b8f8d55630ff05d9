#include "account/burst.h"

#include "base/clock.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum { SLOT_MS = 5 * 60 * 1000, FOUR = 4, SIX = 6 };

/* ---- the table ---- */

enum sign { SIGN_NETWORK, SIGN_NETWORKS, SIGN_STRANGERS, SIGN_FAILURES, SIGNS };

enum { HOLD_AT = 5 };

/* Of each sign the highest row that is reached counts; HOLD_AT points hold the mail. No sign alone
 * does, so that a journey, a newsletter or a list with dead addresses goes out:
 *   a person on holiday, five mails: 3. A wedding invitation to 60 strangers from there: 4.
 *   300 strangers from a new network: 5. Four new networks in an hour and 30 strangers: 5.
 *   A newsletter from the office to 5000, a tenth of them dead: 3. A bot on the office's own
 *   machine, 300 strangers, a fifth of them dead: 5. */
static const struct row {
    enum sign sign;
    uint32_t least;
    unsigned fresh, known; /* points, from a new network and from a known one */
} rows[] = {
    {SIGN_NETWORK, 1, 3, 0},     /* not seen with this account before today */
    {SIGN_NETWORKS, 4, 1, 0},    /* so many new ones within the hour: a crowd of machines */
    {SIGN_STRANGERS, 30, 1, 0},  /* recipients never written to before, within the hour */
    {SIGN_STRANGERS, 100, 2, 0}, /* no person types that many on a journey */
    {SIGN_STRANGERS, 300, 2, 3}, /* from a known network this may be a newsletter */
    {SIGN_FAILURES, 20, 2, 2},   /* refused for good by far servers, at least a fifth of all */
    {SIGN_FAILURES, 100, 3, 3},
};

/* Failures count when they are at least one in so many recipients. */
enum { FAILURE_SHARE = 5 };

static const char *const words_of[SIGNS] = {
    [SIGN_NETWORK] = "it came from a network this account never used before",
    [SIGN_NETWORKS] = "%u such networks were used within an hour",
    [SIGN_STRANGERS] = "it went to %u recipients this account never wrote to before",
    [SIGN_FAILURES] = "other servers refused %u recipients for good",
};

/* ---- networks ---- */

uint64_t burst_network(struct span peer)
{
    unsigned char at[16] = {0};
    char buf[INET6_ADDRSTRLEN];
    uint64_t key = FOUR;

    if (!span_cstr(peer, buf, sizeof buf) || !buf[0])
        return 0;
    if (inet_pton(AF_INET, buf, at) == 1) {
        if (at[0] == 127)
            return 0;
        for (int i = 0; i < 3; i++)
            key = key << 8 | at[i];
        return key;
    }
    if (inet_pton(AF_INET6, buf, at) != 1 || strcmp(buf, "::1") == 0)
        return 0;
    key = SIX;
    for (int i = 0; i < 6; i++)
        key = key << 8 | at[i];
    return key;
}

static bool is_new(const struct burst_network *n, int64_t now)
{
    return !n->home && now - n->first < CLOCK_DAY;
}

static struct burst_network *find(const struct burst *b, uint64_t key)
{
    for (uint32_t i = 0; i < b->networks; i++)
        if (b->network[i].key == key)
            return &b->network[i];
    return NULL;
}

/* The place of the one to forget: a new one before a known one, then the one unused for longest. */
static struct burst_network *worst(struct burst *b, int64_t now)
{
    struct burst_network *out = &b->network[0];

    for (uint32_t i = 1; i < b->networks; i++) {
        struct burst_network *n = &b->network[i];
        bool fresh = is_new(n, now), was = is_new(out, now);

        if (fresh != was ? fresh : n->last < out->last)
            out = n;
    }
    return out;
}

static struct burst_network *add_network(struct burst *b)
{
    if (b->networks == b->network_cap) {
        b->network_cap = b->network_cap ? 2 * b->network_cap : 2;
        b->network = memory_grow(b->network, b->network_cap * sizeof *b->network);
    }
    return &b->network[b->networks++];
}

/* Is the account still so young that nothing is known of it? */
static bool is_learning(const struct burst *b, const struct burst_from *from)
{
    int64_t first = from->now;

    for (uint32_t i = 0; i < b->networks; i++)
        if (b->network[i].first < first)
            first = b->network[i].first;
    return !b->networks || from->now - first < from->learn;
}

static void note_network(struct burst *b, const struct burst_from *from)
{
    struct burst_network *n = find(b, from->network);

    if (!from->network)
        return;
    if (!n) {
        bool home = is_learning(b, from);

        n = b->networks < BURST_NETWORKS ? add_network(b) : worst(b, from->now);
        *n = (struct burst_network){.key = from->network, .first = from->now, .home = home};
    }
    n->last = from->now;
}

static bool is_fresh(const struct burst *b, uint64_t key, int64_t now)
{
    const struct burst_network *n = find(b, key);

    return n && is_new(n, now);
}

static unsigned fresh_networks(const struct burst *b, int64_t now)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < b->networks; i++)
        count += is_new(&b->network[i], now) && now - b->network[i].last <= CLOCK_HOUR;
    return count;
}

/* ---- correspondents ---- */

/* FNV-1a, without regard to case: it must mean the same after a restart, and whoever finds two
 * addresses with one hash has gained a stranger who is taken for a friend. */
static uint32_t hash_of(struct span address)
{
    uint32_t h = 2166136261U;

    for (size_t i = 0; i < address.len; i++) {
        unsigned char c = (unsigned char)address.at[i];

        h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32U : c)) * 16777619U;
    }
    return h;
}

static bool knows(const struct burst *b, uint32_t hash)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < b->contacts; i++) /* without a branch: the compiler widens it */
        found |= b->contact[i] == hash;
    return found != 0;
}

static void learn(struct burst *b, uint32_t hash)
{
    if (b->contacts < BURST_CONTACTS) {
        if (b->contacts == b->contact_cap) {
            b->contact_cap = b->contact_cap ? b->contact_cap * 2 : 8;
            b->contact = memory_grow(b->contact, b->contact_cap * sizeof *b->contact);
        }
        b->contact[b->contacts++] = hash;
        return;
    }
    b->contact[b->contact_next] = hash;
    b->contact_next = (b->contact_next + 1) % BURST_CONTACTS;
}

/* ---- the hour ---- */

static uint32_t number_at(int64_t now)
{
    return (uint32_t)(now / SLOT_MS);
}

/* The slot of that time; what was in its place is of an hour ago. */
static struct burst_slot *slot_of(struct burst *b, uint32_t number)
{
    struct burst_slot *s = &b->slot[number % BURST_SLOTS];

    if (s->number != number)
        *s = (struct burst_slot){.number = number};
    return s;
}

static struct burst_slot *slot_at(struct burst *b, int64_t now)
{
    return slot_of(b, number_at(now));
}

static bool counts(const struct burst_slot *s, int64_t now)
{
    return s->number <= number_at(now) && number_at(now) - s->number < BURST_SLOTS;
}

static void add_slot(struct burst_slot *to, const struct burst_slot *s)
{
    to->recipients += s->recipients;
    to->failures += s->failures;
    to->strangers[0] += s->strangers[0];
    to->strangers[1] += s->strangers[1];
}

static struct burst_slot hour(const struct burst *b, int64_t now)
{
    struct burst_slot sum = {0};

    for (int i = 0; i < BURST_SLOTS; i++)
        if (counts(&b->slot[i], now))
            add_slot(&sum, &b->slot[i]);
    return sum;
}

void burst_free(struct burst *b)
{
    free(b->network);
    free(b->contact);
    *b = (struct burst){0};
}

void burst_sent(struct burst *b, const struct burst_from *from, const struct recipient *to,
                size_t count)
{
    struct burst_slot *s = slot_at(b, from->now);
    bool fresh;

    note_network(b, from);
    fresh = is_fresh(b, from->network, from->now);
    s->recipients += (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        uint32_t hash = hash_of(to[i].address);

        if (knows(b, hash))
            continue;
        s->strangers[fresh]++;
        learn(b, hash);
    }
}

void burst_failed(struct burst *b, int64_t now)
{
    slot_at(b, now)->failures++;
}

/* ---- judging ---- */

static unsigned weigh(const uint32_t seen[SIGNS], bool fresh, bool counted[SIGNS])
{
    unsigned points[SIGNS] = {0}, sum = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        if (seen[rows[i].sign] >= rows[i].least)
            points[rows[i].sign] = fresh ? rows[i].fresh : rows[i].known;
    for (int s = 0; s < SIGNS; s++) {
        counted[s] = points[s] > 0;
        sum += points[s];
    }
    return sum;
}

static bool judge(const struct burst *b, bool fresh, int64_t now, struct text *words)
{
    struct burst_slot h = hour(b, now);
    uint32_t seen[SIGNS] = {[SIGN_NETWORK] = fresh,
                            [SIGN_NETWORKS] = fresh_networks(b, now),
                            [SIGN_STRANGERS] = h.strangers[fresh],
                            [SIGN_FAILURES] =
                                h.failures >= h.recipients / FAILURE_SHARE ? h.failures : 0};
    bool counted[SIGNS];
    const char *comma = "";

    if (weigh(seen, fresh, counted) < HOLD_AT)
        return false;
    for (int s = 0; s < SIGNS; s++) {
        if (!counted[s])
            continue;
        text_adds(words, comma);
        text_addf(words, words_of[s], seen[s]);
        comma = "; ";
    }
    return true;
}

bool burst_judge(const struct burst *b, uint64_t network, int64_t now, struct text *words)
{
    return judge(b, is_fresh(b, network, now), now, words);
}

bool burst_judge_any(const struct burst *b, int64_t now, struct text *words)
{
    return judge(b, fresh_networks(b, now) > 0, now, words);
}

void burst_forgive(struct burst *b, uint64_t foreign, int64_t now)
{
    for (uint32_t i = 0; i < b->networks; i++)
        b->network[i].home |= now - b->network[i].last <= CLOCK_DAY && b->network[i].key != foreign;
    memset(b->slot, 0, sizeof b->slot);
}

/* ---- records ---- */

void burst_pack_hour(const struct burst *b, struct text *out)
{
    unsigned used = 0;

    text_addf(out, "%u ", b->networks);
    for (uint32_t i = 0; i < b->networks; i++)
        text_addf(out, "%llu %lld %lld %d ", (unsigned long long)b->network[i].key,
                  (long long)b->network[i].first, (long long)b->network[i].last,
                  b->network[i].home);
    for (int i = 0; i < BURST_SLOTS; i++)
        used += b->slot[i].recipients > 0;
    text_addf(out, "%u ", used);
    for (int i = 0; i < BURST_SLOTS; i++)
        if (b->slot[i].recipients)
            text_addf(out, "%u %u %u %u ", b->slot[i].number, b->slot[i].recipients,
                      b->slot[i].strangers[0], b->slot[i].strangers[1]);
}

void burst_pack_contacts(const struct burst *b, struct text *out)
{
    text_addf(out, "%u %u ", b->contacts, b->contact_next);
    for (uint32_t i = 0; i < b->contacts; i++)
        for (int shift = 0; shift < 32; shift += 8)
            text_addc(out, (char)(b->contact[i] >> shift));
}

static bool number(struct span *rest, uint64_t max, uint64_t *out)
{
    return span_u64(span_word(rest), max, out);
}

static bool number32(struct span *rest, uint32_t *out)
{
    uint64_t n = 0;
    bool good = number(rest, UINT32_MAX, &n);

    *out = (uint32_t)n;
    return good;
}

static bool unpack_network(struct span *rest, struct burst *b)
{
    struct burst_network n = {0};
    uint64_t first, last, home;

    if (!number(rest, UINT64_MAX, &n.key) || !number(rest, INT64_MAX, &first) ||
        !number(rest, INT64_MAX, &last) || !number(rest, 1, &home))
        return false;
    n.first = (int64_t)first;
    n.last = (int64_t)last;
    n.home = home;
    *add_network(b) = n;
    return true;
}

static bool unpack_networks(struct span *rest, struct burst *b)
{
    uint64_t count;
    bool good = number(rest, BURST_NETWORKS, &count);

    b->networks = 0;
    for (uint64_t i = 0; good && i < count; i++)
        good = unpack_network(rest, b);
    if (!good)
        b->networks = 0;
    return good;
}

/* NULL when what is there already is of a later time: two records may differ in age. */
static struct burst_slot *slot_to_read(struct burst *b, uint32_t number)
{
    return b->slot[number % BURST_SLOTS].number > number ? NULL : slot_of(b, number);
}

static bool unpack_slots(struct span *rest, struct burst *b)
{
    uint64_t count;
    bool good = number(rest, BURST_SLOTS, &count);

    for (uint64_t i = 0; good && i < count; i++) {
        struct burst_slot n = {0}, *to;

        good = number32(rest, &n.number) && number32(rest, &n.recipients) &&
               number32(rest, &n.strangers[0]) && number32(rest, &n.strangers[1]);
        to = good ? slot_to_read(b, n.number) : NULL;
        if (to) {
            n.failures = to->failures;
            *to = n;
        }
    }
    return good;
}

bool burst_unpack_hour(struct span *rest, struct burst *b)
{
    bool good = unpack_networks(rest, b) && unpack_slots(rest, b);

    if (!good) {
        b->networks = 0;
        memset(b->slot, 0, sizeof b->slot);
    }
    return good;
}

bool burst_unpack_contacts(struct span packed, struct burst *b)
{
    uint64_t contacts, next;

    b->contacts = b->contact_next = 0;
    if (!number(&packed, BURST_CONTACTS, &contacts) || !number(&packed, BURST_CONTACTS - 1, &next))
        return false;
    packed = span_from(packed, 1); /* the blank */
    if (packed.len != contacts * 4 || (next && next >= contacts))
        return false;
    for (; packed.len; packed = span_from(packed, 4)) {
        const unsigned char *at = (const unsigned char *)packed.at;

        learn(b, (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                     (uint32_t)at[3] << 24);
    }
    b->contact_next = (uint32_t)next;
    return true;
}

bool burst_unpack_failures(struct span packed, struct burst *b)
{
    uint64_t count;
    bool good = number(&packed, BURST_SLOTS, &count);

    for (uint64_t i = 0; good && i < count; i++) {
        uint32_t when, failures;
        struct burst_slot *to;

        good = number32(&packed, &when) && number32(&packed, &failures);
        to = good ? slot_to_read(b, when) : NULL;
        if (to)
            to->failures = failures;
    }
    return good;
}

void burst_add_failures(struct span before, uint32_t more, int64_t now, struct text *out)
{
    struct burst b = {0};
    unsigned used = 0;

    if (before.len && !burst_unpack_failures(before, &b))
        b = (struct burst){0};
    burst_settle(&b, now);
    slot_at(&b, now)->failures += more;
    for (int i = 0; i < BURST_SLOTS; i++)
        used += counts(&b.slot[i], now) && b.slot[i].failures;
    text_addf(out, "%u ", used);
    for (int i = 0; i < BURST_SLOTS; i++)
        if (counts(&b.slot[i], now) && b.slot[i].failures)
            text_addf(out, "%u %u ", b.slot[i].number, b.slot[i].failures);
}

bool burst_unpack_old(struct span packed, struct burst *b)
{
    return unpack_networks(&packed, b) && burst_unpack_contacts(packed, b);
}

void burst_settle(struct burst *b, int64_t now)
{
    struct burst_slot future = {0};

    for (uint32_t i = 0; i < b->networks; i++) {
        struct burst_network *n = &b->network[i];

        n->first = n->first < now ? n->first : now;
        n->last = n->last < now ? n->last : now;
    }
    for (int i = 0; i < BURST_SLOTS; i++) {
        struct burst_slot *s = &b->slot[i];

        if (s->number <= number_at(now))
            continue;
        add_slot(&future, s);
        *s = (struct burst_slot){0};
    }
    add_slot(slot_at(b, now), &future);
}
