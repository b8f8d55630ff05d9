#include "cli/verdict_view.h"

#include "serve/verdict_json.h"

#include <string.h>

enum { LABEL_WIDTH = 17, LINE_WIDTH = 79 };

json_t *verdict_view_json(const struct verdict_set *set, json_t *findings, json_t *doors)
{
    json_t *also = json_array(), *doubts = json_array();

    for (size_t i = 0; i < set->also_count; i++)
        json_array_append_new(also, verdict_json_one(&set->also[i]));
    for (size_t i = 0; i < set->doubt_count; i++)
        json_array_append_new(doubts, verdict_json_words(set->not_ruled_out[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "verdict", verdict_json_one(&set->verdict),
                     "also", also, "not_ruled_out", doubts, "findings",
                     findings ? findings : json_array(), "doors", doors ? doors : json_array(),
                     "elapsed_ms", (json_int_t)set->elapsed_ms);
}

const char *verdict_view_owner(enum owner o)
{
    static const char *const people[] = {
        [OWNER_NONE] = "nobody needs to, or nobody knows",
        [OWNER_YOU] = "you",
        [OWNER_NETWORK] = "this network (internet provider, or who runs the place)",
        [OWNER_PROVIDER] = "the mail provider (or the server's administrator)",
        [OWNER_RECIPIENT] = "the recipient's side",
    };

    return people[o];
}

/* The next piece of `rest` that fits in `room` columns, broken at a blank. */
static struct span next_line(struct span *rest, size_t room)
{
    struct span line = span_head(*rest, room);
    ptrdiff_t blank = line.len < rest->len ? span_rfind(line, ' ') : -1;

    if (blank > 0)
        line.len = (size_t)blank;
    *rest = span_trim(span_from(*rest, line.len));
    return line;
}

void verdict_view_line(FILE *to, const char *label, struct span text)
{
    do {
        struct span line = next_line(&text, LINE_WIDTH - LABEL_WIDTH);

        fprintf(to, "%-*s%.*s\n", LABEL_WIDTH, label, SPAN_ARG(line));
        label = "";
    } while (text.len);
}

static void print_steps(const struct verdict *v, FILE *to)
{
    for (size_t i = 0; i < v->step_count; i++) {
        char label[40];

        snprintf(label, sizeof label, "%-13s%2zu. ", i ? "" : "What to do", i + 1);
        verdict_view_line(to, label, v->steps[i]);
    }
}

void verdict_view_head(const struct verdict_set *set, FILE *to)
{
    const struct verdict *v = &set->verdict;

    verdict_view_line(to, strcmp(v->id, VERDICT_OK) == 0 ? "Result" : "What is wrong", v->sentence);
    if (strcmp(v->id, VERDICT_OK) != 0)
        verdict_view_line(to, "Who can repair", span_of(verdict_view_owner(v->owner)));
    if (v->setting.len)
        verdict_view_line(to, "Setting", v->setting);
    print_steps(v, to);
    for (size_t i = 0; i < set->also_count; i++)
        verdict_view_line(to, i ? "" : "Besides", set->also[i].sentence);
}

void verdict_view_doubts(const struct verdict_set *set, FILE *to)
{
    for (size_t i = 0; i < set->doubt_count; i++)
        verdict_view_line(to, i ? "" : "Not ruled out", set->not_ruled_out[i]);
}

void verdict_view_print(const struct verdict_set *set, FILE *to)
{
    verdict_view_head(set, to);
    verdict_view_doubts(set, to);
}
