#include "cli/settings_view.h"

#include "base/memory.h"
#include "cli/check_findings.h"
#include "cli/verdict_view.h"

#include <jansson.h>
#include <string.h>

static const struct {
    enum providers_login login;
    const char *name, *words;
} logins[] = {
    {LOGIN_OAUTH, "oauth2", "sign in by the browser (OAuth2)"},
    {LOGIN_APP_PASSWORD, "app-password", "an app password"},
    {LOGIN_PASSWORD, "password", "the password of the mailbox"},
    {LOGIN_SPA, "spa", "the password, by SPA (NTLM)"},
};

static const char *const sealing_names[] = {
    [SEALING_UNKNOWN] = "",
    [SEALING_NONE] = "none",
    [SEALING_STARTTLS] = "starttls",
    [SEALING_TLS] = "implicit",
};

/* ---- for people ---- */

static void row(FILE *to, const char *label, const char *words)
{
    fprintf(to, "%-17s%s\n", label, words);
}

static void print_login(const struct discover_door *d, FILE *to)
{
    struct text words = TEXT_INIT(300);

    for (size_t i = 0; i < COUNT(logins); i++)
        if (d->login & logins[i].login)
            text_addf(&words, "%s%s", words.len ? ", or " : "", logins[i].words);
    row(to, "Password", words.len ? text_cstr(&words) : logins[2].words);
    text_free(&words);
}

static void print_door(const struct settings_door *d, FILE *to)
{
    char port[12] = "";

    if (d->door.port)
        snprintf(port, sizeof port, "%u", d->door.port);
    row(to, "Server", d->door.host);
    row(to, "Port", d->door.port ? port : "465; if it does not open, 587");
    row(to, "Encryption", steps_sealing(PROGRAM_NONE, d->door.sealing));
    row(to, "Login", "on (\"my server requires authentication\")");
    row(to, "User name", d->door.user[0] ? d->door.user : "the full address");
    print_login(&d->door, to);
    row(to, "SPA", d->spa == SPA_ON ? "on" : "off");
    row(to, "Tried from here", settings_find_words(d->tried));
}

static void print_others(const struct settings *s, FILE *to)
{
    for (size_t i = 1; i < s->count; i++) {
        const struct settings_door *d = &s->door[i];

        fprintf(to, "%-17s%s", i == 1 ? "Other doors" : "", d->door.host);
        if (d->door.port)
            fprintf(to, ", port %u, %s", d->door.port,
                    steps_sealing(PROGRAM_NONE, d->door.sealing));
        fprintf(to, ": %s\n", settings_find_words(d->tried));
    }
}

static void print_source(const struct settings *s, FILE *to)
{
    row(to, "Found by", s->found.how);
    if (s->found.provider_name[0])
        row(to, "Provider", s->found.provider_name);
    if (s->found.provider && s->found.provider->note)
        row(to, "Note", s->found.provider->note);
}

void settings_view_print(const struct settings *s, const struct verdict_set *set, FILE *to)
{
    if (s->count) {
        fprintf(to, "For sending from %s\n\n", s->canon);
        print_source(s, to);
        print_door(&s->door[0], to);
        print_others(s, to);
        putc('\n', to);
    }
    verdict_view_print(set, to);
}

/* ---- for programs ---- */

static json_t *text_of(const char *s)
{
    json_t *text = json_string(s);

    return text ? text : json_string("");
}

static json_t *door_json(const struct settings_door *d)
{
    json_t *login = json_array();

    for (size_t i = 0; i < COUNT(logins); i++)
        if (d->door.login & logins[i].login)
            json_array_append_new(login, json_string(logins[i].name));
    return json_pack("{s:o, s:i, s:s, s:b, s:o, s:o, s:b, s:s, s:s, s:I}", "server",
                     text_of(d->door.host), "port", (int)d->door.port, "encryption",
                     sealing_names[d->door.sealing], "authentication", 1, "user",
                     text_of(d->door.user), "login", login, "spa", d->spa == SPA_ON, "source",
                     discover_source_name(d->door.source), "tried", settings_find_name(d->tried),
                     "connect_ms", (json_int_t)d->ms);
}

/* The steps for each program; those of the verdict are for one. */
static json_t *programs(const struct settings *s)
{
    json_t *all = json_object();

    for (unsigned p = PROGRAM_NONE + 1; s->count && p < PROGRAM_COUNT; p++) {
        struct arena *a = arena_new();
        struct verdict v = {.id = VERDICT_OK};
        json_t *steps = json_array();

        settings_find_steps(s, (enum steps_program)p, &v, a);
        for (size_t i = 0; i < v.step_count; i++)
            json_array_append_new(steps, json_stringn(v.steps[i].at, v.steps[i].len));
        json_object_set_new(all, steps_name((enum steps_program)p), steps);
        arena_free(&a);
    }
    return all;
}

void settings_view_json(const struct settings *s, const struct verdict_set *set, FILE *to)
{
    json_t *o = verdict_view_json(set, s->looked ? check_findings_facts(&s->findings) : NULL,
                                  s->looked ? check_findings_doors(&s->findings) : NULL);
    json_t *candidates = json_array();

    for (size_t i = 0; i < s->count; i++)
        json_array_append_new(candidates, door_json(&s->door[i]));
    json_object_set_new(o, "settings", s->count ? door_json(&s->door[0]) : json_null());
    json_object_set_new(o, "candidates", candidates);
    json_object_set_new(o, "programs", programs(s));
    json_object_set_new(o, "server", text_of(s->found.host));
    json_object_set_new(o, "found_by", text_of(s->count ? s->found.how : ""));
    json_object_set_new(o, "discovery", json_string(discover_end_name(s->found.end)));
    json_object_set_new(o, "provider", text_of(s->found.provider_name));
    json_object_set_new(
        o, "note",
        text_of(s->found.provider && s->found.provider->note ? s->found.provider->note : ""));
    json_dumpf(o, to, JSON_INDENT(2));
    putc('\n', to);
    json_decref(o);
}
