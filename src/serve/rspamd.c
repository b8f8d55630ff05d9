#include "serve/rspamd.h"

#include "base/memory.h"

#include <jansson.h>
#include <string.h>

enum { FIELDS_MAX = 4096, WORDS_MAX = 200, DOMAIN_MAX = 255 };

/* What a symbol says, in the words of RFC 8601 section 2.7. Where several hold, the first counts.
 */
static const struct row {
    const char *method, *symbol, *result;
} rows[] = {
    {"spf", "R_SPF_ALLOW", "pass"},
    {"spf", "R_SPF_FAIL", "fail"},
    {"spf", "R_SPF_SOFTFAIL", "softfail"},
    {"spf", "R_SPF_NEUTRAL", "neutral"},
    {"spf", "R_SPF_DNSFAIL", "temperror"},
    {"spf", "R_SPF_PERMFAIL", "permerror"},
    {"spf", "R_SPF_NA", "none"},
    {"dkim", "R_DKIM_ALLOW", "pass"},
    {"dkim", "R_DKIM_REJECT", "fail"},
    {"dkim", "R_DKIM_TEMPFAIL", "temperror"},
    {"dkim", "R_DKIM_PERMFAIL", "permerror"},
    {"dkim", "R_DKIM_NA", "none"},
    {"dmarc", "DMARC_POLICY_ALLOW", "pass"},
    {"dmarc", "DMARC_POLICY_ALLOW_WITH_FAILURES", "pass"},
    {"dmarc", "DMARC_POLICY_REJECT", "fail"},
    {"dmarc", "DMARC_POLICY_QUARANTINE", "fail"},
    {"dmarc", "DMARC_POLICY_SOFTFAIL", "fail"},
    {"dmarc", "DMARC_DNSFAIL", "temperror"},
    {"dmarc", "DMARC_BAD_POLICY", "permerror"},
    {"dmarc", "DMARC_NA", "none"},
};

static bool domain_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

/* The domain at the front of s; empty when it is none. */
static struct span domain_of(struct span s)
{
    size_t n = 0;

    while (n < s.len && domain_char(s.at[n]))
        n++;
    return n <= DOMAIN_MAX ? span_head(s, n) : SPAN_NONE;
}

/* "far.example:s=key:-", "far.example,none": whose it is. */
static struct span subject_of(const struct row *row, const json_t *symbol,
                              const struct rspamd_question *q)
{
    const json_t *option = json_array_get(json_object_get(symbol, "options"), 0);

    if (strcmp(row->method, "spf") == 0)
        return domain_of(q->sender.len
                             ? span_from(q->sender, (size_t)(span_rfind(q->sender, '@') + 1))
                             : q->helo);
    return domain_of(span_of(json_string_value(option)));
}

static void add_result(const struct row *row, struct span subject, bool by_helo, struct text *out)
{
    const struct {
        const char *method, *property;
    } names[] = {{"spf", by_helo ? "smtp.helo" : "smtp.mailfrom"},
                 {"dkim", "header.d"},
                 {"dmarc", "header.from"}};

    text_addf(out, ";\r\n %s=%s", row->method, row->result);
    for (size_t i = 0; i < COUNT(names) && subject.len; i++)
        if (strcmp(names[i].method, row->method) == 0)
            text_addf(out, " %s=%.*s", names[i].property, SPAN_ARG(subject));
}

static void add_results(const json_t *symbols, const struct rspamd_question *q, struct text *out)
{
    const char *done = "";
    bool any = false;

    text_addf(out, "Authentication-Results: %.*s", SPAN_ARG(q->host));
    for (size_t i = 0; i < COUNT(rows); i++) {
        const json_t *symbol = json_object_get(symbols, rows[i].symbol);

        if (!symbol || strcmp(done, rows[i].method) == 0)
            continue;
        add_result(&rows[i], subject_of(&rows[i], symbol, q), !q->sender.len, out);
        done = rows[i].method;
        any = true;
    }
    text_adds(out, any ? "\r\n" : "; none\r\n");
}

static enum rspamd_action action_of(struct span name)
{
#define X(id, text) text,
    static const char *const names[] = {RSPAMD_ACTION_LIST(X)};
#undef X

    for (size_t i = 0; i < COUNT(names); i++)
        if (span_iis(name, names[i]))
            return (enum rspamd_action)i;
    return RSPAMD_NONE;
}

static void add_mark(const json_t *answer, struct text *out)
{
    text_addf(out, "X-Spam: Yes\r\nX-Spam-Score: %.2f\r\n",
              json_number_value(json_object_get(answer, "score")));
}

static struct span words_of(const json_t *answer, struct arena *a)
{
    const json_t *said = json_object_get(json_object_get(answer, "messages"), "smtp_message");
    struct text safe = TEXT_INIT(4 * WORDS_MAX);
    struct span out;

    text_add_safe(&safe, span_head(span_of(json_string_value(said)), WORDS_MAX));
    out = arena_span(a, text_span(&safe));
    text_free(&safe);
    return out;
}

int rspamd_read(struct span json, const struct rspamd_question *q, struct arena *a,
                struct rspamd_answer *out, struct error *e)
{
    struct text fields = TEXT_INIT(FIELDS_MAX);
    json_t *answer = json_loadb(json.at ? json.at : "", json.len, 0, NULL);
    const char *action = json_string_value(json_object_get(answer, "action"));
    int result = 0;

    *out = (struct rspamd_answer){.action = action_of(span_of(action))};
    if (!action) {
        result = error_set(e, ERROR_TEMPORARY, "rspamd answered without an action: is it rspamd?");
    } else {
        add_results(json_object_get(answer, "symbols"), q, &fields);
        if (out->action == RSPAMD_MARK || out->action == RSPAMD_SUBJECT)
            add_mark(answer, &fields);
        out->words = words_of(answer, a);
        out->fields = arena_span(a, text_span(&fields));
    }
    text_free(&fields);
    json_decref(answer);
    return result;
}
