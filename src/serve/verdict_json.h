/* verdict_json: a verdict as it stands in JSON for machines, wherever it is shown (issue and
 * manual: "For machines"). These keys are stable. */
#ifndef PORT26_SERVE_VERDICT_JSON_H
#define PORT26_SERVE_VERDICT_JSON_H

#include "probe/verdict.h"

#include <jansson.h>

/* {id, class, owner, rule, sentence, setting, steps}: a new reference. */
json_t *verdict_json_one(const struct verdict *v);
/* Text that may hold anything as a JSON string; a new reference. */
json_t *verdict_json_words(struct span s);

#endif
