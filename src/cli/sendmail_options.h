/* sendmail_options: the options that programs have given to /usr/sbin/sendmail since the eighties,
 * as Postfix's sendmail reads them. Those that mean nothing here are taken and ignored. */
#ifndef PORT26_CLI_SENDMAIL_OPTIONS_H
#define PORT26_CLI_SENDMAIL_OPTIONS_H

#include "mail/params.h"

#include <stdio.h>

enum sendmail_mode {
    SENDMAIL_DELIVER,
    SENDMAIL_SMTP,    /* -bs */
    SENDMAIL_LIST,    /* -bp */
    SENDMAIL_RETRY,   /* -q */
    SENDMAIL_ALIASES, /* -bi, -I */
    SENDMAIL_HELP,
};

struct sendmail_options {
    enum sendmail_mode mode;
    const char *config;     /* -C */
    const char *sender;     /* -f, -r; NULL: not given */
    const char *name;       /* -F; NULL: not given */
    bool header_recipients; /* -t */
    bool ignore_dots;       /* -i, -oi */
    unsigned notify;        /* -N: enum dsn_notify bits */
    enum dsn_ret ret;       /* -R */
    const char *envid;      /* -V; as written */
    enum params_body body;  /* -B */
    int first;              /* of argv: the recipients begin here */
};

/* All texts are argv's own. 0, or -1 and *e (ERROR_INPUT). */
int sendmail_options_read(int argc, const char **argv, struct sendmail_options *out,
                          struct error *e);
/* One line for each that does something. */
void sendmail_options_help(FILE *to);

#endif
