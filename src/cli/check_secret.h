/* check_secret: keeps a password out of what a server said. */
#ifndef PORT26_CLI_CHECK_SECRET_H
#define PORT26_CLI_CHECK_SECRET_H

#include "probe/findings.h"

/* Overwrites the password, as it is and in base64, wherever a reply in *f repeats it. A password
 * of less than four octets is not looked for: it would be found in every other word. */
void check_secret_hide(struct findings *f, const char *password);

#endif
