#include "http/fetch.h"

#include "base/clock.h"
#include "base/memory.h"
#include "http/fetch_way.h"
#include "io/fiber.h"

#include <arpa/inet.h>
#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESSES_MAX = 8, IDLE_MAX = 4 };

struct fetch {
    struct loop *loop;
    struct fetch_settings s;
    char *cafile;
    CURLM *multi;
    struct timer *timer;
    unsigned under_way;
};

/* One descriptor of libcurl's. */
struct spot {
    struct fetch *fetch;
    struct watch *watch;
    curl_socket_t fd;
};

/* One question on its way; a redirect makes another one. */
struct question {
    struct fetch *fetch;
    const struct fetch_call *call;
    struct fetch_answer *out;
    struct fiber *fiber;
    CURL *easy;
    struct curl_slist *headers, *addresses;
    uint64_t sent;
    size_t header_bytes;
    bool done, big;
    CURLcode code;
    char words[CURL_ERROR_SIZE];
    char next[FETCH_URL_MAX]; /* where a redirect leads, or "" */
};

const char *fetch_why_name(enum fetch_why w)
{
#define X(id, name) name,
    static const char *const names[] = {FETCH_WHY_LIST(X)};
#undef X
    return names[w];
}

/* ---- libcurl on our loop ---- */

static void collect(struct fetch *f)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(f->multi, &left))) {
        struct question *q = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&q);
        q->done = true;
        q->code = m->data.result;
        fiber_wake(q->fiber);
    }
}

static void act(struct fetch *f, curl_socket_t fd, int events)
{
    int running;

    curl_multi_socket_action(f->multi, fd, events, &running);
    collect(f);
}

static void on_readable(void *arg)
{
    struct spot *s = arg; /* may be gone afterwards */

    act(s->fetch, s->fd, CURL_CSELECT_IN);
}

static void on_writable(void *arg)
{
    struct spot *s = arg;

    act(s->fetch, s->fd, CURL_CSELECT_OUT);
}

static void on_timer(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
    struct fetch *f = arg;

    (void)multi;
    if (ms < 0)
        timer_stop(f->timer);
    else
        timer_set(f->timer, ms);
    return 0;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct fetch *f = arg;
    struct spot *s = known;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s)
            watch_free(&s->watch);
        free(s);
        return 0;
    }
    if (!s) {
        s = memory_alloc(sizeof *s);
        *s = (struct spot){.fetch = f, .fd = fd};
        s->watch = watch_new(f->loop, fd, on_readable, s);
        curl_multi_assign(f->multi, fd, s);
    }
    watch_writable(s->watch, what & CURL_POLL_OUT ? on_writable : NULL);
    watch_pause(s->watch, !(what & CURL_POLL_IN));
    return 0;
}

struct fetch *fetch_new(struct loop *l, const struct fetch_settings *s, struct error *e)
{
    struct fetch *f;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(e, ERROR_TEMPORARY, "libcurl does not start");
        return NULL;
    }
    f = memory_alloc(sizeof *f);
    f->loop = l;
    f->s = *s;
    f->cafile = s->cafile ? memory_dup(s->cafile) : NULL;
    f->timer = timer_new(l, on_timer, f);
    f->multi = curl_multi_init();
    if (!f->multi) {
        error_set(e, ERROR_TEMPORARY, "libcurl does not start: out of memory");
        fetch_free(&f);
        return NULL;
    }
    curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
    curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
    curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_MAX);
    return f;
}

void fetch_free(struct fetch **f)
{
    struct fetch *gone = *f;

    if (!gone)
        return;
    *f = NULL;
    assert(!gone->under_way);
    curl_multi_cleanup(gone->multi);
    timer_free(&gone->timer);
    free(gone->cafile);
    free(gone);
    curl_global_cleanup();
}

/* ---- one question ---- */

static size_t on_header(char *at, size_t size, size_t n, void *arg)
{
    struct question *q = arg;

    (void)at;
    q->header_bytes += size * n;
    if (q->header_bytes <= FETCH_HEADERS_MAX)
        return size * n;
    q->big = true;
    return 0;
}

static size_t on_body(char *at, size_t size, size_t n, void *arg)
{
    struct question *q = arg;

    if (text_add(&q->out->body, (struct span){at, size * n}))
        return size * n;
    q->big = true;
    return 0;
}

static size_t on_send(char *to, size_t size, size_t n, void *arg)
{
    struct question *q = arg;
    const struct fetch_call *c = q->call;
    uint64_t left = (c->read ? c->size : c->body.len) - q->sent;
    size_t want = left < size * n ? (size_t)left : size * n;
    ssize_t got = (ssize_t)want;

    if (want && c->read)
        got = c->read(c->read_arg, q->sent, to, want);
    else if (want)
        memcpy(to, c->body.at + q->sent, want);
    if (want && (got <= 0 || (size_t)got > want))
        return CURL_READFUNC_ABORT;
    q->sent += (uint64_t)got;
    return (size_t)got;
}

/* When a kept connection turns out to be dead the body goes out again on a new one. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct question *q = arg;

    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_FAIL;
    q->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static bool literal(const char *host)
{
    char bare[INET6_ADDRSTRLEN];
    struct in6_addr any;
    struct span h = span_of(host);

    if (span_starts(h, SPAN("[")))
        h = (struct span){h.at + 1, h.len - 2};
    return span_cstr(h, bare, sizeof bare) &&
           (inet_pton(AF_INET, bare, &any) == 1 || inet_pton(AF_INET6, bare, &any) == 1);
}

/* Gives libcurl the addresses, so that it asks no resolver of its own. */
static bool look_up(struct question *q, const struct fetch_way *w)
{
    struct sockaddr_storage found[ADDRESSES_MAX];
    struct text row = TEXT_INIT(1024);
    char name[INET6_ADDRSTRLEN];
    size_t count;

    if (literal(w->at))
        return true;
    if (!q->fetch->s.lookup)
        return false;
    count =
        q->fetch->s.lookup(q->fetch->s.lookup_arg, w->at, q->call->deadline, found, COUNT(found));
    text_addf(&row, "%s:%u:", w->at, w->at_port);
    for (size_t i = 0; i < count; i++) {
        bool six = found[i].ss_family == AF_INET6;
        const void *bytes = six ? (const void *)&((struct sockaddr_in6 *)&found[i])->sin6_addr
                                : &((struct sockaddr_in *)&found[i])->sin_addr;

        if (inet_ntop(found[i].ss_family, bytes, name, sizeof name))
            text_addf(&row, six ? "%s[%s]" : "%s%s", i ? "," : "", name);
    }
    q->addresses = curl_slist_append(NULL, text_cstr(&row));
    text_free(&row);
    return count > 0 && q->addresses;
}

static void set_limits(struct question *q, const struct fetch_way *w)
{
    const char *kinds = q->fetch->s.plain ? "http,https" : "https";

    curl_easy_setopt(q->easy, CURLOPT_PROTOCOLS_STR, kinds);
    curl_easy_setopt(q->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(q->easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(q->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(q->easy, CURLOPT_PROXY, w->proxy);
    curl_easy_setopt(q->easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(q->easy, CURLOPT_RESOLVE, q->addresses);
    if (q->fetch->cafile) {
        curl_easy_setopt(q->easy, CURLOPT_CAINFO, q->fetch->cafile);
        curl_easy_setopt(q->easy, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(q->easy, CURLOPT_PROXY_CAINFO, q->fetch->cafile);
        curl_easy_setopt(q->easy, CURLOPT_PROXY_CAPATH, NULL);
    }
}

static void set_content(struct question *q, const char *url, bool same_host)
{
    const struct fetch_call *c = q->call;

    for (size_t i = 0; same_host && i < c->header_count; i++) {
        char *line = span_dup(c->headers[i]);

        q->headers = curl_slist_append(q->headers, line);
        memory_wipe(line, c->headers[i].len);
        free(line);
    }
    curl_easy_setopt(q->easy, CURLOPT_URL, url);
    curl_easy_setopt(q->easy, CURLOPT_USERAGENT, "port26");
    curl_easy_setopt(q->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(q->easy, CURLOPT_HEADERDATA, q);
    curl_easy_setopt(q->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(q->easy, CURLOPT_WRITEDATA, q);
    if (c->post) {
        q->headers = curl_slist_append(q->headers, "Expect:");
        curl_easy_setopt(q->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(q->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(c->read ? c->size : c->body.len));
        curl_easy_setopt(q->easy, CURLOPT_READFUNCTION, on_send);
        curl_easy_setopt(q->easy, CURLOPT_READDATA, q);
        curl_easy_setopt(q->easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(q->easy, CURLOPT_SEEKDATA, q);
    }
    curl_easy_setopt(q->easy, CURLOPT_HTTPHEADER, q->headers);
}

/* Until it is done or the time is over; the latter takes it out in the middle. */
static int travel(struct question *q)
{
    int r = 0;

    curl_easy_setopt(q->easy, CURLOPT_PRIVATE, q);
    curl_easy_setopt(q->easy, CURLOPT_ERRORBUFFER, q->words);
    if (curl_multi_add_handle(q->fetch->multi, q->easy) != CURLM_OK)
        return -ENOMEM;
    while (!q->done && r == 0)
        r = fiber_wait(q->call->deadline);
    curl_multi_remove_handle(q->fetch->multi, q->easy);
    return q->done ? 0 : r;
}

/* ---- what came of it ---- */

static enum fetch_why why_of(const struct question *q)
{
    static const struct {
        CURLcode code;
        enum fetch_why why;
    } rows[] = {
        {CURLE_OK, FETCH_OK},
        {CURLE_COULDNT_RESOLVE_HOST, FETCH_NO_NAME},
        {CURLE_COULDNT_RESOLVE_PROXY, FETCH_NO_NAME},
        {CURLE_COULDNT_CONNECT, FETCH_SHUT},
        {CURLE_OPERATION_TIMEDOUT, FETCH_SLOW},
        {CURLE_SSL_CONNECT_ERROR, FETCH_TLS},
        {CURLE_SSL_CACERT_BADFILE, FETCH_INPUT},
        {CURLE_PEER_FAILED_VERIFICATION, FETCH_STRANGER},
        {CURLE_URL_MALFORMAT, FETCH_INPUT},
        {CURLE_PROXY, FETCH_PROXY},
    };
    long connect = 0;

    if (q->big)
        return FETCH_BIG;
    curl_easy_getinfo(q->easy, CURLINFO_HTTP_CONNECTCODE, &connect);
    if (q->code != CURLE_OK && connect && connect / 100 != 2)
        return FETCH_PROXY;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].code == q->code)
            return rows[i].why;
    return FETCH_LOST;
}

static void take_peer(struct question *q)
{
    char *name = NULL;
    struct sockaddr_in *four = (struct sockaddr_in *)&q->out->peer;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&q->out->peer;

    curl_easy_getinfo(q->easy, CURLINFO_PRIMARY_IP, &name);
    if (name && inet_pton(AF_INET, name, &four->sin_addr) == 1)
        four->sin_family = AF_INET;
    else if (name && inet_pton(AF_INET6, name, &six->sin6_addr) == 1)
        six->sin6_family = AF_INET6;
}

static void take_type(struct question *q)
{
    char *type = NULL;
    struct span t;

    curl_easy_getinfo(q->easy, CURLINFO_CONTENT_TYPE, &type);
    t = span_of(type);
    if (span_find(t, ';') >= 0)
        t = span_head(t, (size_t)span_find(t, ';'));
    if (!span_cstr(span_trim(t), q->out->type, sizeof q->out->type))
        return;
    for (char *c = q->out->type; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
}

static void take_answer(struct question *q)
{
    curl_off_t retry = 0;
    long status = 0;
    char *next = NULL;

    curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(q->easy, CURLINFO_RETRY_AFTER, &retry);
    q->out->status = (unsigned)status;
    q->out->retry_s = retry > 0 && retry <= UINT32_MAX ? (unsigned)retry : 0;
    take_type(q);
    take_peer(q);
    curl_easy_getinfo(q->easy, CURLINFO_REDIRECT_URL, &next);
    if (!q->call->post && next && status / 100 == 3)
        span_cstr(span_of(next), q->next, sizeof q->next);
}

static void end_question(struct question *q)
{
    curl_easy_cleanup(q->easy);
    for (struct curl_slist *h = q->headers; h; h = h->next)
        memory_wipe(h->data, strlen(h->data)); /* a login may stand there */
    curl_slist_free_all(q->headers);
    curl_slist_free_all(q->addresses);
}

/* The URL without what may name a person. */
static struct span shown(const char *url)
{
    struct span u = span_of(url);
    ptrdiff_t query = span_find(u, '?');

    return span_head(query >= 0 ? span_head(u, (size_t)query) : u, 200);
}

static void tell(enum fetch_why why, const struct question *q, const char *url, struct error *e)
{
    struct text said = TEXT_INIT(2 * CURL_ERROR_SIZE);

    text_add_safe(&said, span_of(q->words[0] ? q->words : curl_easy_strerror(q->code)));
    if (why == FETCH_SLOW || why == FETCH_CANCELED)
        error_set(e, ERROR_TEMPORARY, "%.*s: no answer in time", SPAN_ARG(shown(url)));
    else if (why == FETCH_BIG)
        error_set(e, ERROR_PERMANENT, "%.*s: the answer is too long", SPAN_ARG(shown(url)));
    else if (why == FETCH_NO_NAME)
        error_set(e, ERROR_TEMPORARY, "%.*s: the name has no address", SPAN_ARG(shown(url)));
    else
        error_set(e, ERROR_TEMPORARY, "%.*s: %s", SPAN_ARG(shown(url)), text_cstr(&said));
    text_free(&said);
}

/* One question and its answer, a redirect being an answer. */
static enum fetch_why ask(struct question *q, const char *url, const struct fetch_way *w,
                          bool same_host, struct error *e)
{
    enum fetch_why why = FETCH_NO_NAME;
    int r;

    q->fiber = fiber_self();
    q->easy = curl_easy_init();
    if (q->easy && look_up(q, w)) {
        set_limits(q, w);
        set_content(q, url, same_host);
        r = travel(q);
        why = r == 0 ? why_of(q) : r == -ETIMEDOUT ? FETCH_SLOW : FETCH_CANCELED;
    }
    if (why == FETCH_OK)
        take_answer(q);
    else
        tell(why, q, url, e);
    return why;
}

static enum fetch_why follow(struct fetch *f, const struct fetch_call *c, char url[FETCH_URL_MAX],
                             struct fetch_answer *out, struct error *e)
{
    char first[FETCH_WAY_HOST] = "";

    for (int i = 0; i <= FETCH_REDIRECTS_MAX; i++) {
        struct question q = {.fetch = f, .call = c, .out = out};
        struct fetch_way w;
        enum fetch_why why = fetch_way_find(url, &f->s, &w, e);

        if (why != FETCH_OK)
            return i ? FETCH_AROUND : why;
        if (!i)
            memcpy(first, w.host, sizeof first);
        text_clear(&out->body);
        why = ask(&q, url, &w, strcmp(first, w.host) == 0, e);
        end_question(&q);
        if (why != FETCH_OK || !q.next[0]) {
            span_cstr(shown(url), out->url, sizeof out->url);
            return why;
        }
        memcpy(url, q.next, FETCH_URL_MAX);
    }
    error_set(e, ERROR_TEMPORARY, "%.*s: it sends us from place to place", SPAN_ARG(shown(c->url)));
    return FETCH_AROUND;
}

int fetch_run(struct fetch *f, const struct fetch_call *c, struct fetch_answer *out,
              struct error *e)
{
    char url[FETCH_URL_MAX];

    memset(out, 0, sizeof *out);
    text_init(&out->body, c->max);
    if (!span_cstr(span_of(c->url), url, sizeof url)) {
        out->why = FETCH_INPUT;
        return error_set(e, ERROR_INPUT, "the web address is too long");
    }
    f->under_way++;
    out->why = follow(f, c, url, out, e);
    f->under_way--;
    if (out->why == FETCH_OK)
        return 0;
    text_free(&out->body);
    return -1;
}

void fetch_answer_free(struct fetch_answer *a)
{
    text_free(&a->body);
}
