/* Quotas held against a simple model by random steps; what the store keeps; words. */
#include "account/usage.h"
#include "account/usage_store.h"
#include "account/usage_words.h"
#include "base/arena.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ACCOUNTS = 8, HOSTS = 3, POSTS = 4, CHARGES = 40, STEPS = 100000 };

/* ---- the model: sums are added up from the beginning each time ---- */

struct model_charge {
    struct usage_charge *charge; /* NULL: none */
    int sender;                  /* -1: none */
    uint64_t octets;
    size_t count;
    struct {
        int account; /* -1: ended, or nobody was charged */
        uint64_t octets;
    } post[POSTS];
};

struct model {
    struct usage *usage;
    struct store *reader;
    struct {
        bool exists;
        int host; /* of its amounts; -1: none */
        uint64_t quota;
        int64_t octets, messages;
    } account[ACCOUNTS];
    uint64_t host_quota[HOSTS];
    struct model_charge charge[CHARGES];
    unsigned refused, taken, told, fell;
    uint32_t random;
};

static uint32_t draw(struct model *m, uint32_t below)
{
    m->random = m->random * 1664525 + 1013904223;
    return (m->random >> 8) % below;
}

static struct span name_of(char kind, int i)
{
    static char names[2][ACCOUNTS][16];
    char *name = names[kind == 'h'][i];

    snprintf(name, 16, "%c%d", kind, i);
    return span_of(name);
}

static int who(void *arg, struct span name, struct span *host, uint64_t *quota, struct error *e)
{
    struct model *m = arg;
    int i = name.len == 2 && name.at[0] == 'a' ? name.at[1] - '0' : ACCOUNTS;

    (void)e;
    if (i >= ACCOUNTS || !m->account[i].exists)
        return 0;
    *host = m->account[i].host < 0 ? SPAN_NONE : name_of('h', m->account[i].host);
    *quota = m->account[i].quota;
    return 1;
}

static int host_quota(void *arg, struct span name, uint64_t *quota, struct error *e)
{
    (void)e;
    *quota = ((struct model *)arg)->host_quota[name.at[1] - '0'];
    return 1;
}

static void level(void *arg, const struct usage_view *v, struct span account, unsigned percent,
                  bool rose)
{
    struct model *m = arg;

    assert_true(account.len > 0);
    m->told += rose;
    m->fell += !rose;
    if (rose)
        assert_true(usage_percent(v) >= percent);
    else if (v->allowed)
        assert_true(usage_percent(v) < 95);
}

static void unsure(void *arg)
{
    assert_non_null(arg);
}

static const struct usage_calls calls = {who, host_quota, level, unsure};

static uint64_t queued(const struct model *m, int account)
{
    uint64_t sum = 0;

    for (int c = 0; c < CHARGES; c++) {
        const struct model_charge *k = &m->charge[c];

        if (!k->charge)
            continue;
        sum += k->sender == account ? k->octets : 0;
        for (size_t p = 0; p < k->count; p++)
            sum += k->post[p].account == account ? k->post[p].octets : 0;
    }
    return sum;
}

static uint64_t used(const struct model *m, int account)
{
    return queued(m, account) +
           (m->account[account].octets > 0 ? (uint64_t)m->account[account].octets : 0);
}

static uint64_t used_by_host(const struct model *m, int host)
{
    uint64_t queue = 0;
    int64_t mailbox = 0;

    for (int i = 0; i < ACCOUNTS; i++) {
        if (m->account[i].host != host)
            continue;
        queue += queued(m, i);
        mailbox += m->account[i].octets;
    }
    return queue + (mailbox > 0 ? (uint64_t)mailbox : 0);
}

static bool is_over(const struct model *m, int account)
{
    uint64_t quota = m->account[account].quota;
    int host = m->account[account].host;

    if (!m->account[account].exists)
        return false;
    if (quota && used(m, account) > quota)
        return true;
    return host >= 0 && m->host_quota[host] && used_by_host(m, host) > m->host_quota[host];
}

static void compare(const struct model *m)
{
    struct usage_view v;

    for (int i = 0; i < ACCOUNTS; i++) {
        bool there = usage_of(m->usage, name_of('a', i), &v, NULL) > 0;

        if (!there)
            v = (struct usage_view){0};
        assert_true(there || (!m->account[i].exists && queued(m, i) == 0));
        assert_int_equal(v.queue, queued(m, i));
        assert_int_equal(v.used, used(m, i));
        if (m->account[i].exists)
            assert_int_equal(v.allowed, m->account[i].quota);
    }
    for (int i = 0; i < HOSTS; i++) {
        assert_int_equal(usage_of_host(m->usage, name_of('h', i), &v, NULL), 1);
        assert_int_equal(v.used, used_by_host(m, i));
    }
}

/* ---- steps ---- */

/* What is not an account and has nothing in the queue is of no hosting account. */
static void forget_idle(struct model *m)
{
    for (int i = 0; i < ACCOUNTS; i++)
        if (!m->account[i].exists && queued(m, i) == 0)
            m->account[i].host = -1;
}

static void step_charge(struct model *m)
{
    struct usage_post posts[POSTS];
    struct usage_want w = {.posts = posts, .count = draw(m, POSTS + 1)};
    struct model_charge *k = &m->charge[draw(m, CHARGES)];
    struct usage_full full;
    bool force = draw(m, 20) == 0, over = false;
    int got;

    if (k->charge)
        return;
    *k = (struct model_charge){.sender = (int)draw(m, ACCOUNTS + 1) - 1, .count = w.count};
    k->octets = w.octets = draw(m, 3000);
    w.sender = k->sender < 0 ? SPAN_NONE : name_of('a', k->sender);
    if (k->sender >= 0 && !m->account[k->sender].exists)
        k->sender = -1;
    for (uint32_t p = 0; p < w.count; p++) {
        int a = (int)draw(m, ACCOUNTS);

        posts[p] = (struct usage_post){name_of('a', a), p, draw(m, 3000)};
        k->post[p].account = m->account[a].exists ? a : -1;
        k->post[p].octets = posts[p].octets;
    }
    k->charge = (struct usage_charge *)1; /* so that the sums hold it */
    over = k->sender >= 0 && is_over(m, k->sender);
    for (size_t p = 0; p < w.count; p++)
        over = over || (k->post[p].account >= 0 && is_over(m, k->post[p].account));
    k->charge = NULL;
    assert_int_equal(usage_fits(m->usage, &w, &full), over ? -1 : 0);
    compare(m);
    got = usage_charge(m->usage, &w, force, &k->charge, &full);
    assert_int_equal(got, over && !force ? -1 : 0);
    m->refused += got < 0;
    m->taken += got == 0;
}

static void step_release(struct model *m)
{
    struct model_charge *k = &m->charge[draw(m, CHARGES)];
    size_t p = draw(m, POSTS);

    if (!k->charge)
        return;
    if (p < k->count && draw(m, 2)) {
        usage_release_post(m->usage, k->charge, (uint32_t)p);
        k->post[p].account = -1;
        return;
    }
    usage_release(m->usage, &k->charge);
    assert_null(k->charge);
}

static void step_mailbox(struct model *m)
{
    int i = (int)draw(m, ACCOUNTS);
    int64_t octets = (int64_t)draw(m, 4000) - 2000;

    if (usage_touch(m->usage, name_of('a', i), NULL) == 0)
        return; /* nothing of it is begun */
    usage_mailbox(m->usage, name_of('a', i), octets, octets < 0 ? -1 : 1);
    m->account[i].octets += octets;
}

static void step_measure(struct model *m)
{
    int i = (int)draw(m, ACCOUNTS);
    struct span next = usage_next_unsure(m->usage);

    if (next.len)
        i = next.at[1] - '0';
    assert_true(!next.len || m->account[i].exists);
    if (usage_touch(m->usage, name_of('a', i), NULL) == 0)
        return;
    m->account[i].octets = draw(m, 5000);
    usage_measured(m->usage, name_of('a', i), (uint64_t)m->account[i].octets, 1);
}

static void step_account(struct model *m)
{
    int i = (int)draw(m, ACCOUNTS);

    m->account[i].exists = draw(m, 4) > 0;
    if (m->account[i].exists) {
        m->account[i].host = (int)draw(m, HOSTS + 1) - 1;
        m->account[i].quota = draw(m, 3) ? 5000 + draw(m, 20000) : 0;
    } else {
        m->account[i].octets = 0;
    }
    if (m->account[i].exists)
        usage_account(m->usage, name_of('a', i));
    else
        usage_removed(m->usage, name_of('a', i));
}

static struct usage *opened(struct store **s, struct model *m, const struct usage_settings *set)
{
    struct store_settings memory = {.driver = "memory", .path = "/nonexistent"};
    struct error e = {0};

    assert_int_equal(store_open(&memory, s, NULL, &e), 0);
    assert_int_equal(store_reader_open(*s, &m->reader, &e), 0);
    return usage_open(*s, m->reader, set, &calls, m, &e);
}

static void model(void **state)
{
    static void (*const steps[])(struct model * m) = {step_charge,  step_charge,  step_charge,
                                                      step_charge,  step_release, step_release,
                                                      step_release, step_mailbox, step_measure};
    struct usage_settings set = {.warn = {80, 95}, .warns = 2};
    struct model *m = memory_alloc(sizeof *m);
    struct store *s;

    (void)state;
    m->random = 26;
    for (int i = 0; i < ACCOUNTS; i++)
        m->account[i].host = -1;
    for (int i = 0; i < HOSTS; i++)
        m->host_quota[i] = i ? 20000 + 20000 * (unsigned)i : 0;
    m->usage = opened(&s, m, &set);
    usage_begin(m->usage);
    for (int n = 0; n < STEPS; n++) {
        if (n % 50 == 0)
            step_account(m);
        steps[draw(m, COUNT(steps))](m);
        forget_idle(m);
        compare(m);
    }
    assert_true(m->refused > STEPS / 50 && m->taken > STEPS / 50);
    assert_true(m->told > 100 && m->fell > 100);
    for (int c = 0; c < CHARGES; c++)
        usage_release(m->usage, &m->charge[c].charge);
    compare(m);
    usage_free(&m->usage);
    store_close(&m->reader);
    store_close(&s);
    free(m);
}

/* ---- at the limit ---- */

static struct model *limited(struct store **s, uint64_t quota, uint64_t host)
{
    static const struct usage_settings set = {.warn = {80, 95}, .warns = 2};
    struct model *m = memory_alloc(sizeof *m);

    m->account[0].exists = m->account[1].exists = true;
    m->account[0].quota = quota;
    m->host_quota[0] = host;
    m->usage = opened(s, m, &set);
    usage_account(m->usage, name_of('a', 0));
    usage_account(m->usage, name_of('a', 1));
    while (usage_next_unsure(m->usage).len)
        ;
    usage_begin(m->usage);
    return m;
}

static void ended(struct model *m, struct store *s)
{
    usage_free(&m->usage);
    store_close(&m->reader);
    store_close(&s);
    free(m);
}

static void exactly(void **state)
{
    struct store *s;
    struct model *m = limited(&s, 1000, 0);
    struct usage_want w = {.sender = name_of('a', 0), .octets = 400};
    struct usage_charge *a = NULL, *b = NULL, *c = NULL;
    struct usage_full full;

    (void)state;
    usage_mailbox(m->usage, w.sender, 200, 1);
    assert_int_equal(usage_charge(m->usage, &w, false, &a, &full), 0);
    assert_int_equal(usage_charge(m->usage, &w, false, &b, &full), 0); /* the last octet */
    w.octets = 1;
    assert_int_equal(usage_charge(m->usage, &w, false, &c, &full), -1);
    assert_int_equal(full.whose, USAGE_SENDER);
    assert_int_equal(full.view.used, 1000);
    assert_int_equal(full.view.allowed, 1000);
    assert_int_equal(full.wanted, 1);
    assert_int_equal(usage_charge(m->usage, &w, true, &c, &full), 0);
    usage_release(m->usage, &a);
    usage_release(m->usage, &b);
    usage_release(m->usage, &c);
    ended(m, s);
}

/* The neighbour's mail fills the hosting account, and the sentence says so. */
static void by_a_neighbour(void **state)
{
    struct store *s;
    struct model *m = limited(&s, 0, 1000);
    struct usage_post to = {name_of('a', 1), 0, 30};
    struct usage_want w = {.sender = name_of('a', 0), .octets = 10};
    struct usage_full full;

    (void)state;
    usage_mailbox(m->usage, name_of('a', 1), 995, 3);
    assert_int_equal(usage_fits(m->usage, &w, &full), -1);
    assert_int_equal(full.whose, USAGE_SENDER_HOST);
    assert_true(span_is(full.view.name, "h0"));
    w = (struct usage_want){.posts = &to, .count = 1};
    assert_int_equal(usage_fits(m->usage, &w, &full), -1);
    assert_int_equal(full.whose, USAGE_RECIPIENT_HOST);
    assert_int_equal(full.wanted, 30);
    ended(m, s);
}

/* A charge goes with its account to another hosting account, and is released there. */
static void moved(void **state)
{
    struct store *s;
    struct model *m = limited(&s, 0, 1000);
    struct usage_want w = {.sender = name_of('a', 0), .octets = 10};
    struct usage_charge *c;
    struct usage_full full;
    struct usage_view v;

    (void)state;
    assert_int_equal(usage_charge(m->usage, &w, false, &c, &full), 0);
    m->account[0].host = 1;
    usage_account(m->usage, w.sender);
    assert_true(usage_of_host(m->usage, name_of('h', 0), &v, NULL) > 0 && v.used == 0);
    assert_true(usage_of_host(m->usage, name_of('h', 1), &v, NULL) > 0 && v.used == 10);
    m->account[0].exists = false;
    usage_removed(m->usage, w.sender);
    assert_true(usage_of_host(m->usage, name_of('h', 1), &v, NULL) > 0 && v.used == 10);
    usage_release(m->usage, &c);
    assert_true(usage_of_host(m->usage, name_of('h', 1), &v, NULL) > 0 && v.used == 0);
    ended(m, s);
}

static void warned_once(void **state)
{
    struct store *s;
    struct model *m = limited(&s, 1000, 0);
    static const struct {
        int64_t octets;
        unsigned told, fell;
    } rows[] = {{790, 0, 0}, {10, 1, 0},  {20, 1, 0},   {-40, 1, 0}, {40, 1, 0},
                {140, 2, 0}, {-30, 2, 0}, {-100, 2, 1}, {-90, 2, 2}, {260, 3, 2}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        usage_mailbox(m->usage, name_of('a', 0), rows[i].octets, 1);
        assert_int_equal(m->told, rows[i].told);
        assert_int_equal(m->fell, rows[i].fell);
    }
    ended(m, s);
}

/* ---- the store ---- */

static void again(struct model *m, struct store *s)
{
    static const struct usage_settings set = {.warn = {80, 95}, .warns = 2};
    struct error e = {0};

    usage_free(&m->usage);
    m->usage = usage_open(s, m->reader, &set, &calls, m, &e);
    assert_non_null(m->usage);
    usage_account(m->usage, name_of('a', 0));
    usage_account(m->usage, name_of('a', 1));
}

static void kept(void **state)
{
    struct store *s;
    struct model *m = limited(&s, 1000, 0);
    struct usage_record delivered = {.octets = 900, .messages = 1};
    struct span a = name_of('a', 0), b = name_of('a', 1);
    struct usage_view v;
    struct error e = {0};

    (void)state;
    assert_int_equal(store_begin(s, &e), 0);
    assert_int_equal(usage_store_account_put(s, &(struct store_account){.name = a}, &e), 0);
    assert_int_equal(usage_store_account_put(s, &(struct store_account){.name = b}, &e), 0);
    assert_int_equal(usage_store_set(s, a, 0, 0, &e), 0);
    assert_int_equal(usage_store_add(s, a, &delivered, &e), 0);
    assert_int_equal(usage_store_set(s, b, 500, 5, &e), 0);
    assert_int_equal(usage_store_removing(s, b, &e), 0);
    assert_int_equal(usage_store_warned(s, false, a, 80, &e), 0);
    assert_int_equal(store_commit(s, &e), 0);
    again(m, s);
    assert_true(usage_of(m->usage, a, &v, NULL) > 0 && v.mailbox == 900 && v.messages == 1 &&
                !v.unsure);
    assert_true(usage_of(m->usage, b, &v, NULL) > 0 && v.mailbox == 500 && v.unsure);
    assert_true(span_eq(usage_next_unsure(m->usage), b)); /* a removal was under way */
    assert_int_equal(usage_next_unsure(m->usage).len, 0);
    usage_begin(m->usage);
    assert_int_equal(m->told, 0); /* 80 was told before */
    assert_int_equal(store_begin(s, &e), 0);
    assert_int_equal(usage_store_removed(s, b, -100, -1, &e), 0);
    assert_int_equal(usage_store_account_remove(s, a, &e), STORE_GOT);
    assert_int_equal(store_commit(s, &e), 0);
    again(m, s);
    assert_true(usage_of(m->usage, b, &v, NULL) > 0 && v.mailbox == 400 && v.messages == 4 &&
                !v.unsure);
    assert_true(usage_of(m->usage, a, &v, NULL) > 0 && v.mailbox == 0 &&
                v.unsure); /* never counted */
    assert_true(span_eq(usage_next_unsure(m->usage), a));
    ended(m, s);
}

static void records(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {{"1 2 0 0", true},    {"-5 -1 3 1", true}, {"", false},
                {"1 2 0", false},     {"1 2 0 2", false},  {"1 2 -1 0", false},
                {"1 2 0 0 0", false}, {"x 2 0 0", false},  {"1 2 4294967296 0", false}};
    struct usage_record r;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(usage_store_read(span_of(rows[i].text), &r), rows[i].good);
    assert_true(usage_store_read(SPAN("-5 -1 3 1"), &r));
    assert_int_equal(r.octets, -5);
    assert_int_equal(r.messages, -1);
    assert_int_equal(r.removals, 3);
    assert_true(r.unsure);
}

/* ---- words ---- */

static void sizes(void **state)
{
    static const struct {
        uint64_t octets;
        const char *text;
    } rows[] = {{0, "0 bytes"},
                {1, "1 byte"},
                {1023, "1023 bytes"},
                {1024, "1.0 KB"},
                {1536, "1.5 KB"},
                {20 << 20, "20.0 MB"},
                {UINT64_C(3) << 29, "1.5 GB"},
                {UINT64_MAX, "16383.9 PB"}};
    char text[USAGE_SIZE_TEXT];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        usage_words_size(rows[i].octets, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void sentences(void **state)
{
    struct usage_full f = {.whose = USAGE_SENDER,
                           .view = {.name = SPAN("ann@example.com"), .used = 1000, .allowed = 1024},
                           .wanted = 2048};
    char lengthy[256];
    struct error e;

    (void)state;
    usage_words_full(&f, false, &e);
    assert_string_equal(e.enhanced, "4.2.2");
    assert_string_equal(
        e.words, "Your mailbox ann@example.com is full: 1000 bytes of 1.0 KB are used, and this "
                 "message needs 2.0 KB, which is more than all the room there is. Make it "
                 "smaller, send a link to the files, or ask your provider for more room.");
    f.wanted = 512;
    usage_words_full(&f, true, &e);
    assert_string_equal(e.enhanced, "5.2.2");
    assert_string_equal(
        e.words, "Your mailbox ann@example.com is full: 1000 bytes of 1.0 KB are used, and this "
                 "message needs 512 bytes. Delete mail, also from Sent and Trash, or collect it "
                 "without leaving copies on the server; then send again.");
    f.wanted = 1;
    f.whose = USAGE_RECIPIENT;
    usage_words_full(&f, true, &e);
    assert_string_equal(e.enhanced, "5.2.2");
    assert_int_equal(e.class, ERROR_PERMANENT);
    assert_string_equal(e.words, "The recipient's mailbox ann@example.com is full. Mail has to be "
                                 "deleted there first: tell its owner in another way, and send "
                                 "again later.");
    f.account = f.view.name; /* strangers need not know whose customer it is */
    f.view.name = SPAN("acme");
    f.whose = USAGE_RECIPIENT_HOST;
    f.wanted = 2048;
    usage_words_full(&f, false, &e);
    assert_null(strstr(e.words, "acme"));
    assert_non_null(strstr(e.words, "The recipient's mailbox ann@example.com is full: there is no "
                                    "room for this message of 2.0 KB, which is more than all "
                                    "the room there is. Make it smaller, or send a link"));
    f.view.name = SPAN("all@example.com");
    f.whose = USAGE_BEHIND;
    usage_words_full(&f, false, &e);
    assert_non_null(strstr(e.words, "A mailbox behind all@example.com is full"));
    assert_null(strstr(e.words, "ann@"));
    memset(lengthy, 'x', sizeof lengthy);
    f.view.name = (struct span){lengthy, sizeof lengthy - 1};
    f.wanted = UINT64_MAX;
    for (int w = USAGE_SENDER; w <= USAGE_UNREADABLE; w++) { /* none is cut */
        f.whose = (enum usage_whose)w;
        usage_words_full(&f, false, &e);
        assert_int_equal(e.words[strlen(e.words) - 1], '.');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model),   cmocka_unit_test(exactly),     cmocka_unit_test(by_a_neighbour),
        cmocka_unit_test(moved),   cmocka_unit_test(warned_once), cmocka_unit_test(kept),
        cmocka_unit_test(records), cmocka_unit_test(sizes),       cmocka_unit_test(sentences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
