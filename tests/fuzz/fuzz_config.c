/* Any bytes as a configuration file: what loads must print to text that loads to the same, and what
 * does not load must say why in clean text. */
#include "conf/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No control byte reaches a terminal. */
static void check_notes(const struct config_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        for (const char *c = notes->at[i].text; *c; c++)
            if ((unsigned char)*c < ' ' || *c == 0x7f)
                abort();
}

static void print(const struct config *c, bool only_changed, struct text *out)
{
    text_clear(out);
    config_print(c, only_changed, out);
    if (out->full)
        abort();
}

static void check_round_trip(const struct config *c, bool only_changed)
{
    struct text first = TEXT_INIT(CONFIG_FILE_MAX), again = TEXT_INIT(CONFIG_FILE_MAX);
    struct config_notes notes = {0};
    struct config *copy;

    print(c, only_changed, &again);
    if (config_parse(text_span(&again), "again", &notes, &copy) < 0)
        abort();
    print(c, false, &first);
    print(copy, false, &again);
    if (!span_eq(text_span(&first), text_span(&again)))
        abort();
    config_free(&copy);
    config_notes_free(&notes);
    text_free(&first);
    text_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_notes notes = {0};
    struct config *c;

    if (config_parse((struct span){(const char *)data, size}, "f", &notes, &c) < 0) {
        if (c || !notes.count)
            abort();
    } else {
        check_round_trip(c, false);
        check_round_trip(c, true);
        config_free(&c);
    }
    check_notes(&notes);
    config_notes_free(&notes);
    return 0;
}
