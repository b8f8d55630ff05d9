/* courier: carries. It gets jobs from the keeper, runs each on a fiber, and returns what came of
 * it. */
#ifndef PORT26_SERVE_COURIER_H
#define PORT26_SERVE_COURIER_H

/* Runs the process; its socket to the keeper is descriptor 3. Returns the exit status. */
int courier_main(void);

#endif
