/* exchange: one SCRAM exchange by gsasl, which both sides of AUTH need in the same way. */
#ifndef PORT26_SASL_EXCHANGE_H
#define PORT26_SASL_EXCHANGE_H

#include <gsasl.h>
#include <stdbool.h>
#include <stddef.h>

/* Zeroed: not begun. */
struct exchange {
    Gsasl *gsasl;
    Gsasl_session *session;
};

/* gsasl_client_start or gsasl_server_start. */
typedef int exchange_start_fn(Gsasl *gsasl, const char *mechanism, Gsasl_session **session);

/* Begins it. `property` is asked with `hook` as the callback's hook, already while the session
 * starts, when x->session is not there yet. False: it cannot begin. */
bool exchange_begin(struct exchange *x, exchange_start_fn *start, const char *mechanism,
                    Gsasl_callback_function property, void *hook);
/* Sets a property to the base64 of n bytes; at most 96 fit, of which no copy is left but gsasl's.
 */
void exchange_set(Gsasl_session *session, Gsasl_property property, const void *at, size_t n);
/* Frees what gsasl holds; fine when it never began. */
void exchange_end(struct exchange *x);

#endif
