/* autoconfig: the settings file that mail providers publish for Thunderbird and others (Mozilla's
 * "config-v1.1.xml", draft-ietf-mailmaint-autoconfig). Only the servers for sending are read. The
 * file is a stranger's: no entities, no document type, bounded in every way; what does not fit is
 * left out. */
#ifndef PORT26_PROBE_AUTOCONFIG_H
#define PORT26_PROBE_AUTOCONFIG_H

#include "base/span.h"
#include "probe/providers.h"

enum {
    AUTOCONFIG_SERVERS = 8,
    AUTOCONFIG_HOST = 128,
    AUTOCONFIG_USER = 128,
    AUTOCONFIG_NAME = 64,
    AUTOCONFIG_MAX = 65536, /* octets of a file worth reading */
};

struct autoconfig_server {
    char host[AUTOCONFIG_HOST]; /* lower case */
    uint16_t port;
    enum steps_sealing sealing;
    unsigned login;             /* bits of providers_login, 0: not said, or none is needed */
    char user[AUTOCONFIG_USER]; /* with its placeholders filled in, or "" */
};

struct autoconfig {
    char name[AUTOCONFIG_NAME]; /* of the provider, for people; or "" */
    size_t count;
    struct autoconfig_server server[AUTOCONFIG_SERVERS]; /* the best first, as the provider says */
};

/* Whose account the placeholders are about; `address` may be empty, then a user name that needs it
 * is left out. True when at least one server for sending was understood. */
bool autoconfig_parse(struct span xml, struct span address, struct span domain,
                      struct autoconfig *out);

#endif
