/* mta_sts: the policy file of RFC 8461 section 3.2, which tells other servers to use TLS for mail
 * to our domains. */
#ifndef PORT26_CLIENTS_MTA_STS_H
#define PORT26_CLIENTS_MTA_STS_H

#include "base/text.h"
#include "conf/config.h"

/* False: none is to be served, or it does not fit. */
bool mta_sts_write(const struct config_mta_sts *c, struct text *out);

#endif
