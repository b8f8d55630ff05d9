/* jail_parts: the two walls of io/jail.h, one file each. For this folder only. */
#ifndef PORT26_IO_JAIL_PARTS_H
#define PORT26_IO_JAIL_PARTS_H

#include "io/jail.h"

/* Landlock: which files. 0, 1 when the kernel has none of it or whoever started us
 * forbids it, or -1; e tells why. */
int jail_paths(enum jail_role role, const struct jail_path *paths, struct error *e);
/* seccomp: which system calls. 0 or -1. */
int jail_calls(enum jail_role role, struct error *e);

#endif
