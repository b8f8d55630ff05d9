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

/* Drops to this user and its groups for good; does nothing when not root. Keeps no capability. */
int jail_user(const char *user, struct error *e);
/* no_new_privs, core dumps off, rlimits, Landlock (only `paths`, which may be empty; ends with a
 * NULL path), seccomp allow-list of the role: listener: no open, no exec, no socket, no connect;
 * courier: no exec, no listen, no accept; keeper: no exec of anything but our own binary, no
 * network sockets. Violations give EPERM (and kill the process when `kill`). */
int jail_enter(enum jail_role role, const struct jail_path *paths, unsigned max_files,
               struct error *e);

#endif
