#include "http/fetch_way.h"

#include "base/memory.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROXY_PORT = 1080, HTTPS_PORT = 443, HTTP_PORT = 80 }; /* 1080: as curl and others take it */

/* One part of a URL; false when there is none or it is too long. */
static bool part(CURLU *u, CURLUPart what, char *out, size_t cap)
{
    char *text = NULL;
    bool ok = curl_url_get(u, what, &text, 0) == CURLUE_OK && span_cstr(span_of(text), out, cap);

    curl_free(text);
    return ok;
}

static unsigned port_of(CURLU *u, unsigned otherwise)
{
    char text[8];
    uint64_t port;

    if (part(u, CURLUPART_PORT, text, sizeof text) && span_u64(span_of(text), 65535, &port))
        return (unsigned)port;
    return otherwise;
}

bool fetch_way_listed(struct span list, struct span host)
{
    struct span item;

    while (span_cut(&list, ',', &item)) {
        item = span_trim(item);
        if (span_is(item, "*"))
            return true;
        if (span_starts(item, SPAN(".")))
            item = span_from(item, 1);
        if (!item.len || item.len > host.len ||
            !span_ieq(span_from(host, host.len - item.len), item))
            continue;
        if (item.len == host.len || host.at[host.len - item.len - 1] == '.')
            return true;
    }
    return false;
}

/* http_proxy counts in small letters only: a CGI's client could set the other. */
static const char *named_proxy(bool tls)
{
    static const char *const of_tls[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    static const char *const of_plain[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
    size_t count = tls ? COUNT(of_tls) : COUNT(of_plain);

    for (size_t i = 0; i < count; i++) {
        const char *value = getenv(tls ? of_tls[i] : of_plain[i]);

        if (value && *value)
            return value;
    }
    return NULL;
}

static bool spared(const char *host)
{
    const char *list = getenv("no_proxy");

    return fetch_way_listed(span_of(list ? list : getenv("NO_PROXY")), span_of(host));
}

static enum fetch_why take_proxy(const char *proxy, struct fetch_way *w, struct error *e)
{
    static const char *const kinds[] = {"http", "https", "socks5h"};
    CURLU *u = curl_url();
    char kind[16] = "";
    int n =
        snprintf(w->proxy, sizeof w->proxy, "%s%s", strstr(proxy, "://") ? "" : "http://", proxy);
    bool ok = u && n < (int)sizeof w->proxy &&
              curl_url_set(u, CURLUPART_URL, w->proxy, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK;

    ok = ok && part(u, CURLUPART_SCHEME, kind, sizeof kind) &&
         part(u, CURLUPART_HOST, w->at, sizeof w->at);
    w->at_port = ok ? port_of(u, strcmp(kind, "https") == 0 ? HTTPS_PORT : PROXY_PORT) : 0;
    curl_url_cleanup(u);
    for (size_t i = 0; ok && i < COUNT(kinds); i++)
        if (strcmp(kind, kinds[i]) == 0)
            return FETCH_OK;
    error_set(e, ERROR_INPUT,
              "the proxy that the environment names (https_proxy, all_proxy) is not of the form "
              "http://host:port, https://host:port or socks5h://host:port");
    return FETCH_INPUT;
}

static bool take_url(const char *url, const struct fetch_settings *s, struct fetch_way *w)
{
    CURLU *u = curl_url();
    char kind[16] = "";
    bool ok = u && strlen(url) < FETCH_URL_MAX &&
              curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
              part(u, CURLUPART_SCHEME, kind, sizeof kind) &&
              part(u, CURLUPART_HOST, w->host, sizeof w->host);

    w->tls = strcmp(kind, "https") == 0;
    w->port = ok ? port_of(u, w->tls ? HTTPS_PORT : HTTP_PORT) : 0;
    curl_url_cleanup(u);
    return ok && (w->tls || (s->plain && strcmp(kind, "http") == 0));
}

enum fetch_why fetch_way_find(const char *url, const struct fetch_settings *s,
                              struct fetch_way *out, struct error *e)
{
    const char *proxy;

    memset(out, 0, sizeof *out);
    if (!take_url(url, s, out)) {
        error_set(e, ERROR_INPUT, "'%.100s' is no %s address", url, s->plain ? "web" : "https");
        return FETCH_INPUT;
    }
    proxy = s->no_proxy ? NULL : named_proxy(out->tls);
    if (proxy && !spared(out->host))
        return take_proxy(proxy, out, e);
    memcpy(out->at, out->host, sizeof out->at);
    out->at_port = out->port;
    return FETCH_OK;
}
