/* Commands about sending limits and held mail. */
#include "serve/control_parts.h"
#include "serve/sendings.h"

#include "account/burst.h"
#include "base/memory.h"

#include <stdlib.h>

/* A release that did not come to its end is known by mail that is still held. */
struct releasing {
    struct control_call *call;
    bool was_held;
};

static void released(void *arg, const struct held_mail_result *result, const struct error *e)
{
    struct releasing *n = arg;
    struct control_call *r = n->call;
    struct error none;

    json_object_set_new(r->out, "messages", json_integer(result->released));
    json_object_set_new(r->out, "removed", json_integer(result->removed));
    if (!e && !n->was_held && !result->released && !result->removed) {
        error_set(&none, ERROR_INPUT, "the mail of this account is not held");
        e = &none;
    }
    free(n);
    control_finish(r, e);
}

void control_account_release(struct control_call *r)
{
    struct span foreign = control_text(r, "remove_from");
    struct text name = TEXT_INIT(1024);
    struct releasing *n;

    if (!directory_name(control_text(r, "name"), &name) ||
        !directory_find(r->house->directory, text_span(&name))) {
        error_set(&r->error, ERROR_INPUT, "there is no account %.*s: `port26 account ls` shows all",
                  SPAN_ARG(control_text(r, "name")));
    } else if (foreign.len && !burst_network(foreign)) {
        error_set(&r->error, ERROR_INPUT,
                  "\"%.*s\" is no IP address of a network mail came from: `port26 queue show ID` "
                  "tells it",
                  SPAN_ARG(span_head(foreign, 64)));
    } else {
        n = memory_alloc(sizeof *n);
        n->call = r;
        n->was_held = sendings_release(
            r->house->sendings,
            &(struct held_mail_order){text_span(&name), r->rights->person, foreign}, released, n);
        control_wait(r);
    }
    text_free(&name);
}
