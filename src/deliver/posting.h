/* posting: mail handed over by POST over HTTPS (docs/https.md, http/submission.h), one request for
 * each message, over a connection whose certificate is verified. What came of it is told in the
 * words of the SMTP client, so that judge.h rules over both.
 *
 * First it looks, without a login, whether mail is taken there at all: a password goes to no web
 * server that does not say so. Each message carries a key made of its id and its recipients, always
 * the same one, so that a message whose answer was lost arrives once all the same. All calls run on
 * a fiber. */
#ifndef PORT26_DELIVER_POSTING_H
#define PORT26_DELIVER_POSTING_H

#include "smtp/smtp_client.h"

struct posting;

struct posting_settings {
    struct span host; /* name or address, without brackets */
    uint16_t port;
    struct span user, password; /* empty user: no login. A copy is kept until posting_free. */
    bool token;                 /* the password is an access token: Bearer (RFC 6750) */
    struct span mechanisms;     /* as in smtp_client_settings: Basic needs PLAIN or LOGIN in it,
                                   Bearer OAUTHBEARER or XOAUTH2 */
};

/* Over *stream, which is TLS, and the caller's to close after posting_free. Never NULL; texts are
 * copied. */
struct posting *posting_new(struct stream **stream, const struct posting_settings *s);
/* Wipes the login. Nulls the pointer; NULL is fine. */
void posting_free(struct posting **p);
/* No call lasts longer than until this time, clock_now() milliseconds; 0: no such end. */
void posting_until(struct posting *p, int64_t at);

/* Is mail taken here? Then the login, when there is one. 0 or -1: posting_failure tells. A web
 * server that takes no mail fails as a connection does, with EPROTONOSUPPORT. */
int posting_look(struct posting *p);
int posting_login(struct posting *p);
const struct smtp_client_failure *posting_failure(const struct posting *p);
/* What it offers, as in SMTP. */
const struct smtp_client_far *posting_far(const struct posting *p);

/* As smtp_client_send; recipients that find no room in one request stay unsent. */
int posting_send(struct posting *p, const struct envelope *e, const struct content *content,
                 struct arena *a, struct smtp_client_result *out);

/* As those of smtp_client.h. */
bool posting_usable(struct posting *p);
unsigned posting_messages(const struct posting *p);
void posting_cut(struct posting *p);

#endif
