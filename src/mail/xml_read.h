/* xml_read: XML 1.0 as strangers send it, element by element. No document type, and so no entities
 * but the five of XML itself; bounded in every way. */
#ifndef PORT26_MAIL_XML_READ_H
#define PORT26_MAIL_XML_READ_H

#include "base/span.h"

enum { XML_READ_DEPTH = 32, XML_READ_TEXT = 400 };

/* Who is told of the elements; `depth` is 1 for the outermost. */
struct xml_read_calls {
    /* With namespaces a name is preceded by its namespace and a blank. Attributes are name, value,
     * ..., NULL. */
    void (*start)(void *arg, unsigned depth, const char *name, const char **attributes);
    /* `text` is what stood since the last tag, without blanks around it; empty when it was more
     * than XML_READ_TEXT octets. */
    void (*end)(void *arg, unsigned depth, const char *name, struct span text);
    bool namespaces;
};

/* True: all of it was read, and it is well formed; false also for more than `most` octets and for
 * elements deeper than XML_READ_DEPTH. What was told until then is then worth nothing. */
bool xml_read(struct span xml, size_t most, const struct xml_read_calls *calls, void *arg);

#endif
