/* import: accounts as other systems list them, one per line:
 *
 *   csv     a first line that names the columns (name, password, hash, host, quota, sending,
 *           messages, aliases), fields in quotes as in RFC 4180, aliases with blanks between; where
 *           that line has no comma, semicolons or tabs may stand between the fields
 *   passwd  name:hash:... as in /etc/passwd and in the passwd-file of Dovecot, whose
 *           userdb_quota_rule=*:storage=SIZE is understood
 *   shadow  name:hash:... as in /etc/shadow
 *
 * Reads text only: whether a name is free, or a host exists, is for the house to say. */
#ifndef PORT26_ACCOUNT_IMPORT_H
#define PORT26_ACCOUNT_IMPORT_H

#include "base/arena.h"
#include "base/error.h"

enum import_format { IMPORT_CSV, IMPORT_PASSWD, IMPORT_SHADOW };
enum { IMPORT_LINE_MAX = 64 << 10 };

/* "csv", "passwd", "shadow"; false for anything else. */
bool import_format(const char *name, enum import_format *out);

/* What one line says; empty spans: nothing. */
struct import_row {
    struct span name;     /* canonical */
    struct span password; /* in clear; secret */
    struct span verifier; /* a hash as it is kept (account/hash.h) */
    struct span host, quota, sending, messages;
    struct span *aliases;
    size_t alias_count;
};

struct import;

/* `domain` is put behind names without one; NULL: they stay bare logins. Copied. */
struct import *import_new(enum import_format format, const char *domain);
void import_free(struct import **im);
/* Reads one line without its end. 1: an account, *out lives in `a`; 0: none (an empty line, a
 * comment, the heading of csv; in passwd and shadow one without a password to log in with); -1: *e
 * says what is wrong with it. */
int import_line(struct import *im, struct span line, struct arena *a, struct import_row *out,
                struct error *e);

#endif
