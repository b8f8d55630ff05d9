#include "mail/envelope.h"

void envelope_copy(struct arena *a, const struct envelope *from, struct envelope *to)
{
    struct recipient *copies = arena_alloc(a, from->count * sizeof *copies);

    for (size_t i = 0; i < from->count; i++)
        copies[i] = (struct recipient){.address = arena_span(a, from->recipients[i].address),
                                       .orcpt = arena_span(a, from->recipients[i].orcpt),
                                       .notify = from->recipients[i].notify,
                                       .forwarded = from->recipients[i].forwarded,
                                       .asked = arena_span(a, from->recipients[i].asked)};
    *to = *from;
    to->sender = arena_span(a, from->sender);
    to->envid = arena_span(a, from->envid);
    to->recipients = copies;
}
