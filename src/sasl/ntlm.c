#include "sasl/ntlm.h"

#include "base/memory.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <iconv.h>
#include <stdlib.h>

/* 1.3.6.1.4.1.311.2.2.10, MS-NLMP in GSSAPI. */
static unsigned char oid[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a};
static const gss_OID_desc mechanism = {sizeof oid, oid};

struct ntlm {
    gss_cred_id_t credential;
    gss_name_t target;
    gss_ctx_id_t context;
    bool complete;
};

bool ntlm_available(void)
{
    gss_OID_set all = GSS_C_NO_OID_SET;
    OM_uint32 minor;
    int there = 0;

    if (GSS_ERROR(gss_indicate_mechs(&minor, &all)))
        return false;
    gss_test_oid_set_member(&minor, (gss_OID)&mechanism, all, &there);
    gss_release_oid_set(&minor, &all);
    return there != 0;
}

static gss_buffer_desc buffer_of(struct span s)
{
    return (gss_buffer_desc){.length = s.len, .value = (void *)(uintptr_t)s.at};
}

static bool take_credential(struct ntlm *n, struct span name, struct span password)
{
    gss_buffer_desc who = buffer_of(name), secret = buffer_of(password);
    gss_OID_set_desc wanted = {1, (gss_OID)&mechanism};
    gss_name_t user = GSS_C_NO_NAME;
    OM_uint32 minor, major;

    if (GSS_ERROR(gss_import_name(&minor, &who, GSS_C_NT_USER_NAME, &user)))
        return false;
    major = gss_acquire_cred_with_password(&minor, user, &secret, GSS_C_INDEFINITE, &wanted,
                                           GSS_C_INITIATE, &n->credential, NULL, NULL);
    gss_release_name(&minor, &user);
    return !GSS_ERROR(major);
}

static bool take_target(struct ntlm *n, struct span host)
{
    struct text name = TEXT_INIT(300);
    gss_buffer_desc service;
    OM_uint32 minor, major = GSS_S_FAILURE;

    if (text_addf(&name, "SMTP@%.*s", SPAN_ARG(host))) {
        service = buffer_of(text_span(&name));
        major = gss_import_name(&minor, &service, GSS_C_NT_HOSTBASED_SERVICE, &n->target);
    }
    text_free(&name);
    return !GSS_ERROR(major);
}

struct ntlm *ntlm_start(struct span name, struct span password, struct span host)
{
    struct ntlm *n = memory_alloc(sizeof *n);

    *n = (struct ntlm){
        .credential = GSS_C_NO_CREDENTIAL, .target = GSS_C_NO_NAME, .context = GSS_C_NO_CONTEXT};
    if (!take_credential(n, name, password) || !take_target(n, host))
        ntlm_free(&n);
    return n;
}

bool ntlm_step(struct ntlm *n, struct span challenge, struct text *out)
{
    gss_buffer_desc in = buffer_of(challenge), answer = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor, major;
    bool fine;

    if (n->complete || (challenge.len != 0) != (n->context != GSS_C_NO_CONTEXT))
        return false;
    major = gss_init_sec_context(&minor, n->credential, &n->context, n->target, (gss_OID)&mechanism,
                                 0, 0, GSS_C_NO_CHANNEL_BINDINGS, &in, NULL, &answer, NULL, NULL);
    n->complete = major == GSS_S_COMPLETE;
    fine = !GSS_ERROR(major) && answer.length &&
           text_add(out, (struct span){answer.value, answer.length});
    gss_release_buffer(&minor, &answer);
    return fine;
}

void ntlm_free(struct ntlm **n)
{
    struct ntlm *old = *n;
    OM_uint32 minor;

    if (!old)
        return;
    *n = NULL;
    if (old->context != GSS_C_NO_CONTEXT)
        gss_delete_sec_context(&minor, &old->context, GSS_C_NO_BUFFER);
    gss_release_name(&minor, &old->target);
    gss_release_cred(&minor, &old->credential);
    free(old);
}

/* ---- behind walls ---- */

struct ntlm_ready {
    struct ntlm *rehearsal;
    iconv_t letters; /* as long as one is open the module for UTF-16 stays */
};

/* A challenge as servers send it ([MS-NLMP] 2.2.1.2): UTF-16, NTLMv2, of a domain called "X". */
static const char challenge_bytes[] = "NTLMSSP\0"
                                      "\2\0\0\0"
                                      "\2\0\2\0\x30\0\0\0"
                                      "\1\2\x89\0"
                                      "rehearse"
                                      "\0\0\0\0\0\0\0\0"
                                      "\x0a\0\x0a\0\x32\0\0\0"
                                      "X\0"
                                      "\2\0\2\0X\0\0\0\0\0";

struct ntlm_ready *ntlm_prepare(void)
{
    struct text said = TEXT_INIT(8192);
    struct ntlm_ready *r;

    if (!ntlm_available())
        return NULL;
    r = memory_alloc(sizeof *r);
    r->letters = iconv_open("UTF-16LE", "UTF-8");
    r->rehearsal = ntlm_start(SPAN("X\\nobody"), SPAN("nothing"), SPAN("localhost"));
    if (r->rehearsal && ntlm_step(r->rehearsal, SPAN_NONE, &said))
        ntlm_step(r->rehearsal, (struct span){challenge_bytes, sizeof challenge_bytes - 1}, &said);
    text_free(&said);
    return r;
}

void ntlm_unprepare(struct ntlm_ready **r)
{
    if (!*r)
        return;
    if ((*r)->letters != (iconv_t)-1)
        iconv_close((*r)->letters);
    ntlm_free(&(*r)->rehearsal);
    free(*r);
    *r = NULL;
}
