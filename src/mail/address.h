/* address: mailbox and path grammar of RFC 5321 section 4.1.2, with RFC 6531 when asked. Parsing
 * never allocates: the parts are spans into the input. */
#ifndef PORT26_MAIL_ADDRESS_H
#define PORT26_MAIL_ADDRESS_H

#include "base/span.h"
#include "base/text.h"

struct address {
    struct span whole;  /* as written, without <>, source route and a domain's trailing dot:
                           local@domain; empty for <> */
    struct span local;  /* as written, quotes included */
    struct span domain; /* without trailing dot; brackets of a literal included; empty for <> and
                           <postmaster> */
    bool literal;       /* domain is [..] */
    bool utf8;          /* holds bytes above 127 */
};

enum path_kind {
    PATH_REVERSE, /* <> allowed */
    PATH_FORWARD, /* <postmaster> without domain allowed */
};

/* Refused beside bad grammar: invalid UTF-8, invisible or bidirectional characters and look-alikes
 * of "@" and "." (HOSTILE 68, 69), and domains that a resolver would take for a number, "1.2.3.4"
 * without brackets (HOSTILE 74). */
enum path_result {
    PATH_OK,
    PATH_SYNTAX,    /* 501 5.1.3 / 5.1.7 */
    PATH_TOO_LONG,  /* 501: local part over 64, domain over 255, path over 256 octets */
    PATH_NEEDS_UTF8 /* 553 5.6.7: bytes above 127 and utf8 was false */
};

/* Reads a path off the front of *rest, which begins at "<" (after "FROM:"). On PATH_OK *rest is
 * what follows ">". A source route is read and dropped (RFC 5321 appendix C). */
enum path_result address_path(struct span *rest, enum path_kind kind, bool utf8,
                              struct address *out);
/* Reads a bare mailbox (configuration, command line, headers' addr-spec); the whole span must be
 * one. */
enum path_result address_parse(struct span s, bool utf8, struct address *out);
/* Is it a syntactically good host name (letters, digits, hyphens, dots; A-labels or, with utf8,
 * U-labels)? */
bool address_domain_ok(struct span domain, bool utf8);
/* Canonical domain: A-labels (libidn2, UTS 46 non-transitional), lower case, no trailing dot;
 * literals as they are. False when it is not a domain. */
bool address_domain_canon(struct span domain, struct text *out);
/* Canonical key for look-ups: local part unquoted, "@", canonical domain. With `fold` (our own
 * accounts: case does not matter) ASCII letters of the local part become lower case. <> adds
 * nothing, <postmaster> its local part alone. */
bool address_canon(const struct address *a, bool fold, struct text *out);
/* The same for what an account may use as its own: an address, or "@domain" for all of a domain,
 * which keeps its sign. Replaces what is in *out; false when it is neither. */
bool address_claim_canon(struct span claim, struct text *out);
/* Is the host of an address literal, [1.2.3.4] or [IPv6:...], valid? Fills the text form inet_pton
 * takes. */
bool address_literal(struct span domain, int *family, char *buf, size_t cap);

#endif
