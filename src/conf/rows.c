#include "conf/rows.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stddef.h>
#include <string.h>

#define KIB (INT64_C(1) << 10)
#define GIB (INT64_C(1) << 30)

/* The offset of a field; does not compile when the field has another type. */
#define AT(tag, field, ctype)                                                                      \
    (offsetof(struct tag, field) +                                                                 \
     0 * sizeof(char[_Generic(&((struct tag *)NULL)->field, ctype * : 1)]))

/* Name and field, kind, bounds, help, and then the default as .standard, .computed or .required. */
#define TEXT(tag, field, n, kind, low, high, h, ...)                                               \
    {                                                                                              \
        .name = n, .type = kind, .offset = AT(tag, field, const char *), .min = low, .max = high,  \
        .help = h, __VA_ARGS__                                                                     \
    }
#define NUMBER(tag, field, n, kind, low, high, h, ...)                                             \
    {                                                                                              \
        .name = n, .type = kind, .offset = AT(tag, field, uint64_t), .min = low, .max = high,      \
        .help = h, __VA_ARGS__                                                                     \
    }
#define TIME(tag, field, n, low, high, h, ...)                                                     \
    {                                                                                              \
        .name = n, .type = ROW_DURATION, .offset = AT(tag, field, int64_t), .min = low,            \
        .max = high, .help = h, __VA_ARGS__                                                        \
    }
#define YESNO(tag, field, n, h, ...)                                                               \
    {                                                                                              \
        .name = n, .type = ROW_YESNO, .offset = AT(tag, field, bool), .help = h, __VA_ARGS__       \
    }
#define CHOICE(tag, field, ctype, n, list_of_words, h, ...)                                        \
    {                                                                                              \
        .name = n, .type = ROW_CHOICE, .offset = AT(tag, field, enum ctype),                       \
        .max = (int64_t)COUNT(list_of_words) - 1, .words = list_of_words, .help = h, __VA_ARGS__   \
    }
#define LIST(tag, field, ctype, n, kind, h, ...)                                                   \
    {                                                                                              \
        .name = n, .type = kind, .list = true, .offset = AT(tag, field, struct ctype), .help = h,  \
        __VA_ARGS__                                                                                \
    }

enum { PATH_MAX_OCTETS = 1024 };

static const char *const targets[] = {
    [LOG_TO_STDERR] = "stderr", [LOG_TO_JOURNAL] = "journal", [LOG_TO_SYSLOG] = "syslog"};
static const char *const forms[] = {[LOG_KEYVALUE] = "keyvalue", [LOG_JSON] = "json"};
static const char *const levels[] = {[LOG_ERROR] = "error",
                                     [LOG_WARNING] = "warning",
                                     [LOG_NOTICE] = "notice",
                                     [LOG_INFO] = "info",
                                     [LOG_DEBUG] = "debug"};
static const char *const door_tls[] = {[CONFIG_TLS_NONE] = "none",
                                       [CONFIG_TLS_STARTTLS] = "starttls",
                                       [CONFIG_TLS_IMPLICIT] = "implicit"};
static const char *const relay_tls[] = {[CONFIG_TLS_NONE] = "none",
                                        [CONFIG_TLS_OPPORTUNISTIC] = "opportunistic",
                                        [CONFIG_TLS_STARTTLS] = "starttls",
                                        [CONFIG_TLS_IMPLICIT] = "implicit",
                                        [CONFIG_TLS_HTTPS] = "https"};
static const char *const delivery_tls[] = {
    [CONFIG_TLS_OPPORTUNISTIC] = "opportunistic", [CONFIG_TLS_STARTTLS] = "required"};
static const char *const fulls[] = {[CONFIG_FULL_LATER] = "later", [CONFIG_FULL_NEVER] = "never"};
static const char *const roles[] = {[CONFIG_ROLE_SUBMISSION] = "submission",
                                    [CONFIG_ROLE_EXCHANGE] = "exchange",
                                    [CONFIG_ROLE_POP3] = "pop3",
                                    [CONFIG_ROLE_WEB] = "web"};
static const char *const users[] = {
    [CONFIG_USER_ADDRESS] = "address", [CONFIG_USER_LOCAL_PART] = "local-part"};
static const char *const sts_modes[] = {[CONFIG_STS_OFF] = "off",
                                        [CONFIG_STS_NONE] = "none",
                                        [CONFIG_STS_TESTING] = "testing",
                                        [CONFIG_STS_ENFORCE] = "enforce"};

static const struct row top[] = {
    TEXT(config, hostname, "hostname", ROW_HOST, 1, 255,
         "Full name of this machine, as it stands in greetings, EHLO and Received fields. Other "
         "servers look it up, so it should have an address and the address should lead back to it.",
         .computed = "the name of the system"),
    LIST(config, domains, config_texts, "domains", ROW_DOMAIN,
         "The domains whose mailboxes are here. Mail for them is taken from anybody, and without "
         "a route that says otherwise goes to an inbox.",
         .standard = ""),
    TEXT(config, postmaster, "postmaster", ROW_MAILBOX, 3, 254,
         "Who gets mail for postmaster and the reports that have nobody else to go to.",
         .computed = "postmaster at the first of domains, or at hostname"),
    TEXT(config, user, "user", ROW_TEXT, 1, 32,
         "System user whose rights the processes keep when started by root.", .standard = "port26"),
    TEXT(config, control, "control", ROW_PATH, 1, 100,
         "Socket through which the commands talk to the running server.",
         .computed = "the file control in the path of store"),
};

static const struct row store[] = {
    TEXT(config_store, path, "path", ROW_PATH, 1, PATH_MAX_OCTETS,
         "Directory of the queue and the accounts.", .standard = "/var/lib/port26"),
    NUMBER(config_store, inline_max, "inline-max", ROW_SIZE, 0, GIB,
           "Messages up to this size live inside the database, longer ones as files beside it.",
           .standard = "64K"),
    NUMBER(config_store, free_min, "free-min", ROW_SIZE, 0, 1024 * GIB,
           "With less free space than this, new mail is put off (452).", .standard = "64M"),
    NUMBER(config_store, free_inodes_min, "free-inodes-min", ROW_NUMBER, 0, 1000000000,
           "With fewer free inodes than this, new mail is put off (452).", .standard = "1000"),
};

static const struct row inboxes[] = {
    TEXT(config_inboxes, path, "path", ROW_PATH, 1, PATH_MAX_OCTETS,
         "Directory below which each account has its Maildir.",
         .computed = "the directory inbox in the path of store"),
};

static const struct row log_rows[] = {
    CHOICE(
        config_log, target, log_target, "target", targets,
        "Where log lines go. Where systemd takes what is written to stderr it is the journal, and "
        "lines keep their level there.",
        .standard = "stderr"),
    CHOICE(config_log, form, log_form, "form", forms,
           "How a line looks: key=value words, or one JSON object.", .standard = "keyvalue"),
    CHOICE(config_log, level, log_level, "level", levels,
           "The least important lines still written.", .standard = "info"),
};

static const struct row tls[] = {
    TEXT(config_tls_files, cert.certificate, "certificate", ROW_PATH, 0, PATH_MAX_OCTETS,
         "PEM file with the certificate and its chain, for all doors that name none.",
         .standard = ""),
    TEXT(config_tls_files, cert.key, "key", ROW_PATH, 0, PATH_MAX_OCTETS,
         "PEM file with the private key; others must not be able to read it.",
         .computed = "the certificate file"),
    TEXT(config_tls_files, folder, "folder", ROW_PATH, 0, PATH_MAX_OCTETS,
         "Folder of certificates for further names, such as those of customers: NAME/fullchain.pem "
         "with NAME/privkey.pem, as certbot has them. At every door a client that asks for a name "
         "(SNI) is shown the one that is made out to it, *.example.org included; all others are "
         "shown the certificate of the door. What the folders are called does not matter.",
         .standard = ""),
    TEXT(config_tls_files, acme_webroot, "acme-webroot", ROW_PATH, 0, PATH_MAX_OCTETS,
         "Folder below which certbot and others put the proofs that a name is ours, in "
         ".well-known/acme-challenge (certbot certonly --webroot -w FOLDER). Doors of the role web "
         "and those with HTTPS give them to the authority (ACME, HTTP-01). An empty one: none.",
         .computed = "the folder acme in the path of store"),
};

static const struct row limits[] = {
    NUMBER(config_limits, connections, "connections", ROW_NUMBER, 1, 1000000,
           "Connections at once in each listener process.", .standard = "10000"),
    NUMBER(config_limits, connections_per_address, "connections-per-address", ROW_NUMBER, 1,
           1000000, "Of these from one IPv4 address or one IPv6 /64 network.", .standard = "1000"),
    NUMBER(config_limits, message_size, "message-size", ROW_SIZE, 64 * KIB, 4 * GIB,
           "The largest message taken, announced by SIZE (RFC 1870).", .standard = "50M"),
    NUMBER(config_limits, recipients, "recipients", ROW_NUMBER, 100, 100000,
           "Recipients of one message; RFC 5321 wants at least 100.", .standard = "1000"),
    NUMBER(config_limits, line, "line", ROW_SIZE, 512, 64 * KIB,
           "The longest command line, end of line included.", .standard = "2K"),
    NUMBER(config_limits, commands, "commands", ROW_NUMBER, 100, 100000000,
           "Commands in one session; then 421.", .standard = "10000"),
    NUMBER(config_limits, unknown_commands, "unknown-commands", ROW_NUMBER, 1, 1000000,
           "Unknown commands in one session; then 421.", .standard = "20"),
    NUMBER(config_limits, errors, "errors", ROW_NUMBER, 1, 1000000,
           "Refused commands in one session; then 421.", .standard = "50"),
    NUMBER(config_limits, buffer_max, "buffer-max", ROW_SIZE, 4 * KIB, 64 << 20,
           "What is kept of a message in memory while it arrives; the rest goes to a file that "
           "has no name.",
           .standard = "256K"),
    TIME(config_limits, greeting_timeout, "greeting-timeout", CLOCK_SECOND, CLOCK_HOUR,
         "Time for the TLS handshake, and for the first command after the greeting.",
         .standard = "1m"),
    TIME(config_limits, command_timeout, "command-timeout", CLOCK_SECOND, CLOCK_HOUR,
         "Time for each further command, and for the client to take our answers.",
         .standard = "5m"),
    TIME(config_limits, pop3_timeout, "pop3-timeout", CLOCK_SECOND, CLOCK_HOUR,
         "Time for each further command of who has logged in to fetch mail. RFC 1939 asks for 10 "
         "minutes at least.",
         .standard = "10m"),
    TIME(config_limits, data_timeout, "data-timeout", CLOCK_SECOND, CLOCK_HOUR,
         "Time between two pieces of a message.", .standard = "10m"),
    TIME(config_limits, message_time, "message-time", CLOCK_SECOND, CLOCK_DAY,
         "Time for the whole of one message, however it trickles.", .standard = "30m"),
    TIME(config_limits, login_timeout, "login-timeout", CLOCK_SECOND, CLOCK_HOUR,
         "Time for the whole of one login.", .standard = "1m"),
    TIME(config_limits, session_time, "session-time", CLOCK_MINUTE, 7 * CLOCK_DAY,
         "Time for the whole of one session.", .standard = "4h"),
};

static const struct row incoming[] = {
    NUMBER(
        config_incoming, unknown_recipients, "unknown-recipients", ROW_NUMBER, 4, 1000000,
        "Recipients that do not exist, asked for within ten minutes from one IPv4 address or one "
        "IPv6 /64 network, over all its connections; then 421, until some have been forgotten.",
        .standard = "100"),
    TIME(config_incoming, unknown_delay, "unknown-delay", 0, CLOCK_MINUTE,
         "From a quarter of that number on, every answer to a recipient comes this much later, "
         "whether he exists or not.",
         .standard = "1s"),
    NUMBER(config_incoming, connections_per_minute, "connections-per-minute", ROW_NUMBER, 1,
           1000000,
           "New connections from one IPv4 address or one IPv6 /64 network at the exchange doors; "
           "then 421.",
           .standard = "300"),
    YESNO(
        config_incoming, greylist, "greylist",
        "Whether the first message of a sender from a network is put off (451) until he tries "
        "again. That keeps out senders of junk who never do, and makes the first mail of everybody "
        "else late.",
        .standard = "false"),
    TIME(config_incoming, greylist_delay, "greylist-delay", CLOCK_SECOND, CLOCK_HOUR,
         "How long it is put off at least.", .standard = "5m"),
    TEXT(
        config_incoming, rspamd, "rspamd", ROW_TEXT, 0, 200,
        "Where rspamd listens for checks, as http://127.0.0.1:11333. It is asked about every "
        "message "
        "before it is taken; what it found out by SPF, DKIM and DMARC stands in an "
        "Authentication-Results field, and it may refuse (reject), put off (soft reject, greylist) "
        "or mark (add header: X-Spam). Couriers ask it.",
        .standard = ""),
    TIME(config_incoming, rspamd_timeout, "rspamd-timeout", CLOCK_SECOND, 2 * CLOCK_MINUTE,
         "How long its answer is waited for.", .standard = "15s"),
    YESNO(config_incoming, rspamd_needed, "rspamd-needed",
          "Whether mail is put off (451) when rspamd does not answer; else it is taken unchecked.",
          .standard = "false"),
    YESNO(
        config_incoming, srs, "srs",
        "Whether mail of others that an alias sends on to another host leaves with a reverse-path "
        "of ours (SRS), so that SPF holds there. Reports that come back to it go on to the "
        "sender.",
        .standard = "true"),
    TEXT(config_incoming, srs_domain, "srs-domain", ROW_DOMAIN, 0, 255,
         "The domain of these reverse-paths. Its mail must come here, and it is best used for "
         "nothing else: whoever writes to an alias sends with its SPF.",
         .computed = "hostname"),
};

static const struct row door[] = {
    NUMBER(config_door, port, "port", ROW_PORT, 1, 65535, "TCP port.", .required = true),
    LIST(config_door, address, config_texts, "address", ROW_ADDRESS, "Addresses to listen on.",
         .standard = "0.0.0.0, ::", .min = 1),
    CHOICE(
        config_door, tls, config_tls, "tls", door_tls,
        "TLS from the first octet (implicit), after the command STARTTLS, for POP3 STLS (starttls; "
        "needed before login), or never (none).",
        .computed = "implicit on ports 465, 995 and 443, none for the role web elsewhere, else "
                    "starttls"),
    CHOICE(config_door, role, config_role, "role", roles,
           "Mail from people who log in, to anybody (submission), or from anybody, to our domains "
           "(exchange); mail for people who log in and fetch it (pop3); or no mail but the pages "
           "with which mail programs set themselves up (web).",
           .computed = "exchange on port 25, pop3 on ports 110 and 995, web on port 80, else "
                       "submission"),
    YESNO(config_door, https, "https",
          "Whether the door also speaks HTTPS and takes submissions by POST, for networks that let "
          "nothing but the web through. ALPN and the first words of a client tell whether it "
          "speaks HTTP or SMTP.",
          .computed = "true on port 443, else false"),
    LIST(config_door, trust, config_cidrs, "trust", ROW_CIDR,
         "Networks whose clients may send to anybody without login.", .standard = ""),
    LIST(config_door, trust_users, config_texts, "trust-users", ROW_TEXT,
         "Users of this machine whose programs may send to anybody without login, from this "
         "machine.",
         .standard = "", .max = 255),
    LIST(config_door, proxy_from, config_cidrs, "proxy-from", ROW_CIDR,
         "Networks of proxies: their connections must begin with a PROXY header, which tells the "
         "client's address.",
         .standard = ""),
    YESNO(config_door, login_without_tls_on_loopback, "login-without-tls-on-loopback",
          "Whether clients on this machine may log in without TLS.", .standard = "false"),
    YESNO(config_door, channel_binding, "channel-binding",
          "Whether SCRAM-SHA-256-PLUS is offered, which ties a login to its TLS session: for doors "
          "whose clients are relays of port26, or programs known to have it (msmtp from 1.8.26). "
          "mutt 2.2 and others built with GNU SASL choose it wherever it is offered, cannot do it "
          "and then do not log in at all.",
          .standard = "false"),
    TEXT(config_door, cert.certificate, "certificate", ROW_PATH, 0, PATH_MAX_OCTETS,
         "PEM file with the certificate and its chain, for this door only.",
         .computed = "the one of the block tls"),
    TEXT(config_door, cert.key, "key", ROW_PATH, 0, PATH_MAX_OCTETS,
         "PEM file with the private key, for this door only.",
         .computed = "the one of the block tls, or the certificate file"),
    LIST(config_door, greeting, config_texts, "greeting", ROW_TEXT,
         "Lines of the greeting of SMTP, after the host name.", .standard = "ESMTP", .max = 200),
};

static const struct row relay[] = {
    TEXT(config_relay, host, "host", ROW_HOST, 1, 255,
         "Name of the relay, or its address in brackets.", .required = true),
    LIST(config_relay, door_texts, config_texts, "doors", ROW_RELAY_DOOR,
         "The ways in, best first: each [HOST:]PORT and then as in tls: \"465 implicit\" or "
         "\"smtp2.example.com:587 starttls\". Which of them is open is found out in every network "
         "and remembered. \"443 https\" is the way through networks that let only the web through. "
         "The word auto stands for those that providers use: 465, 587, 2525, 26, 25, 1025 and 443.",
         .computed = "the one of port and tls, or auto without them"),
    NUMBER(config_relay, port, "port", ROW_PORT, 1, 65535,
           "TCP port, where there is one door only.",
           .computed = "465 when tls is implicit, else 587"),
    CHOICE(config_relay, tls, config_tls, "tls", relay_tls,
           "TLS from the first octet (implicit), required by STARTTLS (starttls), used when "
           "offered (opportunistic), or never (none); https is a web server that takes mail.",
           .computed = "implicit on port 465, https on 443, else starttls"),
    YESNO(config_relay, verify, "verify",
          "Whether the certificate must be good for the host. A relay with a login needs it.",
          .standard = "true"),
    TEXT(config_relay, ca_file, "ca-file", ROW_PATH, 0, PATH_MAX_OCTETS,
         "PEM file with the authorities trusted for this relay instead of the system's.",
         .standard = ""),
    TEXT(config_relay, user, "user", ROW_TEXT, 0, 255, "Name to log in with.", .standard = ""),
    TEXT(config_relay, password_file, "password-file", ROW_PATH, 0, PATH_MAX_OCTETS,
         "File whose first line is the password; others must not be able to read it.",
         .standard = ""),
    TEXT(config_relay, token_command, "token-command", ROW_TEXT, 0, 4096,
         "Command for /bin/sh that prints an OAuth 2.0 access token, for relays that take no "
         "password. It runs as the user of the server, whenever a token is needed that is older "
         "than five minutes.",
         .standard = ""),
    LIST(config_relay, mechanisms, config_texts, "mechanisms", ROW_MECHANISM,
         "SASL mechanisms that may be used, best first. Without any: the best both sides know.",
         .standard = ""),
    LIST(config_relay, when, config_texts, "when", ROW_TEXT,
         "The networks in which it is used, such as the one of the provider that runs it: names "
         "given with `port26 places name`, or the names or keys that `port26 places` shows. "
         "Elsewhere it is never asked. Without any: everywhere.",
         .standard = "", .max = 100),
};

static const struct row route[] = {
    LIST(config_route, to, config_texts, "to", ROW_PATTERN,
         "Recipients it is for: address, domain, *.domain for the names below it, or *.",
         .standard = "*", .min = 1),
    LIST(config_route, from, config_texts, "from", ROW_PATTERN,
         "Senders it is for, written likewise; <> is the empty sender.", .standard = "*", .min = 1),
    TEXT(config_route, via, "via", ROW_TEXT, 1, 100,
         "Where the mail goes: mx for the servers of the recipient's domain, inbox for an inbox "
         "here, or relay:NAME.",
         .required = true),
    LIST(config_route, then_texts, config_texts, "then", ROW_TEXT,
         "Further ways, relay:NAME or mx, for mail that goes via a relay: tried in this order when "
         "the present network lets nobody through to the one before, each with its own login. What "
         "a server refuses no other one is asked to take.",
         .standard = "", .max = 100),
};

static const struct row delivery[] = {
    NUMBER(config_delivery, concurrency, "concurrency", ROW_NUMBER, 1, 10000, "Deliveries at once.",
           .standard = "100"),
    NUMBER(config_delivery, per_destination, "per-destination", ROW_NUMBER, 1, 1000,
           "Of these to one destination.", .standard = "10"),
    NUMBER(config_delivery, messages_per_connection, "messages-per-connection", ROW_NUMBER, 1,
           100000, "Messages sent over one connection before it is closed.", .standard = "100"),
    TIME(config_delivery, lifetime, "lifetime", CLOCK_MINUTE, 30 * CLOCK_DAY,
         "How long delivery is tried before the message goes back.", .standard = "5d"),
    TIME(config_delivery, delay_notice, "delay-notice", 0, 30 * CLOCK_DAY,
         "When the sender is told that a message is still waiting; 0 for never.", .standard = "4h"),
    LIST(config_delivery, retry, config_times, "retry", ROW_DURATION,
         "The waits between tries; the last one repeats.",
         .standard = "5m, 10m, 20m, 40m, 1h, 2h, 4h", .min = 1, .max = 7 * CLOCK_DAY),
    NUMBER(config_delivery, port, "port", ROW_PORT, 1, 65535,
           "TCP port of the servers of other domains.", .standard = "25"),
    CHOICE(config_delivery, tls, config_tls, "tls", delivery_tls,
           "TLS when the far server offers it (opportunistic), or nothing without it (required).",
           .standard = "opportunistic"),
    TEXT(config_delivery, helo, "helo", ROW_HOST, 1, 255, "Name given in EHLO.",
         .computed = "hostname"),
    LIST(config_delivery, source_address, config_texts, "source-address", ROW_ADDRESS,
         "Addresses connections are made from; without any the system chooses.", .standard = ""),
    YESNO(config_delivery, ipv6, "ipv6", "Whether IPv6 is used.", .standard = "true"),
    YESNO(config_delivery, allow_loopback, "allow-loopback",
          "Whether mail may be delivered to addresses of this machine. Leave it, or a hostile MX "
          "record can make port26 talk to itself.",
          .standard = "false"),
    TEXT(config_delivery, portal_check, "portal-check", ROW_TEXT, 0, 253,
         "Web host, such as connectivitycheck.gstatic.com, whose page /generate_204 is asked for "
         "when no door of a relay is open, to tell a network that wants a login first. Without it "
         "nobody is asked.",
         .standard = ""),
    TEXT(
        config_delivery, proxy, "proxy", ROW_TEXT, 0, 500,
        "The HTTP proxy on the way to relay doors of the kind https, as http://proxy.example:3128; "
        "none for none. Without it: the one that https_proxy names in the environment, the only "
        "place for a login.",
        .standard = ""),
    NUMBER(config_delivery, couriers, "couriers", ROW_NUMBER, 0, 64,
           "Processes that carry mail out; 0: mail is accepted and stays in the queue.",
           .standard = "1"),
};

#define RATE(f, n, h)                                                                              \
    {                                                                                              \
        .name = n, .type = ROW_RATE, .offset = AT(config_sending, f, struct rate), .help = h,      \
        .standard = ""                                                                             \
    }

static const struct row sending[] = {
    RATE(account_messages, "account-messages",
         "Messages one account may send in any hour and in any day, as in \"50/h, 300/d\"."),
    RATE(account_recipients, "account-recipients",
         "Recipients it may send to: a message to five counts five."),
    RATE(host_messages, "host-messages", "Messages of all accounts of one hosting account."),
    RATE(host_recipients, "host-recipients", "Recipients of all accounts of one hosting account."),
    RATE(address_messages, "address-messages",
         "Messages from one client address (IPv4 address or IPv6 /64) by whichever accounts."),
    RATE(address_recipients, "address-recipients", "Recipients from one client address."),
    RATE(sender_messages, "sender-messages",
         "Messages with one sender address (MAIL FROM), for accounts that may use several."),
    RATE(sender_recipients, "sender-recipients", "Recipients of messages with one sender address."),
    YESNO(config_sending, burst, "burst",
          "Whether the mail of an account is held, and its owner and the postmaster told, when it "
          "looks as if the password was stolen: a network it never used, many recipients it never "
          "wrote to, many refused by other servers.",
          .standard = "true"),
    TIME(
        config_sending, burst_learn, "burst-learn", 0, 365 * CLOCK_DAY,
        "So long after an account's first mail all networks it sends from count as its own: a host "
        "that has just moved its customers here knows nobody yet.",
        .standard = "2d"),
};

static const char *const languages[] = {[CONFIG_ENGLISH] = "en", [CONFIG_GERMAN] = "de"};

static const struct row reports[] = {
    CHOICE(config_reports, language, config_language, "language", languages,
           "The language of the reports about mail that failed, waits, or has arrived, and of "
           "the other letters to people: about quotas, sending limits, held mail, networks.",
           .standard = "en"),
    NUMBER(config_reports, per_hour, "per-hour", ROW_NUMBER, 0, 1000000,
           "How many of them one sender gets within an hour as mails of their own. Those beyond "
           "come together in one mail after half an hour, each of them whole. 0: all alone.",
           .standard = "100"),
};

static const struct row notices[] = {
    TEXT(config_notices, command, "command", ROW_TEXT, 0, 4096,
         "Command for /bin/sh that shows a notice, which stands in the variable PORT26_NOTICE of "
         "its environment: notify-send port26 \"$PORT26_NOTICE\". It runs as the user of the "
         "server.",
         .standard = ""),
    TEXT(config_notices, mail, "mail", ROW_TEXT, 0, 254,
         "Address to which notices go as messages, best one whose inbox is here.", .standard = ""),
};

static const struct row clients[] = {
    TEXT(config_clients, display_name, "display-name", ROW_TEXT, 0, 60,
         "Name of the provider as mail programs show it.",
         .computed = "the domain of the mail address"),
    TEXT(config_clients, host, "host", ROW_HOST, 1, 255,
         "Name under which mail programs reach our doors. The certificate must be good for it.",
         .computed = "hostname"),
    CHOICE(config_clients, user, config_user, "user", users,
           "What people log in with: their whole address, or the part before the @.",
           .standard = "address"),
    LIST(config_clients, imap_texts, config_texts, "imap", ROW_RELAY_DOOR,
         "Doors of the IMAP server for the same mailboxes, best first, such as "
         "\"imap.example.org:993 implicit\". Without any: mail programs are told of POP3.",
         .standard = ""),
    LIST(config_clients, pop3_texts, config_texts, "pop3", ROW_RELAY_DOOR,
         "Doors of another POP3 server for the same mailboxes, named after our own.",
         .standard = ""),
    YESNO(config_clients, sign_profile, "sign-profile",
          "Whether the profile for iOS and macOS is signed with the certificate of this server. "
          "Unsigned ones are shown as such in red; turn it off to sign them elsewhere.",
          .standard = "true"),
};

static const struct row mta_sts[] = {
    CHOICE(config_mta_sts, mode, config_sts, "mode", sts_modes,
           "What servers that send to our domains shall do when TLS to one of mx fails: not send "
           "(enforce), send and report (testing), or forget an older policy (none); off serves no "
           "policy.",
           .standard = "off"),
    LIST(config_mta_sts, mx, config_texts, "mx", ROW_PATTERN,
         "Names of the servers that take mail for our domains, as in their MX records; "
         "*.example.org for all names one below.",
         .computed = "hostname"),
    TIME(config_mta_sts, max_age, "max-age", CLOCK_HOUR, 365 * CLOCK_DAY,
         "How long other servers may remember the policy.", .standard = "1w"),
};

static const struct row quota[] = {
    NUMBER(config_quota, account, "account", ROW_SIZE, 0, 1024 * 1024 * GIB,
           "How much an account may store, its mailbox and its mail in the queue together, when it "
           "has no quota of its own; 0: no end.",
           .standard = "0"),
    NUMBER(config_quota, host, "host", ROW_SIZE, 0, 1024 * 1024 * GIB,
           "How much all accounts of a hosting account may store together, when it has no quota of "
           "its own; 0: no end.",
           .standard = "0"),
    CHOICE(config_quota, full, config_full, "full", fulls,
           "What is answered where something is full: later, so that other servers and mail "
           "programs try again (452 4.2.2), or never (552 5.2.2).",
           .standard = "later"),
    LIST(config_quota, warn, config_numbers, "warn", ROW_NUMBER,
         "At so many percent the account is warned by mail, once each until it has less again; "
         "rising, at most 8. An empty list warns nobody.",
         .max = 100, .standard = "80, 95"),
};

static const struct row accounts[] = {
    TEXT(
        config_accounts, dovecot_auth, "dovecot-auth", ROW_PATH, 0, PATH_MAX_OCTETS,
        "Socket of a running Dovecot (its auth-client) that is asked about logins which no account "
        "here has; PLAIN and LOGIN are then all that doors offer. The first good login makes the "
        "account.",
        .standard = ""),
    TEXT(config_accounts, dovecot_users, "dovecot-users", ROW_PATH, 0, PATH_MAX_OCTETS,
         "Socket of the same Dovecot (its auth-userdb) that is asked, when mail comes for an "
         "address "
         "that nobody here has, whether it knows this user; who is known gets the account then, "
         "before the first login.",
         .standard = ""),
};

static const struct row dns[] = {
    LIST(config_dns, resolver, config_texts, "resolver", ROW_RESOLVER,
         "Name servers, each an address or ADDRESS@PORT. Without any: those of the system.",
         .standard = ""),
    TIME(config_dns, timeout, "timeout", 100, 5 * CLOCK_MINUTE, "Time for one question.",
         .standard = "10s"),
    TEXT(config_dns, trust_anchor, "trust-anchor", ROW_PATH, 0, PATH_MAX_OCTETS,
         "File with the key of the DNS root; DNSSEC and with it DANE need it.", .standard = ""),
};

static const struct row dkim[] = {
    YESNO(config_dkim, trusted, "trusted",
          "Whether mail that trusted networks and users of a door (trust, trust-users) hand over "
          "without a login is signed when its From is a domain of ours. Set it to false where they "
          "hand over other people's mail, too: a server that forwards, a mailing list.",
          .standard = "true"),
    TIME(config_dkim, wait, "wait", 0, 365 * CLOCK_DAY,
         "After this long new keys sign although nobody has seen them in the DNS: for those who "
         "publish them without fail. 0: they wait until they are seen, by the server or by `port26 "
         "domain check`.",
         .standard = "0"),
    TIME(config_dkim, overlap, "overlap", CLOCK_HOUR, 365 * CLOCK_DAY,
         "How long keys that do not sign any more stay published; at least two days longer than "
         "the lifetime in delivery.",
         .standard = "1w"),
    TIME(config_dkim, look, "look", 0, 30 * CLOCK_DAY,
         "How often the server looks whether the keys of its domains stand in the DNS as they "
         "should, and warns when they do not. New keys are looked for after two minutes, then "
         "less often, at most every hour, and sign once they are seen. 0: it never looks.",
         .standard = "1d"),
};

static const struct row process[] = {
    NUMBER(config_process, listeners, "listeners", ROW_NUMBER, 0, 1024,
           "Processes that take connections; 0 for one per core.", .standard = "0"),
    YESNO(config_process, jail, "jail",
          "Whether processes give up all rights they do not need (seccomp, Landlock).",
          .standard = "true"),
};

#define PLAIN(n, tag, field, table, h)                                                             \
    {                                                                                              \
        .name = n, .offset = offsetof(struct config, field), .size = sizeof(struct tag),           \
        .rows = table, .count = COUNT(table), .help = h                                            \
    }
#define TITLED(n, tag, field, counter, table, h)                                                   \
    {                                                                                              \
        .name = n, .offset = offsetof(struct config, field),                                       \
        .count_at = offsetof(struct config, counter), .size = sizeof(struct tag), .titled = true,  \
        .rows = table, .count = COUNT(table), .help = h                                            \
    }

static const struct rows_block blocks[] = {
    {.name = "", .size = sizeof(struct config), .rows = top, .count = COUNT(top)},
    PLAIN("tls", config_tls_files, tls, tls, "The certificates of the doors."),
    TITLED(
        "door", config_door, doors, door_count, door,
        "One way in: a port with its rules. A file without any door means ports 25 (exchange), "
        "26, 587, 1025, 2525 (submission, STARTTLS before login) and 465 (submission, "
        "implicit TLS); where domains are ours also 110 (pop3, STLS before login) and 995 (pop3, "
        "implicit TLS)."),
    TITLED("relay", config_relay, relays, relay_count, relay,
           "A server that takes our mail and carries it on. Routes send mail to it."),
    TITLED("route", config_route, routes, route_count, route,
           "Which way recipients go. The first route that matches in the order of the file wins. "
           "Behind the last stand two that need not be written: our domains go to inbox, all else "
           "to mx."),
    PLAIN("delivery", config_delivery, delivery, delivery, "Mail on its way out."),
    PLAIN("limits", config_limits, limits, limits, "What one client may use up."),
    PLAIN("incoming", config_incoming, incoming, incoming,
          "What is held against senders outside, who bring mail for our domains without a login."),
    PLAIN("store", config_store, store, store, "Where the mail is kept."),
    PLAIN("inboxes", config_inboxes, inboxes, inboxes, "Where mail for our domains goes."),
    PLAIN("log", config_log, log, log_rows, "The log."),
    PLAIN("sending", config_sending, sending, sending,
          "How much may be sent after a login, where the account or hosting account has no limits "
          "of its own. The hour and the day slide: nothing jumps at midnight. Who has reached a "
          "limit is refused with 452 and told from when on he can send again."),
    PLAIN("reports", config_reports, reports, reports,
          "What senders are told about their mail (RFC 3461 to 3464)."),
    PLAIN("notices", config_notices, notices, notices,
          "Who is told when a network begins to keep mail from the relays: once for each network "
          "and each change, and nothing while all is well. A line in the log is always written."),
    PLAIN(
        "clients", config_clients, clients, clients,
        "How mail programs set themselves up: what is told beside the submission doors, which are "
        "named by themselves when they have TLS."),
    PLAIN(
        "mta-sts", config_mta_sts, mta_sts, mta_sts,
        "The policy that tells other servers to use TLS for mail to our domains (RFC 8461). It is "
        "served by HTTPS under the name mta-sts.DOMAIN, for which the certificate must be good."),
    PLAIN("quota", config_quota, quota, quota,
          "How much may be stored. Accounts and hosting accounts can have quotas of their own."),
    PLAIN("accounts", config_accounts, accounts, accounts,
          "Who may log in, besides the accounts kept here."),
    PLAIN("dns", config_dns, dns, dns, "The questions asked of the DNS."),
    PLAIN("dkim", config_dkim, dkim, dkim,
          "Changes of the keys with which mail of our domains is signed."),
    PLAIN("process", config_process, process, process, "The processes of the server."),
};

const struct rows_block *rows_blocks(size_t *count)
{
    *count = COUNT(blocks);
    return blocks;
}

const struct rows_block *rows_find(const char *name)
{
    for (size_t i = 0; i < COUNT(blocks); i++)
        if (strcmp(blocks[i].name, name) == 0)
            return &blocks[i];
    return NULL;
}
