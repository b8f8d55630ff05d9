#include "mail/reading.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Replies in the words that servers commonly use. */
static const struct {
    enum stage stage;
    const char *reply; /* one line, as on the wire */
    enum cause cause;
} rows[] = {
    /* login */
    {STAGE_AUTH, "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", CAUSE_AUTH_BAD},
    {STAGE_AUTH, "535 Authentication credentials invalid", CAUSE_AUTH_BAD},
    {STAGE_AUTH, "535 5.7.3 Authentication unsuccessful", CAUSE_AUTH_BAD},
    {STAGE_AUTH, "534-5.7.9 Application-specific password required.", CAUSE_AUTH_APP_PASSWORD},
    {STAGE_AUTH, "534 5.7.14 Please log in via your web browser", CAUSE_AUTH_WEB},
    {STAGE_AUTH, "538 5.7.11 Encryption required for requested mechanism", CAUSE_TLS_REQUIRED},
    {STAGE_AUTH, "504 5.7.4 Unrecognized authentication type", CAUSE_AUTH_MECHANISM},
    {STAGE_AUTH, "454 4.7.0 Temporary authentication failure: Connection lost", CAUSE_AUTH_LATER},
    {STAGE_AUTH, "454 4.7.0 Too many login attempts, please try again later", CAUSE_AUTH_LIMIT},
    {STAGE_AUTH, "503 5.5.1 Error: authentication not enabled", CAUSE_AUTH_ABSENT},
    {STAGE_AUTH, "535 5.7.1 Account suspended, contact support", CAUSE_ACCOUNT_SUSPENDED},
    {STAGE_MAIL, "530 5.7.57 Client not authenticated to send mail.", CAUSE_AUTH_REQUIRED},
    {STAGE_MAIL, "530 5.7.0 Must issue a STARTTLS command first", CAUSE_TLS_REQUIRED},
    /* recipients */
    {STAGE_RCPT,
     "550 5.1.1 <x@y>: Recipient address rejected: User unknown in local recipient table",
     CAUSE_RECIPIENT_UNKNOWN},
    {STAGE_RCPT, "550 No Such User Here", CAUSE_RECIPIENT_UNKNOWN},
    {STAGE_RCPT, "550-5.1.1 The email account that you tried to reach does not exist.",
     CAUSE_RECIPIENT_UNKNOWN},
    {STAGE_RCPT, "553 sorry, no mailbox here by that name (#5.7.1)", CAUSE_RECIPIENT_UNKNOWN},
    {STAGE_RCPT, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found",
     CAUSE_RECIPIENT_UNKNOWN},
    {STAGE_RCPT, "511 5.1.1 unknown address or alias: x@y", CAUSE_RECIPIENT_UNKNOWN},
    {STAGE_RCPT, "550 5.2.1 The email account that you tried to reach is disabled.",
     CAUSE_RECIPIENT_DISABLED},
    {STAGE_RCPT, "452 4.2.2 The email account that you tried to reach is over quota.",
     CAUSE_MAILBOX_FULL},
    {STAGE_RCPT, "552 5.2.2 Mailbox size limit exceeded", CAUSE_MAILBOX_FULL},
    {STAGE_RCPT, "552 mailbox full", CAUSE_MAILBOX_FULL},
    {STAGE_RCPT, "554 5.7.1 <x@y>: Relay access denied", CAUSE_RELAY_DENIED},
    {STAGE_RCPT, "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
     CAUSE_RELAY_DENIED},
    {STAGE_RCPT, "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
     CAUSE_RELAY_DENIED},
    {STAGE_RCPT, "450 4.2.0 <x@y>: Recipient address rejected: Greylisted", CAUSE_GREYLISTED},
    {STAGE_RCPT, "451 4.7.1 Please try again later", CAUSE_GREYLISTED},
    {STAGE_RCPT, "452 4.5.3 Too many recipients", CAUSE_TOO_MANY_RECIPIENTS},
    {STAGE_RCPT, "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup",
     CAUSE_RECIPIENT_RESTRICTED},
    {STAGE_RCPT, "556 5.1.10 example.org does not accept mail", CAUSE_NULL_MX},
    /* sender */
    {STAGE_MAIL, "553 5.7.1 <a@b>: Sender address rejected: not owned by user c",
     CAUSE_SENDER_NOT_OWNED},
    {STAGE_MAIL, "550 5.1.8 <a@b>: Sender address rejected: Domain not found", CAUSE_SENDER_DOMAIN},
    {STAGE_MAIL, "550 rejected by administrator", CAUSE_SENDER_REJECTED},
    {STAGE_DOT, "550 5.4.5 Daily user sending limit exceeded.", CAUSE_SENDING_LIMIT},
    /* address and domain */
    {STAGE_GREETING, "554 mx.example.org", CAUSE_IP_BLOCKED},
    {STAGE_RCPT, "550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus.",
     CAUSE_IP_BLOCKED},
    {STAGE_RCPT, "450 4.7.1 Client host rejected: cannot find your reverse hostname", CAUSE_PTR},
    {STAGE_RCPT, "504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname", CAUSE_HELO},
    {STAGE_MAIL, "550 5.7.23 The message was rejected because of Sender Policy Framework violation",
     CAUSE_SPF},
    {STAGE_DOT, "550 5.7.26 This mail has been blocked because the sender is unauthenticated.",
     CAUSE_UNAUTHENTICATED},
    {STAGE_DOT, "550 5.7.1 Rejected by DMARC policy for example.com", CAUSE_DMARC},
    /* message */
    {STAGE_MAIL, "552 5.3.4 Message size exceeds fixed limit", CAUSE_TOO_LARGE},
    {STAGE_DOT, "552 5.2.3 Message exceeds local size limit", CAUSE_TOO_LARGE},
    {STAGE_DOT, "554 5.7.1 Message rejected as spam", CAUSE_SPAM},
    {STAGE_DOT, "550 5.7.0 This message contains a virus", CAUSE_VIRUS},
    {STAGE_DOT, "554 5.4.6 Too many hops", CAUSE_LOOP},
    {STAGE_DOT, "554 5.4.0 shops", CAUSE_POLICY},
    /* later */
    {STAGE_GREETING, "421 4.7.0 Too many connections from your IP", CAUSE_RATE},
    {STAGE_GREETING, "421 Service not available", CAUSE_BUSY},
    {STAGE_MAIL, "452 4.3.1 Insufficient system storage", CAUSE_STORAGE},
    {STAGE_DOT, "451 4.3.0 Local error in processing", CAUSE_BUSY},
    {STAGE_STARTTLS, "454 4.3.0 Try again later", CAUSE_TLS_FAILURE},
    {STAGE_NONE, "421 4.4.2 mx.example.org Error: timeout exceeded", CAUSE_TIMEOUT},
    {STAGE_HELO, "502 5.5.2 Error: command not recognized", CAUSE_PROTOCOL},
    /* of whom it speaks: the same word of an address, of a sender, of a link */
    {STAGE_NONE, "550 5.7.1 <a@b>... 192.0.2.1 listed at zen.example.org", CAUSE_IP_BLOCKED},
    {STAGE_NONE, "550 5.7.1 sender <a@b> black listed", CAUSE_SENDER_REJECTED},
    {STAGE_NONE, "550 A URL in this email is listed on https://list.example", CAUSE_DOMAIN_BLOCKED},
    {STAGE_RCPT, "550 5.7.1 <a@b>: Sender address rejected: no thanks", CAUSE_SENDER_REJECTED},
    {STAGE_NONE, "550 <x@y> not found", CAUSE_RECIPIENT_UNKNOWN},
    {STAGE_NONE, "550 account is exceeding their quota", CAUSE_MAILBOX_FULL},
    {STAGE_NONE, "451 could not write the queue", CAUSE_BUSY},
    {STAGE_NONE, "554 bulk advertising is not accepted", CAUSE_SPAM},
    /* codes alone; a refusal of us at RCPT is no verdict on the recipient */
    {STAGE_RCPT, "550 No.", CAUSE_RECIPIENT_UNKNOWN},
    {STAGE_RCPT, "550 5.7.1 No.", CAUSE_POLICY},
    {STAGE_RCPT, "550 5.4.1 No.", CAUSE_RECIPIENT_UNKNOWN},
    {STAGE_NONE, "550 5.4.5 No.", CAUSE_SENDING_LIMIT},
    {STAGE_NONE, "552 No.", CAUSE_MAILBOX_FULL},
    {STAGE_DOT, "552 No.", CAUSE_TOO_LARGE},
    {STAGE_RCPT, "450 4.7.1 No.", CAUSE_GREYLISTED},
    {STAGE_MAIL, "450 4.7.1 No.", CAUSE_RATE},
    {STAGE_HELO, "550 No.", CAUSE_HELO},
    {STAGE_HELO, "550 Access denied", CAUSE_IP_BLOCKED},
    {STAGE_NONE, "570 No.", CAUSE_POLICY},
    {STAGE_NONE, "470 No.", CAUSE_BUSY},
    /* nothing went wrong */
    {STAGE_DOT, "250 2.0.0 your ip is not blacklisted", CAUSE_NONE},
    {STAGE_DATA, "354 go on", CAUSE_NONE},
};

static void common_words(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct reply_reader reader;
        struct reply r;
        struct span line = span_of(rows[i].reply);
        enum cause got;

        reply_reader_init(&reader);
        if (reply_feed(&reader, line, &r) == REPLY_MORE)
            assert_int_equal(reply_feed(&reader, span_head(line, 3), &r), REPLY_DONE);
        got = reading_of(rows[i].stage, &r);
        if (got != rows[i].cause) {
            print_message("%s: %s, not %s\n", rows[i].reply, cause_name(got),
                          cause_name(rows[i].cause));
            wrong++;
        }
        reply_reader_free(&reader);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(common_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
