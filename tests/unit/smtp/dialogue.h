/* dialogue: a test of the server engine as a table of what both sides say, over a pipe, with a
 * house that writes down what it was asked. For test_server_*.c and the fuzz target's kin. */
#ifndef PORT26_TEST_DIALOGUE_H
#define PORT26_TEST_DIALOGUE_H

#include "base/text.h"
#include "smtp/smtp_server.h"

enum step_kind {
    STEP_END,  /* of the table */
    STEP_SAY,  /* the client sends these bytes */
    STEP_HEAR, /* one whole reply comes, whose last line begins so */
    STEP_HAS,  /* the reply heard last holds this line's text anywhere */
    STEP_LACKS,
    STEP_GONE,  /* end of stream, and nothing before it */
    STEP_QUIET, /* nothing is said for a moment */
    STEP_LEAVE, /* the client closes its end */
    STEP_EVICT, /* the fiber is cancelled */
    STEP_LATER, /* LATER_MS pass */
    STEP_DRAIN, /* settings.draining becomes true */
    STEP_ASKED, /* all the house was asked so far, then forgotten */
};

struct step {
    enum step_kind kind;
    const char *at;
    size_t len;
};

/* clang-format off */
#define SAY(line)   {STEP_SAY, line "\r\n", sizeof(line "\r\n") - 1}
#define RAW(bytes)  {STEP_SAY, bytes, sizeof(bytes) - 1}
#define HEAR(start) {STEP_HEAR, start, sizeof(start) - 1}
#define HAS(part)   {STEP_HAS, part, sizeof(part) - 1}
#define LACKS(part) {STEP_LACKS, part, sizeof(part) - 1}
#define ASKED(all)  {STEP_ASKED, all, sizeof(all) - 1}
#define GONE        {STEP_GONE, NULL, 0}
#define QUIET       {STEP_QUIET, NULL, 0}
#define LEAVE       {STEP_LEAVE, NULL, 0}
#define EVICT       {STEP_EVICT, NULL, 0}
#define DRAIN       {STEP_DRAIN, NULL, 0}
#define LATER       {STEP_LATER, NULL, 0}
/* clang-format on */

/* The house. Recipients: no@ is unknown (550), full@ over quota (452), slam@ answers 421. Senders:
 * bad@ 553. Login: ann, password "secret"; "down" cannot be checked. Content: "sink fails" makes
 * `body` fail. */
struct house {
    struct text asked; /* "helo(x) mail(a@b) rcpt(c@d) begin end(12) reset" */
    struct text content;
    struct text events;
    unsigned begun, ended; /* transactions: must be equal at the end */
    const char *refuse;    /* name of the call that answers 5xx/4xx by `code` */
    unsigned code;
    bool slow_commit; /* body_end takes until there was silence, or the client has left */
    bool committed;
};

struct scene {
    const char *name;
    void (*door)(struct smtp_server_settings *s); /* changes the settings; may be NULL */
    void (*inside)(struct house *h);              /* changes the house; may be NULL */
    int result;                                   /* of smtp_server_run */
    const struct step *steps;
};

extern const struct smtp_server_calls dialogue_calls;

/* For times that a scene lets pass with LATER: by the clock alone, for a busy machine must not let
 * them pass before. Twice LATER is more than a SHORT_MS, and less than the other times. */
enum { SHORT_MS = 20000, LATER_MS = 15000 };

/* Settings with times longer than any scene and a fake TLS whose hello is "HELLO TLS\n". */
struct smtp_server_settings dialogue_settings(void);
/* Plays all scenes, asserting each step. */
void dialogue_play(const struct scene *scenes, size_t count);
void dialogue_house_free(struct house *h);

#endif
