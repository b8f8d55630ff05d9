/* The command about mail programs: the settings for an address of ours, in one of their forms. */
#include "serve/control_parts.h"

#include "clients/clients.h"
#include "serve/policy.h"

static bool is_ours(const struct control_call *r, struct span domain, struct arena *a)
{
    struct letter_may_reach q = {.recipient =
                                     span_of(arena_printf(a, "postmaster@%.*s", SPAN_ARG(domain)))};
    struct reply reply = policy_may_reach(r->house, &q, a);

    return reply_class(&reply) == 2;
}

static int read_offer(struct control_call *r, struct arena *a, struct clients_offer *out)
{
    struct span typed = control_text(r, "address"), address, domain;

    if (clients_address(typed, a, &address, &domain) < 0)
        return error_set(&r->error, ERROR_INPUT,
                         "'%.*s' is no mail address: give it whole, as you@example.com",
                         SPAN_ARG(span_head(typed, 100)));
    if (!is_ours(r, domain, a))
        return error_set(&r->error, ERROR_INPUT,
                         "%.*s is none of the domains of this server; without --format, `port26 "
                         "settings` asks the provider of that domain",
                         SPAN_ARG(domain));
    if (!clients_offer_of(r->house->config, domain, address, a, out))
        return error_set(&r->error, ERROR_INPUT,
                         "no door of this server has TLS, so nobody can log in: give it a "
                         "certificate (tls { certificate = FILE key = FILE })");
    return 0;
}

void control_settings(struct control_call *r)
{
    const struct clients_form *form = clients_form(control_text(r, "form"));
    struct text text = TEXT_INIT(CLIENTS_TEXT_MAX);
    struct arena *a = arena_new();
    struct clients_offer offer;

    if (!form)
        error_set(&r->error, ERROR_INPUT,
                  "there is no form \"%.*s\": use mozilla, outlook, apple, json or text",
                  SPAN_ARG(span_head(control_text(r, "form"), 30)));
    else if (read_offer(r, a, &offer) < 0)
        ; /* told */
    else if (form->needs_incoming && !clients_best(&offer, CLIENTS_IMAP) &&
             !clients_best(&offer, CLIENTS_POP3))
        error_set(&r->error, ERROR_INPUT,
                  "this form needs a server for incoming mail too: name the IMAP server in clients "
                  "{ imap = \"imap.example.com:993 implicit\" }");
    else if (!form->write(&offer, &text))
        error_set(&r->error, ERROR_INPUT, "the settings are too long: configure fewer doors");
    json_object_set_new(r->out, "text", json_stringn(text_cstr(&text), text.len));
    text_free(&text);
    arena_free(&a);
}
