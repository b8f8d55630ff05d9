/* discover_parts: what the files of discover.h share. For this folder only. */
#ifndef PORT26_PROBE_DISCOVER_PARTS_H
#define PORT26_PROBE_DISCOVER_PARTS_H

#include "dns/dns.h"
#include "http/fetch.h"
#include "io/fiber.h"
#include "probe/discover.h"

/* Where a question may be put; in order of trust. */
enum discover_ask {
    ASK_SERVICES,
    ASK_WEB,
    ASK_WELL_KNOWN,
    ASK_TABLE,
    ASK_MX,
    ASK_NAMES,
    ASK_COUNT
};
enum { DISCOVER_RESOLVERS = 2 };

struct search;

/* One question under way, and what it found. */
struct discover_task {
    struct search *search;
    struct dns *dns;
    struct fetch *fetch;
    enum discover_ask ask;
    struct fiber *fiber;
    bool done, refused; /* refused: the domain says that it offers none */
    bool no_domain, no_answer;
    const char *how; /* static */
    size_t count;
    struct discover_door door[DISCOVER_DOORS_MAX];
    const struct providers_row *provider;
    char provider_name[64];
};

struct search {
    struct loop *loop;
    const struct discover_settings *s;
    struct discover *out;
    int64_t began, until;
    struct fiber *root;
    unsigned under_way;
    struct dns *dns[DISCOVER_RESOLVERS]; /* the second may be NULL */
    struct fetch *fetch[DISCOVER_RESOLVERS];
    struct discover_task task[DISCOVER_RESOLVERS][ASK_COUNT];
};

/* The sources, discover_sources.c. Each runs in a fiber of its own and fills its task. */
void discover_ask_services(struct discover_task *t);
void discover_ask_web(struct discover_task *t);
void discover_ask_table(struct discover_task *t);
void discover_ask_mx(struct discover_task *t);
void discover_ask_names(struct discover_task *t);
/* fetch's lookup: `arg` is a struct dns. */
size_t discover_lookup(void *arg, const char *host, int64_t deadline, struct sockaddr_storage *out,
                       size_t max);

#endif
