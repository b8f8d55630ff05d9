/* smtp_client: the sending side of SMTP (RFC 5321, 2920, 3207, 4954): one client for delivery and
 * for the check, so that the check cannot disagree with delivery.
 *
 * The engine is handed a stream; it opens no socket, resolves no name and decides nothing: what
 * happened is told as a value (struct smtp_client_failure, replies), and deliver/judge says what it
 * means. Delivery goes by smtp_client_approach; the check calls the steps one by one.
 *
 * What it keeps by itself: it never speaks before the greeting; bytes read before TLS are never
 * used after it (P10); a login goes over verified TLS only (P7); where TLS or a login was asked for
 * and the server does not offer it, the connection ends there; every reply is bounded (reply.h) and
 * every stage has one deadline (P9). All calls run on a fiber. */
#ifndef PORT26_SMTP_SMTP_CLIENT_H
#define PORT26_SMTP_SMTP_CLIENT_H

#include "base/arena.h"
#include "base/error.h"
#include "io/stream.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "mail/outcome.h"
#include "mail/reply.h"
#include "tls/tls.h"

struct smtp_client;

/* Milliseconds for each whole stage. RFC 5321 4.5.3.2 gives the least a client should wait. */
struct smtp_client_times {
    int64_t greeting;
    int64_t hello;
    int64_t tls;  /* handshake */
    int64_t auth; /* the whole exchange */
    int64_t mail;
    int64_t rcpt;  /* each */
    int64_t data;  /* until 354 */
    int64_t block; /* for each piece of 64 KiB of content */
    int64_t dot;   /* the answer to the end of the content */
    int64_t quit;  /* also RSET and NOOP */
};

enum smtp_client_tls {
    CLIENT_TLS_NONE,          /* stays in the clear */
    CLIENT_TLS_OPPORTUNISTIC, /* STARTTLS when offered, whatever the certificate; in the clear when
                               * it is not offered or refused. A failed handshake ends the
                               * connection: only the caller may come again without TLS */
    CLIENT_TLS_STARTTLS,      /* STARTTLS or nothing */
    CLIENT_TLS_IMPLICIT,      /* handshake before the greeting (RFC 8314) */
};

/* All texts stay the caller's and must live as long as the client; user and password only until the
 * login is done. */
struct smtp_client_settings {
    const char *helo; /* our name, or "[192.0.2.1]" */
    enum smtp_client_tls tls;
    struct tls_context *context; /* needed unless CLIENT_TLS_NONE */
    const char *name;            /* the server's name for SNI and certificate */
    bool verify;                 /* the certificate must pass */
    bool alpn; /* offer "smtp" in the handshake: on ports that several protocols share */
    const char *protocols; /* NULL, or what is offered in the handshake instead, as in tls.h: for
                              smtp_client_secure */
    struct span user, password; /* empty user: no login */
    bool token;                 /* the password is an OAuth 2.0 access token */
    unsigned port;              /* the server's, told to it by OAUTHBEARER; 0: not told */
    struct span mechanisms;     /* the only ones allowed, blanks between; empty: all we have */
    bool link_trusted;          /* the login may go in the clear: loopback only */
    struct smtp_client_times times;
    /* Every line that passed, without CR LF and with secrets replaced; for the check's transcript.
     * May be NULL. Replies come line by line as they arrived: escape before showing. */
    void (*said)(void *arg, bool ours, struct span line);
    void *said_arg;
};

/* Times as RFC 5321 says, no TLS, no login; `helo` must be set. */
struct smtp_client_settings smtp_client_defaults(void);

/* What the server offers; bits. */
enum smtp_client_has {
    HAS_ESMTP = 1, /* EHLO worked */
    HAS_SIZE = 2,
    HAS_8BITMIME = 4,
    HAS_SMTPUTF8 = 8,
    HAS_PIPELINING = 16,
    HAS_CHUNKING = 32,
    HAS_DSN = 64,
    HAS_STARTTLS = 128,
    HAS_AUTH = 256,
    HAS_ENHANCED = 512, /* ENHANCEDSTATUSCODES */
    HAS_LIMITS = 1024,
};

/* What is known of the far side; grows with the steps. Spans live as long as the client. */
struct smtp_client_far {
    struct span name;      /* from the greeting, else from EHLO; escaped; may be empty */
    struct span greeting;  /* its whole text, escaped */
    unsigned has;          /* enum smtp_client_has bits, of the newest EHLO */
    uint64_t size;         /* SIZE; 0: none said */
    struct span auth;      /* mechanisms after AUTH */
    uint64_t rcpt_max;     /* LIMITS RCPTMAX (RFC 9422); 0: none said */
    uint64_t mail_max;     /* LIMITS MAILMAX */
    bool tls;              /* the session is encrypted now */
    struct tls_info info;  /* when tls */
    struct span tls_words; /* "TLSv1.3 TLS_AES_256_GCM_SHA384 verified", "not offered"... */
    bool injected;         /* bytes stood behind the 220 of STARTTLS; they were thrown away (P10) */
    struct span mechanism; /* of the login, empty: none */
};

#define SMTP_CLIENT_WHYS(X)                                                                        \
    X(CLIENT_FINE, "fine")                                                                         \
    X(CLIENT_REPLY, "reply")             /* the server said no: .reply */                          \
    X(CLIENT_LOST, "lost")               /* the connection broke or hung: .sys */                  \
    X(CLIENT_BROKEN, "broken")           /* the server broke the protocol */                       \
    X(CLIENT_TLS, "tls")                 /* handshake or certificate: .verdict */                  \
    X(CLIENT_NO_STARTTLS, "no-starttls") /* demanded, not offered */                               \
    X(CLIENT_NO_AUTH, "no-auth")         /* login given, AUTH not offered */                       \
    X(CLIENT_NO_MECHANISM,                                                                         \
      "no-mechanism") /* no common mechanism that does not show the password */                    \
    X(CLIENT_UNSAFE_LOGIN, "unsafe-login") /* the link is not verified: the login stays here */    \
    X(CLIENT_UNPROVEN, "unproven")         /* AUTH: the server did not prove that it knows it */   \
    X(CLIENT_TOO_BIG, "too-big")           /* over the server's SIZE */                            \
    X(CLIENT_NO_8BIT, "no-8bit")           /* 8-bit content, no 8BITMIME there */                  \
    X(CLIENT_NO_UTF8, "no-utf8")           /* needs SMTPUTF8 */                                    \
    X(CLIENT_BAD_ADDRESS, "bad-address")   /* one of ours cannot be said in SMTP */                \
    X(CLIENT_CONTENT, "content")           /* our own content could not be read: .sys */
#define X(id, name) id,
enum smtp_client_why { SMTP_CLIENT_WHYS(X) };
#undef X
const char *smtp_client_why_name(enum smtp_client_why w);

/* How a step failed. */
struct smtp_client_failure {
    enum stage stage; /* STAGE_NONE: it did not */
    enum smtp_client_why why;
    struct reply reply;       /* code 0 when there was none; lives in the client's arena */
    int sys;                  /* positive errno, or 0 */
    enum tls_verdict verdict; /* for CLIENT_TLS */
    struct error error;       /* words for people */
};

/* ---- opening ---- */

/* A client over *stream, which stays the caller's to close after smtp_client_free (filters are
 * pushed on it). Never NULL. `s` is copied. */
struct smtp_client *smtp_client_new(struct stream **stream, const struct smtp_client_settings *s);
/* All steps by the settings but the login. 0, or -1: smtp_client_failure tells. */
int smtp_client_approach(struct smtp_client *c);
/* With CLIENT_TLS_IMPLICIT: only its handshake, for a caller that looks first what the server chose
 * to speak; the other calls go on from there. 0 or -1. */
int smtp_client_secure(struct smtp_client *c);
/* The steps, in this order; each 0 or -1. After -1 the session is over, but for these: after
 * CLIENT_REPLY from starttls, login or hello (other than 421) it may go on. */
int smtp_client_greet(struct smtp_client *c);    /* implicit TLS first, then the greeting */
int smtp_client_hello(struct smtp_client *c);    /* EHLO, or HELO after 5xx */
int smtp_client_starttls(struct smtp_client *c); /* STARTTLS and handshake; EHLO again is yours */
int smtp_client_login(struct smtp_client *c);    /* one AUTH exchange */
/* One command line (without CR LF; no secret) and its reply, which lives in the client's arena. -1
 * when no reply came. For the check: MAIL, RCPT, VRFY... */
int smtp_client_command(struct smtp_client *c, enum stage stage, const char *line,
                        struct reply *out);
/* Never NULL. */
const struct smtp_client_far *smtp_client_far(const struct smtp_client *c);
const struct smtp_client_failure *smtp_client_failure(const struct smtp_client *c);

/* No stage lasts longer than until this time, clock_now() milliseconds; 0: no such end. */
void smtp_client_until(struct smtp_client *c, int64_t at);

/* The network below is gone: ends the connection, so that whoever waits for it hears so at once;
 * but not while the answer to a whole message is awaited, for that may still come (P4). Called from
 * outside the client's fiber. */
void smtp_client_cut(struct smtp_client *c);

/* ---- one transaction ---- */

enum smtp_client_rcpt_state {
    CLIENT_RCPT_UNSENT,   /* not asked: the transaction failed before, or RCPTMAX was reached */
    CLIENT_RCPT_ACCEPTED, /* 2xx; the end of the transaction decides */
    CLIENT_RCPT_REFUSED,  /* .reply tells */
};
struct smtp_client_rcpt {
    enum smtp_client_rcpt_state state;
    struct reply reply;
};

/* Lives in the arena given to smtp_client_send. */
struct smtp_client_result {
    /* STAGE_NONE: the accepted recipients have the message (`done`), or none was accepted. Else it
     * holds for all recipients that were not refused by themselves. */
    struct smtp_client_failure failure;
    struct smtp_client_rcpt *recipients; /* in the envelope's order */
    size_t accepted;                     /* how many RCPTs were answered 2xx */
    struct reply done;                   /* 2xx to the final dot or BDAT LAST */
    bool maybe_delivered; /* lost after the end of the content was written: a duplicate is possible
                             (P4) */
    bool stale; /* a reused connection that was dead: MAIL had no answer but the end, or 421. Not an
                 * attempt; take a fresh one */
    const char *how; /* "DATA", or why BDAT was chosen: constant text */
};

/* Sends one message to the envelope's recipients. 0 when the dialogue ran to its end (see the
 * recipients), -1 with out->failure. What the server must be told (SIZE, BODY, SMTPUTF8, DSN) is
 * said where it is offered. Content is read from memory, or by pread in pieces. Afterwards
 * smtp_client_usable tells whether another message may follow. */
int smtp_client_send(struct smtp_client *c, const struct envelope *e, const struct content *content,
                     struct arena *a, struct smtp_client_result *out);

/* ---- between and after ---- */

/* In a good state, nothing said by the server out of turn, not hung up: looks without waiting. */
bool smtp_client_usable(struct smtp_client *c);
/* Messages sent so far (transactions that reached MAIL). */
unsigned smtp_client_messages(const struct smtp_client *c);
/* RSET and its 250: 0 or -1. */
int smtp_client_reset(struct smtp_client *c);
/* QUIT, waiting shortly for 221; any result is fine. */
void smtp_client_quit(struct smtp_client *c);
/* Frees the client, not the stream; nulls the pointer; NULL is fine. */
void smtp_client_free(struct smtp_client **c);

#endif
