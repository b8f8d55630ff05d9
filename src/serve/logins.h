/* logins: which ways a job may go, each with the login of its own relay and no other's. */
#ifndef PORT26_SERVE_LOGINS_H
#define PORT26_SERVE_LOGINS_H

#include "mail/job.h"
#include "serve/settings.h"

struct tokens;

/* The further ways of a route as they stand in the name of a destination (route/choose.h):
 * "relay:isp, then mx"; empty: none. */
struct span logins_then(const struct config_route *r, struct arena *a);

/* Sets the login of the job's relay, and its further ways with theirs in `room`. The secrets stay
 * those of `s` and `t`. False: an access token is being made. Where that failed the job goes
 * without one, so that its attempt tells what is wrong. */
bool logins_attach(const struct settings *s, struct tokens *t, struct job *job,
                   struct job_way room[JOB_THEN]);
/* Wipes all secrets of a job that was sent to us. */
void logins_wipe(struct job *job);

#endif
