/* sasl_client: the client's side of AUTH: chooses a mechanism and answers challenges. */
#ifndef PORT26_SASL_SASL_CLIENT_H
#define PORT26_SASL_SASL_CLIENT_H

#include "base/error.h"
#include "base/text.h"
#include "sasl/sasl_server.h"

struct sasl_login {
    struct span name, password; /* UTF-8; must outlive the exchange */
    /* The only mechanisms allowed, separated by spaces, or empty for all we have. */
    struct span mechanisms;
    /* The connection is encrypted and the far certificate was verified (or the user said that this
     * link is safe): passwords may go over it (P7). */
    bool secure;
    struct sasl_binding binding;
    /* The password is an OAuth 2.0 access token: OAUTHBEARER and XOAUTH2 and no other. */
    bool token;
    struct span host; /* the server's name and port, as OAUTHBEARER and NTLM tell them; may be */
    unsigned port;    /* empty and 0 */
};

struct sasl_client;

/* Chooses the strongest that both sides have: SCRAM-SHA-256-PLUS, SCRAM-SHA-256, PLAIN, LOGIN,
 * NTLM; with a token OAUTHBEARER (RFC 7628), XOAUTH2. All but SCRAM only when l->secure. `offered`
 * is what stood after AUTH in the EHLO reply. NULL and *e (ERROR_PERMANENT): nothing in common;
 * what is in common would show the password; name or password cannot be written in the mechanism.
 */
struct sasl_client *sasl_client_start(const struct sasl_login *l, struct span offered,
                                      struct error *e);
/* "PLAIN": for the AUTH command. */
const char *sasl_client_mechanism(const struct sasl_client *c);
/* The initial response: adds its base64 ("=" when empty) and returns true; false when the mechanism
 * has none and the command ends after the name. At most SASL_LINE_MAX. Call it once, before any
 * challenge. Where the whole AUTH command would be longer than the peer allows, send the command
 * without it and answer the first (empty) challenge with sasl_client_step. */
bool sasl_client_initial(struct sasl_client *c, struct text *out);
/* Answers the text after "334 ": clears out and adds the line to send, base64. 0, or -1 and *e: the
 * challenge is nonsense, or the server did not prove that it knows the password; send "*" then. */
int sasl_client_step(struct sasl_client *c, struct span challenge, struct text *out,
                     struct error *e);
/* After 235: 0 when the exchange is complete; -1 and *e when the server ended it before it proved
 * itself (SCRAM): drop the connection. */
int sasl_client_finish(struct sasl_client *c, struct error *e);
/* Wipes and frees; nulls the pointer; NULL is fine. */
void sasl_client_free(struct sasl_client **c);

#endif
