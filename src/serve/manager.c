#include "serve/manager.h"

#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct manager {
    int fd;
};

/* A path, or with "@" in front a name in the abstract space of Linux (unix(7)). */
static int connect_to(const char *name)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    int fd;

    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof un.sun_path) {
        errno = EINVAL;
        return -1;
    }
    memcpy(un.sun_path, name, len);
    if (name[0] == '@')
        un.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&un,
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

struct manager *manager_open(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct manager *m = NULL;
    int fd;

    if (!name)
        return NULL;
    fd = connect_to(name);
    if (fd < 0) {
        log_event(LOG_WARNING, "manager.unreachable", LOG_STR("socket", name),
                  LOG_STR("why", strerror(errno)));
    } else {
        m = memory_alloc(sizeof *m);
        m->fd = fd;
    }
    unsetenv("NOTIFY_SOCKET");
    return m;
}

void manager_tell(struct manager *m, const char *state)
{
    if (m && send(m->fd, state, strlen(state), MSG_NOSIGNAL) < 0)
        log_event(LOG_WARNING, "manager.unreachable", LOG_STR("state", state),
                  LOG_STR("why", strerror(errno)));
}

void manager_close(struct manager **m)
{
    if (!*m)
        return;
    close((*m)->fd);
    free(*m);
    *m = NULL;
}
