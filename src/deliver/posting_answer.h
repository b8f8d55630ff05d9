/* posting_answer: what an HTTP answer to a submission (docs/https.md) means, in the words of the
 * SMTP client, so that one table (judge.h) rules over both. Pure. */
#ifndef PORT26_DELIVER_POSTING_ANSWER_H
#define PORT26_DELIVER_POSTING_ANSWER_H

#include "http/http_client.h"
#include "smtp/smtp_client.h"

/* Is a submission announced here? To whom gave no login, and with a login to one who has it. */
bool posting_answer_announces(const struct http_client_answer *a);
/* Does a 401 ask for a login of this kind: an access token (Bearer), or name and password (Basic)?
 */
bool posting_answer_offers(const struct http_client_answer *a, bool token);

/* The failure that the answer to a login tells; STAGE_NONE: it is good. Texts live in the arena. */
void posting_answer_login(const struct http_client_answer *a, struct arena *arena,
                          struct smtp_client_failure *out);

/* The whole answer to a message for the first `count` of out->recipients (which are there, unsent).
 * Returns 0, or -1 with out->failure: as smtp_client_send. */
int posting_answer_message(const struct http_client_answer *a, size_t count, struct arena *arena,
                           struct smtp_client_result *out);

#endif
