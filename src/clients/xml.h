/* xml: the little that is needed to write XML 1.0: an element with text in it. */
#ifndef PORT26_CLIENTS_XML_H
#define PORT26_CLIENTS_XML_H

#include "base/text.h"

/* Adds text with & < > " ' escaped. What XML 1.0 cannot hold (control characters, bytes that are no
 * UTF-8, U+FFFE) becomes "?". */
void xml_text(struct text *out, struct span s);
/* Adds a line "<name>value</name>" behind `depth` steps of indentation. */
void xml_element(struct text *out, unsigned depth, const char *name, struct span value);
void xml_open(struct text *out, unsigned depth, const char *name);
void xml_close(struct text *out, unsigned depth, const char *name);

#endif
