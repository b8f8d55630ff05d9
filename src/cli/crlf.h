/* crlf: text as programs write it to us becomes text as mail has it. LF, CR LF and a CR that stands
 * alone each end a line and become CR LF, so that no other server can read the message as two
 * (P11); the last line gets an end. Any split of the bytes gives the same. */
#ifndef PORT26_CLI_CRLF_H
#define PORT26_CLI_CRLF_H

#include "mail/dot.h"

enum { CRLF_PIECE = 32768 };

enum crlf_rule {
    CRLF_DOT_ENDS = 1, /* a line that is "." ends the text */
    CRLF_MBOX = 2,     /* a first line "From somebody Sat Jan 3..." is dropped */
};

struct crlf {
    unsigned rules; /* enum crlf_rule bits */
    int place;
    dot_out *out;
    void *arg;
    size_t held; /* octets of "From " seen at the very start */
    size_t len;
    char buf[CRLF_PIECE];
    /* --- for the caller to read */
    bool ended;     /* by a dot: what follows is nobody's */
    bool eight_bit; /* a byte above 127 was seen */
    bool refused;   /* out() returned false; it was not called again */
};

/* out() gets pieces of at most CRLF_PIECE octets. */
void crlf_init(struct crlf *c, unsigned rules, dot_out *out, void *arg);
/* False when no more is wanted: ended, or refused. */
bool crlf_feed(struct crlf *c, struct span bytes);
/* The text is over. False when refused. */
bool crlf_finish(struct crlf *c);

#endif
