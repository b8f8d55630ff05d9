/* Hashes of other systems: which are taken, and what they prove. */
#include "account/hash.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARGON2ID                                                                                   \
    "$argon2id$v=19$m=64,t=1,p=1$uliHaT6fae4Vzp1+ltxc0g$"                                          \
    "XwNxTY78rL7tPzCCry9k7kqRzmLbj4acEgK08se4Hvo"
#define ARGON2I                                                                                    \
    "$argon2i$v=19$m=64,t=3,p=1$T/urM+e2lJ4wVj3UJg9bKw$6ZpMvO3hiJVwgJS9DjaocjZs/"                  \
    "Xc6IrAFgFqpYhPx7yM"
#define SSHA    "UFAL1Y6rU6p3E9OM0Q51KWVEkV1zYWx0"
#define SSHA256 "vwDkp0STik3zwBolI7cJi4/ksAsAfJPpG7sQPP9zqbtzYWx0"
#define SSHA512                                                                                    \
    "/gOOYeOM+bPtbv5kRoqkO3ZcCKuuecTjj40rM4Yo0pPMkQxI9a+grI/MKelHvt047O//hilUV/CWDSjc9wZM9HNhbHQ="
#define SHA "2oguq15ANCGsJCWKX31fllwpyEk="

/* Each is the hash of "pass word", where it has a salt, of "salt". */
static void good(void **state)
{
    static const struct {
        const char *in, *kept;
    } rows[] = {
        {"{SSHA}" SSHA, "{SSHA}" SSHA},
        {" {ssha}" SSHA " ", "{SSHA}" SSHA},
        {"{SSHA256}" SSHA256, "{SSHA256}" SSHA256},
        {"{SSHA256.B64}" SSHA256, "{SSHA256}" SSHA256},
        {"{SSHA512}" SSHA512, "{SSHA512}" SSHA512},
        {"{SHA}" SHA, "{SHA}" SHA},
        {"{SHA256}eJgOJX9BJDf7+TQ3h7wA7FsQY2QpvAALKQEHM1sIl4Y=",
         "{SHA256}eJgOJX9BJDf7+TQ3h7wA7FsQY2QpvAALKQEHM1sIl4Y="},
        {"{ARGON2ID}" ARGON2ID, "{ARGON2ID}" ARGON2ID},
        {ARGON2ID, "{ARGON2ID}" ARGON2ID},
        {"{CRYPT}" ARGON2ID, "{ARGON2ID}" ARGON2ID},
        {"{ARGON2I}" ARGON2I, "{ARGON2I}" ARGON2I},
        {"{MD5-CRYPT}$1$saltsalt$1K7dkhtbTNVUwUicA5kOT1",
         "{CRYPT}$1$saltsalt$1K7dkhtbTNVUwUicA5kOT1"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text kept = TEXT_INIT(1000);
        struct error e = {0};

        if (hash_read(span_of(rows[i].in), &kept, &e) < 0)
            fail_msg("%s: %s", rows[i].in, e.words);
        assert_string_equal(text_cstr(&kept), rows[i].kept);
        assert_true(hash_is(text_span(&kept)));
        if (!hash_check(text_span(&kept), SPAN("pass word")))
            fail_msg("%s does not prove its password", rows[i].in);
        assert_false(hash_check(text_span(&kept), SPAN("pass words")));
        assert_false(hash_check(text_span(&kept), SPAN("")));
        assert_false(hash_check(text_span(&kept), SPAN("pass word\0")));
        text_free(&kept);
    }
}

static void bad(void **state)
{
    static const struct {
        const char *in, *words;
    } rows[] = {
        {"", "no password hash"},
        {"!", "no password hash"},
        {"{SSHA}", "base64 of 20 octets"},
        {"{SSHA}" SHA, "and a salt"},
        {"{SHA}" SSHA, "base64 of 20 octets"},
        {"{SSHA}nonsense", "base64 of 20 octets"},
        {"{SSHA512}" SSHA, "base64 of 64 octets"},
        {"{SSHA512.HEX}00", "not known"},
        {"{SMD5}" SSHA, "not known"},
        {"{ARGON2ID}plain", "not known"},
        {"{ARGON2ID}$argon2id$v=19$m=64,t=1$salt$hash", "not known"},
        {"{ARGON2ID}$argon2id$v=16$m=64,t=1,p=1$salt$hash", "not known"},
        {"{ARGON2ID}$argon2d$v=19$m=64,t=1,p=1$salt$hash", "not known"},
        {"{ARGON2ID}$argon2id$v=19$m=1048576,t=4,p=1$salt$hash", "takes too long"},
        {"{ARGON2ID}$argon2id$v=19$m=65536,t=100,p=1$salt$hash", "takes too long"},
        {"{ARGON2ID}$argon2id$v=19$m=64,t=4294967295,p=1$salt$hash", "takes too long"},
        {"$6$rounds=9999999$saltsalt$x", "takes too long"},
        {"abJnggxhB/yWI", "not known"}, /* DES */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text kept = TEXT_INIT(1000);
        struct error e = {0};

        if (hash_read(span_of(rows[i].in), &kept, &e) == 0)
            fail_msg("%s was taken", rows[i].in);
        if (!strstr(e.words, rows[i].words))
            fail_msg("%s: %s", rows[i].in, e.words);
        assert_int_equal(kept.len, 0);
        text_free(&kept);
    }
}

/* What does not read any more proves nothing, and none of it is taken for a verifier of SCRAM. */
static void kept(void **state)
{
    static const char *const rows[] = {"{SSHA}",
                                       ("{SSHA}" SHA),
                                       "{SSHA",
                                       "{ARGON2ID}",
                                       "{ARGON2ID}$argon2id$",
                                       "{CRYPT}",
                                       "SCRAM-SHA-256$4096:x$y:z",
                                       ""};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_false(hash_check(span_of(rows[i]), SPAN("pass word")));
    assert_false(hash_is(SPAN("SCRAM-SHA-256$4096:x$y:z")));
    assert_false(hash_is(SPAN("{DOVECOT}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(bad),
                                       cmocka_unit_test(kept)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
