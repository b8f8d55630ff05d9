/* One transaction. MAIL, the RCPTs and DATA are numbered steps: 0, 1 to count, count + 1. Several
 * of them are said at once where the server offers PIPELINING (RFC 2920), else one by one; the
 * answers are heard in the same order either way. */
#include "base/clock.h"
#include "base/memory.h"
#include "mail/dot.h"
#include "smtp/client_content.h"
#include "smtp/client_steps.h"

#include <errno.h>

/* So many commands are on their way at most: what is unanswered fits the buffers of both sides, so
 * that neither blocks the other (RFC 2920 3.1). */
enum { WINDOW = 64 };

struct transaction {
    struct smtp_client *c;
    const struct envelope *e;
    const struct content *content;
    struct smtp_client_result *out;
    struct arena *a;
    size_t count;      /* recipients of this transaction */
    unsigned has;      /* enum client_content_has bits, where they were looked for */
    bool utf8, chunks; /* SMTPUTF8 is said; BDAT instead of DATA */
    bool mail_ok;      /* MAIL was answered 2xx */
    bool odd;          /* a recipient was taken after MAIL was refused */
    bool go;           /* 354 */
};

/* ---- may it be sent here? ---- */

static bool ascii(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] > 127)
            return false;
    return true;
}

static bool clean(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < ' ' || s.at[i] == 127)
            return false;
    return true;
}

static bool addresses_are(const struct envelope *e, bool (*fit)(struct span s))
{
    if (!fit(e->sender) || !fit(e->envid))
        return false;
    for (size_t i = 0; i < e->count; i++)
        if (!fit(e->recipients[i].address) || !fit(e->recipients[i].orcpt))
            return false;
    return true;
}

static int refuse(struct transaction *x, enum smtp_client_why why, const char *enhanced,
                  const char *words)
{
    struct smtp_client_failure *f = &x->c->failure;

    *f = (struct smtp_client_failure){.stage = STAGE_MAIL, .why = why};
    return error_mail(&f->error, ERROR_PERMANENT, enhanced, OWNER_RECIPIENT, "%s", words);
}

static int unreadable(struct transaction *x, int rc)
{
    struct smtp_client_failure *f = &x->c->failure;

    *f = (struct smtp_client_failure){.stage = STAGE_DATA, .why = CLIENT_CONTENT, .sys = -rc};
    error_sys(&f->error, -rc, "The stored message could not be read");
    f->error.class = ERROR_TEMPORARY;
    f->error.owner = OWNER_PROVIDER;
    return -1;
}

/* SMTPUTF8 was asked for by the sender; whether it is needed shows only here. */
static int check_text(struct transaction *x, unsigned server)
{
    bool utf8 = x->e->need & NEED_UTF8;

    x->utf8 = utf8 && (server & HAS_SMTPUTF8);
    if (utf8 && !x->utf8 && (!addresses_are(x->e, ascii) || (x->has & CONTENT_8BIT_HEADER)))
        return refuse(x, CLIENT_NO_UTF8, "5.6.7",
                      "The message has addresses or header fields with letters beyond ASCII, and "
                      "the recipient's server does not take such mail (SMTPUTF8). Send it from and "
                      "to plain addresses.");
    if ((x->has & CONTENT_8BIT) && !(server & HAS_8BITMIME))
        return refuse(x, CLIENT_NO_8BIT, "5.6.3",
                      "The message has 8-bit content, and the recipient's server takes 7-bit only "
                      "(no 8BITMIME). Send it again encoded as quoted-printable or base64: most "
                      "mail programs have a setting for it.");
    return 0;
}

/* Bare line ends are mended by the dot encoder, so such content goes by DATA in any case (P11). */
static void choose_way(struct transaction *x, unsigned server)
{
    x->out->how = "DATA";
    if (!(server & HAS_CHUNKING) || (x->has & CONTENT_BARE))
        return;
    if (x->has & CONTENT_NUL)
        x->out->how = "BDAT: the content has NUL octets";
    else if (x->has & CONTENT_LONG)
        x->out->how = "BDAT: the content has lines over 998 octets";
    x->chunks = x->has & (CONTENT_NUL | CONTENT_LONG);
}

static int prepare(struct transaction *x)
{
    const struct smtp_client_far *far = &x->c->far;
    bool lacks = ((x->e->need & NEED_8BIT) && !(far->has & HAS_8BITMIME)) ||
                 ((x->e->need & NEED_UTF8) && !(far->has & HAS_SMTPUTF8));
    int rc;

    if (!addresses_are(x->e, clean))
        return refuse(x, CLIENT_BAD_ADDRESS, "5.1.3",
                      "An address of the message holds control characters; it cannot be said in "
                      "SMTP.");
    if ((far->has & HAS_SIZE) && far->size && client_content_size(x->content) > far->size)
        return refuse(x, CLIENT_TOO_BIG, "5.3.4",
                      "The message is bigger than the recipient's server takes. Send it in parts, "
                      "or share the attachment by a link.");
    if (lacks || (far->has & HAS_CHUNKING)) {
        rc = client_content_scan(x->content, &x->has);
        if (rc < 0)
            return unreadable(x, rc);
    }
    choose_way(x, far->has);
    return check_text(x, far->has);
}

/* ---- MAIL, RCPT, DATA ---- */

static const char *ret_word(const struct envelope *e)
{
    static const char *const words[] = {"", " RET=FULL", " RET=HDRS"};

    return words[e->ret];
}

static void say_mail(struct transaction *x)
{
    unsigned server = x->c->far.has;
    struct text line = TEXT_INIT(4096);

    text_addf(&line, "MAIL FROM:<%.*s>", SPAN_ARG(x->e->sender));
    if (server & HAS_SIZE)
        text_addf(&line, " SIZE=%llu", (unsigned long long)client_content_size(x->content));
    if ((server & HAS_8BITMIME) && (x->e->need & (NEED_8BIT | NEED_UTF8)))
        text_adds(&line, " BODY=8BITMIME");
    if (x->utf8)
        text_adds(&line, " SMTPUTF8");
    if (server & HAS_DSN) {
        text_adds(&line, ret_word(x->e));
        if (x->e->envid.len)
            text_addf(&line, " ENVID=%.*s", SPAN_ARG(x->e->envid));
    }
    client_talk_say(x->c, "%s", text_cstr(&line));
    text_free(&line);
}

static void add_notify(struct text *line, unsigned notify)
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = {{NOTIFY_NEVER, "NEVER"},
                 {NOTIFY_SUCCESS, "SUCCESS"},
                 {NOTIFY_FAILURE, "FAILURE"},
                 {NOTIFY_DELAY, "DELAY"}};
    const char *before = " NOTIFY=";

    for (size_t i = 0; i < COUNT(words); i++) {
        if (!(notify & words[i].bit))
            continue;
        text_addf(line, "%s%s", before, words[i].word);
        before = ",";
    }
}

static void say_rcpt(struct transaction *x, const struct recipient *r)
{
    struct text line = TEXT_INIT(4096);

    text_addf(&line, "RCPT TO:<%.*s>", SPAN_ARG(r->address));
    if (x->c->far.has & HAS_DSN) {
        add_notify(&line, r->notify);
        if (r->orcpt.len)
            text_addf(&line, " ORCPT=%.*s", SPAN_ARG(r->orcpt));
    }
    client_talk_say(x->c, "%s", text_cstr(&line));
    text_free(&line);
}

static void say_step(struct transaction *x, size_t step)
{
    if (step == 0)
        say_mail(x);
    else if (step <= x->count)
        say_rcpt(x, &x->e->recipients[step - 1]);
    else
        client_talk_say(x->c, "DATA");
}

static enum stage stage_of(const struct transaction *x, size_t step)
{
    if (step == 0)
        return STAGE_MAIL;
    return step <= x->count ? STAGE_RCPT : STAGE_DATA;
}

static int64_t time_of(const struct transaction *x, size_t step)
{
    const struct smtp_client_times *t = &x->c->s.times;

    if (step == 0)
        return t->mail;
    return step <= x->count ? t->rcpt : t->data;
}

static void take_rcpt(struct transaction *x, size_t step, const struct reply *r)
{
    struct smtp_client_rcpt *to = &x->out->recipients[step - 1];

    if (!x->mail_ok) {
        x->odd |= reply_class(r) == 2;
        return; /* 503 or the like: the answer to MAIL stands for all */
    }
    to->reply = reply_copy(x->a, r);
    to->state = reply_class(r) == 2 ? CLIENT_RCPT_ACCEPTED : CLIENT_RCPT_REFUSED;
    x->out->accepted += reply_class(r) == 2;
}

static int take_data(struct transaction *x, const struct reply *r)
{
    x->go = r->code == 354;
    if (x->go || !x->mail_ok || !x->out->accepted)
        return 0; /* refused as it should be: nobody to send to */
    if (reply_class(r) < 4)
        return client_talk_broken(x->c, STAGE_DATA, "a reply that DATA does not have");
    return client_talk_refused(x->c, STAGE_DATA, r);
}

static int hear_step(struct transaction *x, size_t step)
{
    enum stage stage = stage_of(x, step);
    struct smtp_client *c = x->c;
    struct reply r;

    client_talk_stage(c, time_of(x, step));
    if (client_talk_hear(c, stage, &r) < 0)
        return -1;
    if (r.code == 421)
        return client_talk_refused(c, stage, &r);
    if (stage == STAGE_DATA)
        return take_data(x, &r);
    if (reply_class(&r) == 3)
        return client_talk_broken(c, stage, "a 3xx reply");
    if (stage == STAGE_RCPT) {
        take_rcpt(x, step, &r);
        return 0;
    }
    x->mail_ok = reply_class(&r) == 2;
    return x->mail_ok ? 0 : client_talk_refused(c, stage, &r);
}

/* Says the steps from..until and hears all their answers, for those behind a refused MAIL come
 * too. */
static int window(struct transaction *x, size_t from, size_t until)
{
    struct smtp_client_failure first = {0}; /* what follows a refused MAIL is its echo */
    int rc = 0;

    for (size_t i = from; i < until; i++)
        say_step(x, i);
    client_talk_stage(x->c, time_of(x, from));
    if (client_talk_flush(x->c, stage_of(x, from)) < 0)
        return -1;
    for (size_t i = from; i < until && !x->c->over; i++) {
        if (hear_step(x, i) < 0 && rc == 0) {
            first = x->c->failure;
            rc = -1;
        }
    }
    x->c->failure = first;
    return rc;
}

static int envelope_phase(struct transaction *x)
{
    size_t total = x->count + (x->chunks ? 1 : 2);
    size_t width = x->c->far.has & HAS_PIPELINING ? WINDOW : 1;

    for (size_t from = 0; from < total;) {
        size_t until = total - from < width ? total : from + width;

        if (from > x->count && !x->out->accepted)
            break; /* nobody to say DATA for */
        if (window(x, from, until) < 0)
            return -1;
        from = until;
    }
    return 0;
}

/* ---- the content ---- */

/* The server opened DATA although nobody is to have the message: it gets a lone dot (RFC 2920 3.1).
 * Where it took a recipient after refusing MAIL, not even that: it could be delivered as an empty
 * mail. */
static void close_data(struct transaction *x)
{
    struct smtp_client_failure kept = x->c->failure;
    struct reply r;

    if (!x->go || x->c->over)
        return;
    if (x->out->accepted || x->odd) {
        x->c->over = true;
        return;
    }
    client_talk_stage(x->c, x->c->s.times.dot);
    client_talk_say(x->c, ".");
    client_talk_ask(x->c, STAGE_DOT, &r);
    x->c->failure = kept;
}

static int hear_done(struct transaction *x)
{
    struct smtp_client *c = x->c;
    struct reply r;

    client_talk_stage(c, c->s.times.dot);
    if (client_talk_hear(c, STAGE_DOT, &r) < 0) {
        /* Here, and only here, the server may have the message although we do not know (P4). */
        x->out->maybe_delivered = true;
        return -1;
    }
    if (reply_class(&r) == 3) {
        x->out->maybe_delivered = true;
        return client_talk_broken(c, STAGE_DOT, "a 3xx reply");
    }
    if (reply_class(&r) != 2)
        return client_talk_refused(c, STAGE_DOT, &r);
    c->dirty = false;
    x->out->done = reply_copy(x->a, &r);
    return 0;
}

/* One piece of content onto the wire. The stage is the dot's when the message is whole with it. */
static int put(struct transaction *x, bool last)
{
    client_talk_stage(x->c, x->c->s.times.block);
    x->c->ending = last;
    if (client_talk_flush(x->c, last ? STAGE_DOT : STAGE_DATA) == 0)
        return 0;
    if (last && x->c->failure.why == CLIENT_LOST)
        x->out->maybe_delivered = true;
    return -1;
}

static bool keep(void *arg, struct span bytes)
{
    struct smtp_client *c = arg;

    return text_add(&c->out, bytes);
}

static int write_dotted(struct transaction *x, struct client_content *r)
{
    struct dot_encoder dot;
    struct span piece;
    int rc;

    dot_encoder_init(&dot, keep, x->c);
    while ((rc = client_content_next(r, &piece)) > 0) {
        dot_encode(&dot, piece);
        if (x->c->out.len >= CLIENT_PIECE && put(x, false) < 0)
            return -1;
    }
    if (rc < 0) {
        x->c->over = true; /* no dot: half a message must not look whole */
        return unreadable(x, rc);
    }
    dot_encode_end(&dot);
    return put(x, true);
}

static int write_chunk(struct transaction *x, struct client_content *r)
{
    uint64_t size = client_content_size(x->content);
    struct span piece;
    int rc;

    client_talk_say(x->c, "BDAT %llu LAST", (unsigned long long)size);
    while ((rc = client_content_next(r, &piece)) > 0) {
        text_add(&x->c->out, piece);
        if (put(x, r->at == size) < 0)
            return -1;
    }
    if (rc < 0) {
        x->c->over = true;
        return unreadable(x, rc);
    }
    return x->c->out.len ? put(x, true) : 0;
}

static int content_phase(struct transaction *x)
{
    struct client_content r;
    int rc;

    client_content_init(&r, x->content, CLIENT_PIECE);
    rc = x->chunks ? write_chunk(x, &r) : write_dotted(x, &r);
    client_content_free(&r);
    return rc < 0 ? rc : hear_done(x);
}

/* ---- all of it ---- */

static bool is_421(const struct smtp_client *c)
{
    return c->failure.why == CLIENT_REPLY && c->failure.reply.code == 421;
}

/* A kept connection may have been closed while it was idle: then the answer to MAIL is its end, or
 * the 421 that was said into the silence. */
static bool was_stale(const struct transaction *x)
{
    const struct smtp_client *c = x->c;

    return c->messages > 1 && !x->mail_ok && c->failure.stage == STAGE_MAIL &&
           (c->failure.why == CLIENT_LOST || is_421(c));
}

static int run(struct transaction *x)
{
    struct smtp_client *c = x->c;
    int rc;

    if (prepare(x) < 0)
        return -1;
    c->messages++;
    if (c->dirty && smtp_client_reset(c) < 0)
        return -1;
    c->dirty = true;
    rc = envelope_phase(x);
    if (rc < 0 || !x->out->accepted) {
        close_data(x);
        return rc;
    }
    return content_phase(x);
}

int client_send_run(struct smtp_client *c, const struct envelope *e, const struct content *content,
                    struct arena *a, struct smtp_client_result *out)
{
    struct transaction x = {
        .c = c, .e = e, .content = content, .a = a, .out = out, .count = e->count};
    int rc;

    *out = (struct smtp_client_result){
        .recipients = arena_alloc(a, (e->count + 1) * sizeof *out->recipients), .how = "DATA"};
    if (c->far.rcpt_max && x.count > c->far.rcpt_max)
        x.count = (size_t)c->far.rcpt_max;
    c->failure = (struct smtp_client_failure){0};
    rc = run(&x);
    c->ending = false;
    out->failure = c->failure;
    out->failure.reply = reply_copy(a, &c->failure.reply);
    out->stale = rc < 0 && was_stale(&x);
    return rc;
}
