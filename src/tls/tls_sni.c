#include "tls/tls_sni.h"

#include "base/memory.h"
#include "tls/tls_private.h"

#include <assert.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LEN = 253 };

/* One certificate, under each of its names. */
struct held {
    unsigned refs; /* the names, and who makes it */
    int64_t expires;
    struct text cert, key; /* until it is read */
    struct tls_pair pair;  /* then; without a certificate: it cannot be */
};

struct tls_sni {
    unsigned refs;     /* its owner and contexts */
    struct map *names; /* lower case, or "*.domain", to struct held */
    SSL_CTX *probe;    /* takes each once, so that no handshake is the first to find it unfit */
};

struct tls_sni *tls_sni_new(void)
{
    struct tls_sni *s = memory_alloc(sizeof *s);

    s->refs = 1;
    s->names = map_new();
    return s;
}

static void drop(struct held *h)
{
    if (!h || --h->refs)
        return;
    text_free(&h->cert);
    text_wipe(&h->key);
    tls_pair_clear(&h->pair);
    free(h);
}

static void drop_name(struct span name, void *held, void *arg)
{
    (void)name;
    (void)arg;
    drop(held);
}

void tls_sni_free(struct tls_sni **s)
{
    struct tls_sni *old = *s;

    *s = NULL;
    if (!old || --old->refs)
        return;
    map_each(old->names, drop_name, NULL);
    map_free(&old->names);
    SSL_CTX_free(old->probe);
    free(old);
}

/* ---- names ---- */

static struct span lower(struct span name, char buf[NAME_MAX_LEN])
{
    size_t n = name.len <= NAME_MAX_LEN ? name.len : 0;

    for (size_t i = 0; i < n; i++) {
        char c = name.at[i];
        buf[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    return (struct span){buf, n};
}

/* What stands for the name in `names`: the name itself before a wildcard. *exact tells which. */
static void *find(const struct map *names, struct span asked, bool *exact)
{
    char buf[NAME_MAX_LEN], wild[NAME_MAX_LEN + 1] = "*";
    struct span name = lower(asked, buf);
    void *found = name.len ? map_get(names, name) : NULL;
    ptrdiff_t dot = span_find(name, '.');
    struct span parent;

    *exact = found != NULL;
    if (found || dot < 1)
        return found;
    parent = span_from(name, (size_t)dot);
    memcpy(wild + 1, parent.at, parent.len);
    return map_get(names, (struct span){wild, 1 + parent.len});
}

bool tls_sni_covers(const struct tls_sni *s, struct span name)
{
    bool exact;

    return s && find(s->names, name, &exact);
}

/* ---- reading and adding ---- */

/* A name that somebody could ask for, and that cannot be taken for two. */
static bool add_name(struct span name, void *arg)
{
    static const char fine[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_*";
    struct text *names = arg;
    char buf[NAME_MAX_LEN];
    struct span low = lower(name, buf);

    for (size_t i = 0; i < low.len; i++)
        if (!low.at[i] || !strchr(fine, low.at[i]))
            return true;
    if (!low.len)
        return true;
    return (!names->len || text_addc(names, ' ')) && text_add(names, low);
}

static int probe(struct tls_sni *s, const struct tls_pair *p, struct error *e)
{
    if (!s->probe) {
        s->probe = SSL_CTX_new(TLS_server_method());
        if (!s->probe || !tls_context_set(s->probe))
            return error_set(e, ERROR_PERMANENT, "TLS cannot be set up: %s.", tls_context_words());
    }
    return tls_pair_use(p, s->probe, e);
}

int tls_sni_read(struct tls_sni *s, struct tls_sni_entry *x, struct text *names, struct error *e)
{
    struct tls_pair pair;
    int result = tls_pair_read(x->cert, x->key, &pair, e);

    if (result == 0)
        result = probe(s, &pair, e);
    if (result == 0 && !tls_pair_names(&pair, add_name, names))
        result = error_set(e, ERROR_INPUT, "The certificate has too many names: use several.");
    x->names = text_span(names);
    x->expires = pair.expires;
    tls_pair_clear(&pair);
    return result;
}

static bool hold(struct tls_sni *s, struct span name, struct held *h)
{
    const struct held *was = map_get(s->names, name);

    if (was && was->expires >= h->expires)
        return true;
    if (!was && map_count(s->names) >= TLS_SNI_NAMES)
        return false;
    h->refs++;
    drop(map_put(s->names, name, h));
    return true;
}

bool tls_sni_add(struct tls_sni *s, const struct tls_sni_entry *x)
{
    struct held *h = memory_alloc(sizeof *h);
    struct span rest = x->names, name;
    bool ok = true;

    h->refs = 1;
    h->expires = x->expires;
    text_init(&h->cert, TLS_PEM_MAX);
    text_init(&h->key, TLS_PEM_MAX);
    ok = text_add(&h->cert, x->cert) && text_add(&h->key, x->key);
    while (ok && (name = span_word(&rest)).len)
        ok = hold(s, name, h);
    drop(h);
    return ok;
}

/* ---- serving ---- */

static void read_now(struct held *h)
{
    struct error e = {0};

    if (tls_pair_read(text_span(&h->cert), text_span(&h->key), &h->pair, &e) < 0)
        tls_pair_clear(&h->pair); /* who added it had read it: out of memory */
    text_free(&h->cert);
    text_wipe(&h->key);
}

static const struct tls_pair *pair_for(const struct tls_context *c, struct span name)
{
    bool exact = false, own_exact = false;
    struct held *h = find(c->sni->names, name, &exact);
    bool own = h && find(c->own_names, name, &own_exact);

    if (!h || (own && own_exact >= exact))
        return NULL;
    if (h->cert.len)
        read_now(h);
    return h->pair.cert ? &h->pair : NULL;
}

/* Asked by OpenSSL when it needs a certificate. 0 ends the handshake. */
static int choose(SSL *ssl, void *arg)
{
    const struct tls_context *c = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct tls_pair *p = name ? pair_for(c, span_of(name)) : NULL;

    if (!p)
        return 1;
    /* One that is RSA must not leave an EC one of the context beside it to choose from. */
    SSL_certs_clear(ssl);
    return SSL_use_cert_and_key(ssl, p->cert, p->key, p->chain, 1);
}

static bool own_name(struct span name, void *arg)
{
    struct tls_context *c = arg;
    char buf[NAME_MAX_LEN];
    struct span low = lower(name, buf);

    if (low.len)
        map_put(c->own_names, low, c);
    return true;
}

void tls_sni_serve(struct tls_sni *s, struct tls_context *c)
{
    const struct tls_pair own = {.cert = SSL_CTX_get0_certificate(c->ctx)};

    assert(c->server && !c->sni);
    s->refs++;
    c->sni = s;
    c->own_names = map_new();
    tls_pair_names(&own, own_name, c);
    SSL_CTX_set_cert_cb(c->ctx, choose, c);
}
