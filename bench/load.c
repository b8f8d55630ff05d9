/* load: SMTP clients that push mail, for bench/run. One thread (or more) with epoll; N sessions at
 * a time with M messages each; plain, STARTTLS or implicit TLS; AUTH PLAIN; or sessions that only
 * stay open.
 *
 *     cc -O2 -o load load.c -lssl -lcrypto -lpthread
 *
 * One line of JSON: what was answered 250, by second, and how long it took from MAIL to the 250
 * (lat_us) and from connect to the first MAIL (ready_us). Ends with 1 when nothing was accepted. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum tlsmode { TLS_NO, TLS_START, TLS_IMPL };
enum st {
    S_CONNECT,
    S_HS,
    S_BANNER,
    S_EHLO,
    S_STARTTLS,
    S_AUTH,
    S_MAIL,
    S_RCPT,
    S_DATA,
    S_ENV,
    S_BODY,
    S_QUIT,
    S_IDLE
};

static struct {
    const char *host, *user, *pass, *from, *to, *ciphers;
    int port, conc, permsg, rcpts, spread, threads, pipeline, hold, halfclose, tls, verbose, maxver,
        lmtp;
    long total, size;
    double limit, holdsecs;
} C = {.host = "127.0.0.1",
       .from = "sender@load.test",
       .to = "rcpt@dest.test",
       .port = 2525,
       .conc = 1,
       .permsg = 1,
       .rcpts = 1,
       .threads = 1,
       .total = 1000,
       .size = 1024,
       .limit = 60,
       .holdsecs = 5};

static SSL_CTX *ctx;
static char *body;
static size_t bodylen;
static char authline[1024];
static struct sockaddr_in dst;
static _Atomic long remain, accepted, sess_ok, sess_err, conn_err, held, dropped, handshakes,
    resumed, given_up;
static _Atomic uint64_t t_last;
static _Atomic int stop;
static uint64_t t_begin, t_end_ns;
static char lasterr[256];

struct sess {
    int fd, state, expect, left, rc, want_w, evmask, counted;
    char to[300];
    SSL *ssl;
    int rlen, olen, ooff;
    const char *b;
    size_t bl, boff;
    uint64_t t_conn, t_msg;
    char rbuf[2048], obuf[1536];
};
struct worker {
    pthread_t th;
    int ep, idx, conc;
    long active;
    uint32_t *lat;
    size_t nlat, caplat;
    uint32_t *hlat;
    size_t nh, caph;
    uint64_t backoff;
};

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static void push(uint32_t **a, size_t *n, size_t *cap, uint64_t ns)
{
    if (*n == *cap) {
        *cap = *cap ? *cap * 2 : 4096;
        *a = realloc(*a, *cap * sizeof **a);
        if (!*a)
            abort();
    }
    (*a)[(*n)++] = ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000);
}
static int cmp32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void out(struct sess *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(s->obuf + s->olen, sizeof s->obuf - s->olen, fmt, ap);
    va_end(ap);
    if (n < 0 || n >= (int)(sizeof s->obuf - s->olen)) {
        fprintf(stderr, "obuf overflow\n");
        exit(2);
    }
    s->olen += n;
}

static void sess_close(struct worker *w, struct sess *s, int ok)
{
    if (s->ssl) {
        if (ok)
            SSL_shutdown(s->ssl);
        SSL_free(s->ssl);
        s->ssl = NULL;
        ERR_clear_error();
    }
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    if (s->counted) {
        dropped++;
        s->counted = 0;
        held--;
    }
    if (ok)
        sess_ok++;
    else {
        sess_err++;
        atomic_fetch_add(&remain, s->left);
        w->backoff = now() + 5000000;
    }
    s->left = 0;
}

/* With -T each message goes to another of that many addresses. */
static void address(struct sess *s)
{
    static _Atomic unsigned long turn;
    if (C.spread)
        snprintf(s->to, sizeof s->to, "r%lu@%.256s", turn++ % (unsigned)C.spread, C.to);
    else
        snprintf(s->to, sizeof s->to, "%.256s", C.to);
}
static void mail_cmds(struct sess *s)
{
    s->t_msg = now();
    address(s);
    s->rc = 0;
    if (C.pipeline) {
        out(s, "MAIL FROM:<%s>\r\n", C.from);
        for (int i = 0; i < C.rcpts; i++) {
            if (C.rcpts > 1)
                out(s, "RCPT TO:<r%d.%s>\r\n", i, C.to);
            else
                out(s, "RCPT TO:<%s>\r\n", s->to);
        }
        out(s, "DATA\r\n");
        s->expect = 2 + C.rcpts;
        s->state = S_ENV;
    } else {
        out(s, "MAIL FROM:<%s>\r\n", C.from);
        s->expect = 1;
        s->state = S_MAIL;
    }
}
static void send_body(struct sess *s)
{
    static _Atomic unsigned long seq;
    unsigned long q = seq++;
    out(s, "Message-ID: <%lu.%llx.%d@load.test>\r\n", q, (unsigned long long)s->t_msg, getpid());
    s->b = body;
    s->bl = bodylen;
    s->boff = 0;
    s->expect = 1;
    s->state = S_BODY;
}
static void ready(struct worker *w, struct sess *s)
{
    if (s->t_conn) {
        push(&w->hlat, &w->nh, &w->caph, now() - s->t_conn);
        s->t_conn = 0;
    }
    if (C.hold) {
        s->state = S_IDLE;
        s->expect = 0;
        if (!s->counted) {
            s->counted = 1;
            held++;
        }
        return;
    }
    if (s->left > 0 && !stop)
        mail_cmds(s);
    else {
        atomic_fetch_add(&remain, s->left);
        s->left = 0;
        out(s, "QUIT\r\n");
        s->state = S_QUIT;
        s->expect = 1;
    }
}
static int start_tls(struct sess *s)
{
    s->ssl = SSL_new(ctx);
    if (!s->ssl)
        return -1;
    SSL_set_fd(s->ssl, s->fd);
    SSL_set_connect_state(s->ssl);
    SSL_set_tlsext_host_name(s->ssl, "localhost");
    s->state = S_HS;
    return 0;
}
/* one final reply line. returns 0 ok, -1 fail, 1 closed cleanly */
static int on_reply(struct worker *w, struct sess *s, int code, const char *line)
{
    switch (s->state) {
    case S_BANNER:
        if (code != 220)
            goto bad;
        out(s, "EHLO load.test\r\n");
        s->state = S_EHLO;
        s->expect = 1;
        return 0;
    case S_EHLO:
        if (code != 250)
            goto bad;
        if (C.tls == TLS_START && !s->ssl) {
            out(s, "STARTTLS\r\n");
            s->state = S_STARTTLS;
            s->expect = 1;
            return 0;
        }
        if (C.user) {
            out(s, "%s", authline);
            s->state = S_AUTH;
            s->expect = 1;
            return 0;
        }
        ready(w, s);
        return 0;
    case S_STARTTLS:
        if (code != 220)
            goto bad;
        s->rlen = 0;
        return start_tls(s);
    case S_AUTH:
        if (code != 235)
            goto bad;
        ready(w, s);
        return 0;
    case S_MAIL:
        if (code != 250)
            goto bad;
        out(s, "RCPT TO:<%s>\r\n", s->to);
        s->state = S_RCPT;
        s->expect = 1;
        s->rc = 1;
        return 0;
    case S_RCPT:
        if (code / 10 != 25)
            goto bad;
        if (s->rc < C.rcpts) {
            out(s, "RCPT TO:<r%d.%s>\r\n", s->rc++, C.to);
            s->expect = 1;
            return 0;
        }
        out(s, "DATA\r\n");
        s->state = S_DATA;
        s->expect = 1;
        return 0;
    case S_DATA:
        if (code != 354)
            goto bad;
        send_body(s);
        return 0;
    case S_ENV:
        if (s->expect > 0) {
            if (code / 10 != 25)
                goto bad;
            return 0;
        }
        if (code != 354)
            goto bad;
        send_body(s);
        return 0;
    case S_BODY:
        if (code != 250)
            goto bad;
        push(&w->lat, &w->nlat, &w->caplat, now() - s->t_msg);
        accepted++;
        s->left--;
        t_last = now();
        ready(w, s);
        return 0;
    case S_QUIT:
        return 1;
    default:
        goto bad;
    }
bad:
    snprintf(lasterr, sizeof lasterr, "state %d: %.200s", s->state, line);
    return -1;
}
static ssize_t io_r(struct sess *s, void *p, size_t n)
{
    if (!s->ssl) {
        ssize_t r = recv(s->fd, p, n, 0);
        return r < 0 && (errno == EAGAIN || errno == EINTR) ? -2 : r;
    }
    int r = SSL_read(s->ssl, p, (int)n);
    if (r > 0)
        return r;
    int e = SSL_get_error(s->ssl, r);
    if (e == SSL_ERROR_WANT_READ)
        return -2;
    if (e == SSL_ERROR_WANT_WRITE) {
        s->want_w = 1;
        return -2;
    }
    ERR_clear_error();
    return e == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}
static ssize_t io_w(struct sess *s, const void *p, size_t n, int more)
{
    if (!s->ssl) {
        ssize_t r = send(s->fd, p, n, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        return r < 0 && (errno == EAGAIN || errno == EINTR) ? -2 : r;
    }
    int r = SSL_write(s->ssl, p, (int)n);
    if (r > 0)
        return r;
    int e = SSL_get_error(s->ssl, r);
    if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
        return -2;
    ERR_clear_error();
    return -1;
}
/* returns 0 go on, -1 fail, 1 done */
static int drive(struct worker *w, struct sess *s, uint32_t ev)
{
    s->want_w = 0;
    if (s->state == S_CONNECT) {
        int e = 0;
        socklen_t l = sizeof e;
        if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &l) < 0 || e) {
            snprintf(lasterr, sizeof lasterr, "connect: %s", strerror(e));
            conn_err++;
            return -1;
        }
        if (!(ev & (EPOLLOUT | EPOLLIN)))
            return 0;
        int one = 1;
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        s->state = S_BANNER;
        s->expect = 1;
        if (C.tls == TLS_IMPL && start_tls(s) < 0)
            return -1;
    }
    for (;;) {
        if (s->state == S_HS) {
            int r = SSL_do_handshake(s->ssl);
            if (r != 1) {
                int e = SSL_get_error(s->ssl, r);
                if (e == SSL_ERROR_WANT_READ)
                    return 0;
                if (e == SSL_ERROR_WANT_WRITE) {
                    s->want_w = 1;
                    return 0;
                }
                snprintf(lasterr, sizeof lasterr, "handshake: %s",
                         ERR_error_string(ERR_peek_error(), NULL));
                ERR_clear_error();
                return -1;
            }
            handshakes++;
            if (SSL_session_reused(s->ssl))
                resumed++;
            if (C.tls == TLS_IMPL) {
                s->state = S_BANNER;
                s->expect = 1;
            } else {
                out(s, "EHLO load.test\r\n");
                s->state = S_EHLO;
                s->expect = 1;
            }
        }
        /* flush */
        while (s->ooff < s->olen) {
            ssize_t n = io_w(s, s->obuf + s->ooff, s->olen - s->ooff, s->b != NULL);
            if (n == -2) {
                s->want_w = 1;
                break;
            }
            if (n <= 0)
                return -1;
            s->ooff += n;
        }
        if (s->ooff == s->olen) {
            if (C.halfclose && s->olen && s->state == S_QUIT && !s->ssl)
                shutdown(s->fd, SHUT_WR);
            s->ooff = s->olen = 0;
            while (s->b && s->boff < s->bl) {
                size_t k = s->bl - s->boff;
                if (k > 262144)
                    k = 262144;
                ssize_t n = io_w(s, s->b + s->boff, k, 0);
                if (n == -2) {
                    s->want_w = 1;
                    break;
                }
                if (n <= 0)
                    return -1;
                s->boff += n;
            }
            if (s->b && s->boff == s->bl)
                s->b = NULL;
        }
        /* read */
        ssize_t n = io_r(s, s->rbuf + s->rlen, sizeof s->rbuf - 1 - s->rlen);
        if (n == -2)
            return 0;
        if (n <= 0) {
            if (s->state == S_QUIT)
                return 1;
            if (s->state != S_IDLE)
                snprintf(lasterr, sizeof lasterr, "closed in state %d", s->state);
            return -1;
        }
        s->rlen += n;
        char *p = s->rbuf, *end = s->rbuf + s->rlen, *nl;
        while ((nl = memchr(p, '\n', end - p))) {
            *nl = 0;
            if (nl - p >= 3 && p[3] != '-') {
                if (s->expect <= 0) {
                    snprintf(lasterr, sizeof lasterr, "unexpected: %.100s", p);
                    return -1;
                }
                s->expect--;
                int r = on_reply(w, s, atoi(p), p);
                if (r)
                    return r;
                if (s->state == S_HS) {
                    p = end;
                    break;
                }
            }
            p = nl + 1;
        }
        s->rlen = end - p;
        if (s->rlen)
            memmove(s->rbuf, p, s->rlen);
        if (s->rlen >= (int)sizeof s->rbuf - 1)
            return -1;
    }
}
static int sess_start(struct worker *w, struct sess *s)
{
    long k = C.permsg;
    if (!C.hold) {
        long r = atomic_load(&remain);
        do {
            if (r <= 0)
                return -1;
            k = r < C.permsg ? r : C.permsg;
        } while (!atomic_compare_exchange_weak(&remain, &r, r - k));
    } else {
        long r = atomic_fetch_sub(&remain, 1);
        if (r <= 0) {
            atomic_fetch_add(&remain, 1);
            return -1;
        }
        k = 1;
    }
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0) {
        perror("socket");
        exit(2);
    }
    s->ssl = NULL;
    s->state = S_CONNECT;
    s->left = k;
    s->rlen = s->olen = s->ooff = 0;
    s->b = NULL;
    s->expect = 0;
    s->counted = 0;
    s->t_conn = now();
    if (connect(s->fd, (struct sockaddr *)&dst, sizeof dst) < 0 && errno != EINPROGRESS) {
        snprintf(lasterr, sizeof lasterr, "connect: %s", strerror(errno));
        conn_err++;
        sess_close(w, s, 0);
        return -2;
    }
    struct epoll_event e = {.events = s->evmask = EPOLLIN | EPOLLOUT, .data.ptr = s};
    epoll_ctl(w->ep, EPOLL_CTL_ADD, s->fd, &e);
    return 0;
}
static void *run(void *arg)
{
    struct worker *w = arg;
    w->ep = epoll_create1(0);
    size_t cap = C.hold ? (size_t)C.total : (size_t)w->conc;
    struct sess **all = calloc(cap, sizeof *all);
    struct epoll_event ev[256];
    long alive = 0, opening = 0;
    size_t nall = 0;
    int swept = 0;
    uint64_t hold_until = 0;
    for (size_t i = 0; i < cap; i++)
        all[i] = NULL;
    for (;;) {
        uint64_t t = now();
        if (!stop && t >= t_end_ns)
            stop = 1;
        if (sess_err > 2000 && accepted == 0 && held == 0)
            stop = 1;
        if (!C.hold) {
            for (size_t i = 0; i < cap && !stop && t >= w->backoff; i++) {
                if (all[i] && all[i]->fd >= 0)
                    continue;
                if (!all[i]) {
                    all[i] = calloc(1, sizeof **all);
                    all[i]->fd = -1;
                }
                int r = sess_start(w, all[i]);
                if (r == -1)
                    break;
                if (r == 0)
                    alive++;
            }
            if (stop && !swept) { /* at the limit: give up sessions which have not begun a message
                                     (a full listen backlog) */
                swept = 1;
                for (size_t i = 0; i < cap; i++)
                    if (all[i] && all[i]->fd >= 0 && all[i]->state <= S_AUTH) {
                        long l = sess_err;
                        sess_close(w, all[i], 0);
                        sess_err = l;
                        given_up++;
                        alive--;
                    }
            }
            if (alive == 0 && (stop || remain <= 0))
                break;
            if (stop && t > t_end_ns + 5000000000ull)
                break; /* stragglers get 5 s */
        } else {
            opening = alive - held;
            while (!stop && opening < C.conc && nall < cap && t >= w->backoff) {
                struct sess *s = calloc(1, sizeof *s);
                int r = sess_start(w, s);
                if (r) {
                    free(s);
                    break;
                }
                all[nall++] = s;
                alive++;
                opening++;
            }
            if (!hold_until && (held >= C.total || stop || (nall == cap && opening == 0))) {
                hold_until = t + (uint64_t)(C.holdsecs * 1e9);
                dropped = 0;
                fprintf(stderr, "HELD %ld after %.2fs\n", (long)held, (t - t_begin) / 1e9);
                fflush(stderr);
                stop = 1;
            }
            if (hold_until && t >= hold_until)
                break;
        }
        int n = epoll_wait(w->ep, ev, 256, 20);
        for (int i = 0; i < n; i++) {
            struct sess *s = ev[i].data.ptr;
            if (s->fd < 0)
                continue;
            int r = drive(w, s, ev[i].events);
            if (r) {
                sess_close(w, s, r == 1);
                alive--;
            } else {
                int m = EPOLLIN | ((s->want_w || s->state == S_CONNECT) ? EPOLLOUT : 0);
                if (m != s->evmask) {
                    struct epoll_event e = {.events = s->evmask = m, .data.ptr = s};
                    epoll_ctl(w->ep, EPOLL_CTL_MOD, s->fd, &e);
                }
            }
        }
    }
    return NULL;
}
static const char B64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static void mkauth(void)
{
    unsigned char in[512];
    size_t ul = strlen(C.user), pl = strlen(C.pass), n = ul + pl + 2;
    if (n > 500)
        exit(2);
    in[0] = 0;
    memcpy(in + 1, C.user, ul);
    in[1 + ul] = 0;
    memcpy(in + 2 + ul, C.pass, pl);
    char o[1000];
    size_t k = 0;
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = in[i] << 16 | (i + 1 < n ? in[i + 1] << 8 : 0) | (i + 2 < n ? in[i + 2] : 0);
        o[k++] = B64[v >> 18];
        o[k++] = B64[v >> 12 & 63];
        o[k++] = i + 1 < n ? B64[v >> 6 & 63] : '=';
        o[k++] = i + 2 < n ? B64[v & 63] : '=';
    }
    o[k] = 0;
    snprintf(authline, sizeof authline, "AUTH PLAIN %s\r\n", o);
}
static void usage(void)
{
    fprintf(stderr, "load [-H ip] [-p port] [-c parallel sessions] [-m messages per session] [-n "
                    "messages in all] [-s bytes]\n"
                    "         [-r rcpts] [-f from] [-t to] [-T n: to is a domain, and they go to "
                    "r0 to rN-1 there] [-x "
                    "seconds limit] [-j threads] [-P pipelining] [-q half-close after QUIT (exim "
                    "waits 200 ms for it)] [-S STARTTLS] [-I implicit TLS]\n"
                    "         [-2 TLS 1.2 only] [-a user:password] [-L seconds: hold -n idle "
                    "connections that long, -c opening at once] [-v]\n");
    exit(2);
}
int main(int ac, char **av)
{
    int o;
    char *c;
    while ((o = getopt(ac, av, "H:p:c:m:n:s:r:f:t:T:x:j:PqSI2a:L:v")) != -1)
        switch (o) {
        case 'H':
            C.host = optarg;
            break;
        case 'p':
            C.port = atoi(optarg);
            break;
        case 'c':
            C.conc = atoi(optarg);
            break;
        case 'm':
            C.permsg = atoi(optarg);
            break;
        case 'n':
            C.total = atol(optarg);
            break;
        case 's':
            C.size = atol(optarg);
            break;
        case 'r':
            C.rcpts = atoi(optarg);
            break;
        case 'f':
            C.from = optarg;
            break;
        case 't':
            C.to = optarg;
            break;
        case 'T':
            C.spread = atoi(optarg);
            break;
        case 'x':
            C.limit = atof(optarg);
            break;
        case 'j':
            C.threads = atoi(optarg);
            break;
        case 'P':
            C.pipeline = 1;
            break;
        case 'q':
            C.halfclose = 1;
            break;
        case 'S':
            C.tls = TLS_START;
            break;
        case 'I':
            C.tls = TLS_IMPL;
            break;
        case '2':
            C.maxver = TLS1_2_VERSION;
            break;
        case 'a':
            C.user = strdup(optarg);
            c = strchr(C.user, ':');
            if (!c)
                usage();
            *c = 0;
            C.pass = c + 1;
            break;
        case 'L':
            C.hold = 1;
            C.holdsecs = atof(optarg);
            break;
        case 'v':
            C.verbose = 1;
            break;
        default:
            usage();
        }
    if (C.conc < 1 || C.permsg < 1 || C.total < 1 || C.threads < 1 || C.rcpts < 1 || C.rcpts > 20)
        usage();
    if (C.hold)
        C.threads = 1;
    if (C.threads > C.conc)
        C.threads = C.conc;
    signal(SIGPIPE, SIG_IGN);
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    if (rl.rlim_cur < 65536) {
        rl.rlim_cur = 65536;
        if (rl.rlim_max < 65536)
            rl.rlim_max = 65536;
        if (setrlimit(RLIMIT_NOFILE, &rl) < 0) {
            getrlimit(RLIMIT_NOFILE, &rl);
            rl.rlim_cur = rl.rlim_max;
            setrlimit(RLIMIT_NOFILE, &rl);
        }
    }
    dst.sin_family = AF_INET;
    dst.sin_port = htons(C.port);
    if (inet_pton(AF_INET, C.host, &dst.sin_addr) != 1)
        usage();
    if (C.tls) {
        ctx = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
        if (C.maxver)
            SSL_CTX_set_max_proto_version(ctx, C.maxver);
    }
    if (C.user)
        mkauth();
    /* message: headers + 70-column lines + final dot; the Message-ID line is added per message */
    body = malloc(C.size + 512);
    if (!body)
        return 2;
    bodylen = sprintf(body,
                      "From: <%s>\r\nTo: <%s>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\nSubject: "
                      "load test\r\n\r\n",
                      C.from, C.to);
    long col = 0, want = C.size - 60; /* about 60 bytes of Message-ID line */
    while ((long)bodylen < want - 2) {
        if (col == 70) {
            body[bodylen++] = '\r';
            body[bodylen++] = '\n';
            col = 0;
        } else {
            body[bodylen++] = "The quick brown fox jumps over the lazy dog "[col % 44];
            col++;
        }
    }
    memcpy(body + bodylen, "\r\n.\r\n", 5);
    bodylen += 5;
    remain = C.total;
    t_begin = now();
    t_end_ns = t_begin + (uint64_t)(C.limit * 1e9);
    struct worker *w = calloc(C.threads, sizeof *w);
    for (int i = 0; i < C.threads; i++) {
        w[i].idx = i;
        w[i].conc = C.conc / C.threads + (i < C.conc % C.threads);
    }
    for (int i = 1; i < C.threads; i++)
        pthread_create(&w[i].th, NULL, run, &w[i]);
    run(&w[0]);
    for (int i = 1; i < C.threads; i++)
        pthread_join(w[i].th, NULL);
    double wall = (now() - t_begin) /
                  1e9; /* rates: up to the last 250 or the time limit, whichever is later */
    if (stop && !C.hold) {
        uint64_t e = t_last > t_end_ns ? t_last : t_end_ns;
        if ((e - t_begin) / 1e9 < wall)
            wall = (e - t_begin) / 1e9;
    }
    size_t n = 0, nh = 0;
    for (int i = 0; i < C.threads; i++) {
        n += w[i].nlat;
        nh += w[i].nh;
    }
    uint32_t *l = malloc((n + 1) * 4), *h = malloc((nh + 1) * 4);
    size_t k = 0, kh = 0;
    for (int i = 0; i < C.threads; i++) {
        if (w[i].nlat)
            memcpy(l + k, w[i].lat, w[i].nlat * 4);
        if (w[i].nh)
            memcpy(h + kh, w[i].hlat, w[i].nh * 4);
        k += w[i].nlat;
        kh += w[i].nh;
    }
    qsort(l, n, 4, cmp32);
    qsort(h, nh, 4, cmp32);
    l[n] = h[nh] = 0;
#define Q(a, n, q) ((n) ? (a)[(size_t)((n - 1) * (q))] : 0)
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    printf(
        "{\"accepted\":%ld,\"wall\":%.4f,\"msgs_per_s\":%.1f,\"sessions\":%ld,\"sess_per_s\":%.1f,"
        "\"sess_err\":%ld,\"conn_err\":%ld,\"given_up\":%ld,\"handshakes\":%ld,\"resumed\":%ld,"
        "\"lat_us\":{\"p50\":%u,\"p90\":%u,\"p99\":%u,\"max\":%u},\"ready_us\":{\"p50\":%u,\"p99\":"
        "%u},\"held\":%ld,\"dropped\":%ld,\"client_cpu\":%.4f,\"last_error\":\"",
        (long)accepted, wall, accepted / wall, (long)sess_ok, sess_ok / wall, (long)sess_err,
        (long)conn_err, (long)given_up, (long)handshakes, (long)resumed, Q(l, n, .5), Q(l, n, .9),
        Q(l, n, .99), Q(l, n, 1.), Q(h, nh, .5), Q(h, nh, .99), (long)held, (long)dropped,
        ru.ru_utime.tv_sec + ru.ru_stime.tv_sec +
            (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
    for (char *p = lasterr; *p; p++)
        if (*p >= ' ' && *p != '"' && *p != '\\' && (unsigned char)*p < 127)
            putchar(*p);
    printf("\"}\n");
    return accepted > 0 || held > 0 ? 0 : 1;
}
