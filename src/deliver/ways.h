/* ways: the paths of a job, and what all paths need: TLS contexts and our own names. */
#ifndef PORT26_DELIVER_WAYS_H
#define PORT26_DELIVER_WAYS_H

#include "conf/config.h"
#include "dns/dns.h"
#include "mail/job.h"
#include "route/path.h"

struct tls_context;
struct ways;

/* Reads authority files and this machine's addresses: before the jail. `c` and `d` must outlive
 * it. NULL and *e. */
struct ways *ways_open(const struct config *c, struct dns *d, struct error *e);
void ways_close(struct ways **w);

/* The paths of a job, best first; blocks the fiber. 0, or -1 and *e; ERROR_PERMANENT only where the
 * domain itself says that it takes no mail. */
int ways_find(const struct ways *w, const struct job *job, int64_t deadline, struct path_list *out,
              struct error *e);
/* For one job: its TLS context; the relay's mechanisms as one text in the arena. */
struct tls_context *ways_context(const struct ways *w, const struct job *job);
struct span ways_mechanisms(const struct ways *w, const struct job *job, struct arena *a);
/* Is the job's password an OAuth 2.0 access token? */
bool ways_token(const struct ways *w, const struct job *job);
/* Our address for this family, or NULL: the system chooses. */
const struct sockaddr_storage *ways_source(const struct ways *w, int family);

#endif
