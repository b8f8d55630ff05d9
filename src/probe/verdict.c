#include "probe/verdict.h"

#include "base/memory.h"
#include "base/text.h"

#include <string.h>

enum { WORDS_MAX = 4096 };

static struct span words(struct arena *a, const char *fmt, va_list ap)
{
    struct text t = TEXT_INIT(WORDS_MAX);
    struct span s;

    text_addv(&t, fmt, ap);
    s = arena_span(a, text_span(&t));
    text_free(&t);
    return s;
}

void verdict_step(struct verdict *v, struct arena *a, const char *fmt, ...)
{
    va_list ap;

    if (v->step_count == VERDICT_STEPS_MAX)
        return;
    va_start(ap, fmt);
    v->steps[v->step_count++] = words(a, fmt, ap);
    va_end(ap);
}

void verdict_doubt(struct verdict_set *set, struct arena *a, const char *fmt, ...)
{
    va_list ap;

    if (set->doubt_count == VERDICT_DOUBTS_MAX)
        return;
    va_start(ap, fmt);
    set->not_ruled_out[set->doubt_count++] = words(a, fmt, ap);
    va_end(ap);
}

static bool same(const struct verdict *a, const struct verdict *b)
{
    return strcmp(a->id, b->id) == 0 && a->cause == b->cause;
}

void verdict_also(struct verdict_set *set, const struct verdict *v)
{
    if (same(&set->verdict, v) || set->also_count == VERDICT_ALSO_MAX)
        return;
    for (size_t i = 0; i < set->also_count; i++)
        if (same(&set->also[i], v))
            return;
    set->also[set->also_count++] = *v;
}

const char *verdict_class(const struct verdict *v)
{
    /* Those that are told apart for a sentence of their own. */
    static const struct {
        enum cause cause, class;
    } same_class[] = {
        {CAUSE_NULL_MX, CAUSE_RECIPIENT_DOMAIN},
        {CAUSE_NO_DOMAIN, CAUSE_RECIPIENT_DOMAIN},
        {CAUSE_LIFETIME, CAUSE_TIMEOUT},
    };

    for (size_t i = 0; i < COUNT(same_class); i++)
        if (same_class[i].cause == v->cause)
            return cause_name(same_class[i].class);
    return v->cause == CAUSE_NONE ? "" : cause_name(v->cause);
}

int verdict_exit(const struct verdict *v)
{
    static const int by_owner[] = {
        [OWNER_NONE] = VERDICT_EXIT_UNKNOWN,        [OWNER_YOU] = VERDICT_EXIT_YOU,
        [OWNER_NETWORK] = VERDICT_EXIT_NETWORK,     [OWNER_PROVIDER] = VERDICT_EXIT_PROVIDER,
        [OWNER_RECIPIENT] = VERDICT_EXIT_RECIPIENT,
    };

    return strcmp(v->id, VERDICT_OK) == 0 ? VERDICT_EXIT_OK : by_owner[v->owner];
}
