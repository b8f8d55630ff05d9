/* pop3_server: the server's side of POP3 (RFC 1939) for one connection.
 *
 * The engine reads and answers; it never decides, opens a file or socket, or removes anything. It
 * is handed a stream and asks struct pop3_server_calls. What it keeps by itself: the order of
 * commands, the grammar, limits, deadlines, strict line ends (P11), nothing from before TLS used
 * after it (P10), the marks of DELE, which have an effect at QUIT only (R9), and the form of what
 * RETR and TOP send. Its memory does not grow with messages: one buffer, and one bit for each of
 * the mailbox.
 *
 * Extensions: CAPA, PIPELINING, RESP-CODES (RFC 2449), AUTH-RESP-CODE and SYS (3206), STLS (2595),
 * AUTH (1734, 5034), UTF8 and LANG (6856; messages go out as they are, in both modes:
 * docs/why/pop3.md). Not APOP: it needs passwords in the clear on the server. */
#ifndef PORT26_POP3_POP3_SERVER_H
#define PORT26_POP3_POP3_SERVER_H

#include "base/arena.h"
#include "io/stream.h"

struct tls_context;
struct tls_info;
struct sasl_server_calls;

enum {
    POP3_UID_MAX = 70, /* RFC 1939 7; characters 0x21 to 0x7E */
    POP3_COUNT_MAX = 1000000,
};

/* Milliseconds. A stage's time covers the whole stage, however many packets it takes. */
struct pop3_server_times {
    int64_t greeting;     /* a handshake; the first command at most */
    int64_t command;      /* before the login: from one answer to the end of the next command */
    int64_t idle;         /* after it; RFC 1939 3 wants at least 10 minutes */
    int64_t login;        /* the whole AUTH exchange */
    int64_t before_login; /* the whole session until a login; 0: no such limit */
    int64_t session;      /* the whole session; a message under way is still sent. 0: none */
    int64_t answer;       /* the client's time to take what we gathered for it */
    int64_t message;      /* to take a whole message or list */
};

struct pop3_server_limits {
    unsigned commands; /* per session, and 20 more for each message of the mailbox */
    unsigned unknown;  /* commands nobody knows, per session */
    unsigned errors;   /* refusals, per session; not those of `message` and `entry` */
    unsigned logins;   /* failed logins per session */
    unsigned line;     /* octets of an ordinary command line with CR LF (RFC 2449 4: 255) */
};

/* Read for the life of a session; the owner keeps it until pop3_server_run returned. */
struct pop3_server_settings {
    const char *hostname;    /* our name in the greeting */
    const char *mechanisms;  /* of those sasl/ has, only these, blanks between; NULL: all */
    bool channel_binding;    /* -PLUS is offered over TLS, and who hid it is found out */
    struct span fake_secret; /* at least SCRAM_SECRET_MIN random bytes, see sasl/scram.h */
    struct tls_context *tls; /* NULL: STLS not offered */
    bool tls_first;          /* implicit TLS: the handshake comes before the greeting */
    bool tls_before_login;   /* in the clear nobody can log in */
    const bool *draining;    /* may be NULL; once true: closed at the next command. A session that
                                waits idle is woken by fiber_cancel. */
    struct pop3_server_times times;
    struct pop3_server_limits limits;
};

/* Response codes: what a mail program may conclude (RFC 2449 8, RFC 3206). AUTH is the only one
 * after which it asks its owner for another password. */
#define POP3_CODES(X)                                                                              \
    X(POP3_NONE, "")                                                                               \
    X(POP3_IN_USE, "IN-USE")                                                                       \
    X(POP3_AUTH, "AUTH")                                                                           \
    X(POP3_SYS_TEMP, "SYS/TEMP")                                                                   \
    X(POP3_SYS_PERM, "SYS/PERM")
#define X(id, name) id,
enum pop3_code { POP3_CODES(X) };
#undef X

/* What a callback says. Zeroed: yes, in the engine's words. The words are one line. */
struct pop3_answer {
    bool refused;
    enum pop3_code code; /* of a refusal */
    struct span words;
};

/* What callbacks may look at. */
struct pop3_server_session {
    const struct pop3_server_settings *settings;
    struct arena *answers;      /* for the words of answers: lives until they are written */
    const struct tls_info *tls; /* NULL: in the clear */
    struct span login;          /* the account, empty: none */
    struct span mechanism;      /* of the login, "USER" for USER and PASS; in a notice of a failed
                                   one: of that */
    uint32_t count;             /* messages in the mailbox as it was opened */
    uint32_t deleted;           /* of them marked */
    unsigned commands, errors;
};

struct pop3_server_mailbox {
    uint32_t count; /* at most POP3_COUNT_MAX */
    uint64_t octets;
};

struct pop3_server_entry {
    uint64_t octets; /* as sent: with CR LF at each line's end, without dots added */
    char uid[POP3_UID_MAX + 1];
};

/* What the log hears of. */
#define POP3_SERVER_EVENTS(X)                                                                      \
    X(POP3_EVENT_TLS, "tls")               /* handshake done */                                    \
    X(POP3_EVENT_TLS_FAILED, "tls-failed") /* words: why */                                        \
    X(POP3_EVENT_LOGIN, "login")           /* done; words: the mechanism */                        \
    X(POP3_EVENT_LOGIN_FAILED, "login-failed")                                                     \
    X(POP3_EVENT_REFUSED, "refused")   /* -ERR was said; words: what */                            \
    X(POP3_EVENT_FOREIGN, "foreign")   /* another protocol: HTTP, TLS, SSH */                      \
    X(POP3_EVENT_INJECTED, "injected") /* bytes stood behind STLS (P10) */                         \
    X(POP3_EVENT_BARE, "bare")         /* bare CR, LF or NUL */                                    \
    X(POP3_EVENT_LIMIT, "limit")       /* a limit ended the session; words: which */               \
    X(POP3_EVENT_TIMEOUT, "timeout")   /* words: in which state */                                 \
    X(POP3_EVENT_LOST, "lost")         /* connection gone without QUIT; words: in which state */   \
    X(POP3_EVENT_BROKEN, "broken")     /* a message could not be read to its end */                \
    X(POP3_EVENT_SHUTDOWN, "shutdown") /* we drain or evict */                                     \
    X(POP3_EVENT_QUIT, "quit")
#define X(id, name) id,
enum pop3_server_event { POP3_SERVER_EVENTS(X) };
#undef X
const char *pop3_server_event_name(enum pop3_server_event e);

/* Any of them may make the fiber wait, unless it says otherwise. */
struct pop3_server_calls {
    /* The house's side of SASL, called with the same `arg`; USER and PASS ask it too. */
    const struct sasl_server_calls *login_calls;
    /* Notice of a login's end: ok with session->login set, or not (`name`: what was tried). May be
     * NULL. A refusal of ok undoes the login; else its words take the place of the engine's. */
    struct pop3_answer (*login)(void *arg, const struct pop3_server_session *s, bool ok,
                                struct span name);
    /* After it: the mailbox of session->login, for this session alone. A refusal undoes the login,
     * and the client may try again. */
    struct pop3_answer (*open)(void *arg, const struct pop3_server_session *s,
                               struct pop3_server_mailbox *out);
    /* The message of that place, counted from 0, in an order that stays for the session. */
    struct pop3_answer (*entry)(void *arg, const struct pop3_server_session *s, uint32_t place,
                                struct pop3_server_entry *out);
    /* A message is to be read: `content` gives its bytes as stored, any line ends; 0 at the end, or
     * a negative errno. content_end follows each message that was not refused; it must not wait. */
    struct pop3_answer (*message)(void *arg, const struct pop3_server_session *s, uint32_t place);
    ssize_t (*content)(void *arg, const struct pop3_server_session *s, char *buf, size_t n);
    void (*content_end)(void *arg, const struct pop3_server_session *s);
    /* QUIT: bit (place % 8) of octet (place / 8) is set for what is to be removed; it may be
     * nothing. When it says yes they are gone. The mailbox is free again in any case: the client
     * may come back at once. */
    struct pop3_answer (*update)(void *arg, const struct pop3_server_session *s,
                                 struct span marked);
    /* For log and metrics; `words` are escaped and may be empty. Must not wait. May be NULL. */
    void (*event)(void *arg, const struct pop3_server_session *s, enum pop3_server_event e,
                  struct span words);
};

/* Times and limits a door starts with; all else zero. */
struct pop3_server_settings pop3_server_defaults(void);

/* Runs the whole dialogue on the calling fiber. Filters (TLS) are pushed on *stream; closing it is
 * the caller's, and so is letting go of the mailbox, if `open` gave one. 0: ended in good order.
 * Negative errno: -ECONNRESET, -EPIPE: the client vanished; -ETIMEDOUT; -ECANCELED (fiber_cancel);
 * -EPROTO: it broke the rules; -EIO: a message could not be read to its end, and the client must
 * not take for whole what it got: use stream_abort. Else stream_close, which lets our last words
 * arrive. */
int pop3_server_run(struct stream **stream, const struct pop3_server_settings *settings,
                    const struct pop3_server_calls *calls, void *arg);

#endif
