/* Who is who: logins, aliases, details, catch-alls. */
#include "who.h"

#include "../store/faultvfs.h"
#include "../store/fixture.h"
#include "store/store_parts.h"

static struct store *store, *reader;

static void put(struct directory *d, const char *name, const char *alias, const char *alias2)
{
    struct span senders[2] = {span_of(alias), span_of(alias2)};
    struct store_account a = {.name = span_of(name),
                              .verifier = SPAN("x"),
                              .senders = senders,
                              .sender_count = alias2  ? 2
                                              : alias ? 1
                                                      : 0};

    who_account(store, d, &a);
}

static struct directory *sample(void)
{
    static const char *const domains[] = {"example.com", "example.org"};
    struct store_settings set = {.driver = "memory", .path = "/nonexistent"};
    struct error e = {0};
    struct directory *d;

    assert_int_equal(store_open(&set, &store, NULL, &e), 0);
    assert_int_equal(store_reader_open(store, &reader, &e), 0);
    d = directory_open(reader, domains, 2, &e);
    assert_non_null(d);
    put(d, "ann@example.com", "sales@example.com", NULL);
    put(d, "bob", NULL, NULL);
    put(d, "cat@example.org", "@example.org", "CAT@Other.Example");
    return d;
}

static void done(struct directory **d)
{
    directory_free(d);
    store_close(&reader);
    store_close(&store);
}

static void owners(void **state)
{
    static const struct {
        const char *address, *owner;
    } rows[] = {
        {"ann@example.com", "ann@example.com"},
        {"ANN@Example.COM", "ann@example.com"},
        {"ann+list@example.com", "ann@example.com"},
        {"sales@example.com", "ann@example.com"},
        {"sales+x@example.com", "ann@example.com"},
        {"bob@example.com", "bob"},
        {"bob@example.org", "bob"},
        {"bob@elsewhere.example", NULL},
        {"anybody@example.org", "cat@example.org"},
        {"cat@other.example", "cat@example.org"},
        {"dog@other.example", NULL},
        {"nobody@example.com", NULL},
        {"+@example.com", NULL},
        {"\"ann\"@example.com", "ann@example.com"},
        {"\"ann@example.com\"@example.com", NULL}, /* HOSTILE 72 */
        {"\"bob@example.com\"@example.com", NULL},
        {"\"bob@elsewhere.example\"@example.com", NULL},
        {"", NULL},
        {"not an address", NULL},
    };
    struct directory *d = sample();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct account *a = directory_owner(d, span_of(rows[i].address));

        if ((a == NULL) != (rows[i].owner == NULL) || (a && !span_is(a->name, rows[i].owner)))
            fail_msg("%s belongs to %.*s", rows[i].address, SPAN_ARG(a ? a->name : SPAN_NONE));
    }
    done(&d);
}

static void senders(void **state)
{
    struct directory *d = sample();
    const struct account *ann = directory_find(d, SPAN("ann@example.com")),
                         *bob = directory_find(d, SPAN("bob"));
    struct text words = TEXT_INIT(400);

    (void)state;
    assert_true(directory_may_send(d, ann, SPAN("")));
    assert_true(directory_may_send(d, ann, SPAN("Sales@example.com")));
    assert_false(directory_may_send(d, ann, SPAN("bob@example.com")));
    assert_true(directory_may_send(d, bob, SPAN("bob@example.org")));
    assert_false(directory_may_send(d, bob, SPAN("ann@example.com")));
    directory_addresses(d, ann, &words);
    assert_string_equal(text_cstr(&words), "ann@example.com, sales@example.com");
    text_free(&words);
    done(&d);
}

static void replacing_and_removing(void **state)
{
    struct directory *d = sample();

    (void)state;
    put(d, "ann@example.com", "office@example.com", NULL);
    assert_null(directory_owner(d, SPAN("sales@example.com")));
    assert_non_null(directory_owner(d, SPAN("office@example.com")));
    who_gone(store, d, "ann@example.com");
    assert_null(directory_owner(d, SPAN("ann@example.com")));
    assert_null(directory_owner(d, SPAN("office@example.com")));
    assert_int_equal(directory_number(d, STORE_ACCOUNTS, SPAN_NONE), 2);
    done(&d);
}

static void names(void **state)
{
    static const struct {
        const char *typed, *name;
    } rows[] = {
        {"Ann", "ann"},
        {"Ann@EXAMPLE.com", "ann@example.com"},
        {"", NULL},
        {".", NULL},
        {"../x", NULL},
        {"a/b@example.com", NULL},
        {"-x", NULL},
        {"a b", NULL},
        {"a@", NULL},
        {"@b", NULL},
        {"a@b@c", NULL},
        {"a\nb", NULL},
        {".hidden@example.com", NULL},
    };
    struct text out = TEXT_INIT(1024);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool ok = directory_name(span_of(rows[i].typed), &out);

        if (ok != (rows[i].name != NULL))
            fail_msg("\"%s\" gives %s", rows[i].typed, text_cstr(&out));
        if (ok)
            assert_string_equal(text_cstr(&out), rows[i].name);
    }
    text_free(&out);
}

static void put_host(struct directory *d, const char *name, uint32_t flags)
{
    who_host(store, d,
             &(struct store_host){.name = span_of(name),
                                  .quota = 1000,
                                  .limits = {1, 2, 3, 4},
                                  .created = 5,
                                  .flags = flags});
}

static void put_domain(struct directory *d, const char *name, const char *host, const char *all)
{
    who_domain(store, d, &(struct store_domain){span_of(name), span_of(host), span_of(all), 5});
}

static void put_hosted(struct directory *d, const char *name, const char *host)
{
    who_account(store, d, &(struct store_account){.name = span_of(name), .host = span_of(host)});
}

/* Counts follow; a locked hosting account locks what it owns. */
static void hosting(void **state)
{
    struct directory *d = sample();
    const struct hosting *acme;

    (void)state;
    put_host(d, "acme", 0);
    put_domain(d, "acme.example", "acme", NULL);
    put_hosted(d, "kim@acme.example", "acme");
    put_hosted(d, "lee@acme.example", "acme");
    acme = directory_host(d, SPAN("acme"));
    assert_int_equal(directory_number(d, STORE_HOST_ACCOUNTS, SPAN("acme")), 2);
    assert_int_equal(acme->domains, 1);
    assert_int_equal(acme->limits.recipients_day, 4);
    assert_false(directory_locked(d, directory_find(d, SPAN("kim@acme.example"))));
    put_host(d, "acme", STORE_HOST_LOCKED);
    assert_ptr_equal(directory_host(d, SPAN("acme")), acme); /* the same, with its counts */
    assert_int_equal(directory_number(d, STORE_HOST_ACCOUNTS, SPAN("acme")), 2);
    assert_true(directory_locked(d, directory_find(d, SPAN("kim@acme.example"))));
    assert_false(directory_find(d, SPAN("kim@acme.example"))->locked);
    assert_false(directory_locked(d, directory_find(d, SPAN("bob"))));
    put_hosted(d, "lee@acme.example", NULL);
    who_gone(store, d, "kim@acme.example");
    who_domain_gone(store, d, "acme.example");
    assert_int_equal(directory_number(d, STORE_HOST_ACCOUNTS, SPAN("acme")), 0);
    assert_int_equal(acme->domains, 0);
    directory_host_remove(d, SPAN("acme"));
    assert_null(directory_host(d, SPAN("acme")));
    done(&d);
}

static void host_names(void **state)
{
    static const struct {
        const char *typed, *kept; /* NULL: refused */
    } rows[] = {{"Acme", "acme"}, {"acme-2.x_y", "acme-2.x_y"},
                {"", NULL},       {"-a", NULL},
                {".a", NULL},     {"a b", NULL},
                {"a/b", NULL},    {"\xc3\xa4", NULL}};
    struct text t = TEXT_INIT(100);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(directory_host_name(span_of(rows[i].typed), &t), rows[i].kept != NULL);
        if (rows[i].kept)
            assert_string_equal(text_cstr(&t), rows[i].kept);
    }
    text_free(&t);
}

static void count_domain(void *arg, const struct hosted_domain *domain)
{
    (void)domain;
    ++*(int *)arg;
}

/* Ours are those of the settings and those of the store; a reload touches only the first. */
static void domains(void **state)
{
    static const char *const fewer[] = {"example.com"};
    struct directory *d = sample();
    int n = 0;

    (void)state;
    assert_true(directory_domain(d, SPAN("Example.ORG.")));
    assert_false(directory_domain(d, SPAN("acme.example")));
    assert_false(directory_domain(d, SPAN("other.example"))); /* an alias alone makes none */
    assert_false(directory_domain(d, SPAN("")));
    assert_int_equal(directory_domain_count(d), 0);
    put_host(d, "acme", 0);
    put_domain(d, "acme.example", "acme", "kim@acme.example");
    put_domain(d, "example.org", "acme", NULL); /* in both */
    put_domain(d, "acme.example", "acme", NULL);
    assert_int_equal(directory_domain_count(d), 2);
    assert_int_equal(directory_host(d, SPAN("acme"))->domains, 2);
    assert_true(span_is(directory_domain_host(d, SPAN("ACME.example")), "acme"));
    assert_int_equal(directory_domain_host(d, SPAN("example.com")).len, 0);
    assert_int_equal(directory_domain_find(d, SPAN("acme.example"))->catch_all.len, 0);
    directory_domains(d, fewer, 1);
    assert_true(directory_domain(d, SPAN("example.org")));
    assert_true(span_is(directory_owner(d, SPAN("bob@example.org"))->name,
                        "cat@example.org")); /* bare logins own what the settings name */
    who_domain_gone(store, d, "example.org");
    assert_false(directory_domain(d, SPAN("example.org")));
    directory_domain_each(d, count_domain, &n);
    assert_int_equal(n, 2);
    done(&d);
}

static void put_alias(struct directory *d, const char *address, const char *const *targets)
{
    struct span list[8];
    struct store_alias al = {span_of(address), list, 0};

    for (; targets[al.target_count]; al.target_count++)
        list[al.target_count] = span_of(targets[al.target_count]);
    who_alias(store, d, &al);
}

#define TO(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct directory *with_aliases(void)
{
    struct directory *d = sample();

    put_alias(d, "team@example.com", TO("ann@example.com", "bob@example.com", "x@far.example"));
    put_alias(d, "all@example.com", TO("team@example.com", "ann@example.com", "y@far.example"));
    put_alias(d, "copy@example.com", TO("copy@example.com", "x@far.example"));
    put(d, "copy@example.com", NULL, NULL);
    put_alias(d, "a@example.com", TO("b@example.com"));
    put_alias(d, "b@example.com", TO("a@example.com"));
    put_alias(d, "half@example.com", TO("a@example.com", "ann@example.com"));
    put_alias(d, "gone@example.com", TO("nobody@example.com"));
    put_domain(d, "caught.example", NULL, "team@example.com");
    put(d, "own@caught.example", NULL, NULL);
    for (int i = 0; i < DIRECTORY_DEPTH + 1; i++) {
        char from[40], to[40];

        snprintf(from, sizeof from, "d%d@example.com", i);
        snprintf(to, sizeof to, i == DIRECTORY_DEPTH ? "ann@example.com" : "d%d@example.com",
                 i + 1);
        put_alias(d, from, TO(to));
    }
    return d;
}

/* What stands behind an address, in words: "!" nobody here, ">" elsewhere. */
static void aliases(void **state)
{
    static const struct {
        const char *address, *targets; /* or the status of the refusal */
    } rows[] = {
        {"Ann@example.com", "Ann@example.com"},
        {"ann+x@example.com", "ann+x@example.com"},
        {"far@far.example", ">far@far.example"},
        {"no one", ">no one"},
        {"nobody@example.com", "!nobody@example.com"},
        {"TEAM@example.com", "ann@example.com bob@example.com >x@far.example"},
        {"team+urgent@example.com", "ann@example.com bob@example.com >x@far.example"},
        {"all@example.com", "ann@example.com >y@far.example bob@example.com >x@far.example"},
        {"copy@example.com", "copy@example.com >x@far.example"},
        {"a@example.com", "5.4.6"},
        {"half@example.com", "ann@example.com"},
        {"gone@example.com", "!nobody@example.com"},
        {"own@caught.example", "own@caught.example"},
        {"what@caught.example", "ann@example.com bob@example.com >x@far.example"},
        {"any@example.org", "any@example.org"}, /* cat's by @example.org */
        {"d1@example.com", "ann@example.com"},
        {"d0@example.com", "5.4.6"}, /* one too deep */
    };
    struct directory *d = with_aliases();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new();
        struct directory_target *t;
        struct text words = TEXT_INIT(1000);
        struct error e = {0};
        size_t n;

        if (directory_expand(d, span_of(rows[i].address), 100, a, &t, &n, &e) < 0)
            text_adds(&words, e.enhanced);
        for (size_t k = 0; k < n; k++)
            text_addf(&words, "%s%s%.*s", k ? " " : "",
                      t[k].account ? ""
                      : t[k].ours  ? "!"
                                   : ">",
                      SPAN_ARG(t[k].address));
        if (strcmp(text_cstr(&words), rows[i].targets) != 0)
            fail_msg("%s leads to %s", rows[i].address, text_cstr(&words));
        text_free(&words);
        arena_free(&a);
    }
    done(&d);
}

static void alias_limits_and_senders(void **state)
{
    struct directory *d = with_aliases();
    struct arena *a = arena_new();
    struct directory_target *t;
    struct error e = {0};
    size_t n;

    (void)state;
    assert_int_equal(directory_expand(d, SPAN("team@example.com"), 3, a, &t, &n, &e), 0);
    assert_int_equal(directory_expand(d, SPAN("team@example.com"), 2, a, &t, &n, &e), -1);
    assert_string_equal(e.enhanced, "5.5.3");
    assert_int_equal(directory_alias(d, SPAN("Team@Example.com"))->target_count, 3);
    assert_null(directory_alias(d, SPAN("ann@example.com")));
    assert_true(directory_may_send(d, directory_find(d, SPAN("bob")), SPAN("all@example.com")));
    assert_false(directory_may_send(d, directory_find(d, SPAN("copy@example.com")),
                                    SPAN("all@example.com")));
    assert_int_equal(directory_number(d, STORE_DOMAIN_ACCOUNTS, SPAN("caught.example")), 1);
    who_alias_gone(store, d, "team@example.com");
    assert_null(directory_alias(d, SPAN("team@example.com")));
    assert_false(directory_may_send(d, directory_find(d, SPAN("bob")), SPAN("team@example.com")));
    arena_free(&a);
    done(&d);
}

/* ---- what the store can not say ---- */

/* Octets of a record that does not read. */
static void damage(struct store *s, enum driver_kind kind, const char *name)
{
    WHO_WRITE(s, s->driver->value_put(s->self, kind, span_of(name), SPAN("\004no seal"), NULL));
}

static unsigned raised(const struct directory *d, const char *address)
{
    unsigned before = directory_troubles(d);

    assert_null(directory_owner(d, span_of(address)));
    return directory_troubles(d) - before;
}

/* P6: nobody is found, and it is told that this says nothing. Others are found as ever. */
static void damaged_records(void **state)
{
    static const char *const domains[] = {"example.com"};
    struct directory *d = with_aliases();
    struct arena *a = arena_new();
    struct directory_target *t;
    struct error e = {0};
    size_t n;

    (void)state;
    put_host(d, "acme", 0);
    put_hosted(d, "kim@example.com", "acme");
    assert_int_equal(raised(d, "nobody@example.com"), 0);
    directory_free(&d);
    damage(store, DRIVER_ACCOUNT, "ann@example.com");
    damage(store, DRIVER_ALIAS, "team@example.com");
    damage(store, DRIVER_DOMAIN, "caught.example");
    damage(store, DRIVER_HOST, "acme");
    d = directory_open(reader, domains, 1, &e);
    assert_non_null(d);
    assert_true(raised(d, "ann@example.com") > 0);
    assert_true(raised(d, "sales@example.com") > 0); /* it is ann's */
    assert_true(raised(d, "kim@example.com") > 0);   /* whose hosting account may be locked */
    assert_int_equal(raised(d, "nobody@example.com"), 0);
    assert_string_equal(directory_trouble(d)->enhanced, "4.3.0");
    assert_int_equal(directory_trouble(d)->class, ERROR_TEMPORARY);
    assert_non_null(directory_owner(d, SPAN("bob@example.com")));
    assert_true(directory_domain(d, SPAN("caught.example")));
    assert_int_equal(directory_expand(d, SPAN("team@example.com"), 9, a, &t, &n, &e), -1);
    assert_int_equal(e.class, ERROR_TEMPORARY);
    assert_int_equal(directory_expand(d, SPAN("what@caught.example"), 9, a, &t, &n, &e), -1);
    assert_int_equal(e.class, ERROR_TEMPORARY);
    assert_int_equal(directory_expand(d, SPAN("own@caught.example"), 9, a, &t, &n, &e), 0);
    put_host(d, "acme", 0); /* set anew */
    assert_non_null(directory_owner(d, SPAN("kim@example.com")));
    arena_free(&a);
    done(&d);
}

/* The same while the disk fails, and nothing of it stays. */
static void disk_fails(void **state)
{
    static const char *const domains[] = {"example.com"};
    struct fixture f = {.driver = "sqlite"};
    struct store_list all = {.kind = STORE_ACCOUNTS};
    struct directory *d;
    struct error e = {0};

    (void)state;
    fault_reset();
    fixture_path(f.path);
    assert_int_equal(fixture_open(&f, "fault", &e), 0);
    fixture_reader(&f);
    d = directory_open(f.reader, domains, 1, &e);
    who_account(f.store, d, &(struct store_account){.name = SPAN("ann@example.com")});
    who_account(f.store, d, &(struct store_account){.name = SPAN("bob@example.com")});
    assert_non_null(directory_find(d, SPAN("bob@example.com")));
    WHO_WRITE(f.store, store_value_put(f.store, STORE_KIND_GREY, SPAN("x"), SPAN("x"), &who_error));
    fault_arm(1, 1 << FAULT_READ, SQLITE_IOERR_READ, true);
    assert_true(raised(d, "ann@example.com") > 0);
    assert_true(raised(d, "nobody@example.com") > 0);
    assert_non_null(directory_find(d, SPAN("bob@example.com"))); /* in memory */
    assert_int_equal(directory_accounts(d, &all, &(struct store_range){0}, NULL, NULL, &e), -1);
    assert_null(directory_open(f.reader, domains, 1, &e));
    fault.countdown = 0;
    assert_non_null(directory_owner(d, SPAN("ann@example.com")));
    assert_int_equal(raised(d, "nobody@example.com"), 0);
    directory_free(&d);
    store_close(&f.reader);
    store_close(&f.store);
    fixture_wipe(f.path);
    fault_reset();
}

static void add_name(void *arg, struct span name, const struct account *a)
{
    text_addf(arg, "%.*s%s ", SPAN_ARG(name), a ? "" : "!");
}

/* Pages by name; one that does not read is named all the same. */
static void lists(void **state)
{
    struct directory *d = sample();
    struct store_list all = {.kind = STORE_ACCOUNTS};
    struct text t = TEXT_INIT(200);
    struct error e = {0};

    (void)state;
    damage(store, DRIVER_ACCOUNT, "bob");
    assert_int_equal(directory_accounts(d, &all, &(struct store_range){.max = 2}, add_name, &t, &e),
                     1);
    assert_string_equal(text_cstr(&t), "ann@example.com bob! ");
    text_clear(&t);
    assert_int_equal(directory_accounts(d, &all,
                                        &(struct store_range){.after = SPAN("bob"), .max = 2},
                                        add_name, &t, &e),
                     0);
    assert_string_equal(text_cstr(&t), "cat@example.org ");
    text_free(&t);
    done(&d);
}

/* Of many only those stay in memory that somebody asks for. */
static void forgets(void **state)
{
    enum { MANY = 6000 };
    struct directory *d = sample();
    const struct account *kept = NULL;
    struct error e = {0};
    char name[40];

    (void)state;
    assert_int_equal(store_begin(store, &e), 0);
    for (int i = MANY; i-- > 0;) { /* the store in memory puts in front */
        snprintf(name, sizeof name, "a%05d@example.com", i);
        assert_int_equal(
            store_account_put(store, &(struct store_account){.name = span_of(name)}, &e), 0);
    }
    assert_int_equal(store_commit(store, &e), 0);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "a%05d@example.com", i);
        assert_non_null(directory_find(d, span_of(name)));
    }
    directory_tidy(d); /* all were asked for */
    kept = directory_find(d, SPAN("a00007@example.com"));
    directory_tidy(d); /* only this one was */
    assert_ptr_equal(directory_find(d, SPAN("a00007@example.com")), kept);
    assert_non_null(directory_find(d, SPAN("a00008@example.com"))); /* read again */
    assert_int_equal(directory_number(d, STORE_ACCOUNTS, SPAN_NONE), MANY + 3);
    done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners),
        cmocka_unit_test(senders),
        cmocka_unit_test(replacing_and_removing),
        cmocka_unit_test(names),
        cmocka_unit_test(hosting),
        cmocka_unit_test(host_names),
        cmocka_unit_test(domains),
        cmocka_unit_test(aliases),
        cmocka_unit_test(alias_limits_and_senders),
        cmocka_unit_test(damaged_records),
        cmocka_unit_test(disk_fails),
        cmocka_unit_test(lists),
        cmocka_unit_test(forgets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
