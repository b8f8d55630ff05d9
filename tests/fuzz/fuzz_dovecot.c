/* What a login service that calls itself Dovecot says. */
#include "account/dovecot.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size}, line, user;

    while (size && span_cut(&rest, '\n', &line)) {
        enum dovecot_reply r = dovecot_line(line, 1, &user);

        if ((r == DOVECOT_REPLY_YES) != (user.len > 0) || user.len > line.len)
            abort();
    }
    return 0;
}
