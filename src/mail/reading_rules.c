#include "mail/reading_rules.h"

#include "base/memory.h"
#include "mail/reading_words.h"

/* clang-format off */
static const struct reading_rule rules[] = {
    /* port26's own words, where what follows would take them for another's */
    SAYS(CAUSE_SENDING_LIMIT, "your host can raise the limit"),
    SAYS(CAUSE_TOO_MANY_RECIPIENTS, "ask your host for a higher limit"),
    SAYS(CAUSE_MAILBOX_FULL, "your hosting account&is full"),
    SAYS(CAUSE_BUSY, "has stored cannot be read just now|filter of this server does not answer"),
    SAYS(CAUSE_AUTH_LATER, "logins cannot be checked|login can not be checked"),
    SAYS(CAUSE_AUTH_MECHANISM, "was moved here: log in once"),
    SAYS(CAUSE_ACCOUNT_SUSPENDED, "are right, but this account is locked"),
    SAYS(CAUSE_RATE, "recipients that do not exist were asked for|were sent in this session"),
    SAYS(CAUSE_SPAM, "message looks like junk"),
    /* words that leave no doubt, whatever else is said beside them */
    SAYS(CAUSE_PROTOCOL,
         "may not be repeated|protocol violation|too many unrecognized|too many unauthenticated|"
         "unauthenticated commands|too many bad commands|too many invalid commands|"
         "no commands allowed to pipeline|too many syntax|too many protocol|"
         "too many nonmail|too many non-mail|bad pipelining|pipelining not allowed"),
    SAYS(CAUSE_SPF, "pass spf check|hard fail policy|spf does not pass|spf authentication didn't|"
                    "spf sender invalid|spf&hard fail|spf hardfail|spf softfail|failed spf|"
                    "spf failure|spf/dns|violates spf|spf violation|fails spf|failed the spf"),
    SAYS(CAUSE_DKIM, "invalid dkim signature|dkim does not pass|dkim sender invalid|"
                     "dkim signature&fail|dkim verification fail|bad dkim|dkim check fail|"
                     "dkim&body hash"),
    {.cause = CAUSE_PTR, .words = "ptr ", .never = "dynamic ip"},
    SAYS(CAUSE_PTR, "unresolvable relay host|cannot resolve your|can't resolve your|"
                    "could not resolve your|unverifyable sending|unverifiable sending|"
                    "no reverse|without reverse|resolve your host|resolve your ip"),
    SAYS(CAUSE_TLS_FAILURE, "mta-sts|tlsa|dnssec-invalid|starttls-not-supported|failed dane|"
                            "certificate-expired:|certificate-host-mismatch|dane validation|"
                            "dane verification"),
    RANGE(CAUSE_TLS_FAILURE, 7, 321, 325),
    ENHANCED(CAUSE_TLS_FAILURE, 4, 8),
    {.cause = CAUSE_SENDER_DOMAIN, .words = "null mx", .about = SENDER},
    SAYS(CAUSE_SENDER_DOMAIN,
         "sender verif|verify callout|sender callout|postmaster verification|return email domain|"
         "domain may not exist or dns|verification failed for"),
    SAYS(CAUSE_AUTH_REQUIRED,
         "allowed with authentication|receive your mail before|need ehlo and auth|"
         "authentication is required to send|requires you to authenticate"),
    SAYS(CAUSE_SPF, "(pra)|sender id "),
    SAYS(CAUSE_RATE, "unusual amount|unusual rate"),
    SAYS(CAUSE_LOOP, "loop count|received: header|\"received:\" header|received headers"),
    SAYS(CAUSE_POLICY, "due to policy restrictions|policy restrictions. for"),
    SAYS(CAUSE_IP_BLOCKED, "spam origin|spam source|source of spam|email from&currently blocked"),
    SAYS(CAUSE_POLICY, "mailpolicy|policy error|policy violation|violates policy"),
    SAYS(CAUSE_MALFORMED, "is not a valid rfc|not a valid rfc"),
    SAYS(CAUSE_RECIPIENT_UNKNOWN, "not a member of domain|not a member of the domain|"
                                  "not have an account|handle mail for that user"),
    SAYS(CAUSE_SENDER_REJECTED, "block-send"),
    SAYS(CAUSE_RECIPIENT_DOMAIN, "rejected: no-domain"),
    SAYS(CAUSE_RECIPIENT_RESTRICTED, "block-rcpt|rule imposed|mailbox&is restricted"),
    {.cause = CAUSE_POLICY, .words = "policy rejection", .never = "quota|greylist|limit"},
    SAYS(CAUSE_SENDER_REJECTED, "sender address syntax"),
    SAYS(CAUSE_STORAGE, "space on the disk"),
    SAYS(CAUSE_SENDING_LIMIT, "sender rate limit|you have sent too many"),
    SAYS(CAUSE_PROTOCOL, "already in tls|syntax: |duplicate helo|unsupported option"),
    SAYS(CAUSE_IP_DYNAMIC, "in the pbl|spamhaus pbl|smtp of your provider"),
    SAYS(CAUSE_IP_BLOCKED, "spam ip|accept mail from your mail|accepting messages from your|"
                           "accept messages from your|accepting mail from your"),
    {.cause = CAUSE_IP_BLOCKED, .code = 5,
     .words = "connection denied|connection rejected by|connection refused by policy"},
    SAYS(CAUSE_RECIPIENT_RESTRICTED, "is rejected by recipient|privacy settings"),
    SAYS(CAUSE_RATE, "frequency of|frequency limit"),
    SAYS(CAUSE_RELAY_DENIED, "mail gate"),
    SAYS(CAUSE_RECIPIENT_DISABLED, "was not used for|not been used"),
    SAYS(CAUSE_SENDER_DOMAIN, "check sender address|verify sender address"),
    SAYS(CAUSE_DOMAIN_BLOCKED, "your domain has been b|domain has been blocked"),
    SAYS(CAUSE_SENDER_REJECTED, "your email address&has been block|envelope domain not allowed"),
    SAYS(CAUSE_UNAUTHENTICATED, "domain authentication requirements"),
    {.cause = CAUSE_AUTH_OAUTH, .stages = AT(STAGE_AUTH), .words = "oauth|modern auth",
     .never = "token|expired|no longer supported"},
    {.cause = CAUSE_AUTH_DISABLED, .stages = AT(STAGE_AUTH),
     .words = "turned off|switched off|not have&service|not have&access|service&not active"},
    {.cause = CAUSE_AUTH_ABSENT, .stages = AT(STAGE_AUTH), .code = 502},
    {.cause = CAUSE_TLS_REQUIRED, .words = "unencrypted|plain text|plain-text|plaintext|cleartext",
     .about = "session|connection|delivery|link|tls", .never = "credential|html|body|part"},
    {.cause = CAUSE_TLS_FAILURE, .words = "cryptographic|certificate", .never = "gatewaying",
     .about = "fail|not trusted|not loaded|expired|invalid|verif|mismatch"},
    SAYS(CAUSE_PTR, "not resolve to a host|no host name for|name of&could not be determined"),
    {.cause = CAUSE_RECIPIENT_RESTRICTED, .words = "only", .about = "may write|can write|may send "
     "mail|may send to|may mail|allowed to write", .never = OUR_ADDRESS},
    SAYS(CAUSE_RECIPIENT_RESTRICTED, "mail from outside|from the outside|outside mail"),
    {.cause = CAUSE_RECIPIENT_DISABLED, .words = "cut off|out of service|taken out of",
     .about = RECIPIENT},
    SAYS(CAUSE_SENDER_NOT_OWNED, "when logged in as|account's identities|your identities|"
                                 "may not use this address|may not use that address"),
    SAYS(CAUSE_SENDER_UNVERIFIED, "confirm your sending|confirm your domain|verify your domain"),
    SAYS(CAUSE_REPUTATION, "score of your|your score|your sender score|score is low"),
    SAYS(CAUSE_DOMAIN_BLOCKED, "listed site|listed url|listed link"),
    SAYS(CAUSE_IP_BLOCKED, "intrusion"),
    SAYS(CAUSE_IP_DYNAMIC, "broadband|home connection"),
    SAYS(CAUSE_VIRUS, "files of type"),
    SAYS(CAUSE_SENDER_DOMAIN, "sender address rejected: undeliverable"),
    SAYS(CAUSE_RECIPIENT_DOMAIN, "route found to domain|route to domain|unrouteable mail domain|"
                                 "unroutable mail domain|unroutable domain"),
    SAYS(CAUSE_DKIM, "domainkeys"),
    SAYS(CAUSE_SENDER_NOT_OWNED, "permissions to send as|permission to send as"),
    SAYS(CAUSE_IP_BLOCKED, "access from your|from your location"),
    SAYS(CAUSE_RECIPIENT_DISABLED, "longer an employee|longer employed|former employee|"
                                   "currently being accepted|currently accepted for this"),
    SAYS(CAUSE_PROTOCOL, "command not allowed&!auth|command not permitted&!auth"),
    {.cause = CAUSE_AUTH_MECHANISM, .words = "invalid&mechanism&!data|unknown&mechanism",
     .stages = AT(STAGE_AUTH)},
    SAYS(CAUSE_HELO, "helohost|helo was|ehlo was|helo is|ehlo is"),
    SAYS(CAUSE_IP_BLOCKED, "failed recipients|unknown rcpt|your country|that country|geograph|"
                           "countries|geoip|ip in "),
    {.cause = CAUSE_IP_BLOCKED, .code = 5, .words = "client host rejected",
     .never = "hostname|reverse|authenti|encrypt|tls|lookup|lpn|provider|dynamic|access denied"},
    SAYS(CAUSE_IP_DYNAMIC, "provider's mail|bypassing"),
    SAYS(CAUSE_SENDER_REJECTED, "sender is on&list|sender is in&list|sender on&list"),
    SAYS(CAUSE_SENDER_NOT_OWNED, "forbidden domain"),
    SAYS(CAUSE_RECIPIENT_DOMAIN, "invalid mx"),
    SAYS(CAUSE_RECIPIENT_RESTRICTED, "want your mail|want your email|want mail from"),
    SAYS(CAUSE_MALFORMED, "no subject|empty subject|subject is empty|no body|empty message"),
    SAYS(CAUSE_LOOP, "received:&exceed|received: lines|too many received"),
    {.cause = CAUSE_BUSY, .code = 4, .words = "server configuration|configuration problem"},
    {.cause = CAUSE_RECIPIENT_DISABLED, .code = 4,
     .words = "account temporarily|account is temporarily|mailbox temporarily"},
    SAYS(CAUSE_RELAY_DENIED, "relay check|routed address|uucp address|source rout|percent hack"),
    SAYS(CAUSE_SPAM, "spam/virus|spam or virus|virus or spam"),
    {.cause = CAUSE_AUTH_LIMIT, .words = "too much|too many",
     .about = "fail authentication|failed auth|auth fail|authentication fail|login fail|"
              "failed login|auth error|authentication error"},
    {.cause = CAUSE_AUTH_REQUIRED, .never = "rcpthosts",
     .words = "don't authenticate|do not authenticate|did not authenticate"},
    {.cause = CAUSE_MAILBOX_FULL, .about = RECIPIENT,
     .words = "receiving limit|exceeding&quota|exceeds&quota|space limit",
     .never = "sending|your |outgoing|sender|message count|queue|submission| rate"},
    {.cause = CAUSE_SENDER_REJECTED, .words = "sender is spam|sender is a spam"},
    SAYS(CAUSE_IP_BLOCKED, "are sending spam|are a spammer|is sending spam"),
    SAYS(CAUSE_SPAM, "by our filter|by our spam|by our content|suspect content|sensitive word"),
    SAYS(CAUSE_RECIPIENT_RESTRICTED, "account is protected|mailbox is protected"),
    SAYS(CAUSE_ACCOUNT_SUSPENDED, "main account|master account|outgoing block"),
    SAYS(CAUSE_RECIPIENT_UNKNOWN, "wrong or no longer|invalid rcpt|characters in address"),
    SAYS(CAUSE_TOO_MANY_RECIPIENTS, "number of rcpt|rcpts"),
    SAYS(CAUSE_BUSY, "user output file|spool file|home directory&!quota&!missing"),
    {.cause = CAUSE_AUTH_MECHANISM, .stages = AT(STAGE_AUTH), .code = 4, .words = "unsupported"},
    SAYS(CAUSE_REPUTATION, "hl:rep"),
    SAYS(CAUSE_SPAM, "filtered by outbound|filtered by our"),
    SAYS(CAUSE_SENDING_LIMIT, "messages you can send|you have reached the max"),
    SAYS(CAUSE_RECIPIENT_UNKNOWN, "mailbox is not allowed"),
    SAYS(CAUSE_RATE, "queue quota"),
    {.cause = CAUSE_BUSY, .code = 4,
     .words = "lookup failure|lookup failed|lookup error|scanner error|scan error|scanning failed|"
              "scanner failed|scanner unavailable",
     .never = "name lookup|domain|dns|reverse"},
    {.cause = CAUSE_SENDER_REJECTED, .code = 530, .words = "sender rejected"},
    {.cause = CAUSE_AUTH_MECHANISM, .words = "no mechanism available|no mechanism"},
    SAYS(CAUSE_AUTH_REQUIRED, "must authenticate first|an auth command first|auth command first"),
    SAYS(CAUSE_AUTH_ABSENT, "only allowed on submission|authentication only allowed on"),
    SAYS(CAUSE_PTR, "reverse address|find a reverse|find your reverse"),
    SAYS(CAUSE_PROTOCOL, "talk too soon|talks too soon|talking too soon"),
    {.cause = CAUSE_RATE, .code = 4, .words = "too many messages",
     .never = "you have sent|your account"},
    ENHANCED(CAUSE_LOOP, 4, 11),
    ENHANCED(CAUSE_LOOP, 4, 14),
    /* Microsoft's own numbers; its 5.7.7xx stand for a tenant that may not send */
    RANGE(CAUSE_ACCOUNT_SUSPENDED, 7, 501, 503),
    ENHANCED(CAUSE_IP_BLOCKED, 7, 507),
    ENHANCED(CAUSE_RATE, 7, 508),
    ENHANCED(CAUSE_IP_BLOCKED, 7, 511),
    ENHANCED(CAUSE_IP_BLOCKED, 7, 513),
    {.cause = CAUSE_IP_BLOCKED, .code = 5, .subject = 7, .detail = 606, .last = 649},
    RANGE(CAUSE_RATE, 2, 121, 122),
    {.cause = CAUSE_ACCOUNT_SUSPENDED, .words = "tenant|bulk mail|spam", .code = 5,
     .subject = 7, .detail = 700, .last = 749},
    ENHANCED(CAUSE_SENDER_UNVERIFIED, 7, 750),
    /* providers' labels of their rules */
    SAYS(CAUSE_IP_DYNAMIC, "rtr:bb|rtr:du|rly:ir|dy-001"),
    SAYS(CAUSE_PTR, "rtr:rd|aup#cxdns"),
    SAYS(CAUSE_IP_BLOCKED,
         "rtr:sc|rtr:bl|rly:bl|rly:b2|con:b1|(s3140)|(s3150)|ou-001|sc-002|sc-003|sc-004|"
         "aup#cxbl|aup#cdrbl|aup#ipbl|ipbl0|ipbl1|dt:rbl|dnsbl:|#bl0000|bl000010|"
         "bl000001|bl000000"),
    SAYS(CAUSE_RATE, "dyn:t|rly:b1|rp-001|rp-002|rp-003|#rl0000|rl000001|rl000002|aup#cxcnct|"
                     "mi:ifr|mi:fce|mi:cel|rp:crl|rp:trl|rp:qrc|rp:mrl|hl:itc|hl:ifc|mi:sfq|"
                     "ofr&_104|lpn&_104"),
    SAYS(CAUSE_REPUTATION, "ou-002|sc-001"),
    SAYS(CAUSE_SENDING_LIMIT, "aup#cxmxrt"),
    SAYS(CAUSE_ACCOUNT_SUSPENDED, "unusual sending|sending paused|sending is paused|"
                                  "not allowed to send&disabled|suspicious sending"),
    SAYS(CAUSE_ACCOUNT_SUSPENDED, "aup#cxthrt|aup#cxmj"),
    SAYS(CAUSE_DOMAIN_BLOCKED, "aup#urlbl|urlbl0|urlbl1"),
    SAYS(CAUSE_SPAM, "hvu:b|rly:bd|rly:ch|rtr:ch|dt:spm|ofr&_506|lpn&_506|ouk_513"),
    SAYS(CAUSE_HELO, "mi:nhd"),
    SAYS(CAUSE_DMARC, "mi:dmc|mi:dma"),
    SAYS(CAUSE_SPF, "mi:spf"),

    /* encryption */
    SAYS(CAUSE_TLS_REQUIRED,
         "starttls command first|starttls first|must use tls|session encryption|"
         "requires encryption|encryption needed|encryption required|encryption is required|"
         "tls&connection required|over a tls connection|tls required|tls is required|"
         "requires tls|require tls|starttls is required|starttls is mandatory|starttls required|"
         "without encryption|must use encryption|unencrypted connection|verschlüsselt|"
         "secure connection required"),
    {.cause = CAUSE_TLS_REQUIRED, .words = "tls|ssl|encrypt", .code = 530},
    CODE(CAUSE_TLS_REQUIRED, 538),
    SAYS(CAUSE_TLS_MODE, "ssl attempted|non-ssl|wrong version number|tls handshake on a plain"),
    SAYS(CAUSE_TLS_FAILURE,
         "tls not available|tls currently|tls temporarily|tls is not available|"
         "tls handshake failed|unable to start tls"),
    STAGE(CAUSE_PROTOCOL, AT(STAGE_STARTTLS), 501),
    STAGE(CAUSE_TLS_FAILURE, AT(STAGE_STARTTLS), 0),

    /* limits of the sender's own account come before everything that looks like them */
    SAYS(CAUSE_RATE, "concurrent connection|connection rate limit|per session|same message-id|"
                     "number of connections|number of concurrent|in a single session|short period|"
                     "message threshold|messages in a short|outbound thread limit"),
    {.cause = CAUSE_IP_BLOCKED, .code = 5,
     .words = "this ip has been&blocked|ip&temporarily blocked for|ip&blocked for the day|"
              "ip address&blocked due to|sending ip&blocked"},
    SAYS(CAUSE_IP_BLOCKED, "too many invalid recipients|too many unknown recipients|"
                           "identified as spammer"),
    SAYS(CAUSE_TOO_MANY_RECIPIENTS, "has too many recipients|batch limit"),
    SAYS(CAUSE_RATE, "message receive limit|receiving mail too|receiving mail at|recipient's per"),
    SAYS(CAUSE_SENDING_LIMIT,
         "sending quota|sending limit|sending rate|relay limit|emails per hour|emails per day|"
         "mails per hour|submission quota|daily limit|hourly limit|daily user|message limit for|"
         "exceeded your|outgoing mail limit|throttling failure|max defers|submissionquota|"
         "reached your|reached the limit of|messaging limit|24-hour|exceeded the max emails|"
         "exceeded the max defers|exceeded the maximum emails|hourly quota|daily quota|"
         "daily message|per hour for user|outgoing limit|exceeded&sending|outbound limit|"
         "sends per|recipients per day|limit per day|outgoing&limit|message count quota|"
         "you have sent too many|sender rate limit|credits exceeded|"
         "your account&exceeded&messages|exceeded&messages per day|exceeded&allowed number of|"
         "messages allowed per|mails allowed per|monthly limit|plan limit|out of credits|"
         "versandlimit"),

    /* login */
    SAYS(CAUSE_RELAY_DENIED, "credentials for relay"),
    SAYS(CAUSE_AUTH_APP_PASSWORD,
         "application-specific|app password|app-specific|application password|app-password|"
         "authorization code|generate an app"),
    SAYS(CAUSE_AUTH_OAUTH,
         "basic authentication is disabled|basic authentication is not|modern authentication|"
         "basic auth&disabled|basic auth&not supported|oauth&required|oauth2 required|use oauth"),
    {.cause = CAUSE_AUTH_WEB, .words = "web browser|browser|webmail", .code = 534},
    {.cause = CAUSE_AUTH_WEB, .words = "web browser|via your browser", .code = 535},
    SAYS(CAUSE_AUTH_LIMIT,
         "too many bad auth|too many login|too many authentication|too many auth|"
         "too many failed|too many invalid login|too many invalid auth|login attempts|"
         "too many&logins|too many&password|too many&attempts&login|locked&failed|"
         "exceeded&login|failed logins|brute force"),
    SAYS(CAUSE_AUTH_DISABLED,
         "smtpclientauthentication is disabled|smtp auth is disabled|security defaults|"
         "criteria to be authenticated|access rights to this service|disabled by the admin|"
         "disabled by your admin|smtp access is disabled|not allowed to use smtp"),
    {.cause = CAUSE_AUTH_DISABLED,
     .words = "no permission|permission to use|protocol&disabled|smtp&disabled|smtp&not allowed|"
              "smtp&not enabled|service&disabled|not enabled for|enable pop|enable smtp",
     .stages = AT(STAGE_AUTH)},
    {.cause = CAUSE_ACCOUNT_SUSPENDED,
     .words = "disabled|locked|suspend|blocked|inactive|deactivated|closed|expired account|unpaid",
     .code = 535},
    {.cause = CAUSE_ACCOUNT_SUSPENDED,
     .words = "account&suspend|account&disabled|account&locked|account&blocked|user&suspended|"
              "mail&has been suspended|unpaid|tenant",
     .stages = AT(STAGE_AUTH) | AT(STAGE_MAIL)},
    SAYS(CAUSE_ACCOUNT_SUSPENDED,
         "outbound sender|spam abuse|sender is blocked|sending has been suspended|"
         "outgoing mail suspended|account has been suspended from sending|"
         "outgoing email suspended|your account&suspend|your account&disabled|"
         "your account&blocked|your account&locked|your account&limited|"
         "your account&deactivated|outgoing&has been suspended|tenant has exceeded|"
         "sending&disabled for|account&compromised|mail sending denied|sender account&disabled|"
         "sending account&blocked|blocked from sending|suspicious account activity|"
         "limited access to send|account&banned|user&banned from sending|"
         "sender account&suspended"),
    SAYS(CAUSE_PROTOCOL, "hello first|helo first|ehlo first|say hello|send helo|send ehlo|"
         "ehlo needed|helo needed|helo required|ehlo required"),
    {.cause = CAUSE_AUTH_ABSENT, .stages = AT(STAGE_AUTH),
     .words = "unrecognized command|command not recognized|command unrecognized|"
              "command not implemented|unknown command"},
    {.cause = CAUSE_AUTH_ABSENT, .words = "auth", .code = 503, .subject = 5, .detail = 1},
    {.cause = CAUSE_AUTH_ABSENT, .words = "auth&not implemented|auth command&not recognized|"
         "unrecognized&auth command"},
    SAYS(CAUSE_AUTH_ABSENT,
         "authentication not enabled|auth command used when|auth not allowed|auth not available|"
         "auth not supported|authentication is not enabled|authentication not allowed on"),
    SAYS(CAUSE_AUTH_MECHANISM,
         "mechanism not supported|mechanism is not supported|auth method|authentication type|"
         "mechanism too weak|mechanism is too weak|unsupported auth|unknown auth|auth mechanism|"
         "mechanism&not available|no supported&mechanism|invalid mechanism|unknown mechanism"),
    STAGE(CAUSE_AUTH_MECHANISM, AT(STAGE_AUTH), 504),
    {.cause = CAUSE_AUTH_MECHANISM, .code = 504, .subject = 7, .detail = 4},
    SAYS(CAUSE_AUTH_MECHANISM, "xoauth is no longer"),
    CODE(CAUSE_AUTH_BAD, 535),
    {.cause = CAUSE_AUTH_APP_PASSWORD, .code = 534, .subject = 7, .detail = 9},
    CODE(CAUSE_AUTH_WEB, 534),
    SAYS(CAUSE_AUTH_BAD,
         "authentification invalide|incorrect password|invalid password|wrong password|"
         "authentication data|username and password not|bad credentials|invalid login|"
         "wrong login|wrong user|invalid username|invalid user name|password incorrect|"
         "anmeldung fehlgeschlagen|falsches passwort|contraseña|mot de passe|"
         "password&incorrect|password&wrong|password is invalid|login&failed|"
         "submitter failed|user failed to auth|credentials&invalid"),
    SAYS(CAUSE_AUTH_LATER, "temporary authentication failure|unable to authenticate at present|"
         "authentication service"),
    STAGE(CAUSE_AUTH_LATER, AT(STAGE_AUTH), 4),
    STAGE(CAUSE_PROTOCOL, AT(STAGE_AUTH), 500),
    STAGE(CAUSE_PROTOCOL, AT(STAGE_AUTH), 501),
    STAGE(CAUSE_AUTH_BAD, AT(STAGE_AUTH), 5),

    /* the sender */
    SAYS(CAUSE_SPF, "send from&spf"),
    SAYS(CAUSE_SENDER_UNVERIFIED,
         "authorized recipients|sandbox|domain not verified|address is not verified|"
         "not verified|unregistered domain|verify your sender|verified sender|sender identity|"
         "unverified sender|unverified domain|unverified email"),
    SAYS(CAUSE_SENDER_NOT_OWNED,
         "not owned by|send as this sender|send as a different|sender as a different|"
         "one of your addresses|relaying disallowed as|sendasdenied|not allowed to send as|"
         "not permitted to send as|does not belong to|not permitted for user|"
         "not allowed for user|sender&for this account|sender&for this user|"
         "sender&for your account|not authorized to send as|cannot send as|"
         "not authorised to send as|sender&for this login|from&same as auth|from&must match|"
         "sender&must match|sender&does not match&!ip address|not allowed to send from|"
         "same as authorization|authenticated user&sender|sender&authenticated user|"
         "send on behalf|sender is not allowed to relay|send mail as|send email as|"
         "not allowed to use&from|different address or alias|not allowed to use&sender|"
         "sender address is not yours|you are not allowed to send&from|"
         "from address&not match&account|sender mismatch"),
    /* plain talk of relaying, whatever else is told beside it */
    SAYS(CAUSE_RELAY_DENIED,
         "relaying denied|relay access denied|relay denied|relaying disallowed|relais&non|"
         "relay nicht|relay no |reenvío no|relaying not allowed|relaying is not allowed|"
         "relaying&denied|relaying&prohibited|relaying&not allowed|mail relay|"
         "isn't in my list of allowed|permitted to relay&!turn on|handle mail for|not a gateway|"
         "not in my routes|relay not allowed|relay is not allowed|specified domain is not"),

    /* proof of the sender's domain; most of these texts speak of limits and spam as well */
    SAYS(CAUSE_DMARC, "unauthenticated email from"),
    ENHANCED(CAUSE_UNAUTHENTICATED, 7, 26),
    ENHANCED(CAUSE_UNAUTHENTICATED, 7, 32),
    ENHANCED(CAUSE_UNAUTHENTICATED, 7, 515),
    ENHANCED(CAUSE_PTR, 7, 25),
    ENHANCED(CAUSE_SPF, 7, 23),
    ENHANCED(CAUSE_SPF, 7, 24),
    ENHANCED(CAUSE_SPF, 7, 27),
    ENHANCED(CAUSE_DKIM, 7, 20),
    ENHANCED(CAUSE_DKIM, 7, 30),
    ENHANCED(CAUSE_TLS_REQUIRED, 7, 29),
    ENHANCED(CAUSE_TLS_REQUIRED, 7, 10),
    {.cause = CAUSE_TLS_REQUIRED, .never = "syntax error", .subject = 7, .detail = 11},
    ENHANCED(CAUSE_RATE, 7, 28),
    ENHANCED(CAUSE_DMARC, 7, 509),
    SAYS(CAUSE_DMARC, "dmarc|unauthenticated email from"),
    SAYS(CAUSE_IP_DYNAMIC, "dial-up|dialup|dynamic range|dynamic host"),
    SAYS(CAUSE_PTR,
         "reverse dns|rdns|ptr record|reverse hostname|reverse name|cannot find your hostname|"
         "name lookup failed|reverse lookup|no ptr|dns ptr|ptr resource|bad ptr|missing ptr|"
         "dns check failure|full circle dns|issue with the domain name system|"
         "valid ptr|ptr entry|reverse-dns|reverse mapping|reverse resolve|fcrdns|ptr&not"),
    SAYS(CAUSE_UNAUTHENTICATED,
         "spf or dkim|spf and dkim|dkim or spf|dkim and spf|authentication information|"
         "authentication checks|unauthenticated sender|required authentication level|"
         "sender is unauthenticated|spf&dkim&neither"),
    SAYS(CAUSE_DKIM, "dkim"),
    SAYS(CAUSE_SPF,
         "spf record|spf:|spf valid|spf check|spf fail|spf auth|per spf|sender policy framework|"
         "purported responsible|mismatches client ip|not permitted sender|not a permitted sender|"
         "not designated|not authorized to send mail for|not authorized to send for|spf"),
    SAYS(CAUSE_HELO,
         "helo command rejected|invalid ehlo|invalid helo|bad helo|bad ehlo|helo/ehlo|helo name|"
         "ehlo name|helo argument|ehlo argument|helo hostname|ehlo hostname|helo string|"
         "helo&not resolve|helo&does not|helo&invalid|helo&rejected|ehlo&invalid|ehlo&rejected|"
         "helo / ehlo requires|helo&requires domain|helo mismatch|forged helo|"
         "fully qualified hostname|fully-qualified hostname"),
    {.cause = CAUSE_HELO, .about = "helo|ehlo",
     .words = "must|should|invalid|bad |forge|impersonat|mismatch|resolve|reject|denied|fake|"
              "localhost|spoof|illegal|not valid|bogus|my name|our name|qualified|raw ip|numeric",
     .never = "first|auth|starttls|required|error-codes"},
    STAGE(CAUSE_HELO, AT(STAGE_HELO), 501),
    STAGE(CAUSE_HELO, AT(STAGE_HELO), 504),
    SAYS(CAUSE_SENDER_DOMAIN,
         "sender address rejected: need fully|sender address rejected: domain|domain of sender|"
         "unresolvable rfc|sender domain must|sender domain not|sender address has no|"
         "sender verify failed|invalid sender domain|sender&domain&not exist|"
         "sender&domain&not found|sender&domain&not resolve|domain name required|sender&no mx|"
         "valid sender domain|from: domain|unroutable sender|sender&unrout|"
         "sender domain is empty|sender's domain&does not|sender domain does|"
         "sender domain is invalid|sender verification failed|sender callout|"
         "could not verify sender|return path&not|return address&not exist|"
         "envelope sender&not exist"),

    {.cause = CAUSE_DOMAIN_BLOCKED, .words = "domain is listed|domain listed at|domain&blacklisted",
     .never = OUR_ADDRESS},
    {.cause = CAUSE_SENDER_REJECTED, .words = "sender address rejected&access denied|"
                                              "sender address rejected&unknown"},
    {.cause = CAUSE_SENDER_DOMAIN, .words = NO_SUCH_DOMAIN "|"
                                                           "domain&exist", .stages = AT(STAGE_MAIL),
     .never = "recipient|spam|reverse|ptr|listed|helo"},
    {.cause = CAUSE_SENDER_DOMAIN, .words = NO_SUCH_DOMAIN "|dns&failure", .about = SENDER,
     .never = "recipient|spam|reverse|ptr|resolver.|listed"},
    SAYS(CAUSE_MALFORMED, "failed to parse|parse error in message|stray cr|illegal char|"
                          "comply with required|mime label|wrong mime|as a from: addr|"
                          "as a from addr|disallowed header|headers are not|"
                          "missing a valid&header|duplicate headers|bare linefeed|"
                          "bare line feed|barelinefeeds|invalid characters"),
    SAYS(CAUSE_VIRUS, "potential security issue|extension is forbidden|extension&forbidden|"
                      "virus signature|file extension|disallowed file|restricted attachment|"
                      "unacceptable attachment|attachment filter|prohibited attachment|"
                      "forbidden attachment"),
    SAYS(CAUSE_SPAM, "quarantined|mail rejete. mail rejected"),
    SAYS(CAUSE_RECIPIENT_DISABLED, "destinataire est bloqu|recipient account is|compte&bloqu"),
    SAYS(CAUSE_SENDER_REJECTED,
         "sender address blocked|envelope blocked|blocked senders|envelope rejected|"
         "blocked sender|sender&administrative prohibition|sender is blocked by|senderfilter"),
    SAYS(CAUSE_GREYLISTED, "internal resources are temp|internal resource temp"),
    {.cause = CAUSE_BUSY, .code = 4,
     .words = "server busy|mailbox busy|agent busy|temporary server error|"
              "message failed to be replicated|system busy|servers are busy"},

    {.cause = CAUSE_RECIPIENT_RESTRICTED, .words = "blocked by the recip|blocked by recip|"
     "blocked by user|blocked by the user", .never = OUR_ADDRESS},
    /* recipients that admit few, before "not authenticated" is read as a wish for a login */
    ENHANCED(CAUSE_RECIPIENT_RESTRICTED, 7, 12),
    ENHANCED(CAUSE_RECIPIENT_RESTRICTED, 7, 124),
    ENHANCED(CAUSE_RECIPIENT_RESTRICTED, 7, 129),
    ENHANCED(CAUSE_RECIPIENT_RESTRICTED, 7, 130),
    ENHANCED(CAUSE_RECIPIENT_RESTRICTED, 7, 136),
    ENHANCED(CAUSE_RECIPIENT_RESTRICTED, 7, 133),
    ENHANCED(CAUSE_RECIPIENT_RESTRICTED, 7, 134),
    ENHANCED(CAUSE_RECIPIENT_RESTRICTED, 7, 135),
    SAYS(CAUSE_RECIPIENT_RESTRICTED,
         "for group|recipient preferences|members only|members can|subscribers only|"
         "not a member|not allowed to post|message filtered&!refer&!faq|"
         "not accept mail from you|restricted to|restrictedto|from members|notinallowlist|"
         "sendernot|only members|subscribers|not authorized to send to|permission to send to|"
         "delivery restriction|only accepts mail from|only accepts messages from|"
         "accepts messages only|accepts mail only|not allowed to send to this|"
         "not allowed&to this group|not allowed&to this list|"
         "not accepting mail from this sender|not accept messages from this sender|closed list|"
         "members of the list|list members|non-member|not authorized to accept|recipient's list|"
         "list of senders|only accepting mail from|user rules|recipient rules|"
         "refuses to receive|refuse to receive|not pre-approved|pre-approved|"
         "mailing list&closed|internal senders|local senders|external senders|senders only|"
         "outside senders|suppression list|previously bounced|suppressed|"
         "external recipients are not|not accept external|moderated|not subscribed to th|"
         "not subscribed to this|rst.notauthorized|only accept mail from|"
         "only accept messages from"),

    /* "log in" and "no relaying" */
    CODE(CAUSE_AUTH_REQUIRED, 530),
    SAYS(CAUSE_AUTH_REQUIRED,
         "authentication required|authentication is required|authentification requise|"
         "not logged in|was not authenticated|requires authentication|smtp authentication|"
         "authenticate first|authrequired|log in first|must authenticate|please authenticate|"
         "pop before smtp|check your mail first|must be authenticated|smtp auth is required|"
         "auth required|authentication needed|not authenticated|authenticate before|"
         "you must log in|you must login|must first log|please log in|please login|"
         "login required|without authentication|anmeldung erforderlich|"
         "authentifizierung erforderlich|autenticaci|autenticazione|not permitted without auth|"
         "need to authenticate|needs authentication|authentication&turned on|"
         "authentication must be|must supply|use smtp auth|enable smtp auth|turn on smtp"),
    SAYS(CAUSE_IP_DYNAMIC,
         "dynamic ip|dynamic address|policy block list|(pbl)|pbl.spamhaus|email directly to|"
         "mail directly to|smtp relay at your|smtp server of your|your isp's|"
         "mail server of your isp|dial-up|dialup|dynamically assigned|generic hostname|rtr:bb|"
         "dynamic/|dynamic host|dynamic ip|dynamic range|dynamic pool|dynamic client|"
         "from dynamic|dsl line|dsl user|cable modem|home user|residential ip|residential addr|"
         "residential cust|consumer ip|use your isp|use your provider|use your internet|"
         "end user address|end-user ip|dynamische"),
    SAYS(CAUSE_RELAY_DENIED,
         "relay access denied|relaying denied|relay denied|relay not permitted|unable to relay|"
         "relaying not|not permitted to relay|not allowed to relay|rcpthosts|"
         "credentials for relay|do not relay|no relaying|cannot relay|gateway user|"
         "relay prohibited|relaying prohibited|open relay|relay is not|relaying is|not relay|"
         "relay forbidden|to relay|relay attempt|relay for|relay through|as a relay|"
         "gateway not allowed|not local domain|non-local mail|not a local domain|"
         "domain isn't local|domain is not local|not local and not a relay|not hosted here|"
         "domain not hosted|non-accepted domain|not one of our domains|not our domain"),

    /* size and room */
    SAYS(CAUSE_BUSY, "out of memory"),
    {.cause = CAUSE_MAILBOX_FULL,
     .words = "is full|full mailbox|enough space|not enough disk|exceeds allowed|overdrawn|"
              "space available|any more mail|message count|box space|exceeds quota",
     .about = "mailbox|mail box|user|account|maildir|recipient|folder|inbox|message is larger",
     .never = "system|server|disk is full"},
    SAYS(CAUSE_MAILBOX_FULL, "maximum allowed number of messages"),
    SAYS(CAUSE_STORAGE, "disk space|system storage"),
    ENHANCED(CAUSE_MAILBOX_FULL, 2, 2),
    SAYS(CAUSE_MAILBOX_FULL, "allowed mailbox|mailbox size limit|mailbox has exceeded|"
                             "mailbox exceeded"),
    ENHANCED(CAUSE_TOO_LARGE, 3, 4),
    ENHANCED(CAUSE_TOO_LARGE, 2, 3),
    SAYS(CAUSE_TOO_LARGE,
         "message too big|file too big|too large|larger than|size exceeds|exceeds size|"
         "exceeds maximum|size limit|maximum message size|exceeds fixed|message size|"
         "maximum email size|max email size|maximum mail size|email size|mail size|taille limite|"
         "message too long|message is too long|too much data|maximum size|exceeds the size|"
         "exceeds the maximum|bytes limit|mb limit|attachment size|zu groß"),
    SAYS(CAUSE_MAILBOX_FULL,
         "over quota|overquota|mailbox full|mailbox is full|quota exceeded|exceeded quota|"
         "exceeds quota|pleine|inbox is full|out of storage|exceeded storage|storage quota|"
         "insufficient quota|quota full|not enough space|over its quota|"
         "no space left in mailbox|storage full|storage is full|quota violation|"
         "exhausted allowed|allowed storage|mailbox&full|inbox full|folder is full|"
         "space has been used|mailbox limit|mailbox&quota|too many messages on the server|"
         "too many messages in the mail|limit exeeded|blocks limit|maximum allowed storage|"
         "maildir&quota|storage limit|storage space|user quota|disk quota|quota limit|"
         "mail quota|postfach voll|postfach&voll|quota erreicht|buzón&llen|casella&piena|"
         "buzon&llen|casilla llena|caixa&cheia|postbus vol|mailbox vol|переполнен|превышен&квот|"
         "ящик&полон|容量|已满|已滿|speicherplatz|boîte&pleine|skrzynka&pełn|pełna|schránka&pln|"
         "over the allowed quota|exceeded allowed quota|exceeded&quota|over limit"),
    ENHANCED(CAUSE_STORAGE, 3, 1),
    SAYS(CAUSE_STORAGE, "insufficient system storage|system storage|disk full|mail system full|"
         "insufficient disk|not enough disk|out of disk|no space left on|disk space|"
         "insufficient storage|low on space|space on the disk"),
    SAYS(CAUSE_LOOP,
         "mail loop|loop broken|forwarding loop|looping|back to myself|too many hops|hop count|"
         "routing loop|loops back|hops exceeded| hops"),
    ENHANCED(CAUSE_LOOP, 4, 6),

    /* many */
    SAYS(CAUSE_BUSY, "policy size"),
    SAYS(CAUSE_TOO_MANY_RECIPIENTS,
         "too many recipients|too many rcpt|number of recipients|recipients exceeded|"
         "recipient limit|reciplimit|recipients per message|maximum&recipients"),
    ENHANCED(CAUSE_TOO_MANY_RECIPIENTS, 5, 3),
    SAYS(CAUSE_DOMAIN_BLOCKED,
         "spamhaus dbl|dbl.spamhaus|uribl|surbl|domain present in|domain is listed|"
         "url in the message|uri blacklist|uri blocklist|uri block|uri is|link&blacklist|"
         "url&listed|url&block|links&listed|sender domain&black|sender domain&block|"
         "domain&has been black|domain is black|domain blacklist|blacklisted domain|"
         "blacklisted url|listed domain|from domain&block|sender's domain&listed|"
         "sender's domain&black|rhsbl"),
    SAYS(CAUSE_PROTOCOL, "earlytalker|early talker|early-talker|before greeting|pregreet|"
                         "spoke too soon|talked too soon|improper command pipelining|"
                         "without waiting"),
    SAYS(CAUSE_GREYLISTED,
         "greylist|graylist|grey-list|gray-list|grey list|gray list|greylisting|postgrey|"
         "first time sender|first contact|not yet authorized to deliver|sqlgrey|milter-greylist|"
         "triplet"),
    {.cause = CAUSE_GREYLISTED, .code = 4,
     .words = "recipient address rejected&try again|recipient address rejected&later|retry in|"
         "come back in|again in&seconds|again in&minutes|after&seconds&retry|"
              "wait&minutes|wait&seconds|delayed&first"},
    SAYS(CAUSE_RATE, "again slower|slower|too many connections|too many concurrent|"
         "too many errors|too many messages|too many sessions|too much mail|too many mails|"
         "thread limit|receive limit|unusual rate|too quickly|per connection|excessive volume|"
         "frequency limited|throttl|denial of service|connection limit|rate limit exceeded|"
         "message rate|slow down|connection rate|exceeded the rate|unexpected volume|"
         "user complaints|concurrent connection|connections limit|concurrency|"
         "too many&connections|too many&messages|too many&mails|too many emails|too fast|"
         "message limit|messages per|mails per|emails per|connections per|volume of mail|"
         "excessive|zu viele"),
    SAYS(CAUSE_REPUTATION,
         "low reputation|ip reputation|domain reputation|sender reputation|bad reputation|"
         "reputation of a domain|reputation of the domain|reputation score|due to reputation|"
         "negative reputation"),
    SAYS(CAUSE_RATE, "rate limit|rate-limit|ratelimit"),
    SAYS(CAUSE_IPV6, "over ipv6|process ipv6|ipv6 not accepted|no ipv6|ipv6&not supported|"
                     "ipv6&not allowed|ipv6&blocked|use ipv4"),

    SAYS(CAUSE_RECIPIENT_UNKNOWN, "account or domain may not"),

    {.cause = CAUSE_BUSY, .words = "service refuse", .code = 421,
     .subject = 2, .detail = READING_ANY},
    SAYS(CAUSE_SPAM, "banned content|spam scale|spam bomb|bulkmail|bulk email|content rejected|"
                     "reject content|content-policy|by dcc|html tag|words in the message|"
                     "filter rules|phone number filter|message is banned|banned content|"
                     "no spam please|spam pattern|recurrent pattern|content denied|"
                     "content policy|content examination|spam contents|content filter|"
                     "content restriction"),
    {.cause = CAUSE_SPAM, .never = OUR_ADDRESS "|spamhaus|spamcop|" LISTED,
     .words = "spamassassin|gtube|spam detected|detected as spam|identified as spam|"
              "classified as spam|as spam|is spam|be spam|spam score|spam content|spam message|"
              "message filtered&refer|message filtered&faq|spamverdacht|looks like spam|"
              "suspicion of spam|junk mail|spam filter"},
    {.cause = CAUSE_VIRUS, .words = "banned: |banned file|banned name|banned attach|w32/|malicious|"
     "attachment contains|contains malware"},
    SAYS(CAUSE_MALFORMED, "corrupt message|smtplf"),
    /* who is on a list, or blocked? */
    {.cause = CAUSE_IP_BLOCKED, .names_address = true, .never = DOMAIN "|rhsbl|dbl.|content|virus",
     .words = LISTED "|spammer|is blocked|rejected see|rejected, see|rejected using"},
    {.cause = CAUSE_IP_BLOCKED, .never = DOMAIN "|rhsbl|uribl|surbl|dbl.|spamassassin",
     .words = "dnsbl| rbl| rbl.|black list rbl|black ip|dictionary attack|harvest"},
    {.cause = CAUSE_DOMAIN_BLOCKED, .words = LISTED, .about = DOMAIN, .never = OUR_ADDRESS},
    {.cause = CAUSE_SENDER_REJECTED, .words = LISTED, .about = SENDER,
     .never = OUR_ADDRESS "|poor reputation"},
    SAYS(CAUSE_RECIPIENT_UNKNOWN, "domino directory|not listed in|name directory|"
                                  "recipient is not allowed|recipient not allowed"),
    /* our address */
    SAYS(CAUSE_IP_BLOCKED,
         "blocked using|blacklist|black list|block list|blocklist|not welcome|listed on|"
         "listed at|listed in|listed by|rejected - see http|refused - see http|spamhaus|spamcop|"
         "barracuda|sorbs|dnsbl| rbl|rbl |banned|from this ip|your ip|poor reputation|"
         "blocked - see|ip address source|adresse ip|bloqu|permanently deferred|"
         "not accepting connections|on our block|blocked by|client host blocked|"
         "ip address has been|network is on|deny ip|ip is in|service refuse|ip blocked|"
         "blocked ip|host blocked|blocked for|mail server has been|ip is block|ip is black|"
         "ip is listed|address is block|address is black|address blocked|deny listed|"
         "blocked by&list|sender ip|bad ip|ip profile|host network|invalid ip|remotehost|"
         "unwanted messages|access to this mail system|access to submit messages|ip&is listed|"
         "ip&not allowed|ip address&blocked|ip address&rejected|ip address&listed|"
         "abuse from your|from your ip|from your server|blocked sender ip|gesperrt|lista negra|"
         "liste noire"),

    {.cause = CAUSE_IP_BLOCKED,
     .words = "block|reject|refus|listed|denied|deny|not allowed|ban|abuse|spam|unknown recip|bad",
     .about = "your server|your host|your network|your mail server|source ip|sending ip"},

    /* the content */
    {.cause = CAUSE_VIRUS, .words = "virus", .never = "spam"},
    SAYS(CAUSE_SPAM,
         "judged to be spam|spam content|spam or virus|nature of the content|content rejected|"
         "likely unsolicited|as spam|looks like spam|considered spam|spam message|spam detected|"
         "is spam|be spam|unsolicited mail|unsolicited bulk|ube,|high spam|spam score|"
         "detected spam|spam filter|suspicion of spam|probability of spam|spam or|anti-spam|"
         "antispam|spamassassin|spam rejected|phishing|junk mail|bulk mail|looks like&spam|"
         "unsolicited|mass mailer|suspicious content|suspicious message|message content|"
         "contents of the message"),
    SAYS(CAUSE_VIRUS, "virus|illegal attachment|malware|infected|security issue|attachment type|"
         "dangerous attachment|blocked attachment|unsafe content|trojan|eicar|"
         "attachment&not allowed|attachment&blocked|attachment&prohibited|attachment&forbidden|"
         "attachments of type|file type|executable|extension&not allowed|"
         "security reasons&attachment"),
    ENHANCED(CAUSE_NO_8BIT, 6, 3),
    ENHANCED(CAUSE_NO_UTF8, 6, 7),
    SAYS(CAUSE_MALFORMED,
         "rfc 5322|rfc 5321 address|rfc 2822|malformed|blank from|multiple addresses in from|"
         "8-bit data|encoded-word|bare lf|bare cr|bare line|bare <lf>|invalid header|"
         "missing header|duplicate header|header syntax|not rfc|non-compliant|not compliant|"
         "lines too long|messageid|message-id|one or no|date header|from header|from: header|"
         "no from|header&missing|missing&header|header error|headers are|message header|rfc5322|"
         "rfc2822|rfc822|rfc 822|mime error|bad mime|badly formatted|header line|null character|"
         "nul character|line length|8-bit data|8bit&not|improper use of 8|bare newline|"
         "stray newline"),

    {.cause = CAUSE_TIMEOUT, .words = "timed out|timeout", .code = 421},

    /* recipients */
    SAYS(CAUSE_SENDER_REJECTED, "sender email address"),
    {.cause = CAUSE_SENDER_REJECTED, .words = "accept mail from|accept email from|"
                                              "accept mails from",
     .never = OUR_ADDRESS "|host"},
    {.cause = CAUSE_SENDER_UNVERIFIED, .words = "not authorized to perform"},
    SAYS(CAUSE_RECIPIENT_UNKNOWN, "recipient not found|recipientnotfound|tenant or domain"),
    ENHANCED(CAUSE_NULL_MX, 1, 10),
    CODE(CAUSE_NULL_MX, 556),
    SAYS(CAUSE_RECIPIENT_DOMAIN,
         "domain not found|null mx|recipient domain|invalid domain|domain is not reachable|"
         "not accept mail|no smtp service|resolving mx|host unknown|unknown host|"
         "domain does not exist|no such domain|host or domain name|host not found|"
         "mail domain&unknown|domain must exist|domain name not found|domain&does not exist|"
         "domain&not exist|domain&doesn't exist|unknown domain|domain unknown|domain nonexist|"
         "domainnonexist|non-existent domain|nonexistent domain|dead domain|"
         "bad destination system|bad destination host|no mx|not accept any mail|domain&no mail|"
         "couldn't find any host|mail exchanger|domain&couldn't be found"),
    ENHANCED(CAUSE_RECIPIENT_DOMAIN, 4, 310),
    ENHANCED(CAUSE_RECIPIENT_DOMAIN, 4, 312),
    SAYS(CAUSE_RECIPIENT_DISABLED,
         "mailbox is disabled|mailbox temporarily disabled|mailbox disabled|no longer valid|"
         "been disabled|is disabled|disabled or|temporary locked|temporarily locked|"
         "disabled recipient|is inactive|inactive user|inactive account|user suspended|archivee|"
         "account is not active|account that you tried to reach is disabled|mailbox is inactive|"
         "been deactivated|has been closed|user&suspended|account&suspended|mailbox&suspended|"
         "recipient&suspended|account disabled|account has been disabled|"
         "account inbounds disabled|account&blocked|mailbox&blocked|recipient&blocked|"
         "mailbox&locked|account&locked|recipient&locked|not active|due to inactivity|"
         "discontinued|deactivated|frozen|no longer accepts|user is terminated|not activated|"
         "temporarily inactive|account&inactive|mailbox&inactive|account expired|"
         "no longer active|no longer in use|account&closed|mailbox&closed|"
         "not accepting messages|not accepting mail&!with|inactivity|never logged|"
         "hasn't entered|has not logged|administratively disabled|administratively closed|inactivo|"
         "inattiv|disattiv|bloccato|zablokowan|nieaktywn|desactiv|désactiv|deaktiviert|expirado|"
         "caducad|inativ|desativ|неактивн|заблокирован|отключен|停用|冻结|禁用"),
    {.cause = CAUSE_RECIPIENT_DISABLED, .words = CLOSED, .about = RECIPIENT, .code = 5,
     .never = OUR_ADDRESS "|unknown|not found|not exist|no longer on server|invalid user|spam|"
              "virus|content|attachment|domain|blocked by|been blocked|message expired|left the|"
              "works|connection|attachment"},
    SAYS(CAUSE_RECIPIENT_UNKNOWN,
         "user unknown|unknown user|no such user|doesn't have a|does not have a|"
         "mailbox unavailable|mailbox not found|user not found|unrouteable|"
         "recipient address rejected|unknown recipient|recipient unknown|address rejected&!sender|"
         "unresolvable address|nosuchuser|cannot route|can't route|not routable|"
         "no valid recipient|valid recipient|invalid recipient|no longer on server| alias|"
         "no mailbox|unknown local|recipient not found|address unknown|unknown address|"
         "email is invalid|this account is not allowed|invalid email address|address is invalid|"
         "no exist|not exists|invalid user|no such recipient|no such mailbox|no such person|"
         "no such address|destinataire invalide|you tried to reach|address does not exist|"
         "user does not exist|not an active address|cannot deliver mail for|can't accept user|"
         "unrecognized recip|recipient unrecognized|user doesn't exist|mailbox does not exist|"
         "account does not exist|not a known user|unknown mailbox|invalid mailbox|"
         "not our customer|recipient does not exist|recipient rejected|no mail box|"
         "unverified address|not on this server|not exist here|unknown or illegal|"
         "mailbox not available|mailbox&not available|addressee unknown|user&unknown|"
         "mailbox&unknown|recipient&unknown|address&unknown|account&unknown|user&not exist|"
         "user&not found|mailbox&not exist|mailbox&not found|recipient&not exist|"
         "recipient&doesn't exist|account&not exist|account&not found|address&not exist|"
         "address&not found|address&does not exist|address&doesn't exist|user&doesn't exist|"
         "no such|no mailbox|not a valid|invalid address|bad address|bad destination mailbox|"
         "unknown in|unknown to|not our user|no account|no user|not listed in|"
         "cannot find your recipient|unbekannt|existiert nicht|inconnu|no existe|desconocid|"
         "sconosciuto|non esiste|onbekend|inesistente|inexist|desconhecid|não existe|"
         "n'existe pas|не найден|неизвест|не существ|нет такого|見つかりません|存在しません|不存在|不明|找不到|"
         "neznám|neexist|nieznan|nie ma takiego|nie istnieje|okänd|ukendt|ukjent|bilinm|"
         "bulunama|tuntematon|nem létez|ismeretlen|nu exist|bestaat niet|user not local|"
         "not known|undeliverable address|callout verification|left the company|left the organi|"
         "no longer works|no longer with"),
    ENHANCED(CAUSE_RECIPIENT_DOMAIN, 1, 2),
    ENHANCED(CAUSE_RECIPIENT_UNKNOWN, 1, 1),
    ENHANCED(CAUSE_RECIPIENT_UNKNOWN, 1, 3),
    ENHANCED(CAUSE_RECIPIENT_UNKNOWN, 1, 6),
    ENHANCED(CAUSE_SENDER_DOMAIN, 1, 8),
    SAYS(CAUSE_SENDER_REJECTED,
         "invalid sender|bad sender|sender rejected|sender email address|sender address rejected|"
         "sender denied|sender not accepted|emetteur invalide"),
    {.cause = CAUSE_RECIPIENT_DISABLED, .code = 5, .subject = 2, .detail = 1},
};
/* clang-format on */

const struct reading_rule *reading_rules(size_t *count)
{
    *count = COUNT(rules);
    return rules;
}

const char *const *reading_chatter(void)
{
    static const char *const chatter[] = {
        "to best protect",
        "to protect our users",
        "to protect users",
        "to reduce the amount of",
        "for more information",
        "to review our",
        NULL,
    };

    return chatter;
}
