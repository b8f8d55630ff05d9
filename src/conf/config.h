/* config: the settings of port26.conf(5) as plain structs. Each field has one row in rows.c (name,
 * type, default, bounds, help); parser, printer and manual page work from that row alone. After
 * config_load every text is set and cross-checked: readers need no "or the default". All memory
 * belongs to the struct config and dies with config_free; nobody else changes it. Durations are
 * milliseconds, sizes octets. */
#ifndef PORT26_CONF_CONFIG_H
#define PORT26_CONF_CONFIG_H

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "conf/cidr.h"
#include "conf/rate.h"

#define CONFIG_FILE     "/etc/port26/port26.conf"
#define CONFIG_FILE_MAX ((size_t)4 << 20) /* octets; a larger file is refused */

enum config_tls {
    CONFIG_TLS_NONE,
    CONFIG_TLS_OPPORTUNISTIC, /* STARTTLS when offered; any certificate (relay only) */
    CONFIG_TLS_STARTTLS,      /* door: offered, and on a submission door needed before login;
                                 relay: required */
    CONFIG_TLS_IMPLICIT,      /* from the first octet (RFC 8314) */
    CONFIG_TLS_HTTPS,         /* the same, for HTTPS and for SMTP by ALPN (relay only) */
};
enum config_role {
    CONFIG_ROLE_SUBMISSION, /* login needed (RFC 6409) */
    CONFIG_ROLE_EXCHANGE,   /* takes mail for our domains from anybody (RFC 5321 MX) */
    CONFIG_ROLE_POP3,       /* people who log in fetch their mail (RFC 1939) */
    CONFIG_ROLE_WEB, /* pages with which mail programs set themselves up; no mail, no login */
};
enum config_user { CONFIG_USER_ADDRESS, CONFIG_USER_LOCAL_PART };
enum config_sts { CONFIG_STS_OFF, CONFIG_STS_NONE, CONFIG_STS_TESTING, CONFIG_STS_ENFORCE };
enum config_via { CONFIG_VIA_MX, CONFIG_VIA_INBOX, CONFIG_VIA_RELAY };

struct config_texts {
    const char **at;
    size_t count;
};
struct config_times {
    int64_t *at;
    size_t count;
};
struct config_numbers {
    uint64_t *at;
    size_t count;
};
struct config_cidrs {
    struct cidr *at;
    size_t count;
};

struct config_store {
    const char *path;    /* directory of the database and of large bodies */
    uint64_t inline_max; /* longer bodies live as files beside the database */
    uint64_t free_min;   /* less free space than this: 452 4.3.1 */
    uint64_t free_inodes_min;
};

struct config_inboxes {
    const char *path; /* one Maildir per account below it */
};

struct config_log {
    enum log_target target;
    enum log_form form;
    enum log_level level;
};

struct config_certificate {
    const char *certificate; /* PEM chain; "" when none */
    const char *key;
};

/* What doors show that have nothing of their own, and what they show besides. */
struct config_tls_files {
    struct config_certificate cert;
    const char *folder;       /* of certificates for further names; "": none */
    const char *acme_webroot; /* below which proofs for authorities lie; "": none */
};

struct config_limits {
    uint64_t connections;             /* per listener process */
    uint64_t connections_per_address; /* IPv4 address or IPv6 /64 */
    uint64_t message_size;
    uint64_t recipients; /* per message, at least 100 (RFC 5321 4.5.3.1.8) */
    uint64_t line;       /* octets of a command line, CRLF included */
    uint64_t commands;   /* per session */
    uint64_t unknown_commands;
    uint64_t errors;
    uint64_t buffer_max;      /* of a body in memory; the rest goes to an unnamed file */
    int64_t greeting_timeout; /* first command, and the TLS handshake */
    int64_t command_timeout;
    int64_t pop3_timeout;  /* the same, in a mailbox */
    int64_t data_timeout;  /* between two pieces of a message */
    int64_t message_time;  /* the whole of one message */
    int64_t login_timeout; /* the whole of one AUTH dialog */
    int64_t session_time;  /* the whole of one session */
};

/* Senders outside, who need no login. */
struct config_incoming {
    uint64_t unknown_recipients;     /* from one network within ten minutes; then 421 */
    int64_t unknown_delay;           /* of each answer, from a quarter of that number on */
    uint64_t connections_per_minute; /* new ones, from one network, in one listener */
    bool greylist;                   /* puts off the first message of a sender */
    int64_t greylist_delay;          /* for so long */
    const char *rspamd;              /* "http://ADDRESS:PORT"; "": none */
    int64_t rspamd_timeout;
    bool rspamd_needed;     /* no answer: the mail is put off, else taken */
    bool srs;               /* what an alias sends elsewhere gets a reverse-path of ours */
    const char *srs_domain; /* of these */
};

struct config_door {
    const char *name;
    uint64_t port;
    struct config_texts address; /* "0.0.0.0", "::"; IPv6 ones take no IPv4 */
    enum config_tls tls;         /* never OPPORTUNISTIC */
    enum config_role role;
    bool https;                /* takes submissions by POST beside SMTP; TLS from the first octet */
    struct config_cidrs trust; /* need no login */
    struct config_texts trust_users; /* of this machine; nor do they */
    struct config_cidrs proxy_from;  /* may (and must) begin with a PROXY line */
    bool login_without_tls_on_loopback;
    bool channel_binding;           /* SCRAM-SHA-256-PLUS is offered: docs/why/login.md */
    struct config_certificate cert; /* the global one where the door gives none */
    struct config_texts greeting;   /* lines of the 220 after the host name */
};

enum { CONFIG_RELAY_DOORS = 20 }; /* of one relay */

/* One way into a relay. */
struct config_relay_door {
    const char *host; /* name, or [address] */
    uint64_t port;
    enum config_tls tls;
};

struct config_relay {
    const char *name;
    const char *host;                /* name, or [address]: of the doors that name none */
    struct config_texts door_texts;  /* as written, see conf/relay_door.h */
    struct config_relay_door *doors; /* in the order of preference; at least one */
    size_t door_count;
    uint64_t port;       /* of the first door */
    enum config_tls tls; /* of the first door */
    bool verify;         /* the certificate must be good for host */
    const char *ca_file; /* "" for the system's */
    const char *user;    /* "" for no login */
    const char *password_file;
    const char *token_command; /* prints an access token, used instead of a password; "" none */
    struct config_texts mechanisms; /* best first; empty: the best both sides know */
    struct config_texts when;       /* networks it is used in, by name or key; empty: all */
};

enum { CONFIG_ROUTE_THEN = 8 }; /* further choices of one route */

/* One way that a route may go. */
struct config_way {
    enum config_via kind;
    const struct config_relay *relay; /* for CONFIG_VIA_RELAY */
};

struct config_route {
    const char *name;
    struct config_texts to;   /* patterns: "*", "example.org", "*.example.org", "a@example.org" */
    struct config_texts from; /* likewise, and "<>"; empty: all */
    const char *via;          /* as written */
    enum config_via kind;
    const struct config_relay *relay; /* for CONFIG_VIA_RELAY */
    struct config_texts then_texts;   /* as written: further ways, when this network shuts via */
    struct config_way *then;          /* the same: MX or RELAY */
};

struct config_delivery {
    uint64_t concurrency;
    uint64_t per_destination;
    uint64_t messages_per_connection;
    int64_t lifetime;
    int64_t delay_notice;      /* 0: none */
    struct config_times retry; /* at least one; the last repeats */
    uint64_t port;
    enum config_tls tls; /* OPPORTUNISTIC or STARTTLS ("required") */
    const char *helo;
    struct config_texts source_address; /* empty: the system chooses */
    bool ipv6;
    bool allow_loopback; /* may connect to addresses of this machine: for tests and local relays */
    uint64_t couriers;
    const char *portal_check; /* host whose /generate_204 shows login pages; "": nobody is asked */
    const char *proxy; /* "http://host:port" on the way to doors of HTTPS; "none"; "": the one that
                          the environment names */
};

/* How much may be sent in the last hour and day, where hosting account or account say nothing. */
struct config_sending {
    struct rate account_messages, account_recipients;
    struct rate host_messages, host_recipients;
    struct rate address_messages, address_recipients; /* of a client that has logged in */
    struct rate sender_messages, sender_recipients;   /* of an address in MAIL FROM */
    bool burst;          /* hold the mail of an account whose password looks stolen */
    int64_t burst_learn; /* ms from an account's first mail on: all its networks are its own */
};

enum config_language { CONFIG_ENGLISH, CONFIG_GERMAN };

/* What senders are told about their mail (RFC 3464). */
struct config_reports {
    enum config_language language;
    uint64_t per_hour; /* to one sender as mails of their own; 0: all */
};

/* What is told to people unasked. */
struct config_notices {
    const char *command; /* run with the text in its environment; "": none */
    const char *mail;    /* who gets it as a message; "": nobody */
};

/* What mail programs are told to use, beside our own doors. */
struct config_clients {
    const char *display_name;       /* of the provider; "": the domain's name */
    const char *host;               /* where our doors are */
    enum config_user user;          /* with what one logs in */
    struct config_texts imap_texts; /* as written, as doors of a relay: doors of other servers */
    struct config_texts pop3_texts;
    struct config_relay_door *imap, *pop3; /* the same: STARTTLS or IMPLICIT */
    size_t imap_count, pop3_count;
    bool sign_profile; /* Apple's form carries our certificate's signature */
};

/* The policy of RFC 8461 for mail to our domains. */
struct config_mta_sts {
    enum config_sts mode;   /* OFF: none is served */
    struct config_texts mx; /* names of MX hosts, "*.example.org" too; at least one */
    int64_t max_age;
};

enum config_full { CONFIG_FULL_LATER, CONFIG_FULL_NEVER };
enum { CONFIG_WARN_MAX = 8 };

struct config_quota {
    uint64_t account; /* octets of an account that has no quota of its own; 0: none */
    uint64_t host;    /* of a hosting account; 0: none */
    enum config_full full;
    struct config_numbers warn; /* percent, rising; none: nobody is warned */
};

struct config_accounts {
    const char *dovecot_auth;  /* socket of a Dovecot that knows passwords; "": none */
    const char *dovecot_users; /* socket where it tells who exists; "": none */
};

struct config_dns {
    struct config_texts resolver; /* "ADDRESS" or "ADDRESS@PORT"; empty: /etc/resolv.conf */
    int64_t timeout;
    const char *trust_anchor; /* root key file for DNSSEC; "" for none */
};

/* Signatures of our domains (sign/dkim_keys.h). */
struct config_dkim {
    bool trusted; /* mail of trusted networks and users is signed */
    int64_t wait; /* 0: until it is seen in the DNS */
    int64_t overlap;
    int64_t look; /* how often the server looks for keys in the DNS; 0: never */
};

struct config_process {
    uint64_t listeners; /* 0: one per core */
    bool jail;
};

/* A field the file gave a value, and where. */
struct config_given {
    const void *field;
    unsigned line;
};

struct config {
    struct arena *arena;
    const char *file; /* where it was read from; "" for the defaults */
    const char *hostname;
    struct config_texts domains; /* canonical: A-labels, lower case */
    const char *postmaster;
    const char *user;
    const char *control; /* path of the control socket */
    struct config_store store;
    struct config_inboxes inboxes;
    struct config_log log;
    struct config_tls_files tls;
    struct config_limits limits;
    struct config_incoming incoming;
    struct config_delivery delivery;
    struct config_sending sending;
    struct config_reports reports;
    struct config_notices notices;
    struct config_quota quota;
    struct config_clients clients;
    struct config_mta_sts mta_sts;
    struct config_accounts accounts;
    struct config_dns dns;
    struct config_dkim dkim;
    struct config_process process;
    struct config_door *doors;
    size_t door_count;
    struct config_relay *relays;
    size_t relay_count;
    struct config_route *routes; /* first match wins; never matches: by MX, our domains to inbox */
    size_t route_count;
    struct config_given *given; /* what the file set: for config_print and messages */
    size_t given_count;
};

/* What a file said that is wrong, or odd (warning). `text` is "file:line: message" in one line,
 * safe to show; line 0 (left out of text) means the file as a whole. */
struct config_note {
    const char *text;
    unsigned line;
    bool warning;
    bool no_domains; /* a warning that domains in the store settle */
};
enum { CONFIG_NOTES = 50 }; /* more are only counted */
struct config_notes {
    struct arena *arena; /* made at the first note */
    struct config_note at[CONFIG_NOTES];
    size_t count;  /* of at[] */
    size_t errors; /* all, also those past the end of at[] */
};

/* Reads and checks a file. 0 and *out, or -1 and *out NULL with at least one error among *notes
 * (which begins as {0}; warnings come with either). Opens no socket, and beside `file` only
 * /etc/hosts when hostname is not given. */
int config_load(const char *file, struct config_notes *notes, struct config **out);
/* The same from memory; `name` stands in the messages. */
int config_parse(struct span text, const char *name, struct config_notes *notes,
                 struct config **out);
/* What an empty file means; never NULL. */
struct config *config_defaults(void);
/* Looks at the world outside: certificate and key readable, directories there, password files
 * private. Adds notes; returns 0 when no error was added. */
int config_check(const struct config *c, struct config_notes *notes);
void config_notes_free(struct config_notes *notes);
/* Frees all and nulls the pointer; NULL is fine. */
void config_free(struct config **c);

/* The first line of a file, at most out->max octets (the caller wipes and frees *out). Refuses what
 * is no regular file, is empty, may be read by others, or (unless we are root) belongs neither to
 * root nor to us: -1 and *e, which never holds any of the secret. */
int config_secret(const char *path, struct text *out, struct error *e);

/* Adds a text as it is written in the file, in quotes. */
void config_quote(struct span s, struct text *out);
/* Valid configuration text which loads to the same settings; with only_changed just what differs
 * from the defaults. */
void config_print(const struct config *c, bool only_changed, struct text *out);
/* The settings as roff, for port26.conf(5). */
void config_manual(struct text *out);

/* The line that set this field of c (or began this door, relay or route); 0 when none did. */
unsigned config_line(const struct config *c, const void *field);
/* NULL when there is none of that name. */
const struct config_relay *config_relay(const struct config *c, const char *name);
/* Is it one of our domains? (canonical form, mail/address.h) */
bool config_domain(const struct config *c, struct span domain);
const char *config_tls_name(enum config_tls t);
const char *config_role_name(enum config_role r);
const char *config_sts_name(enum config_sts s);

#endif
