/* A neighbour that has been taken over, or anybody's command line: letters that read whole, with whatever in them, one after
 * the other, and results of jobs that were never given. The house behind is a real one, with accounts, quotas, a queue and
 * inboxes. Every question gets its answer, and nothing that was counted is counted wrong (P12). */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/loop.h"
#include "serve/clerk.h"
#include "serve/quotas.h"
#include "serve/registry.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COURIER = 7, LEASES = 16, FILES = 4, RECIPIENTS = 6, LETTERS = 40, LOGINS = 4, COUNT_EVERY = 32, PATIENCE = 20 * 1000 };

struct scene {
    char path[64];
    struct loop *loop;
    struct timer *timer;
    struct config *config;
    struct house *house;
    const uint8_t *at;
    size_t left;
    struct arena *arena;
    struct channel *client, *keeper;
    bool closed;
    unsigned asked, answered, logins;
    bool opens[LETTERS + 2], here[LETTERS + 2]; /* by tag: a mailbox, of somebody who is here */
    int file[FILES];
    struct id id;
    uint64_t lease[LEASES];
    uint32_t posts[LEASES];
    size_t leases;
    bool waits; /* for `ended` */
    unsigned runs;
};

static struct scene scene;

static void require(bool ok)
{
    if (!ok)
        abort();
}

/* ---- the input ---- */

static unsigned octet(struct scene *s)
{
    if (!s->left)
        return 0;
    s->left--;
    return *s->at++;
}

static struct span raw(struct scene *s)
{
    size_t n = octet(s);
    struct span out;

    n = n < s->left ? n : s->left;
    out = arena_span(s->arena, (struct span){(const char *)s->at, n});
    s->at += n;
    s->left -= n;
    return out;
}

/* Words that mean something here, else what the input says. */
static struct span word(struct scene *s)
{
    static const char *const words[] = {"ann@here.example",
                                        "kim@here.example",
                                        "team@here.example",
                                        "nobody@here.example",
                                        "postmaster@here.example",
                                        "anybody@wild.example",
                                        "bob",
                                        "bob@elsewhere.example",
                                        "",
                                        "../ann@here.example",
                                        "\"ann@here.example\"@here.example",
                                        "192.0.2.1",
                                        "2001:db8::1",
                                        "secret",
                                        "submission",
                                        "key-1"};
    unsigned n = octet(s);

    return n < COUNT(words) ? span_of(words[n]) : raw(s);
}

static uint64_t amount(struct scene *s)
{
    static const uint64_t amounts[] = {0, 1, 2, 100, 65536, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
    unsigned n = octet(s);

    return n < COUNT(amounts) ? amounts[n] : n * octet(s);
}

/* ---- letters ---- */

static struct content content_of(struct scene *s)
{
    struct content c = {.prefix = word(s), .fd = -1};
    unsigned how = octet(s);

    if (how < FILES) {
        c.fd = s->file[how];
        c.size = amount(s);
    }
    if (c.fd < 0) {
        c.body = raw(s);
        c.size = c.body.len;
    }
    return c;
}

static void fill_accept(struct scene *s, struct letter_accept *l)
{
    struct message *m = &l->message;
    struct envelope *v = &m->envelope;
    unsigned bits;

    if (octet(s) % 4) /* else one that was there before */
        s->id = id_new();
    *v = (struct envelope){.id = s->id, .sender = word(s), .envid = word(s), .ret = (enum dsn_ret)(octet(s) % 3)};
    v->count = octet(s) % RECIPIENTS;
    v->recipients = arena_alloc(s->arena, v->count * sizeof *v->recipients);
    for (size_t i = 0; i < v->count; i++)
        v->recipients[i] = (struct recipient){.address = word(s), .orcpt = word(s), .notify = octet(s)};
    m->origin = (struct origin){.account = word(s), .peer = word(s), .helo = word(s), .door = word(s), .with = word(s)};
    m->content = content_of(s);
    m->arrived = (int64_t)amount(s);
    m->header_size = (uint32_t)amount(s);
    m->once = word(s);
    m->once_digest = amount(s);
    m->once_loose = octet(s) % 2;
    bits = octet(s);
    l->outside = bits % 2;
    l->again = bits / 2 % 2;
}

static void say(struct scene *s, enum letter_kind kind, const void *letter, int fd)
{
    uint64_t tag = kind == LETTER_MAILBOX_CLOSE && octet(s) % 2 ? 0 : s->asked + 1;

    if (!s->closed && channel_send(s->client, kind, tag, letter, fd) && tag)
        s->asked++;
}

static void say_login(struct scene *s, enum letter_kind kind)
{
    struct letter_login l = {.name = word(s), .peer = word(s)};

    if (kind == LETTER_LOGIN)
        l.password = word(s);
    if (kind == LETTER_LOGIN && ++s->logins > LOGINS) /* each takes milliseconds */
        return;
    say(s, kind, &l, -1);
}

static void say_mailbox(struct scene *s, enum letter_kind kind)
{
    struct letter_mailbox_wanted l = {.number = octet(s) % 3, .place = (uint32_t)amount(s)};

    if (kind == LETTER_MAILBOX_OPEN) {
        l.account = word(s);
        s->here[s->asked + 1] = span_is(l.account, "ann@here.example") ||
                                span_is(l.account, "kim@here.example") || span_is(l.account, "bob");
        s->opens[s->asked + 1] = true;
    }
    if (kind == LETTER_MAILBOX_CLOSE)
        l.marked = raw(s);
    say(s, kind, &l, -1);
}

static void say_accept(struct scene *s)
{
    struct letter_accept l = {.outside = false};

    fill_accept(s, &l);
    say(s, LETTER_ACCEPT, &l, l.message.content.fd);
}

static void say_other(struct scene *s, unsigned kind)
{
    struct letter_login_note note = {word(s), word(s), kind % 2};
    struct letter_arrival arrival = {note.peer};
    struct letter_may_send send = {.account = note.name, .sender = word(s), .peer = note.peer, .size = amount(s)};
    struct letter_may_reach reach = {.account = note.name,
                                     .sender = send.sender,
                                     .recipient = word(s),
                                     .peer = note.peer,
                                     .anywhere = octet(s) % 2,
                                     .outside = octet(s) % 2,
                                     .count = (uint32_t)amount(s),
                                     .size = send.size};

    if (kind == 0)
        say(s, LETTER_LOGIN_NOTE, &note, -1);
    else if (kind == 1)
        say(s, LETTER_ARRIVAL, &arrival, -1);
    else if (kind == 2)
        say(s, LETTER_MAY_SEND, &send, -1);
    else if (kind == 3)
        say(s, LETTER_MAY_REACH, &reach, -1);
    else
        say(s, LETTER_FILE_WANTED, &(struct letter_nothing){0}, -1);
}

/* A courier's: of its own lease, of another's, of one that is over. */
static void bring(struct scene *s)
{
    size_t which = octet(s) % LEASES;
    size_t count = octet(s) % 4 ? s->posts[which] : octet(s) % RECIPIENTS;
    struct outcome *all = arena_alloc(s->arena, count * sizeof *all);
    struct job_try one = {.at = (int64_t)amount(s), .host = word(s), .words = word(s)};
    struct job_result r = {.lease = octet(s) % 8 ? s->lease[which] : amount(s),
                           .count = count,
                           .outcomes = all,
                           .try_count = 1,
                           .tries = &one,
                           .untried = octet(s) % 8 == 1};

    for (size_t i = 0; i < count; i++)
        all[i] = (struct outcome){.kind = (enum outcome_kind)(octet(s) % 5),
                                  .status = {(unsigned char)octet(s), 1, 1},
                                  .words = word(s),
                                  .host = word(s),
                                  .held = word(s),
                                  .waits_for_network = octet(s) % 2,
                                  .reply = {.code = (unsigned short)amount(s), .text = word(s), .wait = (uint32_t)amount(s)}};
    queue_settle(s->house->queue, octet(s) % 4 ? COURIER : COURIER + 1, &r);
}

static void say_one(struct scene *s)
{
    static const enum letter_kind logins[] = {LETTER_LOGIN, LETTER_VERIFIER_WANTED};
    static const enum letter_kind mailboxes[] = {LETTER_MAILBOX_OPEN, LETTER_MAILBOX_LIST, LETTER_MAILBOX_READ,
                                                 LETTER_MAILBOX_CLOSE};
    unsigned kind = octet(s) % 16;

    if (kind < 5)
        say_other(s, kind);
    else if (kind < 7)
        say_login(s, logins[kind - 5]);
    else if (kind < 11)
        say_mailbox(s, mailboxes[kind - 7]);
    else if (kind < 14)
        say_accept(s);
    else
        bring(s);
}

/* ---- the two ends ---- */

static void on_answer(void *arg, struct parcel *p)
{
    struct scene *s = arg;

    s->answered++;
    if (p->kind == LETTER_FILE && p->fd >= 0) {
        int *file = &s->file[s->answered % FILES];

        if (*file >= 0)
            close(*file);
        *file = p->fd;
        p->fd = -1;
        require(write(*file, "Subject: x\r\n\r\nhello\r\n", 21) == 21);
    }
    if (p->kind == LETTER_MAILBOX && s->opens[p->tag] && !s->here[p->tag])
        require(((struct letter_mailbox *)p->letter)->result != MAILBOX_GOOD);
    parcel_free(&p);
}

static void on_question(void *arg, struct parcel *p)
{
    clerk_take(*(struct clerk **)arg, p);
}

static void on_closed(void *arg, const char *why)
{
    (void)arg;
    (void)why;
    scene.closed = true;
}

static const struct channel_calls answers = {on_answer, on_closed}, questions = {on_question, on_closed};

static void look(void *arg)
{
    struct scene *s = arg;
    bool busy = !s->closed && s->answered < s->asked;

    if (!busy && !s->waits && commit_load(queue_commit(s->house->queue)) == 0)
        loop_stop(s->loop);
    else
        timer_set(s->timer, 1);
}

static void run(struct scene *s)
{
    int64_t since = clock_now();

    timer_set(s->timer, 0);
    loop_run(s->loop);
    require(clock_now() - since < PATIENCE);
}

/* ---- the house ---- */

static bool carry(void *arg, const struct job *job, unsigned *courier)
{
    struct scene *s = arg;

    s->lease[s->leases % LEASES] = job->lease;
    s->posts[s->leases++ % LEASES] = (uint32_t)job->envelope.count;
    *courier = COURIER;
    return true;
}

static void ended(void *arg, const struct error *e)
{
    require(!e);
    ((struct scene *)arg)->waits = false;
}

static void add_account(struct registry *set, const char *name, uint64_t quota)
{
    static char verifier[SCRAM_TEXT];
    struct scram_verifier v;

    if (!verifier[0]) {
        require(scram_derive(SPAN("secret"), &v, NULL) == 0);
        scram_format(&v, verifier);
    }
    registry_account_put(set, &(struct store_account){.name = span_of(name),
                                                      .verifier = span_of(verifier),
                                                      .host = SPAN("acme"),
                                                      .quota = quota,
                                                      .limits = {.recipients_hour = 20}});
}

static void people(struct scene *s)
{
    struct span targets[] = {SPAN("ann@here.example"), SPAN("kim@here.example"), SPAN("x@far.example")};
    struct registry *set = registry_new(s->house);

    registry_host_put(set, &(struct store_host){.name = SPAN("acme"), .quota = 200000});
    registry_domain_put(set, &(struct store_domain){.name = SPAN("wild.example"), .host = SPAN("acme"),
                                                    .catch_all = SPAN("ann@here.example")});
    registry_alias_put(set, &(struct store_alias){SPAN("team@here.example"), targets, COUNT(targets)});
    add_account(set, "ann@here.example", 20000);
    add_account(set, "kim@here.example", 0);
    add_account(set, "bob", 50000);
    s->waits = true;
    registry_commit(&set, ended, s);
    run(s);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void leave(void)
{
    house_close(&scene.house);
    nftw(scene.path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void enter(struct scene *s)
{
    struct config_notes notes = {0};
    struct error e = {0};
    char conf[400];

    log_open("fuzz", LOG_TO_STDERR, LOG_KEYVALUE, LOG_ERROR);
    snprintf(s->path, sizeof s->path, "%s/fuzz-keeper-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    require(mkdtemp(s->path) != NULL);
    snprintf(conf, sizeof conf,
             "hostname = \"mail.here.example\"\npostmaster = \"postmaster@here.example\"\n"
             "domains = { \"here.example\" }\nstore {\n path = \"%s\"\n}\n",
             s->path);
    require(config_parse(span_of(conf), "conf", &notes, &s->config) == 0);
    config_notes_free(&notes);
    s->loop = loop_new();
    s->timer = timer_new(s->loop, look, s);
    require(house_open(s->loop, s->config, carry, s, &s->house, &e) == 0);
    people(s);
    atexit(leave);
}

/* ---- what must be true ---- */

static void counted(void *arg, const struct quotas_measured *m)
{
    require(!m->error);
    require(m->was_unsure || (m->was_octets == (int64_t)m->octets && m->was_messages == (int64_t)m->messages));
    ((struct scene *)arg)->waits = false;
}

static void summed(void *arg, const struct quotas_mended *m)
{
    require(!m->error && m->count == 0);
    ((struct scene *)arg)->waits = false;
}

/* P12: counting anew finds nothing to correct. */
static void count_all(struct scene *s)
{
    static const char *const names[] = {"ann@here.example", "kim@here.example", "bob"};

    for (size_t i = 0; i < COUNT(names); i++) {
        s->waits = true;
        quotas_measure(s->house->quotas, span_of(names[i]), counted, s);
        run(s);
    }
    s->waits = true;
    quotas_mend(s->house->quotas, SPAN_NONE, summed, s);
    run(s);
}

static void meet(struct scene *s, bool is_command)
{
    struct clerk_rights rights = {.person = SPAN("kim")};
    enum letter_side side = is_command ? SIDE_COMMAND : SIDE_LISTENER;
    struct clerk *clerk = NULL;
    int pair[2];

    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    s->closed = false;
    s->asked = s->answered = s->logins = 0;
    memset(s->opens, 0, sizeof s->opens);
    memset(s->here, 0, sizeof s->here);
    s->client = channel_new(s->loop, pair[0], SIDE_KEEPER, &answers, s);
    s->keeper = channel_new(s->loop, pair[1], side, &questions, &clerk);
    clerk = clerk_new(s->house, s->keeper, is_command ? &rights : NULL, NULL, NULL);
    for (int i = 0; i < LETTERS && s->left; i++) {
        say_one(s);
        if (octet(s) % 2)
            run(s);
    }
    if (octet(s) % 2)
        run(s); /* else it goes while its letters are being answered */
    clerk_free(&clerk);
    channel_free(&s->keeper);
    channel_free(&s->client);
    s->closed = true;
    run(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scene *s = &scene;

    if (!s->loop)
        enter(s);
    s->at = data;
    s->left = size;
    s->arena = arena_new();
    for (int i = 0; i < FILES; i++)
        s->file[i] = -1;
    meet(s, octet(s) % 4 == 0);
    for (int i = 0; i < FILES; i++)
        if (s->file[i] >= 0)
            close(s->file[i]);
    arena_free(&s->arena);
    if (++s->runs % COUNT_EVERY == 0)
        count_all(s);
    return 0;
}
