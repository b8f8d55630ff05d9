/* What a POP3 client meets at a door: the keeper's answers about one mailbox. Messages come as
 * descriptors, so that their octets go from the file to the client without the keeper, and without
 * the loop when the disk is slow. */
#include "serve/session_parts.h"

#include "base/clock.h"
#include "base/log.h"
#include "io/disk.h"
#include "io/fiber.h"
#include "pop3/pop3_server.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    OPEN_TIME = 300 * 1000, /* the keeper's time to read a large folder on a slow disk */
    READ_TIME = 60 * 1000,
    REMOVE_TIME = 300 * 1000,
    /* A client that lost its line comes back before we know; its old session ends soon. */
    TRIES = 8,
    PAUSE = 250,
};

struct session_pop {
    struct session *session;
    uint64_t mailbox;    /* our number for it; 0: none is open */
    uint32_t first;      /* of the page at hand */
    struct parcel *page; /* of the list; NULL: none */
    int fd;              /* of the message that is read; -1: none */
    off_t at, size;      /* so much of it was, of so much */
};

static struct parcel *ask_mailbox(struct session_pop *p, enum letter_kind kind,
                                  struct letter_mailbox_wanted *wanted, int64_t time)
{
    wanted->number = p->mailbox;
    listen_touch(p->session->place);
    return session_ask(p->session, kind, wanted, LETTER_MAILBOX, time);
}

static unsigned result_of(const struct parcel *p)
{
    return p ? ((const struct letter_mailbox *)p->letter)->result : MAILBOX_NOT_NOW;
}

static struct session_pop *pop_of(void *arg)
{
    return ((struct session *)arg)->pop;
}

/* No words: the engine has some for "not now". */
static struct pop3_answer refusal(unsigned result)
{
    static const struct pop3_answer answers[] = {
        [MAILBOX_IN_USE] = {true, POP3_IN_USE,
                            SPAN("Your mailbox is open in another program or on another device: "
                                 "close it there, or try again in a few minutes")},
        [MAILBOX_GONE] = {true, POP3_NONE,
                          SPAN("This message is gone: another program removed it meanwhile")},
        [MAILBOX_NOT_NOW] = {true, POP3_SYS_TEMP, {NULL, 0}},
    };

    return answers[result];
}

static struct pop3_answer on_login(void *arg, const struct pop3_server_session *s, bool ok,
                                   struct span name)
{
    struct session *self = arg;

    if (session_end_login(self, s->mechanism, ok, name))
        return (struct pop3_answer){0};
    if (self->locked_out)
        return (struct pop3_answer){true, POP3_AUTH, SPAN(SESSION_LOCKED)};
    return (struct pop3_answer){.refused = true, .code = POP3_SYS_TEMP};
}

/* ---- the mailbox ---- */

/* Also one that the keeper may or may not have opened yet. */
static void leave(struct session_pop *p)
{
    struct letter_mailbox_wanted l = {.number = p->mailbox};

    parcel_free(&p->page);
    if (p->mailbox)
        channel_send(p->session->house->keeper, LETTER_MAILBOX_CLOSE, 0, &l, -1);
    p->mailbox = 0;
}

static struct pop3_answer on_open(void *arg, const struct pop3_server_session *s,
                                  struct pop3_server_mailbox *out)
{
    struct session_pop *p = pop_of(arg);
    struct letter_mailbox_wanted l = {.account = span_of(p->session->account)};
    const struct letter_mailbox *got;
    struct parcel *answer = NULL;
    unsigned result = MAILBOX_IN_USE;

    (void)s;
    for (int i = 0; i < TRIES && result == MAILBOX_IN_USE; i++) {
        if (i && fiber_sleep(PAUSE) < 0)
            break;
        parcel_free(&answer);
        p->mailbox = ++p->session->house->mailboxes;
        answer = ask_mailbox(p, LETTER_MAILBOX_OPEN, &l, OPEN_TIME);
        result = result_of(answer);
    }
    got = result == MAILBOX_GOOD ? answer->letter : NULL;
    if (got)
        *out = (struct pop3_server_mailbox){got->count, got->octets};
    parcel_free(&answer);
    if (got)
        return (struct pop3_answer){0};
    leave(p);
    session_forget_login(p->session);
    return refusal(result);
}

static const struct letter_mailbox_entry *entry_at_hand(const struct session_pop *p, uint32_t place)
{
    const struct letter_mailbox *page = p->page ? p->page->letter : NULL;

    if (!page || place < p->first || place - p->first >= page->entry_count)
        return NULL;
    return &page->entries[place - p->first];
}

static struct pop3_answer on_entry(void *arg, const struct pop3_server_session *s, uint32_t place,
                                   struct pop3_server_entry *out)
{
    struct session_pop *p = pop_of(arg);
    struct letter_mailbox_wanted l = {.place = place - place % LETTER_ENTRIES};
    const struct letter_mailbox_entry *e = entry_at_hand(p, place);

    (void)s;
    if (!e) {
        parcel_free(&p->page);
        p->first = l.place;
        p->page = ask_mailbox(p, LETTER_MAILBOX_LIST, &l, READ_TIME);
        e = entry_at_hand(p, place);
    }
    if (!e || !span_cstr(e->uid, out->uid, sizeof out->uid))
        return refusal(MAILBOX_NOT_NOW);
    out->octets = e->octets;
    return (struct pop3_answer){0};
}

/* ---- a message ---- */

static struct pop3_answer on_message(void *arg, const struct pop3_server_session *s, uint32_t place)
{
    struct session_pop *p = pop_of(arg);
    struct letter_mailbox_wanted l = {.place = place};
    struct parcel *answer = ask_mailbox(p, LETTER_MAILBOX_READ, &l, READ_TIME);
    unsigned result = result_of(answer);

    (void)s;
    if (result == MAILBOX_GOOD && answer->fd >= 0) {
        p->fd = answer->fd;
        p->at = 0;
        p->size = lseek(p->fd, 0, SEEK_END); /* fstat is not allowed in this jail */
        answer->fd = -1;
    }
    parcel_free(&answer);
    if (p->fd >= 0)
        return (struct pop3_answer){0};
    return refusal(result == MAILBOX_GOOD ? MAILBOX_NOT_NOW : result);
}

/* A file that ends before the length it had was cut by somebody: what the client has is no message.
 */
static ssize_t on_content(void *arg, const struct pop3_server_session *s, char *buf, size_t n)
{
    struct session_pop *p = pop_of(arg);
    ssize_t got;

    (void)s;
    listen_touch(p->session->place);
    got = disk_read(p->session->house->disk, p->fd, buf, n, p->at);
    p->at += got > 0 ? got : 0;
    return got == 0 && p->at < p->size ? -EIO : got;
}

static void on_content_end(void *arg, const struct pop3_server_session *s)
{
    struct session_pop *p = pop_of(arg);

    (void)s;
    close(p->fd);
    p->fd = -1;
}

/* Waited for whatever happens: the client shall know what became of it. */
static struct pop3_answer on_update(void *arg, const struct pop3_server_session *s,
                                    struct span marked)
{
    struct session_pop *p = pop_of(arg);
    struct letter_mailbox_wanted l = {.marked = s->deleted ? marked : SPAN_NONE};
    struct parcel *answer;
    unsigned result;

    p->session->committing = s->deleted > 0;
    answer = ask_mailbox(p, LETTER_MAILBOX_CLOSE, &l, REMOVE_TIME);
    p->session->committing = false;
    result = result_of(answer);
    if (answer)
        p->mailbox = 0;
    parcel_free(&answer);
    return result == MAILBOX_GOOD || !s->deleted ? (struct pop3_answer){0} : refusal(result);
}

/* ---- the session ---- */

static void on_event(void *arg, const struct pop3_server_session *s, enum pop3_server_event e,
                     struct span words)
{
    static const unsigned odd = 1U << POP3_EVENT_FOREIGN | 1U << POP3_EVENT_INJECTED |
                                1U << POP3_EVENT_BARE | 1U << POP3_EVENT_LIMIT |
                                1U << POP3_EVENT_TLS_FAILED | 1U << POP3_EVENT_BROKEN;
    const struct session *self = arg;

    (void)s;
    log_event(odd >> e & 1 ? LOG_NOTICE : LOG_DEBUG, "session",
              LOG_STR("what", pop3_server_event_name(e)), LOG_STR("peer", self->peer),
              LOG_STR("door", self->door->config->name), LOG_SPAN("words", words));
}

/* Doors have the settings of SMTP; most mean the same here. */
static struct pop3_server_settings settings_of(const struct session *self)
{
    const struct smtp_server_settings *smtp = &self->settings;
    struct pop3_server_settings s = pop3_server_defaults();

    s.hostname = smtp->hostname;
    s.mechanisms = smtp->mechanisms;
    s.channel_binding = smtp->channel_binding;
    s.fake_secret = smtp->fake_secret;
    s.tls = smtp->tls;
    s.tls_first = smtp->tls_first;
    s.tls_before_login = smtp->tls_before_login;
    s.draining = smtp->draining;
    s.times = (struct pop3_server_times){.greeting = smtp->times.greeting,
                                         .command = smtp->times.command,
                                         .idle = self->house->config->limits.pop3_timeout,
                                         .login = smtp->times.login,
                                         .before_login = smtp->times.before_login,
                                         .session = smtp->times.session,
                                         .answer = smtp->times.answer,
                                         .message = smtp->times.body};
    s.limits.commands = smtp->limits.commands;
    s.limits.unknown = smtp->limits.unknown;
    s.limits.errors = smtp->limits.errors;
    s.limits.logins = smtp->limits.logins;
    return s;
}

int session_pop_run(struct session *self)
{
    static const struct pop3_server_calls calls = {
        .login_calls = &session_login_calls,
        .login = on_login,
        .open = on_open,
        .entry = on_entry,
        .message = on_message,
        .content = on_content,
        .content_end = on_content_end,
        .update = on_update,
        .event = on_event,
    };
    struct pop3_server_settings settings = settings_of(self);
    struct session_pop p = {.session = self, .fd = -1};
    int result;

    self->pop = &p;
    result = pop3_server_run(&self->stream, &settings, &calls, self);
    leave(&p);
    self->pop = NULL;
    if (result == -EIO) /* what it has of a message is not all of it */
        stream_abort(&self->stream);
    return result;
}
