#include "probe/said.h"

#include "base/memory.h"
#include "base/text.h"

#include <string.h>

enum {
    LOOK_BACK = 160, /* how far before a code its introduction may stand */
    LOOK_AHEAD = 400,
    GOOD_ENOUGH = 3, /* points a number needs to be taken for a code */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c > 127;
}

static bool is_in(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span said_plain(struct span text, struct arena *a)
{
    char *out = arena_alloc(a, text.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (is_blank(c) && n && out[n - 1] == ' ')
            continue;
        out[n++] = is_blank(c) ? ' ' : c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return (struct span){out, n};
}

/* "5.7.1" at the front, not more digits behind it; its length or 0. */
static size_t enhanced_at(struct span t, struct enhanced *e)
{
    size_t n = 0;

    while (n < t.len && n < 12 && (is_digit(t.at[n]) || t.at[n] == '.'))
        n++;
    while (n && t.at[n - 1] == '.')
        n--;
    if (n < t.len && is_word(t.at[n]))
        return 0;
    return n >= 5 && enhanced_parse(span_head(t, n), e) ? n : 0;
}

/* Does a reply code stand here, by itself? */
static bool code_at(struct span t, size_t i, unsigned *code)
{
    char before = i ? t.at[i - 1] : ' ', after;

    if (t.len - i < 3 || (t.at[i] != '4' && t.at[i] != '5' && (i || t.at[0] < '2')) ||
        !is_digit(t.at[i]) || t.at[i + 1] < '0' || t.at[i + 1] > '7' || !is_digit(t.at[i + 2]))
        return false;
    if (t.at[i] > '5' || is_word(before) || is_in(before, "._-+$@/%["))
        return false;
    if (before == ':' && i > 1 && is_digit(t.at[i - 2]))
        return false;
    after = i + 3 < t.len ? t.at[i + 3] : ' ';
    if (is_word(after) || is_in(after, "./%@]"))
        return false;
    *code = (unsigned)((t.at[i] - '0') * 100 + (t.at[i + 1] - '0') * 10 + t.at[i + 2] - '0');
    return true;
}

static bool line_begins(struct span t, size_t i)
{
    while (i && is_in(t.at[i - 1], " \t\"'<>#*|"))
        i--;
    return i == 0 || t.at[i - 1] == '\n';
}

/* How people and programs introduce what a server said; directly before the code. */
static const char *const introductions[] = {
    "said:",       "said",       "responded:",    "responded with", "response was:",
    "response:",   "returned",   "returned:",     "smtp;",          "reply:",
    "reply was:",  "replied:",   "error:",        "error",          "answered:",
    "rejected:",   "reject=",    "stat=",         "data:",          ">:",
    "]:",          "reason:",    "because:",      "code:",          "code",
    "refused:",    "failed:",    "greeting:",     "diagnostic:",    "status:",
    "message was", "error was:", "unexpectedly:", "rejected us:",   "deferred:",
    "host said",   "dot:",       "auth:",         "starttls:",      "connection:",
    "denied:",     "got",
};

static int introduced(struct span t, size_t i)
{
    struct span before;

    while (i && is_in(t.at[i - 1], " \t\r\n\"'#<(=\xe2\x80\x9c\x80\x98"))
        i--;
    before = (struct span){t.at + (i > 16 ? i - 16 : 0), i > 16 ? 16 : i};
    for (size_t k = 0; k < COUNT(introductions); k++) {
        struct span word = span_of(introductions[k]);

        if (before.len >= word.len && span_ieq(span_from(before, before.len - word.len), word))
            return 6;
    }
    return 0;
}

static int points(struct span t, size_t i, unsigned code)
{
    struct span behind = span_from(t, i + 4);
    struct enhanced e;
    int n = introduced(t, i);

    if (i == 0)
        n += 8;
    else if (line_begins(t, i))
        n += 3;
    if (enhanced_at(behind.len && behind.at[0] == '#' ? span_from(behind, 1) : behind, &e) &&
        e.class == code / 100)
        n += 4;
    if (i + 4 < t.len && (is_word(t.at[i + 4]) || t.at[i + 4] == '<' || t.at[i + 4] == '#'))
        n += 1;
    if (i >= 4 && span_ends(span_head(t, i), SPAN("<<< ")))
        n += 2; /* a transcript: what follows is only what was made of it */
    return n;
}

/* What no longer belongs to the reply. The words of the programs are those of their windows. */
static const char *const ends[] = {
    "\n\n",
    "\r\n\r\n",
    "(in reply to ",
    "; from=<",
    "\nReporting-MTA:",
    "\nFinal-Recipient:",
    "\nOriginal message headers",
    "\n--- ",
    "\n------",
    "\n>>> ",
    "\n*** ",
    "\n -> ",
    "Please check the message recipient",
    "Please verify that your email",
    "Please check the message and try again",
    ", Account: '",
    ". Account: '",
    "' Account: ",
    " Account: '",
    "\nStatus:",
    "\nRemote-MTA:",
    "\nLast-Attempt-Date:",
    "\nAction:",
    "Giving up on ",
    "--- Below this line",
};

static struct span cut_end(struct span t)
{
    t = span_head(t, SAID_TEXT_MAX);
    for (size_t k = 0; k < COUNT(ends); k++) {
        ptrdiff_t at = span_search(t, span_of(ends[k]));

        if (at > 0)
            t = span_head(t, (size_t)at);
    }
    t = span_trim(t);
    while (t.len && is_in(t.at[t.len - 1], "'\""))
        t.len--;
    if (t.len > 2 && span_ends(t, SPAN("##")))
        t.len -= 2;
    return span_trim(t);
}

/* The code, and perhaps the enhanced one, of a further line of the same reply; their length. */
static size_t again(struct span t, const char *code, struct enhanced first)
{
    struct enhanced e;
    size_t n = 0, k;

    if (t.len > 3 && memcmp(t.at, code, 3) == 0 && (t.at[3] == '-' || t.at[3] == ' '))
        n = 4;
    k = enhanced_at(span_from(t, n), &e);
    if (k && first.class && e.class == first.class && e.subject == first.subject &&
        e.detail == first.detail)
        n += k;
    else if (n && t.at[3] == ' ')
        n = 0; /* a number in the text */
    return n;
}

/* Joins lines, leaves repeated codes out, escapes. */
static struct span clean(struct span t, const char *code, struct enhanced e, struct arena *a)
{
    struct text out = TEXT_INIT(4 * SAID_TEXT_MAX + 8);
    struct span done;
    bool start = true;

    while (t.len) {
        size_t n = start ? again(t, code, e) : 0;

        if (n) {
            t = span_from(t, n);
            continue;
        }
        start = is_blank(t.at[0]);
        for (n = 1; n < t.len && !is_blank(t.at[n - 1]) && !is_blank(t.at[n]);)
            n++;
        if (!start)
            text_add_safe(&out, span_head(t, n));
        else if (out.len && out.at[out.len - 1] != ' ')
            text_addc(&out, ' ');
        t = span_from(t, start ? 1 : n);
    }
    done = arena_span(a, span_trim(text_span(&out)));
    text_free(&out);
    return done;
}

/* Reads the reply whose code stands at i. */
static void take(struct span t, size_t i, unsigned code, struct said *out, struct arena *a)
{
    struct span text = span_from(t, i + 3), word;
    const char *digits = t.at + i;
    struct enhanced e = {0};
    size_t n;

    while (text.len && is_in(text.at[0], " -\t#:;,"))
        text = span_from(text, 1);
    n = enhanced_at(text, &e);
    if (n && e.class == code / 100)
        text = span_from(text, n);
    else
        e = (struct enhanced){0};
    text = cut_end(text);
    out->reply = (struct reply){.code = (unsigned short)code, .enhanced = e};
    out->reply.text = clean(text, digits, e, a);
    word = out->reply.text;
    if (!e.class && word.len && (i = (size_t)(span_find(word, '#') + 1)) != 0 &&
        enhanced_at(span_from(word, i), &e) && e.class == code / 100)
        out->reply.enhanced = e; /* qmail: "... (#5.1.1)" */
}

/* "#5.1.1" or "5.1.1" alone, as Exchange and DSN fields have it. */
static bool find_enhanced(struct span t, struct said *out, struct arena *a)
{
    for (size_t i = 0; i + 5 <= t.len; i++) {
        struct enhanced e;
        size_t n;

        if ((t.at[i] != '4' && t.at[i] != '5') ||
            (i && (is_word(t.at[i - 1]) || t.at[i - 1] == '.')))
            continue;
        n = enhanced_at(span_from(t, i), &e);
        if (!n || e.subject > 7)
            continue;
        out->made_up = true;
        out->reply = (struct reply){.code = (unsigned short)(e.class * 100 + 50), .enhanced = e};
        out->reply.text = clean(cut_end(span_from(t, i + n)), "???", e, a);
        return true;
    }
    return false;
}

/* Words around a failure, lower case, and what they tell of the stage. The nearest would be best;
 * the order serves, from the most particular on. */
static const struct {
    const char *words;
    enum stage stage;
} stages[] = {
    {"in reply to rcpt", STAGE_RCPT},
    {"after rcpt to", STAGE_RCPT},
    {"in reply to end of data", STAGE_DOT},
    {"after end of data", STAGE_DOT},
    {"end of data", STAGE_DOT},
    {"in reply to data", STAGE_DATA},
    {"after data", STAGE_DATA},
    {"after pipelined data", STAGE_DATA},
    {"in reply to mail", STAGE_MAIL},
    {"after mail from", STAGE_MAIL},
    {"after pipelined mail", STAGE_MAIL},
    {"in reply to auth", STAGE_AUTH},
    {"sasl authentication failed", STAGE_AUTH},
    {"authentication failed; server", STAGE_AUTH},
    {"in reply to ehlo", STAGE_HELO},
    {"in reply to helo", STAGE_HELO},
    {"after ehlo", STAGE_HELO},
    {"after helo", STAGE_HELO},
    {"in reply to starttls", STAGE_STARTTLS},
    {"after starttls", STAGE_STARTTLS},
    {"after initial connection", STAGE_GREETING},
    {"refused to talk to me", STAGE_GREETING},
    {"incorrect greeting", STAGE_GREETING},
    {"does not like recipient", STAGE_RCPT},
    {"does not like sender", STAGE_MAIL},
    {"failed on data command", STAGE_DATA},
    {"failed after i sent the message", STAGE_DOT},
    {"reject: rcpt from", STAGE_RCPT},
    {"reject: mail from", STAGE_MAIL},
    {"reject: connect from", STAGE_CONNECT},
    {"reject: helo from", STAGE_HELO},
    {"reject: ehlo from", STAGE_HELO},
    {"reject: end-of-message", STAGE_DOT},
    {"reject: data from", STAGE_DATA},
    {">>> rcpt to", STAGE_RCPT},
    {">>> mail from", STAGE_MAIL},
    {">>> data", STAGE_DATA},
    {"stage=rcpt", STAGE_RCPT},
    {"stage=mail", STAGE_MAIL},
    {"stage=auth", STAGE_AUTH},
    {"stage=data", STAGE_DATA},
    {"stage=dot", STAGE_DOT},
    {"stage=greeting", STAGE_GREETING},
    {"stage=helo", STAGE_HELO},
    {"recipient address was rejected", STAGE_RCPT},
    {"recipients was rejected", STAGE_RCPT},
    {"recipient was rejected", STAGE_RCPT},
    {"recipients were rejected", STAGE_RCPT},
    {"sender address was rejected", STAGE_MAIL},
    {"sender was rejected", STAGE_MAIL},
    {"login to server", STAGE_AUTH},
    {"unable to authenticate", STAGE_AUTH},
    {"authentication failed", STAGE_AUTH},
};

enum stage said_stage(struct span text, struct arena *a)
{
    struct span plain = said_plain(span_head(text, 8192), a);

    for (size_t i = 0; i < COUNT(stages); i++)
        if (span_search(plain, span_of(stages[i].words)) >= 0)
            return stages[i].stage;
    return STAGE_NONE;
}

/* A host name or address at the front: with a dot in it, of harmless letters. */
static struct span host_at(struct span t)
{
    size_t n = 0;
    bool dot = false;

    while (t.len && is_in(t.at[0], " \t\r\n\"'<([=:\xe2\x80\x9c"))
        t = span_from(t, 1);
    while (
        n < t.len && n < 253 &&
        ((is_word(t.at[n]) && (unsigned char)t.at[n] < 128) || t.at[n] == '.' || t.at[n] == '-')) {
        dot |= t.at[n] == '.' && n > 0;
        n++;
    }
    while (n && t.at[n - 1] == '.')
        n--;
    return dot && n > 3 ? span_head(t, n) : SPAN_NONE;
}

struct span said_host(struct span text, struct arena *a)
{
    static const char *const before[] = {
        "remote-mta: dns;",
        "remote-mta:",
        "(host ",
        "said: host ",
        "; host ",
        "server (smtp)",
        "connect to ",
        "lost connection with ",
        "relay=",
        " h=",
        "using the server",
        "connection to server",
        "outgoing server",
        "contact the server",
        "by ",
        "server ",
        "remote mail server ",
        "host ",
    };
    struct span low = said_plain(span_head(text, 8192), a);

    for (size_t i = 0; i < COUNT(before); i++) {
        ptrdiff_t at = span_search(low, span_of(before[i]));
        struct span host = SPAN_NONE;

        if (at >= 0)
            host = host_at(span_from(low, (size_t)at + strlen(before[i])));
        if (host.len)
            return arena_span(a, host);
    }
    return SPAN_NONE;
}

bool said_find(struct span text, struct said *out, struct arena *a)
{
    struct span t = span_trim(text);
    int best = GOOD_ENOUGH - 1;
    size_t where = 0;
    unsigned code, best_code = 0;

    *out = (struct said){0};
    for (size_t i = 0; i + 3 <= t.len; i++) {
        int n = code_at(t, i, &code) ? points(t, i, code) : 0;

        if (n > best) {
            best = n;
            where = i;
            best_code = code;
        }
    }
    if (best_code) {
        size_t from = where > LOOK_BACK ? where - LOOK_BACK : 0;

        take(t, where, best_code, out, a);
        if (t.len > where + 3 + out->reply.text.len || where)
            out->stage = said_stage(
                span_head(span_from(t, from), where - from + out->reply.text.len + LOOK_AHEAD), a);
    } else if (!find_enhanced(t, out, a)) {
        return false;
    }
    out->host = where ? said_host(t, a) : SPAN_NONE;
    if (out->stage == STAGE_NONE && out->made_up)
        out->stage = said_stage(t, a);
    return true;
}
