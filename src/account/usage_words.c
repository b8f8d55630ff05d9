#include "account/usage_words.h"

#include <inttypes.h>
#include <stdio.h>

enum { WHY = 120, NAME = 80 }; /* the words have an end */

void usage_words_size(uint64_t octets, char out[USAGE_SIZE_TEXT])
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB", "PB"};
    uint64_t whole = octets, rest = 0;
    unsigned i = 0;

    for (; whole >= 1024 && i < 5; i++) {
        rest = whole % 1024;
        whole /= 1024;
    }
    if (!i)
        snprintf(out, USAGE_SIZE_TEXT, "%" PRIu64 " %s", whole, whole == 1 ? "byte" : "bytes");
    else
        snprintf(out, USAGE_SIZE_TEXT, "%" PRIu64 ".%u %s", whole, (unsigned)(rest * 10 / 1024),
                 units[i]);
}

#define EMPTY                                                                                      \
    "Delete mail, also from Sent and Trash, or collect it without leaving copies on the server"

static const struct {
    const char *whose, *together, *advice;
} own[] = {
    [USAGE_SENDER] = {"Your mailbox", "", EMPTY "; then send again."},
    [USAGE_SENDER_HOST] = {"Your hosting account", " by all its mailboxes together",
                           "Delete mail in any of them, also from Sent and Trash, or collect it "
                           "without leaving copies on the server, or ask your provider for more "
                           "room."},
};

/* What is bigger than the whole quota is told so: to delete mail would not help. */
#define BIGGER ", which is more than all the room there is"

static int full_sender(const struct usage_full *f, bool never, struct error *e)
{
    char used[USAGE_SIZE_TEXT], room[USAGE_SIZE_TEXT], size[USAGE_SIZE_TEXT];
    bool known = f->wanted > 1, fits = !known || f->wanted <= f->view.allowed;

    usage_words_size(f->view.used, used);
    usage_words_size(f->view.allowed, room);
    usage_words_size(f->wanted, size);
    return error_mail(e, never ? ERROR_PERMANENT : ERROR_TEMPORARY, never ? "5.2.2" : "4.2.2",
                      OWNER_YOU, "%s %.*s is full: %s of %s are used%s%s%s%s. %s",
                      own[f->whose].whose, SPAN_ARG(span_head(f->view.name, NAME)), used, room,
                      own[f->whose].together, known ? ", and this message needs " : "",
                      known ? size : "", fits ? "" : BIGGER,
                      fits ? own[f->whose].advice
                           : "Make it smaller, send a link to the files, or ask your provider for "
                             "more room.");
}

/* Strangers read this: no numbers, nothing of whose customer it is, and of an alias not who is
 * behind it. The log tells all. */
static int full_recipient(const struct usage_full *f, bool never, struct error *e)
{
    const char *what = f->whose == USAGE_BEHIND ? "A mailbox behind" : "The recipient's mailbox";
    struct span name = f->whose == USAGE_RECIPIENT_HOST ? f->account : f->view.name;
    char size[USAGE_SIZE_TEXT];
    bool known = f->wanted > 1, fits = !known || f->wanted <= f->view.allowed;

    usage_words_size(f->wanted, size);
    return error_mail(e, never ? ERROR_PERMANENT : ERROR_TEMPORARY, never ? "5.2.2" : "4.2.2",
                      OWNER_RECIPIENT, "%s %.*s is full%s%s%s. %s", what,
                      SPAN_ARG(span_head(name, NAME)),
                      known ? ": there is no room for this message of " : "", known ? size : "",
                      fits ? "" : BIGGER,
                      fits ? "Mail has to be deleted there first: tell its owner in another way, "
                             "and send again later."
                           : "Make it smaller, or send a link to the files.");
}

int usage_words_full(const struct usage_full *f, bool never, struct error *e)
{
    if (f->whose == USAGE_UNREADABLE)
        return error_mail(
            e, ERROR_TEMPORARY, "4.3.0", OWNER_PROVIDER,
            "How much mail %.*s has stored cannot be read just now (%.*s), so nobody "
            "knows whether there is room. Nothing is lost: try again in some minutes, "
            "and tell the provider if it stays so.",
            SPAN_ARG(span_head(f->view.name, NAME)), WHY, f->error.words);
    if (f->whose == USAGE_SENDER || f->whose == USAGE_SENDER_HOST)
        return full_sender(f, never, e);
    return full_recipient(f, never, e);
}

void usage_words_warning(const struct usage_view *v, unsigned percent, struct text *subject,
                         struct text *body)
{
    char used[USAGE_SIZE_TEXT], room[USAGE_SIZE_TEXT], queue[USAGE_SIZE_TEXT],
        mailbox[USAGE_SIZE_TEXT];

    usage_words_size(v->used, used);
    usage_words_size(v->allowed, room);
    usage_words_size(v->queue, queue);
    usage_words_size(v->mailbox, mailbox);
    text_addf(subject,
              v->is_host ? "Your hosting account is %u%% full" : "Your mailbox is %u%% full",
              percent);
    text_adds(body, v->is_host ? "The hosting account " : "The mailbox ");
    text_add_safe(body, v->name);
    text_addf(
        body,
        " has used %s of the %s it may store.\n\n"
        "  in mailboxes:  %s (%" PRIu64 " messages)\n"
        "  in the queue:  %s\n\n"
        "When it is full, no mail can be sent from it or received by it any more.\n"
        "To make room delete mail you do not need, also from Sent and Trash, or let your mail "
        "program collect it without leaving copies on the server.\n",
        used, room, mailbox, v->messages, queue);
    if (v->is_host)
        text_adds(body, "All mailboxes of the hosting account count together.\n");
}
