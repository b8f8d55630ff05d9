#include "mail/foreign.h"

#include "base/memory.h"

static const struct span words[] = {
    SPAN("GET"),           SPAN("POST"),
    SPAN("PUT"),           SPAN("HEAD"),
    SPAN("OPTIONS"),       SPAN("DELETE"),
    SPAN("PATCH"),         SPAN("TRACE"),
    SPAN("CONNECT"),       SPAN("PRI"),
    SPAN("HOST:"),         SPAN("USER-AGENT:"),
    SPAN("CONTENT-TYPE:"), SPAN("CONTENT-LENGTH:"),
    SPAN("PROXY"),
};

bool foreign_line(struct span line, struct span verb)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (span_ieq(verb, words[i]))
            return true;
    return span_istarts(line, SPAN("SSH-"));
}

/* 0x16 is a handshake record, 0x80 an SSLv2 hello; neither begins a command. */
bool foreign_tls(struct span bytes)
{
    return bytes.at[0] == 0x16 || (bytes.at[0] == (char)0x80 && bytes.len > 2 && bytes.at[2] == 1);
}
