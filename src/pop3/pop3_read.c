/* RETR and TOP: a message on its way to the client, in pieces. */
#include "pop3/pop3_session.h"

#include "base/clock.h"
#include "pop3/pop3_stuff.h"

#include <errno.h>

/* What is let through of a message: its header with the empty line behind it, then so many lines.
 */
struct cut {
    bool whole;        /* RETR: all of it */
    bool body, filled; /* behind the header; this line has an octet that is not its end */
    uint64_t lines;
};

/* How much of these bytes is let through; less than all: nothing behind it is. */
static size_t let_through(struct cut *c, struct span bytes)
{
    if (c->whole)
        return bytes.len;
    for (size_t i = 0; i < bytes.len; i++) {
        if (c->body && !c->lines)
            return i;
        if (bytes.at[i] != '\n') {
            c->filled = c->filled || bytes.at[i] != '\r';
            continue;
        }
        if (c->body)
            c->lines--;
        else if (!c->filled)
            c->body = true;
        c->filled = false;
    }
    return bytes.len;
}

static void broken(struct pop3_session *s, int sys)
{
    struct error e = {0};

    error_sys(&e, -sys, "A message could not be read to its end");
    pop3_session_event(s, POP3_EVENT_BROKEN, span_of(e.words));
    text_clear(&s->out);
    pop3_session_end(s, sys == -ECANCELED ? sys : -EIO);
}

/* The next piece; false at the end, whatever it was. *n is what `content` gave. */
static bool send_piece(struct pop3_session *s, struct cut *c, struct pop3_stuff *stuff, ssize_t *n)
{
    char chunk[POP3_CHUNK];
    size_t pass;

    *n = s->calls->content(s->arg, &s->seen, chunk, sizeof chunk);
    if (*n <= 0)
        return false;
    pass = let_through(c, (struct span){chunk, (size_t)*n});
    pop3_stuff_add(stuff, (struct span){chunk, pass}, &s->out);
    return pop3_reply_room(s) && pass == (size_t)*n;
}

/* No final dot unless all of it was read: else the client would take a part for the whole, and
 * delete it. */
static void send_content(struct pop3_session *s, struct cut *c)
{
    struct pop3_stuff stuff = {0};
    ssize_t n;

    while (send_piece(s, c, &stuff, &n))
        ;
    if (n < 0)
        broken(s, (int)n);
    else if (s->state != POP3_END)
        pop3_stuff_end(&stuff, &s->out);
}

static void send_message(struct pop3_session *s, uint32_t place, struct cut *c)
{
    struct pop3_server_entry e = {0};
    struct pop3_answer a = s->calls->entry(s->arg, &s->seen, place, &e);

    if (!a.refused)
        a = s->calls->message(s->arg, &s->seen, place);
    if (a.refused) {
        pop3_reply_refuse(s, &a, "This message can not be read now; try again in a minute");
        return;
    }
    if (c->whole)
        pop3_reply_ok(s, "%llu octets", (unsigned long long)e.octets);
    else
        pop3_reply_ok(s, "Its top");
    pop3_session_enter(s, POP3_SENDING);
    s->sending_until = clock_now() + s->settings->times.message;
    send_content(s, c);
    s->sending_until = 0;
    s->calls->content_end(s->arg, &s->seen);
    if (s->state != POP3_END)
        pop3_session_enter(s, POP3_MAILBOX);
}

void pop3_read_retr(struct pop3_session *s, struct span args)
{
    struct cut all = {.whole = true};
    uint32_t place;

    if (pop3_mailbox_place(s, args, &place))
        send_message(s, place, &all);
}

void pop3_read_top(struct pop3_session *s, struct span args)
{
    struct span rest = args, number = span_word(&rest), lines = span_trim(rest);
    struct cut top = {0};
    uint32_t place;

    if (!span_u64(lines, UINT64_MAX, &top.lines))
        pop3_reply_err(s, POP3_NONE, "Syntax: TOP message lines, both numbers");
    else if (pop3_mailbox_place(s, number, &place))
        send_message(s, place, &top);
}
