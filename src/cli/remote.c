#include "cli/remote.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/fiber.h"
#include "io/jail.h"
#include "post/channel.h"
#include "serve/control.h"
#include "serve/policy.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE = 5 * 60 * 1000 };

struct remote {
    const struct config *config;
    struct loop *loop;
    struct channel *channel; /* to the daemon, or NULL */
    struct control control;  /* our own house, when there is no daemon */
    char person[64];
    bool guest; /* the loop is the caller's */
};

static void on_parcel(void *arg, struct parcel *p)
{
    (void)arg;
    parcel_free(&p);
}

static void on_closed(void *arg, const char *why)
{
    (void)arg;
    (void)why; /* whoever asks is woken without an answer */
}

static const struct channel_calls channel_calls = {on_parcel, on_closed};

/* Runs fn(arg) on a fiber, this one or a new one, and returns when it is done. */
struct run {
    void (*fn)(void *arg);
    void *arg;
    struct loop *loop;
};

static void run_body(void *arg)
{
    struct run *r = arg;

    r->fn(r->arg);
    loop_stop(r->loop);
}

static void run_on_fiber(struct remote *r, void (*fn)(void *arg), void *arg)
{
    struct run run = {fn, arg, r->loop};

    if (fiber_self()) {
        fn(arg);
        return;
    }
    fiber_start(r->loop, run_body, &run);
    loop_run(r->loop);
}

static int connect_daemon(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd;

    if (!span_cstr(span_of(path), un.sun_path, sizeof un.sun_path))
        return -ENAMETOOLONG;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof un) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -errno;
}

/* The store's files must stay the daemon's: as root we become its user before we touch them. */
static int open_house(struct remote *r, int why, struct error *e)
{
    struct error inner = {0};

    if (why == EACCES && geteuid() != 0)
        return error_set(e, ERROR_TEMPORARY,
                         "the server's socket %s can not be reached (%s): the folder it is in must "
                         "let you through; its administrator can `chmod o+x` that folder",
                         r->config->control, strerror(why));
    umask(077); /* what the store makes is nobody else's to read */
    if (geteuid() == 0 && jail_user(r->config->user, &inner) < 0)
        return error_set(e, ERROR_INPUT, "no daemon answers at %s (%s), and %s", r->config->control,
                         strerror(why), inner.words);
    if (house_open(r->loop, r->config, NULL, NULL, &r->control.house, &inner) < 0)
        return error_set(e, inner.class,
                         "no daemon answers at %s (%s), and the store %s can not be opened: %s",
                         r->config->control, strerror(why), r->config->store.path, inner.words);
    return 0;
}

int remote_open_on(const struct config *config, struct loop *loop, struct remote **out,
                   struct error *e)
{
    struct remote *r = memory_alloc(sizeof *r);
    struct passwd *pw = getpwuid(getuid());
    int fd = connect_daemon(config->control);

    r->config = config;
    r->guest = loop != NULL;
    r->loop = loop ? loop : loop_new();
    strncpy(r->person, pw ? pw->pw_name : "unknown", sizeof r->person - 1);
    if (fd >= 0)
        r->channel = channel_new(r->loop, fd, SIDE_KEEPER, &channel_calls, r);
    else if (open_house(r, -fd, e) < 0)
        remote_close(&r);
    *out = r;
    return r ? 0 : -1;
}

int remote_open(const struct config *config, struct remote **out, struct error *e)
{
    return remote_open_on(config, NULL, out, e);
}

void remote_close(struct remote **r)
{
    if (!*r)
        return;
    channel_free(&(*r)->channel);
    house_close(&(*r)->control.house);
    if (!(*r)->guest)
        loop_free(&(*r)->loop);
    free(*r);
    *r = NULL;
}

bool remote_daemon(const struct remote *r)
{
    return r->channel != NULL;
}

struct call {
    struct remote *remote;
    enum letter_kind kind;
    const void *letter;
    int fd;
    struct parcel *answer;
    struct text text; /* the local house's */
};

static void call_daemon(void *arg)
{
    struct call *c = arg;

    c->answer = channel_ask(c->remote->channel, c->kind, c->letter, c->fd, clock_now() + PATIENCE);
}

static void call_house(void *arg)
{
    struct call *c = arg;
    struct clerk_rights rights = {.admin = true, .person = span_of(c->remote->person)};

    control_run(&c->remote->control, ((const struct letter_text *)c->letter)->text, &rights,
                &c->text);
}

static int no_answer(struct error *e)
{
    return error_set(e, ERROR_TEMPORARY,
                     "the daemon gave no answer; is it stopping? Its log tells");
}

static int understand(struct span text, json_t **answer, struct error *e)
{
    json_t *o = json_loadb(text.at ? text.at : "", text.len, 0, NULL);

    *answer = NULL;
    if (!o)
        return error_set(e, ERROR_TEMPORARY,
                         "the daemon's answer is no JSON; are both of one version?");
    if (!json_is_true(json_object_get(o, "ok"))) {
        error_set(e, ERROR_INPUT, "%s", json_string_value(json_object_get(o, "error")));
        json_decref(o);
        return -1;
    }
    *answer = o;
    return 0;
}

int remote_command(struct remote *r, json_t *command, json_t **answer, struct error *e)
{
    char *dumped = json_dumps(command, JSON_COMPACT);
    struct letter_text letter = {span_of(dumped)};
    struct call c = {.remote = r,
                     .kind = LETTER_COMMAND,
                     .letter = &letter,
                     .fd = -1,
                     .text = TEXT_INIT(LETTER_MAX)};
    int result;

    run_on_fiber(r, r->channel ? call_daemon : call_house, &c);
    if (!r->channel)
        result = understand(text_span(&c.text), answer, e);
    else if (c.answer && c.answer->kind == LETTER_COMMAND_ANSWER)
        result = understand(((struct letter_text *)c.answer->letter)->text, answer, e);
    else
        result = no_answer(e);
    parcel_free(&c.answer);
    text_free(&c.text);
    memory_wipe(dumped, strlen(dumped)); /* it may hold a password */
    free(dumped);
    return result;
}

/* ---- messages ---- */

static int take_reply(struct call *c, struct arena *a, struct reply *out, struct error *e)
{
    int result = 0;

    if (c->answer && c->answer->kind == LETTER_ANSWER)
        *out = reply_copy(a, &((struct letter_answer *)c->answer->letter)->reply);
    else
        result = no_answer(e);
    parcel_free(&c->answer);
    return result;
}

struct handing {
    struct remote *remote;
    const struct message *message;
    struct arena *arena;
    struct reply *out;
    struct fiber *fiber;
    bool done;
};

static void accepted(void *arg, const struct reply *r)
{
    struct handing *h = arg;

    *h->out = reply_copy(h->arena, r);
    h->done = true;
    fiber_wake(h->fiber);
}

static void accept_here(void *arg)
{
    struct handing *h = arg;

    h->fiber = fiber_self();
    queue_accept(h->remote->control.house->queue, h->message, accepted, h);
    while (!h->done)
        fiber_wait(CLOCK_NEVER);
}

int remote_may_reach(struct remote *r, struct span recipient, struct arena *a, struct reply *out,
                     struct error *e)
{
    struct letter_may_reach letter = {.recipient = recipient, .anywhere = true};
    struct call c = {.remote = r, .kind = LETTER_MAY_REACH, .letter = &letter, .fd = -1};

    if (!r->channel) {
        *out = policy_may_reach(r->control.house, &letter, a);
        return 0;
    }
    run_on_fiber(r, call_daemon, &c);
    return take_reply(&c, a, out, e);
}

int remote_accept(struct remote *r, struct message *m, struct arena *a, struct reply *out,
                  struct error *e)
{
    struct letter_accept letter = {.message = *m};
    struct call c = {.remote = r, .kind = LETTER_ACCEPT, .letter = &letter, .fd = m->content.fd};

    if (!r->channel) {
        m->origin = (struct origin){.account = span_of(r->person), .with = SPAN("local")};
        run_on_fiber(r, accept_here,
                     &(struct handing){.remote = r, .message = m, .arena = a, .out = out});
        return 0;
    }
    run_on_fiber(r, call_daemon, &c);
    return take_reply(&c, a, out, e);
}

int remote_body_file(struct remote *r, struct error *e)
{
    struct letter_nothing nothing = {0};
    struct call c = {.remote = r, .kind = LETTER_FILE_WANTED, .letter = &nothing, .fd = -1};
    int fd = -1;

    if (!r->channel)
        return queue_body_file(r->control.house->queue, e);
    run_on_fiber(r, call_daemon, &c);
    if (c.answer && c.answer->kind == LETTER_FILE) {
        fd = c.answer->fd;
        c.answer->fd = -1;
        if (fd < 0)
            error_set(e, ERROR_TEMPORARY, "%.*s",
                      SPAN_ARG(((struct letter_answer *)c.answer->letter)->reply.text));
    } else {
        no_answer(e);
    }
    parcel_free(&c.answer);
    return fd;
}
