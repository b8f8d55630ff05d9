/* Each role is entered by a child, which then tries what it should and should not be able to do. */
#include "io/jail.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"
#include "io/jail_parts.h"
#include "io/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_FILES = 60, GOOD = 42 };

struct scene {
    char dir[64], readable[80], writable[80], elsewhere[80];
    int listening, bound, loose, pair[2];
    struct sockaddr_in at;
    bool no_landlock;
};

static int result(int r)
{
    return r < 0 ? errno : 0;
}

/* ---- what is tried; each gives 0 or the errno ---- */

static int open_file(const char *dir, const char *name, int flags)
{
    char path[120];
    int fd;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int open_shadow(struct scene *s)
{
    (void)s;
    return open_file("/etc", "shadow", O_RDONLY);
}

static int open_elsewhere(struct scene *s)
{
    return open_file(s->elsewhere, "file", O_RDONLY);
}

static int open_readable(struct scene *s)
{
    return open_file(s->readable, "file", O_RDONLY);
}

static int change_readable(struct scene *s)
{
    return open_file(s->readable, "file", O_RDWR);
}

static int create_in_writable(struct scene *s)
{
    return open_file(s->writable, "new", O_RDWR | O_CREAT);
}

static int keep_files(struct scene *s)
{
    char a[100], b[100];
    int fd, ok;

    snprintf(a, sizeof a, "%s/a", s->writable);
    snprintf(b, sizeof b, "%s/sub/b", s->writable);
    fd = open(a, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    ok = ftruncate(fd, 8192) == 0 && pwrite(fd, "x", 1, 4096) == 1 &&
         posix_fallocate(fd, 0, 16384) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
         fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK}) == 0 && fsync(fd) == 0 &&
         fdatasync(fd) == 0 && link(a, b) == 0 && unlink(a) == 0 && rename(b, a) == 0 &&
         unlink(a) == 0;
    close(fd);
    return ok ? 0 : errno;
}

static int look_at_file(struct scene *s)
{
    struct stat st;

    (void)s;
    return result(stat("/etc/passwd", &st));
}

static int run_true(struct scene *s)
{
    char *const argv[] = {(char[]){"true"}, NULL};

    (void)s;
    return result(execv("/bin/true", argv));
}

static int run_ourselves(struct scene *s)
{
    char *const argv[] = {(char[]){"test_jail"}, (char[]){"again"}, NULL};
    char *const env[] = {(char[]){"ASAN_OPTIONS=detect_leaks=0"}, NULL};
    pid_t child = fork();
    int status;

    (void)s;
    if (child < 0)
        return errno;
    if (child == 0) {
        execve("/proc/self/exe", argv, env);
        _exit(errno);
    }
    if (waitpid(child, &status, 0) != child)
        return errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == GOOD ? 0 : ECHILD;
}

static int socket_of(int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int socket_inet(struct scene *s)
{
    (void)s;
    return socket_of(AF_INET, SOCK_STREAM, 0) | socket_of(AF_INET6, SOCK_DGRAM, 0);
}

static int socket_unix(struct scene *s)
{
    (void)s;
    return socket_of(AF_UNIX, SOCK_STREAM, 0);
}

static int socket_raw(struct scene *s)
{
    (void)s;
    return socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int socket_netlink(struct scene *s)
{
    (void)s;
    return socket_of(AF_NETLINK, SOCK_RAW, 0);
}

static int socket_pair(struct scene *s)
{
    int fd[2];

    (void)s;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0)
        return errno;
    close(fd[0]);
    close(fd[1]);
    return 0;
}

static int do_connect(struct scene *s)
{
    return result(connect(s->loose, (struct sockaddr *)&s->at, sizeof s->at));
}

static int do_accept(struct scene *s)
{
    int fd = accept4(s->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return errno == EAGAIN ? 0 : errno;
    close(fd);
    return 0;
}

static int do_listen(struct scene *s)
{
    return result(listen(s->bound, 1));
}

static int do_ptrace(struct scene *s)
{
    (void)s;
    return result((int)ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int do_fork(struct scene *s)
{
    pid_t child = fork();

    (void)s;
    if (child == 0)
        _exit(0);
    return child < 0 ? errno : result(waitpid(child, NULL, 0));
}

static void *nothing(void *arg)
{
    return arg;
}

static int do_thread(struct scene *s)
{
    pthread_t t;
    int r = pthread_create(&t, NULL, nothing, s);

    return r != 0 ? r : pthread_join(t, NULL);
}

static int memory_as(int first, int then)
{
    void *at = mmap(NULL, 4096, first, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int r;

    if (at == MAP_FAILED)
        return errno;
    r = then ? result(mprotect(at, 4096, then)) : 0;
    munmap(at, 4096);
    return r;
}

static int new_code(struct scene *s)
{
    (void)s;
    return memory_as(PROT_READ | PROT_EXEC, 0);
}

static int data_into_code(struct scene *s)
{
    (void)s;
    return memory_as(PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC);
}

static int data_read_only(struct scene *s)
{
    (void)s;
    return memory_as(PROT_READ | PROT_WRITE, PROT_READ);
}

static int new_namespace(struct scene *s)
{
    (void)s;
    return result(unshare(CLONE_NEWUSER));
}

static int do_mount(struct scene *s)
{
    return result(mount("none", s->writable, "tmpfs", 0, NULL));
}

static int send_signal(struct scene *s)
{
    (void)s;
    return result(kill(getpid(), 0));
}

static int clone_with_pointer(struct scene *s)
{
    (void)s;
    return result((int)syscall(SYS_clone3, NULL, 0));
}

static int send_descriptor(struct scene *s)
{
    char byte = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec v = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &s->pair[0], sizeof(int));
    if (sendmsg(s->pair[0], &m, MSG_NOSIGNAL) != 1)
        return errno;
    m.msg_controllen = sizeof control;
    if (recvmsg(s->pair[1], &m, MSG_CMSG_CLOEXEC) != 1)
        return errno;
    memcpy(&s->pair[0], CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
    return 0;
}

static void sleeps(void *arg)
{
    *(bool *)arg = fiber_sleep(2) == 0;
}

static int run_loop(struct scene *s)
{
    struct loop *l = loop_new();
    bool slept = false;

    (void)s;
    fiber_start(l, sleeps, &slept);
    loop_run(l);
    loop_free(&l);
    return slept ? 0 : EINVAL;
}

static int file_limit(struct scene *s)
{
    struct rlimit files, core;

    (void)s;
    getrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_CORE, &core);
    return files.rlim_cur == MAX_FILES && core.rlim_max == 0 ? 0 : ERANGE;
}

static int raise_file_limit(struct scene *s)
{
    (void)s;
    return result(setrlimit(RLIMIT_NOFILE, &(struct rlimit){MAX_FILES + 1, MAX_FILES + 1}));
}

/* On a kernel without Landlock, EACCES below cannot be expected. */
struct probe {
    const char *name;
    int (*try)(struct scene *s);
    int by_role[3]; /* keeper, listener, courier */
};

static const struct probe probes[] = {
    {"open /etc/shadow", open_shadow, {EACCES, EPERM, EACCES}},
    {"open a file elsewhere", open_elsewhere, {EACCES, EPERM, EACCES}},
    {"open a readable file", open_readable, {0, EPERM, 0}},
    {"change a readable file", change_readable, {EACCES, EPERM, EPERM}},
    {"create a file", create_in_writable, {0, EPERM, EPERM}},
    {"keep files", keep_files, {0, EPERM, EPERM}},
    {"look at a file", look_at_file, {0, EPERM, 0}},
    {"run /bin/true", run_true, {EACCES, EPERM, EPERM}},
    {"run ourselves", run_ourselves, {0, EPERM, EPERM}},
    {"internet socket", socket_inet, {0, EPERM, 0}},
    {"local socket", socket_unix, {0, EPERM, EPERM}},
    {"raw socket", socket_raw, {EPERM, EPERM, EPERM}},
    {"route socket", socket_netlink, {0, EPERM, EPERM}},
    {"socket pair", socket_pair, {0, EPERM, 0}},
    {"connect", do_connect, {0, EPERM, 0}},
    {"accept", do_accept, {0, 0, EPERM}},
    {"listen", do_listen, {0, EPERM, EPERM}},
    {"ptrace", do_ptrace, {EPERM, EPERM, EPERM}},
    {"fork", do_fork, {0, EPERM, EPERM}},
    {"thread", do_thread, {0, 0, 0}},
    {"new code", new_code, {0, EPERM, EPERM}},
    {"data into code", data_into_code, {EPERM, EPERM, EPERM}},
    {"data read-only", data_read_only, {0, 0, 0}},
    {"new namespace", new_namespace, {EPERM, EPERM, EPERM}},
    {"mount", do_mount, {EPERM, EPERM, EPERM}},
    {"signal by kill", send_signal, {0, EPERM, EPERM}},
    {"clone3", clone_with_pointer, {ENOSYS, ENOSYS, ENOSYS}},
    {"send a descriptor", send_descriptor, {0, 0, 0}},
    {"run a loop", run_loop, {0, 0, 0}},
    {"file limit", file_limit, {0, 0, 0}},
    {"raise the file limit", raise_file_limit, {0, EPERM, EPERM}},
};

/* ---- the scene ---- */

static void make_dir(const struct scene *s, const char *name, char *path, size_t cap)
{
    char file[120];
    int fd;

    snprintf(path, cap, "%s/%s", s->dir, name);
    assert_true(mkdir(path, 0777) == 0 && chmod(path, 0777) == 0);
    snprintf(file, sizeof file, "%s/file", path);
    fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && fchmod(fd, 0666) == 0);
    close(fd);
}

static int tcp_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    return fd;
}

static struct scene begin(void)
{
    struct scene s = {.dir = "/tmp/port26-jail-XXXXXX"};
    socklen_t n = sizeof s.at;
    char sub[100];

    assert_true(mkdtemp(s.dir) && chmod(s.dir, 0755) == 0);
    make_dir(&s, "readable", s.readable, sizeof s.readable);
    make_dir(&s, "writable", s.writable, sizeof s.writable);
    make_dir(&s, "elsewhere", s.elsewhere, sizeof s.elsewhere);
    snprintf(sub, sizeof sub, "%s/sub", s.writable);
    assert_true(mkdir(sub, 0777) == 0 && chmod(sub, 0777) == 0);
    s.listening = tcp_socket();
    assert_int_equal(listen(s.listening, 5), 0);
    fcntl(s.listening, F_SETFL, O_NONBLOCK);
    assert_int_equal(getsockname(s.listening, (struct sockaddr *)&s.at, &n), 0);
    s.bound = tcp_socket();
    s.loose = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s.pair), 0);
    return s;
}

static void end(struct scene *s)
{
    char command[100];

    snprintf(command, sizeof command, "rm -rf %s", s->dir);
    assert_int_equal(system(command), 0);
    close(s->listening);
    close(s->bound);
    close(s->loose);
    close(s->pair[0]);
    close(s->pair[1]);
}

static int try_all(struct scene *s, enum jail_role role)
{
    int wrong = 0;

    for (size_t i = 0; i < COUNT(probes); i++) {
        int want = probes[i].by_role[role], got;

        if (want == EACCES && s->no_landlock)
            continue;
        got = probes[i].try(s);
        if (got == want)
            continue;
        fprintf(stderr, "%s: wanted %s, got %s\n", probes[i].name, strerror(want), strerror(got));
        wrong++;
    }
    return wrong;
}

static int enter(struct scene *s, enum jail_role role)
{
    const struct jail_path paths[] = {
        {s->readable, false}, {s->writable, true}, {"/does/not/exist", true}, {NULL, false}};
    struct error e = {0};
    int r = jail_user("nobody", &e);

    if (r == 0)
        r = jail_enter(role, paths, MAX_FILES, &e);
    s->no_landlock = r == 1;
    if (r != 0)
        fprintf(stderr, "%s\n", e.words);
    return r;
}

static int exit_of(pid_t child)
{
    int status;

    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void play(enum jail_role role)
{
    struct scene s = begin();
    pid_t child = fork();
    int wrong;

    if (child == 0)
        _exit(enter(&s, role) < 0 ? 99 : try_all(&s, role));
    wrong = exit_of(child);
    end(&s);
    assert_int_equal(wrong, 0);
}

static void a_listener_only_hears(void **state)
{
    (void)state;
    play(JAIL_LISTENER);
}

static void a_courier_only_carries(void **state)
{
    (void)state;
    play(JAIL_COURIER);
}

static void a_keeper_only_keeps(void **state)
{
    (void)state;
    play(JAIL_KEEPER);
}

/* What the keeper started again: it has to be able to take up its work and its own jail. */
static int again(void)
{
    struct scene s = {.readable = "/etc/ssl/certs", .writable = "/dev/null"};

    if (enter(&s, JAIL_COURIER) < 0)
        return 1;
    return socket_inet(&s) == 0 && do_thread(&s) == 0 && run_loop(&s) == 0 && do_fork(&s) == EPERM
               ? GOOD
               : 2;
}

/* Threads that run already are caught as well. */
struct nested {
    struct loop *loop;
    struct worker *worker;
    int result;
};

static void tries_fork(void *arg)
{
    struct nested *n = arg;

    n->result = do_fork(NULL);
}

static void calls(void *arg)
{
    struct nested *n = arg;

    worker_call(n->worker, tries_fork, n);
}

static int with_worker(void)
{
    struct nested n = {.loop = loop_new()};

    n.worker = worker_new(n.loop, "jailed", 1, 1);
    if (jail_enter(JAIL_COURIER, NULL, MAX_FILES, NULL) < 0)
        return 1;
    fiber_start(n.loop, calls, &n);
    loop_run(n.loop);
    worker_free(&n.worker);
    loop_free(&n.loop);
    return n.result == EPERM ? 0 : 2;
}

static void threads_are_caught_too(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0)
        _exit(with_worker());
    assert_int_equal(exit_of(child), 0);
}

static bool has_capabilities(void)
{
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct d[2] = {0};

    return syscall(SYS_capget, &h, d) != 0 || d[0].effective || d[0].permitted ||
           d[0].inheritable || d[1].effective || d[1].permitted ||
           prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_BIND_SERVICE, 0, 0) > 0;
}

static int drop_root(void)
{
    struct error e = {0};
    bool was_root = geteuid() == 0;

    if (was_root && (jail_user("no-such-user", &e) != -1 || e.class != ERROR_INPUT))
        return 1;
    if (was_root && (jail_user("root", &e) != -1 || e.class != ERROR_INPUT))
        return 2;
    if (jail_user("nobody", &e) != 0)
        return 3;
    if (was_root && (getuid() == 0 || getgid() == 0 || setuid(0) == 0 || setgid(0) == 0))
        return 4;
    if (has_capabilities() || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != !was_root)
        return 5;
    if (jail_user("no-such-user", &e) != 0) /* not root any more: nothing to do */
        return 6;
    return 0;
}

static void root_is_dropped_for_good(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0)
        _exit(drop_root());
    assert_int_equal(exit_of(child), 0);
}

/* A container that answers landlock_create_ruleset itself. */
static int without_landlock(unsigned answer, const char *words)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof *code, code};
    struct error e = {0};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        return 1;
    if (jail_paths(JAIL_COURIER, NULL, &e) != 1)
        return 2;
    return strstr(e.words, words) ? 0 : 3;
}

static void why_there_is_no_landlock(void **state)
{
    static const struct {
        unsigned answer;
        const char *words;
    } rows[] = {{ENOSYS, "This kernel has no Landlock"},
                {EOPNOTSUPP, "This kernel has no Landlock"},
                {EPERM, "Landlock is forbidden here"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pid_t child = fork();

        if (child == 0)
            _exit(without_landlock(rows[i].answer, rows[i].words));
        assert_int_equal(exit_of(child), 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_only_hears),    cmocka_unit_test(a_courier_only_carries),
        cmocka_unit_test(a_keeper_only_keeps),      cmocka_unit_test(threads_are_caught_too),
        cmocka_unit_test(root_is_dropped_for_good), cmocka_unit_test(why_there_is_no_landlock),
    };

    if (argc == 2 && strcmp(argv[1], "again") == 0)
        return again();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
