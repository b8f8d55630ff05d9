#include "cli/sendmail_command.h"

#include "base/memory.h"
#include "cli/author.h"
#include "cli/command.h"
#include "cli/crlf.h"
#include "cli/handover.h"
#include "cli/house_command.h"
#include "cli/queue_command.h"
#include "cli/sendmail_options.h"
#include "cli/sendmail_smtp.h"
#include "mail/address.h"
#include "mail/recipients.h"
#include "mail/utf8.h"
#include "mail/xtext.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static const char words[] = "sendmail";

/* One message on its way from standard input to the house. */
struct delivery {
    const struct sendmail_options *options;
    const struct config *config;
    struct arena *arena;
    struct author self;
    struct handover_author author;
    struct envelope envelope;
    struct recipients recipients;
    struct handover_way way;
    struct handover handover;
    struct crlf crlf;
    struct text head; /* with -t: the header as it came, Bcc included */
};

static int refused(int status, struct span to, const struct reply *r)
{
    struct text t = TEXT_INIT(REPLY_TEXT_MAX);

    for (size_t i = 0; i < r->text.len; i++)
        text_addc(&t, r->text.at[i] == '\n' ? ' ' : r->text.at[i]);
    command_error(words, status, "%.*s%s%s", SPAN_ARG(to), to.len ? ": " : "", text_cstr(&t));
    text_free(&t);
    return status;
}

static int nothing_sent(int status)
{
    return command_error(words, status, "the message was not sent");
}

/* ---- the envelope ---- */

static int read_sender(struct delivery *d)
{
    const struct sendmail_options *o = d->options;
    struct error e = {0};

    d->envelope.sender = d->self.address;
    d->author.name = span_of(o->name);
    if (!o->sender) {
        d->author.address = d->self.address;
        if (!o->name)
            d->author.name = d->self.name;
        return EX_OK;
    }
    if (recipients_sender(span_of(o->sender), span_of(d->config->hostname), d->arena,
                          &d->envelope.sender, &e) < 0)
        return command_error(words, EX_DATAERR, "the sender %s", e.words);
    d->author.address = d->envelope.sender.len ? d->envelope.sender : d->self.address;
    return EX_OK;
}

static int read_recipients(struct delivery *d, int argc, const char **argv)
{
    struct error e = {0};

    for (int i = d->options->first; i < argc; i++)
        if (recipients_list(&d->recipients, span_of(argv[i]), &e) < 0)
            return command_error(words, EX_DATAERR, "%s", e.words);
    if (d->recipients.count || d->options->header_recipients)
        return EX_OK;
    return command_error(words, EX_USAGE,
                         "no recipients: name them behind the options, or use -t to take them from "
                         "the message's To, Cc and Bcc");
}

static void fill_options(struct delivery *d)
{
    const struct sendmail_options *o = d->options;
    struct text envid = TEXT_INIT(400);

    d->envelope.id = id_new();
    d->envelope.ret = o->ret;
    if (o->envid && xtext_encode(span_of(o->envid), &envid))
        d->envelope.envid = arena_span(d->arena, text_span(&envid));
    text_free(&envid);
}

/* What is known only when the message is there. */
static int fill_recipients(struct delivery *d)
{
    struct recipients *r = &d->recipients;
    struct error e = {0};

    if (d->options->header_recipients && recipients_header(r, text_span(&d->head), &e) < 0)
        return command_error(words, EX_DATAERR, "%s", e.words);
    if (!r->count)
        return command_error(words, EX_DATAERR,
                             "no recipients: the message has none in To, Cc and Bcc");
    d->envelope.recipients = arena_alloc(d->arena, r->count * sizeof *d->envelope.recipients);
    for (size_t i = 0; i < r->count; i++)
        d->envelope.recipients[i] =
            (struct recipient){.address = r->at[i], .notify = d->options->notify};
    d->envelope.count = r->count;
    if (r->utf8 || utf8_high(d->envelope.sender))
        d->envelope.need |= NEED_UTF8;
    if (d->options->body == BODY_8BITMIME || d->crlf.eight_bit)
        d->envelope.need |= NEED_8BIT;
    return EX_OK;
}

/* ---- the text ---- */

static bool take(void *arg, struct span bytes)
{
    struct delivery *d = arg;

    if (d->options->header_recipients && !d->handover.body.header.ended &&
        d->head.len <= RECIPIENTS_HEADER_MAX)
        text_add(&d->head, bytes);
    return handover_add(&d->handover, bytes) == 0;
}

static int read_text(struct delivery *d)
{
    char buf[65536];
    bool more = true;

    while (more) {
        ssize_t n = read(STDIN_FILENO, buf, sizeof buf);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return command_error(words, EX_NOINPUT, "standard input cannot be read: %s",
                                 strerror(errno));
        more = n > 0 && crlf_feed(&d->crlf, (struct span){buf, (size_t)n});
    }
    crlf_finish(&d->crlf);
    if (d->options->header_recipients && d->head.len > RECIPIENTS_HEADER_MAX &&
        d->handover.body.header.size > RECIPIENTS_HEADER_MAX)
        return command_error(words, EX_DATAERR,
                             "the message's header is over 1 MiB: too long to look for recipients");
    return EX_OK;
}

/* All are asked about before anything is handed over, so that one that does not exist is told to
 * whoever can still correct it, and nobody gets the message twice. */
static int ask_about_all(struct delivery *d)
{
    int status = EX_OK;

    for (size_t i = 0; i < d->envelope.count; i++) {
        struct span to = d->envelope.recipients[i].address;
        struct reply r = handover_may_reach(&d->way, to, d->arena);

        if (reply_class(&r) == 2)
            continue;
        status = handover_status(&r);
        if (status == EX_TEMPFAIL)
            return refused(status, SPAN_NONE, &r);
        refused(status, to, &r);
    }
    return status;
}

static int hand_over(struct delivery *d)
{
    struct reply r;
    int status;

    if (!d->crlf.refused) {
        status = fill_recipients(d);
        if (status == EX_OK)
            status = ask_about_all(d);
        if (status != EX_OK)
            return nothing_sent(status);
    }
    r = handover_finish(&d->handover, &d->envelope, &d->author);
    status = handover_status(&r);
    if (status == EX_OK)
        return status;
    refused(status, SPAN_NONE, &r);
    return nothing_sent(status);
}

static int work(struct delivery *d, int argc, const char **argv)
{
    int status = read_sender(d);

    if (status == EX_OK)
        status = read_recipients(d, argc, argv);
    if (status != EX_OK)
        return nothing_sent(status);
    fill_options(d);
    handover_open(&d->handover, &d->way, d->arena);
    status = read_text(d);
    return status == EX_OK ? hand_over(d) : nothing_sent(status);
}

static int deliver(const struct sendmail_options *o, const struct config *c, int argc,
                   const char **argv)
{
    struct delivery *d = memory_alloc(sizeof *d);
    int status;

    d->options = o;
    d->config = c;
    d->arena = arena_new();
    d->way.config = c;
    text_init(&d->head, RECIPIENTS_HEADER_MAX + CRLF_PIECE + 1);
    recipients_init(&d->recipients, d->arena, author_domain(c));
    crlf_init(&d->crlf, o->ignore_dots ? CRLF_MBOX : CRLF_MBOX | CRLF_DOT_ENDS, take, d);
    author_self(c, d->arena, &d->self);
    status = work(d, argc, argv);
    handover_close(&d->handover);
    handover_leave(&d->way);
    recipients_free(&d->recipients);
    text_free(&d->head);
    arena_free(&d->arena);
    free(d);
    return status;
}

/* ---- the other modes ---- */

static int list_queue(const char *file)
{
    const char *argv[] = {"queue ls", "--config", file};

    return queue_command_ls(file ? 3 : 1, argv);
}

static int retry_all(const char *file)
{
    struct house_question q = {
        .words = words, .file = file, .command = house_command_new("queue retry")};

    json_object_set_new(q.command, "all", json_true());
    return house_command_ask(&q);
}

static int tell_aliases(void)
{
    puts(
        "There is no table of aliases to make: an account's further addresses are given by 'port26 "
        "account add NAME --alias ADDRESS'.");
    return EX_OK;
}

/* Programs start us in odd ways. Were 0, 1 or 2 not open, the next file would become what all take
 * for a standard stream. */
static int check_descriptors(void)
{
    bool no_input = fcntl(STDIN_FILENO, F_GETFD) < 0;

    while (true) {
        int fd = open("/dev/null", O_RDWR);

        if (fd > STDERR_FILENO)
            close(fd);
        if (fd < 0 || fd > STDERR_FILENO)
            break;
    }
    return no_input ? EX_NOINPUT : EX_OK;
}

/* Nobody may make a program with more rights than his own read a file of his. */
static const char *config_file(const struct sendmail_options *o)
{
    return getauxval(AT_SECURE) ? NULL : o->config;
}

static int deliver_or_speak(const struct sendmail_options *o, const char *file, int argc,
                            const char **argv)
{
    struct config *c = NULL;
    int status = command_config(words, file, &c);

    if (status == EX_OK)
        status = o->mode == SENDMAIL_SMTP ? sendmail_smtp_run(c) : deliver(o, c, argc, argv);
    config_free(&c);
    return status;
}

static int by_mode(const struct sendmail_options *o, bool no_input, int argc, const char **argv)
{
    const char *file = config_file(o);

    switch (o->mode) {
    case SENDMAIL_HELP:
        sendmail_options_help(stdout);
        return EX_OK;
    case SENDMAIL_ALIASES:
        return tell_aliases();
    case SENDMAIL_LIST:
        return list_queue(file);
    case SENDMAIL_RETRY:
        return retry_all(file);
    case SENDMAIL_DELIVER:
    case SENDMAIL_SMTP:
        break;
    }
    if (no_input)
        return command_error(words, EX_NOINPUT,
                             "standard input is closed: the message is read from there");
    return deliver_or_speak(o, file, argc, argv);
}

int sendmail_command_run(int argc, const char **argv)
{
    bool no_input = check_descriptors() != EX_OK;
    struct sendmail_options o;
    struct error e = {0};

    signal(SIGPIPE, SIG_IGN);
    if (sendmail_options_read(argc, argv, &o, &e) < 0)
        return command_error(words, EX_USAGE, "%s", e.words);
    return by_mode(&o, no_input, argc, argv);
}

int sendmail_command_newaliases(int argc, const char **argv)
{
    (void)argc;
    (void)argv;
    return tell_aliases();
}
