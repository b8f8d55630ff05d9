/* dot: the framing of a message behind DATA (RFC 5321 section 4.5.2) as two machines that take any
 * split of the bytes. They copy nothing: what they give out are pieces of what they were given, or
 * a few constant bytes.
 *
 * Promise P11: only CR LF "." CR LF ends a message, and nothing the encoder writes can be read by
 * any other server as two messages (HOSTILE 1 to 18). */
#ifndef PORT26_MAIL_DOT_H
#define PORT26_MAIL_DOT_H

#include "base/span.h"

enum dot_place {
    DOT_START,  /* at the start of a line */
    DOT_TEXT,   /* inside a line */
    DOT_CR,     /* behind a CR inside a line */
    DOT_DOT,    /* decoder: a line began with "." */
    DOT_DOT_CR, /* decoder: a line began with "." CR */
    DOT_ENDED,  /* decoder: the end was read */
};

/* Takes some bytes; they are valid during the call only. */
typedef bool dot_out(void *arg, struct span bytes);

/* Server side. Fields below the line are for the caller to read. */
struct dot_decoder {
    enum dot_place place;
    dot_out *out;
    void *arg;
    uint64_t line;
    /* --- */
    bool refused;     /* out() returned false: it was not called again */
    bool bare;        /* a CR or LF stood alone: refuse the message after its end (550 5.6.11) */
    bool eight_bit;   /* a byte above 127 was seen */
    uint64_t size;    /* octets of content so far, whether given out or refused */
    uint64_t longest; /* octets of the longest line, without its CR LF */
};

/* out() gets the content with dots removed and line ends as they came; when it returns false the
 * rest is read to its true end and dropped. */
void dot_decoder_init(struct dot_decoder *d, dot_out *out, void *arg);
/* Takes bytes off the front of *in. True when the end was read: *in is then what follows it. */
bool dot_decode(struct dot_decoder *d, struct span *in);

/* Client side. */
struct dot_encoder {
    enum dot_place place;
    dot_out *out;
    void *arg;
};

void dot_encoder_init(struct dot_encoder *e, dot_out *out, void *arg);
/* Any content: a CR or LF that stands alone becomes CR LF. False when out() returned false: the
 * encoder is then of no more use. */
bool dot_encode(struct dot_encoder *e, struct span bytes);
/* Ends the last line if it has no end, and writes the final dot. */
bool dot_encode_end(struct dot_encoder *e);

#endif
