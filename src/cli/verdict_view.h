/* verdict_view: shows a verdict to people and to programs; one form for check and explain. */
#ifndef PORT26_CLI_VERDICT_VIEW_H
#define PORT26_CLI_VERDICT_VIEW_H

#include "probe/verdict.h"

#include <jansson.h>
#include <stdio.h>

/* {"verdict": {id, class, owner, rule, sentence, setting, steps}, "also": [...], "not_ruled_out":
 * [...], "findings": ..., "doors": ..., "elapsed_ms": n}. Takes the references to findings and
 * doors (NULL: an empty array). The caller frees. */
json_t *verdict_view_json(const struct verdict_set *set, json_t *findings, json_t *doors);
void verdict_view_print(const struct verdict_set *set, FILE *to);
/* Its two parts, for those who have more to say in between. */
void verdict_view_head(const struct verdict_set *set, FILE *to);
void verdict_view_doubts(const struct verdict_set *set, FILE *to);
/* "label    words", wrapped under each other. */
void verdict_view_line(FILE *to, const char *label, struct span words);
/* "you", "this network", "the mail provider", "the recipient's side". */
const char *verdict_view_owner(enum owner o);

#endif
