#include "probe/phrase.h"

#include "base/memory.h"
#include "mail/reading.h"

#define OUTLOOK "Outlook's error number"
#define PHONE   "a phone's or Mac's window"
#define SERVER  "a mail server's own words"
#define SYSTEM  "the system's error number"

/* clang-format off */
static const struct phrase phrases[] = {
    /* Outlook; the socket's error knows more than Outlook's own */
    {"socket error: 10060|winsock error code: 10060", SYSTEM, NULL, CAUSE_SILENT, STAGE_CONNECT},
    {"socket error: 10061|winsock error code: 10061", SYSTEM, NULL, CAUSE_REFUSED, STAGE_CONNECT},
    {"0x800ccc0d", OUTLOOK, "N4", CAUSE_NONE, STAGE_DNS},
    {"0x800ccc0e|0x80042109|0x800ccc0b|0x800ccc0c", OUTLOOK, "N7", CAUSE_REFUSED, STAGE_CONNECT},
    {"0x800ccc0f", OUTLOOK, "N2", CAUSE_LOST, STAGE_NONE},
    {"0x800ccc13|0x800ccc14", OUTLOOK, "N1", CAUSE_NONE, STAGE_CONNECT},
    {"0x800ccc15|0x800ccc19|0x8004210b|0x8004210a", OUTLOOK, NULL, CAUSE_SILENT, STAGE_NONE},
    {"0x800ccc18|0x800ccc80|0x80042112", OUTLOOK, NULL, CAUSE_AUTH_MECHANISM, STAGE_AUTH},
    {"0x800ccc1a|0x800ccc1b", OUTLOOK, NULL, CAUSE_TLS_MODE, STAGE_TLS},
    {"0x800ccc7d|0x800ccc7e", OUTLOOK, NULL, CAUSE_STARTTLS_ABSENT, STAGE_STARTTLS},
    {"0x800ccc92|0x800ccc90|0x800ccc91|0x800ccc81", OUTLOOK, NULL, CAUSE_AUTH_BAD, STAGE_AUTH},
    {"0x800ccc78|0x800ccc7a", OUTLOOK, NULL, CAUSE_SENDER_REJECTED, STAGE_MAIL},
    {"0x800ccc79", OUTLOOK, NULL, CAUSE_RELAY_DENIED, STAGE_RCPT},
    {"0x800ccc7b", OUTLOOK, NULL, CAUSE_RECIPIENT_UNKNOWN, STAGE_RCPT},
    {"0x800ccc69|0x800ccc6b|0x800ccc6e", OUTLOOK, NULL, CAUSE_RECIPIENT_UNKNOWN, STAGE_NONE},
    {"0x800ccc68|0x800ccc67|0x800ccc6a", OUTLOOK, NULL, CAUSE_BUSY, STAGE_NONE},
    {"0x800ccc6c", OUTLOOK, NULL, CAUSE_STORAGE, STAGE_NONE},
    {"0x800ccc6d", OUTLOOK, "M1", CAUSE_MAILBOX_FULL, STAGE_NONE},
    {"0x8004060c", OUTLOOK, "M1", CAUSE_MAILBOX_FULL, STAGE_NONE},
    {"0x800ccc6f|0x800ccc60", OUTLOOK, NULL, CAUSE_POLICY, STAGE_NONE},
    {"0x800ccc61|0x800ccc62|0x800ccc63|0x800ccc64|0x800ccc65", OUTLOOK, NULL, CAUSE_PROTOCOL,
     STAGE_NONE},
    {"0x80070005|0x80040607", OUTLOOK, NULL, CAUSE_SENDER_NOT_OWNED, STAGE_NONE},

    /* certificates */
    {"sec_error_expired_certificate|certificate has expired|certificate is expired|certificate "
     "expired|expired certificate",
     "a certificate check", NULL, CAUSE_CERT_EXPIRED, STAGE_TLS},
    {"not yet valid", "a certificate check", "S5", CAUSE_NONE, STAGE_TLS},
    {"ssl_error_bad_cert_domain|does not match certificate|altname_invalid|"
     "certificate is valid for|belongs to a different site|wrong site|"
     "target principal name is incorrect|hostname mismatch|name mismatch|"
     "peer certificate cn&not match|no alternative certificate subject name|"
     "certificate name does not match|does not match the host|"
     "certificate verification failed for|doesn't match the host|"
     "not match the name of the server|host name does not match",
     "a certificate check", NULL, CAUSE_CERT_NAME, STAGE_TLS},
    {"certificate verify failed|pkix path|valid certification path|"
     "certificate verification failed|known issuer|unknown authority|sec_error_unknown_issuer|"
     "self_signed|self signed|self-signed|certificate is not trusted|"
     "server certificate not trusted|certificate not trusted|"
     "trust anchor for certification path|unable to get local issuer|"
     "cannot verify server identity|can't verify the identity|"
     "can\xe2\x80\x99t verify the identity|"
     "certificate chain was issued by an authority that is not trusted|"
     "unable to verify the first certificate|security certificate that cannot be verified",
     "a certificate check", NULL, CAUSE_CERT_ISSUER, STAGE_TLS},

    /* encryption */
    {"speaking plain text|does not look like a tls|unexpected packet format|"
     "unrecognized ssl message|plaintext connection|ssl_error_rx_record_too_long|"
     "plain-text connections|wrong version number|packet length too long|record layer failure|"
     "unknown protocol",
     "a TLS library", NULL, CAUSE_TLS_MODE, STAGE_TLS},
    {"no appropriate protocol|ssl_error_unsupported_version|unsupported protocol|"
     "no shared cipher|no cipher|alert protocol version|tlsv1 alert protocol|"
     "inappropriate_fallback|ssl_error_no_cypher_overlap|handshake_failure|"
     "alert handshake failure",
     "a TLS library", "S6", CAUSE_TLS_FAILURE, STAGE_TLS},
    {"doesn't advertise that feature|does not advertise that feature|"
     "doesn\xe2\x80\x99t advertise|tls is required, but was not offered|"
     "starttls was not offered|server does not support starttls|starttls not supported|"
     "does not offer starttls|not support starttls|connection encryption type|"
     "encryption type you specified|does not support ssl|doesn't support ssl|"
     "not support ssl connections|doesn\xe2\x80\x99t support ssl|requested ssl level failed|"
     "starttls extension not supported|starttls is not supported by the server",
     "a window or log about STARTTLS", NULL, CAUSE_STARTTLS_ABSENT, STAGE_STARTTLS},
    {"cannot start tls|tls session failed|tls handshake failed|unable to establish a secure "
     "link|tls connection failed|ssl handshake|tls error on connection|tls negotiation failed|"
     "handshake failure|ssl connection error",
     "a window or log about TLS", NULL, CAUSE_TLS_FAILURE, STAGE_TLS},

    /* login */
    {"does not seem to support encrypted passwords|"
     "does not support the selected authentication method|no compatible authentication|"
     "none of the authentication methods|no mechanism available|no worthy mechs|"
     "no suitable authentication|secure password authentication|"
     "does not allow plaintext passwords|no supported authentication method|"
     "authentication mechanisms available",
     "a window or log about login", NULL, CAUSE_AUTH_MECHANISM, STAGE_AUTH},
    {"did not advertise auth|smtp auth extension not supported|"
     "server does not support authentication|doesn't support authentication|"
     "authentication is not supported|does not support authentication|not support smtp auth",
     "a window or log about login", NULL, CAUSE_AUTH_ABSENT, STAGE_AUTH},
    {"missing credentials|no password specified|no username specified|no user name specified",
     "a program's error", NULL, CAUSE_AUTH_REQUIRED, STAGE_AUTH},
    {"could not authenticate|password command failed|anmeldung&fehlgeschlagen|benutzername oder|"
     "mot de passe&incorrect|nom d'utilisateur ou|nombre de usuario o|nome utente o|"
     "gebruikersnaam of|パスワード&間違|密码不正确|密码错误|密碼錯誤|usuário ou|имя пользователя или|"
     "unable to authenticate to|unable to log in at server|login to server|"
     "sending of password did not succeed|sending of the username did not succeed|"
     "username or password incorrect|user name or password is incorrect|"
     "username or password is incorrect|user name or password for|username or password for|"
     "password is incorrect|incorrect username|wrong username|authentication failed|"
     "couldn't sign in|can't sign in|log on to your outgoing|invalid credentials|"
     "password rejected|username/password|logon denied|login denied|login failed",
     "a window or log about login", NULL, CAUSE_AUTH_BAD, STAGE_AUTH},
    {"does not allow relaying|doesn't allow relaying|doesn\xe2\x80\x99t allow relaying|does not "
     "relay|unable to relay",
     PHONE, NULL, CAUSE_RELAY_DENIED, STAGE_RCPT},
    {"requires authentication|authentication required|authentication is required", "a window",
     NULL, CAUSE_AUTH_REQUIRED, STAGE_NONE},

    {"retry timeout exceeded|retry time not reached|could not be delivered for|delivery time "
     "expired|maximum time in queue|message expired|too long in the queue|in the queue too long|"
     "undeliverable after|delivery expired",
     SERVER, NULL, CAUSE_LIFETIME, STAGE_NONE},

    /* network: what Thunderbird, Apple Mail and phones say */
    {"serveur&est inconnu|server&ist unbekannt|servidor&desconocido|server&sconosciuto",
     "a window about the server's name", "N4", CAUSE_NONE, STAGE_DNS},
    {"winsock error 11001|winsock error code: 11001|socket error: 11001|error: 11001|"
     "server (smtp) is unknown|is unknown. the server may be incorrectly configured|"
     "unknown host|unknown smtp host|unknownhostexception|name could not be resolved|"
     "no such host|no such host is known|name or service not known|"
     "could not be found. check the server name|server cannot be found|server can't be found|"
     "server could not be found|nodename nor servname|could not resolve host|"
     "no address associated with hostname|unable to resolve host|getaddrinfo|"
     "temporary failure in name resolution",
     "a window or log about the server's name", "N4", CAUSE_NONE, STAGE_DNS},
    {"internet connection appears to be offline|no internet connection|no network connection|"
     "not connected to the internet|working offline|network is down|is offline|airplane mode|"
     "check your network connection",
     "a window about the network", "N1", CAUSE_NONE, STAGE_CONNECT},
    {"loops back to myself", SERVER, NULL, CAUSE_LOOP, STAGE_NONE},
    {"host not found, try again", SERVER, NULL, CAUSE_DNS_LATER, STAGE_DNS},
    {"host or domain name not found|couldn't find any host named|couldn't find a mail exchanger|"
     "all relevant mx records point to non-existent|host unknown|domain name not found|domain "
     "not found|no such domain|dns domain does not exist|domain does not exist|host not found|"
     "nxdomain|couldn't be found or is unable|domain couldn't be found|unrouteable mail domain|"
     "no mx record|dns error: dns type|illegal host/domain name",
     SERVER, NULL, CAUSE_RECIPIENT_DOMAIN, STAGE_DNS},
    {"querya&etimeout|queryaaaa&etimeout|querymx&etimeout|eservfail|name service error|"
     "cname lookup failed|host lookup did not complete|host name lookup failure|"
     "lookup of the domain failed|dns query failed|name lookup timed out|name server timeout",
     SERVER, NULL, CAUSE_DNS_LATER, STAGE_DNS},
    {"connection refused|refused connection|winsock error code: 10061|socket error: 10061|"
     "error: 10061|econnrefused|refusing smtp connections|actively refused|refused the "
     "connection|errno 111",
     "a window or log about a connection", NULL, CAUSE_REFUSED, STAGE_CONNECT},
    {"lost in the middle|lost connection|connection reset|connection was reset|connection died|"
     "connection closed|connection was closed|closed the connection|closed connection|"
     "connection unexpectedly closed|connection dropped|was interrupted|"
     "terminated the connection|unexpectedly terminated|winsock error code: 10054|"
     "socket error: 10054|socket error: 10053|econnreset|broken pipe|connection was lost|"
     "please run connect|connection lost|connection aborted",
     "a window or log about a connection", NULL, CAUSE_LOST, STAGE_NONE},
    {"network is unreachable|network unreachable|enetunreach|socket error: 10051|error code: 10051",
     "a window or log about the network", "N1", CAUSE_UNREACHABLE, STAGE_CONNECT},
    {"no route to host|host is unreachable|host unreachable|ehostunreach|"
     "winsock error code: 10065|socket error: 10065|host is down",
     "a window or log about a connection", NULL, CAUSE_UNREACHABLE, STAGE_CONNECT},
    {"operation not permitted|permission denied|winsock error code: 10013|socket error: 10013|"
     "access permissions|eacces",
     SYSTEM, NULL, CAUSE_FORBIDDEN, STAGE_CONNECT},
    {"timed out while|timeout while|conversation with|smtp timeout|timeout after|timed out after",
     SERVER, NULL, CAUSE_TIMEOUT, STAGE_NONE},
    {"zeitüberschreitung|antwortet nicht|verbindung&fehlgeschlagen|délai d'attente|"
     "tiempo de espera|tempo scaduto|time-out|able_to_establish_an_smtp|timed out|time out|"
     "timeout|winsock error code: 10060|socket error: 10060|error: 10060|etimedout|"
     "failed to connect within|taking too long|did not respond|not responding|"
     "wasn't able to establish an smtp connection|cannot be contacted on|can't be contacted|"
     "cannot be reached|can't be reached|unable to connect|couldn't connect|cannot connect|"
     "can't connect|could not connect|connection to the outgoing server|"
     "connection to the server has failed|failed to connect|couldn't open connection|"
     "cannot send message using the server|did not accept our requests to connect|"
     "server is unavailable or|cannot contact|could not be contacted|"
     "no response from the server|connecting to outgoing server",
     "a window or log about a connection", NULL, CAUSE_SILENT, STAGE_CONNECT},

    /* message, sender, recipient */
    {"exceeds the global size limit|exceeds a temporary size limit|exceeds the size limit|"
     "message is too large|message too large|exceeds size limit|larger than the current system "
     "limit|exceeds the maximum|size limit of server|too big",
     "a window or log about the size", NULL, CAUSE_TOO_LARGE, STAGE_MAIL},
    {"send the message on behalf of|permission to send as|sender address is not allowed|not "
     "allowed to send as", "a window about the sender", NULL, CAUSE_SENDER_NOT_OWNED,
     STAGE_MAIL},
    {"sender address was rejected|sender was rejected|rejected the sender|sender rejected|"
     "sender address is invalid|sender's address was rejected|error occurred while sending "
     "mail: the from address|from address was not accepted",
     "a window about the sender", NULL, CAUSE_SENDER_REJECTED, STAGE_MAIL},
    {"mailbox full|mailbox is full|over quota|quota exceeded|inbox full|inbox is full|out of "
     "storage|disk quota exceeded",
     "a report", NULL, CAUSE_MAILBOX_FULL, STAGE_NONE},
    {"address couldn't be found|address couldn\xe2\x80\x99t be found|address not found|"
     "unrouteable address|user unknown|unknown user|no such user|recipient's email address|"
     "wasn't found at|was not found at|recipient address was rejected|recipients were rejected|"
     "recipients was rejected|recipient was rejected|couldn't be delivered to|no mailbox here|"
     "recipnotfound|recipientnotfound|not found in directory|unable to receive mail|e-mail "
     "account does not exist|email account does not exist",
     "a report", NULL, CAUSE_RECIPIENT_UNKNOWN, STAGE_NONE},
};
/* clang-format on */

const struct phrase *phrase_find(struct span plain, struct span *word)
{
    for (size_t i = 0; i < COUNT(phrases); i++) {
        *word = reading_says(plain, phrases[i].words);
        if (word->len)
            return &phrases[i];
    }
    *word = SPAN_NONE;
    return NULL;
}
