/* client_steps: the pieces of the client that stand in files of their own; for src/smtp only. */
#ifndef PORT26_SMTP_CLIENT_STEPS_H
#define PORT26_SMTP_CLIENT_STEPS_H

#include "smtp/client_talk.h"

/* client_hello.c: EHLO with HELO as the fallback; fills c->far. */
int client_hello_run(struct smtp_client *c);
/* client_login.c: one AUTH exchange. */
int client_login_run(struct smtp_client *c);
/* client_send.c: one transaction. */
int client_send_run(struct smtp_client *c, const struct envelope *e, const struct content *content,
                    struct arena *a, struct smtp_client_result *out);

#endif
