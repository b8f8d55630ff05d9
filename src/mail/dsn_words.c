#include "mail/dsn_words.h"

#include "base/clock.h"
#include "mail/cause_texts.h"
#include "mail/dsn_texts.h"
#include "mail/quoted.h"
#include "mail/utf8.h"

#include <time.h>

enum {
    WIDTH = 72,
    SUBJECT_ADDRESS_MAX = 48, /* a longer address is counted instead of told */
};

/* Words behind an indent, broken at the right edge. Nothing to say is nothing written. */
static void wrap(struct text *out, const char *indent, struct span s)
{
    struct span word = span_word(&s);
    size_t left = span_of(indent).len, column = left;

    if (!word.len)
        return;
    text_adds(out, indent);
    for (; word.len; word = span_word(&s)) {
        if (column > left && column + 1 + word.len > WIDTH) {
            text_addf(out, "\r\n%s", indent);
            column = left;
        }
        if (column > left) {
            text_addc(out, ' ');
            column++;
        }
        text_add_safe(out, word);
        column += word.len;
    }
    text_adds(out, "\r\n");
}

static void labelled(struct text *out, const char *label, struct span s)
{
    struct text line = TEXT_INIT(1 << 16);

    if (!s.len)
        return;
    text_addf(&line, "%s %.*s", label, SPAN_ARG(s));
    wrap(out, "    ", text_span(&line));
    text_free(&line);
}

static void far_words(struct text *out, const struct dsn_texts *t, const struct outcome *o)
{
    struct span rest = o->reply.text, line;
    char status[12];

    if (!o->reply.code)
        return;
    text_addf(out, "    %s", t->far);
    if (o->host.len || o->address.len) {
        text_adds(out, " (");
        text_add_safe(out, o->host.len ? o->host : o->address);
        text_adds(out, ")");
    }
    text_addf(out, ":\r\n      %u", o->reply.code);
    if (o->reply.enhanced.class) {
        enhanced_text(o->reply.enhanced, status);
        text_addf(out, " %s", status);
    }
    text_adds(out, "\r\n");
    while (span_cut(&rest, '\n', &line))
        wrap(out, "      ", line);
}

static void when(struct text *out, const struct dsn_texts *t, const char *label, int64_t wall_ms)
{
    time_t s = (time_t)(wall_ms / CLOCK_SECOND);
    char date[40], clock[16], zone[8];
    struct tm tm;

    if (!wall_ms)
        return;
    text_addf(out, "    %s ", label);
    clock_rfc5322(wall_ms, date, sizeof date);
    if (t->date[0]) {
        localtime_r(&s, &tm);
        strftime(clock, sizeof clock, "%H:%M:%S", &tm);
        strftime(zone, sizeof zone, "%z", &tm);
        text_addf(out, t->date, tm.tm_mday, t->month[tm.tm_mon], tm.tm_year + 1900, clock, zone);
    } else {
        text_adds(out, date);
    }
    text_adds(out, "\r\n");
}

static bool is_passed(const struct dsn_report *r, const struct dsn_recipient *to)
{
    return r->kind == DSN_SUCCESS && (to->expanded || to->outcome->kind == OUTCOME_RELAYED);
}

/* Of the whole report. */
static const struct dsn_texts_kind *kind_of(const struct dsn_report *r)
{
    const struct dsn_texts *t = dsn_texts(r->language);

    for (size_t i = 0; i < r->count; i++)
        if (!is_passed(r, &r->recipients[i]))
            return &t->kind[r->kind];
    return &t->passed;
}

/* In the report's language: English as the outcome tells it, another by the tables. What no table
 * knows is left to the part for programs, which stands in English. */
static void what_happened(struct text *out, const struct dsn_report *r,
                          const struct dsn_recipient *to)
{
    const struct dsn_texts *t = dsn_texts(r->language);
    struct text words = TEXT_INIT(8192);
    struct span domain = span_from(to->address, (size_t)(span_rfind(to->address, '@') + 1));

    if (!cause_texts_say(r->language, to->outcome, domain, &words)) {
        if (r->language == DSN_ENGLISH)
            text_add(&words, to->outcome->words);
        else if (to->outcome->words.len && r->kind != DSN_SUCCESS)
            text_adds(&words, t->unsaid);
    }
    labelled(out, is_passed(r, to) ? t->passed.label : t->kind[r->kind].label, text_span(&words));
    text_free(&words);
}

static void recipient(const struct dsn_report *r, const struct dsn_recipient *to, struct text *out)
{
    const struct dsn_texts *t = dsn_texts(r->language);
    const struct outcome *o = to->outcome;

    text_adds(out, "  ");
    text_add_safe(out, to->address);
    text_adds(out, "\r\n\r\n");
    what_happened(out, r, to);
    if (r->kind != DSN_SUCCESS && o->owner <= OWNER_RECIPIENT)
        labelled(out, t->who, span_of(t->owner[o->owner]));
    far_words(out, t, o);
    if (is_passed(r, to))
        labelled(out, t->note, span_of(to->expanded ? t->expanded : t->relayed));
    if (o->maybe_delivered)
        labelled(out, t->note, span_of(t->maybe));
    if (to->attempts)
        text_addf(out, "    %s %u %s\r\n", t->tried, to->attempts,
                  to->attempts == 1 ? t->time : t->times);
    when(out, t, t->last_try, to->last_try);
    if (r->kind == DSN_DELAYED)
        when(out, t, t->until, to->retry_until);
    text_adds(out, "\r\n");
}

/* The value of the first Subject field when it can be shown as it is: people know their mail by it.
 */
static struct span original_subject(struct span header)
{
    static const struct span name = SPAN("Subject:");
    struct span line;

    while (quoted_line(&header, &line) && line.len) {
        if (!span_istarts(line, name))
            continue;
        line = span_trim(span_from(line, name.len));
        return utf8_high(line) || span_search(line, SPAN("=?")) >= 0 ? SPAN_NONE : line;
    }
    return SPAN_NONE;
}

void dsn_words_subject(const struct dsn_report *r, struct text *out)
{
    const struct dsn_texts *t = dsn_texts(r->language);
    struct span address = r->recipients[0].address;

    text_addf(out, "%s: %s ", kind_of(r)->subject, t->subject_to);
    if (r->count == 1 && address.len <= SUBJECT_ADDRESS_MAX && !utf8_high(address))
        text_add_safe(out, address);
    else
        text_addf(out, "%zu %s", r->count, r->count == 1 ? t->recipient : t->recipients);
}

/* The Subject field of a report of ours, which may be folded. */
static void subject_of(struct span report, struct text *out)
{
    static const struct span name = SPAN("Subject:");
    struct span line;
    bool inside = false;

    while (quoted_line(&report, &line) && line.len) {
        bool folded = line.at[0] == ' ' || line.at[0] == '\t';

        if (inside && !folded)
            return;
        inside = inside || span_istarts(line, name);
        if (inside)
            text_addf(out, " %.*s", SPAN_ARG(folded ? line : span_from(line, name.len)));
    }
}

void dsn_words_bundle(const struct dsn_bundle *b, struct text *out)
{
    const struct dsn_texts *t = dsn_texts(b->language);

    wrap(out, "", span_of(t->bundle));
    text_adds(out, "\r\n");
    for (size_t i = 0; i < b->count; i++) {
        struct text subject = TEXT_INIT(1000);

        subject_of(b->parts[i].whole, &subject);
        wrap(out, "  ", text_span(&subject));
        text_free(&subject);
    }
    text_addf(out, "\r\n-- \r\n%s", t->system);
    text_add_safe(out, b->hostname);
    text_adds(out, "\r\n");
}

void dsn_words_write(const struct dsn_report *r, bool whole, struct text *out)
{
    const struct dsn_texts *t = dsn_texts(r->language);
    char id[ID_TEXT + 1];
    struct text help = TEXT_INIT(1000);

    wrap(out, "", span_of(kind_of(r)->opening));
    text_adds(out, "\r\n");
    labelled(out, t->their_subject, original_subject(r->header));
    when(out, t, t->accepted, r->arrival);
    text_adds(out, "\r\n");
    for (size_t i = 0; i < r->count; i++)
        recipient(r, &r->recipients[i], out);
    id_text(&r->about, id);
    text_addf(&help, t->help, SPAN_ARG(r->postmaster.len ? r->postmaster : SPAN("postmaster@")),
              SPAN_ARG(r->postmaster.len ? SPAN("") : r->hostname), id,
              whole ? t->whole : t->header);
    wrap(out, "", text_span(&help));
    text_addf(out, "-- \r\n%s", t->system);
    text_add_safe(out, r->hostname);
    text_adds(out, "\r\n");
    text_free(&help);
}
