#include "cli/password.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* Signals are taken as a descriptor while the terminal is silent, so that no handler and no global
 * is needed to set it right again. */
struct asking {
    int tty, signals;
    struct termios before;
    sigset_t caught, mask;
};

static void say(int fd, const char *words)
{
    if (write(fd, words, strlen(words)) < 0)
        return; /* a terminal that is gone shows in the next read */
}

static bool silence(struct asking *a)
{
    struct termios quiet;

    if (tcgetattr(a->tty, &a->before) < 0)
        return false;
    quiet = a->before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    quiet.c_lflag |= ICANON | ISIG;
    return tcsetattr(a->tty, TCSAFLUSH, &quiet) == 0;
}

static void restore(struct asking *a)
{
    tcsetattr(a->tty, TCSAFLUSH, &a->before);
    say(a->tty, "\n");
}

/* Waits for a line or a signal: the signal's number, or 0. */
static int wait_for_either(struct asking *a)
{
    struct pollfd p[] = {{.fd = a->tty, .events = POLLIN}, {.fd = a->signals, .events = POLLIN}};
    struct signalfd_siginfo told;

    while (poll(p, COUNT(p), -1) < 0 && errno == EINTR)
        ;
    if ((p[1].revents & POLLIN) && read(a->signals, &told, sizeof told) == (ssize_t)sizeof told)
        return (int)told.ssi_signo;
    return 0;
}

/* The signal does what it would have done. Returns when it only stopped us. */
static void let_through(int number)
{
    sigset_t one;

    sigemptyset(&one);
    sigaddset(&one, number);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    pthread_sigmask(SIG_BLOCK, &one, NULL);
}

/* One line without its end. */
static int take_line(int fd, const char *name, char buf[PASSWORD_MAX], struct error *e)
{
    size_t n = 0;
    ssize_t got = 0;

    while (n < PASSWORD_MAX && (got = read(fd, buf + n, 1)) != 0) {
        if (got < 0 && errno != EINTR)
            return error_sys(e, errno, "cannot read the password from %s", name);
        if (got < 0)
            continue;
        if (buf[n] == '\n')
            break;
        n++;
    }
    if (n == PASSWORD_MAX)
        return error_set(e, ERROR_INPUT, "the first line of %s is too long for a password", name);
    buf[n] = '\0';
    if (n && buf[n - 1] == '\r')
        buf[--n] = '\0';
    if (!n)
        return error_set(e, ERROR_INPUT, "%s holds no password", name);
    return 0;
}

static int converse(struct asking *a, const char *prompt, char buf[PASSWORD_MAX], struct error *e)
{
    int number, result;

    for (;;) {
        say(a->tty, prompt);
        if (!silence(a))
            return error_sys(e, errno, "the terminal cannot hide what is typed");
        number = wait_for_either(a);
        if (number == 0)
            break;
        restore(a);
        let_through(number);
    }
    result = take_line(a->tty, "the terminal", buf, e);
    restore(a);
    return result;
}

int password_ask(const char *prompt, char buf[PASSWORD_MAX], struct error *e)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP};
    struct asking a = {.tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)};
    int result;

    if (a.tty < 0)
        return error_set(e, ERROR_INPUT,
                         "there is no terminal to ask for the password on; give --password-file");
    sigemptyset(&a.caught);
    for (size_t i = 0; i < COUNT(numbers); i++)
        sigaddset(&a.caught, numbers[i]);
    pthread_sigmask(SIG_BLOCK, &a.caught, &a.mask);
    a.signals = signalfd(-1, &a.caught, SFD_CLOEXEC);
    result = a.signals < 0 ? error_sys(e, errno, "cannot ask for the password")
                           : converse(&a, prompt, buf, e);
    if (a.signals >= 0)
        close(a.signals);
    pthread_sigmask(SIG_SETMASK, &a.mask, NULL);
    close(a.tty);
    return result;
}

int password_read(int fd, const char *name, char buf[PASSWORD_MAX], struct error *e)
{
    int result = take_line(fd, name, buf, e);

    if (result < 0)
        memory_wipe(buf, PASSWORD_MAX);
    return result;
}

int password_file(const char *path, char buf[PASSWORD_MAX], struct error *e)
{
    int fd, result;

    if (strcmp(path, "-") == 0)
        return password_read(STDIN_FILENO, "standard input", buf, e);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_sys(e, errno, "cannot open the password file %s", path);
    result = password_read(fd, path, buf, e);
    close(fd);
    return result;
}
