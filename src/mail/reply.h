/* reply: an SMTP reply, ours or a peer's (RFC 5321 section 4.2, RFC 2034, RFC 3463). */
#ifndef PORT26_MAIL_REPLY_H
#define PORT26_MAIL_REPLY_H

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"
#include "base/text.h"

struct enhanced {
    unsigned char class;    /* 2, 4, 5; 0: none given */
    unsigned short subject; /* 0..999 */
    unsigned short detail;
};

struct reply {
    unsigned short code;      /* 200..599; 0: none */
    struct enhanced enhanced; /* class 0 when the reply had none */
    struct span
        text; /* lines joined by '\n', codes and enhanced codes removed; escaped when a peer's */
    uint32_t wait; /* s: it wants to be asked again after that (HTTP's Retry-After); 0: not told */
};

/* Bounds for a peer's reply: beyond them it counts as broken (HOSTILE 105). */
enum { REPLY_LINE_MAX = 4096, REPLY_LINES_MAX = 128, REPLY_TEXT_MAX = 8192 };

enum reply_feed { REPLY_MORE, REPLY_DONE, REPLY_BROKEN };

/* Reading: feed one line (without CR LF) after the other. */
struct reply_reader {
    unsigned short code;
    unsigned lines;
    struct enhanced enhanced;
    struct text text;
};
void reply_reader_init(struct reply_reader *r);
void reply_reader_free(struct reply_reader *r);
/* REPLY_BROKEN: no code, code outside 200..599, the code changed between lines, too many lines or
 * too much text. After DONE the reply is valid until the reader is used again or freed. Text is
 * made safe (text_add_safe). */
enum reply_feed reply_feed(struct reply_reader *r, struct span line, struct reply *out);

/* Writing: one or more lines "250-2.1.0 text", "250 2.1.0 text", each at most 512 octets, broken at
 * '\n' and, when too long, at blanks. */
void reply_format(const struct reply *r, struct text *out);
/* Convenience: code, "2.1.0" or NULL, printf words. The text lives in the arena. */
struct reply reply_make(struct arena *a, unsigned code, const char *enhanced, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* From an error value: temporary 451, permanent 550 unless `code` is given (non-zero). */
struct reply reply_error(struct arena *a, unsigned code, const struct error *e);
struct reply reply_copy(struct arena *a, const struct reply *r);
/* "5.1.1" -> {5,1,1}; false when it is none. */
bool enhanced_parse(struct span s, struct enhanced *out);
/* Writes "5.1.1" (at most 11 characters). */
void enhanced_text(struct enhanced e, char buf[12]);
/* 2 success, 3 go on, 4 temporary, 5 permanent; 0 for no reply. */
int reply_class(const struct reply *r);

#endif
