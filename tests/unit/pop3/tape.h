/* tape: a client whose words are known before: all it sends, cut where it is cut, and all it was
 * answered. With a house of a few messages. For the tests of the POP3 engine. */
#ifndef PORT26_TEST_TAPE_H
#define PORT26_TEST_TAPE_H

#include "base/text.h"
#include "pop3/pop3_server.h"

/* Stands in `say` where the client waits before it goes on: a read ends there. */
#define CUT "\001"
/* The hello of a TLS handshake that keeps its bytes readable. */
#define HELLO_TLS CUT "!"

enum { TAPE_MESSAGES = 4, TAPE_OUT_MAX = 64 << 20 };

struct tape_house {
    struct text asked; /* "check(ann) login(ann,ok) open read(0) update(05)" */
    struct text events;
    const char *refuse; /* the call that refuses */
    enum pop3_code code;
    const char *words;
    const struct span *message; /* TAPE_MESSAGES of them */
    int content_fails;          /* negative errno after the first piece */
    unsigned slow;              /* octets that `content` gives at most; 0: as many as fit */
    size_t at;
    uint32_t place;
    unsigned open; /* messages being read: must be 0 at the end */
};

struct tape_scene {
    const char *name;
    void (*door)(struct pop3_server_settings *s); /* may be NULL */
    void (*inside)(struct tape_house *h);         /* may be NULL */
    const char *say;                              /* all of it */
    int ends;                                     /* how reading ends: 0 EOF, or errno */
    int result;                                   /* of pop3_server_run */
    const char *hear;                             /* all of it */
    const char *asked;                            /* NULL: whatever */
};

extern const struct span tape_messages[TAPE_MESSAGES];

/* Runs the engine over these words; `heard` gets the answers. */
int tape_run(const struct tape_scene *scene, struct tape_house *h, struct span say,
             struct text *heard);
/* Plays them and compares all. */
void tape_play(const struct tape_scene *scenes, size_t count);

#endif
