/* steps: where the settings for sending are found in each mail program, and what to put there. */
#ifndef PORT26_PROBE_STEPS_H
#define PORT26_PROBE_STEPS_H

#include "base/arena.h"
#include "probe/verdict.h"

#define STEPS_PROGRAM_LIST(X)                                                                      \
    X(PROGRAM_NONE, "any")                                                                         \
    X(PROGRAM_OUTLOOK, "outlook")                                                                  \
    X(PROGRAM_OUTLOOK_CLASSIC, "outlook-classic")                                                  \
    X(PROGRAM_THUNDERBIRD, "thunderbird")                                                          \
    X(PROGRAM_APPLE_MAIL, "apple-mail")                                                            \
    X(PROGRAM_IOS, "ios")                                                                          \
    X(PROGRAM_ANDROID, "android")                                                                  \
    X(PROGRAM_GMAIL_APP, "gmail-app")                                                              \
    X(PROGRAM_K9, "k9")
#define X(id, name) id,
enum steps_program { STEPS_PROGRAM_LIST(X) PROGRAM_COUNT };
#undef X

enum steps_sealing {
    SEALING_UNKNOWN,
    SEALING_NONE,
    SEALING_STARTTLS,
    SEALING_TLS, /* from the first byte */
};

enum steps_spa { SPA_UNKNOWN, SPA_OFF, SPA_ON };

/* What to put where; what is empty or unknown is told as "as your provider says". */
struct steps_settings {
    struct span host; /* escaped by the caller when a peer named it */
    unsigned port;    /* 0: unknown */
    enum steps_sealing sealing;
    struct span user; /* login name for sending, or empty */
    enum steps_spa spa;
};

/* What is to be changed. */
enum steps_change {
    CHANGE_SERVER = 1 << 0,
    CHANGE_PORT = 1 << 1,
    CHANGE_SEALING = 1 << 2,
    CHANGE_LOGIN = 1 << 3, /* "my server requires authentication": on */
    CHANGE_USER = 1 << 4,
    CHANGE_PASSWORD = 1 << 5,
    CHANGE_METHOD = 1 << 6, /* kind of login: normal password, SPA off or on */
    CHANGE_OAUTH = 1 << 7,  /* sign in by OAuth2: remove and add the account again */
    CHANGE_SENDER = 1 << 8, /* the From address */
    CHANGE_ALL =
        CHANGE_SERVER | CHANGE_PORT | CHANGE_SEALING | CHANGE_LOGIN | CHANGE_USER | CHANGE_METHOD,
};

bool steps_parse(struct span name, enum steps_program *out);
/* "outlook" */
const char *steps_name(enum steps_program p);
/* "SSL/TLS", as this program writes it. */
const char *steps_sealing(enum steps_program p, enum steps_sealing s);
/* Adds to v->steps: open the settings, set each of `change` (mask of steps_change), save, try.
 * Nothing when change is 0. */
void steps_add(struct verdict *v, enum steps_program p, unsigned change,
               const struct steps_settings *s, struct arena *a);

#endif
