/* The PROXY header: what is one, what is none, what is not whole yet (HOSTILE 42, 43). */
#include "base/memory.h"
#include "serve/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static const struct {
    const char *name;
    struct span bytes;
    enum proxy_result result;
    const char *from; /* NULL: the connection's own peer */
    size_t used;
} rows[] = {
    {"v1 TCP4", SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1234 25\r\nEHLO"), PROXY_DONE, "192.0.2.1",
     43},
    {"v1 TCP6", SPAN("PROXY TCP6 2001:db8::1 2001:db8::2 1234 25\r\n"), PROXY_DONE, "2001:db8::1",
     44},
    {"v1 unknown", SPAN("PROXY UNKNOWN\r\n"), PROXY_DONE, NULL, 15},
    {"v1 half", SPAN("PROXY TCP4 192.0.2.1 198.51"), PROXY_MORE, NULL, 0},
    {"v1 begun", SPAN("PRO"), PROXY_MORE, NULL, 0},
    {"nothing", SPAN(""), PROXY_MORE, NULL, 0},
    {"v1 wrong family", SPAN("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"), PROXY_BROKEN, NULL, 0},
    {"v1 port too big", SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1234 65536\r\n"), PROXY_BROKEN,
     NULL, 0},
    {"v1 short", SPAN("PROXY TCP4 192.0.2.1\r\n"), PROXY_BROKEN, NULL, 0},
    {"v1 no family", SPAN("PROXY \r\n"), PROXY_BROKEN, NULL, 0},
    {"v1 endless",
     SPAN("PROXY TCP4 192.0.2.1 198.51.100.2 1234 "
          "2511111111111111111111111111111111111111111111111111111111111111111111111111111111"),
     PROXY_BROKEN, NULL, 0},
    {"smtp", SPAN("EHLO me\r\n"), PROXY_BROKEN, NULL, 0},
    {"v2 local", SPAN(V2 "\x20\x00\x00\x00"), PROXY_DONE, NULL, 16},
    {"v2 tcp4", SPAN(V2 "\x21\x11\x00\x0c\xc0\x00\x02\x07\x0a\x00\x00\x01\x04\xd2\x00\x19"),
     PROXY_DONE, "192.0.2.7", 28},
    {"v2 with TLV",
     SPAN(V2 "\x21\x11\x00\x0f\xc0\x00\x02\x07\x0a\x00\x00\x01\x04\xd2\x00\x19\x04\x00\x00"),
     PROXY_DONE, "192.0.2.7", 31},
    {"v2 short address", SPAN(V2 "\x21\x11\x00\x04\xc0\x00\x02\x07"), PROXY_BROKEN, NULL, 0},
    {"v2 family 0xF", SPAN(V2 "\x21\xf1\x00\x0c\xc0\x00\x02\x07\x0a\x00\x00\x01\x04\xd2\x00\x19"),
     PROXY_BROKEN, NULL, 0},
    {"v2 version 3", SPAN(V2 "\x31\x11\x00\x00"), PROXY_BROKEN, NULL, 0},
    {"v2 64 KiB of TLV", SPAN(V2 "\x21\x11\xff\xff"), PROXY_BROKEN, NULL, 0},
    {"v2 half", SPAN(V2 "\x21\x11\x00\x0c\xc0\x00"), PROXY_MORE, NULL, 0},
    {"v2 signature begun", SPAN("\r\n\r\n"), PROXY_MORE, NULL, 0},
};

static void check(size_t i)
{
    struct sockaddr_storage from = {0};
    char text[INET6_ADDRSTRLEN] = "";
    size_t used;
    bool local;
    enum proxy_result got = proxy_parse(rows[i].bytes, &used, &from, &local);

    if (got != rows[i].result)
        fail_msg("%s: %d", rows[i].name, got);
    if (got != PROXY_DONE)
        return;
    assert_int_equal(used, rows[i].used);
    assert_int_equal(local, rows[i].from == NULL);
    if (!rows[i].from)
        return;
    inet_ntop(from.ss_family,
              from.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&from)->sin_addr
                                        : (void *)&((struct sockaddr_in6 *)&from)->sin6_addr,
              text, sizeof text);
    assert_string_equal(text, rows[i].from);
}

static void table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        check(i);
}

/* However the bytes are cut, no prefix of a good header is called broken. */
static void every_prefix_waits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t n = 0; rows[i].result == PROXY_DONE && n < rows[i].used; n++) {
            struct sockaddr_storage from;
            size_t used;
            bool local;

            assert_int_equal(proxy_parse(span_head(rows[i].bytes, n), &used, &from, &local),
                             PROXY_MORE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table),
                                       cmocka_unit_test(every_prefix_waits)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
