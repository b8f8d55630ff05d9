#include "conf/config.h"

#include "base/memory.h"
#include "conf/cross.h"
#include "conf/notes.h"
#include "conf/reader.h"
#include "conf/relay_door.h"
#include "conf/rows.h"
#include "conf/value.h"
#include "mail/address.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

/* What a port stands for, where a door does not say it; and the doors of a file without any. */
struct port_rule {
    uint64_t port;
    const char *name;
    enum config_tls tls;
    enum config_role role;
};

static const struct port_rule port_rules[] = {
    {25, "smtp", CONFIG_TLS_STARTTLS, CONFIG_ROLE_EXCHANGE},
    {26, "smtp-26", CONFIG_TLS_STARTTLS, CONFIG_ROLE_SUBMISSION},
    {465, "submissions", CONFIG_TLS_IMPLICIT, CONFIG_ROLE_SUBMISSION},
    {587, "submission", CONFIG_TLS_STARTTLS, CONFIG_ROLE_SUBMISSION},
    {1025, "submission-1025", CONFIG_TLS_STARTTLS, CONFIG_ROLE_SUBMISSION},
    {2525, "submission-2525", CONFIG_TLS_STARTTLS, CONFIG_ROLE_SUBMISSION},
    {110, "pop3", CONFIG_TLS_STARTTLS, CONFIG_ROLE_POP3},
    {995, "pop3s", CONFIG_TLS_IMPLICIT, CONFIG_ROLE_POP3},
};
static const struct port_rule other_port = {0, "", CONFIG_TLS_STARTTLS, CONFIG_ROLE_SUBMISSION};

static const struct port_rule *port_rule(uint64_t port)
{
    for (size_t i = 0; i < COUNT(port_rules); i++)
        if (port_rules[i].port == port)
            return &port_rules[i];
    return &other_port;
}

unsigned config_line(const struct config *c, const void *field)
{
    for (size_t i = 0; i < c->given_count; i++)
        if (c->given[i].field == field)
            return c->given[i].line;
    return 0;
}

/* The full name /etc/hosts has for a short one. */
static const char *full_name(struct arena *a, struct span name)
{
    FILE *f = fopen("/etc/hosts", "re");
    const char *found = NULL;
    char line[1024];

    while (f && !found && fgets(line, sizeof line, f)) {
        struct span rest = span_head(span_of(line), strcspn(line, "#\r\n"));
        struct span word = span_word(&rest), full = SPAN_NONE;
        bool ours = false;

        while ((word = span_word(&rest)).len) {
            ours = ours || span_ieq(word, name);
            if (!full.len && span_find(word, '.') > 0)
                full = word;
        }
        if (ours && full.len)
            found = arena_cstr(a, full);
    }
    if (f)
        fclose(f);
    return found;
}

static const char *system_name(struct arena *a)
{
    char name[256] = "";
    struct text canon = TEXT_INIT(1024);
    const char *result = NULL;

    if (gethostname(name, sizeof name - 1) == 0 && !strchr(name, '.'))
        result = full_name(a, span_of(name));
    if (!address_domain_canon(span_of(result ? result : name), &canon))
        text_adds(&canon, "localhost");
    result = arena_cstr(a, text_span(&canon));
    text_free(&canon);
    return result;
}

static struct config *config_new(const char *file)
{
    struct arena *a = arena_new();
    struct config *c = arena_alloc(a, sizeof *c);
    size_t count;
    const struct rows_block *blocks = rows_blocks(&count);

    c->arena = a;
    c->file = arena_cstr(a, span_of(file));
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < blocks[i].count && !blocks[i].titled; j++)
            value_default(&blocks[i].rows[j], a, (char *)c + blocks[i].offset);
    return c;
}

static void add_default_door(struct config *c, const struct port_rule *rule)
{
    const struct rows_block *block = rows_find("door");
    struct config_door *d = &c->doors[c->door_count++];

    for (size_t j = 0; j < block->count; j++)
        value_default(&block->rows[j], c->arena, d);
    d->name = rule->name;
    d->port = rule->port;
}

/* Where no domain is ours there are no inboxes either, and no mail to fetch. */
static void add_default_doors(struct config *c)
{
    c->doors = arena_alloc(c->arena, COUNT(port_rules) * sizeof *c->doors);
    for (size_t i = 0; i < COUNT(port_rules); i++)
        if (port_rules[i].role != CONFIG_ROLE_POP3 || c->domains.count)
            add_default_door(c, &port_rules[i]);
}

static void complete_certificate(struct config_certificate *cert)
{
    cert->certificate = cert->certificate ? cert->certificate : "";
    if (!cert->key)
        cert->key = cert->certificate;
}

/* Pages alone: in the clear, but on the port of HTTPS. */
static void complete_web_door(const struct config *c, struct config_door *d)
{
    d->role = CONFIG_ROLE_WEB;
    if (!config_line(c, &d->https))
        d->https = false;
    if (!config_line(c, &d->tls))
        d->tls = d->port == HTTPS_PORT ? CONFIG_TLS_IMPLICIT : CONFIG_TLS_NONE;
}

static void complete_role(const struct config *c, struct config_door *d)
{
    const struct port_rule *rule = port_rule(d->port);
    bool says_tls = config_line(c, &d->tls), says_role = config_line(c, &d->role);

    if (!says_role)
        d->role = rule->role;
    if (d->role == CONFIG_ROLE_WEB || (!says_role && d->port == HTTP_PORT)) {
        complete_web_door(c, d);
        return;
    }
    if (!config_line(c, &d->https)) /* unless what the file says speaks against it */
        d->https = d->port == HTTPS_PORT && d->role == CONFIG_ROLE_SUBMISSION &&
                   (!says_tls || d->tls == CONFIG_TLS_IMPLICIT);
    if (!says_tls)
        d->tls = d->https ? CONFIG_TLS_IMPLICIT : rule->tls;
}

static void complete_door(struct config *c, struct config_door *d)
{
    complete_role(c, d);
    if (!d->cert.certificate && !d->cert.key)
        d->cert = c->tls.cert;
    complete_certificate(&d->cert);
}

/* The doors of other servers that stand in `texts`. */
static struct config_relay_door *complete_foreign(struct config *c,
                                                  const struct config_texts *texts, size_t *count)
{
    struct config_relay_door *doors = arena_alloc(c->arena, (texts->count + 1) * sizeof *doors);
    struct relay_door d;

    *count = 0;
    for (size_t i = 0; i < texts->count; i++)
        if (relay_door_split(span_of(texts->at[i]), &d))
            doors[(*count)++] = (struct config_relay_door){
                .host = d.host.len ? arena_cstr(c->arena, d.host) : c->clients.host,
                .port = d.port,
                .tls = d.tls};
    return doors;
}

static void complete_clients(struct config *c)
{
    struct config_clients *k = &c->clients;

    if (!k->display_name)
        k->display_name = "";
    if (!k->host)
        k->host = c->hostname;
    k->imap = complete_foreign(c, &k->imap_texts, &k->imap_count);
    k->pop3 = complete_foreign(c, &k->pop3_texts, &k->pop3_count);
    if (!c->mta_sts.mx.count) {
        c->mta_sts.mx.at = arena_alloc(c->arena, sizeof *c->mta_sts.mx.at);
        c->mta_sts.mx.at[c->mta_sts.mx.count++] = c->hostname;
    }
}

/* Works out the settings whose default depends on others (".computed" in rows.c). */
static void complete(struct config *c)
{
    if (!c->hostname)
        c->hostname = system_name(c->arena);
    if (!c->postmaster)
        c->postmaster = arena_printf(c->arena, "postmaster@%s",
                                     c->domains.count ? c->domains.at[0] : c->hostname);
    if (!c->control)
        c->control = arena_printf(c->arena, "%s/control", c->store.path);
    if (!c->inboxes.path)
        c->inboxes.path = arena_printf(c->arena, "%s/inbox", c->store.path);
    if (!c->delivery.helo)
        c->delivery.helo = c->hostname;
    if (!c->tls.acme_webroot)
        c->tls.acme_webroot = arena_printf(c->arena, "%s/acme", c->store.path);
    if (!c->incoming.srs_domain)
        c->incoming.srs_domain = c->hostname;
    complete_clients(c);
    complete_certificate(&c->tls.cert);
    if (!c->door_count)
        add_default_doors(c);
    for (size_t i = 0; i < c->door_count; i++)
        complete_door(c, &c->doors[i]);
    for (size_t i = 0; i < c->relay_count; i++)
        relay_door_complete(c, &c->relays[i]);
}

static bool row_missing(const struct config *c, const struct row *row, const char *base)
{
    return row->required && !config_line(c, base + row->offset);
}

static void note_missing(struct config *c, struct config_notes *notes,
                         const struct rows_block *block)
{
    const char *array;
    size_t count;

    memcpy(&array, (char *)c + block->offset, sizeof array);
    memcpy(&count, (char *)c + block->count_at, sizeof count);
    for (size_t i = 0; i < count; i++, array += block->size)
        for (size_t j = 0; j < block->count; j++)
            if (row_missing(c, &block->rows[j], array))
                notes_add(notes, NOTES_ERROR, (struct notes_place){c->file, config_line(c, array)},
                          "this %s lacks '%s': add %s = %s", block->name, block->rows[j].name,
                          block->rows[j].name, value_form(block->rows[j].type));
}

static void note_all_missing(struct config *c, struct config_notes *notes)
{
    size_t count;
    const struct rows_block *blocks = rows_blocks(&count);

    for (size_t i = 0; i < count; i++)
        if (blocks[i].titled)
            note_missing(c, notes, &blocks[i]);
}

int config_parse(struct span text, const char *name, struct config_notes *notes,
                 struct config **out)
{
    struct config *c = config_new(name);
    size_t before = notes->errors;

    *out = NULL;
    if (reader_fill(text, c, notes) == 0)
        note_all_missing(c, notes);
    if (notes->errors == before) {
        complete(c);
        cross_check(c, notes);
    }
    notes_sort(notes);
    if (notes->errors != before) {
        config_free(&c);
        return -1;
    }
    *out = c;
    return 0;
}

struct config *config_defaults(void)
{
    struct config *c = config_new("");
    struct config_notes notes = {0};

    complete(c);
    cross_check(c, &notes);
    config_notes_free(&notes);
    return c;
}

/* Reads all of fd, which is at most max octets long, or fills e. */
static int slurp(int fd, size_t max, struct text *out, struct error *e)
{
    for (;;) {
        char *room = text_room(out, 64 << 10);
        ssize_t n;

        if (!room)
            return error_set(e, ERROR_INPUT,
                             "is larger than %zu octets: is it a configuration file?", max);
        n = read(fd, room, 64 << 10);
        if (n == 0)
            return 0;
        if (n > 0)
            out->len += (size_t)n;
        else if (errno != EINTR)
            return error_sys(e, errno, "cannot be read");
    }
}

static int read_file(const char *file, struct text *out, struct error *e)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK), result;
    struct stat st;

    if (fd < 0)
        return error_sys(e, errno, "cannot be opened");
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        result = error_set(e, ERROR_INPUT, "is no regular file: name the configuration file");
    else if (st.st_mode & S_IWOTH)
        result = error_set(e, ERROR_INPUT, "may be changed by everybody: chmod o-w it first");
    else
        result = slurp(fd, CONFIG_FILE_MAX, out, e);
    close(fd);
    return result;
}

int config_load(const char *file, struct config_notes *notes, struct config **out)
{
    struct text text = TEXT_INIT(CONFIG_FILE_MAX + (64 << 10));
    struct error e = {0};
    int result = -1;

    *out = NULL;
    if (read_file(file, &text, &e) < 0)
        notes_add(notes, NOTES_ERROR, (struct notes_place){file, 0}, "%s", e.words);
    else
        result = config_parse(text_span(&text), file, notes, out);
    text_free(&text);
    return result;
}

void config_free(struct config **c)
{
    struct arena *a = *c ? (*c)->arena : NULL;

    arena_free(&a);
    *c = NULL;
}

const struct config_relay *config_relay(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->relay_count; i++)
        if (strcmp(c->relays[i].name, name) == 0)
            return &c->relays[i];
    return NULL;
}

bool config_domain(const struct config *c, struct span domain)
{
    for (size_t i = 0; i < c->domains.count; i++)
        if (span_iis(domain, c->domains.at[i]))
            return true;
    return false;
}

const char *config_tls_name(enum config_tls t)
{
    static const char *const names[] = {[CONFIG_TLS_NONE] = "none",
                                        [CONFIG_TLS_OPPORTUNISTIC] = "opportunistic",
                                        [CONFIG_TLS_STARTTLS] = "starttls",
                                        [CONFIG_TLS_IMPLICIT] = "implicit",
                                        [CONFIG_TLS_HTTPS] = "https"};

    return names[t];
}

const char *config_role_name(enum config_role r)
{
    static const char *const names[] = {[CONFIG_ROLE_SUBMISSION] = "submission",
                                        [CONFIG_ROLE_EXCHANGE] = "exchange",
                                        [CONFIG_ROLE_POP3] = "pop3",
                                        [CONFIG_ROLE_WEB] = "web"};

    return names[r];
}

const char *config_sts_name(enum config_sts s)
{
    static const char *const names[] = {[CONFIG_STS_OFF] = "off",
                                        [CONFIG_STS_NONE] = "none",
                                        [CONFIG_STS_TESTING] = "testing",
                                        [CONFIG_STS_ENFORCE] = "enforce"};

    return names[s];
}

void config_quote(struct span s, struct text *out)
{
    text_addc(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"' || s.at[i] == '\\' || s.at[i] == '$')
            text_addc(out, '\\');
        text_addc(out, s.at[i]);
    }
    text_addc(out, '"');
}
