/* control_json: queue entries and accounts as the JSON that `--json` shows: these keys are stable.
 */
#ifndef PORT26_SERVE_CONTROL_JSON_H
#define PORT26_SERVE_CONTROL_JSON_H

#include "serve/certificates.h"
#include "serve/house.h"

#include <jansson.h>

/* Each returns a new reference. */
json_t *control_json_entry(const struct queue_entry *entry);
json_t *control_json_account(const struct account *a);
json_t *control_json_host(const struct directory *d, const struct hosting *h);
json_t *control_json_domain(const struct directory *all, const struct hosted_domain *d);
json_t *control_json_alias(const struct hosted_alias *a);
json_t *control_json_waiting(const struct queue_place *p);
json_t *control_json_counts(const struct queue_counts *n);
/* The doors of the configuration and what they speak. */
json_t *control_json_doors(const struct config *c);
/* How many certificates there are, how many of them end soon, and which of these first. */
json_t *control_json_certificates(const struct certificates *c);

#endif
