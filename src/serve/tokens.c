#include "serve/tokens.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/loop.h"
#include "serve/tokens_process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct token {
    char *relay, *command;
    char *text; /* TOKENS_LENGTH octets */
    size_t len;
    int64_t at; /* of the last answer, good or not; 0: none yet */
};

struct tokens {
    struct token token[TOKENS_MAX];
    size_t count;
    int fd;
    pid_t pid;
    int running;                  /* whose command runs, -1: nobody's */
    char *saying[TOKENS_SAYINGS]; /* first the number of the command */
    size_t sayings;
    struct watch *watch;
    void (*changed)(void *arg);
    void *arg;
};

static void become_process(int fd, const struct tokens_command *commands, size_t count)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* The doors' sockets and all else of the keeper's. */
    if (fd > 3)
        close_range(3, (unsigned)fd - 1, 0);
    close_range((unsigned)fd + 1, ~0U, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    signal(SIGINT, SIG_IGN); /* of the terminal; the keeper hears it and closes the socket */
    signal(SIGHUP, SIG_IGN);
    tokens_process_run(fd, commands, count, TOKENS_COMMAND_MS);
    _exit(0);
}

static struct tokens *tokens_new(const struct tokens_command *commands, size_t count)
{
    struct tokens *t = memory_alloc(sizeof *t);

    *t = (struct tokens){.count = count, .running = -1};
    for (size_t i = 0; i < count; i++) {
        t->token[i].relay = span_dup(span_of(commands[i].relay));
        t->token[i].command = span_dup(span_of(commands[i].command));
        t->token[i].text = memory_array(TOKENS_LENGTH, 1);
    }
    return t;
}

int tokens_open(const struct tokens_command *commands, size_t count, struct tokens **out,
                struct error *e)
{
    int ends[2];
    pid_t pid;

    *out = NULL;
    if (!count)
        return 0;
    if (count > TOKENS_MAX)
        return error_set(e, ERROR_INPUT, "at most %d relays may have a token-command", TOKENS_MAX);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_sys(e, errno, "no socket for the process that runs token commands");
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        become_process(ends[1], commands, count);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return error_sys(e, errno, "the process that runs token commands cannot be started");
    }
    *out = tokens_new(commands, count);
    (*out)->fd = ends[0];
    (*out)->pid = pid;
    return 0;
}

static void tell(const struct token *k, enum tokens_process_end end)
{
    static const char *const why[] = {
        [TOKENS_PROCESS_FAILED] = "it ended with an error; run it by hand as this user",
        [TOKENS_PROCESS_LATE] = "it did not end within 20 seconds and was killed",
        [TOKENS_PROCESS_EMPTY] = "it printed nothing, or a first line that is too long",
    };

    if (!*k->relay && end != TOKENS_PROCESS_FINE && end != TOKENS_PROCESS_EMPTY)
        log_event(LOG_ERROR, "notice.failed", LOG_STR("command", k->command),
                  LOG_STR("why", why[end]));
    else if (*k->relay && end != TOKENS_PROCESS_FINE)
        log_event(LOG_ERROR, "token.failed", LOG_STR("relay", k->relay),
                  LOG_STR("command", k->command), LOG_STR("why", why[end]));
}

/* The process is gone: nothing is ready any more. */
static void lost(struct tokens *t)
{
    watch_free(&t->watch);
    t->running = -1;
    log_event(LOG_ERROR, "token.lost",
              LOG_STR("why", "the process that runs token commands ended"));
}

/* The next one that waits, when nothing runs. */
static void say_next(struct tokens *t)
{
    char *text = t->saying[0];
    size_t len;

    if (t->running >= 0 || !t->sayings || !t->watch)
        return;
    len = strlen(text + 1) + 1;
    if (send(t->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len)
        t->running = (unsigned char)text[0];
    free(text);
    t->sayings--;
    memmove(&t->saying[0], &t->saying[1], t->sayings * sizeof t->saying[0]);
}

bool tokens_say(struct tokens *t, const char *command, struct span text)
{
    for (size_t i = 0; t && i < t->count && t->sayings < TOKENS_SAYINGS; i++) {
        struct span told = span_head(text, TOKENS_TEXT - 1);
        char *copy;

        if (*t->token[i].relay || strcmp(t->token[i].command, command) != 0)
            continue;
        copy = memory_alloc(told.len + 2);
        copy[0] = (char)i;
        memcpy(copy + 1, told.at, told.len);
        t->saying[t->sayings++] = copy;
        say_next(t);
        return true;
    }
    return false;
}

static void take(struct tokens *t, const char *answer, size_t len)
{
    struct token *k = &t->token[t->running];
    unsigned char end = (unsigned char)answer[0];

    t->running = -1;
    if (end > TOKENS_PROCESS_EMPTY || len - 1 > TOKENS_LENGTH)
        end = TOKENS_PROCESS_FAILED;
    k->at = clock_now();
    k->len = end == TOKENS_PROCESS_FINE ? len - 1 : 0;
    memcpy(k->text, answer + 1, k->len);
    tell(k, end);
}

static void hear(void *arg)
{
    struct tokens *t = arg;
    char answer[1 + TOKENS_LENGTH];
    ssize_t n = recv(t->fd, answer, sizeof answer, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || t->running < 0)
        lost(t);
    else
        take(t, answer, (size_t)n);
    say_next(t);
    memory_wipe(answer, sizeof answer);
    t->changed(t->arg);
}

void tokens_listen(struct tokens *t, struct loop *l, void (*changed)(void *arg), void *arg)
{
    if (!t)
        return;
    t->changed = changed;
    t->arg = arg;
    t->watch = watch_new(l, t->fd, hear, t);
}

static bool ask(struct tokens *t, size_t i)
{
    unsigned char number = (unsigned char)i;

    if (t->running >= 0)
        return true; /* its answer, too, calls `changed` */
    if (!t->watch || send(t->fd, &number, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
        return false;
    t->running = (int)i;
    return true;
}

enum tokens_state tokens_get(struct tokens *t, const char *relay, const char *command,
                             struct span *out)
{
    *out = SPAN_NONE;
    for (size_t i = 0; t && i < t->count; i++) {
        struct token *k = &t->token[i];
        int64_t age = clock_now() - k->at;

        if (strcmp(k->relay, relay) != 0 || strcmp(k->command, command) != 0)
            continue;
        *out = (struct span){k->text, k->len};
        if (k->at && age < (k->len ? TOKENS_FRESH_MS : TOKENS_AGAIN_MS))
            return k->len ? TOKENS_READY : TOKENS_FAILED;
        return ask(t, i) ? TOKENS_WAITING : TOKENS_FAILED;
    }
    log_event(LOG_ERROR, "token.failed", LOG_STR("relay", relay),
              LOG_STR("why", "its token-command is new: start the server again"));
    return TOKENS_FAILED;
}

void tokens_close(struct tokens **t)
{
    struct tokens *old = *t;

    if (!old)
        return;
    *t = NULL;
    watch_free(&old->watch);
    close(old->fd);
    kill(old->pid, SIGTERM);
    waitpid(old->pid, NULL, 0);
    while (old->sayings)
        free(old->saying[--old->sayings]);
    for (size_t i = 0; i < old->count; i++) {
        memory_wipe(old->token[i].text, TOKENS_LENGTH);
        free(old->token[i].text);
        free(old->token[i].relay);
        free(old->token[i].command);
    }
    free(old);
}
