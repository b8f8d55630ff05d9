/* HELO and EHLO (RFC 5321 4.1.1.1), and what EHLO announces. */
#include "smtp/server_session.h"

#include "base/memory.h"
#include "mail/address.h"

#include <stdio.h>
#include <string.h>

static bool says_starttls(const struct server_session *s, struct text *line)
{
    (void)line;
    return s->settings->tls && !s->seen.tls;
}

static bool says_auth(const struct server_session *s, struct text *line)
{
    size_t before = line->len;

    if (!s->seen.login.len)
        server_auth_list(s, line);
    return line->len > before;
}

static bool says_size(const struct server_session *s, struct text *line)
{
    if (s->settings->limits.size)
        text_addf(line, " %llu", (unsigned long long)s->settings->limits.size);
    return true;
}

static bool says_limits(const struct server_session *s, struct text *line)
{
    const struct smtp_server_limits *l = &s->settings->limits;

    text_addf(line, " RCPTMAX=%u", l->recipients);
    if (l->messages)
        text_addf(line, " MAILMAX=%u", l->messages);
    return true;
}

/* What we can do. `says` adds " parameter..." to the line and tells whether it is said at all. */
static const struct extension {
    const char *keyword;
    bool (*says)(const struct server_session *s, struct text *line);
} extensions[] = {
    {"PIPELINING", NULL},
    {"SIZE", says_size},
    {"8BITMIME", NULL},
    {"SMTPUTF8", NULL},
    {"CHUNKING", NULL},
    {"DSN", NULL},
    {"ENHANCEDSTATUSCODES", NULL},
    {"STARTTLS", says_starttls},
    {"AUTH", says_auth},
    {"LIMITS", says_limits},
    {"HELP", NULL},
};

static void list_extensions(struct server_session *s)
{
    struct text lines = TEXT_INIT(2048);
    struct reply r = {.code = 250};

    text_addf(&lines, "%s at your service", s->settings->hostname);
    for (size_t i = 0; i < COUNT(extensions); i++) {
        size_t before = lines.len;

        text_addf(&lines, "\n%s", extensions[i].keyword);
        if (extensions[i].says && !extensions[i].says(s, &lines))
            lines.len = before;
    }
    r.text = text_span(&lines);
    reply_format(&r, &s->out);
    text_free(&lines);
}

/* Names with blanks or controls are no names. Others are let in even when they are odd (machines of
 * people are called anything), but only clean ones are repeated in Received and log. */
static bool name_ok(struct span name)
{
    if (!name.len || name.len > SERVER_HELO_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.at[i] <= ' ' || name.at[i] == 0x7f)
            return false;
    return true;
}

static bool name_clean(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.at[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

        if (!letter && !(c >= '0' && c <= '9') && (c == 0 || !strchr(".-_:[]", c)))
            return false;
    }
    return true;
}

static bool hello(struct server_session *s, struct span name)
{
    struct reply r = {0};

    if (!name_ok(name)) {
        server_reply_say(s, 501, "5.5.4", "Give the name or [address] of your machine");
        return false;
    }
    server_session_forget(s, true); /* RFC 5321 4.1.4: as RSET */
    if (!name_clean(name) || !span_cstr(name, s->helo, sizeof s->helo))
        s->helo[0] = '\0';
    s->seen.helo = span_of(s->helo);
    server_session_enter(s, SERVER_READY);
    if (s->calls->helo)
        r = s->calls->helo(s->arg, &s->seen);
    if (r.code < 400)
        return true;
    server_reply_give(s, &r);
    if (s->state != SERVER_END)
        server_session_enter(s, SERVER_FRESH);
    return false;
}

void server_hello_ehlo(struct server_session *s, struct span args)
{
    s->seen.esmtp = true;
    if (hello(s, args))
        list_extensions(s);
}

void server_hello_helo(struct server_session *s, struct span args)
{
    s->seen.esmtp = false;
    if (hello(s, args))
        server_reply_say(s, 250, NULL, "%s at your service", s->settings->hostname);
}
