#include "cli/check_letter.h"

#include "base/id.h"
#include "mail/trace.h"

#include <stdio.h>
#include <string.h>

void check_letter_write(const char *from, const char *to, int64_t wall_ms, struct text *out,
                        char *id, size_t cap)
{
    struct id unique = id_new();
    const char *domain = strrchr(from, '@');
    size_t before;

    trace_date(wall_ms, out);
    text_addf(out, "From: <%s>\r\nTo: <%s>\r\n", from, to);
    before = out->len;
    trace_message_id(&unique, span_of(domain ? domain + 1 : ""), out);
    snprintf(id, cap, "%.*s",
             SPAN_ARG(span_trim(span_from(text_span(out), before + strlen("Message-ID: ")))));
    text_adds(out, "Subject: port26 check: does mail leave here?\r\n"
                   "Auto-Submitted: auto-generated\r\n"
                   "MIME-Version: 1.0\r\n"
                   "Content-Type: text/plain; charset=us-ascii\r\n"
                   "\r\n"
                   "This is a test message, sent by the command `port26 check --send`.\r\n"
                   "Its sender wanted to know whether mail leaves the network they are in.\r\n"
                   "It arrived, so it does. Nothing needs to be done; it may be deleted.\r\n");
}
