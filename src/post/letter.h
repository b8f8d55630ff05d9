/* letter: the closed list of messages between the processes, and between the command line and the
 * keeper. Each is a struct and one visit function; the table in letter.c says who may send it. The
 * keeper trusts neither neighbour: a letter that does not read whole, or that its sender may not
 * send, ends the connection to that sender. */
#ifndef PORT26_POST_LETTER_H
#define PORT26_POST_LETTER_H

#include "mail/job.h"
#include "mail/message.h"
#include "mail/reply.h"
#include "post/wire.h"

/* Raised with every change of a struct below: neighbours are the same binary, so they must agree
 * exactly. */
enum { LETTER_VERSION = 16 };

enum letter_side { SIDE_KEEPER = 1, SIDE_LISTENER = 2, SIDE_COURIER = 4, SIDE_COMMAND = 8 };

/*   kind                 struct and visit     who sends it */
#define LETTER_LIST(X)                                                                             \
    X(LETTER_SETUP, setup, SIDE_KEEPER)                                                            \
    X(LETTER_CERTIFICATE, certificate, SIDE_KEEPER)                                                \
    X(LETTER_DOOR, door, SIDE_KEEPER)                                                              \
    X(LETTER_ASK, ask, SIDE_KEEPER)                                                                \
    X(LETTER_START, nothing, SIDE_KEEPER)                                                          \
    X(LETTER_READY, nothing, SIDE_LISTENER | SIDE_COURIER)                                         \
    X(LETTER_DRAIN, drain, SIDE_KEEPER)                                                            \
    X(LETTER_LOGIN, login, SIDE_LISTENER)                                                          \
    X(LETTER_LOGIN_NOTE, login_note, SIDE_LISTENER)                                                \
    X(LETTER_LOGIN_ANSWER, login_answer, SIDE_KEEPER)                                              \
    X(LETTER_VERIFIER_WANTED, login, SIDE_LISTENER)                                                \
    X(LETTER_VERIFIER, verifier, SIDE_KEEPER)                                                      \
    X(LETTER_ARRIVAL, arrival, SIDE_LISTENER)                                                      \
    X(LETTER_MAY_SEND, may_send, SIDE_LISTENER)                                                    \
    X(LETTER_MAY_REACH, may_reach, SIDE_LISTENER | SIDE_COMMAND)                                   \
    X(LETTER_FILE_WANTED, nothing, SIDE_LISTENER | SIDE_COMMAND)                                   \
    X(LETTER_FILE, answer, SIDE_KEEPER)                                                            \
    X(LETTER_ACCEPT, accept, SIDE_LISTENER | SIDE_COMMAND)                                         \
    X(LETTER_ANSWER, answer, SIDE_KEEPER)                                                          \
    X(LETTER_MAILBOX_OPEN, mailbox_wanted, SIDE_LISTENER)                                          \
    X(LETTER_MAILBOX_LIST, mailbox_wanted, SIDE_LISTENER)                                          \
    X(LETTER_MAILBOX_READ, mailbox_wanted, SIDE_LISTENER)                                          \
    X(LETTER_MAILBOX_CLOSE, mailbox_wanted, SIDE_LISTENER)                                         \
    X(LETTER_MAILBOX, mailbox, SIDE_KEEPER)                                                        \
    X(LETTER_JOB, job, SIDE_KEEPER)                                                                \
    X(LETTER_RESULT, result, SIDE_COURIER)                                                         \
    X(LETTER_SCAN, accept, SIDE_KEEPER)                                                            \
    X(LETTER_SCANNED, scanned, SIDE_COURIER)                                                       \
    X(LETTER_KEYS, keys, SIDE_KEEPER)                                                              \
    X(LETTER_SIGHTINGS, sightings, SIDE_COURIER)                                                   \
    X(LETTER_PLACES, text, SIDE_KEEPER)                                                            \
    X(LETTER_PLACE, place, SIDE_COURIER)                                                           \
    X(LETTER_NOTE, note, SIDE_COURIER | SIDE_KEEPER)                                               \
    X(LETTER_LOOKS, looks, SIDE_COURIER)                                                           \
    X(LETTER_CHALLENGE, text, SIDE_LISTENER | SIDE_KEEPER)                                         \
    X(LETTER_NOTICE, text, SIDE_COURIER)                                                           \
    X(LETTER_COMMAND, text, SIDE_COMMAND)                                                          \
    X(LETTER_COMMAND_ANSWER, text, SIDE_KEEPER)

#define X(kind, visit, sides) kind,
enum letter_kind { LETTER_LIST(X) LETTER_KINDS };
#undef X

enum {
    LETTER_MAX = 4 << 20, /* octets of one letter, header included */
    LETTER_RECIPIENTS = 50000,
    LETTER_TRIES = 256,
    LETTER_ENTRIES = 512, /* of a mailbox in one letter */
    LETTER_KEYS_MAX = 64,
};

struct letter_nothing {
    uint8_t unused;
};

/* The configuration as text, so that a reload in the keeper reaches its children without a second
 * read of the file. */
struct letter_setup {
    struct span file; /* its name, for messages */
    struct span text;
    uint32_t number; /* of this child among its kind */
};

/* PEM texts for one door (its name), for all without their own (empty name), or, with names, for
 * clients that ask for one of these. */
struct letter_certificate {
    struct span door, certificate, key;
    struct span names; /* with blanks between (tls/tls_sni.h); empty: of doors */
    int64_t expires;
};

/* Take nothing new, finish what runs, then end. In a hurry (shutdown) sessions are told 421 at the
 * next chance; else (reload) they go on until their client leaves. */
struct letter_drain {
    bool hurry;
};

/* Must a listener ask about every recipient, because its settings do not name all our domains? At
 * its start and at every change. */
struct letter_ask {
    bool all;
};

/* Comes with a listening socket. */
struct letter_door {
    struct span name;
};

struct letter_login {
    struct span name, password, peer; /* password empty in VERIFIER_WANTED */
};

/* The end of a SCRAM exchange, which the listener saw. */
struct letter_login_note {
    struct span name, peer;
    bool good;
};

/* LOCKED: name and password are right. */
enum login_result { LOGIN_GOOD, LOGIN_WRONG, LOGIN_LATER, LOGIN_LOCKED, LOGIN_PLAIN };

struct letter_login_answer {
    unsigned result;     /* enum login_result */
    struct span account; /* canonical name of the login; not good: of the account that was tried,
                            empty when there is none: for the log, which must not show what may be a
                            password typed in the wrong place */
    uint32_t wait;       /* milliseconds to hold the answer back */
};

struct letter_verifier {
    unsigned result; /* LOGIN_GOOD (also for names that do not exist: then it is a fake),
                        LOGIN_LATER, or LOGIN_PLAIN: there is none, PLAIN and LOGIN work */
    uint32_t iterations;
    struct span salt;
    unsigned char stored_key[32], server_key[32];
    uint32_t wait;
};

/* Somebody connected to an exchange door. */
struct letter_arrival {
    struct span peer;
};

struct letter_may_send {
    struct span account; /* empty: not logged in */
    struct span sender, peer, door;
    uint64_t size; /* declared, or 0 */
};

struct letter_may_reach {
    struct span account, sender, recipient, peer;
    bool anywhere;  /* this client may send to other hosts' domains (login or trust) */
    bool outside;   /* asked by a sender without login, by RCPT: serve/incoming.h has its say */
    uint32_t count; /* recipients of the message with this one; 0: no question of limits */
    uint64_t size;  /* of the message, as declared; 0: unknown */
};

struct letter_answer {
    struct reply reply;
    uint32_t recipients; /* to MAY_SEND: so many need no further question of limits */
    uint32_t wait;       /* milliseconds to hold it back */
};

struct letter_accept {
    struct message message;
    bool outside; /* from a sender without login: serve/inspection.h has its say */
    bool again;   /* a Delivered-To field of it names its only recipient */
    struct span tls_version,
        tls_cipher; /* as it came, "TLSv1.3"; empty: in the clear, or unknown */
};

/* What a POP3 session wants of a mailbox: to open it for itself alone, a page of its list, a
 * message (a file comes with the answer), or to close it, with or without removing messages. A
 * close without a tag is not answered. */
struct letter_mailbox_wanted {
    uint64_t number;     /* the session's own for it; a listener uses none twice */
    struct span account; /* OPEN: canonical */
    uint32_t place;      /* READ: the message; LIST: the first of the page; from 0 */
    struct span marked;  /* CLOSE: what to remove, bit (place % 8) of octet (place / 8) */
};

enum mailbox_result {
    MAILBOX_GOOD,
    MAILBOX_IN_USE,
    MAILBOX_GONE,    /* this message is not there any more */
    MAILBOX_NOT_NOW, /* what is wrong stands in the keeper's log */
};

struct letter_mailbox_entry {
    uint64_t octets; /* as POP3 sends it */
    struct span uid;
};

struct letter_mailbox {
    unsigned result;                      /* enum mailbox_result */
    uint32_t count;                       /* OPEN: messages; CLOSE: how many were removed */
    uint64_t octets;                      /* OPEN: together */
    struct letter_mailbox_entry *entries; /* LIST: at most LETTER_ENTRIES */
    size_t entry_count;
};

struct letter_job {
    struct job job;
};

enum scan_verdict { SCAN_TAKE, SCAN_LATER, SCAN_REFUSE, SCAN_NO_ANSWER };

/* What rspamd says of a message. */
struct letter_scanned {
    unsigned verdict;   /* enum scan_verdict */
    struct span fields; /* whole lines with CR LF, to stand before the message */
    struct span words;  /* of a refusal, or empty */
};

/* DKIM keys: do they stand in the DNS? */
struct letter_key {
    struct span name, text; /* of the record */
};
struct letter_keys {
    struct letter_key *keys;
    size_t count;
};

/* From the best to the worst. */
enum letter_seen { LETTER_SEEN_RIGHT, LETTER_SEEN_UNKNOWN, LETTER_SEEN_MISSING, LETTER_SEEN_WRONG };

/* The answer: one row for each key. */
struct letter_sighting {
    unsigned state;    /* enum letter_seen */
    struct span words; /* why; or empty */
};
struct letter_sightings {
    struct letter_sighting *rows;
    size_t count;
};

struct letter_result {
    struct job_result result;
};

struct letter_text {
    struct span text;
};

/* The network the courier finds itself in (place/place.h), at its start and at every change. */
struct letter_place {
    struct span key, name, gateway, device;
    struct span portal; /* where its login page is, that keeps mail from getting out; empty: none */
    bool offline, tunnel;
    bool slept; /* the machine was asleep meanwhile: whatever was tried before says nothing */
};

/* Is the courier looking for an open door of a relay? */
struct letter_looks {
    bool looks;
};

/* How a door fared there (place/known.h). */
struct letter_note {
    struct letter_place place;
    struct span door, proof;
    unsigned result; /* enum known_result */
    int64_t ms, at;
};

enum { LETTER_NOTE_RESULTS = 5 };

/* Writes a letter's body. The struct must fit the kind. False when it does not fit into out's
 * maximum. */
bool letter_write(enum letter_kind kind, const void *letter, struct text *out);
/* Reads one into a struct allocated in the arena; spans point into `in`. NULL when it is not one
 * that `from` may send, or not whole. */
void *letter_read(enum letter_kind kind, enum letter_side from, struct span in, struct arena *a);

#endif
