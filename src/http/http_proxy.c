#include "http/http_proxy.h"

#include "base/memory.h"
#include "http/fetch_way.h"
#include "http/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PART_MAX = 512, ANSWER_MAX = 65536 };

/* ---- which ---- */

/* RFC 4648; here because this folder stands below that of the logins. */
static void add_base64(struct text *out, struct span in)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < in.len; i += 3) {
        size_t left = in.len - i;
        unsigned a = (unsigned char)in.at[i], b = left > 1 ? (unsigned char)in.at[i + 1] : 0,
                 c = left > 2 ? (unsigned char)in.at[i + 2] : 0, all = a << 16 | b << 8 | c;

        text_addc(out, digits[all >> 18]);
        text_addc(out, digits[all >> 12 & 63]);
        text_addc(out, left > 1 ? digits[all >> 6 & 63] : '=');
        text_addc(out, left > 2 ? digits[all & 63] : '=');
    }
}

static char *make_login(CURLU *u)
{
    struct text pair = TEXT_INIT(2 * PART_MAX + 2), field = TEXT_INIT(4 * PART_MAX);
    char *user = NULL, *password = NULL, *out = NULL;
    bool named = curl_url_get(u, CURLUPART_USER, &user, CURLU_URLDECODE) == CURLUE_OK;

    curl_url_get(u, CURLUPART_PASSWORD, &password, CURLU_URLDECODE);
    text_room(&pair, 2 * PART_MAX + 1); /* at once: secrets move nowhere */
    text_room(&field, 4 * PART_MAX - 1);
    if (named && text_addf(&pair, "%s:%s", user, password ? password : "")) {
        text_adds(&field, "Proxy-Authorization: Basic ");
        add_base64(&field, text_span(&pair));
        text_adds(&field, "\r\n");
        out = span_dup(text_span(&field));
    }
    text_wipe(&pair);
    text_wipe(&field);
    if (password)
        memory_wipe(password, strlen(password));
    curl_free(password);
    curl_free(user);
    return out;
}

static bool take(const char *url, unsigned port, struct http_proxy *out)
{
    CURLU *u = curl_url();
    char *kind = NULL, *host = NULL, *number = NULL;
    bool ok = u && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &kind, 0) == CURLUE_OK &&
              strcmp(kind, "http") == 0 && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK;
    struct span h = span_of(host);
    uint64_t n = port;

    if (h.len > 2 && h.at[0] == '[')
        h = (struct span){h.at + 1, h.len - 2};
    if (ok && curl_url_get(u, CURLUPART_PORT, &number, 0) == CURLUE_OK)
        ok = span_u64(span_of(number), 65535, &n) && n;
    ok = ok && h.len && span_cstr(h, out->host, sizeof out->host);
    if (ok) {
        out->port = (unsigned)n;
        out->login = make_login(u);
    }
    curl_free(kind);
    curl_free(host);
    curl_free(number);
    curl_url_cleanup(u);
    return ok;
}

int http_proxy_find(const char *setting, struct span host, unsigned port, struct http_proxy *out,
                    struct error *e)
{
    static const struct fetch_settings usual = {0};
    struct fetch_way w = {.proxy = ""};
    char url[FETCH_URL_MAX];

    *out = (struct http_proxy){0};
    if (strcmp(setting, "none") == 0)
        return 0;
    snprintf(url, sizeof url, span_find(host, ':') < 0 ? "https://%.*s:%u/" : "https://[%.*s]:%u/",
             SPAN_ARG(host), port);
    if (!*setting && fetch_way_find(url, &usual, &w, e) != FETCH_OK)
        return -1;
    if (!*setting && !w.proxy[0])
        return 0;
    if (take(*setting ? setting : w.proxy, *setting ? 80 : w.at_port, out)) {
        memory_wipe(w.proxy, sizeof w.proxy);
        return 0;
    }
    memory_wipe(w.proxy, sizeof w.proxy);
    *out = (struct http_proxy){0};
    return error_set(e, ERROR_INPUT,
                     "the proxy that %s names is not of the form http://host:port, the only one "
                     "that mail can take",
                     *setting ? "the setting proxy" : "the environment");
}

void http_proxy_free(struct http_proxy *p)
{
    if (p->login)
        memory_wipe(p->login, strlen(p->login));
    free(p->login);
    p->login = NULL;
}

/* ---- the way through ---- */

int http_proxy_connect(struct stream **s, struct span through, struct span login, int64_t until,
                       unsigned *status)
{
    struct http_client *c = http_client_new(s);
    struct text fields = TEXT_INIT(8192);
    struct http_client_request r = {.method = "CONNECT",
                                    .target = through,
                                    .max = ANSWER_MAX,
                                    .until = until,
                                    .answer = 60 * 1000};
    struct http_client_answer a;
    int bad;

    text_room(&fields, 8191);
    text_addf(&fields, "Host: %.*s\r\n", SPAN_ARG(through));
    text_add(&fields, login);
    r.fields = text_span(&fields);
    bad = http_client_ask(c, &r, &a);
    *status = a.status;
    if (!bad && a.status / 100 != 2)
        bad = -ECONNREFUSED;
    if (!bad && !http_client_usable(c))
        bad = -EPROTO; /* what it said behind that is nobody's (P10) */
    text_wipe(&fields);
    http_client_answer_free(&a);
    http_client_free(&c);
    return bad;
}
