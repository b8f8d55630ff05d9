/* Charging: all or nothing, and released with the same amounts. */
#include "account/usage_parts.h"

#include "base/memory.h"

#include <stdlib.h>

struct charged_post {
    struct usage_entry *entry; /* NULL: released */
    uint32_t number;
    int64_t octets;
};

struct usage_charge {
    struct usage_entry *sender; /* NULL: nobody pays */
    int64_t octets;
    size_t count;
    struct charged_post post[];
};

static void take_back(struct usage *u, struct usage_entry *n, struct usage_amount by, bool tell)
{
    usage_change(n, by);
    if (tell)
        usage_judge(u, n);
}

static void release(struct usage *u, struct usage_charge **c, bool tell)
{
    for (size_t i = 0; i < (*c)->count; i++)
        if ((*c)->post[i].entry)
            take_back(u, (*c)->post[i].entry,
                      (struct usage_amount){.coming = -(*c)->post[i].octets}, tell);
    if ((*c)->sender)
        take_back(u, (*c)->sender, (struct usage_amount){.queue = -(*c)->octets}, tell);
    free(*c);
    *c = NULL;
}

/* 1; 0: nobody is charged; -1 with *full: it cannot be known, and is not forced. */
static int find(struct usage *u, struct span name, bool force, struct usage_entry **n,
                struct usage_full *full)
{
    int there = usage_known(u, name, n, &full->error);

    if (there > 0 && (*n)->blind) {
        error_set(&full->error, ERROR_TEMPORARY, "its record is damaged, it is being counted");
        there = -1;
    }
    if (there >= 0)
        return there;
    full->whose = USAGE_UNREADABLE;
    full->account = name;
    full->view = (struct usage_view){.name = name};
    return force ? *n != NULL : -1;
}

static int add_post(struct usage *u, struct usage_charge *c, const struct usage_post *p, bool force,
                    struct usage_full *full)
{
    struct usage_entry *n;
    int there = find(u, p->account, force, &n, full);

    if (there <= 0)
        return there;
    usage_change(n, (struct usage_amount){.coming = (int64_t)p->octets});
    c->post[c->count++] = (struct charged_post){n, p->number, (int64_t)p->octets};
    return 0;
}

/* NULL with *full when something cannot be read; by force never. */
static struct usage_charge *charge_all(struct usage *u, const struct usage_want *w, bool force,
                                       struct usage_full *full)
{
    struct usage_charge *c = memory_alloc(sizeof *c + w->count * sizeof *c->post);
    int bad = find(u, w->sender, force, &c->sender, full);

    c->octets = w->local ? 0 : (int64_t)w->octets;
    if (bad <= 0)
        c->sender = NULL;
    if (c->sender)
        usage_change(c->sender, (struct usage_amount){.queue = c->octets});
    for (size_t i = 0; i < w->count && bad >= 0; i++)
        bad = add_post(u, c, &w->posts[i], force, full);
    if (bad < 0)
        release(u, &c, false);
    return c;
}

static bool is_over(const struct usage *u, const struct usage_entry *n, bool sends,
                    struct usage_full *full)
{
    if (!n)
        return false;
    full->account = usage_entry_name(n);
    full->whose = sends ? USAGE_SENDER : USAGE_RECIPIENT;
    full->view = usage_entry_view(u, n);
    if (full->view.allowed && full->view.used > full->view.allowed)
        return true;
    if (!n->host)
        return false;
    full->whose = sends ? USAGE_SENDER_HOST : USAGE_RECIPIENT_HOST;
    full->view = usage_host_view(u, n->host);
    return full->view.allowed && full->view.used > full->view.allowed;
}

/* Whoever is over now is full; the view tells how it was before this charge. */
static bool find_full(const struct usage *u, const struct usage_charge *c, struct usage_full *full)
{
    bool over = is_over(u, c->sender, true, full);

    full->wanted = (uint64_t)c->octets;
    for (size_t i = 0; !over && i < c->count; i++) {
        full->wanted = (uint64_t)c->post[i].octets;
        over = is_over(u, c->post[i].entry, false, full);
    }
    return over;
}

/* The same view without what was just tried. */
static void view_again(struct usage *u, struct usage_full *full)
{
    struct usage_view v = full->view;
    int found = v.is_host ? usage_of_host(u, v.name, &v, NULL) : usage_of(u, v.name, &v, NULL);

    if (found > 0)
        full->view = v;
}

static int refused(struct usage *u, struct usage_charge **c, struct usage_full *full)
{
    release(u, c, false);
    view_again(u, full);
    return -1;
}

/* Room for the sender's part of a message for which the recipients pay? */
static bool sender_fits(struct usage *u, const struct usage_want *w, struct usage_full *full)
{
    const struct usage_want alone = {.sender = w->sender, .octets = w->octets};

    return !w->local || usage_fits(u, &alone, full) == 0;
}

int usage_charge(struct usage *u, const struct usage_want *w, bool force, struct usage_charge **out,
                 struct usage_full *full)
{
    struct usage_charge *c;

    full->error = (struct error){0};
    if (!force && !sender_fits(u, w, full))
        return -1;
    c = charge_all(u, w, force, full);
    if (!c)
        return -1;
    if (!force && find_full(u, c, full))
        return refused(u, &c, full);
    if (c->sender)
        usage_judge(u, c->sender);
    for (size_t i = 0; i < c->count; i++)
        usage_judge(u, c->post[i].entry);
    *out = c;
    return 0;
}

int usage_fits(struct usage *u, const struct usage_want *w, struct usage_full *full)
{
    struct usage_charge *c;

    if (!sender_fits(u, w, full))
        return -1;
    c = charge_all(u, w, false, full);
    if (!c)
        return -1;
    if (find_full(u, c, full))
        return refused(u, &c, full);
    release(u, &c, false);
    return 0;
}

static void release_post(struct usage *u, struct usage_charge *c, uint32_t number, bool tell)
{
    for (size_t i = 0; c && i < c->count; i++) {
        struct charged_post *p = &c->post[i];
        struct usage_entry *n = p->entry;

        if (!n || p->number != number)
            continue;
        p->entry = NULL;
        take_back(u, n, (struct usage_amount){.coming = -p->octets}, tell);
    }
}

void usage_release_post(struct usage *u, struct usage_charge *c, uint32_t number)
{
    release_post(u, c, number, true);
}

/* Told when both is done: what was kept free becomes the file, and no level is passed by that. */
void usage_delivered(struct usage *u, struct usage_charge *c, uint32_t number, struct span account,
                     uint64_t octets)
{
    struct usage_entry *n = usage_committed(u, account);

    if (n)
        usage_change(n, (struct usage_amount){.mailbox = (int64_t)octets, .messages = 1});
    release_post(u, c, number, false);
    if (n)
        usage_judge(u, n);
}

void usage_release(struct usage *u, struct usage_charge **c)
{
    if (*c)
        release(u, c, true);
}
