/* What an HTTP client meets at a door: one small page, the place where mail is handed in (only over
 * TLS, at doors for that), and the pages for mail programs that set themselves up. */
#include "serve/session_parts.h"

#include "base/log.h"
#include "http/submission.h"
#include "io/listen.h"
#include "serve/session_pages.h"
#include "serve/session_post.h"

enum { REQUESTS_MAX = 100, HEAD_TIME = 30 * 1000, IDLE_TIME = 60 * 1000, LINGER_TIME = 2000 };

static const char page[] = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                           "<title>Welcome</title>\n<h1>It works</h1>\n</html>\n";
static const char missing[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
    "<p>There is no such page on this server, or not for the domain it was "
    "asked for.</p>\n</html>\n";
static const char html[] = "text/html; charset=utf-8";

struct web {
    struct session_post post;
    struct session_pages pages;
    bool posting; /* the request under way is a submission */
};

static struct http_server_answer wrong_method(const char *allowed)
{
    return (struct http_server_answer){.status = 405,
                                       .type = "text/plain; charset=utf-8",
                                       .body = SPAN("405 Method Not Allowed\n"),
                                       .extra = {{SPAN("Allow"), span_of(allowed)}},
                                       .extra_count = 1};
}

static struct http_server_answer on_head(void *arg, const struct http_server_request *r)
{
    struct web *w = arg;
    bool reads = span_is(r->method, "GET") || span_is(r->method, "HEAD");
    struct http_server_answer page_answer;

    listen_touch(w->post.session->place);
    w->post.session->in_transaction = true;
    w->posting = w->post.session->door->config->https && span_is(r->path, SUBMISSION_PATH);
    if (w->posting && span_is(r->method, "POST"))
        return session_post_begin(&w->post, r);
    if (w->posting)
        return reads ? session_post_look(&w->post, r) : wrong_method("GET, HEAD, POST");
    if (session_pages_head(&w->pages, r, &page_answer))
        return page_answer;
    if (!reads)
        return wrong_method(session_pages_takes(r->path) ? "GET, HEAD, POST" : "GET, HEAD");
    if (span_is(r->path, "/"))
        return (struct http_server_answer){.status = 200, .type = html, .body = span_of(page)};
    return (struct http_server_answer){.status = 404, .type = html, .body = span_of(missing)};
}

static int on_body(void *arg, const struct http_server_request *r, struct span bytes)
{
    struct web *w = arg;

    (void)r;
    return w->pages.posting ? session_pages_body(&w->pages, bytes)
                            : session_post_body(&w->post, bytes);
}

static struct http_server_answer on_end(void *arg, const struct http_server_request *r, int failed)
{
    struct web *w = arg;
    struct http_server_answer a = w->pages.posting ? session_pages_end(&w->pages, r, failed)
                                                   : session_post_end(&w->post, failed);

    session_close_body(w->post.session);
    return a;
}

static void on_reset(void *arg, const struct http_server_request *r)
{
    struct web *w = arg;
    struct session *self = w->post.session;

    (void)r;
    session_pages_reset(&w->pages);
    body_close(&self->body);
    self->in_transaction = false;
}

static void on_event(void *arg, enum http_server_event e, const char *words)
{
    struct session *self = ((struct web *)arg)->post.session;

    if (e == HTTP_SERVER_ANSWERED)
        self->in_transaction = false;
    log_event(e == HTTP_SERVER_BAD || e == HTTP_SERVER_LIMIT ? LOG_NOTICE : LOG_DEBUG, "session",
              LOG_STR("what", http_server_event_name(e)), LOG_STR("peer", self->peer),
              LOG_STR("door", self->door->config->name), LOG_STR("words", words));
}

static struct http_server_settings settings_of(const struct session *self, bool secure)
{
    const struct smtp_server_settings *smtp = &self->settings;
    struct http_server_settings s = http_server_defaults();

    s.secure = secure;
    s.draining = smtp->draining;
    s.limits.body = smtp->limits.size;
    s.limits.requests = REQUESTS_MAX;
    s.times = (struct http_server_times){
        .idle = smtp->times.command < IDLE_TIME ? smtp->times.command : IDLE_TIME,
        .head = smtp->times.greeting < HEAD_TIME ? smtp->times.greeting : HEAD_TIME,
        .body_idle = smtp->times.body_idle,
        .body = smtp->times.body,
        .answer = smtp->times.answer,
        .linger = LINGER_TIME,
        .session = smtp->times.session};
    if (!self->door->config->https) /* what is posted there is one question of Outlook's */
        s.times.body = s.times.head;
    return s;
}

int session_web_run(struct session *self)
{
    static const struct http_server_calls calls = {on_head, on_body, on_end, on_reset, on_event};
    struct http_server_settings settings;
    struct tls_info tls;
    struct web w = {.post = {.session = self, .tls = &tls}, .pages = {.session = self}};
    int result;

    w.pages.secure = tls_info(self->stream, &tls);
    settings = settings_of(self, w.pages.secure);
    result = http_server_run(self->stream, &settings, &calls, &w);
    session_pages_reset(&w.pages);
    return result;
}
