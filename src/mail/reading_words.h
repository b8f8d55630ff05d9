/* reading_words: what the lists of rules are written with: short forms, and the words for whom a
 * reply speaks of. For reading_rules.c and reading_weak.c only. */
#ifndef PORT26_MAIL_READING_WORDS_H
#define PORT26_MAIL_READING_WORDS_H

#define AT(stage) (1U << (stage))
#define OPENING   (AT(STAGE_CONNECT) | AT(STAGE_GREETING) | AT(STAGE_HELO))
#define CONTENT   (AT(STAGE_MAIL) | AT(STAGE_DATA) | AT(STAGE_DOT))

/* clang-format off */
#define SAYS(c, w)        {.cause = (c), .words = (w)}
#define CODE(c, n)        {.cause = (c), .code = (n)}
#define ENHANCED(c, s, d) {.cause = (c), .subject = (s), .detail = (d)}
#define STAGE(c, st, n)   {.cause = (c), .stages = (st), .code = (n)}
#define RANGE(c, s, from, to) {.cause = (c), .subject = (s), .detail = (from), .last = (to)}

/* Of whom a reply speaks, and what it says of them: many servers put together their own words. */
#define OUR_ADDRESS                                                                                \
    "client host|your ip|ip address|ip-address|the ip |this ip|ip is |sending ip|sender ip|"       \
    "source ip|remote ip| ips |your server|your host|mail server|connecting|remotehost|"           \
    "your network|client [|ip:|ip=|ipv4|ipv6|from ip"
#define SENDER                                                                                     \
    "sender|mail from|mailfrom|from address|envelope from|return path|return-path|"                \
    "your email address|reverse-path|reverse path|your address|from: |from domain|absender|"       \
    "expéditeur|remitente|mittente"
#define DOMAIN    "domain|url|uri|link |links |website|host name in"
#define RECIPIENT                                                                                  \
    "recipient|mailbox|mail box|user|account|addressee|rcpt|inbox|mail-box|destinataire|"          \
    "destinatario|empfänger|customer|member|person|subscriber|this address|to address"
#define LISTED                                                                                     \
    "blacklist|black list|black-list|blocklist|block list|block-list|blocklisted|denylist|"        \
    "deny list|is listed|listed on|listed at|listed by|listed in|listed as|blocked using|dnsbl|"   \
    "dbl.|rhsbl|banned"
#define NO_SUCH_DOMAIN                                                                             \
    "resolve|no such domain|no mx|mxs for|valid mx|mx record|dns record|nxdomain|no a or|no a,|"   \
    "domain&exist|domain&not found|domain&invalid|invalid domain|domain&unknown|dns lookup|"       \
    "has no dns|no dns"
#define CLOSED                                                                                     \
    "disabled|inactive|suspend|closed|locked|terminated|not activated|not active|expired|frozen|"  \
    "deactivated|discontinued|no longer|cancelled|canceled|blocked|on hold|archived|abandoned|"    \
    "unused|dormant|deleted"
/* clang-format on */

#endif
