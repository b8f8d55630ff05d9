/* cause: why mail did not get through, in plain words: what happened, who can repair it, what to do
 * next. One table for failed deliveries, for the check and for `explain`, so that they cannot
 * disagree. What a server's reply means stands in reading.h. */
#ifndef PORT26_MAIL_CAUSE_H
#define PORT26_MAIL_CAUSE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"
#include "base/text.h"
#include "mail/outcome.h"
#include "mail/reply.h"

/* Names as in `explain --json`. First what replies tell, then what we see ourselves. */
#define CAUSE_LIST(X)                                                                              \
    X(CAUSE_NONE, "unknown")                                                                       \
    X(CAUSE_AUTH_REQUIRED, "auth_required")                                                        \
    X(CAUSE_AUTH_BAD, "auth_bad_credentials")                                                      \
    X(CAUSE_AUTH_APP_PASSWORD, "auth_app_password")                                                \
    X(CAUSE_AUTH_OAUTH, "auth_oauth_required")                                                     \
    X(CAUSE_AUTH_DISABLED, "auth_disabled_by_admin")                                               \
    X(CAUSE_AUTH_WEB, "auth_web_login")                                                            \
    X(CAUSE_AUTH_LIMIT, "auth_rate_limited")                                                       \
    X(CAUSE_AUTH_MECHANISM, "auth_mechanism_unsupported")                                          \
    X(CAUSE_AUTH_ABSENT, "auth_not_offered")                                                       \
    X(CAUSE_AUTH_LATER, "auth_temp_failure")                                                       \
    X(CAUSE_ACCOUNT_SUSPENDED, "account_suspended")                                                \
    X(CAUSE_SENDING_LIMIT, "sending_limit")                                                        \
    X(CAUSE_SENDER_NOT_OWNED, "sender_not_owned")                                                  \
    X(CAUSE_SENDER_UNVERIFIED, "sender_unverified")                                                \
    X(CAUSE_SENDER_DOMAIN, "sender_domain_invalid")                                                \
    X(CAUSE_SENDER_REJECTED, "sender_rejected")                                                    \
    X(CAUSE_RECIPIENT_UNKNOWN, "recipient_unknown")                                                \
    X(CAUSE_RECIPIENT_DISABLED, "recipient_disabled")                                              \
    X(CAUSE_RECIPIENT_RESTRICTED, "recipient_restricted")                                          \
    X(CAUSE_RECIPIENT_DOMAIN, "recipient_domain_invalid")                                          \
    X(CAUSE_MAILBOX_FULL, "mailbox_full")                                                          \
    X(CAUSE_TOO_MANY_RECIPIENTS, "too_many_recipients")                                            \
    X(CAUSE_TOO_LARGE, "message_too_large")                                                        \
    X(CAUSE_STORAGE, "server_storage_full")                                                        \
    X(CAUSE_RELAY_DENIED, "relay_denied")                                                          \
    X(CAUSE_TLS_REQUIRED, "tls_required")                                                          \
    X(CAUSE_TLS_FAILURE, "tls_failure")                                                            \
    X(CAUSE_TLS_MODE, "tls_mode_mismatch")                                                         \
    X(CAUSE_IP_BLOCKED, "ip_blocklisted")                                                          \
    X(CAUSE_IP_DYNAMIC, "ip_dynamic_policy")                                                       \
    X(CAUSE_IPV6, "ipv6_refused")                                                                  \
    X(CAUSE_DOMAIN_BLOCKED, "domain_blocklisted")                                                  \
    X(CAUSE_PTR, "ptr_missing")                                                                    \
    X(CAUSE_HELO, "helo_invalid")                                                                  \
    X(CAUSE_SPF, "spf_fail")                                                                       \
    X(CAUSE_DKIM, "dkim_fail")                                                                     \
    X(CAUSE_DMARC, "dmarc_fail")                                                                   \
    X(CAUSE_UNAUTHENTICATED, "mail_unauthenticated")                                               \
    X(CAUSE_REPUTATION, "reputation")                                                              \
    X(CAUSE_RATE, "rate_limited")                                                                  \
    X(CAUSE_GREYLISTED, "greylisted")                                                              \
    X(CAUSE_BUSY, "server_busy")                                                                   \
    X(CAUSE_SPAM, "content_spam")                                                                  \
    X(CAUSE_VIRUS, "content_virus")                                                                \
    X(CAUSE_MALFORMED, "message_malformed")                                                        \
    X(CAUSE_LOOP, "mail_loop")                                                                     \
    X(CAUSE_POLICY, "policy_other")                                                                \
    X(CAUSE_PROTOCOL, "protocol_error")                                                            \
    X(CAUSE_TIMEOUT, "timeout")                                                                    \
    X(CAUSE_REFUSED, "connection_refused")                                                         \
    X(CAUSE_SILENT, "connection_timeout")                                                          \
    X(CAUSE_UNREACHABLE, "unreachable")                                                            \
    X(CAUSE_FORBIDDEN, "connection_forbidden")                                                     \
    X(CAUSE_LOST, "connection_lost")                                                               \
    X(CAUSE_LOST_AT_END, "lost_after_data")                                                        \
    X(CAUSE_NO_DOMAIN, "domain_unknown")                                                           \
    X(CAUSE_NULL_MX, "domain_takes_no_mail")                                                       \
    X(CAUSE_DNS_LATER, "dns_trouble")                                                              \
    X(CAUSE_STARTTLS_ABSENT, "starttls_not_offered")                                               \
    X(CAUSE_CERT_EXPIRED, "certificate_expired")                                                   \
    X(CAUSE_CERT_NAME, "certificate_name")                                                         \
    X(CAUSE_CERT_ISSUER, "certificate_untrusted")                                                  \
    X(CAUSE_LOGIN_UNSAFE, "login_unsafe")                                                          \
    X(CAUSE_NO_8BIT, "no_8bit")                                                                    \
    X(CAUSE_NO_UTF8, "no_smtputf8")                                                                \
    X(CAUSE_LIFETIME, "lifetime_over")
#define X(id, name) id,
enum cause { CAUSE_LIST(X) CAUSE_COUNT };
#undef X

struct cause_row {
    const char *id; /* of the diagnosis: "N8", "A3"; "" when it has none */
    enum owner owner;
    unsigned short subject, detail; /* of the enhanced status, when the peer gave none */
    const char *what;               /* "{host}" and "{domain}" stand for names */
    const char *advice;
};

struct cause_event {
    enum stage stage;
    enum cause seen;     /* what we saw ourselves; CAUSE_NONE: read the reply */
    struct reply reply;  /* code 0: none */
    struct span host;    /* the far server's name; may be empty */
    struct span domain;  /* of the recipient; may be empty */
    struct span details; /* our own finding: "expired on ...", told in parentheses; may be empty */
};

/* What stands where a name is missing: at the beginning of a sentence, and within. */
struct cause_words {
    const char *first, *host, *domain; /* first: the host, at the beginning */
};
struct cause_names {
    struct span host, domain, details; /* as in struct cause_event */
    const struct cause_words *words;
};
/* Appends both sentences with the names filled in; `advice` may be NULL. */
void cause_fill(struct text *out, const char *what, const char *advice,
                const struct cause_names *n);

/* Never NULL. */
const struct cause_row *cause_row(enum cause c);
const char *cause_name(enum cause c);
/* The cause of a name; false when there is none. */
bool cause_parse(struct span name, enum cause *out);
/* What an errno of a connection means; CAUSE_LOST when it tells nothing. */
enum cause cause_of_sys(int sys);
enum cause cause_of(const struct cause_event *ev);
/* Sets out->words (and explained, cause, details, which say the same for other languages),
 * out->owner, and out->status when it has none, its class by out->kind. What becomes of the
 * recipient (kind, scope) others decide. */
void cause_explain(const struct cause_event *ev, struct outcome *out, struct arena *a);

#endif
