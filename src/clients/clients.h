/* clients: what a mail program needs to set itself up for a domain of ours, and the three forms in
 * which programs read it. Pure: from a configuration to an offer, from an offer to text.
 *
 * An offer holds the doors that really are configured and at which one can log in (TLS with a
 * certificate), best first: incoming ones (IMAP before POP3), then those for sending. Whether the
 * mailbox exists is not looked at: whoever asks has not proved who he is. */
#ifndef PORT26_CLIENTS_CLIENTS_H
#define PORT26_CLIENTS_CLIENTS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "conf/config.h"

#define CLIENTS_KIND_LIST(X)                                                                       \
    X(CLIENTS_IMAP, "imap")                                                                        \
    X(CLIENTS_POP3, "pop3")                                                                        \
    X(CLIENTS_SUBMISSION, "smtp")
#define X(id, name) id,
enum clients_kind { CLIENTS_KIND_LIST(X) };
#undef X
const char *clients_kind_name(enum clients_kind k);

struct clients_door {
    enum clients_kind kind;
    const char *host;
    uint16_t port;
    bool implicit; /* TLS from the first octet, else by STARTTLS (STLS); never without */
};

enum {
    CLIENTS_KIND_MAX = 16, /* doors told of each kind */
    CLIENTS_DOORS_MAX = 3 * CLIENTS_KIND_MAX,
    CLIENTS_TEXT_MAX = 65536,
};

struct clients_offer {
    struct span domain;  /* canonical */
    struct span address; /* as the person wrote it, or empty: then files hold placeholders where
                            their form has them */
    struct span local;   /* of the address */
    struct span display_name;
    bool local_part; /* one logs in with the part before the @ */
    struct clients_door *doors;
    size_t count;
};

/* The offer for a domain, which the caller knows to be ours; `address` is one of that domain, or
 * empty. Everything lives in the arena or is the configuration's. False: there is no door at which
 * anybody could send or receive. */
bool clients_offer_of(const struct config *c, struct span domain, struct span address,
                      struct arena *a, struct clients_offer *out);
/* The first door of that kind, or NULL. */
const struct clients_door *clients_best(const struct clients_offer *o, enum clients_kind kind);
/* With what one logs in; empty while the address is not known. */
struct span clients_login(const struct clients_offer *o);

/* Reads a mail address as people type it: 0 and its parts (spans of the input; domain canonical in
 * the arena), or -1. */
int clients_address(struct span typed, struct arena *a, struct span *address, struct span *domain);

/* The forms. `name` is the word of --format, `also` another for it, `type` that of HTTP. */
struct clients_form {
    const char *name, *also, *type;
    bool needs_address, needs_incoming;
    bool sign; /* is to be given with the server's signature (tls/cms.h) */
    bool (*write)(const struct clients_offer *o, struct text *out);
};
enum {
    CLIENTS_MOZILLA,
    CLIENTS_OUTLOOK,
    CLIENTS_APPLE,
    CLIENTS_JSON,
    CLIENTS_PLAIN,
    CLIENTS_FORMS
};
extern const struct clients_form clients_forms[CLIENTS_FORMS];
/* NULL when there is none of that name. */
const struct clients_form *clients_form(struct span name);

#endif
