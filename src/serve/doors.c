#include "serve/doors.h"

#include "base/log.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, INHERITED_FIRST = 3, INHERITED_MAX = 128, SOCKETS_MAX = 512 };

struct opened {
    struct sockaddr_storage address;
    socklen_t size;
    int fd;
    bool inherited; /* systemd's: never closed by us */
    bool wanted;
    char door[64];
};

struct doors {
    struct opened at[SOCKETS_MAX];
    size_t count;
};

static void take_inherited(struct doors *d)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    long count = fds ? strtol(fds, NULL, 10) : 0;

    if (!pid || strtol(pid, NULL, 10) != (long)getpid())
        return;
    for (int fd = INHERITED_FIRST; fd < INHERITED_FIRST + count && fd < INHERITED_MAX; fd++) {
        struct opened *o = &d->at[d->count];

        o->size = sizeof o->address;
        if (getsockname(fd, (struct sockaddr *)&o->address, &o->size) < 0)
            continue;
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        o->fd = fd;
        o->inherited = true;
        d->count++;
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

struct doors *doors_new(void)
{
    struct doors *d = memory_alloc(sizeof *d);

    take_inherited(d);
    return d;
}

static bool resolve(const char *text, uint16_t port, struct sockaddr_storage *out, socklen_t *size)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *size = sizeof *v4;
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *size = sizeof *v6;
        return true;
    }
    return false;
}

/* Compared by what matters: sockets handed over may differ in scope or flow. */
static bool same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
    const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET)
        return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
    return a->ss_family == AF_INET6 && a6->sin6_port == b6->sin6_port &&
           memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof a6->sin6_addr) == 0;
}

static struct opened *find(struct doors *d, const struct sockaddr_storage *address)
{
    for (size_t i = 0; i < d->count; i++)
        if (same(&d->at[i].address, address))
            return &d->at[i];
    return NULL;
}

static int bind_socket(const struct sockaddr_storage *address, socklen_t size)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (address->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, (const struct sockaddr *)address, size) < 0 || listen(fd, BACKLOG) < 0) {
        int trouble = -errno;

        close(fd);
        return trouble;
    }
    return fd;
}

static int explain(struct error *e, int trouble, const struct config_door *door,
                   const char *address)
{
    const char *advice =
        trouble == EADDRINUSE ? "another program listens there; stop it (ss -ltnp shows which) or "
                                "give the door another port"
        : trouble == EACCES ? "ports below 1024 need root, CAP_NET_BIND_SERVICE or systemd socket "
                              "activation; or give the door a higher port"
        : trouble == EADDRNOTAVAIL ? "this machine does not have that address; correct it"
                                   : strerror(trouble);

    return error_set(e, ERROR_INPUT, "door \"%s\" can not open port %u on %s: %s", door->name,
                     (unsigned)door->port, address, advice);
}

/* A machine without IPv6 must not fail for the default "::". */
static bool may_skip(int trouble, const char *address)
{
    return trouble == EAFNOSUPPORT || (trouble == EADDRNOTAVAIL && strcmp(address, "::") == 0);
}

static int open_one(struct doors *d, const struct config_door *door, const char *address,
                    struct error *e)
{
    struct opened next = {.fd = -1, .wanted = true}, *have;

    if (!resolve(address, (uint16_t)door->port, &next.address, &next.size))
        return error_set(e, ERROR_INPUT, "door \"%s\": \"%s\" is no IP address", door->name,
                         address);
    snprintf(next.door, sizeof next.door, "%s", door->name);
    have = find(d, &next.address);
    if (have) {
        have->wanted = true;
        snprintf(have->door, sizeof have->door, "%s", door->name);
        return 0;
    }
    if (d->count == SOCKETS_MAX)
        return error_set(e, ERROR_INPUT, "more than %d doors; use fewer addresses", SOCKETS_MAX);
    next.fd = bind_socket(&next.address, next.size);
    if (next.fd < 0 && may_skip(-next.fd, address)) {
        log_event(LOG_NOTICE, "door.skipped", LOG_STR("door", door->name),
                  LOG_STR("address", address), LOG_STR("why", strerror(-next.fd)));
        return 0;
    }
    if (next.fd < 0)
        return explain(e, -next.fd, door, address);
    d->at[d->count++] = next;
    return 0;
}

/* Closes what is not wanted (or, after a failure, what was opened past `keep`). */
static void sweep(struct doors *d)
{
    size_t kept = 0;

    for (size_t i = 0; i < d->count; i++) {
        if (d->at[i].wanted || d->at[i].inherited)
            d->at[kept++] = d->at[i];
        else
            close(d->at[i].fd);
    }
    d->count = kept;
}

/* Implicit TLS without a certificate: there is nothing to say there (config_check warned). */
static bool stays_shut(const struct config_door *door)
{
    return door->tls == CONFIG_TLS_IMPLICIT && !door->cert.certificate[0];
}

int doors_open(struct doors *d, const struct config *c, struct error *e)
{
    struct doors before = *d;
    int trouble = 0;

    for (size_t i = 0; i < d->count; i++)
        d->at[i].wanted = false;
    for (size_t i = 0; i < c->door_count && !trouble; i++)
        for (size_t k = 0; !stays_shut(&c->doors[i]) && k < c->doors[i].address.count && !trouble;
             k++)
            trouble = open_one(d, &c->doors[i], c->doors[i].address.at[k], e);
    if (trouble) {
        for (size_t i = before.count; i < d->count; i++)
            close(d->at[i].fd);
        *d = before;
        return trouble;
    }
    sweep(d);
    return 0;
}

void doors_each(const struct doors *d, void (*fn)(void *arg, const char *door, int fd), void *arg)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->at[i].wanted)
            fn(arg, d->at[i].door, d->at[i].fd);
}

void doors_free(struct doors **d)
{
    if (!*d)
        return;
    for (size_t i = 0; i < (*d)->count; i++)
        close((*d)->at[i].fd);
    free(*d);
    *d = NULL;
}
