#include "serve/mailboxes.h"

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "io/worker.h"
#include "maildir/maildir.h"
#include "serve/house.h"
#include "serve/quotas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY "too many mailboxes are read at the same time"

/* Who reads a message waits for none who opens a large folder. */
enum { FOLDER_THREADS = 4, MESSAGE_THREADS = 2, WAITING = 1000 };

/* By which a listener names a mailbox. */
struct name {
    uint64_t owner, number; /* no gap between them: the octets are a key */
};

static struct name name_of(const void *owner, uint64_t number)
{
    return (struct name){(uintptr_t)owner, number};
}

struct question;

struct mailbox {
    struct mailboxes *all;
    struct mailbox *next, **link;
    struct name name;
    struct span account;
    char *root;
    struct arena *arena; /* of the list */
    struct maildir *dir;
    struct maildir_message *list;
    size_t count;
    uint64_t octets;
    bool busy;                /* a thread works on it */
    struct question *waiting; /* to remove messages, while others count what is there */
    bool unwanted;            /* goes as soon as it is not busy */
};

struct mailboxes {
    struct house *house;
    struct worker *folders, *messages; /* threads that open and remove; that open one file */
    struct map *by_name, *by_account;
    struct mailbox *first;
};

/* Something asked, until it is answered. */
struct question {
    struct mailbox *box;
    const struct letter_mailbox_wanted *wanted;
    mailboxes_done_fn *done;
    void *arg;
    bool last; /* the mailbox goes after it */
    unsigned result;
    struct maildir_sum freed;
    struct maildir_stamp before, after;
    bool stamped; /* the two are there */
    size_t removed;
    int fd;
    struct error error;
};

static struct span key(const struct name *n)
{
    return (struct span){(const char *)n, sizeof *n};
}

/* ---- one mailbox ---- */

static struct mailbox *add(struct mailboxes *m, const struct name *name, struct span account)
{
    struct mailbox *b = memory_alloc(sizeof *b);

    *b = (struct mailbox){.all = m, .name = *name, .arena = arena_new()};
    b->account = arena_span(b->arena, account);
    b->root = arena_cstr(b->arena, span_of(m->house->config->inboxes.path));
    map_put(m->by_name, key(&b->name), b);
    map_put(m->by_account, b->account, b);
    b->next = m->first;
    b->link = &m->first;
    if (b->next)
        b->next->link = &b->next;
    m->first = b;
    return b;
}

static void drop(struct mailbox *b)
{
    map_take(b->all->by_name, key(&b->name));
    map_take(b->all->by_account, b->account);
    *b->link = b->next;
    if (b->next)
        b->next->link = b->link;
    maildir_close(&b->dir);
    arena_free(&b->arena);
    free(b);
}

static void let_go(struct mailbox *b)
{
    if (b->busy)
        b->unwanted = true;
    else
        drop(b);
}

/* ---- answers ---- */

static void answer(const struct question *q, const struct letter_mailbox *l)
{
    q->done(q->arg, l, q->fd);
    if (q->fd >= 0)
        close(q->fd);
}

static void refuse(const struct question *q, unsigned result)
{
    struct letter_mailbox l = {.result = result};

    answer(q, &l);
}

static void conclude(struct question *q)
{
    struct mailbox *b = q->box;
    struct letter_mailbox l = {.result = q->result};

    b->busy = false;
    if (q->result == MAILBOX_GOOD && !q->last) {
        l.count = (uint32_t)b->count;
        l.octets = b->octets;
    } else if (q->last) {
        l.count = (uint32_t)q->removed;
    }
    if (q->last || b->unwanted)
        drop(b); /* first: who hears the answer may come back at once */
    answer(q, &l);
    free(q);
}

static void finished(void *arg)
{
    struct question *q = arg;

    if (q->error.class)
        log_event(q->result == MAILBOX_GONE ? LOG_INFO : LOG_WARNING, "mailbox.failed",
                  LOG_SPAN("account", q->box->account), LOG_STR("why", q->error.words));
    if (q->freed.messages)
        log_event(LOG_INFO, "mailbox.removed", LOG_SPAN("account", q->box->account),
                  LOG_NUM("messages", q->freed.messages), LOG_NUM("octets", q->freed.octets));
    conclude(q);
}

static void run(const struct question *q, struct worker *w, void (*work)(void *arg))
{
    struct question *own = memory_alloc(sizeof *own);

    *own = *q;
    own->box->busy = true;
    if (w && worker_run(w, work, finished, own))
        return;
    error_set(&own->error, ERROR_TEMPORARY, BUSY);
    own->result = MAILBOX_NOT_NOW;
    finished(own);
}

/* ---- on a thread ---- */

static void work_open(void *arg)
{
    struct question *q = arg;
    struct mailbox *b = q->box;

    if (maildir_open(b->root, b->account, false, &b->dir, &q->error) < 0 ||
        maildir_list(b->dir, b->arena, &b->list, &b->count, &q->error) < 0) {
        q->result = MAILBOX_NOT_NOW;
        q->last = true;
        return;
    }
    for (size_t i = 0; i < b->count; i++)
        b->octets += b->list[i].octets;
}

static void work_read(void *arg)
{
    struct question *q = arg;

    q->fd = maildir_read(q->box->dir, &q->box->list[q->wanted->place], &q->error);
    if (q->fd < 0)
        q->result = q->error.sys == ENOENT ? MAILBOX_GONE : MAILBOX_NOT_NOW;
}

static bool is_marked(struct span marked, size_t place)
{
    return place / 8 < marked.len && (unsigned char)marked.at[place / 8] >> place % 8 & 1;
}

/* R9: what is removed here was marked in a session that ended with QUIT. The list moves together:
 * nobody asks for it any more. */
static void work_remove(void *arg)
{
    struct question *q = arg;
    struct mailbox *b = q->box;

    for (size_t i = 0; i < b->count; i++)
        if (is_marked(q->wanted->marked, i))
            b->list[q->removed++] = b->list[i];
    q->stamped = maildir_stamp(b->dir, &q->before, NULL) == 0;
    if (maildir_remove(b->dir, b->list, q->removed, &q->freed, &q->error) < 0)
        q->result = MAILBOX_NOT_NOW;
    q->stamped = q->stamped && maildir_stamp(b->dir, &q->after, NULL) == 0;
}

/* ---- removal: the quota knows before and after ---- */

/* An error here is none of the client's: what is kept in mind of the mailbox is counted anew. */
static void counted(void *arg, const struct error *e)
{
    struct question *q = arg;

    if (e)
        log_event(LOG_WARNING, "mailbox.uncounted", LOG_SPAN("account", q->box->account),
                  LOG_STR("why", e->words));
    finished(q);
}

static void removed(void *arg)
{
    struct question *q = arg;

    if (q->stamped)
        quotas_removed(q->box->all->house, q->box->account, &q->before, &q->after);
    quotas_mailbox_changed(q->box->all->house, q->box->account, -(int64_t)q->freed.octets,
                           -(int64_t)q->freed.messages, counted, q);
}

static void may_remove(void *arg, const struct error *e)
{
    struct question *q = arg;
    struct worker *w = q->box->all->folders;

    q->box->waiting = NULL;
    if (!e && w && worker_run(w, work_remove, removed, q))
        return;
    q->result = MAILBOX_NOT_NOW;
    if (e) {
        q->error = *e;
        finished(q);
        return;
    }
    error_set(&q->error, ERROR_TEMPORARY, BUSY);
    removed(q); /* nothing, but it must be said */
}

static void begin_removal(const struct question *q)
{
    struct question *own = memory_alloc(sizeof *own);

    *own = *q;
    own->last = true;
    own->box->busy = true;
    own->box->waiting = own;
    quotas_mailbox_changing(own->box->all->house, own->box->account, may_remove, own);
}

/* ---- questions ---- */

static void on_open(struct question *q, struct mailboxes *m, const void *owner)
{
    struct name name = name_of(owner, q->wanted->number);

    if (map_get(m->by_account, q->wanted->account)) {
        refuse(q, MAILBOX_IN_USE);
    } else if (q->box || !q->wanted->account.len) {
        refuse(q, MAILBOX_NOT_NOW);
    } else {
        q->box = add(m, &name, q->wanted->account);
        run(q, m->folders, work_open);
    }
}

static void on_list(struct question *q)
{
    struct letter_mailbox_entry entries[LETTER_ENTRIES];
    struct letter_mailbox l = {.entries = entries};
    const struct mailbox *b = q->box;

    for (size_t i = q->wanted->place; i < b->count && l.entry_count < LETTER_ENTRIES; i++)
        entries[l.entry_count++] = (struct letter_mailbox_entry){b->list[i].octets, b->list[i].uid};
    answer(q, &l);
}

static void on_read(struct question *q)
{
    if (q->wanted->place < q->box->count)
        run(q, q->box->all->messages, work_read);
    else
        refuse(q, MAILBOX_GONE);
}

/* Whoever has marked messages hears that they are gone only when they are: not when a thread still
 * hangs in this mailbox, on a disk that answers no more, nor when it is nobody's any more. */
static void on_close(struct question *q)
{
    bool marked = q->wanted->marked.len > 0;

    if (q->box && marked && !q->box->busy) {
        begin_removal(q);
        return;
    }
    if (q->box)
        let_go(q->box);
    refuse(q, marked ? MAILBOX_NOT_NOW : MAILBOX_GOOD);
}

void mailboxes_ask(struct mailboxes *m, const void *owner, enum letter_kind kind,
                   const struct letter_mailbox_wanted *wanted, mailboxes_done_fn *done, void *arg)
{
    struct name name = name_of(owner, wanted->number);
    struct question q = {.wanted = wanted, .done = done, .arg = arg, .fd = -1};

    q.box = map_get(m->by_name, key(&name));
    if (kind == LETTER_MAILBOX_OPEN)
        on_open(&q, m, owner);
    else if (kind == LETTER_MAILBOX_CLOSE)
        on_close(&q);
    else if (!q.box || q.box->busy)
        refuse(&q, MAILBOX_NOT_NOW);
    else if (kind == LETTER_MAILBOX_LIST)
        on_list(&q);
    else
        on_read(&q);
}

void mailboxes_leave(struct mailboxes *m, const void *owner)
{
    struct mailbox *next;

    for (struct mailbox *b = m->first; b; b = next) {
        next = b->next;
        if (b->name.owner == (uintptr_t)owner)
            let_go(b);
    }
}

/* ---- life ---- */

struct mailboxes *mailboxes_new(struct house *h)
{
    struct mailboxes *m = memory_alloc(sizeof *m);

    m->house = h;
    m->folders = worker_new(h->loop, "mailbox", FOLDER_THREADS, WAITING);
    m->messages = worker_new(h->loop, "message", MESSAGE_THREADS, WAITING);
    m->by_name = map_new();
    m->by_account = map_new();
    return m;
}

void mailboxes_stop(struct mailboxes *m)
{
    worker_free(&m->folders);
    worker_free(&m->messages);
}

void mailboxes_free(struct mailboxes **m)
{
    struct mailboxes *old = *m;

    if (!old)
        return;
    mailboxes_stop(old);
    while (old->first) {
        struct question *waiting = old->first->waiting;

        drop(old->first);
        if (waiting)
            refuse(waiting, MAILBOX_NOT_NOW);
        free(waiting);
    }
    map_free(&old->by_name);
    map_free(&old->by_account);
    free(old);
    *m = NULL;
}
