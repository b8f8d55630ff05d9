/* outlook: the answers of Autodiscover in its first form ("POX", MS-OXDSCLI), which Outlook and
 * some phones ask for by POST. */
#ifndef PORT26_CLIENTS_OUTLOOK_H
#define PORT26_CLIENTS_OUTLOOK_H

#include "clients/clients.h"

/* The settings for o->address, all doors, best first. False when it does not fit. */
bool outlook_write(const struct clients_offer *o, struct text *out);
/* The answer to a question that is none of ours (codes of MS-OXDSCLI): 600 for one that cannot be
 * read, 601 for another kind of settings than we have. */
enum outlook_error { OUTLOOK_INVALID = 600, OUTLOOK_UNAVAILABLE = 601 };
bool outlook_refuse(enum outlook_error code, int64_t wall_ms, struct text *out);

/* The second version, in JSON (autodiscover.json), is asked first by newer ones. It tells where a
 * protocol is served, and of those it knows (ActiveSync, EWS, REST...) we have the first version of
 * Autodiscover alone. Microsoft has not specified it; this is what Exchange answers. */
#define OUTLOOK_JSON_PROTOCOL "AutodiscoverV1" /* asked for in any case of letters */
/* Adds {"Protocol", "Url"}; `base` is "https://host". */
bool outlook_json(const char *base, struct text *out);
/* Adds {"ErrorCode", "ErrorMessage"}, for an answer with the status 400. */
enum outlook_json_error {
    OUTLOOK_ADDRESS_MISSING,
    OUTLOOK_PROTOCOL_MISSING,
    OUTLOOK_PROTOCOL_UNKNOWN,
};
bool outlook_json_refuse(enum outlook_json_error code, struct text *out);

#endif
