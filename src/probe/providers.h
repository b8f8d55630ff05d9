/* providers: mail providers and internet providers with their servers for sending, as they document
 * them. For people without settings, and to say the right name in a remedy. */
#ifndef PORT26_PROBE_PROVIDERS_H
#define PORT26_PROBE_PROVIDERS_H

#include "base/span.h"
#include "probe/steps.h"

enum { PROVIDERS_DOORS = 8 };

struct providers_door {
    unsigned short port;
    enum steps_sealing sealing;
};

enum providers_user { USER_ADDRESS, USER_LOCAL_PART, USER_OTHER };

enum providers_login {
    LOGIN_PASSWORD = 1 << 0,
    LOGIN_APP_PASSWORD = 1 << 1, /* instead of the ordinary one */
    LOGIN_OAUTH = 1 << 2,
    LOGIN_SPA = 1 << 3, /* NTLM, "secure password authentication" */
};

struct providers_row {
    const char *name;
    const char *domains; /* of addresses; "|" between */
    const char *marks;   /* in what its servers say and how they are called; lower case */
    const char *host;
    struct providers_door doors[PROVIDERS_DOORS]; /* the best first; port 0 ends */
    enum providers_user user;
    unsigned login;   /* bits of providers_login */
    const char *note; /* for people, or NULL */
};

/* Internet providers that let mail on port 25 out to their own server only, or not at all. */
struct providers_isp {
    const char *name;
    const char *domains;
    const char *host; /* its own server, or NULL */
    struct providers_door door;
};

/* Each NULL when there is none. By the part behind the @, by a server's name, by any text. */
const struct providers_row *providers_of_domain(struct span domain);
const struct providers_row *providers_of_host(struct span host);
const struct providers_row *providers_in(struct span plain);
const struct providers_isp *providers_isp_of(struct span domain);
/* By the name of a server that takes mail for a domain (MX): whose mailboxes these are. */
const struct providers_row *providers_of_mx(struct span host);
/* The table, for those who go through it; ends with a row without name. */
const struct providers_row *providers_all(void);

#endif
