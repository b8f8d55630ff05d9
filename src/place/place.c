/* Which part makes the key: that of IPv4 when there is a way out in IPv4, else that of IPv6. Taking
 * both would make two places of one network, because the second family often comes a second after
 * the first, and prefixes of IPv6 change with some providers every night. */
#include "place/place.h"

#include "base/clock.h"
#include "base/memory.h"
#include "place/clean.h"
#include "place/netlink.h"
#include "place/place_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/wireless.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINK_WAIT_MS = 200, /* how long place_now waits for the gateway's link address */
    LINK_STEP_MS = 5,
    DISCARD = 9, /* RFC 863: whoever listens there throws away what comes */
};

/* ---- the key ---- */

/* Twice FNV-1a (Fowler, Noll, Vo) from two beginnings, then stirred: 128 bits that are the same on
 * every machine and in every version. Nobody gains by a collision made on purpose: who stands at
 * the gateway can take its address as well. */
struct digest {
    uint64_t half[2];
};

static void digest_add(struct digest *d, const void *at, size_t n)
{
    const unsigned char *byte = at;

    for (int h = 0; h < 2; h++) {
        for (size_t i = 0; i < n; i++)
            d->half[h] = (d->half[h] ^ byte[i]) * 0x100000001b3U;
        d->half[h] = (d->half[h] ^ (n & 0xff)) * 0x100000001b3U; /* so that parts do not flow */
    }
}

static uint64_t stir(uint64_t x)
{
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdU;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53U;
    return x ^ x >> 33;
}

static void write_key(const struct exit_way *w, const char *ssid, char key[PLACE_KEY])
{
    struct digest d = {{0xcbf29ce484222325U, 0x84222325cbf29ce4U}};
    uint8_t family = w->family == AF_INET6 ? 6 : 4, len = (uint8_t)w->prefix_len;
    bool device = w->tunnel || !w->links; /* nothing at the other end has a name */

    digest_add(&d, "1", 1); /* the kind of key */
    digest_add(&d, &family, 1);
    digest_add(&d, w->link, w->link_len);
    digest_add(&d, w->gateway.byte, w->link_len || device ? 0 : sizeof w->gateway.byte);
    digest_add(&d, w->prefix.byte, sizeof w->prefix.byte);
    digest_add(&d, &len, 1);
    digest_add(&d, ssid, strlen(ssid));
    digest_add(&d, w->device, device ? strlen(w->device) : 0);
    snprintf(key, PLACE_KEY, "%016" PRIx64 "%016" PRIx64, stir(d.half[0]), stir(d.half[1]));
}

/* ---- the name ---- */

/* The name of the wireless network through which that interface speaks, "" when it is none or
 * nobody tells. The old wireless extensions need no library and no privilege. */
static void read_ssid(int fd, const char *device, char *out, size_t size)
{
    char raw[IW_ESSID_MAX_SIZE + 1] = "";
    struct iwreq q = {.u.essid = {.pointer = raw, .length = IW_ESSID_MAX_SIZE}};

    out[0] = '\0';
    if (span_cstr(span_of(device), q.ifr_name, sizeof q.ifr_name) &&
        ioctl(fd, SIOCGIWESSID, &q) == 0 && q.u.essid.flags)
        clean_copy(out, size, (struct span){raw, strnlen(raw, IW_ESSID_MAX_SIZE)});
}

static void write_address(const struct exit_address *a, char *out, size_t size)
{
    if (!a->family || !inet_ntop(a->family, a->byte, out, (socklen_t)size))
        out[0] = '\0';
}

static void write_name(const struct exit_way *w, const char *ssid, struct place *p)
{
    char prefix[PLACE_ADDRESS];

    write_address(&w->prefix, prefix, sizeof prefix);
    if (w->tunnel)
        snprintf(p->name, sizeof p->name, "tunnel %s", w->device);
    else if (ssid[0])
        snprintf(p->name, sizeof p->name, "Wi-Fi %s", ssid);
    else if (prefix[0] && p->gateway[0])
        snprintf(p->name, sizeof p->name, "%.45s/%u behind %.40s", prefix, w->prefix_len,
                 p->gateway);
    else if (p->gateway[0])
        snprintf(p->name, sizeof p->name, "behind %s", p->gateway);
    else
        snprintf(p->name, sizeof p->name, "%s", w->device);
}

/* ---- reading ---- */

static void fill(int fd, const struct exit_way *w, struct place *p)
{
    char ssid[3 * IW_ESSID_MAX_SIZE] = "";

    clean_copy(p->device, sizeof p->device, span_of(w->device));
    write_address(&w->gateway, p->gateway, sizeof p->gateway);
    p->tunnel = w->tunnel;
    if (!w->tunnel)
        read_ssid(fd, w->device, ssid, sizeof ssid);
    write_name(w, ssid, p);
    write_key(w, ssid, p->key);
}

int place_read(int fd, struct place *out, struct exit_way *way, struct error *e)
{
    struct exit_way four, six;

    *out = (struct place){.offline = true, .name = "offline"};
    if (exit_find(fd, AF_INET, &four, e) < 0 || exit_find(fd, AF_INET6, &six, e) < 0)
        return -1;
    if (!four.open)
        four = six;
    if (four.open) {
        out->offline = false;
        fill(fd, &four, out);
    }
    if (way)
        *way = four;
    return 0;
}

bool place_unsettled(const struct exit_way *w)
{
    return w->open && w->links && w->gateway.family && !w->link_len;
}

void place_poke(const struct exit_way *w)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(DISCARD)};
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(DISCARD), .sin6_scope_id = (uint32_t)w->index};
    bool is_six = w->gateway.family == AF_INET6;
    int fd = socket(w->gateway.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return;
    memcpy(&four.sin_addr, w->gateway.byte, sizeof four.sin_addr);
    memcpy(&six.sin6_addr, w->gateway.byte, sizeof six.sin6_addr);
    sendto(fd, "", 0, 0, is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four,
           is_six ? sizeof six : sizeof four);
    close(fd);
}

int place_now(struct place *out, bool *settled, struct error *e)
{
    int64_t until = clock_now() + LINK_WAIT_MS;
    struct exit_way way;
    int fd = netlink_open(0, e);
    int r = fd < 0 ? -1 : place_read(fd, out, &way, e);
    bool late = false;

    if (r == 0 && place_unsettled(&way))
        place_poke(&way);
    while (r == 0 && place_unsettled(&way) && !late) {
        poll(NULL, 0, LINK_STEP_MS);
        late = clock_now() >= until; /* who was kept from looking looks once more */
        r = place_read(fd, out, &way, e);
    }
    if (r < 0)
        *out = (struct place){.offline = true, .name = "offline"};
    if (settled)
        *settled = r == 0 && !place_unsettled(&way);
    if (fd >= 0)
        close(fd);
    return r;
}
