/* server_session: what the files of the SMTP server engine share; for src/smtp/server_*.c and
 * smtp_server.c only.
 *
 *   GREETING --220--> FRESH --HELO/EHLO--> READY --MAIL--> MAIL --RCPT--> RCPT --DATA---> BODY
 *                       ^                   | ^                            |
 *                       +----- STARTTLS ----+ +--- end, RSET, EHLO ------- + --BDAT--> CHUNKS
 *
 * TLS and LOGIN are the stays within a handshake and an AUTH; END is reached from everywhere. */
#ifndef PORT26_SMTP_SERVER_SESSION_H
#define PORT26_SMTP_SERVER_SESSION_H

#include "io/line.h"
#include "mail/address.h"
#include "sasl/sasl_server.h"
#include "smtp/smtp_server.h"
#include "tls/tls.h"

/* Named in the log: LOST and TIMEOUT tell in which of them. */
#define SERVER_STATES(X)                                                                           \
    X(SERVER_GREETING, "greeting")                                                                 \
    X(SERVER_TLS, "tls")                                                                           \
    X(SERVER_FRESH, "before-hello")                                                                \
    X(SERVER_READY, "ready")                                                                       \
    X(SERVER_LOGIN, "login")                                                                       \
    X(SERVER_MAIL, "mail")                                                                         \
    X(SERVER_RCPT, "rcpt")                                                                         \
    X(SERVER_CHUNKS, "chunks")                                                                     \
    X(SERVER_BODY, "body")                                                                         \
    X(SERVER_END, "end")
#define X(id, name) id,
enum server_state { SERVER_STATES(X) };
#undef X

enum {
    SERVER_HELO_MAX = 255,
    SERVER_MECHANISM_MAX = 31,
    SERVER_READ_AHEAD = 16384, /* one TLS record; also the longest line */
    SERVER_FLUSH_AT = 4096,    /* answers wait for company up to here (RFC 2920 3.2) */
    SERVER_OUT_MAX = SERVER_FLUSH_AT + 32768,
};

struct server_session {
    struct smtp_server_session seen; /* what the callbacks look at */
    struct stream **stream;
    const struct smtp_server_settings *settings;
    const struct smtp_server_calls *calls;
    void *arg;

    enum server_state state;
    int result; /* of smtp_server_run, once SERVER_END */
    struct line_reader lines;
    struct text out; /* answers not yet sent */
    struct arena *answers;
    bool answers_used; /* holds a block, to be given back while idle */

    struct tls_info tls;
    char helo[SERVER_HELO_MAX + 1];
    char login[SASL_NAME_MAX + 1];
    char mechanism[SERVER_MECHANISM_MAX + 1];

    struct arena *arena; /* of the transaction; made at the first MAIL */
    struct smtp_server_transaction transaction;
    size_t recipients_cap;
    unsigned recipients_refused;
    int64_t body_until; /* end of the time for this message */
    int body_failed;    /* what `body` returned, sticky */
    bool body_too_big;
    bool chunk_cr;   /* BDAT: the last octet was a CR */
    bool chunk_open; /* BDAT: the last octet was no LF */
    bool invited;    /* this command said 354: what follows it was not sent blindly */

    int64_t started;           /* clock_now() */
    unsigned commands, errors; /* since the last accepted message */
    unsigned unknown, logins_failed;
};

/* ---- server_session.c: states, ends, events ---- */

/* The only place where the state changes; names and logs it. */
void server_session_enter(struct server_session *s, enum server_state to);
/* No more commands; `result` as for smtp_server_run. The first end counts. */
void server_session_end(struct server_session *s, int result);
void server_session_event(struct server_session *s, enum smtp_server_event e, struct span words);
const char *server_session_state(const struct server_session *s);
/* The transaction, if any, is forgotten; the callbacks hear of it when `tell`. Goes to READY. */
void server_session_forget(struct server_session *s, bool tell);
bool server_session_in_transaction(const struct server_session *s);
/* Submission by a stranger: MAIL has to wait for a login. */
bool server_session_needs_login(const struct server_session *s);
bool server_session_draining(const struct server_session *s);

/* ---- server_reply.c: answers ---- */

/* Adds an answer of the engine's own. `enhanced` NULL: none (RFC 2034 3). The words hold nothing a
 * peer said. A 421 ends the session. */
void server_reply_say(struct server_session *s, unsigned code, const char *enhanced,
                      const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Adds an answer of a callback. */
void server_reply_give(struct server_session *s, const struct reply *r);
/* As give, or when r->code is 0 the engine's default. */
void server_reply_or(struct server_session *s, const struct reply *r, unsigned code,
                     const char *enhanced, const char *words);
/* Says 421 and ends the session; `event` is told to the log with `words`. */
void server_reply_bye(struct server_session *s, enum smtp_server_event event, const char *enhanced,
                      const char *words);
/* 500 for a line that LINE_BARE stands for; ends the session when more came with it. */
void server_reply_bare(struct server_session *s, const char *words);
/* Sends what waits. False: the session is at its end. */
bool server_reply_flush(struct server_session *s);

/* ---- server_wait.c: waiting for the client ---- */

/* The next line, at most `max` octets with CR LF. Sends the waiting answers first, unless the line
 * is already here. LINE_OK, LINE_LONG or LINE_BARE; LINE_FAILED: the session has ended. */
enum line_result server_wait_line(struct server_session *s, int64_t until, size_t max,
                                  struct span *line);
/* Some bytes of the stream, to be consumed by line_used. False: the session has ended. */
bool server_wait_bytes(struct server_session *s, int64_t until, struct span *bytes);
/* When a wait that begins now and takes at most `ms` has to end. */
int64_t server_wait_until(const struct server_session *s, int64_t ms);
/* Reading failed with `sys` (0: end of stream): ends the session, with a last word where one can be
 * heard. */
void server_wait_failed(struct server_session *s, int sys);
/* Writing failed: the same without words. */
void server_wait_lost(struct server_session *s, int sys);

/* ---- the commands: each answers, and changes the state ---- */

void server_command_next(struct server_session *s); /* server_command.c: one line */
void server_hello_ehlo(struct server_session *s, struct span args);
void server_hello_helo(struct server_session *s, struct span args);
void server_starttls_begin(struct server_session *s, struct span args);
/* The handshake itself, also for implicit TLS. False: the session has ended. */
bool server_starttls_handshake(struct server_session *s);
void server_auth_login(struct server_session *s, struct span args);
/* Adds the mechanisms offered now, with single blanks. */
void server_auth_list(const struct server_session *s, struct text *out);
void server_mail_from(struct server_session *s, struct span args);
/* What MAIL and RCPT share. Takes "FROM:" or "TO:" and blanks off the front of *args. */
bool server_mail_word(struct span *args, struct span word);
/* Answers when the path was none; `syntax` is the enhanced code for that. */
bool server_mail_path_ok(struct server_session *s, enum path_result got, const char *syntax);
void server_mail_bad_params(struct server_session *s, enum params_result got,
                            const struct error *e);
/* enum params_extension bits of this session. */
unsigned server_mail_extensions(const struct server_session *s);
void server_rcpt_to(struct server_session *s, struct span args);
void server_data_take(struct server_session *s, struct span args);
void server_bdat_take(struct server_session *s, struct span args);
void server_plain_rset(struct server_session *s, struct span args);
void server_plain_noop(struct server_session *s, struct span args);
void server_plain_quit(struct server_session *s, struct span args);
void server_plain_help(struct server_session *s, struct span args);
void server_plain_vrfy(struct server_session *s, struct span args);
void server_plain_expn(struct server_session *s, struct span args);

/* ---- server_body.c: content, however it comes ---- */

/* Asks body_begin. False: refused and answered, the transaction is forgotten. */
bool server_body_begin(struct server_session *s);
void server_body_add(struct server_session *s, struct span bytes);
/* Asks body_end, answers, ends the transaction. */
void server_body_end(struct server_session *s);
/* It has grown past the limit, or the sink failed: nothing more is kept of it. */
bool server_body_lost(const struct server_session *s);
/* When the wait for the next piece ends. */
int64_t server_body_until(const struct server_session *s);

#endif
