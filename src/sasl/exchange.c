#include "sasl/exchange.h"
#include "base/text.h"
#include "sasl/base64.h"

bool exchange_begin(struct exchange *x, exchange_start_fn *start, const char *mechanism,
                    Gsasl_callback_function property, void *hook)
{
    if (gsasl_init(&x->gsasl) != GSASL_OK)
        return false;
    gsasl_callback_hook_set(x->gsasl, hook);
    gsasl_callback_set(x->gsasl, property);
    if (start(x->gsasl, mechanism, &x->session) == GSASL_OK)
        return true;
    x->session = NULL;
    return false;
}

void exchange_set(Gsasl_session *session, Gsasl_property property, const void *at, size_t n)
{
    struct text t = TEXT_INIT(128);
    base64_encode((struct span){at, n}, &t);
    gsasl_property_set(session, property, text_cstr(&t));
    text_wipe(&t);
}

void exchange_end(struct exchange *x)
{
    if (x->session)
        gsasl_finish(x->session);
    if (x->gsasl)
        gsasl_done(x->gsasl);
    *x = (struct exchange){0};
}
