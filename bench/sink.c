/* sink: an SMTP server that answers 250 to all and keeps nothing: where bench/run has mail relayed
 * to.
 *
 *     cc -O2 -o sink sink.c; sink PORT      (on 127.0.0.1)
 *
 * Each line on its standard input is answered by the number of messages taken so far; it ends with
 * its input. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE = 1200, BUFFER = 64 << 10, EVENTS = 128 };

struct session {
    int fd;
    bool content, quit;
    int matched; /* of CR LF . CR LF */
    size_t len;
    char line[LINE];
};

static long taken;

static bool say(struct session *s, const char *words)
{
    size_t len = strlen(words);

    return send(s->fd, words, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool command(struct session *s)
{
    if (strncasecmp(s->line, "DATA", 4) == 0) {
        s->content = true;
        s->matched = 2;
        return say(s, "354 go\r\n");
    }
    if (strncasecmp(s->line, "EHLO", 4) == 0)
        return say(s, "250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 104857600\r\n");
    s->quit = strncasecmp(s->line, "QUIT", 4) == 0;
    return say(s, s->quit ? "221 bye\r\n" : "250 2.0.0 ok\r\n");
}

/* How much of what came belongs to the content. */
static size_t content(struct session *s, const char *at, size_t n)
{
    static const char end[] = "\r\n.\r\n";

    for (size_t i = 0; i < n; i++) {
        const char *next = s->matched ? at + i : memchr(at + i, '\r', n - i);

        if (!next)
            return n;
        i = (size_t)(next - at);
        s->matched = at[i] == end[s->matched] ? s->matched + 1 : at[i] == '\r';
        if (s->matched == 5) {
            s->content = false;
            taken++;
            say(s, "250 2.0.0 ok\r\n");
            return i + 1;
        }
    }
    return n;
}

/* How much of what came belongs to a line; 0: it is too long, or the session ends. */
static size_t line(struct session *s, const char *at, size_t n)
{
    const char *end = memchr(at, '\n', n);
    size_t used = end ? (size_t)(end - at) + 1 : n;

    if (s->len + used >= LINE)
        return 0;
    memcpy(s->line + s->len, at, used);
    s->len += used;
    if (!end)
        return used;
    s->len = 0;
    return command(s) && !s->quit ? used : 0;
}

static bool input(struct session *s)
{
    static char buf[BUFFER];
    ssize_t n = recv(s->fd, buf, sizeof buf, 0);
    size_t used;

    if (n <= 0)
        return false;
    for (const char *at = buf; n; at += used, n -= (ssize_t)used) {
        used = s->content ? content(s, at, (size_t)n) : line(s, at, (size_t)n);
        if (!used)
            return false;
    }
    return true;
}

static void watch(int ep, int fd, void *who)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = who};

    if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0)
        perror("sink: epoll");
}

static void welcome(int ep, int door)
{
    struct session *s = calloc(1, sizeof *s);
    int one = 1;

    if (!s)
        abort();
    s->fd = accept4(door, NULL, NULL, SOCK_CLOEXEC);
    if (s->fd < 0 || !say(s, "220 sink.test ESMTP\r\n")) {
        if (s->fd >= 0)
            close(s->fd);
        free(s);
        return;
    }
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(ep, s->fd, s);
}

static int open_door(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 1024) < 0) {
        perror("sink");
        exit(1);
    }
    return fd;
}

/* False: there are no more questions. */
static bool tell(void)
{
    char question[64];

    if (read(STDIN_FILENO, question, sizeof question) <= 0)
        return false;
    printf("%ld\n", taken);
    return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int ep = epoll_create1(EPOLL_CLOEXEC), door = open_door(argc > 1 ? atoi(argv[1]) : 2525);
    static char door_mark, input_mark;

    watch(ep, door, &door_mark);
    watch(ep, STDIN_FILENO, &input_mark);
    puts("ready");
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(ep, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            struct session *s = events[i].data.ptr;

            if ((void *)s == &door_mark) {
                welcome(ep, door);
            } else if ((void *)s == &input_mark) {
                if (!tell())
                    return 0;
            } else if (!input(s)) {
                close(s->fd);
                free(s);
            }
        }
    }
}
