/* submission: mail handed over by POST over HTTPS, as both of our sides speak it; docs/https.md is
 * the whole contract. The envelope stands in fields of the request, the message is its body:
 *
 *     POST /submit HTTP/1.1
 *     Authorization: Basic ...
 *     Content-Type: message/rfc822
 *     Idempotency-Key: any word that is new for each message
 *     Mail-From: <you@example.com> RET=HDRS
 *     Rcpt-To: <a@example.org>, <b@example.net> NOTIFY=NEVER
 *     Rcpt-To: <c@example.org>
 */
#ifndef PORT26_HTTP_SUBMISSION_H
#define PORT26_HTTP_SUBMISSION_H

#define SUBMISSION_PATH      "/submit"
#define SUBMISSION_TYPE      "message/rfc822"
#define SUBMISSION_TYPE_UTF8 "message/global" /* RFC 6532: also taken */
#define SUBMISSION_FROM      "Mail-From"      /* what stands behind "MAIL FROM:" */
/* What stands behind "RCPT TO:". Several fields, or several with ", " between in one. */
#define SUBMISSION_TO  "Rcpt-To"
#define SUBMISSION_KEY "Idempotency-Key"
enum { SUBMISSION_KEY_MAX = 200 }; /* visible ASCII */
/* By SMTP a logged-in client may say the same key with the envelope id: ENVID=p26-KEY. */
#define SUBMISSION_ENVID "p26-"
/* Stands in the answer to GET and HEAD: mail is taken here. */
#define SUBMISSION_ACCEPTS "Accept-Post"
#define SUBMISSION_TYPES   SUBMISSION_TYPE ", " SUBMISSION_TYPE_UTF8

#endif
