#include "tls/certificate.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- making ---- */

static bool name_fine(const char *name)
{
    static const char fine[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:*";
    size_t n = strlen(name);
    return n > 0 && n <= 253 && strspn(name, fine) == n;
}

static bool set_common_name(X509 *x, const char *name)
{
    X509_NAME *n = X509_get_subject_name(x);
    /* A common name has at most 64 characters; the full name stands in the list of names. */
    size_t len = strlen(name) <= 64 ? strlen(name) : 64;
    return X509_NAME_add_entry_by_NID(n, NID_commonName, MBSTRING_ASC, (const unsigned char *)name,
                                      (int)len, -1, 0) == 1 &&
           X509_set_issuer_name(x, n) == 1;
}

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX v3;
    X509V3_set_ctx(&v3, x, x, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
    bool ok = ext && X509_add_ext(x, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

static bool add_names(X509 *x, const char *const *names)
{
    struct text list = TEXT_INIT(CERTIFICATE_NAMES * 260);
    for (size_t i = 0; names[i]; i++) {
        unsigned char at[16];
        bool ip = inet_pton(AF_INET, names[i], at) == 1 || inet_pton(AF_INET6, names[i], at) == 1;
        text_addf(&list, "%s%s:%s", i ? "," : "", ip ? "IP" : "DNS", names[i]);
    }
    bool ok = !list.full && add_extension(x, NID_subject_alt_name, text_cstr(&list));
    text_free(&list);
    return ok;
}

/* A random positive serial of 127 bits (RFC 5280 4.1.2.2). */
static bool set_serial(X509 *x)
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return ok;
}

static bool set_dates(X509 *x, const struct certificate_wish *w)
{
    int64_t now = clock_wall(), from = w->from, until = w->until;
    if (!from && !until) {
        from = now - CLOCK_HOUR; /* for clients whose clock is a little behind */
        until = now + CERTIFICATE_DAYS * CLOCK_DAY;
    }
    return ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(from / CLOCK_SECOND)) &&
           ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(until / CLOCK_SECOND));
}

static bool fill(X509 *x, EVP_PKEY *key, const struct certificate_wish *w)
{
    return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) && set_dates(x, w) &&
           X509_set_pubkey(x, key) == 1 && set_common_name(x, w->names[0]) &&
           add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x, NID_ext_key_usage, "serverAuth") && add_names(x, w->names) &&
           X509_sign(x, key, EVP_sha256()) > 0;
}

static bool add_pem(BIO *b, bool written, struct text *out)
{
    char *at = NULL;
    long n = b && written ? BIO_get_mem_data(b, &at) : 0;
    bool ok = n > 0 && text_add(out, (struct span){at, (size_t)n});
    if (n > 0)
        memory_wipe(at, (size_t)n);
    BIO_free(b);
    return ok;
}

static bool wish_fine(const struct certificate_wish *w)
{
    size_t n = 0;
    while (w->names[n] && n <= CERTIFICATE_NAMES && name_fine(w->names[n]))
        n++;
    return n > 0 && n <= CERTIFICATE_NAMES && !w->names[n];
}

int certificate_make(const struct certificate_wish *w, struct text *cert, struct text *key,
                     struct error *e)
{
    if (!wish_fine(w))
        return error_set(e, ERROR_INPUT,
                         "A certificate needs 1 to %d names: host names or addresses, without "
                         "spaces.",
                         CERTIFICATE_NAMES);
    ERR_clear_error();
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_secmem());
    bool ok = pair && x && fill(x, pair, w);
    bool c_ok = add_pem(c, ok && c && PEM_write_bio_X509(c, x) == 1, cert);
    bool k_ok = add_pem(
        k, ok && k && PEM_write_bio_PKCS8PrivateKey(k, pair, NULL, NULL, 0, NULL, NULL) == 1, key);
    X509_free(x);
    EVP_PKEY_free(pair);
    if (c_ok && k_ok)
        return 0;
    const char *words = ERR_reason_error_string(ERR_peek_last_error());
    return error_set(e, ERROR_PERMANENT, "The certificate could not be made: %s.",
                     words ? words : "unknown reason");
}

/* ---- writing ---- */

/* Under another name first, then linked: so it is whole or not there, and never replaces one. */
static int write_file(const char *file, mode_t mode, struct span s, struct error *e)
{
    char *part = NULL;
    if (asprintf(&part, "%s.XXXXXX", file) < 0)
        abort();
    int fd = mkostemp(part, O_CLOEXEC); /* mode 0600 */
    bool ok = fd >= 0 && file_write(fd, s) == 0 && fsync(fd) == 0 && fchmod(fd, mode) == 0 &&
              link(part, file) == 0;
    int sys = errno;
    if (fd >= 0) {
        close(fd);
        unlink(part);
    }
    free(part);
    return ok ? 0
              : error_sys(e, sys,
                          "%s could not be written; remove an old one or choose another name",
                          file);
}

int certificate_write(const struct certificate_wish *w, const char *cert_file, const char *key_file,
                      struct error *e)
{
    struct text cert = TEXT_INIT(CERTIFICATE_PEM), key = TEXT_INIT(CERTIFICATE_PEM);
    text_room(&key, 4096); /* at once: growing would leave copies behind */
    int rc = certificate_make(w, &cert, &key, e);
    if (rc == 0)
        rc = write_file(key_file, 0600, text_span(&key), e);
    if (rc == 0) {
        rc = write_file(cert_file, 0644, text_span(&cert), e);
        if (rc != 0)
            unlink(key_file); /* ours, made just now */
    }
    text_wipe(&key);
    text_free(&cert);
    return rc;
}
