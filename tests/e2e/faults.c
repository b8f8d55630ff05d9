/* faults: makes chosen calls of one process fail, so that tests see what a bad disk does. Preloaded (LD_PRELOAD); told what
 * to do by the file $FAULTS, which it maps at its start, before any jail, and which test_faults.py writes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SYNC = 1, WRITE = 2, READ = 4, TRUNCATE = 8 };

struct orders {
    _Atomic int32_t pid;    /* whose calls; others are left alone */
    _Atomic int32_t calls;  /* bits of the enum */
    _Atomic int32_t skip;   /* so many go well first */
    _Atomic int32_t times;  /* then so many fail; below 0: all */
    _Atomic int32_t error;  /* with this errno */
    _Atomic int32_t failed; /* how many did */
    char file[104];         /* a part of the file's name */
};

static struct orders *orders;

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("FAULTS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at = fd < 0 ? MAP_FAILED
                      : mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (fd >= 0)
        close(fd);
    orders = at == MAP_FAILED ? NULL : at;
}

static bool fails(int call, int fd)
{
    char link[64], name[4096];
    ssize_t n;

    if (!orders || orders->pid != getpid() || !(orders->calls & call) || orders->times == 0)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, name, sizeof name - 1);
    if (n < 0)
        return false;
    name[n] = '\0';
    if (!strstr(name, orders->file) || atomic_fetch_sub(&orders->skip, 1) > 0)
        return false;
    if (orders->times > 0)
        orders->times--;
    orders->failed++;
    errno = orders->error;
    return true;
}

#define REAL(type, name, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (!real)                                                                                     \
        *(void **)&real = dlsym(RTLD_NEXT, name);

int fsync(int fd)
{
    REAL(int, "fsync", int)
    return fails(SYNC, fd) ? -1 : real(fd);
}

int fdatasync(int fd)
{
    REAL(int, "fdatasync", int)
    return fails(SYNC, fd) ? -1 : real(fd);
}

ssize_t write(int fd, const void *at, size_t n)
{
    REAL(ssize_t, "write", int, const void *, size_t)
    return fails(WRITE, fd) ? -1 : real(fd, at, n);
}

ssize_t pwrite(int fd, const void *at, size_t n, off_t where)
{
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t)
    return fails(WRITE, fd) ? -1 : real(fd, at, n, where);
}

ssize_t pwrite64(int fd, const void *at, size_t n, off64_t where)
{
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t)
    return fails(WRITE, fd) ? -1 : real(fd, at, n, where);
}

ssize_t pread(int fd, void *at, size_t n, off_t where)
{
    REAL(ssize_t, "pread", int, void *, size_t, off_t)
    return fails(READ, fd) ? -1 : real(fd, at, n, where);
}

ssize_t pread64(int fd, void *at, size_t n, off64_t where)
{
    REAL(ssize_t, "pread64", int, void *, size_t, off64_t)
    return fails(READ, fd) ? -1 : real(fd, at, n, where);
}

int ftruncate(int fd, off_t size)
{
    REAL(int, "ftruncate", int, off_t)
    return fails(TRUNCATE, fd) ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    REAL(int, "ftruncate64", int, off64_t)
    return fails(TRUNCATE, fd) ? -1 : real(fd, size);
}
