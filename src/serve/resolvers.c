#include "serve/resolvers.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 512, LIST_MAX = 4096 };

struct resolvers {
    char *file;
    void (*changed)(void *arg);
    void *arg;
    struct timer *timer;
    unsigned looks; /* so far since the last change of the network */
    struct text list;
};

/* The addresses, one in a line; empty when the file cannot be read, or is just being written. */
static void read_list(const char *file, struct text *out)
{
    FILE *f = fopen(file, "re");
    char line[LINE];

    while (f && fgets(line, sizeof line, f)) {
        struct span rest = span_of(line), word = span_word(&rest);

        if (!span_is(word, "nameserver"))
            continue;
        text_add(out, span_trim(rest));
        text_addc(out, '\n');
    }
    if (f)
        fclose(f);
}

static void look(void *arg)
{
    static const int64_t waits[] = {500, 1500, 3000, 10000};
    struct resolvers *r = arg;
    struct text now = TEXT_INIT(LIST_MAX);

    read_list(r->file, &now);
    if (now.len && !span_eq(text_span(&now), text_span(&r->list))) {
        text_free(&r->list);
        r->list = now;
        r->changed(r->arg);
    } else {
        text_free(&now);
    }
    if (r->looks < COUNT(waits))
        timer_set(r->timer, waits[r->looks++]);
}

struct resolvers *resolvers_new(struct loop *l, const char *file, void (*changed)(void *arg),
                                void *arg)
{
    struct resolvers *r = memory_alloc(sizeof *r);

    r->file = memory_dup(file);
    r->changed = changed;
    r->arg = arg;
    r->timer = timer_new(l, look, r);
    text_init(&r->list, LIST_MAX);
    read_list(file, &r->list);
    return r;
}

void resolvers_free(struct resolvers **r)
{
    if (!*r)
        return;
    timer_free(&(*r)->timer);
    text_free(&(*r)->list);
    free((*r)->file);
    free(*r);
    *r = NULL;
}

void resolvers_look(struct resolvers *r)
{
    r->looks = 0;
    look(r);
}
