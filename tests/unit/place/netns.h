/* netns: a network namespace of the test's own, in which it may do as it likes; nothing of it is
 * left when the process ends. */
#ifndef PORT26_TEST_NETNS_H
#define PORT26_TEST_NETNS_H

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static inline bool netns_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return ok;
}

/* Runs "ip" with these words, 0 when it did. */
static inline int netns_ip(const char *words)
{
    char copy[256], *argv[32] = {(char *)"ip"}, *rest = copy;
    int status = -1;
    size_t n = 1;
    pid_t pid;

    snprintf(copy, sizeof copy, "%s", words);
    for (char *word; n < 31 && (word = strsep(&rest, " "));)
        argv[n++] = word;
    if (posix_spawnp(&pid, "ip", NULL, NULL, argv, environ) != 0)
        return -1;
    waitpid(pid, &status, 0);
    return status;
}

/* Has the interface a carrier? The kernel takes up to a second to notice what becomes of it. */
static inline bool netns_runs(const char *name)
{
    struct ifreq q = {.ifr_flags = 0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool runs;

    snprintf(q.ifr_name, sizeof q.ifr_name, "%s", name);
    runs = ioctl(fd, SIOCGIFFLAGS, &q) == 0 && (q.ifr_flags & IFF_RUNNING);
    close(fd);
    return runs;
}

static inline bool netns_wait(const char *name, bool runs)
{
    for (int i = 0; i < 2000; i++) {
        if (netns_runs(name) == runs)
            return true;
        usleep(5000);
    }
    return false;
}

/* A wire from v0 to v1. */
static inline bool netns_wire(void)
{
    return netns_ip("link add v0 type veth peer name v1") == 0 && netns_ip("link set v0 up") == 0 &&
           netns_ip("link set v1 up") == 0 && netns_wait("v0", true);
}

/* False when this system does not let us: then tests that need it are skipped. An ordinary user
 * becomes root of a user namespace. */
static inline bool netns_enter(void)
{
    char map[64];

    snprintf(map, sizeof map, "0 %u 1", (unsigned)getuid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
        netns_write("/proc/self/uid_map", map);
    else if (unshare(CLONE_NEWNET) != 0)
        return false;
    /* Without duplicate address detection a second later there is nothing to wait for. */
    netns_write("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
    return netns_ip("link set lo up") == 0 && netns_wire();
}

/* A tun device that has a carrier as long as the descriptor is open; -1: there are none here. */
static inline int netns_tun(const char *name)
{
    struct ifreq q = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    snprintf(q.ifr_name, sizeof q.ifr_name, "%s", name);
    if (fd >= 0 && ioctl(fd, TUNSETIFF, &q) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

#endif
