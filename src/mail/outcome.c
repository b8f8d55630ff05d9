#include "mail/outcome.h"

#include "base/memory.h"

#define X(id, name) name,
static const char *const stages[] = {STAGE_LIST(X)};
#undef X

const char *stage_name(enum stage s)
{
    return (size_t)s < COUNT(stages) ? stages[s] : stages[STAGE_NONE];
}

bool stage_parse(struct span name, enum stage *out)
{
    for (size_t i = 0; i < COUNT(stages); i++) {
        if (span_iis(name, stages[i])) {
            *out = (enum stage)i;
            return true;
        }
    }
    return false;
}

void outcome_copy(struct arena *a, const struct outcome *from, struct outcome *to)
{
    *to = *from;
    to->details = arena_span(a, from->details);
    to->held = arena_span(a, from->held);
    to->words = arena_span(a, from->words);
    to->host = arena_span(a, from->host);
    to->address = arena_span(a, from->address);
    to->tls = arena_span(a, from->tls);
    to->account = arena_span(a, from->account);
    to->reply = reply_copy(a, &from->reply);
}
