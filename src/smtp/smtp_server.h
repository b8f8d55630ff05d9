/* smtp_server: the receiving side of SMTP and submission (RFC 5321, 6409) for one connection.
 *
 * The engine reads and answers; it never decides, resolves a name, or opens a file or socket. It is
 * handed a stream and asks struct smtp_server_calls. What it keeps by itself: the order of
 * commands, the grammar, limits, deadlines, strict line ends (P11), nothing from before TLS used
 * after it (P10), nothing read or written between the last octet of a message and the answer of
 * body_end (P1).
 *
 * Extensions: PIPELINING (RFC 2920), SIZE (1870), 8BITMIME (6152), SMTPUTF8 (6531), CHUNKING
 * without BINARYMIME (3030), DSN (3461), ENHANCEDSTATUSCODES (2034), STARTTLS (3207), AUTH (4954),
 * LIMITS (9422). */
#ifndef PORT26_SMTP_SMTP_SERVER_H
#define PORT26_SMTP_SMTP_SERVER_H

#include "base/arena.h"
#include "io/stream.h"
#include "mail/envelope.h"
#include "mail/params.h"
#include "mail/reply.h"

struct tls_context;
struct tls_info;
struct sasl_server_calls;

/* Milliseconds. A stage's time covers the whole stage, however many packets it takes. */
struct smtp_server_times {
    int64_t greeting;     /* implicit TLS or STARTTLS handshake, each; first command at most */
    int64_t command;      /* from one answer to the end of the next command line */
    int64_t login;        /* the whole AUTH exchange */
    int64_t before_login; /* whole session until a login, where login_required; 0: no such limit */
    int64_t session;      /* whole session; a message under way is still ended first. 0: none */
    int64_t body_idle;    /* between two pieces of a message */
    int64_t body;         /* a whole message, from 354 or the first BDAT on */
    int64_t answer;       /* the client's time to take our answers */
};

struct smtp_server_limits {
    uint64_t size;       /* octets of a message as stored; 0: no limit of ours */
    unsigned recipients; /* per message; at least 100 (RFC 5321 4.5.3.1.8) */
    unsigned messages;   /* per session; 0: no limit (MAILMAX of RFC 9422) */
    unsigned commands;   /* since the last accepted message */
    unsigned unknown;    /* commands nobody knows, per session */
    unsigned errors;     /* 4xx and 5xx answers since the last accepted message */
    unsigned logins;     /* failed AUTH commands per session */
    unsigned line;       /* octets of an ordinary command line with CR LF */
    unsigned line_mail;  /* of MAIL and RCPT, which carry parameters */
    unsigned line_login; /* of AUTH and the lines within it (RFC 4954 4: 12288) */
};

/* Read for the life of a session; the owner keeps it until smtp_server_run returned. Several
 * sessions may share one. */
struct smtp_server_settings {
    const char *hostname;    /* our name in the greeting and in EHLO's answer */
    const char *greeting;    /* words after the hostname, lines joined by '\n'; NULL: "ESMTP" */
    const char *help;        /* where people find help, a URL or a sentence; NULL: none */
    bool login_offered;      /* AUTH; needs calls->login_calls */
    const char *mechanisms;  /* of those sasl/ has, only these, blanks between; NULL: all */
    bool channel_binding;    /* -PLUS is offered over TLS, and who hid it is found out */
    struct span fake_secret; /* at least SCRAM_SECRET_MIN random bytes, see sasl/scram.h */
    struct tls_context *tls; /* NULL: STARTTLS not offered */
    bool tls_first;          /* implicit TLS: the handshake comes before the greeting */
    bool tls_done;           /* the handshake was made before: the stream is over TLS */
    bool tls_before_login;   /* in the clear AUTH is neither offered nor accepted */
    bool login_required;     /* submission: MAIL needs a login */
    bool trusted;            /* this client needs no login although the door asks for it */
    const bool *draining;    /* may be NULL; once true: the running transaction is finished, then
                                421. A session that waits idle is woken by fiber_cancel. */
    struct smtp_server_times times;
    struct smtp_server_limits limits;
};

/* A message under way: from an accepted MAIL on. All spans live in its arena. */
struct smtp_server_transaction {
    struct arena *arena;      /* cleared when the transaction ends; callbacks may use it */
    struct envelope envelope; /* id is fresh; recipients: those accepted so far */
    uint64_t declared_size;   /* SIZE=, 0: not said */
    enum params_body body;
    bool utf8;             /* SMTPUTF8 */
    struct span submitter; /* AUTH= of MAIL as xtext, or empty: never proof of anything */
    uint64_t size;         /* octets handed to `body` so far */
    bool chunked;          /* came by BDAT */
    void *own;             /* for the callbacks; NULL at first */
};

/* What callbacks may look at; never change it (but transaction->own). */
struct smtp_server_session {
    const struct smtp_server_settings *settings;
    struct arena *answers;      /* for reply texts: lives until the reply is written */
    struct span helo;           /* as the client said it, a good name or literal, or "" */
    bool esmtp;                 /* said EHLO */
    const struct tls_info *tls; /* NULL: in the clear */
    struct span login;          /* the account, empty: none */
    struct span mechanism;      /* of the login; in a notice of a failed one: of that */
    struct smtp_server_transaction *transaction; /* NULL: none */
    uint64_t messages;                           /* accepted in this session */
    unsigned commands, errors;                   /* of the whole session */
};

/* What the log hears of. */
#define SMTP_SERVER_EVENTS(X)                                                                      \
    X(SMTP_EVENT_TLS, "tls")               /* handshake done */                                    \
    X(SMTP_EVENT_TLS_FAILED, "tls-failed") /* words: why */                                        \
    X(SMTP_EVENT_LOGIN, "login")           /* done; words: the mechanism */                        \
    X(SMTP_EVENT_LOGIN_FAILED, "login-failed")                                                     \
    X(SMTP_EVENT_REFUSED, "refused")   /* a 4xx or 5xx was said; words: the reply */               \
    X(SMTP_EVENT_FOREIGN, "foreign")   /* another protocol: HTTP, TLS, SSH */                      \
    X(SMTP_EVENT_INJECTED, "injected") /* bytes stood behind STARTTLS or the like (P10) */         \
    X(SMTP_EVENT_BARE, "bare")         /* bare CR, LF or NUL */                                    \
    X(SMTP_EVENT_LIMIT, "limit")       /* a limit ended the session; words: which */               \
    X(SMTP_EVENT_TIMEOUT, "timeout")   /* words: in which state */                                 \
    X(SMTP_EVENT_LOST, "lost")         /* connection gone without QUIT; words: in which state */   \
    X(SMTP_EVENT_SHUTDOWN, "shutdown") /* we drain or evict */                                     \
    X(SMTP_EVENT_QUIT, "quit")
#define X(id, name) id,
enum smtp_server_event { SMTP_SERVER_EVENTS(X) };
#undef X
const char *smtp_server_event_name(enum smtp_server_event e);

/* The questions. `arg` is what smtp_server_run got. Every call runs on the session's fiber and may
 * wait as long as it likes, but reset and event; answers to earlier commands of the same pipelined
 * group may be sent only after it. A reply with code 0 means "the engine's
 * default"; its text must live in session->answers or be constant. Only `rcpt` and `body_end` have
 * no default that accepts; a NULL member is the same as one that always answers code 0.
 *
 * Any reply with code 421 ends the session after it was written.
 *
 * A transaction begins when `mail` answered 2xx (or 0). It ends by exactly one of: body_end, or
 * reset (RSET, new EHLO, refused message, lost connection, eviction, timeout, QUIT). */
struct smtp_server_calls {
    /* First, before the greeting. 2xx or 0: welcome. 4xx/5xx: said instead of the greeting; 421 and
     * 554 are what RFC 5321 3.1 knows. */
    struct reply (*connected)(void *arg, const struct smtp_server_session *s);
    /* After HELO/EHLO was understood; default 250. A 2xx text is not used for EHLO. */
    struct reply (*helo)(void *arg, const struct smtp_server_session *s);
    /* The house's side of SASL, called with the same `arg`. */
    const struct sasl_server_calls *login_calls;
    /* Notice of an AUTH's end: ok with session->login set, or not (`name`: what was tried, as far
     * as known; unverified). Default 235 or 535; may wait (delay against guessing); may answer 421
     * or 454. A 4xx/5xx answer to ok undoes the login. */
    struct reply (*login)(void *arg, const struct smtp_server_session *s, bool ok,
                          struct span name);
    /* MAIL was well-formed and allowed; session->transaction is filled, not yet begun. Default
     * 250. */
    struct reply (*mail)(void *arg, const struct smtp_server_session *s);
    /* One more recipient; its spans live for this call only, the accepted copy is in the envelope
     * afterwards. Code 0 refuses with 550 5.7.1. */
    struct reply (*rcpt)(void *arg, const struct smtp_server_session *s, const struct recipient *r);
    /* DATA or the first BDAT of a message with at least one recipient. Default 354 (DATA). A
     * 4xx/5xx refuses the message; the recipients are then forgotten (reset follows). */
    struct reply (*body_begin)(void *arg, const struct smtp_server_session *s);
    /* Content as stored, no dot-stuffing. What body_end is asked about has CR LF lines and no other
     * CR or LF: by DATA others are refused (reset comes instead), by BDAT they were made CR LF. 0,
     * or a negative errno: the rest is read and thrown away, then body_end is told. */
    int (*body)(void *arg, const struct smtp_server_session *s, struct span bytes);
    /* The end. `failed` is 0, or what `body` returned. The answer is the final one: 250 only after
     * the durable commit (P1). Must not be 2xx when failed. Code 0: 451, or for failed 452
     * (-ENOSPC, -EDQUOT), 552 (-EMSGSIZE, -EFBIG). */
    struct reply (*body_end)(void *arg, const struct smtp_server_session *s, int failed);
    /* The transaction is forgotten: free what belongs to it. May be called on a cancelled fiber:
     * must not wait. */
    void (*reset)(void *arg, const struct smtp_server_session *s);
    /* Default 252 whatever the argument (HOSTILE 79): answer the same for true and false names. */
    struct reply (*vrfy)(void *arg, const struct smtp_server_session *s, struct span argument);
    /* For log and metrics; `words` are escaped (no control characters) and may be empty. Must not
     * wait. */
    void (*event)(void *arg, const struct smtp_server_session *s, enum smtp_server_event e,
                  struct span words);
};

/* Times and limits a door starts with; all else zero. */
struct smtp_server_settings smtp_server_defaults(void);

/* Runs the whole dialogue on the calling fiber. Filters (TLS) are pushed on *stream; closing it is
 * the caller's. 0: ended in good order (QUIT, or our 421/554 was taken). Negative errno:
 * -ECONNRESET, -EPIPE: the client vanished; -ETIMEDOUT; -ECANCELED (fiber_cancel); -EPROTO: it
 * broke the rules (another protocol, injected bytes, failed handshake). In every case our last
 * words are written but may still be on their way: stream_close lets them arrive, stream_abort may
 * not. */
int smtp_server_run(struct stream **stream, const struct smtp_server_settings *settings,
                    const struct smtp_server_calls *calls, void *arg);

#endif
