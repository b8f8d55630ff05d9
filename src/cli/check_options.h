/* check_options: what `port26 check` was asked to do. */
#ifndef PORT26_CLI_CHECK_OPTIONS_H
#define PORT26_CLI_CHECK_OPTIONS_H

#include "cli/password.h"
#include "probe/findings.h"
#include "probe/steps.h"

#include <popt.h>

/* What is asked beside the user's own server, unless --offline-controls: each is a public service
 * that large networks use for the same purpose; none learns the address or the login. */
#define CHECK_CONTROL  "smtp.gmail.com"
#define CHECK_RESOLVER "9.9.9.9"
#define CHECK_PORTAL   "connectivitycheck.gstatic.com"
#define CHECK_NOWHERE  "192.0.2.1" /* RFC 5737: no host may have it */

enum {
    CHECK_TIMEOUT_MAX_S = 60,
    CHECK_REPEAT_MAX = 1000,
    CHECK_PAUSE_S = 2,        /* between runs */
    CHECK_WATCH_PAUSE_S = 30, /* others' servers are asked too, for hours */
    CHECK_PAUSE_MAX_S = 86400,
    CHECK_SIZE = 10000, /* octets of an ordinary letter: a mailbox without room for it is full */
};

struct check_options {
    char *tls_name, *user, *password_file, *from, *to, *control, *resolver, *cafile, *client,
        *portal, *isp, *report, *size_words;
    int port, timeout, password_fd, repeat, pause;
    int offline, json, explain, send, watch, no_history, report_full;
    const char *target; /* of the command line */
    /* Made of the above: */
    enum findings_mode mode;
    enum steps_program program;
    char sender[FINDINGS_NAME];   /* whose mail it is: --from, the target, the user; or "" */
    char receiver[FINDINGS_NAME]; /* --to; with --send the sender, unless given; or "" */
    uint64_t size;                /* octets of the message asked about */
    char password[PASSWORD_MAX];
};

enum { CHECK_OPTIONS_ROWS = 32 };
/* The table for popt, whose entries write into *o. */
void check_options_table(struct check_options *o, struct poptOption rows[CHECK_OPTIONS_ROWS]);
/* Makes sense of it all and gets the password. EX_OK, or a status after the message. */
int check_options_read(struct check_options *o);
void check_options_free(struct check_options *o);

#endif
