#include "sign/sign.h"

#include "base/clock.h"
#include "base/memory.h"
#include "mail/address.h"
#include "mail/recipients.h"
#include "sign/canon.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIECE = 64 << 10, COLUMN = 72 };

/* What a signature covers, when it is there. A `sealed` field is named once more than it is there
 * (RFC 6376 8.15), so that none can be added that a reader would believe. Not sealed is what
 * mailing lists add, and what was sent on by hand. Received, Return-Path and the like change on the
 * way. */
static const struct row {
    const char *name;
    bool sealed;
} covered[] = {
    {"From", true},
    {"Subject", true},
    {"Date", true},
    {"To", true},
    {"Cc", true},
    {"Reply-To", true},
    {"Message-ID", true},
    {"In-Reply-To", true},
    {"References", true},
    {"MIME-Version", true},
    {"Content-Type", true},
    {"Content-Transfer-Encoding", true},
    {"Content-ID", false},
    {"Content-Description", false},
    {"Content-Disposition", false},
    {"Content-Language", false},
    {"Sender", false},
    {"Resent-Date", false},
    {"Resent-From", false},
    {"Resent-Sender", false},
    {"Resent-To", false},
    {"Resent-Cc", false},
    {"Resent-Message-ID", false},
    {"List-Id", false},
    {"List-Help", false},
    {"List-Unsubscribe", false},
    {"List-Unsubscribe-Post", false},
    {"List-Subscribe", false},
    {"List-Post", false},
    {"List-Owner", false},
    {"List-Archive", false},
    {"Auto-Submitted", false},
    {"Expires", false},
    {"Importance", false},
};

/* ---- reading ---- */

struct reader {
    const struct content *content;
    uint64_t at;
    char *buf;
};

static uint64_t body_size(const struct content *c)
{
    return c->fd >= 0 ? c->size : c->body.len;
}

/* The next piece: 1, 0 at the end, negative errno. */
static int next(struct reader *r, struct span *piece)
{
    const struct content *c = r->content;
    uint64_t offset = r->at - c->prefix.len, left;
    ssize_t n;

    if (r->at < c->prefix.len) {
        *piece = span_from(c->prefix, (size_t)r->at);
    } else if (offset >= body_size(c)) {
        return 0;
    } else if (c->fd < 0) {
        *piece = span_from(c->body, (size_t)offset);
    } else {
        left = c->size - offset;
        if (!r->buf)
            r->buf = memory_alloc(PIECE);
        do
            n = pread(c->fd, r->buf, left < PIECE ? (size_t)left : PIECE, (off_t)offset);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        *piece = (struct span){r->buf, (size_t)n};
    }
    r->at += piece->len;
    return 1;
}

/* How much of the text is header, with the blank line; 0: its end is not there yet. `from`: where
 * to look on. A line ends as canon.h says. */
static size_t header_end(struct span s, size_t from)
{
    for (size_t i = from; i < s.len; i++) {
        bool lf = s.at[i] == '\n', cr = s.at[i] == '\r';
        size_t n = i;

        if (!lf && !cr)
            continue;
        if (cr && i + 1 == s.len)
            return 0;
        n += cr && s.at[i + 1] == '\n' ? 2 : 1;
        if (n == s.len)
            return 0;
        if (s.at[n] == '\n')
            return n + 1;
        if (s.at[n] == '\r') {
            if (n + 1 == s.len)
                return 0;
            return n + (s.at[n + 1] == '\n' ? 2 : 1);
        }
        i = n - 1;
    }
    return 0;
}

static int too_large(struct error *e, size_t max)
{
    return error_set(e, ERROR_PERMANENT, "the header of the message is larger than %zu octets",
                     max);
}

/* Reads until the header is whole; *end is its length, and what `out` has beyond is body. */
static int read_header(struct reader *r, struct text *out, size_t *end, struct error *e)
{
    struct span piece;
    size_t looked = 0;
    int rc = 1;

    *end = 0;
    /* A message that begins with a blank line has no header. */
    while (!*end && (rc = next(r, &piece)) > 0) {
        if (!text_add(out, piece))
            return too_large(e, out->max);
        if (out->len && (out->at[0] == '\r' || out->at[0] == '\n'))
            *end = out->len > 1 && out->at[0] == '\r' && out->at[1] == '\n' ? 2 : 1;
        else
            *end = header_end(text_span(out), looked);
        looked = out->len > 4 ? out->len - 4 : 0;
    }
    if (rc < 0)
        return error_sys(e, -rc, "the message can not be read");
    if (!*end)
        *end = out->len;
    return 0;
}

int sign_header(const struct content *content, struct text *out, struct error *e)
{
    struct reader r = {.content = content};
    /* A piece of the body comes along. */
    struct text all = TEXT_INIT(out->max + content->prefix.len +
                                (content->fd < 0 ? content->body.len : (size_t)PIECE));
    size_t end;
    int rc = read_header(&r, &all, &end, e);

    if (rc == 0 && !text_add(out, span_head(text_span(&all), end)))
        rc = too_large(e, out->max);
    text_free(&all);
    free(r.buf);
    return rc;
}

/* ---- who ---- */

static bool from_of(struct span header, struct span *value)
{
    struct canon_field f;
    unsigned n = 0;

    while (canon_next(&header, &f)) {
        if (!span_iis(f.name, "From"))
            continue;
        *value = f.value;
        n++;
    }
    return n == 1;
}

static struct span domain_of(struct span address, struct arena *a)
{
    struct text t = TEXT_INIT(256);
    ptrdiff_t at = span_rfind(address, '@');
    struct span out = SPAN_NONE;

    if (at >= 0 && address_domain_canon(span_from(address, (size_t)at + 1), &t))
        out = arena_span(a, text_span(&t));
    text_free(&t);
    return out;
}

void sign_author(struct span header, struct arena *a, struct sign_author *out)
{
    struct recipients list;
    struct span value;

    *out = (struct sign_author){.domain = SPAN_NONE};
    if (!from_of(header, &value))
        return;
    recipients_init(&list, a, SPAN_NONE);
    if (recipients_list(&list, value, NULL) == 0 && list.count) {
        out->addresses = arena_alloc(a, list.count * sizeof *out->addresses);
        out->domain = domain_of(list.at[0], a);
        for (size_t i = 0; i < list.count; i++) {
            out->addresses[out->count++] = arena_span(a, list.at[i]);
            if (!span_eq(domain_of(list.at[i], a), out->domain))
                out->domain = SPAN_NONE;
        }
    }
    recipients_free(&list);
}

/* ---- signing ---- */

/* The parts that are the same for all signatures of a message. */
struct cover {
    struct text names;  /* h=, folded */
    struct text header; /* the fields' canonical forms, CR LF behind each */
    struct text body;   /* bh= */
    size_t count, column;
};

static int add_name(struct cover *c, const char *name, struct error *e)
{
    size_t len = span_of(name).len;

    if (c->count++ >= SIGN_FIELDS_MAX)
        return error_set(e, ERROR_PERMANENT, "it has more than %d header fields to sign",
                         SIGN_FIELDS_MAX);
    if (c->names.len)
        text_addc(&c->names, ':');
    if (c->column + len + 1 > COLUMN) {
        text_adds(&c->names, "\r\n\t");
        c->column = 8;
    }
    text_adds(&c->names, name);
    c->column += len + 1;
    return 0;
}

/* RFC 6376 5.4.2: of fields with one name, the lowest counts first. */
static int cover_row(struct cover *c, const struct row *row, const struct canon_field *fields,
                     size_t count, struct error *e)
{
    for (size_t i = count; i-- > 0;) {
        if (!span_iis(fields[i].name, row->name))
            continue;
        if (add_name(c, row->name, e) < 0)
            return -1;
        canon_field(&fields[i], &c->header);
        text_adds(&c->header, "\r\n");
    }
    return row->sealed ? add_name(c, row->name, e) : 0;
}

static int cover_header(struct cover *c, struct span header, struct error *e)
{
    struct canon_field f, *fields = NULL;
    struct span rest = header;
    size_t n = 0;
    int rc = 0;

    while (canon_next(&rest, &f))
        n++;
    fields = memory_array(n + 1, sizeof *fields);
    rest = header;
    for (size_t i = 0; i < n && canon_next(&rest, &f); i++)
        fields[i] = f;
    for (size_t i = 0; i < COUNT(covered) && rc == 0; i++)
        rc = cover_row(c, &covered[i], fields, n, e);
    free(fields);
    if (rc == 0 && c->header.full)
        rc = too_large(e, SIGN_HEADER_MAX);
    return rc;
}

static void digest(void *arg, struct span bytes)
{
    keypair_digest_add(arg, bytes);
}

/* Header and body in one go over the content. */
static int cover(struct cover *c, const struct content *content, struct error *e)
{
    struct reader r = {.content = content};
    struct text head =
        TEXT_INIT(SIGN_HEADER_MAX + (content->fd < 0 ? content->body.len : (size_t)PIECE));
    struct keypair_digest *d = keypair_digest_new();
    struct canon_body body;
    struct span piece;
    size_t end = 0;
    int rc = read_header(&r, &head, &end, e), got = 0;

    if (rc == 0 && end > SIGN_HEADER_MAX)
        rc = too_large(e, SIGN_HEADER_MAX);
    if (rc == 0)
        rc = cover_header(c, span_head(text_span(&head), end), e);
    canon_body_init(&body, digest, d);
    if (rc == 0) {
        canon_body_feed(&body, span_from(text_span(&head), end));
        while ((got = next(&r, &piece)) > 0)
            canon_body_feed(&body, piece);
        canon_body_end(&body);
    }
    if (got < 0)
        rc = error_sys(e, -got, "the message can not be read");
    keypair_digest_end(&d, &c->body);
    text_free(&head);
    free(r.buf);
    return rc;
}

/* Base64 in lines. */
static void add_folded(struct text *t, struct span s)
{
    for (size_t i = 0; i < s.len; i += COLUMN - 8)
        text_addf(t, "%s%.*s", i ? "\r\n\t " : "",
                  SPAN_ARG(span_head(span_from(s, i), COLUMN - 8)));
}

static void compose(const struct sign_wish *w, const struct sign_key *k, const struct cover *c,
                    struct text *value)
{
    bool ed = keypair_kind_of(k->key) == KEYPAIR_ED25519;

    text_addf(value, " v=1; a=%s-sha256; c=relaxed/relaxed; d=%.*s;\r\n\ts=%.*s; t=%lld;",
              ed ? "ed25519" : "rsa", SPAN_ARG(k->domain), SPAN_ARG(k->selector),
              (long long)(w->now / CLOCK_SECOND));
    if (w->expires)
        text_addf(value, " x=%lld;", (long long)(w->expires / CLOCK_SECOND));
    text_addf(value, "\r\n\tbh=%s;\r\n\th=%s;\r\n\tb=", text_cstr(&c->body), text_cstr(&c->names));
}

/* The signature covers its own field with an empty b= (RFC 6376 3.7). */
static int sign_one(const struct sign_wish *w, const struct sign_key *k, struct cover *c,
                    struct text *out, struct error *e)
{
    struct text value = TEXT_INIT(SIGN_TEXT_MAX), signature = TEXT_INIT(1024);
    size_t before = c->header.len;
    int rc;

    compose(w, k, c, &value);
    canon_field(&(struct canon_field){SPAN("DKIM-Signature"), text_span(&value)}, &c->header);
    rc = keypair_sign(k->key, text_span(&c->header), &signature, e);
    c->header.len = before;
    if (rc == 0) {
        add_folded(&value, text_span(&signature));
        text_addf(out, "DKIM-Signature:%s\r\n", text_cstr(&value));
    }
    if (rc == 0 && (c->header.full || value.full || out->full))
        rc = too_large(e, SIGN_HEADER_MAX);
    text_free(&value);
    text_free(&signature);
    return rc;
}

int sign_message(const struct sign_wish *w, const struct content *content, struct text *out,
                 struct error *e)
{
    struct cover c = {.names = TEXT_INIT(SIGN_TEXT_MAX),
                      .header = TEXT_INIT(2 * SIGN_HEADER_MAX),
                      .body = TEXT_INIT(64),
                      .column = 11};
    size_t before = out->len;
    int rc;

    assert(w->count >= 1 && w->count <= SIGN_KEYS_MAX);
    rc = cover(&c, content, e);
    for (size_t i = 0; i < w->count && rc == 0; i++)
        rc = sign_one(w, &w->keys[i], &c, out, e);
    if (rc < 0)
        out->len = before;
    text_free(&c.names);
    text_free(&c.header);
    text_free(&c.body);
    return rc;
}
