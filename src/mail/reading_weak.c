#include "mail/reading_weak.h"

#include "base/memory.h"
#include "mail/reading_words.h"

/* clang-format off */
static const struct reading_rule rules[] = {
    /* general words */
    SAYS(CAUSE_TIMEOUT, "inactive client|idle too long|time limit|read data from client|timeout|"
                        "timed out|connection expired|message expired|queue too long"),
    SAYS(CAUSE_PROTOCOL, "not implemented|protocol deviation|synchronization|break rules|"
         "bad sequence|out of sequence|syntax error|identity changes|line is too long|"
         "line too long|not recognized|unrecognized command|unknown command|protocol error|"
         "command not implemented|bad syntax|need rcpt|need mail|mail first|rcpt first|"
         "nested mail|sender already|bad command|invalid command|valid rcpt|"
         "command rejected&sequence|command unrecognized|command unknown|unrecognised command|"
         "ill-formed|illegal command"),
    {.cause = CAUSE_IP_BLOCKED, .names_address = true,
     .words = "is refused|mail refused|refused. see|rejected. see"},
    SAYS(CAUSE_SPAM, "spam|спам|垃圾|スパム|迷惑メール"),
    {.cause = CAUSE_GREYLISTED, .words = "try again|later",
     .stages = AT(STAGE_RCPT) | AT(STAGE_DATA) | AT(STAGE_DOT),
     .code = 4, .subject = 7, .detail = 1},
    {.cause = CAUSE_RATE, .code = 4, .subject = 7, .detail = READING_ANY,
     .words = "try again|temporarily deferred"},
    {.cause = CAUSE_RATE, .code = 4, .words = "temporarily deferred"},
    {.cause = CAUSE_RECIPIENT_DISABLED, .code = 5,
     .words = "disabled|suspended|"
              "inactive|deactivated", .never = "your |sender|tls|smtp|auth|"
                                                                  "feature|command"},
    {.cause = CAUSE_RECIPIENT_UNKNOWN, .code = 5, .words = "unknown|not found",
     .stages = AT(STAGE_RCPT), .never = "sender|domain|" OUR_ADDRESS},
    {.cause = CAUSE_RATE, .code = 4, .words = "too many"},
    SAYS(CAUSE_POLICY, "policy rejection"),
    {.cause = CAUSE_POLICY, .code = 5,
     .words = "policy|policies|whitelist|allowlist|not accepted for|local rule"},
    SAYS(CAUSE_POLICY, "whitelist|allowlist|policy that|by policy|policy error"),
    {.cause = CAUSE_RECIPIENT_UNKNOWN, .code = 550, .words = "unavailable|not available",
     .about = "user|mailbox|account|recipient|address",
     .never = "server|service|system|temporar|try again"},
    SAYS(CAUSE_BUSY,
         "temporarily unavailable|temporarily unable|server busy|too busy|server ports are busy|"
         "come back later|unavailable|try again later|plus tard|resources|transaction failed|"
         "internal error|server error|local error|system error|not available|overload|"
         "under load|maintenance|shutting down|lookup failure|configuration error|"
         "write error|temporary&failure|error sending|unable to queue|unable to process|"
         "mailbox busy|cannot process|temporary problem|local problem|out of memory"),

    /* weak words: each alone may mean anything, two together seldom do */
    {.cause = CAUSE_AUTH_BAD, .code = 5, .words = "authentication fail|authentication error|"
     "login fail|logon fail", .never = "spf|dkim|domain|message|sender"},
    {.cause = CAUSE_ACCOUNT_SUSPENDED, .code = 5, .words = "outgoing|outbound|sending|main account",
     .about = "suspen|disabled|locked|unavailable|frozen"},
    {.cause = CAUSE_RECIPIENT_DISABLED, .code = 5, .words = "accepting any|accepting new|receiving"
     " any|accept any", .about = "mail|message"},
    {.cause = CAUSE_SENDER_REJECTED, .code = 5,
     .words = "null sender|empty sender|empty envelope|empty email|empty from|returned mail|"
              "bounces|bounce message|backscatter|fake|black mail|mail address invalid",
     .never = "recipient|" OUR_ADDRESS},
    {.cause = CAUSE_SENDER_DOMAIN, .code = 5, .about = SENDER "|fully|qualified",
     .words = "qualified|tld|reserved domain|top level|top-level|sendermx|sender mx",
     .never = "recipient|helo|ehlo|host"},
    {.cause = CAUSE_SPAM, .code = 5, .never = OUR_ADDRESS "|attach",
     .words = "content|bulk|advert|our filter|the filter|mass mail|newsletter",
     .about = "reject|block|denied|refuse|filter|detect|suspect|not accept|bulk|score|points|fail|"
              "match"},
    {.cause = CAUSE_SPAM, .code = 4, .words = "content", .about = "suspect|suspicious|filter"},
    {.cause = CAUSE_POLICY, .code = 5, .words = "images|attachments", .about = "accept"},
    {.cause = CAUSE_VIRUS, .code = 5, .words = "attach|executable",
     .about = "reject|block|denied|refuse|filter|not accept|forbid|prohibit|content|potential",
     .never = "not accepting mail with|recipient"},
    {.cause = CAUSE_TOO_MANY_RECIPIENTS, .words = "rcpt|recipient",
     .about = "number|out of allow|maximum|limit|over size|too much"},
    {.cause = CAUSE_TOO_LARGE, .words = "attachment|length|size|bytes",
     .about = "too long|too big|threshold|oversize|exceed|limit|maximum",
     .never = "line|command|header|name"},
    {.cause = CAUSE_MAILBOX_FULL, .words = "quota|storage|too much mail|mail data|enough space",
     .never = "system|server|sending|outgoing|count|queue|submission|session|daily|monthly"},
    SAYS(CAUSE_LOOP, "loop detect|loop found|is looping|delivery loop"),
    {.cause = CAUSE_GREYLISTED, .code = 4, .words = "requires confirmation|confirm this"},
    {.cause = CAUSE_IP_BLOCKED, .code = 5,
     .words = "ip is |ip rejected|ip denied|this mail server|mail exchanger|block perm|go away"},
    {.cause = CAUSE_RECIPIENT_RESTRICTED, .code = 5,
     .words = "not member|protected by|has restricted|user reject&!rejected|"
              "local user only|local users only|private list|internal only|list access",
     .never = OUR_ADDRESS},
    {.cause = CAUSE_BUSY, .about = "cannot|can't|could not|couldn't|unable to|failed to|failure|"
     "error|misconfig",
     .words = "file|queue|database|ldap|sql|backend|writ|fork|memory|load |load drd|internal|"
              "config|create|process|milter|scanner|spamd|clamd|policy server|resource|server is",
     .never = "user |recipient|mailbox|account|sender|your |spam|virus|quota|domain |header|"
              "command|parse|syntax|address|password"},
    {.cause = CAUSE_RECIPIENT_UNKNOWN, .code = 5,
     .words = "not found|not exist|don't exist|nonexist|non exist|non-exist|unknown|no such|"
              "could not be found|invalid|incorrect|not local|not a local|not registered|"
              "registered user|not valid|unavailable|doesn't exist|does not exist|wrong",
     .about = "@|recipient|user|mailbox|address|account|rcpt|person|customer|spectator|subscriber",
     .never = SENDER "|domain|host|" OUR_ADDRESS "|command|argument|syntax|header|helo|password|"
              "login|auth",
     .stages = ~(AT(STAGE_MAIL) | AT(STAGE_HELO))},
    {.cause = CAUSE_RECIPIENT_DOMAIN, .code = 5, .words = "dns |host not|domain not|resolve",
     .about = "error|fail|not found|not exist|query|unknown", .never = SENDER "|" OUR_ADDRESS},
    {.cause = CAUSE_PROTOCOL, .code = 5, .words = "line|command|argument|param|sequence",
     .about = "parse|syntax|error|invalid|too long|unexpected|bad ", .never = "header|attach|spam"},

    /* nothing but the codes */
    {.cause = CAUSE_MALFORMED, .subject = 6, .detail = READING_ANY},
    STAGE(CAUSE_MAILBOX_FULL, AT(STAGE_RCPT), 552),
    STAGE(CAUSE_TOO_LARGE, CONTENT, 552),
    CODE(CAUSE_MAILBOX_FULL, 522),
    STAGE(CAUSE_STORAGE, 0, 452),
    CODE(CAUSE_PROTOCOL, 500),
    CODE(CAUSE_PROTOCOL, 501),
    CODE(CAUSE_PROTOCOL, 502),
    CODE(CAUSE_PROTOCOL, 503),
    CODE(CAUSE_PROTOCOL, 555),
    {.cause = CAUSE_TIMEOUT, .code = 421, .subject = 4, .detail = 2},
    ENHANCED(CAUSE_RECIPIENT_DOMAIN, 4, 4),
    {.cause = CAUSE_RECIPIENT_UNKNOWN, .code = 550, .subject = 4, .detail = 1},
    {.cause = CAUSE_SENDING_LIMIT, .code = 550, .subject = 4, .detail = 5},
    {.cause = CAUSE_HELO, .code = 5, .stages = AT(STAGE_HELO),
     .never = "denied|refuse|block|access|connect|service"},
    STAGE(CAUSE_IP_BLOCKED, OPENING, 5),
    {.cause = CAUSE_PROTOCOL, .code = 5, .subject = 5, .detail = 1, .last = 2},
    {.cause = CAUSE_PROTOCOL, .code = 5, .subject = 5, .detail = 4},
    {.cause = CAUSE_AUTH_BAD, .code = 5, .subject = 7, .detail = 8},
    {.cause = CAUSE_AUTH_REQUIRED, .code = 5, .subject = 7, .detail = 57},
    {.cause = CAUSE_RATE, .code = 4, .subject = 2, .detail = 1},
    {.cause = CAUSE_RECIPIENT_UNKNOWN, .code = 5, .subject = 1, .detail = READING_ANY,
     .stages = AT(STAGE_RCPT)},
    STAGE(CAUSE_RECIPIENT_UNKNOWN, AT(STAGE_RCPT), 551),
    STAGE(CAUSE_SENDER_REJECTED, AT(STAGE_MAIL), 5),

    /* no known words: whom does it speak of? */
    {.cause = CAUSE_IP_BLOCKED, .code = 5, .names_address = true,
     .words = "client host|host&rejected|connect|denied|refuse|block|listing|problem|not allowed|"
              "no access|access|abus|server|reject"},
    {.cause = CAUSE_IP_BLOCKED, .code = 5, .words = "client host|allowed to connect"},
    {.cause = CAUSE_SENDER_REJECTED, .code = 5,
     .words = "sender|from address|mail from|return path|envelope from|return-path"},
    {.cause = CAUSE_RECIPIENT_UNKNOWN, .code = 5,
     .words = "recipient|mailbox|no one |this address|user |address not|utente|usuario|benutzer|"
              "utilisateur|destinataire|empfänger|gebruiker|rcpt"},
    {.cause = CAUSE_RELAY_DENIED, .code = 5, .words = "relay"},
    {.cause = CAUSE_RATE, .code = 421, .subject = 7, .detail = 0},
    {.cause = CAUSE_RATE, .code = 4, .subject = 7, .detail = 1, .stages = AT(STAGE_MAIL)},
    {.cause = CAUSE_GREYLISTED, .code = 4, .subject = 7, .detail = 1, .never = OUR_ADDRESS},
    {.cause = CAUSE_GREYLISTED, .code = 4, .subject = 2, .detail = 0},
    {.cause = CAUSE_VIRUS, .code = 552, .subject = 7, .detail = 0},
    CODE(CAUSE_MAILBOX_FULL, 552),
    CODE(CAUSE_RECIPIENT_UNKNOWN, 551),
    {.cause = CAUSE_POLICY, .subject = 7, .detail = READING_ANY, .code = 5},
    /* a refusal that names nobody, in reply to a recipient */
    {.cause = CAUSE_RECIPIENT_UNKNOWN, .code = 550, .stages = AT(STAGE_RCPT),
     .never = OUR_ADDRESS "|denied|polic|refuse|block|permit|allow|service"},
    CODE(CAUSE_POLICY, 5),
    CODE(CAUSE_BUSY, 4),
};
/* clang-format on */

const struct reading_rule *reading_weak(size_t *count)
{
    *count = COUNT(rules);
    return rules;
}
