/* jail: what a process can no longer do. Each function returns 0 or fills e and returns -1; a
 * failure of what the kernel lacks (Landlock) is reported in *e with return 1. */
#ifndef PORT26_IO_JAIL_H
#define PORT26_IO_JAIL_H

#include "base/error.h"

#include <sys/types.h>

enum jail_role { JAIL_KEEPER, JAIL_LISTENER, JAIL_COURIER };

struct jail_path {
    const char *path;
    bool write; /* read and write below it; else read only */
};

/* Drops to this user and its groups for good when root (a user that is missing, or is root, is
 * ERROR_INPUT). Keeps no capability in any case. */
int jail_user(const char *user, struct error *e);
/* no_new_privs, core dumps off, at most `max_files` descriptors, Landlock (only `paths`, which may
 * be empty or NULL; ends with a NULL path; one that does not exist is skipped), seccomp allow-list
 * of the role. What is not allowed gives EPERM (calls) or EACCES (files).
 *
 * listener: no open, exec, fork, thread, socket, connect, bind, listen, signal.
 * courier: no exec, fork, listen, accept, local socket; files only to read; threads.
 * keeper: files, threads, children; no exec of anything but our own binary (always in its rules,
 * with the directories of shared libraries). Its children inherit its walls: so it may
 * open internet sockets for the couriers it starts again, and `paths` must hold theirs too.
 *
 * Call it before threads are started: seccomp catches those that run already, Landlock does not.
 * The time zone is read here, while it can be. */
int jail_enter(enum jail_role role, const struct jail_path *paths, unsigned max_files,
               struct error *e);

#endif
