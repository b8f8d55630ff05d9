/* STAT, LIST, UIDL, DELE, RSET, NOOP, QUIT: numbers, sizes, marks. */
#include "pop3/pop3_session.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>

static bool is_marked(const struct pop3_session *s, uint32_t place)
{
    return s->marked[place / 8] >> place % 8 & 1;
}

bool pop3_mailbox_place(struct pop3_session *s, struct span number, uint32_t *place)
{
    uint64_t n;

    if (!span_u64(number, UINT64_MAX, &n) || !n || n > s->seen.count) {
        if (s->seen.count)
            pop3_reply_err(s, POP3_NONE, "No such message: numbers go from 1 to %u",
                           (unsigned)s->seen.count);
        else
            pop3_reply_err(s, POP3_NONE, "No such message: the mailbox is empty");
        return false;
    }
    *place = (uint32_t)(n - 1);
    if (!is_marked(s, *place))
        return true;
    pop3_reply_err(s, POP3_NONE, "Message %llu is marked as deleted; RSET takes the marks off",
                   (unsigned long long)n);
    return false;
}

static bool entry(struct pop3_session *s, uint32_t place, struct pop3_server_entry *out,
                  struct pop3_answer *a)
{
    *a = s->calls->entry(s->arg, &s->seen, place, out);
    return !a->refused;
}

void pop3_mailbox_stat(struct pop3_session *s, struct span args)
{
    (void)args;
    pop3_reply_ok(s, "%u %llu", (unsigned)(s->seen.count - s->seen.deleted),
                  (unsigned long long)(s->mailbox.octets - s->marked_octets));
}

/* ---- LIST and UIDL ---- */

typedef void put_fn(struct pop3_session *s, uint32_t place, const struct pop3_server_entry *e);

static void put_size(struct pop3_session *s, uint32_t place, const struct pop3_server_entry *e)
{
    text_addf(&s->out, "%u %llu\r\n", (unsigned)place + 1, (unsigned long long)e->octets);
}

static void put_uid(struct pop3_session *s, uint32_t place, const struct pop3_server_entry *e)
{
    text_addf(&s->out, "%u %s\r\n", (unsigned)place + 1, e->uid);
}

static void list_one(struct pop3_session *s, struct span number, put_fn *put)
{
    struct pop3_server_entry e;
    struct pop3_answer a;
    uint32_t place;

    if (!pop3_mailbox_place(s, number, &place))
        return;
    if (!entry(s, place, &e, &a)) {
        pop3_reply_refuse(s, &a, "The mailbox can not be read now; try again in a minute");
        return;
    }
    text_adds(&s->out, "+OK ");
    put(s, place, &e);
}

/* Once it has begun, a list cannot be refused any more: it ends, or the session does. */
static void list_all(struct pop3_session *s, put_fn *put)
{
    struct pop3_server_entry e;
    struct pop3_answer a;

    pop3_reply_ok(s, "%u messages", (unsigned)(s->seen.count - s->seen.deleted));
    pop3_session_enter(s, POP3_SENDING);
    s->sending_until = clock_now() + s->settings->times.message;
    for (uint32_t i = 0; i < s->seen.count && pop3_reply_room(s); i++) {
        if (is_marked(s, i))
            continue;
        if (!entry(s, i, &e, &a)) {
            pop3_session_event(s, POP3_EVENT_BROKEN, a.words);
            pop3_session_end(s, -EIO);
            return;
        }
        put(s, i, &e);
    }
    s->sending_until = 0;
    if (s->state == POP3_END)
        return;
    text_adds(&s->out, ".\r\n");
    pop3_session_enter(s, POP3_MAILBOX);
}

void pop3_mailbox_list(struct pop3_session *s, struct span args)
{
    if (args.len)
        list_one(s, args, put_size);
    else
        list_all(s, put_size);
}

void pop3_mailbox_uidl(struct pop3_session *s, struct span args)
{
    if (args.len)
        list_one(s, args, put_uid);
    else
        list_all(s, put_uid);
}

/* ---- marks ---- */

void pop3_mailbox_dele(struct pop3_session *s, struct span args)
{
    struct pop3_server_entry e;
    struct pop3_answer a;
    uint32_t place;

    if (!pop3_mailbox_place(s, args, &place))
        return;
    if (!entry(s, place, &e, &a)) {
        pop3_reply_refuse(s, &a, "The mailbox can not be read now; try again in a minute");
        return;
    }
    s->marked[place / 8] = (unsigned char)(s->marked[place / 8] | 1U << place % 8);
    s->marked_octets += e.octets;
    s->seen.deleted++;
    pop3_reply_ok(s, "Message %u goes at QUIT", (unsigned)place + 1);
}

void pop3_mailbox_rset(struct pop3_session *s, struct span args)
{
    (void)args;
    memset(s->marked, 0, s->seen.count / 8 + 1);
    s->marked_octets = 0;
    s->seen.deleted = 0;
    pop3_reply_ok(s, "No message is marked any more");
}

void pop3_mailbox_noop(struct pop3_session *s, struct span args)
{
    (void)args;
    pop3_reply_ok(s, "Still here");
}

/* R9: the only place from which anything is removed. */
void pop3_mailbox_quit(struct pop3_session *s, struct span args)
{
    unsigned deleted = s->seen.deleted;
    struct pop3_answer a = {0};

    (void)args;
    if (s->state == POP3_MAILBOX)
        a = s->calls->update(s->arg, &s->seen,
                             (struct span){(const char *)s->marked, s->seen.count / 8 + 1});
    if (a.refused)
        pop3_reply_refuse(s, &a,
                          "Some deleted messages may still be there: look again in a minute");
    else if (deleted)
        pop3_reply_ok(s, "Good-bye; %u message%s deleted", deleted, deleted == 1 ? "" : "s");
    else
        pop3_reply_ok(s, "Good-bye");
    pop3_session_event(s, POP3_EVENT_QUIT, SPAN_NONE);
    pop3_session_end(s, 0);
}
