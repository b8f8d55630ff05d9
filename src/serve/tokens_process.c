#include "serve/tokens_process.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the command printed so far, behind the octet of the answer. */
struct printed {
    char octets[1 + TOKENS_LENGTH + 2]; /* a token too long is seen as such */
    size_t len;
};

/* Not by fork: libuv's handlers for it would close descriptors that are others by now. */
static pid_t start(const char *command, int out)
{
    char shell[] = "sh", option[] = "-c";
    char *argv[] = {shell, option, (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t all;
    pid_t pid;
    int trouble;

    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigdefault(&attr, &all);
    trouble = posix_spawn(&pid, "/bin/sh", &files, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return trouble ? -1 : pid;
}

/* Until it closes its end, or the time is over. */
static bool read_all(int in, struct printed *p, int64_t deadline)
{
    for (;;) {
        struct pollfd one = {.fd = in, .events = POLLIN};
        int64_t left = deadline - clock_now();
        ssize_t n;

        if (left <= 0 || poll(&one, 1, (int)left) <= 0)
            return false;
        if (p->len == sizeof p->octets)
            p->len--; /* more than a token can be: the rest is read and thrown away */
        n = read(in, p->octets + p->len, sizeof p->octets - p->len);
        if (n <= 0)
            return n == 0;
        p->len += (size_t)n;
    }
}

/* The command may leave children behind: its whole group is ended. */
static bool ended_well(pid_t pid, bool in_time, int64_t deadline)
{
    int status = 0;
    pid_t got = 0;

    while (in_time && got == 0 && clock_now() < deadline) {
        got = waitpid(pid, &status, WNOHANG);
        if (got == 0)
            poll(NULL, 0, 5);
    }
    kill(-pid, SIGKILL);
    if (got == 0)
        waitpid(pid, NULL, 0);
    return got == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static enum tokens_process_end run(const char *command, int64_t most, struct printed *p)
{
    int64_t deadline = clock_now() + most;
    bool in_time, well;
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return TOKENS_PROCESS_FAILED;
    pid = start(command, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return TOKENS_PROCESS_FAILED;
    }
    in_time = read_all(ends[0], p, deadline);
    well = ended_well(pid, in_time, deadline);
    close(ends[0]);
    if (!well)
        return in_time && clock_now() < deadline ? TOKENS_PROCESS_FAILED : TOKENS_PROCESS_LATE;
    return TOKENS_PROCESS_FINE;
}

static void cut_first_line(struct printed *p)
{
    const char *end = memchr(p->octets + 1, '\n', p->len - 1);

    if (end)
        p->len = (size_t)(end - p->octets);
    while (p->len > 1 && (p->octets[p->len - 1] == '\r' || p->octets[p->len - 1] == ' '))
        p->len--;
}

void tokens_process_run(int fd, const struct tokens_command *commands, size_t count, int64_t most)
{
    struct printed p;
    char request[1 + TOKENS_TEXT + 1];
    ssize_t n;

    while ((n = recv(fd, request, sizeof request - 1, 0)) >= 1) {
        enum tokens_process_end end = TOKENS_PROCESS_FAILED;
        unsigned char number = (unsigned char)request[0];

        p.len = 1;
        request[n] = '\0';
        if (n > 1)
            setenv(TOKENS_VARIABLE, request + 1, true);
        else
            unsetenv(TOKENS_VARIABLE);
        if (number < count)
            end = run(commands[number].command, most, &p);
        cut_first_line(&p);
        if (end == TOKENS_PROCESS_FINE && (p.len == 1 || p.len > 1 + TOKENS_LENGTH))
            end = TOKENS_PROCESS_EMPTY;
        p.octets[0] = (char)end;
        send(fd, p.octets, end == TOKENS_PROCESS_FINE ? p.len : 1, MSG_NOSIGNAL);
        memory_wipe(&p, sizeof p);
    }
}
