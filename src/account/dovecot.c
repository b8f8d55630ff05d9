#include "account/dovecot.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/fiber.h"
#include "io/stream.h"
#include "sasl/base64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    QUESTION = 1, /* the only one on its connection */
    ANSWER_MAX = 65536,
    REQUEST_MAX = 16384,
};

struct dovecot {
    struct loop *loop;
    char *path;
    unsigned asks, serial;
    struct map *absent; /* names nobody has -> struct absent */
    bool failing;       /* told in the log; once for each time it begins */
    bool leaving;       /* freed when the last question is answered */
};

struct absent {
    int64_t until;
};

struct question {
    struct dovecot *dovecot;
    char *name, *password, *peer; /* no password: does the name exist? */
    dovecot_done_fn *done;
    void *arg;
};

/* ---- lines ---- */

static enum dovecot_reply refusal(struct span rest)
{
    struct span word;

    while (span_cut(&rest, '\t', &word))
        if (span_is(word, "temp") || span_is(word, "code=temp_fail"))
            return DOVECOT_REPLY_LATER;
    return DOVECOT_REPLY_NO;
}

static enum dovecot_reply grant(struct span rest, struct span *user)
{
    struct span word;

    while (span_cut(&rest, '\t', &word)) {
        if (span_starts(word, SPAN("user=")) && word.len > 5) {
            *user = span_from(word, 5);
            return DOVECOT_REPLY_YES;
        }
    }
    return DOVECOT_REPLY_ALIEN;
}

enum dovecot_reply dovecot_line(struct span line, unsigned id, struct span *user)
{
    struct span rest = line, word = SPAN_NONE, number = SPAN_NONE;
    bool yes, no;
    uint64_t n;

    *user = SPAN_NONE;
    span_cut(&rest, '\t', &word);
    if (rest.at)
        span_cut(&rest, '\t', &number);
    if (span_is(word, "VERSION"))
        return span_is(number, "1") ? DOVECOT_REPLY_NONE : DOVECOT_REPLY_ALIEN;
    yes = span_is(word, "OK");
    no = span_is(word, "FAIL");
    if (!yes && !no && !span_is(word, "CONT"))
        return DOVECOT_REPLY_NONE;
    if (!span_u64(number, UINT32_MAX, &n) || n != id)
        return DOVECOT_REPLY_ALIEN;
    return yes ? grant(rest, user) : no ? refusal(rest) : DOVECOT_REPLY_ALIEN;
}

enum dovecot_reply dovecot_user_line(struct span line, unsigned id, struct span *user)
{
    static const struct {
        const char *word;
        enum dovecot_reply reply;
    } rows[] = {
        {"USER", DOVECOT_REPLY_YES}, {"NOTFOUND", DOVECOT_REPLY_NO}, {"FAIL", DOVECOT_REPLY_LATER}};
    struct span rest = line, word = SPAN_NONE, number = SPAN_NONE;
    uint64_t n;

    *user = SPAN_NONE;
    span_cut(&rest, '\t', &word);
    if (rest.at)
        span_cut(&rest, '\t', &number);
    if (span_is(word, "VERSION"))
        return span_is(number, "1") ? DOVECOT_REPLY_NONE : DOVECOT_REPLY_ALIEN;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!span_is(word, rows[i].word))
            continue;
        if (!span_u64(number, UINT32_MAX, &n) || n != id)
            return DOVECOT_REPLY_ALIEN;
        if (rows[i].reply == DOVECOT_REPLY_YES && rest.at)
            span_cut(&rest, '\t', user);
        return rows[i].reply == DOVECOT_REPLY_YES && !user->len ? DOVECOT_REPLY_ALIEN
                                                                : rows[i].reply;
    }
    return DOVECOT_REPLY_NONE;
}

/* ---- one question: a fiber ---- */

static struct stream *reach(const struct dovecot *d)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd;

    if (!span_cstr(span_of(d->path), to.sun_path, sizeof to.sun_path)) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) { /* local: at once, or not at all */
        int why = errno;

        close(fd);
        errno = why;
        return NULL;
    }
    return stream_socket(d->loop, fd);
}

/* Dovecot tells its clients apart by a number, which only has to be a different one each time. */
static bool ask(struct question *q, struct stream *s)
{
    struct text plain = TEXT_INIT(REQUEST_MAX), out = TEXT_INIT(REQUEST_MAX);
    unsigned number = (unsigned)getpid() << 10 ^ ++q->dovecot->serial;
    bool good;

    text_room(&plain, strlen(q->name) + strlen(q->password) + 2);
    text_addc(&plain, '\0');
    text_adds(&plain, q->name);
    text_addc(&plain, '\0');
    text_adds(&plain, q->password);
    text_room(&out, 2 * plain.len + 512);
    text_addf(&out, "VERSION\t1\t2\nCPID\t%u\nAUTH\t%d\tPLAIN\tservice=smtp\tsecured\tnologin",
              number, QUESTION);
    if (*q->peer)
        text_addf(&out, "\trip=%s", q->peer);
    text_adds(&out, "\tresp=");
    base64_encode(text_span(&plain), &out);
    text_addc(&out, '\n');
    good = !plain.full && !out.full && stream_write(s, text_span(&out)) == 0;
    text_wipe(&plain);
    text_wipe(&out);
    return good;
}

static bool ask_user(const struct question *q, struct stream *s)
{
    struct text out = TEXT_INIT(REQUEST_MAX);
    bool good;

    text_addf(&out, "VERSION\t1\t0\nUSER\t%d\t%s\tservice=smtp\n", QUESTION, q->name);
    good = !out.full && stream_write(s, text_span(&out)) == 0;
    text_free(&out);
    return good;
}

static enum dovecot_reply take_lines(const struct question *q, struct text *in, struct text *user)
{
    enum dovecot_reply r = DOVECOT_REPLY_NONE;
    ptrdiff_t end;

    while (r == DOVECOT_REPLY_NONE && (end = span_find(text_span(in), '\n')) >= 0) {
        struct span name;

        r = (q->password ? dovecot_line : dovecot_user_line)(span_head(text_span(in), (size_t)end),
                                                             QUESTION, &name);
        text_add(user, name);
        text_drop(in, (size_t)end + 1);
    }
    return r;
}

/* Until the answer comes, or the stream ends. */
static enum dovecot_reply hear(const struct question *q, struct stream *s, struct text *user)
{
    struct text in = TEXT_INIT(ANSWER_MAX);
    enum dovecot_reply r = DOVECOT_REPLY_NONE;
    char buf[2048];
    ssize_t n = 1;

    while (r == DOVECOT_REPLY_NONE && n > 0 && !in.full) {
        n = stream_read(s, buf, sizeof buf);
        if (n > 0)
            text_add(&in, (struct span){buf, (size_t)n});
        r = take_lines(q, &in, user);
    }
    text_free(&in);
    return r;
}

static void tell(struct dovecot *d, const char *why)
{
    if (why && !d->failing)
        log_event(LOG_ERROR, "dovecot.failed", LOG_STR("socket", d->path), LOG_STR("why", why));
    else if (!why && d->failing)
        log_event(LOG_NOTICE, "dovecot.works", LOG_STR("socket", d->path));
    d->failing = why != NULL;
}

static enum dovecot_verdict question(struct question *q, struct text *user)
{
    struct stream *s = reach(q->dovecot);
    enum dovecot_reply r = DOVECOT_REPLY_NONE;

    if (!s) {
        tell(q->dovecot, strerror(errno));
        return DOVECOT_NOT_NOW;
    }
    stream_deadline(s, clock_now() + DOVECOT_TIME);
    if (q->password ? ask(q, s) : ask_user(q, s))
        r = hear(q, s, user);
    stream_abort(&s);
    tell(q->dovecot, r == DOVECOT_REPLY_NONE    ? "it gives no answer"
                     : r == DOVECOT_REPLY_ALIEN ? "it speaks another protocol"
                                                : NULL);
    return r == DOVECOT_REPLY_YES  ? DOVECOT_YES
           : r == DOVECOT_REPLY_NO ? DOVECOT_NO
                                   : DOVECOT_NOT_NOW;
}

static void free_question(struct question *q)
{
    if (q->password)
        memory_wipe(q->password, strlen(q->password));
    free(q->password);
    free(q->name);
    free(q->peer);
    free(q);
}

static void free_absent(struct span name, void *value, void *arg)
{
    (void)name;
    (void)arg;
    free(value);
}

static void forget_absent(struct dovecot *d)
{
    map_each(d->absent, free_absent, NULL);
    map_free(&d->absent);
}

/* Strangers guess names: Dovecot hears the same one once a minute. */
static void note_absent(struct dovecot *d, struct span name)
{
    struct absent *a = map_get(d->absent, name);

    if (!a) {
        if (map_count(d->absent) >= DOVECOT_KNOWN_MAX) {
            forget_absent(d);
            d->absent = map_new();
        }
        a = memory_alloc(sizeof *a);
        map_put(d->absent, name, a);
    }
    a->until = clock_now() + DOVECOT_KNOWN_NOT;
}

static bool is_absent(const struct dovecot *d, struct span name)
{
    const struct absent *a = map_get(d->absent, name);

    return a && clock_now() < a->until;
}

static void release(struct dovecot *d)
{
    if (d->asks || !d->leaving)
        return;
    forget_absent(d);
    free(d->path);
    free(d);
}

static void run(void *arg)
{
    struct question *q = arg;
    struct dovecot *d = q->dovecot;
    struct text user = TEXT_INIT(1024);
    enum dovecot_verdict v = question(q, &user);

    if (v == DOVECOT_NO && !q->password)
        note_absent(d, span_of(q->name));
    q->done(q->arg, v, text_span(&user));
    text_free(&user);
    free_question(q);
    d->asks--;
    release(d);
}

struct dovecot *dovecot_new(struct loop *l, const char *path)
{
    struct dovecot *d = memory_alloc(sizeof *d);

    d->loop = l;
    d->path = memory_dup(path);
    d->absent = map_new();
    return d;
}

void dovecot_free(struct dovecot **d)
{
    if (!*d)
        return;
    (*d)->leaving = true;
    release(*d);
    *d = NULL;
}

static void begin(struct dovecot *d, const struct question *asked)
{
    struct question *q = memory_alloc(sizeof *q);

    *q = *asked;
    d->asks++;
    fiber_start(d->loop, run, q);
}

void dovecot_check(struct dovecot *d, struct span name, struct span password, struct span peer,
                   dovecot_done_fn *done, void *arg)
{
    if (d->asks >= DOVECOT_ASKS)
        done(arg, DOVECOT_NOT_NOW, SPAN_NONE);
    else if (span_find(name, '\0') >= 0 || span_find(password, '\0') >= 0)
        done(arg, DOVECOT_NO, SPAN_NONE);
    else
        begin(d, &(struct question){.dovecot = d,
                                    .name = span_dup(name),
                                    .password = span_dup(password),
                                    .peer = span_dup(peer),
                                    .done = done,
                                    .arg = arg});
}

static bool one_word(struct span name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.at[i] <= ' ')
            return false;
    return name.len > 0;
}

void dovecot_exists(struct dovecot *d, struct span name, dovecot_done_fn *done, void *arg)
{
    if (!one_word(name) || is_absent(d, name))
        done(arg, DOVECOT_NO, SPAN_NONE);
    else if (d->asks >= DOVECOT_ASKS)
        done(arg, DOVECOT_NOT_NOW, SPAN_NONE);
    else
        begin(d,
              &(struct question){.dovecot = d, .name = span_dup(name), .done = done, .arg = arg});
}
