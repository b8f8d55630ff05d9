/* The client of NTLM against the acceptor of the same plug-in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <gssapi/gssapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sasl/ntlm.c"

/* The plug-in (1.2.0) loses the OpenSSL context of each MD4 it makes. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libcrypto";
}

static char users[] = "/tmp/port26-ntlm-XXXXXX";

static int setup(void **state)
{
    static const char line[] = "FAR:alice:correct horse\n";
    int fd = mkstemp(users);

    (void)state;
    assert_true(fd >= 0 && write(fd, line, sizeof line - 1) == sizeof line - 1);
    close(fd);
    return setenv("NTLM_USER_FILE", users, 1);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(users);
}

/* What a server does with the client's message: major status, its answer added to `out`. */
static OM_uint32 accept_step(gss_ctx_id_t *context, const struct text *in, struct text *out)
{
    gss_buffer_desc message = {in->len, in->at}, answer = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor, major;

    major =
        gss_accept_sec_context(&minor, context, GSS_C_NO_CREDENTIAL, &message,
                               GSS_C_NO_CHANNEL_BINDINGS, NULL, NULL, &answer, NULL, NULL, NULL);
    text_clear(out);
    text_add(out, (struct span){answer.value, answer.length});
    gss_release_buffer(&minor, &answer);
    return major;
}

static bool login(const char *name, const char *password)
{
    struct ntlm *n = ntlm_start(span_of(name), span_of(password), SPAN("mail.far.test"));
    struct text mine = TEXT_INIT(8192), theirs = TEXT_INIT(8192);
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    OM_uint32 minor, major;

    assert_non_null(n);
    assert_true(ntlm_step(n, SPAN_NONE, &mine));
    assert_memory_equal(mine.at, "NTLMSSP", 8);
    assert_int_equal(accept_step(&context, &mine, &theirs), GSS_S_CONTINUE_NEEDED);
    text_clear(&mine);
    assert_true(ntlm_step(n, text_span(&theirs), &mine));
    assert_false(ntlm_step(n, text_span(&theirs), &theirs));
    major = accept_step(&context, &mine, &theirs);
    gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
    ntlm_free(&n);
    text_free(&mine);
    text_free(&theirs);
    return major == GSS_S_COMPLETE;
}

static void test_login(void **state)
{
    (void)state;
    if (!ntlm_available())
        skip();
    assert_true(login("FAR\\alice", "correct horse"));
    assert_true(login("alice@FAR", "correct horse"));
    assert_false(login("FAR\\alice", "wrong"));
}

/* The challenge of the rehearsal is one that is answered. */
static void test_prepare(void **state)
{
    struct ntlm_ready *r = ntlm_prepare();

    (void)state;
    assert_int_equal(r != NULL, ntlm_available());
    assert_true(!r || r->rehearsal->complete);
    ntlm_unprepare(&r);
    assert_null(r);
    ntlm_unprepare(&r);
}

static void test_nonsense(void **state)
{
    static const char *const challenges[] = {"", "x", "NTLMSSP", "NTLMSSP\0\2\0\0\0"};
    struct text out = TEXT_INIT(8192);

    (void)state;
    if (!ntlm_available())
        skip();
    for (size_t i = 0; i < sizeof challenges / sizeof *challenges; i++) {
        struct ntlm *n = ntlm_start(SPAN("FAR\\alice"), SPAN("x"), SPAN("mail.far.test"));

        assert_non_null(n);
        assert_true(ntlm_step(n, SPAN_NONE, &out));
        assert_false(
            ntlm_step(n, (struct span){challenges[i], i == 3 ? 12 : strlen(challenges[i])}, &out));
        ntlm_free(&n);
    }
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_login), cmocka_unit_test(test_prepare),
                                       cmocka_unit_test(test_nonsense)};

    return cmocka_run_group_tests(tests, setup, teardown);
}
