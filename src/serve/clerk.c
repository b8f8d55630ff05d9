#include "serve/clerk.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/fiber.h"
#include "serve/admission.h"
#include "serve/challenge.h"
#include "serve/elsewhere.h"
#include "serve/forwarding.h"
#include "serve/mailboxes.h"
#include "serve/incoming.h"
#include "serve/inspection.h"
#include "serve/policy.h"
#include "serve/expansion.h"
#include "serve/quotas.h"
#include "serve/refusals.h"
#include "serve/signer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Counted: a message being committed, or a password being hashed, outlives the listener that asked.
 */
struct clerk {
    struct house *house;
    struct channel *channel; /* NULL: nobody waits for answers any more */
    unsigned references;
    bool is_command, admin;
    char *person;
    clerk_command_fn *command;
    void *command_arg;
};

struct errand {
    struct clerk *clerk;
    struct parcel *parcel;
};

struct clerk *clerk_new(struct house *h, struct channel *c, const struct clerk_rights *rights,
                        clerk_command_fn *command, void *arg)
{
    struct clerk *k = memory_alloc(sizeof *k);

    *k = (struct clerk){
        .house = h, .channel = c, .references = 1, .command = command, .command_arg = arg};
    k->is_command = rights != NULL;
    k->admin = rights && rights->admin;
    k->person = rights ? span_dup(rights->person) : NULL;
    return k;
}

static void release(struct clerk *k)
{
    if (--k->references)
        return;
    free(k->person);
    free(k);
}

void clerk_free(struct clerk **k)
{
    if (!*k)
        return;
    (*k)->channel = NULL;
    mailboxes_leave((*k)->house->mailboxes, *k);
    release(*k);
    *k = NULL;
}

static struct errand *begin(struct clerk *k, struct parcel *p)
{
    struct errand *e = memory_alloc(sizeof *e);

    k->references++;
    *e = (struct errand){k, p};
    return e;
}

static void answer(struct errand *e, enum letter_kind kind, const void *letter, int fd)
{
    if (e->clerk->channel)
        channel_send(e->clerk->channel, kind, e->parcel->tag, letter, fd);
}

static void end(struct errand *e)
{
    release(e->clerk);
    parcel_free(&e->parcel);
    free(e);
}

/* ---- logins ---- */

/* The account a name means, whether or not the login was good. */
static struct span account_tried(const struct errand *e, struct span name)
{
    struct text canonical = TEXT_INIT(1024);
    const struct account *a = NULL;

    if (directory_name(name, &canonical))
        a = directory_find(e->clerk->house->directory, text_span(&canonical));
    text_free(&canonical);
    return a ? a->name : SPAN_NONE;
}

/* For who helps the account's owner: why its login failed. */
static void note_login(struct errand *e, struct span account, struct span peer, bool later)
{
    struct house *h = e->clerk->house;
    const struct account *a = directory_find(h->directory, account);
    struct reply r = {.code = 535,
                      .enhanced = {5, 7, 8},
                      .text = SPAN("A login failed: wrong password, or one that was broken off")};

    if (later)
        r = (struct reply){.code = 454,
                           .enhanced = {4, 7, 0},
                           .text = SPAN("A login could not be checked, or was put off")};
    else if (a && directory_locked(h->directory, a))
        r.text = SPAN("A login was refused: the account or its hosting account is locked");
    refusals_note(h->refusals, account, peer, &r);
}

static void logged_in(void *arg, enum login_verdict v, struct span account, uint32_t wait)
{
    static const enum login_result results[] = {
        [LOGIN_YES] = LOGIN_GOOD,
        [LOGIN_NO] = LOGIN_WRONG,
        [LOGIN_CLOSED] = LOGIN_LOCKED,
        [LOGIN_NOT_NOW] = LOGIN_LATER,
    };
    struct errand *e = arg;
    struct letter_login *l = e->parcel->letter;
    struct letter_login_answer reply = {results[v],
                                        v == LOGIN_YES ? account : account_tried(e, l->name), wait};

    if (v != LOGIN_YES)
        note_login(e, reply.account, l->peer, v == LOGIN_NOT_NOW);
    answer(e, LETTER_LOGIN_ANSWER, &reply, -1);
    if (l->password.len)
        memory_wipe((void *)(uintptr_t)l->password.at, l->password.len);
    end(e);
}

static void on_login(struct errand *e)
{
    const struct letter_login *l = e->parcel->letter;

    login_check(e->clerk->house->login, l->name, l->password, l->peer, logged_in, e);
}

static void on_verifier_wanted(struct errand *e)
{
    static const enum login_result results[] = {[LOGIN_YES] = LOGIN_GOOD,
                                                [LOGIN_NO] = LOGIN_WRONG,
                                                [LOGIN_NOT_NOW] = LOGIN_LATER,
                                                [LOGIN_AS_IT_IS] = LOGIN_PLAIN};
    const struct letter_login *l = e->parcel->letter;
    struct letter_verifier reply = {0};
    struct scram_verifier v = {0};

    reply.result =
        results[login_verifier(e->clerk->house->login, l->name, l->peer, &v, &reply.wait)];
    if (reply.result == LOGIN_GOOD) { /* else it is none of theirs */
        reply.iterations = v.iterations;
        reply.salt = (struct span){(const char *)v.salt, v.salt_len};
        memcpy(reply.stored_key, v.stored_key, sizeof reply.stored_key);
        memcpy(reply.server_key, v.server_key, sizeof reply.server_key);
    }
    answer(e, LETTER_VERIFIER, &reply, -1);
    memory_wipe(&v, sizeof v);
    memory_wipe(&reply, sizeof reply);
    end(e);
}

static void on_login_note(struct errand *e)
{
    const struct letter_login_note *l = e->parcel->letter;
    struct letter_login_answer reply = {0};
    const struct directory *d = e->clerk->house->directory;
    unsigned troubles = directory_troubles(d);
    const struct account *a =
        login_note(e->clerk->house->login, l->name, l->peer, l->good, &reply.wait);
    bool locked = a && directory_locked(d, a), later = directory_troubles(d) != troubles;

    reply.result = later ? LOGIN_LATER : !a ? LOGIN_WRONG : locked ? LOGIN_LOCKED : LOGIN_GOOD;
    reply.account = a ? a->name : account_tried(e, l->name);
    if (reply.result != LOGIN_GOOD)
        note_login(e, reply.account, l->peer, later);
    answer(e, LETTER_LOGIN_ANSWER, &reply, -1);
    end(e);
}

/* ---- policy ---- */

/* A refusal is told in the log, and to who helps the one whose mail it was. */
static void note(struct errand *e, struct span account, const char *what, const struct reply *r)
{
    const struct letter_may_send *send = e->parcel->letter;
    const struct letter_may_reach *reach = e->parcel->letter;
    bool is_send = e->parcel->kind == LETTER_MAY_SEND;
    struct span peer = is_send ? send->peer : reach->peer;

    log_event(LOG_NOTICE, what, LOG_SPAN("account", account), LOG_SPAN("peer", peer),
              LOG_SPAN("from", is_send ? send->sender : reach->sender),
              LOG_SPAN("to", is_send ? SPAN_NONE : reach->recipient), LOG_NUM("code", r->code),
              LOG_SPAN("reply", r->text));
    refusals_note(e->clerk->house->refusals, account, peer, r);
}

/* Strangers who ask for what is not here are many, and nobody's concern. */
static void note_refusal(struct errand *e, const struct reply *r)
{
    struct house *h = e->clerk->house;
    const struct letter_may_send *send = e->parcel->letter;
    const struct letter_may_reach *q = e->parcel->letter;
    const struct account *owner;

    if (e->clerk->is_command || reply_class(r) < 4)
        return;
    if (e->parcel->kind == LETTER_MAY_SEND) {
        if (send->account.len)
            note(e, send->account, "sender.refused", r);
        return;
    }
    owner = directory_owner(h->directory, q->recipient);
    if (q->account.len)
        note(e, q->account, "recipient.refused", r);
    else if (owner)
        note(e, owner->name, "recipient.refused", r);
    if (q->account.len && owner && !span_eq(owner->name, q->account))
        refusals_note(h->refusals, owner->name, q->peer, r);
}

static void answer_policy(struct errand *e, const struct letter_answer *l)
{
    note_refusal(e, &l->reply);
    answer(e, LETTER_ANSWER, l, -1);
    end(e);
}

/* An answer that still depends on whether there is room. */
struct prospect {
    struct errand *errand;
    struct letter_answer answer;
};

static void room_known(void *arg, const struct error *e)
{
    struct prospect *p = arg;

    if (e)
        p->answer.reply = policy_refusal(p->errand->parcel->arena, e);
    else if (p->errand->parcel->kind == LETTER_MAY_SEND)
        p->answer.reply = policy_sender(p->errand->clerk->house, p->errand->parcel->letter,
                                        p->errand->parcel->arena);
    answer_policy(p->errand, &p->answer);
    free(p);
}

static struct prospect *new_prospect(struct errand *e, const struct letter_answer *l)
{
    struct prospect *p = memory_alloc(sizeof *p);

    *p = (struct prospect){e, *l};
    return p;
}

static void on_arrival(struct errand *e)
{
    const struct letter_arrival *l = e->parcel->letter;
    struct letter_answer reply = {
        .reply = incoming_arrived(e->clerk->house->incoming, l->peer, e->parcel->arena)};

    answer(e, LETTER_ANSWER, &reply, -1);
    end(e);
}

static void on_may_send(struct errand *e)
{
    struct house *h = e->clerk->house;
    const struct letter_may_send *q = e->parcel->letter;
    struct letter_answer reply = {0};

    reply.reply = policy_may_send(h, q, e->parcel->arena, &reply.recipients);
    if (!reply.reply.code && q->account.len) {
        quotas_may_send(h, q->account, q->size, room_known, new_prospect(e, &reply));
        return;
    }
    answer_policy(e, &reply);
}

/* A catch-all would take the mail of somebody who has a mailbox of his own, and behind an alias he
 * would be left out. */
static bool hangs_on_the_unknown(const struct reply *r)
{
    return reply_class(r) == 2 || (r->code == 550 && r->enhanced.subject == 1);
}

static void who_is_known(void *arg, bool sure)
{
    struct errand *e = arg;
    struct house *h = e->clerk->house;
    const struct letter_may_reach *q = e->parcel->letter;
    struct letter_answer reply = {.reply = policy_may_reach(h, q, e->parcel->arena)};

    if (!sure && hangs_on_the_unknown(&reply.reply))
        reply.reply = reply_make(e->parcel->arena, 451, "4.4.3",
                                 "Whether there is a mailbox <%.*s> can not be told right now: the "
                                 "server that knows does not answer. Try again later.",
                                 SPAN_ARG(q->recipient));
    if (!e->clerk->is_command)
        reply.reply = incoming_judge(h->incoming, q, reply.reply, e->parcel->arena, &reply.wait);
    if (reply_class(&reply.reply) == 2) {
        quotas_may_receive(h, q->recipient, q->size, room_known, new_prospect(e, &reply));
        return;
    }
    answer_policy(e, &reply);
}

/* A person of this machine asks on his own behalf: nobody's limits are asked, and nobody is told
 * that they were reached. */
static void ask_for_oneself(struct letter_may_reach *q)
{
    q->account = q->peer = SPAN_NONE;
    q->count = 0;
    q->outside = false;
}

/* A report on forwarded mail: from here on it is about the sender it goes back to, wherever that
 * is. False: it is refused, which is counted as any recipient that does not exist. */
static bool send_back(struct errand *e, struct letter_may_reach *q, struct letter_answer *said)
{
    struct house *h = e->clerk->house;
    struct arena *a = e->parcel->arena;
    struct span to;
    enum forwarding_way way = forwarding_back(h->forwarding, q->recipient, a, &to, &said->reply);

    if (way == FORWARDING_BACK) {
        said->reply = forwarding_count(h->forwarding, to, a);
        q->recipient = to;
        q->anywhere = true;
    }
    if (said->reply.code && !e->clerk->is_command)
        said->reply = incoming_judge(h->incoming, q, said->reply, a, &said->wait);
    return !said->reply.code;
}

static void on_may_reach(struct errand *e)
{
    struct letter_may_reach *q = e->parcel->letter;
    struct letter_answer said = {0};

    if (e->clerk->is_command)
        ask_for_oneself(q);
    if (!send_back(e, q, &said)) {
        answer_policy(e, &said);
        return;
    }
    elsewhere_reach(e->clerk->house, q->recipient, who_is_known, e);
}

/* ---- messages ---- */

static void on_file_wanted(struct errand *e)
{
    struct error err = {0};
    int fd = queue_body_file(e->clerk->house->queue, &err);
    struct letter_answer reply = {0};

    if (fd < 0)
        reply.reply = policy_refusal(e->parcel->arena, &err);
    answer(e, LETTER_FILE, &reply, fd);
    if (fd >= 0)
        close(fd);
    end(e);
}

/* What an authority for certificates asks for; empty: there is no such thing. */
static void on_challenge(struct errand *e)
{
    const struct letter_text *asked = e->parcel->letter;
    const char *webroot = e->clerk->house->config->tls.acme_webroot;
    struct text text = TEXT_INIT(0);
    bool found = challenge_read(webroot, asked->text, &text);
    struct letter_text reply = {found ? text_span(&text) : SPAN_NONE};

    log_event(found ? LOG_INFO : LOG_DEBUG, found ? "challenge.given" : "challenge.unknown",
              LOG_SPAN("token", span_head(asked->text, CHALLENGE_TOKEN)));
    answer(e, LETTER_CHALLENGE, &reply, -1);
    text_free(&text);
    end(e);
}

static void note_message(struct errand *e, const struct reply *r)
{
    const struct letter_accept *l = e->parcel->letter;
    const struct message *m = &l->message;
    struct house *h = e->clerk->house;

    refusals_note(h->refusals, m->origin.account, m->origin.peer, r);
    for (size_t i = 0; i < m->envelope.count && !m->origin.account.len; i++) {
        const struct account *owner =
            directory_owner(h->directory, m->envelope.recipients[i].address);

        if (owner)
            refusals_note(h->refusals, owner->name, m->origin.peer, r);
    }
}

static void accepted(void *arg, const struct reply *r)
{
    struct errand *e = arg;
    const struct letter_accept *l = e->parcel->letter;
    struct letter_answer reply = {.reply = *r};

    if (r->code != 250) /* the queue logs what it took */
        log_event(LOG_WARNING, "message.refused", LOG_ID(&l->message.envelope.id),
                  LOG_SPAN("door", l->message.origin.door),
                  LOG_SPAN("peer", l->message.origin.peer),
                  LOG_SPAN("account", l->message.origin.account),
                  LOG_SPAN("from", l->message.envelope.sender), LOG_NUM("code", r->code),
                  LOG_SPAN("reply", r->text));
    if (r->code != 250 && !e->clerk->is_command)
        note_message(e, r);
    answer(e, LETTER_ANSWER, &reply, -1);
    end(e);
}

/* What the command line hands over comes from a person of this machine, whatever it claims. */
static void stamp_local(struct clerk *k, struct message *m)
{
    m->origin = (struct origin){.account = span_of(k->person), .with = SPAN("local")};
    m->arrived = clock_wall();
}

/* Whose mail is signed. A login is held to its addresses, wherever it comes from. */
static enum signer_right signing_right(const struct errand *e)
{
    const struct letter_accept *l = e->parcel->letter;
    const struct house *h = e->clerk->house;

    if (!signer_has_keys(h->signer))
        return SIGNER_NOBODY;
    if (e->clerk->is_command)
        return SIGNER_HOUSE;
    if (l->message.origin.account.len)
        return SIGNER_LOGIN;
    return !l->outside && h->config->dkim.trusted ? SIGNER_HOUSE : SIGNER_NOBODY;
}

static void sign_and_accept(void *arg)
{
    struct errand *e = arg;
    struct house *h = e->clerk->house;
    struct letter_accept *l = e->parcel->letter;
    struct error err = {0};
    struct reply r;

    if (signer_sign(h->signer, h->directory, signing_right(e), &l->message, e->parcel->arena,
                    &err) < 0) {
        r = policy_refusal(e->parcel->arena, &err);
        accepted(e, &r);
        return;
    }
    quotas_accept(h, &l->message, accepted, e);
}

static void accept_checked(struct errand *e)
{
    struct house *h = e->clerk->house;
    struct letter_accept *l = e->parcel->letter;
    struct reply r = expansion_replace(h, &l->message, l->again, e->parcel->arena);

    if (r.code)
        accepted(e, &r);
    else if (signing_right(e) != SIGNER_NOBODY)
        fiber_start(h->loop, sign_and_accept, e);
    else
        quotas_accept(h, &l->message, accepted, e);
}

static void inspect_and_accept(void *arg)
{
    struct errand *e = arg;
    struct reply r = inspection_run(e->clerk->house, e->parcel->letter, e->parcel->arena);

    if (r.code)
        accepted(e, &r);
    else
        accept_checked(e);
}

static void on_accept(struct errand *e)
{
    struct letter_accept *l = e->parcel->letter;
    uint64_t size_max = e->clerk->is_command ? e->clerk->house->config->limits.message_size : 0;
    struct reply r;

    l->message.content.fd = e->parcel->fd;
    if (e->clerk->is_command)
        stamp_local(e->clerk, &l->message);
    r = admission_check(&l->message, size_max, e->parcel->arena);
    if (r.code)
        accepted(e, &r);
    else if (!e->clerk->is_command && inspection_wanted(e->clerk->house, l))
        fiber_start(e->clerk->house->loop, inspect_and_accept, e);
    else
        accept_checked(e);
}

/* ---- mailboxes ---- */

static void mailbox_answered(void *arg, const struct letter_mailbox *l, int fd)
{
    struct errand *e = arg;

    if (e->parcel->tag)
        answer(e, LETTER_MAILBOX, l, fd);
    end(e);
}

/* A listener opens what somebody logged in to, and that is an account that is here. */
static bool may_open(const struct errand *e, struct span account)
{
    const struct directory *d = e->clerk->house->directory;
    const struct account *a = directory_find(d, account);

    return a && !directory_locked(d, a);
}

static void on_mailbox(struct errand *e)
{
    const struct letter_mailbox_wanted *l = e->parcel->letter;

    if (e->parcel->kind == LETTER_MAILBOX_OPEN && !may_open(e, l->account)) {
        log_event(LOG_NOTICE, "mailbox.closed", LOG_SPAN("account", l->account));
        mailbox_answered(e, &(struct letter_mailbox){.result = MAILBOX_NOT_NOW}, -1);
        return;
    }
    mailboxes_ask(e->clerk->house->mailboxes, e->clerk, e->parcel->kind, e->parcel->letter,
                  mailbox_answered, e);
}

/* ---- commands ---- */

static void run_command(void *arg)
{
    struct errand *e = arg;
    struct clerk *k = e->clerk;
    struct clerk_rights rights = {k->admin, span_of(k->person)};
    struct text out = TEXT_INIT(LETTER_MAX - 4096);
    struct letter_text reply;

    k->command(k->command_arg, ((struct letter_text *)e->parcel->letter)->text, &rights, &out);
    reply.text = text_span(&out);
    answer(e, LETTER_COMMAND_ANSWER, &reply, -1);
    text_free(&out);
    end(e);
}

static void on_command(struct errand *e)
{
    fiber_start(e->clerk->house->loop, run_command, e);
}

void clerk_take(struct clerk *k, struct parcel *p)
{
    static const struct {
        enum letter_kind kind;
        void (*fn)(struct errand *e);
    } rows[] = {
        {LETTER_LOGIN, on_login},           {LETTER_VERIFIER_WANTED, on_verifier_wanted},
        {LETTER_LOGIN_NOTE, on_login_note}, {LETTER_MAY_SEND, on_may_send},
        {LETTER_MAY_REACH, on_may_reach},   {LETTER_FILE_WANTED, on_file_wanted},
        {LETTER_MAILBOX_OPEN, on_mailbox},  {LETTER_MAILBOX_LIST, on_mailbox},
        {LETTER_MAILBOX_READ, on_mailbox},  {LETTER_MAILBOX_CLOSE, on_mailbox},
        {LETTER_ACCEPT, on_accept},         {LETTER_COMMAND, on_command},
        {LETTER_ARRIVAL, on_arrival},       {LETTER_CHALLENGE, on_challenge},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].kind == p->kind) {
            rows[i].fn(begin(k, p));
            return;
        }
    }
    parcel_free(&p);
}
