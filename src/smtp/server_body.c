/* The content of a message, by DATA or BDAT. The engine bounds it and hands it on; whether it is
 * safe is body_end's to say (P1). */
#include "smtp/server_session.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>

bool server_body_begin(struct server_session *s)
{
    struct reply r = {0};

    s->body_until = clock_now() + s->settings->times.body;
    if (s->calls->body_begin)
        r = s->calls->body_begin(s->arg, &s->seen);
    if (r.code < 400)
        return true;
    server_session_forget(s, true);
    server_reply_give(s, &r);
    return false;
}

int64_t server_body_until(const struct server_session *s)
{
    int64_t idle = clock_now() + s->settings->times.body_idle;

    return idle < s->body_until ? idle : s->body_until;
}

bool server_body_lost(const struct server_session *s)
{
    return s->body_too_big || s->body_failed;
}

void server_body_add(struct server_session *s, struct span bytes)
{
    struct smtp_server_transaction *t = &s->transaction;
    uint64_t max = s->settings->limits.size;

    if (server_body_lost(s) || !bytes.len)
        return;
    if (max && bytes.len > max - t->size) {
        s->body_too_big = true;
        return;
    }
    t->size += bytes.len;
    if (s->calls->body)
        s->body_failed = s->calls->body(s->arg, &s->seen, bytes);
}

static void default_end(struct server_session *s, int failed)
{
    if (failed == -ENOSPC || failed == -EDQUOT)
        server_reply_say(s, 452, "4.3.1", "No room for this message now: try again later");
    else if (failed == -EMSGSIZE || failed == -EFBIG)
        server_reply_say(s, 552, "5.3.4", "Message too big");
    else
        server_reply_say(s, 451, "4.3.0", "The message could not be stored now: try again later");
}

static void too_big(struct server_session *s)
{
    unsigned long long max = s->settings->limits.size;

    server_session_forget(s, true);
    server_reply_say(s, 552, "5.3.4",
                     "Message bigger than the %llu octets taken here: send a link to the files",
                     max);
}

void server_body_end(struct server_session *s)
{
    int failed = s->body_failed;
    struct reply r = {0};

    if (s->body_too_big) {
        too_big(s);
        return;
    }
    if (s->calls->body_end)
        r = s->calls->body_end(s->arg, &s->seen, failed);
    assert(!failed || r.code / 100 != 2);
    server_session_forget(s, false);
    if (r.code / 100 == 2) {
        s->seen.messages++;
        s->commands = s->errors = 0;
    }
    if (r.code)
        server_reply_give(s, &r);
    else
        default_end(s, failed);
}
