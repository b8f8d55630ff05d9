#include "base/error.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct error *e, enum error_class class, const char *fmt, va_list ap)
{
    struct text raw = TEXT_INIT(4096), safe = TEXT_INIT(sizeof e->words - 1);

    text_addv(&raw, fmt, ap);
    if (!text_add_safe(&safe, text_span(&raw)))
        text_adds(&safe, "...");
    *e = (struct error){.class = class};
    snprintf(e->words, sizeof e->words, "%s", text_cstr(&safe));
    text_free(&raw);
    text_free(&safe);
}

int error_set(struct error *e, enum error_class class, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return -1;
    va_start(ap, fmt);
    fill(e, class, fmt, ap);
    va_end(ap);
    return -1;
}

int error_sys(struct error *e, int sys, const char *fmt, ...)
{
    va_list ap;
    size_t n;

    if (!e)
        return -1;
    va_start(ap, fmt);
    fill(e, ERROR_TEMPORARY, fmt, ap);
    va_end(ap);
    n = strlen(e->words);
    snprintf(e->words + n, sizeof e->words - n, ": %s", strerror(sys));
    e->sys = sys;
    return -1;
}

int error_mail(struct error *e, enum error_class class, const char *enhanced, enum owner owner,
               const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return -1;
    va_start(ap, fmt);
    fill(e, class, fmt, ap);
    va_end(ap);
    snprintf(e->enhanced, sizeof e->enhanced, "%s", enhanced);
    e->owner = owner;
    return -1;
}

const char *owner_name(enum owner o)
{
#define X(id, name) name,
    static const char *const names[] = {OWNER_LIST(X)};
#undef X

    return (size_t)o < COUNT(names) ? names[o] : "none";
}

void error_clear(struct error *e)
{
    if (e)
        *e = (struct error){0};
}
