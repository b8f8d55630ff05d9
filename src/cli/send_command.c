#include "cli/send_command.h"

#include "base/memory.h"
#include "cli/author.h"
#include "cli/command.h"
#include "cli/crlf.h"
#include "cli/handover.h"
#include "mail/encoded.h"
#include "mail/quoted.h"
#include "mail/recipients.h"
#include "mail/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char words[] = "send";

enum {
    LINE_MAX_TEXT = 65536, /* longer ones are cut into pieces; the reader sees one line */
    PIECE_OF_LINE = 24,    /* stays within a line of quoted-printable, with its "=" */
    HEAD_MAX = 4 << 20,
};

struct sending {
    const struct config *config;
    char *file, *from, *subject; /* options */
    char **to;
    int raw, json;
    const char *path;
    struct arena *arena;
    struct author self;
    struct recipients recipients;
    struct envelope envelope;
    struct handover_way way;
    struct handover handover;
    struct crlf crlf;
    struct text line; /* of the text, until it is whole */
    struct text head; /* with --raw and no --to: the header as it came */
};

/* ---- a text becomes a message ---- */

static bool give(struct sending *s, struct text *t)
{
    bool ok = handover_add(&s->handover, text_span(t)) == 0;

    text_clear(t);
    return ok;
}

static bool write_head(struct sending *s)
{
    struct text head = TEXT_INIT(HEAD_MAX);
    bool ok = true;

    encoded_mailbox("From", span_eq(s->envelope.sender, s->self.address) ? s->self.name : SPAN_NONE,
                    s->envelope.sender, &head);
    text_adds(&head, "To: ");
    for (size_t i = 0; i < s->recipients.count; i++)
        text_addf(&head, "%s<%.*s>", i ? ",\r\n " : "", SPAN_ARG(s->recipients.at[i]));
    text_adds(&head, "\r\n");
    if (s->subject)
        encoded_field("Subject", span_of(s->subject), &head);
    text_adds(&head, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    ok = !head.full && give(s, &head);
    text_free(&head);
    return ok;
}

static bool write_line(struct sending *s, bool whole)
{
    struct text out = TEXT_INIT((size_t)8 * LINE_MAX_TEXT);
    struct span rest = text_span(&s->line);
    bool ok;

    if (whole) {
        quoted_printable(rest, &out);
    } else {
        for (; rest.len; rest = span_from(rest, PIECE_OF_LINE)) {
            quoted_printable(span_head(rest, PIECE_OF_LINE), &out);
            out.len -= 2; /* its CR LF */
            text_adds(&out, "=\r\n");
        }
    }
    ok = give(s, &out);
    text_free(&out);
    text_clear(&s->line);
    return ok;
}

/* Bytes with CR LF; quoted_printable wants whole lines. */
static bool take_text(struct sending *s, struct span bytes)
{
    while (bytes.len) {
        ptrdiff_t end = span_find(bytes, '\n');
        size_t room = LINE_MAX_TEXT - s->line.len;
        size_t n = end < 0 ? bytes.len : (size_t)end + 1;
        bool whole = end >= 0 && n <= room;

        n = n < room ? n : room;
        text_add(&s->line, span_head(bytes, n));
        bytes = span_from(bytes, n);
        if ((whole || s->line.len == LINE_MAX_TEXT) && !write_line(s, whole))
            return false;
    }
    return true;
}

static bool take_raw(struct sending *s, struct span bytes)
{
    if (!s->to && !s->handover.body.header.ended && s->head.len <= RECIPIENTS_HEADER_MAX)
        text_add(&s->head, bytes);
    return handover_add(&s->handover, bytes) == 0;
}

static bool take(void *arg, struct span bytes)
{
    struct sending *s = arg;

    return s->raw ? take_raw(s, bytes) : take_text(s, bytes);
}

/* ---- steps ---- */

static int read_envelope(struct sending *s)
{
    struct error e = {0};

    s->envelope.id = id_new();
    s->envelope.sender = s->self.address;
    if (s->from && recipients_sender(span_of(s->from), span_of(s->config->hostname), s->arena,
                                     &s->envelope.sender, &e) < 0)
        return command_error(words, EX_DATAERR, "--from %s", e.words);
    for (char **to = s->to; to && *to; to++)
        if (recipients_list(&s->recipients, span_of(*to), &e) < 0)
            return command_error(words, EX_DATAERR, "--to %s", e.words);
    if (!s->recipients.count && (s->to || !s->raw))
        return command_error(words, EX_USAGE, "to whom? Give --to ADDRESS");
    if (!s->raw && !s->envelope.sender.len)
        return command_error(words, EX_DATAERR, "a text needs a sender: --from ADDRESS");
    return EX_OK;
}

static int read_file(struct sending *s)
{
    char buf[65536];
    bool here = !s->path || strcmp(s->path, "-") == 0, more = true;
    int fd = here ? STDIN_FILENO : open(s->path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;
    int sys;

    if (fd < 0)
        return command_error(words, EX_NOINPUT, "%s: %s", s->path, strerror(errno));
    while (more) {
        n = read(fd, buf, sizeof buf);
        more = n < 0 ? errno == EINTR : n > 0 && crlf_feed(&s->crlf, (struct span){buf, (size_t)n});
    }
    sys = errno;
    if (!here)
        close(fd);
    if (n < 0)
        return command_error(words, EX_NOINPUT, "%s: %s", here ? "standard input" : s->path,
                             strerror(sys));
    crlf_finish(&s->crlf);
    return EX_OK;
}

static int fill_recipients(struct sending *s)
{
    struct recipients *r = &s->recipients;
    struct error e = {0};

    if (s->head.len > RECIPIENTS_HEADER_MAX)
        return command_error(words, EX_DATAERR, "the header is over 1 MiB: name --to instead");
    if (recipients_header(r, text_span(&s->head), &e) < 0)
        return command_error(words, EX_DATAERR, "%s", e.words);
    if (!r->count)
        return command_error(words, EX_DATAERR,
                             "the message has no To, Cc or Bcc: name the recipients by --to");
    s->envelope.recipients = arena_alloc(s->arena, r->count * sizeof *s->envelope.recipients);
    for (size_t i = 0; i < r->count; i++)
        s->envelope.recipients[i] = (struct recipient){.address = r->at[i]};
    s->envelope.count = r->count;
    if (r->utf8 || utf8_high(s->envelope.sender))
        s->envelope.need |= NEED_UTF8;
    if (s->raw && s->crlf.eight_bit)
        s->envelope.need |= NEED_8BIT;
    return EX_OK;
}

static struct reply ask_and_give(struct sending *s)
{
    struct handover_author author = {.name = s->self.name, .address = s->envelope.sender};

    for (size_t i = 0; !s->crlf.refused && i < s->envelope.count; i++) {
        struct reply r = handover_may_reach(&s->way, s->envelope.recipients[i].address, s->arena);

        if (reply_class(&r) != 2)
            return r;
    }
    return handover_finish(&s->handover, &s->envelope, &author);
}

static void print_json(const struct sending *s, const struct reply *r, const char *id)
{
    json_t *o = json_object();
    char status[12], *text;

    enhanced_text(r->enhanced, status);
    json_object_set_new(o, "accepted", json_boolean(reply_class(r) == 2));
    if (reply_class(r) == 2)
        json_object_set_new(o, "id", json_string(id));
    json_object_set_new(o, "recipients", json_integer((json_int_t)s->envelope.count));
    json_object_set_new(o, "code", json_integer(r->code));
    json_object_set_new(o, "status", json_string(status));
    json_object_set_new(o, "words", json_stringn(r->text.at ? r->text.at : "", r->text.len));
    text = json_dumps(o, JSON_INDENT(2));
    puts(text ? text : "{}");
    free(text);
    json_decref(o);
}

static int tell(const struct sending *s, const struct reply *r)
{
    int status = handover_status(r);
    char id[ID_TEXT + 1];

    id_text(&s->envelope.id, id);
    if (s->json)
        print_json(s, r, id);
    else if (status == EX_OK)
        printf("Accepted as %s.\nWatch it: port26 queue show %s\n", id, id);
    if (status == EX_OK)
        return status;
    return command_error(words, status, "not sent: %.*s", SPAN_ARG(r->text));
}

static int work(struct sending *s)
{
    struct reply r;
    int status = read_envelope(s);

    if (status != EX_OK)
        return status;
    handover_open(&s->handover, &s->way, s->arena);
    if (!s->raw && !write_head(s))
        return command_error(words, EX_DATAERR, "subject and recipients are too long");
    status = read_file(s);
    if (status == EX_OK && !s->crlf.refused)
        status = fill_recipients(s);
    if (status != EX_OK)
        return status;
    r = ask_and_give(s);
    return tell(s, &r);
}

static int with_config(struct sending *s)
{
    struct config *c = NULL;
    int status = command_config(words, s->file, &c);

    if (status != EX_OK)
        return status;
    s->config = s->way.config = c;
    s->arena = arena_new();
    text_init(&s->head, RECIPIENTS_HEADER_MAX + CRLF_PIECE + 1);
    text_init(&s->line, LINE_MAX_TEXT);
    recipients_init(&s->recipients, s->arena, author_domain(c));
    crlf_init(&s->crlf, s->raw ? CRLF_MBOX : 0, take, s);
    author_self(c, s->arena, &s->self);
    status = work(s);
    handover_close(&s->handover);
    handover_leave(&s->way);
    recipients_free(&s->recipients);
    text_free(&s->line);
    text_free(&s->head);
    arena_free(&s->arena);
    config_free(&c);
    return status;
}

static void free_options(struct sending *s)
{
    for (char **to = s->to; to && *to; to++)
        free(*to);
    free(s->to);
    free(s->file);
    free(s->from);
    free(s->subject);
    free(s);
}

int send_command_run(int argc, const char **argv)
{
    struct sending *s = memory_alloc(sizeof *s);
    const struct poptOption options[] = {
        COMMAND_CONFIG(&s->file),
        COMMAND_JSON(&s->json),
        {"from", 'f', POPT_ARG_STRING, &s->from, 0, "sender; else you at this host", "ADDRESS"},
        {"to", 't', POPT_ARG_ARGV, &s->to, 0, "recipient; may be given again", "ADDRESS"},
        {"subject", 's', POPT_ARG_STRING, &s->subject, 0, "what it is about", "TEXT"},
        {"raw", 'r', POPT_ARG_NONE, &s->raw, 0,
         "FILE is a whole message with its header; without --to its To, Cc and Bcc count", NULL},
        POPT_TABLEEND};
    const struct command_rules rules = {
        options, 0, 1,
        "  echo Hello | port26 send --to friend@example.org --subject Greeting\n"
        "  port26 send --to a@example.org --to b@example.org letter.txt\n"
        "  port26 send --raw message.eml --json | jq -r .id\n"};
    struct command_call call;
    int status;

    signal(SIGPIPE, SIG_IGN);
    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        s->path = call.count ? call.args[0] : NULL;
        status = s->raw && s->subject
                     ? command_error(words, EX_USAGE,
                                     "--subject is for texts: a --raw message has its own")
                     : with_config(s);
        command_end(&call);
    }
    free_options(s);
    return status;
}
