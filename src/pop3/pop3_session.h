/* pop3_session: what the files of the POP3 engine share; for src/pop3/ only.
 *
 *   GREETING --+OK--> LOGIN --USER, PASS or AUTH--> MAILBOX --QUIT--> END
 *                      | ^
 *                      STLS
 *
 * RFC 1939 calls them AUTHORIZATION and TRANSACTION; its UPDATE is what QUIT does. TLS and AUTH are
 * the stays within a handshake and an exchange; END is reached from everywhere. */
#ifndef PORT26_POP3_POP3_SESSION_H
#define PORT26_POP3_POP3_SESSION_H

#include "base/text.h"
#include "io/line.h"
#include "pop3/pop3_server.h"
#include "sasl/sasl_server.h"
#include "tls/tls.h"

/* Named in the log: LOST and TIMEOUT tell in which of them. */
#define POP3_STATES(X)                                                                             \
    X(POP3_GREETING, "greeting")                                                                   \
    X(POP3_TLS, "tls")                                                                             \
    X(POP3_LOGIN, "before-login")                                                                  \
    X(POP3_IN_AUTH, "login")                                                                       \
    X(POP3_MAILBOX, "mailbox")                                                                     \
    X(POP3_SENDING, "sending")                                                                     \
    X(POP3_END, "end")
#define X(id, name) id,
enum pop3_state { POP3_STATES(X) };
#undef X

enum {
    POP3_MECHANISM_MAX = 31,
    POP3_READ_AHEAD = 16384, /* also the longest line */
    POP3_FLUSH_AT = 16384,   /* answers wait for company up to here */
    POP3_OUT_MAX = POP3_FLUSH_AT + 65536,
    POP3_CHUNK = 16384,                   /* of a message */
    POP3_LINE_ROOM = 512 - 2,             /* of an answer (RFC 2449 4) */
    POP3_LINE_LOGIN = SASL_LINE_MAX + 64, /* AUTH and the lines within it */
};

struct pop3_session {
    struct pop3_server_session seen; /* what the callbacks look at */
    struct stream **stream;
    const struct pop3_server_settings *settings;
    const struct pop3_server_calls *calls;
    void *arg;

    enum pop3_state state;
    int result; /* of pop3_server_run, once POP3_END */
    struct line_reader lines;
    struct text out; /* not yet sent */
    struct arena *answers;
    bool answers_used; /* holds a block, to be given back while idle */

    struct tls_info tls;
    char user[SASL_NAME_MAX + 1]; /* as USER said it; empty: not said */
    char login[SASL_NAME_MAX + 1];
    char mechanism[POP3_MECHANISM_MAX + 1];

    struct pop3_server_mailbox mailbox;
    unsigned char *marked; /* one bit for each message */
    uint64_t marked_octets;

    int64_t started;       /* clock_now() */
    int64_t sending_until; /* of what is being sent; 0: nothing is */
    unsigned unknown, logins_failed;
};

/* ---- pop3_session.c: states, ends, events ---- */

/* The only place where the state changes; names and logs it. */
void pop3_session_enter(struct pop3_session *s, enum pop3_state to);
/* No more commands; `result` as for pop3_server_run. The first end counts. */
void pop3_session_end(struct pop3_session *s, int result);
void pop3_session_event(struct pop3_session *s, enum pop3_server_event e, struct span words);
const char *pop3_session_state(const struct pop3_session *s);
bool pop3_session_draining(const struct pop3_session *s);
/* Can a password be heard here and now? */
bool pop3_session_may_login(const struct pop3_session *s);
/* Who said they were somebody is nobody again. */
void pop3_session_forget(struct pop3_session *s);

/* ---- pop3_reply.c: answers ---- */

void pop3_reply_ok(struct pop3_session *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The words hold nothing a peer said. */
void pop3_reply_err(struct pop3_session *s, enum pop3_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A callback's refusal; `words` where it has none. In the mailbox it is no error of the client's:
 * it may find out one by one that another program took a hundred messages away. */
void pop3_reply_refuse(struct pop3_session *s, const struct pop3_answer *a, const char *words);
/* Says -ERR and ends the session; `event` is told to the log with `words`. */
void pop3_reply_bye(struct pop3_session *s, enum pop3_server_event event, enum pop3_code code,
                    const char *words);
/* For a line that LINE_BARE stands for; ends the session when more came with it. */
void pop3_reply_bare(struct pop3_session *s);
/* Sends what waits. False: the session is at its end. */
bool pop3_reply_flush(struct pop3_session *s);
/* The same once enough has gathered. */
bool pop3_reply_room(struct pop3_session *s);

/* ---- pop3_wait.c: waiting for the client ---- */

/* The next line, at most `max` octets with CR LF. Sends what waits first, unless the line is
 * already here. LINE_OK, LINE_LONG or LINE_BARE; LINE_FAILED: the session has ended. */
enum line_result pop3_wait_line(struct pop3_session *s, int64_t until, size_t max,
                                struct span *line);
/* Some bytes, left in the reader. False: the session has ended. */
bool pop3_wait_bytes(struct pop3_session *s, int64_t until, struct span *bytes);
/* When a wait that begins now and takes at most `ms` has to end. */
int64_t pop3_wait_until(const struct pop3_session *s, int64_t ms);
/* Writing failed: ends the session. */
void pop3_wait_lost(struct pop3_session *s, int sys);

/* ---- the commands: each answers, and changes the state ---- */

void pop3_command_next(struct pop3_session *s); /* pop3_command.c: one line */
/* The place a message number stands for, when there is such a message and it is not marked; else it
 * was refused. */
bool pop3_mailbox_place(struct pop3_session *s, struct span number, uint32_t *place);
void pop3_mailbox_stat(struct pop3_session *s, struct span args);
void pop3_mailbox_list(struct pop3_session *s, struct span args);
void pop3_mailbox_uidl(struct pop3_session *s, struct span args);
void pop3_mailbox_dele(struct pop3_session *s, struct span args);
void pop3_mailbox_rset(struct pop3_session *s, struct span args);
void pop3_mailbox_noop(struct pop3_session *s, struct span args);
void pop3_mailbox_quit(struct pop3_session *s, struct span args);
void pop3_read_retr(struct pop3_session *s, struct span args);
void pop3_read_top(struct pop3_session *s, struct span args);
void pop3_login_user(struct pop3_session *s, struct span args);
void pop3_login_pass(struct pop3_session *s, struct span args);
void pop3_login_auth(struct pop3_session *s, struct span args);
void pop3_login_apop(struct pop3_session *s, struct span args);
/* Adds the mechanisms offered now, with single blanks. */
void pop3_login_list(const struct pop3_session *s, struct text *out);
/* Our own buffer, when it held a secret. */
void pop3_login_wipe(struct span line);
void pop3_hello_capa(struct pop3_session *s, struct span args);
void pop3_hello_utf8(struct pop3_session *s, struct span args);
void pop3_hello_lang(struct pop3_session *s, struct span args);
void pop3_hello_stls(struct pop3_session *s, struct span args);
/* The handshake itself, also for implicit TLS. False: the session has ended. */
bool pop3_hello_handshake(struct pop3_session *s);

#endif
