#include "http/fetch.c"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A server with one trick per path, in a process of its own, on loopback. */
struct server {
    int fd;
    unsigned port;
    pid_t pid;
};

static void say(int fd, const char *words)
{
    size_t n = strlen(words);

    while (n) {
        ssize_t w = send(fd, words, n, MSG_NOSIGNAL);

        if (w <= 0)
            return;
        words += w;
        n -= (size_t)w;
    }
}

static void say_for_ever(int fd, const char *words)
{
    while (send(fd, words, strlen(words), MSG_NOSIGNAL) > 0)
        ;
}

static void play_endless_body(int fd)
{
    say(fd, "HTTP/1.1 200 OK\r\n\r\n");
    say_for_ever(fd, "all work and no play\n");
}

static void play_endless_headers(int fd)
{
    say(fd, "HTTP/1.1 200 OK\r\n");
    say_for_ever(fd, "X-More: and more\r\n");
}

static void play_endless_line(int fd)
{
    say(fd, "HTTP/1.1 200 OK\r\nX-Long: ");
    say_for_ever(fd, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

static void play_endless_hints(int fd)
{
    say_for_ever(fd, "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n");
}

static void play_slow(int fd)
{
    say(fd, "HTTP/1.1 200 OK\r\n\r\n");
    while (send(fd, ".", 1, MSG_NOSIGNAL) > 0)
        usleep(20000);
}

static const struct trick {
    const char *path, *words;
    void (*play)(int fd);
} tricks[] = {
    {"/plain",
     "HTTP/1.1 200 OK\r\nContent-Type: Text/XML; charset=x\r\nContent-Length: 5\r\n\r\nhello",
     NULL},
    {"/later", "HTTP/1.1 503 No\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", NULL},
    {"/round", "HTTP/1.1 302 F\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n", NULL},
    {"/once", "HTTP/1.1 301 F\r\nLocation: /plain?who=me\r\nContent-Length: 0\r\n\r\n", NULL},
    {"/file", "HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", NULL},
    {"/named", "HTTP/1.1 302 F\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n", NULL},
    {"/early", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf of", NULL},
    {"/nothing", "", NULL},
    {"/smtp", "220 mail.example.com ESMTP\r\n", NULL},
    {"/packed",
     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", NULL},
    {"/body", NULL, play_endless_body},
    {"/headers", NULL, play_endless_headers},
    {"/line", NULL, play_endless_line},
    {"/hints", NULL, play_endless_hints},
    {"/slow", NULL, play_slow},
};

/* Gives back the request: for the tests of what we send. */
static void play_echo(int fd, const char *request)
{
    char head[100];

    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(request));
    say(fd, head);
    say(fd, request);
}

static void hear(int fd, char *request, size_t cap)
{
    size_t n = 0, whole = 0;

    while (n < cap - 1) {
        ssize_t got = read(fd, request + n, cap - 1 - n);
        const char *end, *length;

        if (got <= 0)
            break;
        n += (size_t)got;
        request[n] = '\0';
        end = strstr(request, "\r\n\r\n");
        length = strstr(request, "Content-Length: ");
        if (end)
            whole = (size_t)(end + 4 - request) + (length ? strtoul(length + 16, NULL, 10) : 0);
        if ((end && n >= whole) || request[0] == 0x16) /* a TLS handshake */
            break;
    }
}

static void serve_one(int fd)
{
    char request[8192] = "", path[200] = "";

    hear(fd, request, sizeof request);
    sscanf(request, "%*s %199[^ ?]", path);
    if (request[0] == 0x16)
        say(fd, "HTTP/1.1 400 Bad request\r\n\r\n");
    if (strncmp(path, "http://", 7) == 0)
        play_echo(fd, request);
    if (strcmp(path, "/echo") == 0)
        play_echo(fd, request);
    for (size_t i = 0; i < COUNT(tricks); i++) {
        if (strcmp(path, tricks[i].path) != 0)
            continue;
        if (tricks[i].play)
            tricks[i].play(fd);
        else
            say(fd, tricks[i].words);
    }
    close(fd);
}

static void start(struct server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof a;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(s->fd, 20), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &n), 0);
    s->port = ntohs(a.sin_port);
    s->pid = fork();
    if (s->pid == 0) {
        alarm(60);
        for (;;)
            serve_one(accept(s->fd, NULL, NULL));
    }
    close(s->fd);
}

static void stop(struct server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

/* ---- the client's side ---- */

struct scene {
    struct loop *loop;
    struct fetch *fetch;
    struct fetch_settings settings;
    struct fetch_call call;
    struct fetch_answer answer;
    struct error error;
    char url[300];
    int64_t wait;
    unsigned looked_up;
    int result;
};

static size_t finds_loopback(void *arg, const char *host, int64_t deadline,
                             struct sockaddr_storage *out, size_t max)
{
    struct scene *s = arg;
    struct sockaddr_in *four = (struct sockaddr_in *)out;

    (void)deadline;
    assert_true(max > 0);
    s->looked_up++;
    if (strcmp(host, "mail.test") != 0)
        return 0;
    memset(out, 0, sizeof *out);
    four->sin_family = AF_INET;
    four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return 1;
}

static void asks(void *arg)
{
    struct scene *s = arg;

    s->call.deadline = clock_now() + s->wait;
    s->result = fetch_run(s->fetch, &s->call, &s->answer, &s->error);
}

static void begin(struct scene *s)
{
    *s = (struct scene){
        .loop = loop_new(), .wait = 20000, .settings = {.plain = true, .no_proxy = true}};
    s->settings.lookup = finds_loopback;
    s->settings.lookup_arg = s;
    s->call.max = 4096;
}

static void play_url(struct scene *s, const char *url)
{
    s->fetch = fetch_new(s->loop, &s->settings, &s->error);
    assert_non_null(s->fetch);
    s->call.url = url;
    fiber_start(s->loop, asks, s);
    loop_run(s->loop);
    fetch_free(&s->fetch);
}

static void play(struct scene *s, const struct server *to, const char *path)
{
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u%s", to->port, path);
    play_url(s, s->url);
}

static void end(struct scene *s)
{
    fetch_answer_free(&s->answer);
    loop_run(s->loop);
    loop_free(&s->loop);
}

static void every_trick_ends_well(void **state)
{
    static const struct {
        const char *path;
        enum fetch_why why;
        unsigned status;
    } rows[] = {
        {"/plain", FETCH_OK, 200},    {"/later", FETCH_OK, 503},  {"/unknown", FETCH_LOST, 0},
        {"/round", FETCH_AROUND, 0},  {"/once", FETCH_OK, 200},   {"/file", FETCH_AROUND, 0},
        {"/named", FETCH_NO_NAME, 0}, {"/early", FETCH_LOST, 0},  {"/nothing", FETCH_LOST, 0},
        {"/smtp", FETCH_LOST, 0},     {"/packed", FETCH_OK, 200}, {"/body", FETCH_BIG, 0},
        {"/headers", FETCH_BIG, 0},   {"/hints", FETCH_BIG, 0},
    };
    struct server to;

    (void)state;
    start(&to);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct scene s;

        begin(&s);
        play(&s, &to, rows[i].path);
        print_message("%s: %s\n", rows[i].path, s.error.words);
        assert_string_equal(fetch_why_name(s.answer.why), fetch_why_name(rows[i].why));
        assert_int_equal(s.result, rows[i].why == FETCH_OK ? 0 : -1);
        if (rows[i].status)
            assert_int_equal(s.answer.status, rows[i].status);
        assert_int_equal(s.result == 0, !s.error.words[0]);
        end(&s);
    }
    stop(&to);
}

/* libcurl has a maximum of its own for one line; whose it is does not matter. */
static void a_line_has_an_end(void **state)
{
    struct server to;
    struct scene s;

    (void)state;
    start(&to);
    begin(&s);
    play(&s, &to, "/line");
    assert_int_equal(s.result, -1);
    end(&s);
    stop(&to);
}

static void slow_bytes_buy_no_time(void **state)
{
    struct server to;
    struct scene s;
    int64_t began = clock_now();

    (void)state;
    start(&to);
    begin(&s);
    s.wait = 300;
    play(&s, &to, "/slow");
    assert_int_equal(s.answer.why, FETCH_SLOW);
    assert_in_range(clock_now() - began, 290, 20000);
    end(&s);
    stop(&to);
}

static void an_answer_is_told_whole(void **state)
{
    struct server to;
    struct scene s;

    (void)state;
    start(&to);
    begin(&s);
    play(&s, &to, "/once");
    assert_true(span_is(text_span(&s.answer.body), "hello"));
    assert_string_equal(s.answer.type, "text/xml");
    assert_null(strstr(s.answer.url, "who="));
    assert_int_equal(((struct sockaddr_in *)&s.answer.peer)->sin_family, AF_INET);
    end(&s);
    begin(&s);
    play(&s, &to, "/later");
    assert_int_equal(s.answer.retry_s, 120);
    end(&s);
    stop(&to);
}

static void only_https_unless_allowed(void **state)
{
    static const char *const bad[] = {
        "http://127.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1", "", "https://"};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct scene s;

        begin(&s);
        s.settings.plain = false;
        play_url(&s, bad[i]);
        assert_int_equal(s.answer.why, FETCH_INPUT);
        end(&s);
    }
}

static void what_speaks_no_tls_is_told(void **state)
{
    struct server to;
    struct scene s;

    (void)state;
    start(&to);
    begin(&s);
    snprintf(s.url, sizeof s.url, "https://127.0.0.1:%u/plain", to.port);
    play_url(&s, s.url);
    assert_int_equal(s.answer.why, FETCH_TLS);
    end(&s);
    stop(&to);
}

static void names_are_looked_up_by_us(void **state)
{
    struct server to;
    struct scene s;

    (void)state;
    start(&to);
    begin(&s);
    snprintf(s.url, sizeof s.url, "http://mail.test:%u/echo?secret", to.port);
    play_url(&s, s.url);
    assert_int_equal(s.result, 0);
    assert_int_equal(s.looked_up, 1);
    assert_true(span_search(text_span(&s.answer.body), SPAN("Host: mail.test:")) > 0);
    end(&s);
    begin(&s);
    play_url(&s, "http://other.test/?secret");
    assert_int_equal(s.answer.why, FETCH_NO_NAME);
    assert_null(strstr(s.error.words, "secret"));
    end(&s);
    begin(&s);
    s.settings.lookup = NULL;
    play_url(&s, "http://localhost/");
    assert_int_equal(s.answer.why, FETCH_NO_NAME);
    end(&s);
    stop(&to);
}

static ssize_t reads_letters(void *arg, uint64_t offset, char *buf, size_t n)
{
    (void)arg;
    n = n < 100 ? n : 100;
    for (size_t i = 0; i < n; i++)
        buf[i] = (char)('a' + (offset + i) % 26);
    return (ssize_t)n;
}

static ssize_t breaks_off(void *arg, uint64_t offset, char *buf, size_t n)
{
    (void)arg;
    (void)buf;
    (void)n;
    return offset > 500 ? -EIO : reads_letters(arg, offset, buf, n);
}

static void a_body_goes_out(void **state)
{
    struct span headers[] = {SPAN("Content-Type: message/rfc822"),
                             SPAN("Authorization: Basic eDp5")};
    struct server to;
    struct scene s;

    (void)state;
    start(&to);
    begin(&s);
    s.call.post = true;
    s.call.headers = headers;
    s.call.header_count = COUNT(headers);
    s.call.body = SPAN("From: x\r\n\r\nHi");
    play(&s, &to, "/echo");
    assert_int_equal(s.result, 0);
    assert_true(span_starts(text_span(&s.answer.body), SPAN("POST /echo ")));
    assert_true(span_search(text_span(&s.answer.body), SPAN("Content-Type: message/rfc822\r\n")) >
                0);
    assert_true(span_search(text_span(&s.answer.body), SPAN("Basic eDp5\r\n")) > 0);
    assert_int_equal(span_search(text_span(&s.answer.body), SPAN("Expect")), -1);
    assert_true(span_ends(text_span(&s.answer.body), SPAN("\r\n\r\nHi")));
    end(&s);
    stop(&to);
}

static void a_body_is_read_in_pieces(void **state)
{
    struct server to;
    struct scene s;

    (void)state;
    start(&to);
    begin(&s);
    s.call.post = true;
    s.call.read = reads_letters;
    s.call.size = 2600;
    play(&s, &to, "/echo");
    assert_int_equal(s.result, 0);
    assert_true(span_search(text_span(&s.answer.body), SPAN("Content-Length: 2600\r\n")) > 0);
    assert_true(span_ends(text_span(&s.answer.body), SPAN("zabcdefghijklmnopqrstuvwxyz")));
    end(&s);
    begin(&s);
    s.call.post = true;
    s.call.read = breaks_off;
    s.call.size = 2600;
    play(&s, &to, "/echo");
    assert_int_equal(s.result, -1);
    end(&s);
    stop(&to);
}

static void a_post_follows_no_redirect(void **state)
{
    struct server to;
    struct scene s;

    (void)state;
    start(&to);
    begin(&s);
    s.call.post = true;
    s.call.body = SPAN("x");
    play(&s, &to, "/once");
    assert_int_equal(s.result, 0);
    assert_int_equal(s.answer.status, 301);
    end(&s);
    stop(&to);
}

static void the_proxy_is_asked(void **state)
{
    struct server to;
    struct scene s;
    char proxy[60];

    (void)state;
    start(&to);
    snprintf(proxy, sizeof proxy, "mail.test:%u", to.port);
    setenv("http_proxy", proxy, 1);
    begin(&s);
    s.settings.no_proxy = false;
    play_url(&s, "http://elsewhere.test/x");
    assert_int_equal(s.result, 0);
    assert_true(span_starts(text_span(&s.answer.body), SPAN("GET http://elsewhere.test/x ")));
    end(&s);
    setenv("no_proxy", "example.com,elsewhere.test", 1);
    begin(&s);
    s.settings.no_proxy = false;
    play_url(&s, "http://elsewhere.test/x");
    assert_int_equal(s.answer.why, FETCH_NO_NAME);
    end(&s);
    setenv("http_proxy", "gopher://x:70", 1);
    begin(&s);
    s.settings.no_proxy = false;
    play_url(&s, "http://third.test/x");
    assert_int_equal(s.answer.why, FETCH_INPUT);
    end(&s);
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    stop(&to);
}

static void cancels(void *arg)
{
    fiber_sleep(50);
    fiber_cancel(*(struct fiber **)arg);
}

static void a_cancelled_fiber_comes_home(void **state)
{
    struct server to;
    struct fiber *asking;
    struct scene s;

    (void)state;
    start(&to);
    begin(&s);
    snprintf(s.url, sizeof s.url, "http://127.0.0.1:%u/slow", to.port);
    s.fetch = fetch_new(s.loop, &s.settings, &s.error);
    s.call.url = s.url;
    asking = fiber_start(s.loop, asks, &s);
    fiber_start(s.loop, cancels, &asking);
    loop_run(s.loop);
    assert_int_equal(s.answer.why, FETCH_CANCELED);
    fetch_free(&s.fetch);
    end(&s);
    stop(&to);
}

static void lists_of_spared_hosts(void **state)
{
    static const struct {
        const char *list, *host;
        bool in;
    } rows[] = {
        {"*", "a", true},
        {"example.com", "example.com", true},
        {"x, .example.com", "mail.example.com", true},
        {"example.com", "badexample.com", false},
        {"mail.example.com", "example.com", false},
        {"", "example.com", false},
        {",", "example.com", false},
        {"LOCALHOST", "localhost", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(fetch_way_listed(span_of(rows[i].list), span_of(rows[i].host)),
                         rows[i].in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_trick_ends_well),     cmocka_unit_test(a_line_has_an_end),
        cmocka_unit_test(slow_bytes_buy_no_time),    cmocka_unit_test(an_answer_is_told_whole),
        cmocka_unit_test(only_https_unless_allowed), cmocka_unit_test(what_speaks_no_tls_is_told),
        cmocka_unit_test(names_are_looked_up_by_us), cmocka_unit_test(a_body_goes_out),
        cmocka_unit_test(a_body_is_read_in_pieces),  cmocka_unit_test(a_post_follows_no_redirect),
        cmocka_unit_test(the_proxy_is_asked),        cmocka_unit_test(a_cancelled_fiber_comes_home),
        cmocka_unit_test(lists_of_spared_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
