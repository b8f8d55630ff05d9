#include "conf/notes.h"

#include <stdarg.h>

enum { NOTE_MAX = 2000 };

void notes_add(struct config_notes *n, enum notes_kind kind, struct notes_place at, const char *fmt,
               ...)
{
    struct text raw = TEXT_INIT(NOTE_MAX), safe = TEXT_INIT((size_t)4 * NOTE_MAX + 1000);
    va_list ap;

    n->errors += kind == NOTES_ERROR;
    if (n->count == CONFIG_NOTES)
        return;
    va_start(ap, fmt);
    text_addv(&raw, fmt, ap);
    va_end(ap);
    if (!n->arena)
        n->arena = arena_new();
    text_add_safe(&safe, span_of(at.file));
    if (at.line)
        text_addf(&safe, ":%u", at.line);
    text_adds(&safe, ": ");
    text_add_safe(&safe, text_span(&raw));
    n->at[n->count++] = (struct config_note){.text = arena_cstr(n->arena, text_span(&safe)),
                                             .line = at.line,
                                             .warning = kind != NOTES_ERROR,
                                             .no_domains = kind == NOTES_NO_DOMAINS};
    text_free(&raw);
    text_free(&safe);
}

void notes_know_domains(struct config_notes *n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n->count; i++)
        if (!n->at[i].no_domains)
            n->at[kept++] = n->at[i];
    n->count = kept;
}

void notes_sort(struct config_notes *n)
{
    for (size_t i = 1; i < n->count; i++) {
        struct config_note note = n->at[i];
        size_t j = i;

        for (; j > 0 && n->at[j - 1].line > note.line; j--)
            n->at[j] = n->at[j - 1];
        n->at[j] = note;
    }
}

void config_notes_free(struct config_notes *notes)
{
    arena_free(&notes->arena);
    *notes = (struct config_notes){0};
}
