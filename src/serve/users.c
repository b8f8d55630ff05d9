#include "serve/users.h"

#include "base/log.h"
#include "base/memory.h"
#include "io/peer_user.h"

#include <pwd.h>
#include <stdlib.h>

struct one {
    const struct config_door *door;
    uid_t user;
};

struct users {
    struct peer_user *kernel;
    size_t count;
    struct one one[];
};

static size_t names(const struct config *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->door_count; i++)
        n += c->doors[i].trust_users.count;
    return n;
}

static void add_door(struct users *u, const struct config_door *d)
{
    for (size_t i = 0; i < d->trust_users.count; i++) {
        const struct passwd *pw = getpwnam(d->trust_users.at[i]);

        if (pw)
            u->one[u->count++] = (struct one){d, pw->pw_uid};
        else
            log_event(LOG_WARNING, "user.unknown", LOG_STR("door", d->name),
                      LOG_STR("user", d->trust_users.at[i]));
    }
}

struct users *users_open(const struct config *c)
{
    size_t room = names(c);
    struct error e = {0};
    struct users *u;

    if (!room)
        return NULL;
    u = memory_alloc(sizeof *u + room * sizeof u->one[0]);
    u->kernel = peer_user_open(&e);
    if (!u->kernel) {
        log_event(LOG_ERROR, "users.unseen", LOG_STR("why", e.words));
        users_close(&u);
        return NULL;
    }
    for (size_t i = 0; i < c->door_count; i++)
        add_door(u, &c->doors[i]);
    return u;
}

void users_close(struct users **u)
{
    if (!*u)
        return;
    peer_user_close(&(*u)->kernel);
    free(*u);
    *u = NULL;
}

bool users_trusted(struct users *u, const struct config_door *d, int fd)
{
    struct sockaddr_storage peer, local;
    socklen_t peer_size = sizeof peer, local_size = sizeof local;
    uid_t user;

    if (!u || !d->trust_users.count || getpeername(fd, (struct sockaddr *)&peer, &peer_size) < 0 ||
        getsockname(fd, (struct sockaddr *)&local, &local_size) < 0 ||
        !peer_user_find(u->kernel, (struct sockaddr *)&peer, (struct sockaddr *)&local, &user))
        return false;
    for (size_t i = 0; i < u->count; i++)
        if (u->one[i].door == d && u->one[i].user == user)
            return true;
    return false;
}
