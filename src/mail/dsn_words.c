#include "mail/dsn_words.h"

#include "base/clock.h"
#include "mail/quoted.h"
#include "mail/utf8.h"

enum {
    WIDTH = 72,
    SUBJECT_ADDRESS_MAX = 48, /* a longer address is counted instead of told */
};

/* What differs by kind. */
static const struct {
    const char *subject, *opening, *label;
} kinds[] = {
    [DSN_FAILED] = {"Not delivered",
                    "Your mail could not be delivered as told below, and it is not tried any more.",
                    "What happened:"},
    [DSN_DELAYED] = {"Delayed, still trying",
                     "Your mail has not been delivered yet as told below. It is tried again by "
                     "itself: you need not send it again.",
                     "What happened:"},
    [DSN_SUCCESS] = {"Delivered", "Your mail was delivered as told below. You asked to be told.",
                     "Delivered:"},
};

static const char *const repairers[] = {
    [OWNER_NONE] = NULL,
    [OWNER_YOU] = "you can.",
    [OWNER_NETWORK] = "whoever runs the network this mail system stands in.",
    [OWNER_PROVIDER] = "whoever runs this mail system, or the one it sends through.",
    [OWNER_RECIPIENT] = "the recipient, or whoever runs their mail system.",
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

static void far_words(struct text *out, const struct outcome *o)
{
    struct span rest = o->reply.text, line;
    char status[12];

    if (!o->reply.code)
        return;
    text_adds(out, "    The other server said");
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

static void when(struct text *out, const char *label, int64_t wall_ms)
{
    char date[40];

    if (!wall_ms)
        return;
    clock_rfc5322(wall_ms, date, sizeof date);
    text_addf(out, "    %s %s\r\n", label, date);
}

static void recipient(const struct dsn_report *r, const struct dsn_recipient *to, struct text *out)
{
    const struct outcome *o = to->outcome;

    text_adds(out, "  ");
    text_add_safe(out, to->address);
    text_adds(out, "\r\n\r\n");
    labelled(out, kinds[r->kind].label, o->words);
    if (r->kind != DSN_SUCCESS && o->owner <= OWNER_RECIPIENT)
        labelled(out, "Who can repair it:", span_of(repairers[o->owner]));
    far_words(out, o);
    if (r->kind == DSN_SUCCESS && o->kind == OUTCOME_RELAYED)
        labelled(out, "Note:",
                 SPAN("That server does not send such reports: no more is heard of this mail, "
                      "unless it fails."));
    if (o->maybe_delivered)
        labelled(out, "Note:",
                 SPAN("The connection broke after the mail was sent. It may have arrived."));
    if (to->attempts)
        text_addf(out, "    Tried: %u time%s\r\n", to->attempts, to->attempts == 1 ? "" : "s");
    when(out, "Last try:", to->last_try);
    if (r->kind == DSN_DELAYED)
        when(out, "Given up after:", to->retry_until);
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
    struct span address = r->recipients[0].address;

    text_addf(out, "%s: your mail to ", kinds[r->kind].subject);
    if (r->count == 1 && address.len <= SUBJECT_ADDRESS_MAX && !utf8_high(address))
        text_add_safe(out, address);
    else
        text_addf(out, "%zu recipient%s", r->count, r->count == 1 ? "" : "s");
}

void dsn_words_write(const struct dsn_report *r, struct text *out)
{
    char id[ID_TEXT + 1];
    struct text help = TEXT_INIT(1000);

    wrap(out, "", span_of(kinds[r->kind].opening));
    text_adds(out, "\r\n");
    labelled(out, "Subject of your mail:", original_subject(r->header));
    when(out, "Accepted here:", r->arrival);
    text_adds(out, "\r\n");
    for (size_t i = 0; i < r->count; i++)
        recipient(r, &r->recipients[i], out);
    id_text(&r->about, id);
    text_addf(&help,
              "If you need help, write to %.*s%.*s and name the message id %s. What follows is the "
              "same for programs, and %s.",
              SPAN_ARG(r->postmaster.len ? r->postmaster : SPAN("postmaster@")),
              SPAN_ARG(r->postmaster.len ? SPAN("") : r->hostname), id,
              r->kind == DSN_FAILED && r->ret == RET_FULL ? "your mail"
                                                          : "the header of your mail");
    wrap(out, "", text_span(&help));
    text_adds(out, "-- \r\nThe mail system of ");
    text_add_safe(out, r->hostname);
    text_adds(out, "\r\n");
    text_free(&help);
}
