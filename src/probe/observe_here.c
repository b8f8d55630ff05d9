/* Where this computer stands, by what it knows itself without asking anybody. */
#include "probe/observe_parts.h"

#include "base/memory.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HERE_LINE = 512, HERE_PATH = 256 };

/* The labels that hosting companies give their virtual machines (DMI), and those that shut port 25
 * of them by default. */
static const struct label {
    const char *file, *begins, *company;
} labels[] = {
    {"sys_vendor", "DigitalOcean", "DigitalOcean"},
    {"sys_vendor", "Amazon EC2", "Amazon EC2"},
    {"product_name", "Google Compute Engine", "Google Cloud"},
    {"chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "Microsoft Azure"},
    {"chassis_asset_tag", "OracleCloud.com", "Oracle Cloud"},
    {"sys_vendor", "Hetzner", "Hetzner Cloud"},
    {"sys_vendor", "Vultr", "Vultr"},
    {"sys_vendor", "Linode", "Linode"},
    {"sys_vendor", "Akamai", "Akamai (Linode)"},
    {"sys_vendor", "Scaleway", "Scaleway"},
    {"sys_vendor", "Alibaba Cloud", "Alibaba Cloud"},
};

static FILE *open_under(const struct observe *o, const char *path)
{
    char whole[HERE_PATH];

    if (snprintf(whole, sizeof whole, "%s%s", o->s->root ? o->s->root : "", path) >=
        (int)sizeof whole)
        return NULL;
    return fopen(whole, "re");
}

/* The first default route of IPv4: "eth0 00000000 0102A8C0 ..." */
static bool default_route(const struct observe *o, char device[32], struct in_addr *gateway)
{
    FILE *f = open_under(o, "/proc/net/route");
    char line[HERE_LINE];
    unsigned to, by;
    bool found = false;

    while (f && !found && fgets(line, sizeof line, f))
        found = sscanf(line, "%31s %8x %8x", device, &to, &by) == 3 && to == 0;
    if (f)
        fclose(f);
    gateway->s_addr = found ? by : 0;
    return found;
}

/* In a container the label is the host's, but the network is not. */
static bool on_own_device(const struct observe *o)
{
    char device[32], path[HERE_PATH];
    struct in_addr gateway;

    if (!default_route(o, device, &gateway) ||
        snprintf(path, sizeof path, "%s/sys/class/net/%s/device", o->s->root ? o->s->root : "",
                 device) >= (int)sizeof path)
        return false;
    return access(path, F_OK) == 0;
}

void observe_cloud(struct observe *o)
{
    for (size_t i = 0; i < COUNT(labels) && !o->f->cloud[0]; i++) {
        char path[HERE_PATH], line[HERE_LINE] = "";
        FILE *f;

        snprintf(path, sizeof path, "/sys/class/dmi/id/%s", labels[i].file);
        f = open_under(o, path);
        if (f && fgets(line, sizeof line, f) &&
            strncmp(line, labels[i].begins, strlen(labels[i].begins)) == 0 && on_own_device(o))
            snprintf(o->f->cloud, sizeof o->f->cloud, "%s", labels[i].company);
        if (f)
            fclose(f);
    }
}

static void add_address(struct observe_here *out, const char *text)
{
    struct findings_dns n = {0};

    if (out->address_count < OBSERVE_HERE_MAX && observe_literal(text, &n))
        out->address[out->address_count++] = n.address[0];
}

/* The address we send from; connecting a datagram socket sends nothing. */
static void add_own_address(struct observe_here *out)
{
    struct sockaddr_in far = {.sin_family = AF_INET, .sin_port = htons(53)};
    struct sockaddr_storage own = {0};
    socklen_t n = sizeof own;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    far.sin_addr.s_addr = htonl(0xc0000201);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)&far, sizeof far) == 0 &&
        getsockname(fd, (struct sockaddr *)&own, &n) == 0 && out->address_count < OBSERVE_HERE_MAX)
        out->address[out->address_count++] = own;
    close(fd);
}

static void read_resolv_conf(const struct observe *o, struct observe_here *out)
{
    FILE *f =
        o->s->resolv_conf ? fopen(o->s->resolv_conf, "re") : open_under(o, "/etc/resolv.conf");
    char line[HERE_LINE];

    while (f && fgets(line, sizeof line, f)) {
        struct span rest = span_of(line), w = span_word(&rest);
        bool search = span_is(w, "search") || span_is(w, "domain"),
             server = span_is(w, "nameserver");

        while ((search || server) && (w = span_word(&rest)).len) {
            char text[FINDINGS_NAME];

            w = span_trim(w);
            if (!span_cstr(w, text, sizeof text))
                continue;
            if (server)
                add_address(out, text);
            else if (out->domain_count < OBSERVE_HERE_MAX)
                snprintf(out->domain[out->domain_count++], FINDINGS_NAME, "%s", text);
        }
    }
    if (f)
        fclose(f);
}

void observe_here(const struct observe *o, struct observe_here *out)
{
    char device[32], text[INET_ADDRSTRLEN];
    struct in_addr gateway;

    memset(out, 0, sizeof *out);
    add_own_address(out);
    if (default_route(o, device, &gateway) && gateway.s_addr &&
        inet_ntop(AF_INET, &gateway, text, sizeof text))
        add_address(out, text);
    read_resolv_conf(o, out);
}
