/* What a stranger asks of the pages for mail programs: a posted question, and a query. An address
 * that is believed can be written into each form, and stays inside of it. */
#include "base/text.h"
#include "clients/clients.h"
#include "clients/page.h"
#include "clients/request.h"
#include "http/http_query.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count(const struct text *t, char c)
{
    size_t n = 0;

    for (size_t i = 0; i < t->len; i++)
        n += t->at[i] == c;
    return n;
}

/* The page has the same elements and attributes, whatever the address is. */
static void look_at_page(const struct clients_offer *o)
{
    struct clients_offer plain = *o;
    struct text page = TEXT_INIT(CLIENTS_TEXT_MAX), other = TEXT_INIT(CLIENTS_TEXT_MAX);

    plain.address = plain.local = plain.display_name = SPAN("x");
    assert(page_settings(o, PAGE_GERMAN, NULL, &page) &&
           page_settings(&plain, PAGE_GERMAN, NULL, &other));
    assert(count(&page, '<') == count(&other, '<') && count(&page, '"') == count(&other, '"'));
    text_free(&page);
    text_free(&other);
}

static void write_all(struct span typed)
{
    static struct clients_door doors[] = {{CLIENTS_IMAP, "imap.example.com", 993, true},
                                          {CLIENTS_SUBMISSION, "mail.example.com", 587, false}};
    struct arena *a = arena_new();
    struct clients_offer o = {.doors = doors, .count = 2};

    if (clients_address(typed, a, &o.address, &o.domain) == 0) {
        o.display_name = o.domain;
        o.local = span_head(o.address, (size_t)span_rfind(o.address, '@'));
        look_at_page(&o);
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
    assert(page_language(in) < PAGE_LANGUAGES);
    write_all(in);
    return 0;
}
