#include "base/memory.h"
#include "smtp/client_steps.h"

static void take_size(struct smtp_client *c, struct span value)
{
    /* Nonsense is no limit: then the server says no by itself. */
    if (!span_u64(span_trim(value), UINT64_MAX, &c->far.size))
        c->far.size = 0;
}

static void take_auth(struct smtp_client *c, struct span value)
{
    struct span more = span_trim(value);

    /* Some servers say it twice, "AUTH PLAIN" and "AUTH=PLAIN". */
    if (c->far.auth.len)
        c->far.auth =
            span_of(arena_printf(c->arena, "%.*s %.*s", SPAN_ARG(c->far.auth), SPAN_ARG(more)));
    else
        c->far.auth = arena_span(c->arena, more);
}

/* RFC 9422: "LIMITS RCPTMAX=20 MAILMAX=5". */
static void take_limits(struct smtp_client *c, struct span value)
{
    struct span word, name;

    while ((word = span_word(&value)).len) {
        uint64_t number;

        if (!span_cut(&word, '=', &name) || !span_u64(word, UINT32_MAX, &number))
            continue;
        if (span_iis(name, "RCPTMAX"))
            c->far.rcpt_max = number;
        else if (span_iis(name, "MAILMAX"))
            c->far.mail_max = number;
    }
}

static const struct keyword {
    const char *name;
    unsigned has;
    void (*take)(struct smtp_client *c, struct span value);
} keywords[] = {
    {"SIZE", HAS_SIZE, take_size},
    {"8BITMIME", HAS_8BITMIME, NULL},
    {"SMTPUTF8", HAS_SMTPUTF8, NULL},
    {"PIPELINING", HAS_PIPELINING, NULL},
    {"CHUNKING", HAS_CHUNKING, NULL},
    {"DSN", HAS_DSN, NULL},
    {"STARTTLS", HAS_STARTTLS, NULL},
    {"AUTH", HAS_AUTH, take_auth},
    {"ENHANCEDSTATUSCODES", HAS_ENHANCED, NULL},
    {"LIMITS", HAS_LIMITS, take_limits},
};

static void take_keyword(struct smtp_client *c, struct span line)
{
    struct span name = line;

    for (size_t i = 0; i < line.len; i++) {
        if (line.at[i] == ' ' || line.at[i] == '=' || line.at[i] == '\t') {
            name.len = i;
            break;
        }
    }
    for (size_t i = 0; i < COUNT(keywords); i++) {
        if (!span_iis(name, keywords[i].name))
            continue;
        c->far.has |= keywords[i].has;
        if (keywords[i].take)
            keywords[i].take(c, span_from(line, name.len + 1));
    }
}

/* What was known before does not count any more (RFC 3207 4.2). */
static void forget(struct smtp_client_far *far)
{
    far->has = 0;
    far->size = 0;
    far->rcpt_max = 0;
    far->mail_max = 0;
    far->auth = SPAN_NONE;
}

static void take_name(struct smtp_client *c, struct span first)
{
    if (!c->far.name.len)
        c->far.name = arena_span(c->arena, span_word(&first));
}

static void take_offers(struct smtp_client *c, const struct reply *r)
{
    struct span text = r->text, line;
    bool first = true;

    c->far.has = HAS_ESMTP;
    while (span_cut(&text, '\n', &line)) {
        if (first)
            take_name(c, line);
        else
            take_keyword(c, line);
        first = false;
    }
}

static int ask(struct smtp_client *c, const char *verb, struct reply *r)
{
    client_talk_stage(c, c->s.times.hello);
    client_talk_say(c, "%s %s", verb, c->s.helo);
    return client_talk_ask(c, STAGE_HELO, r);
}

int client_hello_run(struct smtp_client *c)
{
    struct reply r;

    forget(&c->far);
    if (ask(c, "EHLO", &r) < 0)
        return -1;
    if (reply_class(&r) == 2) {
        take_offers(c, &r);
        return 0;
    }
    if (reply_class(&r) == 5 && ask(c, "HELO", &r) < 0)
        return -1;
    if (reply_class(&r) == 3)
        return client_talk_broken(c, STAGE_HELO, "a 3xx reply");
    if (reply_class(&r) != 2)
        return client_talk_refused(c, STAGE_HELO, &r);
    take_name(c, r.text);
    return 0;
}
