/* Every test runs with each driver: they keep the same promises. */
#include "fixture.h"
#include "store/crc64.h"
#include "store/store_parts.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define BODY SPAN("Subject: x\r\n\r\nhello\r\n")

static void assert_span(struct span a, const char *b)
{
    assert_string_equal(a.len ? a.at : "", b);
    assert_int_equal(a.len, strlen(b));
}

static int setup_sqlite(void **state)
{
    *state = fixture_new("sqlite");
    return 0;
}

static int setup_memory(void **state)
{
    *state = fixture_new("memory");
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

/* What was put comes back, all of it. */
static void test_put_and_load(void **state)
{
    struct fixture *f = *state;
    struct message m = fixture_message(BODY);
    struct recipient list[3];
    struct store_head h;
    struct content c;

    memcpy(list, m.envelope.recipients, sizeof list);
    list[2].forwarded = true;
    m.envelope.recipients = list;
    assert_true(fixture_put(f, &m));
    assert_int_equal(fixture_load(f, &m.envelope.id, &h, &c), STORE_GOT);
    assert_true(id_eq(&h.id, &m.envelope.id));
    assert_int_equal(h.state, STORE_LIVE);
    assert_int_equal(h.arrived, m.arrived);
    assert_int_equal(h.born, 77);
    assert_int_equal(h.size, m.content.prefix.len + BODY.len);
    assert_int_equal(h.header_size, 10);
    assert_span(h.envelope.sender, "sender@example.net");
    assert_span(h.envelope.envid, "env+2B1");
    assert_int_equal(h.envelope.ret, RET_HDRS);
    assert_int_equal(h.envelope.need, NEED_8BIT);
    assert_int_equal(h.envelope.count, 3);
    assert_span(h.envelope.recipients[0].orcpt, "rfc822;a@example.com");
    assert_span(h.envelope.recipients[1].address, "b@example.org");
    assert_int_equal(h.envelope.recipients[2].notify, 1);
    assert_true(h.envelope.recipients[2].forwarded);
    assert_false(h.envelope.recipients[0].forwarded);
    assert_int_equal(h.recipients[2].number, 2);
    assert_int_equal(h.recipients[2].end, STORE_WAITING);
    assert_span(h.origin.account, "kim");
    assert_span(h.origin.with, "ESMTPSA");
    assert_span(c.prefix, "Received: from laptop\r\n");
    assert_true(span_eq(c.body, BODY));
    assert_int_equal(c.fd, -1);
}

/* P1, idempotent: the second put of an id is a success that changes nothing. */
static void test_put_twice(void **state)
{
    struct fixture *f = *state;
    struct message m = fixture_message(BODY);
    struct store_head h;
    struct content c;

    assert_true(fixture_put(f, &m));
    m.content.body = SPAN("other");
    assert_false(fixture_put(f, &m));
    assert_int_equal(fixture_count(f), 1);
    assert_int_equal(fixture_load(f, &m.envelope.id, &h, &c), STORE_GOT);
    assert_true(span_eq(c.body, BODY));
}

/* P2: a rollback leaves nothing. */
static void test_rollback(void **state)
{
    struct fixture *f = *state;
    struct message m = fixture_message(BODY), kept = fixture_message(BODY);
    struct store_recipient r = {.number = 1, .attempts = 1};
    struct store_head h;
    bool fresh;

    fixture_put(f, &kept);
    fixture_begin(f);
    assert_int_equal(store_put(f->store, &m, 1, &fresh, NULL), 0);
    assert_int_equal(store_recipient_set(f->store, &kept.envelope.id, &r, NULL), 0);
    assert_int_equal(store_state_set(f->store, &kept.envelope.id, STORE_HELD, SPAN("x"), NULL), 0);
    assert_int_equal(store_remove(f->store, &kept.envelope.id, NULL), 0);
    store_rollback(f->store);
    assert_int_equal(fixture_count(f), 1);
    assert_int_equal(store_find(f->store, &m.envelope.id, f->arena, &h, NULL), STORE_ABSENT);
    assert_int_equal(store_find(f->store, &kept.envelope.id, f->arena, &h, NULL), STORE_GOT);
    assert_int_equal(h.state, STORE_LIVE);
    assert_int_equal(h.recipients[1].attempts, 0);
}

/* A step that is undone leaves the other steps of the transaction whole. */
static void test_undo_one_step(void **state)
{
    struct fixture *f = *state;
    struct message m[3];
    bool fresh;

    fixture_begin(f);
    for (int i = 0; i < 3; i++) {
        m[i] = fixture_message(BODY);
        assert_int_equal(store_mark(f->store, NULL), 0);
        assert_int_equal(store_put(f->store, &m[i], i, &fresh, NULL), 0);
        if (i == 1)
            store_undo(f->store);
        else
            assert_int_equal(store_keep(f->store, NULL), 0);
    }
    fixture_commit(f);
    assert_int_equal(fixture_count(f), 2);
    assert_true(fixture_put(f, &m[1]));
    assert_int_equal(fixture_count(f), 3);
}

static void test_recipient_state(void **state)
{
    struct fixture *f = *state;
    struct message m = fixture_message(BODY);
    struct store_recipient r = {.number = 2,
                                .end = STORE_WAITING,
                                .attempts = 3,
                                .next_try = -5,
                                .waits_for_network = true,
                                .delay_told = true,
                                .status = {4, 4, 1},
                                .words = SPAN("not now")};
    struct store_head h;

    fixture_put(f, &m);
    for (int i = 0; i < 2; i++) {
        fixture_begin(f);
        r.attempts++;
        assert_int_equal(store_recipient_set(f->store, &m.envelope.id, &r, NULL), 0);
        fixture_commit(f);
    }
    assert_int_equal(store_find(f->store, &m.envelope.id, f->arena, &h, NULL), STORE_GOT);
    assert_int_equal(h.recipients[2].attempts, 5);
    assert_int_equal(h.recipients[2].next_try, -5);
    assert_true(h.recipients[2].waits_for_network && h.recipients[2].delay_told);
    assert_int_equal(h.recipients[2].status.detail, 1);
    assert_span(h.recipients[2].words, "not now");
    assert_int_equal(h.recipients[0].attempts, 0);
}

static void test_events(void **state)
{
    struct fixture *f = *state;
    struct message m = fixture_message(BODY);
    struct job_try tries[2] = {
        {.at = 5,
         .host = SPAN("mx.example.com"),
         .address = SPAN("192.0.2.1:25"),
         .stage = STAGE_CONNECT,
         .words = SPAN("refused")},
        {.at = 6,
         .host = SPAN("mx2.example.com"),
         .stage = STAGE_RCPT,
         .reply = {.code = 450, .enhanced = {4, 2, 1}, .text = SPAN("try later")}},
    };
    struct store_event ev = {.at = 1,
                             .recipient = 1,
                             .count = 2,
                             .words = SPAN("first"),
                             .try_count = 2,
                             .tries = tries},
                       *out;
    size_t count;

    fixture_put(f, &m);
    fixture_begin(f);
    for (int i = 0; i < 5; i++, ev.at++)
        assert_int_equal(store_event_add(f->store, &m.envelope.id, &ev, NULL), 0);
    fixture_commit(f);
    assert_int_equal(store_events(f->store, &m.envelope.id, 3, f->arena, &out, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(out[0].at, 3);
    assert_int_equal(out[2].at, 5);
    assert_int_equal(out[2].try_count, 2);
    assert_span(out[2].tries[0].host, "mx.example.com");
    assert_int_equal(out[2].tries[1].reply.code, 450);
    assert_span(out[2].tries[1].reply.text, "try later");
}

static void test_remove(void **state)
{
    struct fixture *f = *state;
    struct message m = fixture_message(BODY);
    struct error e = {0};

    fixture_put(f, &m);
    fixture_begin(f);
    assert_int_equal(store_remove(f->store, &m.envelope.id, NULL), 0);
    assert_int_equal(store_remove(f->store, &m.envelope.id, &e), -1);
    assert_int_equal(e.class, ERROR_INPUT);
    fixture_commit(f);
    assert_int_equal(fixture_count(f), 0);
    assert_true(fixture_put(f, &m));
}

static void test_hold(void **state)
{
    struct fixture *f = *state;
    struct message m = fixture_message(BODY);
    struct store_head h;

    fixture_put(f, &m);
    fixture_begin(f);
    assert_int_equal(store_state_set(f->store, &m.envelope.id, STORE_HELD, SPAN("by kim"), NULL),
                     0);
    fixture_commit(f);
    assert_int_equal(store_find(f->store, &m.envelope.id, f->arena, &h, NULL), STORE_GOT);
    assert_int_equal(h.state, STORE_HELD);
    assert_span(h.words, "by kim");
}

static bool last_name(void *arg, const struct store_account *acc)
{
    struct text *t = arg;

    text_add(t, acc->name);
    text_addc(t, ' ');
    return true;
}

static void test_accounts(void **state)
{
    struct fixture *f = *state;
    struct span senders[] = {SPAN("kim@example.net"), SPAN("@example.net")};
    struct store_account acc = {.name = SPAN("kim"),
                                .verifier = SPAN("scram:..."),
                                .senders = senders,
                                .sender_count = 2,
                                .created = 9,
                                .flags = STORE_ACCOUNT_LOCKED,
                                .quota = 1 << 30,
                                .host = SPAN("acme"),
                                .limits = {1, 2, 3, STORE_NO_LIMIT}},
                         out;
    struct text names = TEXT_INIT(100);

    fixture_begin(f);
    assert_int_equal(store_account_put(f->store, &acc, NULL), 0);
    acc.name = SPAN("ann");
    assert_int_equal(store_account_put(f->store, &acc, NULL), 0);
    acc.verifier = SPAN("new");
    assert_int_equal(store_account_put(f->store, &acc, NULL), 0);
    fixture_commit(f);
    assert_int_equal(store_account_get(f->store, SPAN("ann"), f->arena, &out, NULL), STORE_GOT);
    assert_span(out.verifier, "new");
    assert_int_equal(store_account_get(f->store, SPAN("kim"), f->arena, &out, NULL), STORE_GOT);
    assert_span(out.verifier, "scram:...");
    assert_span(out.senders[1], "@example.net");
    assert_int_equal(out.flags, STORE_ACCOUNT_LOCKED);
    assert_span(out.host, "acme");
    assert_int_equal(out.limits.messages_day, 2);
    assert_int_equal(out.limits.recipients_day, STORE_NO_LIMIT);
    assert_int_equal(out.quota, 1 << 30);
    assert_int_equal(store_account_get(f->store, SPAN("bob"), f->arena, &out, NULL), STORE_ABSENT);
    fixture_begin(f);
    assert_int_equal(store_account_remove(f->store, SPAN("bob"), NULL), STORE_ABSENT);
    assert_int_equal(store_account_remove(f->store, SPAN("kim"), NULL), STORE_GOT);
    store_rollback(f->store);
    assert_int_equal(store_account_each(f->store, last_name, &names, NULL), 0);
    assert_string_equal(text_cstr(&names), "ann kim ");
    text_free(&names);
}

static bool list_host(void *arg, const struct store_host *h)
{
    text_addf(arg, "%.*s %llu %u/%u %lld %u;", SPAN_ARG(h->name), (unsigned long long)h->quota,
              h->limits.messages_hour, h->limits.recipients_day, (long long)h->created, h->flags);
    return true;
}

static bool list_domain(void *arg, const struct store_domain *d)
{
    text_addf(arg, "%.*s %.*s %.*s %lld;", SPAN_ARG(d->name), SPAN_ARG(d->host),
              SPAN_ARG(d->catch_all), (long long)d->created);
    return true;
}

static void list_alias(struct store *st, struct span address, struct text *out)
{
    struct arena *a = arena_new();
    struct store_alias al;
    struct error e;

    if (store_alias_get(st, address, a, &al, &e) == STORE_GOT) {
        text_addf(out, "%.*s", SPAN_ARG(al.address));
        for (size_t i = 0; i < al.target_count; i++)
            text_addf(out, " %.*s", SPAN_ARG(al.targets[i]));
        text_addc(out, ';');
    }
    arena_free(&a);
}

/* Hosting accounts, domains, aliases: what was put comes back, what was removed does not. */
static void test_hosting(void **state)
{
    struct fixture *f = *state;
    struct store_host host = {SPAN("acme"), 1ULL << 40, {5, 0, 0, 7}, -3, STORE_HOST_LOCKED};
    struct store_domain domain = {SPAN("acme.example"), SPAN("acme"), SPAN("kim@acme.example"), 8},
                        plain = {.name = SPAN("b.example")};
    struct span targets[] = {SPAN("kim@acme.example"), SPAN("else@example.net")};
    struct store_alias alias = {SPAN("sales@acme.example"), targets, 2}, none = {SPAN("x@y"), 0, 0};
    struct text t = TEXT_INIT(400);
    struct error e = {0};

    fixture_begin(f);
    assert_int_equal(store_host_put(f->store, &host, &e), 0);
    assert_int_equal(store_domain_put(f->store, &domain, &e), 0);
    assert_int_equal(store_domain_put(f->store, &plain, &e), 0);
    assert_int_equal(store_alias_put(f->store, &alias, &e), 0);
    assert_int_equal(store_alias_put(f->store, &none, &e), -1);
    fixture_commit(f);
    if (strcmp(f->driver, "sqlite") == 0)
        fixture_reopen(f);
    assert_int_equal(store_host_each(f->store, list_host, &t, &e), 0);
    assert_int_equal(store_domain_each(f->store, list_domain, &t, &e), 0);
    list_alias(f->store, alias.address, &t);
    assert_string_equal(text_cstr(&t), "acme 1099511627776 5/7 -3 1;"
                                       "acme.example acme kim@acme.example 8;b.example   0;"
                                       "sales@acme.example kim@acme.example else@example.net;");
    fixture_begin(f);
    assert_int_equal(store_host_remove(f->store, SPAN("acme"), &e), STORE_GOT);
    assert_int_equal(store_host_remove(f->store, SPAN("acme"), &e), STORE_ABSENT);
    assert_int_equal(store_domain_remove(f->store, SPAN("b.example"), &e), STORE_GOT);
    assert_int_equal(store_alias_remove(f->store, SPAN("sales@acme.example"), &e), STORE_GOT);
    fixture_commit(f);
    text_clear(&t);
    assert_int_equal(store_host_each(f->store, list_host, &t, &e), 0);
    assert_int_equal(store_domain_each(f->store, list_domain, &t, &e), 0);
    list_alias(f->store, alias.address, &t);
    assert_string_equal(text_cstr(&t), "acme.example acme kim@acme.example 8;");
    text_free(&t);
}

/* An account as the first version wrote it still reads (fault 39). */
static void test_old_account(void **state)
{
    static const char body[] = "\004\003abc\022\001\012\144\001\003k@x";
    struct fixture *f = *state;
    char record[sizeof body - 1 + 8];
    uint64_t crc = crc64_add(0, (struct span){body, sizeof body - 1});
    struct store_account out;

    memcpy(record, body, sizeof body - 1);
    for (size_t i = 0; i < 8; i++)
        record[sizeof body - 1 + i] = (char)(crc >> (8 * i));
    fixture_begin(f);
    assert_int_equal(f->store->driver->value_put(f->store->self, DRIVER_ACCOUNT, SPAN("kim"),
                                                 (struct span){record, sizeof record}, NULL),
                     0);
    fixture_commit(f);
    assert_int_equal(store_account_get(f->store, SPAN("kim"), f->arena, &out, NULL), STORE_GOT);
    assert_span(out.verifier, "abc");
    assert_int_equal(out.created, 9);
    assert_int_equal(out.flags, STORE_ACCOUNT_LOCKED);
    assert_int_equal(out.limits.recipients_day, 10);
    assert_int_equal(out.quota, 100);
    assert_span(out.senders[0], "k@x");
    assert_int_equal(out.host.len, 0);
}

static bool list_value(void *arg, struct span name, struct span value)
{
    text_addf(arg, "%.*s=%s%.*s ", SPAN_ARG(name), value.at ? "" : "damaged", SPAN_ARG(value));
    return true;
}

/* Octets of other parts: kinds do not see each other, an empty value is a value, a rollback takes
 * back, a restart does not. */
static void test_values(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    struct span value;
    struct text t = TEXT_INIT(200);
    char *large = arena_alloc(f->arena, STORE_VALUE_MAX + 1);

    fixture_begin(f);
    assert_int_equal(store_value_put(f->store, STORE_KIND_USAGE, SPAN("kim"), SPAN("1"), &e), 0);
    assert_int_equal(store_value_put(f->store, STORE_KIND_USAGE, SPAN("kim"), SPAN("22"), &e), 0);
    assert_int_equal(store_value_put(f->store, STORE_KIND_USAGE, SPAN("ann"), SPAN(""), &e), 0);
    assert_int_equal(store_value_put(f->store, STORE_KIND_DKIM, SPAN("kim"),
                                     (struct span){large, STORE_VALUE_MAX}, &e),
                     0);
    assert_int_equal(store_value_put(f->store, STORE_KIND_DKIM, SPAN("bob"),
                                     (struct span){large, STORE_VALUE_MAX + 1}, &e),
                     -1);
    assert_int_equal(store_value_put(f->store, STORE_KIND_DKIM, SPAN(""), SPAN("x"), &e), -1);
    fixture_commit(f);
    fixture_begin(f);
    assert_int_equal(store_value_remove(f->store, STORE_KIND_USAGE, SPAN("kim"), &e), STORE_GOT);
    assert_int_equal(store_value_remove(f->store, STORE_KIND_GREY, SPAN("kim"), &e), STORE_ABSENT);
    assert_int_equal(store_value_put(f->store, STORE_KIND_USAGE, SPAN("bob"), SPAN("3"), &e), 0);
    store_rollback(f->store);
    if (strcmp(f->driver, "sqlite") == 0)
        fixture_reopen(f);
    assert_int_equal(store_value_each(f->store, STORE_KIND_USAGE, list_value, &t, &e), 0);
    assert_string_equal(text_cstr(&t), "ann= kim=22 ");
    assert_int_equal(store_value_get(f->store, STORE_KIND_USAGE, SPAN("ann"), f->arena, &value, &e),
                     STORE_GOT);
    assert_int_equal(value.len, 0);
    assert_non_null(value.at);
    assert_int_equal(store_value_get(f->store, STORE_KIND_DKIM, SPAN("kim"), f->arena, &value, &e),
                     STORE_GOT);
    assert_int_equal(value.len, STORE_VALUE_MAX);
    assert_int_equal(store_value_get(f->store, STORE_KIND_DKIM, SPAN("bob"), f->arena, &value, &e),
                     STORE_ABSENT);
    text_free(&t);
}

/* R3: a damaged value is never given out. */
static void test_damaged_value(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    struct span value;
    struct text t = TEXT_INIT(200);

    fixture_begin(f);
    assert_int_equal(f->store->driver->value_put(f->store->self, DRIVER_USAGE, SPAN("kim"),
                                                 SPAN("\005no seal here"), &e),
                     0);
    fixture_commit(f);
    assert_int_equal(store_value_get(f->store, STORE_KIND_USAGE, SPAN("kim"), f->arena, &value, &e),
                     STORE_BROKEN);
    assert_null(value.at);
    assert_non_null(strstr(e.words, "damaged"));
    assert_int_equal(store_value_each(f->store, STORE_KIND_USAGE, list_value, &t, &e), 0);
    assert_string_equal(text_cstr(&t), "kim=damaged ");
    text_free(&t);
}

/* What was handed over under a key is known for a day at least, over a restart, and not for ever.
 */
static void test_once(void **state)
{
    struct fixture *f = *state;
    struct store_once put = {id_new(), 42}, got = {0};
    int64_t now = 10 * CLOCK_DAY + 5;

    fixture_begin(f);
    assert_int_equal(store_once_put(f->store, SPAN("kim"), SPAN("k"), now, &put, NULL), 0);
    store_rollback(f->store);
    assert_int_equal(store_once_get(f->store, SPAN("kim"), SPAN("k"), now, &got, NULL),
                     STORE_ABSENT);
    fixture_begin(f);
    assert_int_equal(store_once_put(f->store, SPAN("kim"), SPAN("k"), now, &put, NULL), 0);
    fixture_commit(f);
    assert_int_equal(store_once_get(f->store, SPAN("ann"), SPAN("k"), now, &got, NULL),
                     STORE_ABSENT);
    assert_int_equal(store_once_get(f->store, SPAN("kim"), SPAN("k"), now + CLOCK_DAY, &got, NULL),
                     STORE_GOT);
    assert_true(id_eq(&got.id, &put.id));
    assert_int_equal(got.digest, 42);
    assert_int_equal(
        store_once_get(f->store, SPAN("kim"), SPAN("k"), now + 2 * CLOCK_DAY, &got, NULL),
        STORE_ABSENT);
    fixture_begin(f); /* a later one drops it */
    assert_int_equal(
        store_once_put(f->store, SPAN("kim"), SPAN("l"), now + 2 * CLOCK_DAY, &put, NULL), 0);
    fixture_commit(f);
    assert_int_equal(store_once_get(f->store, SPAN("kim"), SPAN("k"), now, &got, NULL),
                     STORE_ABSENT);
}

static void test_secret_made_once(void **state)
{
    struct fixture *f = *state;
    struct span a, b;

    assert_int_equal(store_meta_get(f->store, SPAN("secret"), f->arena, &a, NULL), STORE_GOT);
    assert_int_equal(a.len, STORE_SECRET_BYTES);
    if (strcmp(f->driver, "memory") == 0)
        return;
    fixture_reopen(f);
    assert_int_equal(store_meta_get(f->store, SPAN("secret"), f->arena, &b, NULL), STORE_GOT);
    assert_true(span_eq(a, b));
}

/* ---- bodies in files ---- */

static struct message file_message(struct fixture *f, size_t size)
{
    struct message m = fixture_message(SPAN_NONE);
    char *bytes = memory_alloc(size);
    int fd = store_body_file(f->store, NULL);

    assert_true(fd >= 0);
    memset(bytes, 'x', size);
    assert_int_equal(write(fd, bytes, size), size);
    free(bytes);
    m.content.fd = fd;
    m.content.size = size;
    return m;
}

static char *body_path(struct fixture *f, const struct id *id)
{
    char text[ID_TEXT + 1];

    id_text(id, text);
    return arena_printf(f->arena, "%s/body/%.2s/%s", f->path, text + 4, text);
}

static void test_file_body(void **state)
{
    struct fixture *f = *state;
    struct message m = file_message(f, 50000), small = file_message(f, 100);
    struct store_head h;
    struct content c;

    fixture_put(f, &m);
    fixture_put(f, &small);
    close(m.content.fd);
    close(small.content.fd);
    assert_int_equal(access(body_path(f, &m.envelope.id), F_OK), 0);
    assert_int_equal(access(body_path(f, &small.envelope.id), F_OK), -1);
    fixture_reopen(f);
    assert_int_equal(f->found.orphans, 0);
    assert_int_equal(fixture_load(f, &m.envelope.id, &h, &c), STORE_GOT);
    assert_int_equal(c.size, 50000);
    assert_true(c.fd >= 0);
    close(c.fd);
    assert_int_equal(fixture_load(f, &small.envelope.id, &h, &c), STORE_GOT);
    assert_int_equal(c.body.len, 100);
    fixture_begin(f);
    assert_int_equal(store_remove(f->store, &m.envelope.id, NULL), 0);
    assert_int_equal(access(body_path(f, &m.envelope.id), F_OK), 0);
    fixture_commit(f);
    assert_int_equal(access(body_path(f, &m.envelope.id), F_OK), -1);
}

/* A file that is not one of ours is copied. */
static void test_foreign_file(void **state)
{
    struct fixture *f = *state;
    struct message m = file_message(f, 50000);
    struct store_head h;
    struct content c;
    int foreign = memfd_create("body", MFD_CLOEXEC);
    char buf[1000] = "";

    for (int i = 0; i < 50; i++)
        assert_int_equal(write(foreign, buf, sizeof buf), sizeof buf);
    close(m.content.fd);
    m.content.fd = foreign;
    fixture_put(f, &m);
    close(foreign);
    assert_int_equal(fixture_load(f, &m.envelope.id, &h, &c), STORE_GOT);
    close(c.fd);
}

/* A file shorter than announced is refused, and leaves nothing. */
static void test_short_file(void **state)
{
    struct fixture *f = *state;
    struct message m = file_message(f, 50000);
    struct error e = {0};
    bool fresh;

    m.content.size = 50001;
    fixture_begin(f);
    assert_int_equal(store_put(f->store, &m, 1, &fresh, &e), -1);
    store_rollback(f->store);
    close(m.content.fd);
    assert_int_equal(access(body_path(f, &m.envelope.id), F_OK), -1);
    assert_int_equal(fixture_count(f), 0);
}

/* Fault 1 to 3: a name without a row is an orphan. R3, fault 32: damage is seen, told, kept. */
static void test_orphans_and_damage(void **state)
{
    struct fixture *f = *state;
    struct message m[4];
    struct store_head h;
    struct content c;
    struct id orphan = id_new();
    int fd;

    for (int i = 0; i < 4; i++) {
        m[i] = file_message(f, 50000);
        fixture_put(f, &m[i]);
        close(m[i].content.fd);
    }
    fd = open(body_path(f, &m[0].envelope.id), O_WRONLY);
    assert_int_equal(pwrite(fd, "y", 1, 30000), 1); /* a flipped byte */
    close(fd);
    assert_int_equal(truncate(body_path(f, &m[1].envelope.id), 49999), 0);
    assert_int_equal(unlink(body_path(f, &m[2].envelope.id)), 0);
    fd = open(arena_printf(f->arena, "%s/body/stranger", f->path), O_CREAT | O_WRONLY, 0600);
    close(fd);
    mkdir(arena_printf(f->arena, "%.*s", (int)(strlen(f->path) + 8), body_path(f, &orphan)), 0700);
    fd = open(body_path(f, &orphan), O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);

    fixture_reopen(f);
    assert_int_equal(f->found.orphans, 1);
    assert_int_equal(f->found.missing, 1);
    assert_int_equal(f->found.strange, 1);
    assert_int_equal(fixture_count(f), 4);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fixture_load(f, &m[i].envelope.id, &h, &c), STORE_BROKEN);
        assert_int_equal(c.fd, -1);
        assert_int_equal(store_find(f->store, &m[i].envelope.id, f->arena, &h, NULL), STORE_GOT);
        assert_int_equal(h.state, STORE_DAMAGED);
        assert_true(h.words.len > 10);
    }
    assert_int_equal(fixture_load(f, &m[3].envelope.id, &h, &c), STORE_GOT);
    close(c.fd);
}

/* ---- what somebody else put in the place of a body (HOSTILE 115, 116) ---- */

static void put_link(const char *path, const char *other)
{
    assert_int_equal(symlink(other, path), 0);
}

static void put_hard_link(const char *path, const char *other)
{
    assert_int_equal(link(other, path), 0);
}

static void put_fifo(const char *path, const char *other)
{
    (void)other;
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void put_folder(const char *path, const char *other)
{
    (void)other;
    assert_int_equal(mkdir(path, 0700), 0);
}

static void put_empty(const char *path, const char *other)
{
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(truncate(path, 0), 0);
}

static void put_foreign(const char *path, const char *other)
{
    assert_int_equal(rename(other, path), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(path, 12345, 12345), 0);
    else
        put_empty(path, path);
}

static void test_body_of_somebody_else(void **state)
{
    static void (*const puts[])(const char *path, const char *other) = {
        put_link, put_hard_link, put_fifo, put_folder, put_empty, put_foreign};
    struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(puts); i++) {
        struct message m = file_message(f, 50000);
        char *path, *other = arena_printf(f->arena, "%s/other%zu", f->path, i);
        struct store_head h;
        struct content c;

        fixture_put(f, &m);
        close(m.content.fd);
        path = body_path(f, &m.envelope.id);
        assert_int_equal(rename(path, other), 0);
        puts[i](path, other);
        assert_int_equal(fixture_load(f, &m.envelope.id, &h, &c), STORE_BROKEN);
        assert_int_equal(c.fd, -1);
        fixture_reopen(f); /* neither is it there after a start, nor does the start fail */
        assert_int_equal(fixture_load(f, &m.envelope.id, &h, &c), STORE_BROKEN);
        assert_int_equal(c.fd, -1);
    }
    assert_int_equal(fixture_count(f), COUNT(puts));
}

/* Only as much as was recorded is read and given out, whatever hangs behind it. */
static void test_huge_body(void **state)
{
    struct fixture *f = *state;
    struct message m = file_message(f, 50000);
    struct store_head h;
    struct content c;

    fixture_put(f, &m);
    close(m.content.fd);
    assert_int_equal(truncate(body_path(f, &m.envelope.id), (off_t)1 << 40), 0);
    assert_int_equal(fixture_load(f, &m.envelope.id, &h, &c), STORE_GOT);
    assert_int_equal(c.size, 50000);
    close(c.fd);
}

/* ---- who may open it ---- */

static void test_lock(void **state)
{
    struct fixture *f = *state, second = *f;
    struct error e = {0};
    int status;

    if (fork() == 0) {
        struct fixture child = *f;

        child.store = NULL;
        _exit(fixture_open(&child, NULL, &e) == -1 && strstr(e.words, "another port26") ? 0 : 1);
    }
    wait(&status);
    assert_int_equal(status, 0);
    second.store = NULL;
    assert_int_equal(fixture_open(&second, NULL, &e), -1);
    assert_int_equal(e.class, ERROR_INPUT);
}

/* Fault 35: the lock of a process that was killed is free. */
static void test_stale_lock(void **state)
{
    struct fixture *f = *state;
    struct message m = fixture_message(BODY);
    int ready[2], status;
    char c;
    pid_t pid;

    store_close(&f->store);
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        fixture_open(f, NULL, NULL);
        fixture_put(f, &m);
        if (write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(fixture_open(f, NULL, NULL), 0);
    assert_int_equal(fixture_count(f), 1);
}

static void refused(struct fixture *f, const char *words)
{
    struct error e = {0};

    assert_int_equal(fixture_open(f, NULL, &e), -1);
    assert_null(f->store);
    if (!strstr(e.words, words))
        fail_msg("no \"%s\" in: %s", words, e.words);
}

/* HOSTILE 117 and fault 39. */
static void test_refuses_links_and_newer(void **state)
{
    struct fixture *f = *state;
    char *lock = arena_printf(f->arena, "%s/lock", f->path),
         *db = arena_printf(f->arena, "%s/port26.db", f->path),
         *away = arena_printf(f->arena, "%s/away", f->path);
    int fd;

    store_close(&f->store);
    unlink(lock);
    assert_int_equal(symlink("/etc/hostname", lock), 0);
    refused(f, "lock");
    unlink(lock);
    assert_int_equal(rename(db, away), 0);
    assert_int_equal(symlink(away, db), 0);
    refused(f, "port26.db");
    unlink(db);
    assert_int_equal(rename(away, db), 0);
    chmod(f->path, 0777);
    refused(f, "others may write");
    chmod(f->path, 0700);
    if (geteuid() == 0) {
        assert_int_equal(chown(f->path, 12345, 12345), 0);
        refused(f, "belong");
        assert_int_equal(chown(f->path, 0, 0), 0);
    }
    fd = open(db, O_RDWR);
    assert_int_equal(pwrite(fd, "\0\0\0\x63", 4, 60), 4); /* the header's user version: 99 */
    close(fd);
    refused(f, "newer port26");
}

#define BOTH(test)                                                                                 \
    {#test " (sqlite)", test, setup_sqlite, teardown, NULL},                                       \
    {                                                                                              \
#test " (memory)", test, setup_memory, teardown, NULL                                      \
    }
#define DISK(test)                                                                                 \
    {                                                                                              \
#test " (sqlite)", test, setup_sqlite, teardown, NULL                                      \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_put_and_load),
        BOTH(test_put_twice),
        BOTH(test_rollback),
        BOTH(test_undo_one_step),
        BOTH(test_recipient_state),
        BOTH(test_events),
        BOTH(test_remove),
        BOTH(test_hold),
        BOTH(test_accounts),
        BOTH(test_hosting),
        BOTH(test_old_account),
        BOTH(test_values),
        BOTH(test_damaged_value),
        BOTH(test_once),
        BOTH(test_secret_made_once),
        DISK(test_file_body),
        DISK(test_foreign_file),
        DISK(test_short_file),
        DISK(test_orphans_and_damage),
        DISK(test_body_of_somebody_else),
        DISK(test_huge_body),
        DISK(test_lock),
        DISK(test_stale_lock),
        DISK(test_refuses_links_and_newer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
