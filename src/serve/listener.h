/* listener: hears. Accepts connections at all doors and runs the protocol engines; it opens no
 * file, has no database and connects nowhere. */
#ifndef PORT26_SERVE_LISTENER_H
#define PORT26_SERVE_LISTENER_H

/* Runs the process; its socket to the keeper is descriptor 3. Returns the exit status. */
int listener_main(void);

#endif
