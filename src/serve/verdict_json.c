#include "serve/verdict_json.h"

json_t *verdict_json_words(struct span s)
{
    json_t *text = json_stringn(s.at ? s.at : "", s.len);

    return text ? text : json_string(""); /* spans are escaped, so they are UTF-8 */
}

json_t *verdict_json_one(const struct verdict *v)
{
    json_t *steps = json_array();

    for (size_t i = 0; i < v->step_count; i++)
        json_array_append_new(steps, verdict_json_words(v->steps[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "id", v->id, "class", verdict_class(v),
                     "owner", owner_name(v->owner), "rule", v->rule ? v->rule : "", "sentence",
                     verdict_json_words(v->sentence), "setting", verdict_json_words(v->setting),
                     "steps", steps);
}
