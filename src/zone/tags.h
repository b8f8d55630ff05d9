/* tags: texts of the form "v=X; name=value; ..." as DKIM, DMARC, MTA-STS and TLSRPT publish them
 * (RFC 6376 3.2). They are strangers' words. */
#ifndef PORT26_ZONE_TAGS_H
#define PORT26_ZONE_TAGS_H

#include "base/span.h"

/* Does the text begin with this version as a whole: "v=spf1" and then a blank, ";" or nothing? */
bool tags_version(struct span text, const char *version);
/* The value of the first tag of that name, without blanks around it. */
bool tags_get(struct span text, const char *name, struct span *value);
/* Equal when blanks do not count: base64 may be folded. */
bool tags_same(struct span a, struct span b);

#endif
