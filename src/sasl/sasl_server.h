/* sasl_server: the server's side of AUTH (RFC 4954, 4422), one exchange. It asks for accounts
 * through two calls, and neither sees a socket nor decides what a client may do afterwards. */
#ifndef PORT26_SASL_SASL_SERVER_H
#define PORT26_SASL_SASL_SERVER_H

#include "base/text.h"
#include "sasl/scram.h"

enum {
    SASL_LINE_MAX = 12288, /* octets of base64, RFC 4954 section 4 */
    SASL_NAME_MAX = 255,   /* octets of a user name */
    SASL_BINDING = 32,
};

/* RFC 9266 tls-exporter channel binding; `there` is false without TLS. */
struct sasl_binding {
    bool there;
    unsigned char exporter[SASL_BINDING];
};

/* Results of the calls: 0 yes, 1 no, -1 cannot tell now. They may make the fiber wait. Names come
 * prepared by SASLprep (UTF-8, no control characters, at most SASL_NAME_MAX), their case as the
 * client wrote it; passwords are any 1 to SCRAM_PASSWORD_MAX octets but NUL. */
struct sasl_server_calls {
    /* PLAIN and LOGIN: is this the password of that name? */
    int (*check_password)(void *arg, struct span name, struct span password);
    /* SCRAM: the verifier of that name. For 1 (no such name, or none kept for it) the exchange goes
     * on with scram_fake and is refused at its end. 2: its password can be judged only as it is (by
     * PLAIN or LOGIN). */
    int (*verifier)(void *arg, struct span name, struct scram_verifier *out);
};

enum sasl_step {
    SASL_MORE,      /* send "334 " and the challenge, give the next line to sasl_server_step */
    SASL_OK,        /* 235; sasl_server_name tells who */
    SASL_REFUSED,   /* 535 5.7.8: wrong name or password, other authzid, downgrade */
    SASL_ANOTHER,   /* 432 4.7.12: another mechanism works for this name, PLAIN or LOGIN */
    SASL_TEMPORARY, /* 454 4.7.0: the account store cannot tell now */
    SASL_BROKEN,    /* 501 5.5.2: not base64, not what the mechanism says, or cancelled by "*" */
};

struct sasl_server_config {
    const struct sasl_server_calls *calls;
    void *arg;
    struct sasl_binding binding; /* copied */
    struct span fake_secret;     /* for scram_fake; must outlive the exchange */
    const char *mechanisms;      /* only these, names with blanks between; NULL: all */
};

struct sasl_server;

/* Adds the mechanisms that c allows, for EHLO or CAPA, strongest first, with single spaces:
 * "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"; -PLUS only with a binding. Nothing else of c
 * counts here. */
void sasl_server_list(const struct sasl_server_config *c, struct text *out);
/* Begins one exchange; NULL when the mechanism (any case) is not in that list (504 5.5.4). */
struct sasl_server *sasl_server_start(struct span mechanism, const struct sasl_server_config *c);
/* One step. `line` is as it came, base64, without CR LF. In the first call it is the initial
 * response: SPAN_NONE when the command had none, "=" for an empty one. The challenge (cleared
 * first; base64, may be empty) is set for SASL_MORE only; its maximum must be SASL_LINE_MAX. "*"
 * gives SASL_BROKEN. After anything but SASL_MORE no further step is allowed. */
enum sasl_step sasl_server_step(struct sasl_server *s, struct span line, struct text *challenge);
/* The name the client claims (empty as long as it is unknown): for the log and the limits. It is
 * authenticated only after SASL_OK. Lives as long as s. */
struct span sasl_server_name(const struct sasl_server *s);
/* "SCRAM-SHA-256-PLUS": the table's spelling. */
const char *sasl_server_mechanism(const struct sasl_server *s);
/* Name and password that came as they are, without a mechanism (USER and PASS of RFC 1939): judged
 * as PLAIN judges them. Never SASL_MORE or SASL_BROKEN. `prepared` (maximum SASL_NAME_MAX) gets the
 * name, empty when it cannot be one. */
enum sasl_step sasl_server_password(const struct sasl_server_config *c, struct span name,
                                    struct span password, struct text *prepared);
/* Wipes and frees; nulls the pointer; NULL is fine. */
void sasl_server_free(struct sasl_server **s);

#endif
