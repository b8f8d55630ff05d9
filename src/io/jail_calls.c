/* jail_calls: seccomp. Allow-lists by role, written as names, because not every machine has every
 * call; a name this machine does not know is skipped. Everything else is EPERM. */
#include "base/memory.h"
#include "io/jail_parts.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/wireless.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LISTENER = 1 << JAIL_LISTENER,
    COURIER = 1 << JAIL_COURIER,
    KEEPER = 1 << JAIL_KEEPER,
    ALL = LISTENER | COURIER | KEEPER,
};

struct group {
    unsigned roles;
    const char *const *names; /* ends with NULL */
};

#define NAMES(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

/* The keeper's list holds the others': a listener or courier that it starts again lives under the
 * keeper's filter as well as under its own. */
static const struct group groups[] = {
    /* descriptors at hand */
    {ALL, NAMES("read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64",
                "pwritev", "pwritev2", "close", "close_range", "dup", "dup2", "dup3", "fcntl",
                "fcntl64", "fstat", "fstat64", "lseek", "_llseek", "ftruncate", "ftruncate64",
                "fadvise64", "pipe2")},
    /* waiting */
    {ALL, NAMES("poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait",
                "epoll_pwait", "epoll_pwait2", "eventfd2", "timerfd_create", "timerfd_settime",
                "timerfd_gettime", "futex", "clock_nanosleep", "nanosleep", "restart_syscall",
                "sched_yield")},
    /* time, chance, and who we are */
    {ALL, NAMES("clock_gettime", "clock_getres", "gettimeofday", "time", "times", "getrandom",
                "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid",
                "getresuid", "getresgid", "getgroups", "getrlimit", "getrusage", "sysinfo", "uname",
                "getcpu", "sched_getaffinity", "capget")},
    /* memory; the calls that can make it executable stand below */
    {ALL, NAMES("brk", "munmap", "mremap", "madvise", "mincore", "mlock", "mlock2", "munlock",
                "membarrier")},
    /* signals and the end */
    {ALL, NAMES("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending",
                "rt_sigtimedwait", "rt_sigsuspend", "sigaltstack", "exit", "exit_group",
                "set_robust_list", "get_robust_list", "rseq", "set_tid_address")},
    /* sockets at hand */
    {ALL, NAMES("sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg", "shutdown",
                "getsockopt", "setsockopt", "getsockname", "getpeername")},
    {LISTENER | KEEPER, NAMES("accept", "accept4")},
    {COURIER | KEEPER, NAMES("connect", "bind")},
    {KEEPER, NAMES("listen")}, /* the control socket, and doors that a reload adds */
    /* looking at files (opening them stands below) */
    {COURIER | KEEPER,
     NAMES("newfstatat", "fstatat64", "statx", "stat", "lstat", "access", "faccessat", "faccessat2",
           "readlink", "readlinkat", "getdents64", "getcwd", "statfs", "fstatfs")},
    /* keeping files */
    {KEEPER, NAMES("open", "openat", "openat2", "creat", "fsync", "fdatasync", "sync_file_range",
                   "syncfs", "rename", "renameat", "renameat2", "link", "linkat", "unlink",
                   "unlinkat", "mkdir", "mkdirat", "rmdir", "flock", "chmod", "fchmod", "fchmodat",
                   "chown", "fchown", "fchownat", "lchown", "utimensat", "truncate", "truncate64",
                   "fallocate", "copy_file_range", "sendfile", "umask", "chdir", "fchdir")},
    /* starting and ending children */
    {KEEPER, NAMES("fork", "vfork", "execve", "execveat", "wait4", "waitid", "kill", "tkill",
                   "tgkill", "pidfd_open", "pidfd_send_signal", "setsid", "setpgid", "getpgid",
                   "getpgrp", "getsid", "setpriority", "getpriority", "socketpair")},
    /* what a child calls before it is in a jail of its own */
    {KEEPER, NAMES("mmap", "mmap2", "arch_prctl", "prctl", "prlimit64", "setrlimit", "seccomp",
                   "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
                   "capset", "setuid", "setgid", "setresuid", "setresgid", "setgroups")},
};

struct filtered {
    unsigned roles;
    const char *name;
    struct scmp_arg_cmp when[2]; /* both; the second may be missing */
};

/* SCMP_A0..A5 are compound literals of the library; these are constants. */
#define BITS_OFF(n, bits)                                                                          \
    {                                                                                              \
        .arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = (bits), .datum_b = 0                      \
    }
#define BITS_ON(n, bits)                                                                           \
    {                                                                                              \
        .arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = (bits), .datum_b = (bits)                 \
    }
#define EQUALS(n, value)                                                                           \
    {                                                                                              \
        .arg = (n), .op = SCMP_CMP_EQ, .datum_a = (value)                                          \
    }

#define TYPE(type)                                                                                 \
    {                                                                                              \
        .arg = 1, .op = SCMP_CMP_MASKED_EQ,                                                        \
        .datum_a = ~(scmp_datum_t)(SOCK_NONBLOCK | SOCK_CLOEXEC), .datum_b = (type)                \
    }

#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)
#define OPEN_TO_CHANGE (O_ACCMODE | O_CREAT | O_TRUNC)
#define SET_VMA        0x53564d41 /* PR_SET_VMA: names for memory, which allocators give */

static const struct filtered filtered[] = {
    /* no new code */
    {LISTENER | COURIER, "mmap", {BITS_OFF(2, PROT_EXEC)}},
    {LISTENER | COURIER, "mmap2", {BITS_OFF(2, PROT_EXEC)}},
    {ALL, "mprotect", {BITS_OFF(2, PROT_EXEC)}},
    /* threads, not processes; and no namespace, where a process would be root again */
    {LISTENER | COURIER, "clone", {BITS_ON(0, CLONE_THREAD)}},
    {KEEPER, "clone", {BITS_OFF(0, NAMESPACES)}},
    {COURIER, "open", {BITS_OFF(1, OPEN_TO_CHANGE)}},
    {COURIER, "openat", {BITS_OFF(2, OPEN_TO_CHANGE)}},
    {COURIER | KEEPER, "socket", {EQUALS(0, AF_INET), TYPE(SOCK_STREAM)}},
    {COURIER | KEEPER, "socket", {EQUALS(0, AF_INET), TYPE(SOCK_DGRAM)}},
    {COURIER | KEEPER, "socket", {EQUALS(0, AF_INET6), TYPE(SOCK_STREAM)}},
    {COURIER | KEEPER, "socket", {EQUALS(0, AF_INET6), TYPE(SOCK_DGRAM)}},
    {COURIER, "socketpair", {EQUALS(0, AF_UNIX)}}, /* libunbound talks to itself */
    {KEEPER, "socket", {EQUALS(0, AF_UNIX)}},
    {KEEPER, "socket", {EQUALS(0, AF_NETLINK), EQUALS(2, NETLINK_ROUTE)}},
    {KEEPER, "socket", {EQUALS(0, AF_NETLINK), EQUALS(2, NETLINK_SOCK_DIAG)}}, /* peer_user.h */
    {ALL, "ioctl", {EQUALS(1, FIONREAD)}},
    {ALL, "ioctl", {EQUALS(1, FIONBIO)}},
    {ALL, "ioctl", {EQUALS(1, TCGETS)}},
    {ALL, "ioctl", {EQUALS(1, TIOCGWINSZ)}},
    {COURIER | KEEPER, "ioctl", {EQUALS(1, SIOCGIWESSID)}}, /* which Wi-Fi are we in? */
    {LISTENER | COURIER, "prctl", {EQUALS(0, PR_SET_NAME)}},
    {LISTENER | COURIER, "prctl", {EQUALS(0, PR_GET_NAME)}},
    {LISTENER | COURIER, "prctl", {EQUALS(0, PR_GET_DUMPABLE)}},
    {LISTENER | COURIER, "prctl", {EQUALS(0, SET_VMA)}},
    /* asking for limits; not setting them */
    {LISTENER | COURIER, "prlimit64", {EQUALS(2, 0)}},
};

static int allow(scmp_filter_ctx filter, const char *name, unsigned n,
                 const struct scmp_arg_cmp *when)
{
    int call = seccomp_syscall_resolve_name(name);
    int r = call < 0 ? 0 : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, n, when);

    return r == -EEXIST ? 0 : r;
}

static int add_rules(scmp_filter_ctx filter, unsigned role)
{
    struct scmp_arg_cmp ourselves = EQUALS(0, (scmp_datum_t)getpid());
    int r = 0;

    for (size_t i = 0; i < COUNT(groups); i++)
        for (size_t j = 0; r == 0 && (groups[i].roles & role) && groups[i].names[j]; j++)
            r = allow(filter, groups[i].names[j], 0, NULL);
    for (size_t i = 0; r == 0 && i < COUNT(filtered); i++)
        if (filtered[i].roles & role)
            r = allow(filter, filtered[i].name, filtered[i].when[1].op ? 2 : 1, filtered[i].when);
    /* abort() signals itself; nobody else. */
    if (r == 0 && role != KEEPER)
        r = allow(filter, "tgkill", 1, &ourselves);
    /* Its flags lie behind a pointer, where no filter can look: glibc takes clone instead. */
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return r;
}

static int load(scmp_filter_ctx filter)
{
    int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

    /* A tree instead of a list; older libraries know only the list. */
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    /* No foreign code runs here that could gain from speculation, so it need not be slowed. */
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    return r == 0 ? seccomp_load(filter) : r;
}

int jail_calls(enum jail_role role, struct error *e)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int r = filter ? add_rules(filter, 1U << role) : -ENOMEM;

    if (r == 0)
        r = load(filter);
    if (filter)
        seccomp_release(filter);
    if (r != 0)
        return error_sys(e, -r, "Cannot limit the process to its system calls (seccomp)");
    return 0;
}
