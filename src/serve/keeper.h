/* keeper: remembers. The process that `port26 serve` starts as: it opens the store, binds the
 * doors, starts listeners and couriers, and answers them. */
#ifndef PORT26_SERVE_KEEPER_H
#define PORT26_SERVE_KEEPER_H

/* Runs until SIGTERM or SIGINT. Returns the exit status (sysexits.h). */
int keeper_main(const char *config_file);

#endif
