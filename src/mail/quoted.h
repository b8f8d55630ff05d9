/* quoted: text for a MIME part: is it fit to go as it is, with line ends made whole, or as
 * quoted-printable (RFC 2045 section 6.7). A line ends at CR LF, LF or CR. */
#ifndef PORT26_MAIL_QUOTED_H
#define PORT26_MAIL_QUOTED_H

#include "base/span.h"
#include "base/text.h"

/* No NUL, and no line above 998 octets: "7bit", or "8bit" when it has bytes above 127. */
bool quoted_plain(struct span s);
/* Takes a line off the front, without what ends it; false when nothing is left. */
bool quoted_line(struct span *rest, struct span *line);
/* Appends with CR LF at the end of every line, also of the last. */
bool quoted_whole(struct span s, struct text *out);
/* Appends as quoted-printable, lines within 76 columns, CR LF at the end of each. */
bool quoted_printable(struct span s, struct text *out);

#endif
