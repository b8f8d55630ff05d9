/* manager: tells the service manager that started us when we serve and when we stop: the datagrams
 * of sd_notify(3), which systemd waits for with Type=notify. Without one all of it does nothing. */
#ifndef PORT26_SERVE_MANAGER_H
#define PORT26_SERVE_MANAGER_H

struct manager;

/* Takes NOTIFY_SOCKET out of the environment, so that our children do not speak for us, and
 * connects to it; before the jail. NULL when there is none, or it can not be reached: the log tells
 * why. */
struct manager *manager_open(void);
/* Sends `state`, such as "READY=1"; never waits. NULL is fine. */
void manager_tell(struct manager *m, const char *state);
/* Nulls the pointer; NULL is fine. */
void manager_close(struct manager **m);

#endif
