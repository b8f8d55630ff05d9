/* foreign: the first words of other protocols. A browser made to speak to a mail port by a hostile
 * page sends its body next, and no line of it may be obeyed (HOSTILE 39). */
#ifndef PORT26_MAIL_FOREIGN_H
#define PORT26_MAIL_FOREIGN_H

#include "base/span.h"

/* Is this line, which begins with the word `verb`, of HTTP or SSH? Ask only about lines that are no
 * command of one's own. */
bool foreign_line(struct span line, struct span verb);
/* Do these bytes (at least one) begin a TLS handshake? They have no line end, so look before
 * reading a line. */
bool foreign_tls(struct span bytes);

#endif
