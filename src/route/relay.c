/* Nothing here is permanent: what today's network says of the relay's name is not the last word. */
#include "route/relay.h"

#include "base/clock.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

enum { SHOWN_MAX = 80, LEAST_PER_DOOR = 2 };
enum { HOSTS = 64, NAME = 256, ADDRESSES = 8, KNOWN_TIME = 1000 };

struct remembered {
    char name[NAME];
    struct sockaddr_storage address[ADDRESSES];
    size_t count;
};

struct relay_memory {
    struct remembered host[HOSTS];
    size_t count;
};

/* Doors of one relay mostly share their host: each name is asked once. */
struct names {
    struct span name[PATH_MAX_COUNT];
    struct dns_address_list found[PATH_MAX_COUNT];
    size_t count;
};

static struct span shown(struct span s)
{
    return span_head(s, SHOWN_MAX);
}

/* Whose address is looked up. */
static struct span first_stop(const struct relay_target *t)
{
    return t->proxy.len ? t->proxy : t->host;
}

static size_t find_name(const struct names *n, struct span name)
{
    size_t i = 0;

    while (i < n->count && !span_ieq(n->name[i], name))
        i++;
    return i;
}

static void collect_names(const struct relay_target *targets, size_t count, struct names *n)
{
    struct sockaddr_storage unused;

    for (size_t i = 0; i < count; i++)
        if (!path_literal(first_stop(&targets[i]), &unused) &&
            find_name(n, first_stop(&targets[i])) == n->count)
            n->name[n->count++] = first_stop(&targets[i]);
}

/* ---- memory ---- */

struct relay_memory *relay_memory_new(void)
{
    return memory_alloc(sizeof(struct relay_memory));
}

void relay_memory_free(struct relay_memory **m)
{
    free(*m);
    *m = NULL;
}

static struct remembered *remembered(struct relay_memory *m, struct span name)
{
    for (size_t i = 0; m && i < m->count; i++)
        if (span_iis(name, m->host[i].name))
            return &m->host[i];
    return NULL;
}

static void remember(struct relay_memory *m, struct span name, const struct dns_address_list *l)
{
    struct remembered *h = remembered(m, name);

    if (!m || (!h && m->count == HOSTS))
        return;
    if (!h) {
        if (!span_cstr(name, m->host[m->count].name, NAME))
            return;
        h = &m->host[m->count++];
    }
    h->count = l->count < ADDRESSES ? l->count : ADDRESSES;
    for (size_t i = 0; i < h->count; i++)
        h->address[i] = l->address[i];
}

/* May this name be found without DNS? Only where every door there proves who it is. */
static bool proven(const struct relay_target *targets, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++)
        if (span_ieq(first_stop(&targets[i]), name) && !targets[i].verify)
            return false;
    return true;
}

static void look_up(struct dns *d, struct relay_memory *m, const struct relay_target *targets,
                    size_t count, int64_t deadline, struct arena *a, struct names *n)
{
    int64_t soon = clock_now() + KNOWN_TIME;
    bool all = true;

    for (size_t i = 0; i < n->count; i++)
        all = all && remembered(m, n->name[i]) && proven(targets, count, n->name[i]);
    dns_addresses(d, n->name, n->count, all && soon < deadline ? soon : deadline, a, n->found);
    for (size_t i = 0; i < n->count; i++) {
        struct remembered *h = remembered(m, n->name[i]);

        if (n->found[i].status.result == DNS_OK)
            remember(m, n->name[i], &n->found[i]);
        else if (h && proven(targets, count, n->name[i]))
            n->found[i] = (struct dns_address_list){.count = h->count, .address = h->address};
    }
}

static void add_path(const struct relay_target *t, size_t place,
                     const struct sockaddr_storage *address, struct path_list *out)
{
    /* A login goes over verified TLS; within this machine there is nobody to listen. */
    bool guard = t->needs_login && !path_is_loopback(address);
    bool must_verify = t->verify || guard || t->tls == PATH_TLS_HTTPS;
    struct path *p = &out->path[out->count++];

    *p = (struct path){
        .host = t->host,
        .address = *address,
        .port = t->port,
        .preference = (uint16_t)place,
        .tls = t->tls,
        .must_encrypt = must_verify || t->tls >= PATH_TLS_STARTTLS,
        .must_verify = must_verify,
        .verify = t->host,
        .needs_login = t->needs_login,
        .why = span_of(arena_printf(out->arena, "relay %.*s", SPAN_ARG(t->name))),
    };
    path_set_port(&p->address, p->port);
    if (!t->proxy.len)
        return;
    path_set_port(&p->address, t->proxy_port);
    p->through =
        span_of(arena_printf(out->arena, span_find(t->host, ':') < 0 ? "%.*s:%u" : "[%.*s]:%u",
                             SPAN_ARG(t->host), (unsigned)t->port));
    p->proxy_login = t->proxy_login;
}

/* Adds one door's paths, at most `most`. */
static void add_door(const struct relay_target *t, size_t place, const struct names *n, size_t most,
                     struct path_list *out)
{
    const struct dns_address_list *found;
    struct sockaddr_storage literal, *own;
    size_t count = 0, kept;

    if (path_literal(first_stop(t), &literal)) {
        add_path(t, place, &literal, out);
        return;
    }
    /* Ordered in a copy: another door may want the same addresses in another order. */
    found = &n->found[find_name(n, first_stop(t))];
    own = arena_alloc(out->arena, (found->count + 1) * sizeof *own);
    for (size_t i = 0; i < found->count; i++)
        if (!path_is_nowhere(&found->address[i]))
            own[count++] = found->address[i];
    kept = path_order(own, count, t->family);
    for (size_t i = 0; i < kept && i < most && out->count < PATH_MAX_COUNT; i++)
        add_path(t, place, &own[i], out);
}

/* The result that tells most: that DNS failed outweighs that a name is absent. */
static const struct dns_status *worst(const struct names *n)
{
    const struct dns_status *s = &n->found[0].status;

    for (size_t i = 1; i < n->count; i++)
        if (n->found[i].status.result > s->result)
            s = &n->found[i].status;
    return s;
}

static int fail(const struct relay_target *t, const struct names *n, struct error *e)
{
    const struct dns_status *s = worst(n);

    if (s->result == DNS_TEMPORARY || s->result == DNS_BOGUS)
        return error_mail(e, ERROR_TEMPORARY, "4.4.3", OWNER_NETWORK,
                          "DNS could not tell where the relay %.*s (%.*s) is: %.*s. The mail waits "
                          "and is tried again; check this machine's network and resolver.",
                          SPAN_ARG(shown(t->name)), SPAN_ARG(shown(t->host)),
                          SPAN_ARG(shown(s->why)));
    if (s->result == DNS_OK)
        return error_mail(
            e, ERROR_TEMPORARY, "4.4.4", OWNER_NETWORK,
            "The relay %.*s (%.*s) has no address this machine can use: none of an IP "
            "version that is switched on here. The mail waits and is tried again.",
            SPAN_ARG(shown(t->name)), SPAN_ARG(shown(t->host)));
    return error_mail(e, ERROR_TEMPORARY, "4.4.4", OWNER_YOU,
                      "DNS knows no address of the relay %.*s (%.*s). The mail waits and is tried "
                      "again: some networks hide names. If it lasts, correct the relay's host in "
                      "the configuration.",
                      SPAN_ARG(shown(t->name)), SPAN_ARG(shown(t->host)));
}

int relay_paths(struct dns *d, struct relay_memory *memory, const struct relay_target *targets,
                size_t count, int64_t deadline, struct path_list *out, struct error *e)
{
    struct names n = {0};
    size_t most;

    assert(count > 0);
    if (count > PATH_MAX_COUNT)
        count = PATH_MAX_COUNT;
    most = PATH_MAX_COUNT / count;
    out->count = 0;
    out->path = arena_alloc(out->arena, PATH_MAX_COUNT * sizeof *out->path);
    collect_names(targets, count, &n);
    look_up(d, memory, targets, count, deadline, out->arena, &n);
    for (size_t i = 0; i < count && out->count < PATH_MAX_COUNT; i++)
        add_door(&targets[i], i, &n, most < LEAST_PER_DOOR ? LEAST_PER_DOOR : most, out);
    return out->count > 0 ? 0 : fail(&targets[0], &n, e);
}
