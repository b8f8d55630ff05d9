/* findings: what one run of the check saw, as plain data: no pointers to sockets, nothing that must
 * be freed, texts of strangers escaped and cut. observe.h fills it, conclude.h reads it and nothing
 * else; so every conclusion can be tested with a few rows written by hand. */
#ifndef PORT26_PROBE_FINDINGS_H
#define PORT26_PROBE_FINDINGS_H

#include "mail/outcome.h"
#include "smtp/smtp_client.h"
#include "tls/tls.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum {
    FINDINGS_DOORS_MAX = 96,
    FINDINGS_HOPS_MAX = 12, /* how far the sweep with small hop limits goes */
    FINDINGS_NAME = 128,
    FINDINGS_TEXT = 256,
    FINDINGS_REPLY = 600, /* a reply's words: a full mailbox's sentence is longer than 256 */
    FINDINGS_ADDRESSES_MAX = 8,
};

/* Whose door a row is about. */
#define FINDINGS_WHO_LIST(X)                                                                       \
    X(WHO_SERVER, "server")      /* the user's own mail server */                                  \
    X(WHO_CONTROL, "control")    /* another mail server: does it go the same way with that one? */ \
    X(WHO_ISP, "isp")            /* the mail server of the network we are in */                    \
    X(WHO_NOWHERE, "nowhere")    /* an address where no server can be: whoever answers stands      \
                                    between */                                                     \
    X(WHO_OTHER, "other-answer") /* the address a second resolver gave for the user's server */
#define X(id, name) id,
enum findings_who { FINDINGS_WHO_LIST(X) };
#undef X
const char *findings_who_name(enum findings_who w);

/* How far a door let us come. From SILENT to LOCAL nothing opened. */
#define FINDINGS_STATE_LIST(X)                                                                     \
    X(DOOR_UNTRIED, "untried")                                                                     \
    X(DOOR_NO_ROUTE, "no-route")       /* this computer has no way to that address (family) */     \
    X(DOOR_SILENT, "silent")           /* no answer until the deadline */                          \
    X(DOOR_REFUSED, "refused")         /* a reset, or port unreachable */                          \
    X(DOOR_FORBIDDEN, "forbidden")     /* a router said by ICMP that it is not allowed */          \
    X(DOOR_UNREACHABLE, "unreachable") /* a router said that the host or network is not there */   \
    X(DOOR_LOCAL, "local-firewall")    /* this computer's own rules forbid it */                   \
    X(DOOR_OPEN, "open")               /* the connection opened; see talk */
#define X(id, name) id,
enum findings_state { FINDINGS_STATE_LIST(X) };
#undef X
const char *findings_state_name(enum findings_state s);

#define FINDINGS_TALK_LIST(X)                                                                      \
    X(TALK_NONE, "none")       /* nothing was asked (a control of another protocol) */             \
    X(TALK_SILENT, "silent")   /* it opened, but nobody greeted */                                 \
    X(TALK_FOREIGN, "foreign") /* what answers does not speak SMTP */                              \
    X(TALK_LOST, "lost")       /* it hung up or reset while we talked */                           \
    X(TALK_STALLED, "stalled") /* it greeted, then no more came: large packets get lost */         \
    X(TALK_REFUSED, "refused") /* it greeted with 4xx or 5xx: see reply */                         \
    X(TALK_SMTP, "smtp")       /* it greeted and answered EHLO */
#define X(id, name) id,
enum findings_talk { FINDINGS_TALK_LIST(X) };
#undef X
const char *findings_talk_name(enum findings_talk t);

enum findings_mode { MODE_UNKNOWN, MODE_PLAIN, MODE_STARTTLS, MODE_TLS };

/* What came of TLS on this door. */
enum findings_tls {
    SEALED_NO,     /* not tried, or not offered */
    SEALED_FAILED, /* tried, and the handshake failed: tls_words tells */
    SEALED_YES,    /* see verdict */
};

struct findings_reply {
    enum stage stage;
    unsigned short code; /* 0: none */
    struct enhanced enhanced;
    char text[FINDINGS_REPLY]; /* '\n' between lines */
};

/* One door at one address. */
struct findings_door {
    enum findings_who who;
    uint16_t port;
    struct sockaddr_storage address;
    enum findings_state state;
    int sys; /* positive errno, 0 */
    int64_t connect_ms;
    unsigned again; /* first packets sent again: others are, too, when a peer is only slow */
    bool icmp;
    uint8_t icmp_type, icmp_code;
    char icmp_from[FINDINGS_NAME]; /* address of the router that spoke */

    /* The sweep: 0 when none was made or it showed nothing. */
    uint8_t hop_answer;             /* hop limit at which it first opened or was refused */
    uint8_t hop_last;               /* the farthest router that still answered */
    char hop_router[FINDINGS_NAME]; /* its address */

    enum findings_talk talk;
    enum findings_mode mode;      /* how it speaks, found by talking */
    char name[FINDINGS_NAME];     /* it calls itself */
    char greeting[FINDINGS_TEXT]; /* or the first bytes of what is no SMTP */
    unsigned has, has_tls;        /* enum smtp_client_has: before, after TLS */
    char auth[FINDINGS_NAME], auth_tls[FINDINGS_NAME];
    bool masked;           /* keywords or greeting overwritten with X or * */
    bool starttls_refused; /* offered, then answered with an error: see reply */
    enum findings_tls tls;
    enum tls_verdict verdict;
    char tls_version[16];
    char tls_words[FINDINGS_TEXT]; /* of the certificate, or of the failure */
    char issuer[FINDINGS_NAME];    /* of the certificate */
    struct findings_reply reply;   /* the refusal, if any */
    int64_t done_ms;               /* since the beginning of the run */
};

enum findings_lookup {
    LOOKUP_UNTRIED,
    LOOKUP_OK,
    LOOKUP_NO_NAME, /* there is no such name, or it has no address */
    LOOKUP_FAILED,  /* no answer, or an error */
};

/* One resolver's answer for the user's server. */
struct findings_dns {
    enum findings_lookup result;
    int64_t ms;
    size_t count;
    struct sockaddr_storage address[FINDINGS_ADDRESSES_MAX];
};

enum findings_portal {
    PORTAL_UNTRIED,
    PORTAL_NO,      /* the answer that was to come came */
    PORTAL_LOGIN,   /* a redirect or a page came instead */
    PORTAL_NOTHING, /* no connection, or no answer */
};

struct findings {
    char host[FINDINGS_NAME];    /* the user's server */
    char control[FINDINGS_NAME]; /* "" when there is none */
    char domain[FINDINGS_NAME];  /* of the mail address, or "" */
    char user[FINDINGS_NAME];
    char right[FINDINGS_NAME]; /* the server that was found for that domain when host is not there,
                                  or "" (discover_right) */
    uint16_t port;             /* the user's setting, 0: not said */
    enum findings_mode mode;   /* the user's setting */
    bool host_is_address;

    struct findings_dns dns, dns_second;
    bool control_resolves; /* the system's resolver knows the control's name */
    enum findings_portal portal;
    char portal_words[FINDINGS_TEXT]; /* status line or place of the redirect */
    char isp[FINDINGS_NAME];   /* mail server of the network's operator: named, or guessed; or "" */
    char cloud[FINDINGS_NAME]; /* the hosting company whose machine this is, or "" */

    size_t door_count;
    struct findings_door door[FINDINGS_DOORS_MAX];

    /* Asked for by the user, at the best door. */
    struct findings_login {
        bool tried, ok;
        uint16_t port;
        enum smtp_client_why why; /* how it failed */
        struct findings_reply reply;
    } login, mail, rcpt, sent; /* sent: the answer to the whole message */
    bool uneven;               /* what opened did not open again soon after, at any server */
    bool limited;              /* the same at the user's server alone */

    /* What earlier runs saw at the user's door (history.h); all zero when there were none. */
    struct findings_past {
        uint16_t port;         /* the door it is about; 0: nothing is known */
        int64_t shut_since_ms; /* wall clock: it used to open in this place, until then; 0: no */
        int64_t opened_ms;     /* wall clock: when it last opened here */
        char elsewhere[FINDINGS_NAME]; /* name of a place where it opens, or "" */
        unsigned tries, failures;      /* here, lately, over all runs and repeats */
        char place[FINDINGS_NAME];     /* where we are */
    } past;
    int64_t elapsed_ms;
};

/* The first row of that kind (family AF_UNSPEC: any), or NULL. */
const struct findings_door *findings_find(const struct findings *f, enum findings_who who,
                                          unsigned port, int family);
/* Does somebody speak SMTP there? */
bool findings_speaks(const struct findings_door *d);
/* Was the attempt made and did nothing open, for a reason outside this computer? */
bool findings_shut(const struct findings_door *d);
/* Is the connection encrypted with a certificate that passed? */
bool findings_verified(const struct findings_door *d);
/* The mechanisms offered for a login there, "" when none. */
const char *findings_auth(const struct findings_door *d);

#endif
