#include "serve/reception.h"

#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Places are kept free for who administers, and for others than the one who comes again and again.
 */
enum { VISITORS_MAX = 200, GUESTS_MAX = 180, GUESTS_EACH = 100, BACKLOG = 64 };

struct visitor {
    struct reception *reception;
    struct channel *channel;
    struct clerk *clerk;
    struct visitor *next;
    uid_t uid;
};

struct reception {
    struct loop *loop;
    struct control *control;
    struct watch *watch;
    struct visitor *first;
    unsigned count;
    int fd;
    char path[108];
};

static void on_parcel(void *arg, struct parcel *p)
{
    struct visitor *v = arg;

    clerk_take(v->clerk, p);
}

static void leave(struct visitor *v)
{
    struct visitor **link = &v->reception->first;

    while (*link != v)
        link = &(*link)->next;
    *link = v->next;
    v->reception->count--;
    clerk_free(&v->clerk);
    channel_free(&v->channel);
    free(v);
}

static void on_closed(void *arg, const char *why)
{
    (void)why;
    leave(arg);
}

static const struct channel_calls channel_calls = {on_parcel, on_closed};

static bool is_admin(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

/* Anybody of this machine may come, and stay: P9. */
static bool has_room(const struct reception *r, uid_t uid)
{
    unsigned guests = 0, same = 0;

    for (const struct visitor *v = r->first; v; v = v->next) {
        guests += !is_admin(v->uid);
        same += v->uid == uid;
    }
    return r->count < VISITORS_MAX &&
           (is_admin(uid) || (guests < GUESTS_MAX && same < GUESTS_EACH));
}

static void greet(struct reception *r, int fd, const struct ucred *who)
{
    struct passwd *pw = getpwuid(who->uid);
    char number[32];
    struct clerk_rights rights = {.admin = is_admin(who->uid)};
    struct visitor *v = memory_alloc(sizeof *v);

    snprintf(number, sizeof number, "uid-%u", (unsigned)who->uid);
    rights.person = span_of(pw ? pw->pw_name : number);
    *v = (struct visitor){.reception = r, .next = r->first, .uid = who->uid};
    r->first = v;
    r->count++;
    v->channel = channel_new(r->loop, fd, SIDE_COMMAND, &channel_calls, v);
    v->clerk = clerk_new(r->control->house, v->channel, &rights, control_run, r->control);
}

static void on_readable(void *arg)
{
    struct reception *r = arg;
    struct ucred who;
    socklen_t size = sizeof who;
    int fd = accept4(r->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || !has_room(r, who.uid))
        close(fd);
    else
        greet(r, fd, &who);
}

/* People are told before they wonder why their programs can not send. */
static void look_at_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct stat st;

    snprintf(folder, sizeof folder, "%.*s", (int)(slash ? slash - path : 0), path);
    if (folder[0] && stat(folder, &st) == 0 && !(st.st_mode & S_IXOTH))
        log_event(LOG_NOTICE, "control.hidden", LOG_STR("folder", folder),
                  LOG_STR("words", "only root and the user of this server can hand over mail by "
                                   "command; `chmod o+x` on the folder lets everybody"));
}

struct reception *reception_open(struct loop *l, const char *path, struct control *control,
                                 struct error *e)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct reception *r;
    int fd;

    if (strlen(path) >= sizeof un.sun_path) {
        error_set(e, ERROR_INPUT,
                  "control = \"%s\": a socket's path can have %zu characters at most; choose a "
                  "shorter one",
                  path, sizeof un.sun_path - 1);
        return NULL;
    }
    memcpy(un.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof un) < 0 || chmod(path, 0666) < 0 ||
        listen(fd, BACKLOG) < 0) {
        error_sys(e, errno, "the control socket %s can not be made", path);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    r = memory_alloc(sizeof *r);
    *r = (struct reception){.loop = l, .control = control, .fd = fd};
    snprintf(r->path, sizeof r->path, "%s", path);
    r->watch = watch_new(l, fd, on_readable, r);
    look_at_folder(r->path);
    return r;
}

void reception_close(struct reception **r)
{
    if (!*r)
        return;
    while ((*r)->first)
        leave((*r)->first);
    watch_free(&(*r)->watch);
    close((*r)->fd);
    unlink((*r)->path);
    free(*r);
    *r = NULL;
}
