/* request: what Outlook posts to Autodiscover: the address it wants the settings for. A stranger's
 * bytes: no document type and so no entities, bounded in every way. */
#ifndef PORT26_CLIENTS_REQUEST_H
#define PORT26_CLIENTS_REQUEST_H

#include "base/span.h"

enum { REQUEST_MAX = 16384, REQUEST_ADDRESS = 321 };

struct request {
    char address[REQUEST_ADDRESS]; /* as written, blanks around it left out */
    bool other;                    /* it accepts only another kind of answer than ours */
};

/* False: no such question, or no address in it. */
bool request_parse(struct span xml, struct request *out);

#endif
