/* sendmail_smtp: "sendmail -bs": the server's own SMTP engine on standard input and output. */
#ifndef PORT26_CLI_SENDMAIL_SMTP_H
#define PORT26_CLI_SENDMAIL_SMTP_H

#include "conf/config.h"

/* Returns when the client said QUIT or is gone; the exit status. */
int sendmail_smtp_run(const struct config *c);

#endif
