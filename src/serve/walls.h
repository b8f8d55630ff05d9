/* walls: the files that the keeper, and by inheritance its children, can reach. */
#ifndef PORT26_SERVE_WALLS_H
#define PORT26_SERVE_WALLS_H

#include "base/error.h"
#include "conf/config.h"

/* Jails the keeper: store, inboxes and control socket to write; to read, the directory of every
 * file the configuration names (certificates, authorities, passwords of relays, the DNS root's key)
 * and of `file`, the configuration itself, so that a file that is replaced can be read again, and
 * what the libraries need. A reload that names a file elsewhere needs a new start. As jail_enter;
 * 0 when the settings want no jail. */
int walls_enter(const struct config *c, const char *file, unsigned max_files, struct error *e);

#endif
