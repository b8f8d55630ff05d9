#include "base/memory.h"
#include "probe/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Texts as people have them before them: windows of mail programs, log lines, bounces without a
 * part for programs, lines of scripts. */
static const struct {
    const char *name, *text;
    const char *id, *owner, *class; /* owner, class: NULL when another test tells */
} rows[] = {
    /* clang-format off */
    {"tb-timeout",
     "Sending of the message failed.\nThe message could not be sent because the "
     "connection to Outgoing server (SMTP) smtp.example.com timed out. Try again.",
     "N8", NULL, "connection_timeout"},
    {"tb-refused",
     "Sending of the message failed.\nThe message could not be sent because connecting to "
     "Outgoing server (SMTP) smtp.example.com failed. The server may be unavailable or is "
     "refusing SMTP connections. Please verify that your Outgoing server (SMTP) settings "
     "are correct and try again.",
     "N7", NULL, NULL},
    {"tb-unknown",
     "Sending of the message failed.\nAn error occurred while sending mail: Outgoing "
     "server (SMTP) smtp.exampel.com is unknown. The server may be incorrectly "
     "configured. Please verify that your Outgoing server (SMTP) settings are correct and "
     "try again.",
     "N4", "you", NULL},
    {"tb-responded",
     "An error occurred while sending mail. The mail server responded:  5.7.1 "
     "<friend@other.example>: Relay access denied. Please check the message recipient "
     "\"friend@other.example\" and try again.",
     "A14", "you", "relay_denied"},
    {"tb-responded2",
     "An error occurred while sending mail. The mail server responded:\n550-5.7.26 This "
     "mail has been blocked because the sender is unauthenticated.\n550-5.7.26 Gmail "
     "requires all senders to authenticate with either SPF or DKIM.\n. Please check the "
     "message and try again.",
     "M9", "you", "mail_unauthenticated"},
    {"tb-auth",
     "Unable to authenticate to Outgoing server (SMTP) smtp.example.com. Please check the "
     "password and verify the 'Authentication method' in 'Account Settings | Outgoing "
     "server (SMTP)'.",
     "A3", "you", "auth_bad_credentials"},
    {"tb-login",
     "Sending of the message failed.\nLogin to server mail.example.com with username "
     "me@example.com failed.",
     "A3", "you", NULL},
    {"tb-encpw",
     "The Outgoing server (SMTP) smtp.example.com does not seem to support encrypted "
     "passwords. If you just set up the account, please try changing to 'Password, "
     "transmitted insecurely' as the 'Authentication method'",
     "A8", "you", NULL},
    {"tb-starttls",
     "Sending of the message failed.\nUnable to establish a secure link with Outgoing "
     "server (SMTP) mail.example.com using STARTTLS since it doesn't advertise that "
     "feature. Switch off STARTTLS for that server or contact your service provider.",
     "N14", NULL, NULL},
    {"tb-lost",
     "Sending of the message failed.\nThe message could not be sent because the "
     "connection to Outgoing server (SMTP) smtp.example.com was lost in the middle of the "
     "transaction. Try again.",
     "N2", NULL, NULL},
    {"tb-greeting",
     "An error occurred while sending mail: The mail server sent an incorrect greeting:  "
     "554 5.7.1 Dynamic IP addresses are not accepted, use your ISP relay.",
     "S8", "you", NULL},
    {"tb-size",
     "The size of the message you are trying to send exceeds the global size limit "
     "(20480000 bytes) of the server. The message was not sent; reduce the message size "
     "and try again.",
     "M3", "you", NULL},
    {"tb-cert",
     "Sending of the message failed.\nThe certificate is not trusted because it is "
     "self-signed.\nThe configuration related to mail.example.com must be corrected.",
     "S4", NULL, NULL},
    {"ol-0e",
     "Task 'pop.example.com - Sending' reported error (0x800CCC0E): 'Unable to connect to "
     "the outgoing (SMTP) server. If you continue to receive this message, contact your "
     "server administrator or Internet service provider (ISP).'",
     "N7", NULL, NULL},
    {"oe-0e",
     "The connection to the server has failed. Account: 'example', Server: "
     "'mail.example.com', Protocol: SMTP, Port: 25, Secure(SSL): No, Socket Error: 10060, "
     "Error Number: 0x800CCC0E",
     "N8", NULL, NULL},
    {"oe-0d",
     "The host 'SMTP' could not be found. Please verify that you have entered the server "
     "name correctly. Account: 'x', Server: 'SMTP', Protocol: SMTP, Port: 25, "
     "Secure(SSL): No, Socket Error: 11001, Error Number: 0x800CCC0D",
     "N4", "you", NULL},
    {"oe-79",
     "The message could not be sent because one of the recipients was rejected by the "
     "server. The rejected e-mail address was 'a@b.org'. Subject 'Test', Account: "
     "'mail.example.com', Server: 'mail.example.com', Protocol: SMTP, Server Response: "
     "'550 5.7.1 Unable to relay for a@b.org', Port: 25, Secure(SSL): No, Server Error: "
     "550, Error Number: 0x800CCC79",
     "A14", "you", "relay_denied"},
    {"ol-78",
     "Sending reported error (0x800CCC78): 'Cannot send the message. Verify the e-mail "
     "address in your account properties. The server responded: 530 5.7.0 Authentication "
     "required'",
     "A1", "you", "auth_required"},
    {"ol-0b",
     "Task 'x - Sending' reported error (0x8004210B): 'The operation timed out waiting "
     "for a response from the sending (SMTP) server. If you continue to receive this "
     "message, contact your server administrator or Internet service provider (ISP).'",
     "N8", NULL, NULL},
    {"ol-7d",
     "Task 'x' reported error (0x800CCC7D): 'Your outgoing (SMTP) server does not support "
     "SSL-secured connections. If SSL-secured connections have worked in the past, "
     "contact your server administrator or Internet service provider (ISP).'",
     "N14", NULL, NULL},
    {"ol-1a",
     "Task 'x' reported error (0x800CCC1A): 'Your server does not support the connection "
     "encryption type you have specified. Try changing the encryption method.'",
     "S1", "you", NULL},
    {"ol-13",
     "Task 'x - Sending and Receiving' reported error (0x800CCC13): 'Cannot connect to "
     "the network. Verify your network connection or modem.'",
     "N1", "you", NULL},
    {"ol-0f",
     "reported error (0x800CCC0F): 'The connection to the server was interrupted. If this "
     "problem continues, contact your server administrator or Internet service provider "
     "(ISP).'",
     "N2", NULL, NULL},
    {"ol-92",
     "Send test e-mail message: Cannot send the message. 0x800CCC80 None of the "
     "authentication methods supported by this client are supported by your server.",
     "A8", "you", NULL},
    {"ol-auth",
     "Log on to outgoing mail server (SMTP): The specified server was found, but there "
     "was no response from the server. Please verify that the port and SSL information is "
     "correct.",
     "N8", NULL, NULL},
    {"ol-sendas",
     "This message could not be sent. You do not have the permission to send the message "
     "on behalf of the specified user. Error is [0x80070005-0x0004dc-0x000524].",
     "A12", "you", NULL},
    {"ol-60",
     "Sending reported error (0x800CCC60): 'An unknown error occurred. The server "
     "responded: 554 The IP address you are using to connect is listed. rblDNSbl lookup "
     "zen.spamhaus.org'",
     "M10", NULL, "ip_blocklisted"},
    {"am-25",
     "Cannot send message using the server "
     "\xe2\x80\x9csmtp.example.com:me\xe2\x80\x9d\nThe connection to the server "
     "\xe2\x80\x9csmtp.example.com\xe2\x80\x9d on port 25 timed out.",
     "N8", NULL, NULL},
    {"am-relay",
     "The sender address me@example.com was rejected by the server smtp.isp.example.\nThe "
     "server response was: 553 5.7.1 <me@example.com>: Sender address rejected: not owned "
     "by user me@isp.example",
     "A12", "you", "sender_not_owned"},
    {"ios-relay",
     "Cannot Send Mail\nA copy has been placed in your Outbox. The recipient "
     "\xe2\x80\x9c""friend@example.org\xe2\x80\x9d was rejected by the server because it "
     "does not allow relaying.",
     "A14", "you", NULL},
    {"ios-user",
     "Cannot Send Mail\nThe user name or password for "
     "\xe2\x80\x9csmtp.example.com\xe2\x80\x9d is incorrect.",
     "A3", "you", NULL},
    {"ios-conn",
     "Cannot Send Mail\nThe connection to the outgoing server "
     "\xe2\x80\x9csmtp.example.com\xe2\x80\x9d failed. Additional Outgoing Mail Servers "
     "can be configured in Settings > Mail, Contacts, Calendars.",
     "N8", NULL, NULL},
    {"ios-cert",
     "Cannot Verify Server Identity\nThe identity of "
     "\xe2\x80\x9cmail.example.com\xe2\x80\x9d cannot be verified by Mail. Review the "
     "certificate details to continue.",
     "S4", NULL, NULL},
    {"k9",
     "Failed to send some messages: Negative SMTP reply: 535 5.7.8 Error: authentication "
     "failed: UGFzc3dvcmQ6",
     "A3", "you", "auth_bad_credentials"},
    {"andr",
     "Couldn't open connection to server.",
     "N8", NULL, NULL},
    {"andr2",
     "java.security.cert.CertPathValidatorException: Trust anchor for certification path "
     "not found.",
     "S4", NULL, NULL},
    {"pf-log",
     "Nov 22 10:00:01 mx postfix/smtp[123]: ABC123: to=<x@example.org>, "
     "relay=mx.example.org[192.0.2.1]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=5.1.1, "
     "status=bounced (host mx.example.org[192.0.2.1] said: 550 5.1.1 <x@example.org>: "
     "Recipient address rejected: User unknown in local recipient table (in reply to RCPT "
     "TO command))",
     "M4", "you", "recipient_unknown"},
    {"pf-def",
     "Nov 22 10:00:01 mx postfix/smtp[123]: ABC123: to=<x@example.org>, relay=none, "
     "delay=30, delays=0.1/0/30/0, dsn=4.4.1, status=deferred (connect to "
     "mx.example.org[192.0.2.1]:25: Connection timed out)",
     "N8", NULL, NULL},
    {"pf-ref",
     "Nov 22 10:00:01 mx postfix/smtp[123]: ABC123: to=<x@example.org>, relay=none, "
     "delay=30, dsn=4.4.1, status=deferred (connect to mx.example.org[192.0.2.1]:25: "
     "Connection refused)",
     "N7", NULL, NULL},
    {"pf-nxd",
     "Nov 22 10:00:01 mx postfix/smtp[123]: ABC123: to=<x@exampel.invalid>, relay=none, "
     "delay=0.1, dsn=5.4.4, status=bounced (Host or domain name not found. Name service "
     "error for name=exampel.invalid type=A: Host not found)",
     "M5", "you", NULL},
    {"pf-lost",
     "ABC: to=<x@y.org>, relay=mx.y.org[192.0.2.3]:25, delay=3, dsn=4.4.2, "
     "status=deferred (lost connection with mx.y.org[192.0.2.3] while sending end of data "
     "-- message may be sent more than once)",
     "N2", NULL, NULL},
    {"pf-conv",
     "ABC: to=<x@y.org>, relay=mx.y.org[192.0.2.3]:25, delay=303, dsn=4.4.2, "
     "status=deferred (conversation with mx.y.org[192.0.2.3] timed out while sending "
     "message body)",
     "N21", NULL, NULL},
    {"pf-tls",
     "ABC: to=<x@y.org>, relay=mx.y.org[192.0.2.3]:25, dsn=4.7.5, status=deferred (Cannot "
     "start TLS: handshake failure)",
     "S3", NULL, NULL},
    {"pf-sasl",
     "ABC: to=<x@y.org>, relay=smtp.gmail.com[192.0.2.3]:587, dsn=4.7.8, status=deferred "
     "(SASL authentication failed; server smtp.gmail.com[192.0.2.3] said: 535-5.7.8 "
     "Username and Password not accepted. Learn more at 535 5.7.8  "
     "https://support.google.com/mail/?p=BadCredentials x1-2 - gsmtp)",
     "A3", "you", "auth_bad_credentials"},
    {"pf-reject",
     "Nov 22 mx postfix/smtpd[99]: NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 "
     "5.7.1 <x@other.org>: Relay access denied; from=<a@b.c> to=<x@other.org> proto=ESMTP "
     "helo=<laptop>",
     "A14", "you", "relay_denied"},
    {"pf-grey",
     "ABC: to=<x@y.org>, relay=mx.y.org[192.0.2.3]:25, dsn=4.2.0, status=deferred (host "
     "mx.y.org[192.0.2.3] said: 450 4.2.0 <x@y.org>: Recipient address rejected: "
     "Greylisted, see http://postgrey.example/ (in reply to RCPT TO command))",
     "M6", NULL, "greylisted"},
    {"exim-bad",
     "2026-11-22 10:00:00 1abc-0001-AA ** x@example.org R=dnslookup T=remote_smtp "
     "H=mx.example.org [192.0.2.1] X=TLS1.3: SMTP error from remote mail server after "
     "RCPT TO:<x@example.org>: 550 No such user here",
     "M4", "you", "recipient_unknown"},
    {"exim-defer",
     "2026-11-22 10:00:00 1abc-0001-AA == x@example.org R=dnslookup T=remote_smtp defer "
     "(110): Connection timed out",
     "N8", NULL, NULL},
    {"exim-unr",
     "2026-11-22 10:00:00 1abc-0001-AA ** x@exampel.org: Unrouteable address",
     "M4", NULL, NULL},
    {"exim-smtp",
     "2026-11-22 10:00:00 H=(laptop) [203.0.113.9] F=<a@b.c> rejected RCPT <x@y.org>: "
     "relay not permitted",
     "A14", "you", NULL},
    {"sm-log",
     "Nov 22 sendmail[1]: x: to=<x@y.org>, delay=00:00:01, mailer=esmtp, relay=mx.y.org. "
     "[192.0.2.3], dsn=5.1.1, stat=User unknown",
     "M4", "you", "recipient_unknown"},
    {"sm-def",
     "Nov 22 sendmail[1]: x: to=<x@y.org>, delay=00:01:00, mailer=esmtp, relay=mx.y.org. "
     "[192.0.2.3], dsn=4.0.0, stat=Deferred: Connection timed out with mx.y.org.",
     "N8", NULL, NULL},
    {"sm-trans",
     "   ----- The following addresses had permanent fatal errors -----\n<x@y.org>\n    "
     "(reason: 550 5.1.1 <x@y.org>... User unknown)\n\n   ----- Transcript of session "
     "follows -----\n... while talking to mx.y.org.:\n>>> DATA\n<<< 550 5.1.1 "
     "<x@y.org>... User unknown\n550 5.1.1 <x@y.org>... User unknown\n<<< 503 5.0.0 Need "
     "RCPT (recipient)\n",
     "M4", "you", "recipient_unknown"},
    {"qmail",
     "Hi. This is the qmail-send program at mx.example.net.\nI'm afraid I wasn't able to "
     "deliver your message to the following addresses.\nThis is a permanent error; I've "
     "given up. Sorry it didn't work out.\n\n<x@y.org>:\n192.0.2.5 does not like "
     "recipient.\nRemote host said: 550 5.7.1 Service unavailable; Client host "
     "[203.0.113.4] blocked using zen.spamhaus.org\nGiving up on 192.0.2.5.\n\n--- Below "
     "this line is a copy of the message.\n\nReturn-Path: <a@b.c>\n",
     "M10", NULL, "ip_blocklisted"},
    {"qmail2",
     "Hi. This is the qmail-send program at mx.example.net.\nI'm afraid I wasn't able to "
     "deliver your message to the following addresses.\n\n<x@yy.invalid>:\nSorry, I "
     "couldn't find any host named yy.invalid. (#5.1.2)\n",
     "M5", "you", "recipient_domain_invalid"},
    {"qmail3",
     "<x@y.org>:\nSorry, I wasn't able to establish an SMTP connection. (#4.4.1)\nI'm not "
     "going to try again; this message has been in the queue too long.\n",
     "N21", NULL, NULL},
    {"exch",
     "Delivery has failed to these recipients or groups:\n\nx@y.org\nThe email address "
     "you entered couldn't be found. Please check the recipient's email address and try "
     "to resend the message. If the problem continues, please contact your "
     "helpdesk.\n\nDiagnostic information for administrators:\n\nGenerating server: "
     "EX01.example.com\n\nx@y.org\nmx.y.org\nRemote Server returned '550 5.1.1 "
     "RESOLVER.ADR.RecipNotFound; not found'\n\nOriginal message headers:\n\nReceived: "
     "from EX01.example.com",
     "M4", "you", "recipient_unknown"},
    {"exch2",
     "Diagnostic information for administrators:\nGenerating server: "
     "mail.example.com\nx@y.org\n#550 5.7.1 RESOLVER.RST.AuthRequired; authentication "
     "required ##\nOriginal message headers:\nReceived: by",
     "A1", NULL, "auth_required"},
    {"exch3",
     "x@y.org\nRemote Server returned '550 5.7.133 "
     "RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery "
     "restriction check failed because the sender was not authenticated when sending to "
     "this group'",
     "M12", "recipient", "recipient_restricted"},
    {"exch4",
     "LED=441 4.4.1 Error encountered while communicating with primary target IP address: "
     "\"Failed to connect. Winsock error code: 10060, Win32 error code: 10060.\" "
     "Attempted failover to alternate host",
     "N8", NULL, NULL},
    {"gmail",
     "** Message not delivered **\n\nYour message couldn't be delivered to x@y.org "
     "because the remote server is misconfigured. See technical details below for more "
     "information.\n\nThe response from the remote server was:\n550 5.7.1 TLS encryption "
     "required",
     "S2", "you", "tls_required"},
    {"gmail2",
     "** Address not found **\n\nYour message wasn't delivered to x@gmail.com because the "
     "address couldn't be found, or is unable to receive mail.\n\nLearn more here: "
     "https://support.google.com/mail/?p=NoSuchUser\n\nThe response was:\n\n550 5.1.1 The "
     "email account that you tried to reach does not exist. Please try double-checking "
     "the recipient's email address for typos or unnecessary spaces. For more "
     "information, go to https://support.google.com/mail/?p=NoSuchUser x1-2 - gsmtp",
     "M4", "you", "recipient_unknown"},
    {"gmail3",
     "Your message wasn't delivered to x@nosuch.example because the domain nosuch.example "
     "couldn't be found. Check for typos or unnecessary spaces and try again.\n\nThe "
     "response was:\nDNS Error: DNS type 'mx' lookup of nosuch.example responded with "
     "code NXDOMAIN Domain name not found: nosuch.example",
     "M5", "you", "recipient_domain_invalid"},
    {"exim-bounce",
     "This message was created automatically by mail delivery software.\n\nA message that "
     "you sent could not be delivered to one or more of its\nrecipients. This is a "
     "permanent error. The following address(es) failed:\n\n  x@y.org\n    host mx.y.org "
     "[192.0.2.9]\n    SMTP error from remote mail server after end of data:\n    "
     "550-5.7.26 This mail has been blocked because the sender is unauthenticated.\n    "
     "550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.\n    "
     "550 5.7.26 https://support.google.com/mail/answer/81126\n",
     "M9", "you", "mail_unauthenticated"},
    {"exim-retry",
     "A message that you sent could not be delivered to one or more of its\nrecipients. "
     "This is a permanent error. The following address(es) failed:\n\n  x@y.org\n    "
     "retry timeout exceeded\n",
     "M18", NULL, NULL},
    {"multi",
     "550-Please turn on SMTP Authentication in your mail client.\n550-laptop (me) "
     "[203.0.113.5]:52211 is not permitted to relay\n550 through this server without "
     "authentication.",
     "A1", "you", "auth_required"},
    {"swaks",
     "<** 535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6",
     "A3", "you", "auth_bad_credentials"},
    {"py",
     "smtplib.SMTPRecipientsRefused: {'x@y.org': (554, b'5.7.1 <x@y.org>: Relay access "
     "denied')}",
     "A14", "you", "relay_denied"},
    {"py2",
     "smtplib.SMTPAuthenticationError: (535, b'5.7.139 Authentication unsuccessful, basic "
     "authentication is disabled. [AM0PR.eurprd.prod.outlook.com]')",
     "A6", "you", "auth_oauth_required"},
    {"php",
     "SMTP Error: Could not connect to SMTP host. Connection timed out",
     "N8", NULL, NULL},
    {"node",
     "Error: Invalid login: 535-5.7.8 Username and Password not accepted. For more "
     "information, go to 535 5.7.8 https://support.google.com/mail/?p=BadCredentials",
     "A3", "you", NULL},
    {"node2",
     "Error: connect ECONNREFUSED 192.0.2.1:587",
     "N7", NULL, NULL},
    {"node3",
     "Error: 4062F5:error:1408F10B:SSL routines:ssl3_get_record:wrong version number",
     "S1", "you", NULL},
    {"node4",
     "Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's "
     "altnames: Host: mail.me.example. is not in the cert's altnames: DNS:*.host.example",
     "S4", "you", NULL},
    {"getaddr",
     "Error: getaddrinfo ENOTFOUND smtp.exampel.com",
     "N4", "you", NULL},
    {"ok",
     "250 2.0.0 Ok: queued as ABC",
     "OK", NULL, NULL},
    {"plainwords",
     "Relay access denied",
     "A14", "you", NULL},
    {"nonsense",
     "the quick brown fox jumps over the lazy dog",
     "unknown", NULL, NULL},
    {"webmail-quota",
     "552 5.2.2 Your mailbox is full, delete some messages before you send new ones",
     "M1", "you", "mailbox_full"},
    {"cpanel",
     "2026-11-22 1abc ** x@y.org R=enforce_mail_permissions: Domain example.com has "
     "exceeded the max emails per hour (151/150 (100%)) allowed. Message discarded.",
     "M7", "you", "sending_limit"},
    {"msmtp",
     "msmtp: authentication failed (method PLAIN)\nmsmtp: server message: 535 5.7.8 "
     "Error: authentication failed\nmsmtp: could not send mail (account default from "
     "/etc/msmtprc)",
     "A3", "you", NULL},
    {"swedish-free",
     "x@y.org; Failed; 4.2.2 (mailbox full)\n\n    Remote MTA ms5.skanova.net: SMTP "
     "diagnostic: 552 RCPT TO:<x@y.org> Mailbox disk quota exceeded",
     "M2", "recipient", "mailbox_full"},
    /* clang-format on */
};

static bool as_told(const char *what, const char *said, const char *expected, const char *name)
{
    if (!expected || strcmp(said, expected) == 0)
        return true;
    fprintf(stderr, "%s: %s is %s, not %s\n", name, what, said, expected);
    return false;
}

static void texts_of_all_kinds(void **state)
{
    struct arena *a = arena_new();
    bool good = true;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct explain_request q = {0};
        struct explain_result r;

        explain_text(span_of(rows[i].text), &q, &r, a);
        good &= as_told("id", r.set.verdict.id, rows[i].id, rows[i].name);
        good &= as_told("owner", owner_name(r.set.verdict.owner), rows[i].owner, rows[i].name);
        good &= as_told("class", verdict_class(&r.set.verdict), rows[i].class, rows[i].name);
    }
    assert_true(good);
    arena_free(&a);
}

#define HEAD                                                                                       \
    "Return-Path: <>\n"                                                                            \
    "From: MAILER-DAEMON@mx.example.net\n"                                                         \
    "To: me@example.net\n"                                                                         \
    "Subject: Undelivered Mail\n"                                                                  \
    "MIME-Version: 1.0\n"

static const char report[] =
    HEAD "Content-Type: multipart/report; report-type=delivery-status; boundary=B1\n\n"
         "--B1\nContent-Type: text/plain\n\nI am sorry.\n"
         "--B1\nContent-Type: message/delivery-status\n\n"
         "Reporting-MTA: dns; mx.example.net\n\n"
         "Final-Recipient: rfc822; x@y.org\nAction: failed\nStatus: 5.2.2\n"
         "Remote-MTA: dns; mx.y.org\n"
         "Diagnostic-Code: smtp; 552 5.2.2 <x@y.org>: Mailbox over\n    quota\n\n"
         "Final-Recipient: rfc822; w@y.org\nAction: delivered\nStatus: 2.0.0\n"
         "Diagnostic-Code: smtp; 250 fine\n\n"
         "Final-Recipient: rfc822; z@nix.invalid\nAction: failed\nStatus: 5.4.4\n"
         "Diagnostic-Code: X-Postfix; Host or domain name not found. Name service error\n"
         "    for name=nix.invalid type=A: Host not found\n\n"
         "--B1\nContent-Type: message/rfc822\n\nSubject: 550 5.1.1 user unknown\n\nhello\n--B1--\n";

static const char *finding(const struct explain_result *r, const char *name)
{
    for (size_t i = 0; i < r->finding_count; i++)
        if (strcmp(r->findings[i].name, name) == 0)
            return r->findings[i].words.at; /* the arena ends it with NUL */
    return "";
}

static void reports_are_read_by_their_fields(void **state)
{
    struct arena *a = arena_new();
    const struct explain_request q = {0};
    struct explain_result r;

    (void)state;
    explain_text(span_of(report), &q, &r, a);
    assert_string_equal(r.set.verdict.id, "M2");
    assert_string_equal(owner_name(r.set.verdict.owner), "recipient");
    assert_string_equal(finding(&r, "recipient"), "x@y.org");
    assert_string_equal(finding(&r, "host"), "mx.y.org");
    assert_string_equal(finding(&r, "reply"), "552 5.2.2 <x@y.org>: Mailbox over quota");
    assert_int_equal(r.set.also_count, 1);
    assert_string_equal(r.set.also[0].id, "M5");
    arena_free(&a);
}

static void a_status_alone_is_enough(void **state)
{
    static const char text[] =
        HEAD "Content-Type: multipart/report; report-type=delivery-status; boundary=B1\n\n"
             "--B1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a.example\n\n"
             "Final-Recipient: rfc822; x@y.org\nAction: failed\nStatus: 5.1.1\n\n--B1--\n";
    struct arena *a = arena_new();
    const struct explain_request q = {0};
    struct explain_result r;

    (void)state;
    explain_text(span_of(text), &q, &r, a);
    assert_string_equal(r.set.verdict.id, "M4");
    arena_free(&a);
}

static void html_is_read_without_its_marks(void **state)
{
    static const char text[] =
        HEAD "Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n"
             "<p>Your message to <b>x</b> couldn't be delivered.</p><p>Remote Server returned '550 "
             "5.7.=\n"
             "1 &lt;x@y.org&gt;: Relay access denied'</p>\n";
    struct arena *a = arena_new();
    const struct explain_request q = {0};
    struct explain_result r;

    (void)state;
    explain_text(span_of(text), &q, &r, a);
    assert_string_equal(r.set.verdict.id, "A14");
    assert_string_equal(finding(&r, "reply"), "550 5.7.1 <x@y.org>: Relay access denied");
    arena_free(&a);
}

static void the_stage_decides_when_the_words_do_not(void **state)
{
    struct arena *a = arena_new();
    struct explain_request q = {.stage = STAGE_AUTH};
    struct explain_result r;

    (void)state;
    explain_text(SPAN("550 5.7.0 no"), &q, &r, a);
    assert_string_equal(verdict_class(&r.set.verdict), "auth_bad_credentials");
    q.stage = STAGE_GREETING;
    explain_text(SPAN("554 mx.example.org"), &q, &r, a);
    assert_string_equal(verdict_class(&r.set.verdict), "ip_blocklisted");
    arena_free(&a);
}

static void a_known_provider_is_named(void **state)
{
    struct arena *a = arena_new();
    const struct explain_request q = {.stage = STAGE_AUTH, .program = PROGRAM_THUNDERBIRD};
    struct explain_result r;
    bool told = false;

    (void)state;
    explain_text(SPAN("534-5.7.9 Application-specific password required. Learn more at\n"
                      "534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor - gsmtp"),
                 &q, &r, a);
    assert_string_equal(r.set.verdict.id, "A6");
    for (size_t i = 0; i < r.set.verdict.step_count; i++)
        told |= span_search(r.set.verdict.steps[i], SPAN("myaccount.google.com")) >= 0;
    assert_true(told);
    arena_free(&a);
}

static void hostile_texts_are_bounded_and_escaped(void **state)
{
    struct arena *a = arena_new();
    const struct explain_request q = {0};
    struct explain_result r;
    size_t size = EXPLAIN_INPUT_MAX + 100000;
    char *big = memory_alloc(size);

    (void)state;
    explain_text(SPAN("550 5.1.1 \x1b]0;evil\x07\x9b user unknown\0\xff"), &q, &r, a);
    assert_string_equal(r.set.verdict.id, "M4");
    for (const char *p = finding(&r, "reply"); *p; p++)
        assert_true((unsigned char)*p >= ' ' && (unsigned char)*p < 127);
    memset(big, '5', size);
    explain_text((struct span){big, size}, &q, &r, a);
    assert_string_equal(r.set.verdict.id, VERDICT_UNKNOWN);
    for (size_t i = 0; i < size; i++)
        big[i] = "550 "[i % 4];
    explain_text((struct span){big, size}, &q, &r, a);
    assert_true(strlen(finding(&r, "reply")) < 2000);
    explain_text(SPAN_NONE, &q, &r, a);
    assert_string_equal(r.set.verdict.id, VERDICT_UNKNOWN);
    free(big);
    arena_free(&a);
}

static void the_space_of_a_whole_hosting_account_is_named(void **state)
{
    static const struct {
        const char *text;
        bool whole;
    } said[] = {
        {"452 4.2.2 The storage of your hosting account acme is full, so nothing can be sent",
         true},
        {"552 5.2.2 Your mailbox is full, delete some messages before you send", false},
    };
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(said); i++) {
        const struct explain_request q = {.stage = STAGE_MAIL};
        struct explain_result r;

        explain_text(span_of(said[i].text), &q, &r, a);
        assert_string_equal(r.set.verdict.id, "M1");
        assert_int_equal(span_search(r.set.verdict.sentence, SPAN("whole hosting account")) >= 0,
                         said[i].whole);
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_all_kinds),
        cmocka_unit_test(the_space_of_a_whole_hosting_account_is_named),
        cmocka_unit_test(reports_are_read_by_their_fields),
        cmocka_unit_test(a_status_alone_is_enough),
        cmocka_unit_test(html_is_read_without_its_marks),
        cmocka_unit_test(the_stage_decides_when_the_words_do_not),
        cmocka_unit_test(a_known_provider_is_named),
        cmocka_unit_test(hostile_texts_are_bounded_and_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
