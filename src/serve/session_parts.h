/* session_parts: what the files of a session share, for src/serve/session*.c only: one client, and
 * what is asked of the keeper on its behalf, whichever protocol it speaks. */
#ifndef PORT26_SERVE_SESSION_PARTS_H
#define PORT26_SERVE_SESSION_PARTS_H

#include "sasl/sasl_server.h"
#include "serve/body.h"
#include "serve/session.h"
#include "tls/tls.h"

#include <netinet/in.h>

struct session {
    const struct session_door *door;
    struct session_house *house;
    struct stream *stream;
    struct fiber *fiber;
    struct listen_peer *place;
    struct sockaddr_storage from;
    char peer[INET6_ADDRSTRLEN];
    struct smtp_server_settings settings;
    char *account;                 /* canonical login, NULL: none */
    char tried[SASL_NAME_MAX + 1]; /* the account a refused login was for; empty: there is none */
    bool locked_out;               /* that login was right, and the account is locked */
    struct body body;
    struct span once;        /* key of the message under way, when its envelope id holds one */
    uint64_t digest;         /* of sender, recipients and body, for it */
    bool some_refused;       /* of its recipients */
    struct session_pop *pop; /* what session_pop.c knows while it runs */
    struct session *next, **link;
    int fd;
    bool in_transaction;
    uint32_t recipients;   /* taken of the transaction */
    uint64_t declared;     /* octets of the transaction's message; 0: not told */
    uint32_t unquestioned; /* so many may be taken without a question about sending limits */
    bool committing; /* the keeper has the message: its answer is waited for, whatever happens */
};

/* A message whose content is whole, and what is told of the way it came. */
struct session_mail {
    struct arena *arena;   /* of the message */
    struct arena *answers; /* of the reply's words */
    struct envelope envelope;
    struct span helo, with;
    const struct tls_info *tls; /* NULL: in the clear */
    struct span once;           /* as in struct message */
    uint64_t once_digest;
    bool once_loose;
};

/* Asks the keeper: NULL when no such answer came in `time` milliseconds. */
struct parcel *session_ask(struct session *self, enum letter_kind kind, const void *letter,
                           enum letter_kind answer, int64_t time);
/* What is said to who has the right password of a locked account. */
#define SESSION_LOCKED                                                                             \
    "Name and password are right, but this account is locked: ask your provider why"
/* The house's side of a login by password or SCRAM; `arg` is the session. */
extern const struct sasl_server_calls session_login_calls;
/* The end of such a login, as the engine saw it: the keeper and the log hear of it. False: it was
 * good, but the account is locked (`locked_out`), or it cannot be trusted now. */
bool session_end_login(struct session *self, struct span mechanism, bool ok, struct span name);
/* Tells the log of a login, after the account was set or not. */
void session_note_login(struct session *self, bool ok, struct span mechanism);
/* Forgets a login. */
void session_forget_login(struct session *self);
/* The keeper's word about a sender (code 0: yes) and a recipient (250: yes). */
struct reply session_may_send(struct session *self, struct arena *answers, struct span sender,
                              uint64_t size);
struct reply session_may_reach(struct session *self, struct arena *answers, struct span sender,
                               struct span recipient);
/* Does mail for this domain (canonical) come here? 1, 0, or -1: the keeper cannot tell now. */
int session_is_ours(struct session *self, struct arena *answers, struct span domain);
void session_open_body(struct session *self, struct arena *arena);
/* What body_add returned as an answer; code 0: no words of the keeper's. */
struct reply session_refuse_body(struct session *self, const struct session_mail *m, int failed);
/* Of what is handed over under a key: sender, then each recipient. */
uint64_t session_digest(uint64_t digest, struct span line);
/* P1: the answer given here is the keeper's, and it says 250 only after its commit. */
struct reply session_hand_over(struct session *self, const struct session_mail *m);
/* The message is over, however it ended. */
void session_close_body(struct session *self);

/* Speaks POP3 on self->stream. As pop3_server_run. */
int session_pop_run(struct session *self);
/* Speaks HTTP on self->stream. As http_server_run. */
int session_web_run(struct session *self);

#endif
