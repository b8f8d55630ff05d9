/* Commands about sending limits and held mail. */
#include "serve/control_parts.h"
#include "serve/sendings.h"

#include "base/memory.h"

static void released(void *arg, unsigned touched, const struct error *e)
{
    struct control_call *r = arg;

    json_object_set_new(r->out, "messages", json_integer(touched));
    control_finish(r, e);
}

void control_account_release(struct control_call *r)
{
    struct text name = TEXT_INIT(1024);

    if (!directory_name(control_text(r, "name"), &name) ||
        !directory_find(r->house->directory, text_span(&name)))
        error_set(&r->error, ERROR_INPUT, "there is no account %.*s: `port26 account ls` shows all",
                  SPAN_ARG(control_text(r, "name")));
    else if (sendings_release(r->house->sendings, text_span(&name), r->rights->person, released, r))
        control_wait(r);
    else
        error_set(&r->error, ERROR_INPUT, "the mail of %s is not held", text_cstr(&name));
    text_free(&name);
}
