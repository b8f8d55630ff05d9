/* What a server's certificate is worth, and the words for people. */
#include "base/memory.h"
#include "tls/tls_private.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WORDS_MAX = 600, SUBJECT_MAX = 256, NAMES_SHOWN = 4 };

#define X(id, name) name,
static const char *const verdicts[] = {TLS_VERDICT_LIST(X)};
#undef X

const char *tls_verdict_name(enum tls_verdict v)
{
    return (size_t)v < COUNT(verdicts) ? verdicts[v] : "";
}

static const struct {
    int code;
    enum tls_verdict verdict;
} codes[] = {
    {X509_V_OK, TLS_VERIFIED},
    {X509_V_ERR_CERT_HAS_EXPIRED, TLS_EXPIRED},
    {X509_V_ERR_CERT_NOT_YET_VALID, TLS_NOT_YET_VALID},
    {X509_V_ERR_HOSTNAME_MISMATCH, TLS_WRONG_NAME},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, TLS_WRONG_NAME},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, TLS_SELF_SIGNED},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, TLS_UNKNOWN_ISSUER},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, TLS_UNKNOWN_ISSUER},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, TLS_UNKNOWN_ISSUER},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, TLS_UNKNOWN_ISSUER},
    {X509_V_ERR_CERT_UNTRUSTED, TLS_UNKNOWN_ISSUER},
};

static const char *const why[] = {
    [TLS_UNASKED] = "it was not looked at",
    [TLS_VERIFIED] = "it is right",
    [TLS_EXPIRED] = "it has expired",
    [TLS_NOT_YET_VALID] = "it is not valid yet",
    [TLS_WRONG_NAME] = "it is for another name",
    [TLS_SELF_SIGNED] = "it is self-signed",
    [TLS_UNKNOWN_ISSUER] = "its issuer is not trusted here",
};

static enum tls_verdict verdict_of(int code)
{
    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i].code == code)
            return codes[i].verdict;
    return TLS_OTHER;
}

/* ---- words ---- */

static void add_x509_name(struct text *out, const X509_NAME *name)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *at = NULL;
    if (b && X509_NAME_print_ex(b, name, 0,
                                XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
        long n = BIO_get_mem_data(b, &at);
        text_add_safe(out, span_head((struct span){at, n > 0 ? (size_t)n : 0}, 120));
    }
    BIO_free(b);
}

static void add_date(struct text *out, const ASN1_TIME *t)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(t, &tm) == 1)
        text_addf(out, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static void add_general_name(struct text *out, const GENERAL_NAME *g)
{
    const ASN1_STRING *s = g->d.ia5;
    const unsigned char *at = ASN1_STRING_get0_data(s);
    size_t n = (size_t)ASN1_STRING_length(s);
    char ip[INET6_ADDRSTRLEN];
    if (g->type == GEN_DNS)
        text_add_safe(out, span_head((struct span){(const char *)at, n}, 80));
    else if (inet_ntop(n == 4 ? AF_INET : AF_INET6, at, ip, sizeof ip))
        text_adds(out, ip);
}

static bool shown(const GENERAL_NAME *g)
{
    return g->type == GEN_DNS ||
           (g->type == GEN_IPADD &&
            (ASN1_STRING_length(g->d.iPAddress) == 4 || ASN1_STRING_length(g->d.iPAddress) == 16));
}

/* The first names it is for; the subject when it has none. */
static void add_names(struct text *out, X509 *cert)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int n = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);
        if (!shown(g) || n++ >= NAMES_SHOWN)
            continue;
        if (n > 1)
            text_adds(out, ", ");
        add_general_name(out, g);
    }
    if (n > NAMES_SHOWN)
        text_addf(out, " and %d more", n - NAMES_SHOWN);
    if (n == 0)
        add_x509_name(out, X509_get_subject_name(cert));
    GENERAL_NAMES_free(all);
}

static void describe(struct tls_finding *f, X509 *cert, int code, int depth)
{
    text_clear(&f->words);
    text_clear(&f->subject);
    if (f->verdict != TLS_VERIFIED) {
        text_adds(&f->words,
                  f->verdict == TLS_OTHER ? X509_verify_cert_error_string(code) : why[f->verdict]);
        text_adds(&f->words, depth > 0 && f->verdict != TLS_UNKNOWN_ISSUER
                                 ? " (a certificate above it in the chain); "
                                 : "; ");
    }
    text_adds(&f->words, "for ");
    add_names(&f->words, cert);
    text_adds(&f->words, ", issued by ");
    add_x509_name(&f->words, X509_get_issuer_name(cert));
    text_adds(&f->words, ", valid from ");
    add_date(&f->words, X509_get0_notBefore(cert));
    text_adds(&f->words, " until ");
    add_date(&f->words, X509_get0_notAfter(cert));
    add_x509_name(&f->subject, X509_get_subject_name(cert));
}

/* ---- the check ---- */

/* Called for each certificate of the chain and each failure; the first failure counts. */
static int seen(int ok, X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls *t = SSL_get_app_data(ssl);
    struct tls_finding *f = t->finding;
    if (ok)
        return 1;
    if (f->verdict == TLS_UNASKED) {
        int code = X509_STORE_CTX_get_error(store);
        f->verdict = verdict_of(code);
        describe(f, X509_STORE_CTX_get0_cert(store), code, X509_STORE_CTX_get_error_depth(store));
    }
    return f->verify == TLS_VERIFY_NONE;
}

static bool is_literal(const char *name)
{
    unsigned char at[16];
    return inet_pton(AF_INET, name, at) == 1 || inet_pton(AF_INET6, name, at) == 1;
}

/* The name to ask for and to look for in the certificate. */
static bool set_name(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (is_literal(name))
        return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1; /* no SNI: RFC 6066 section 3 */
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, name, strlen(name)) == 1 &&
           SSL_set_tlsext_host_name(ssl, name) == 1;
}

int tls_verify_set(struct tls *t, const struct tls_expect *x, struct error *e)
{
    char name[256];
    struct span bare = span_of(x->name);
    if (span_ends(bare, SPAN(".")))
        bare = span_head(bare, bare.len - 1);
    t->finding = memory_alloc(sizeof *t->finding);
    *t->finding = (struct tls_finding){.verify = x->verify, .name = memory_dup(x->name)};
    text_init(&t->finding->words, WORDS_MAX);
    text_init(&t->finding->subject, SUBJECT_MAX);
    if (!bare.len || !span_cstr(bare, name, sizeof name) || !set_name(t->ssl, name))
        return error_set(e, ERROR_PERMANENT,
                         "\"%.100s\" is no name a certificate could be checked for.", x->name);
    SSL_set_verify(t->ssl, SSL_VERIFY_PEER, seen);
    /* A weak certificate is better than none where none would do. */
    if (x->verify == TLS_VERIFY_NONE)
        SSL_set_security_level(t->ssl, 1);
    return 0;
}

void tls_verify_end(struct tls *t, const struct tls_expect *x)
{
    if (SSL_session_reused(t->ssl)) {
        tls_verify_free(&t->finding);
        t->finding = tls_verify_copy(x->session->finding);
        return;
    }
    X509 *cert = SSL_get0_peer_certificate(t->ssl);
    if (t->finding->verdict != TLS_UNASKED || !cert)
        return;
    t->finding->verdict = TLS_VERIFIED;
    describe(t->finding, cert, X509_V_OK, 0);
}

struct tls_finding *tls_verify_copy(const struct tls_finding *f)
{
    struct tls_finding *copy = memory_alloc(sizeof *copy);
    *copy = (struct tls_finding){
        .verify = f->verify, .verdict = f->verdict, .name = memory_dup(f->name)};
    text_init(&copy->words, WORDS_MAX);
    text_init(&copy->subject, SUBJECT_MAX);
    text_add(&copy->words, text_span(&f->words));
    text_add(&copy->subject, text_span(&f->subject));
    return copy;
}

void tls_verify_free(struct tls_finding **f)
{
    if (!*f)
        return;
    text_free(&(*f)->words);
    text_free(&(*f)->subject);
    free((*f)->name);
    free(*f);
    *f = NULL;
}
