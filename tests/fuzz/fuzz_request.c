/* What a stranger asks of the pages for mail programs: a posted question, and a query. An address
 * that is believed can be written into each form, and stays inside of it. */
#include "base/text.h"
#include "clients/clients.h"
#include "clients/request.h"
#include "http/http_query.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_all(struct span typed)
{
    static struct clients_door doors[] = {{CLIENTS_IMAP, "imap.example.com", 993, true},
                                          {CLIENTS_SUBMISSION, "mail.example.com", 587, false}};
    struct arena *a = arena_new();
    struct clients_offer o = {.doors = doors, .count = 2};

    if (clients_address(typed, a, &o.address, &o.domain) == 0) {
        o.display_name = o.domain;
        o.local = span_head(o.address, (size_t)span_rfind(o.address, '@'));
        for (size_t i = 0; i < CLIENTS_FORMS; i++) {
            struct text out = TEXT_INIT(CLIENTS_TEXT_MAX);

            assert(clients_forms[i].write(&o, &out));
            if (i != CLIENTS_PLAIN && i != CLIENTS_JSON)
                for (size_t k = 0; k < out.len; k++)
                    assert((unsigned char)out.at[k] >= ' ' || out.at[k] == '\n' ||
                           out.at[k] == '\t');
            text_free(&out);
        }
    }
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = {(const char *)data, size};
    struct text value = TEXT_INIT(REQUEST_ADDRESS);
    struct request r;

    if (request_parse(in, &r)) {
        assert(r.address[0] && memchr(r.address, '\0', sizeof r.address));
        write_all(span_of(r.address));
    }
    if (http_query_value(in, "email", &value) > 0)
        write_all(text_span(&value));
    text_free(&value);
    write_all(in);
    return 0;
}
