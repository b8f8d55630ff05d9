#include "cli/check_machine.h"

#include "base/clock.h"
#include "cli/check_cell.h"
#include "cli/check_findings.h"
#include "cli/verdict_view.h"

#include <string.h>

/* null for a time that is not known. */
static json_t *when(int64_t wall_ms)
{
    char words[40];

    if (!wall_ms)
        return json_null();
    clock_iso(wall_ms, words, sizeof words);
    return json_string(words);
}

static json_t *words(const char *s)
{
    json_t *text = json_string(s);

    return text ? text : json_string(""); /* cut in the middle of a character */
}

static json_t *place(const struct check *c)
{
    const struct place *p = &c->place;

    if (!c->placed)
        return json_null();
    return json_pack("{s:s, s:o, s:s, s:s, s:b, s:b}", "key", p->key, "name", words(p->name),
                     "gateway", p->gateway, "device", p->device, "offline", (int)p->offline,
                     "tunnel", (int)p->tunnel);
}

static json_t *history(const struct check *c)
{
    const struct findings_past *p = &c->findings.past;

    if (!c->remembers || !p->port)
        return json_null();
    return json_pack("{s:i, s:i, s:i, s:o, s:o, s:o}", "port", (int)p->port, "tries", (int)p->tries,
                     "failures", (int)p->failures, "shut_since", when(p->shut_since_ms), "opened",
                     when(p->opened_ms), "elsewhere", words(p->elsewhere));
}

static json_t *sent(const struct check *c)
{
    const struct findings_login *l = &c->findings.sent;

    if (!c->o.send)
        return json_null();
    return json_pack("{s:b, s:b, s:i, s:i, s:o, s:s, s:s}", "tried", (int)l->tried, "ok",
                     (int)l->ok, "port", (int)l->port, "reply_code", (int)l->reply.code, "reply",
                     words(l->reply.text), "to", c->o.receiver, "message_id", c->message_id);
}

static json_t *runs(const struct check *c)
{
    json_t *all = json_array();

    for (size_t i = 0; i < c->row_count; i++) {
        const struct check_row *r = &c->row[i];

        json_array_append_new(all, json_pack("{s:o, s:I, s:s, s:i, s:i}", "at", when(r->at),
                                             "elapsed_ms", (json_int_t)r->elapsed_ms, "id", r->id,
                                             "open", (int)r->open, "tried", (int)r->tried));
    }
    return all;
}

static json_t *tries(const struct check *c)
{
    json_t *all = json_array();

    for (size_t i = 0; i < c->tally_count; i++) {
        const struct check_tally *t = &c->tally[i];
        char at[INET6_ADDRSTRLEN];

        check_cell_address(&t->address, at);
        json_array_append_new(all, json_pack("{s:i, s:s, s:i, s:i, s:s}", "port", (int)t->port,
                                             "address", at, "tries", (int)t->tries, "failures",
                                             (int)t->failures, "last_failure", t->last));
    }
    return all;
}

void check_machine_print(const struct check *c, FILE *to)
{
    json_t *o = verdict_view_json(&c->set, check_findings_facts(&c->findings),
                                  check_findings_doors(&c->findings));

    json_object_set_new(o, "server", words(c->findings.host));
    json_object_set_new(o, "found_by", json_string(c->found.how));
    json_object_set_new(o, "place", place(c));
    json_object_set_new(o, "history", history(c));
    json_object_set_new(o, "sent", sent(c));
    if (c->o.repeat || c->o.watch) {
        json_object_set_new(o, "runs", runs(c));
        json_object_set_new(o, "tries", tries(c));
    }
    json_dumpf(o, to, JSON_INDENT(2));
    fputc('\n', to);
    json_decref(o);
}
