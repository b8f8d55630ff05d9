#include "io/disk.h"

#include "base/memory.h"
#include "io/fiber.h"
#include "io/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    THREADS = 4,    /* so many slow reads at a time; a disk sorts what it is asked together */
    WAITING = 1000, /* more try again after */
    PAUSE = 20,     /* milliseconds */
};

struct disk {
    struct loop *loop;
    struct worker *worker; /* NULL: not needed yet */
};

struct slow_read {
    int fd;
    char *buf;
    size_t n;
    off_t at;
    ssize_t got;
};

struct disk *disk_new(struct loop *l)
{
    struct disk *d = memory_alloc(sizeof *d);

    *d = (struct disk){.loop = l};
    return d;
}

void disk_free(struct disk **d)
{
    if (!*d)
        return;
    worker_free(&(*d)->worker);
    free(*d);
    *d = NULL;
}

/* On a thread. */
static void read_slowly(void *arg)
{
    struct slow_read *r = arg;

    do
        r->got = pread(r->fd, r->buf, r->n, r->at);
    while (r->got < 0 && errno == EINTR);
    if (r->got < 0)
        r->got = -errno;
}

static ssize_t ask_thread(struct disk *d, struct slow_read *r)
{
    int rc;

    if (!d->worker)
        d->worker = worker_new(d->loop, "disk", THREADS, WAITING);
    while ((rc = worker_call(d->worker, read_slowly, r)) == -EBUSY)
        if ((rc = fiber_sleep(PAUSE)) < 0)
            return rc;
    return r->got;
}

ssize_t disk_read(struct disk *d, int fd, char *buf, size_t n, off_t at)
{
    struct slow_read slow = {.fd = fd, .buf = buf, .n = n, .at = at};
    struct iovec v = {.iov_base = buf, .iov_len = n};
    ssize_t got = preadv2(fd, &v, 1, at, RWF_NOWAIT);

    if (got >= 0)
        return got;
    if (errno != EAGAIN && errno != EOPNOTSUPP && errno != EINTR && errno != ENOSYS)
        return -errno;
    return ask_thread(d, &slow);
}
