#include "cli/zone_view.h"

#include "base/memory.h"
#include "cli/table.h"

#include <jansson.h>
#include <stdlib.h>

static const char *line_of(const struct zone_record *r, struct text *t)
{
    text_clear(t);
    zone_line(r, t);
    return text_cstr(t);
}

void zone_view_lines(const struct zone *z, bool notes, FILE *to)
{
    struct text line = TEXT_INIT(4 * ZONE_TEXT_MAX);
    struct span last = SPAN_NONE;

    for (size_t i = 0; i < z->count; i++) {
        const struct zone_record *r = &z->record[i];

        if (notes && !span_eq(last, r->note))
            fprintf(to, "%s; %.*s (%s)\n", i ? "\n" : "", SPAN_ARG(r->note),
                    zone_need_name(r->need));
        last = r->note;
        fprintf(to, "%s\n", line_of(r, &line));
    }
    text_free(&line);
}

/* ---- JSON ---- */

static json_t *json_of(struct span s)
{
    return json_stringn(s.at ? s.at : "", s.len);
}

static json_t *record_json(const struct zone_record *r)
{
    struct text line = TEXT_INIT(4 * ZONE_TEXT_MAX);
    json_t *o = json_object();

    json_object_set_new(o, "purpose", json_string(zone_purpose_name(r->purpose)));
    json_object_set_new(o, "need", json_string(zone_need_name(r->need)));
    json_object_set_new(o, "type", json_string(zone_type_name(r->type)));
    json_object_set_new(o, "name", json_of(r->name));
    json_object_set_new(o, "data", json_of(r->data));
    json_object_set_new(o, "line", json_string(line_of(r, &line)));
    json_object_set_new(o, "note", json_of(r->note));
    text_free(&line);
    return o;
}

/* `server` NULL: there is nothing about it. */
static void dump(json_t *records, json_t *server, struct span domain, FILE *to)
{
    json_t *o = json_object();

    json_object_set_new(o, "domain", json_of(domain));
    json_object_set_new(o, "records", records);
    if (server)
        json_object_set_new(o, "server", server);
    json_dumpf(o, to, JSON_INDENT(2));
    fputc('\n', to);
    json_decref(o);
}

void zone_view_json(const struct zone *z, struct span domain, FILE *to)
{
    json_t *records = json_array();

    for (size_t i = 0; i < z->count; i++)
        json_array_append_new(records, record_json(&z->record[i]));
    dump(records, NULL, domain, to);
}

/* The record as it should be published. */
static struct zone_record wanted(const struct zone_record *r, const struct zone_verdict *v)
{
    struct zone_record out = *r;

    out.data = v->publish;
    return out;
}

static json_t *server_json(const struct zone_server *s)
{
    json_t *o = json_object();

    json_object_set_new(o, "for", json_string(zone_server_kind_name(s->kind)));
    json_object_set_new(o, "name", json_of(s->name));
    json_object_set_new(o, "state", json_string(zone_state_name(s->state)));
    json_object_set_new(o, "there", json_of(s->there));
    json_object_set_new(o, "words", json_of(s->words));
    return o;
}

void zone_view_check_json(const struct zone_view *v, struct span domain, FILE *to)
{
    const struct zone_verdict *verdicts = v->verdicts;
    const struct zone *z = v->zone;
    json_t *records = json_array(), *server = json_array();

    for (size_t i = 0; i < v->server_count; i++)
        json_array_append_new(server, server_json(&v->server[i]));

    for (size_t i = 0; i < z->count; i++) {
        struct zone_record r = wanted(&z->record[i], &verdicts[i]);
        json_t *o = record_json(&r);

        json_object_set_new(o, "state", json_string(zone_state_name(verdicts[i].state)));
        json_object_set_new(o, "there", json_of(verdicts[i].there));
        json_object_set_new(o, "words", json_of(verdicts[i].words));
        json_array_append_new(records, o);
    }
    dump(records, server, domain, to);
}

/* ---- people ---- */

static void tell(const struct zone_record *r, const struct zone_verdict *v, FILE *to)
{
    struct text line = TEXT_INIT(4 * ZONE_TEXT_MAX);
    struct zone_record better = wanted(r, v);

    fprintf(to, "\n%s %.*s (%s)", zone_type_name(r->type), SPAN_ARG(r->name),
            zone_state_name(v->state));
    if (v->words.len)
        fprintf(to, ": %.*s", SPAN_ARG(v->words));
    if (v->there.len)
        fprintf(to, "\n  there:   %.*s", SPAN_ARG(v->there));
    fprintf(to, "\n  publish: %s\n", line_of(&better, &line));
    text_free(&line);
}

static void print_server(const struct zone_view *v, FILE *to)
{
    static const struct table_column columns[] = {{"state", TABLE_TEXT, false},
                                                  {"for", TABLE_TEXT, false},
                                                  {"this server", TABLE_TEXT, false},
                                                  {"there", TABLE_TEXT, true}};
    struct table *t = table_new(columns, COUNT(columns));

    for (size_t i = 0; i < v->server_count; i++) {
        table_text(t, span_of(zone_state_name(v->server[i].state)));
        table_text(t, span_of(zone_server_kind_name(v->server[i].kind)));
        table_text(t, v->server[i].name);
        if (v->server[i].there.len)
            table_text(t, v->server[i].there);
        else
            table_none(t);
    }
    fputc('\n', to);
    table_print(t, TABLE_PEOPLE, NULL, to);
    table_free(&t);
    for (size_t i = 0; i < v->server_count; i++)
        if (v->server[i].state != ZONE_RIGHT)
            fprintf(to, "\n%.*s (%s): %.*s\n", SPAN_ARG(v->server[i].name),
                    zone_state_name(v->server[i].state), SPAN_ARG(v->server[i].words));
}

void zone_view_check(const struct zone_view *v, FILE *to)
{
    const struct zone_verdict *verdicts = v->verdicts;
    const struct zone *z = v->zone;
    static const struct table_column columns[] = {{"state", TABLE_TEXT, false},
                                                  {"for", TABLE_TEXT, false},
                                                  {"need", TABLE_TEXT, false},
                                                  {"type", TABLE_TEXT, false},
                                                  {"name", TABLE_TEXT, true}};
    struct table *t = table_new(columns, COUNT(columns));

    for (size_t i = 0; i < z->count; i++) {
        const struct zone_record *r = &z->record[i];

        table_text(t, span_of(zone_state_name(verdicts[i].state)));
        table_text(t, span_of(zone_purpose_name(r->purpose)));
        table_text(t, span_of(zone_need_name(r->need)));
        table_text(t, span_of(zone_type_name(r->type)));
        table_text(t, r->name);
    }
    table_print(t, TABLE_PEOPLE, NULL, to);
    table_free(&t);
    for (size_t i = 0; i < z->count; i++)
        if (verdicts[i].state != ZONE_RIGHT)
            tell(&z->record[i], &verdicts[i], to);
    if (v->server_count)
        print_server(v, to);
}
