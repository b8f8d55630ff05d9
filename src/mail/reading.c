#include "mail/reading.h"

#include "base/memory.h"
#include "mail/reading_rules.h"
#include "mail/reading_weak.h"

enum {
    READ_MAX = 2048, /* a reason comes early; the rest is advertisement */
    REASON_MIN = 12, /* what is left when the chatter is out; less, and it was the reason */
};

static bool says_all_of(struct span text, struct span words)
{
    struct span word;

    while (span_cut(&words, '&', &word)) {
        bool not_this = span_starts(word, SPAN("!"));

        if ((span_search(text, span_from(word, not_this)) >= 0) == not_this)
            return false;
    }
    return true;
}

struct span reading_says(struct span text, const char *words)
{
    struct span rest = span_of(words), word;

    while (span_cut(&rest, '|', &word))
        if (says_all_of(text, word))
            return word;
    return SPAN_NONE;
}

static bool codes_fit(const struct reading_rule *rule, const struct reply *r)
{
    if (rule->code && rule->code != (rule->code < 10 ? reply_class(r) : r->code))
        return false;
    if (!rule->subject)
        return true;
    if (!r->enhanced.class || r->enhanced.subject != rule->subject)
        return false;
    if (rule->last)
        return r->enhanced.detail >= rule->detail && r->enhanced.detail <= rule->last;
    return rule->detail == READING_ANY || r->enhanced.detail == rule->detail;
}

/* Four numbers with dots between: an address of IPv4. */
static bool names_address(struct span text)
{
    size_t dots = 0, digits = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] >= '0' && text.at[i] <= '9') {
            digits++;
        } else if (text.at[i] == '.' && digits >= 1 && digits <= 3) {
            dots++;
            digits = 0;
        } else {
            dots = digits = 0;
        }
        if (dots == 3 && digits)
            return true;
    }
    return false;
}

static bool fits(const struct reading_rule *rule, enum stage stage, const struct reply *r)
{
    if (rule->stages && !(rule->stages & (1U << stage)))
        return false;
    if (rule->names_address && !names_address(r->text))
        return false;
    return codes_fit(rule, r) && (!rule->words || reading_says(r->text, rule->words).len) &&
           (!rule->about || reading_says(r->text, rule->about).len) &&
           (!rule->never || !reading_says(r->text, rule->never).len);
}

/* Ways to write the same, and what the rules have for it. */
static struct span usual(struct span rest, size_t *used)
{
    static const struct {
        const char *seen, *usual;
    } ways[] = {{"\xe2\x80\x99", "'"}, {"e-mail", "email"}, {"\n", " "}, {"\r", " "}, {"\t", " "}};

    for (size_t i = 0; i < COUNT(ways); i++) {
        if (span_istarts(rest, span_of(ways[i].seen))) {
            *used = span_of(ways[i].seen).len;
            return span_of(ways[i].usual);
        }
    }
    *used = 1;
    return span_head(rest, 1);
}

/* Lower case, lines joined: a sentence may go on in the next line. Never longer than the text. */
static struct span plain(struct span text, char *buf, size_t cap)
{
    struct span rest = span_head(text, cap);
    size_t n = 0, used;

    for (; rest.len; rest = span_from(rest, used)) {
        struct span c = usual(rest, &used);

        for (size_t i = 0; i < c.len; i++)
            buf[n++] = c.at[i] >= 'A' && c.at[i] <= 'Z' ? (char)(c.at[i] + 32) : c.at[i];
    }
    return (struct span){buf, n};
}

static bool begins_chatter(struct span rest)
{
    for (const char *const *c = reading_chatter(); *c; c++)
        if (span_starts(rest, span_of(*c)))
            return true;
    return false;
}

/* Leaves the chatter out, unless there is nothing else. */
static struct span reasons(struct span text, char *buf)
{
    struct span rest = text;
    size_t n = 0;

    while (rest.len) {
        ptrdiff_t end = -1;

        if ((!n || buf[n - 1] == ' ') && begins_chatter(rest)) {
            end = span_search(rest, SPAN(". "));
            rest = end < 0 ? SPAN_NONE : span_from(rest, (size_t)end + 2);
            continue;
        }
        buf[n++] = rest.at[0];
        rest = span_from(rest, 1);
    }
    return n < REASON_MIN ? text : (struct span){buf, n};
}

/* The first that fits; NULL: none. */
static const struct reading_rule *first(const struct reading_rule *rule, size_t count,
                                        enum stage stage, const struct reply *low)
{
    for (; count; rule++, count--)
        if (fits(rule, stage, low))
            return rule;
    return NULL;
}

struct reading reading_why(enum stage stage, const struct reply *r)
{
    char buf[READ_MAX], fewer[READ_MAX];
    struct reply low = *r;
    size_t count, weak;
    const struct reading_rule *strong_rules = reading_rules(&count);
    const struct reading_rule *weak_rules = reading_weak(&weak), *rule;

    if (reply_class(r) != 4 && reply_class(r) != 5)
        return (struct reading){.cause = CAUSE_NONE};
    low.text = reasons(plain(r->text, buf, sizeof buf), fewer);
    rule = first(strong_rules, count, stage, &low);
    if (!rule)
        rule = first(weak_rules, weak, stage, &low);
    if (!rule)
        return (struct reading){.cause = CAUSE_NONE};
    return (struct reading){.cause = rule->cause,
                            .word = reading_says(low.text, rule->words),
                            .code = rule->code,
                            .subject = rule->subject,
                            .detail = rule->last ? low.enhanced.detail : rule->detail,
                            .any_detail = rule->detail == READING_ANY,
                            .by_stage = rule->stages != 0};
}

enum cause reading_of(enum stage stage, const struct reply *r)
{
    return reading_why(stage, r).cause;
}
