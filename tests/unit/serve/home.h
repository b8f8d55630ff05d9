/* home: a real house in a folder of its own, without couriers. */
#ifndef PORT26_TESTS_SERVE_HOME_H
#define PORT26_TESTS_SERVE_HOME_H

#include "../store/fixture.h"
#include "io/loop.h"
#include "serve/house.h"

struct home {
    char path[64];
    struct loop *loop;
    struct config *config;
    struct house *house;
};

static inline void home_open(struct home *t)
{
    struct error e = {0};

    t->loop = loop_new();
    if (house_open(t->loop, t->config, NULL, NULL, &t->house, &e) < 0)
        fail_msg("%s", e.words);
}

static inline void home_close(struct home *t)
{
    house_close(&t->house);
    loop_free(&t->loop);
}

/* Ours are here.example and also.example. */
static inline struct home *home_new(void)
{
    struct home *t = memory_alloc(sizeof *t);
    struct config_notes notes = {0};
    char conf[300];

    fixture_path(t->path);
    snprintf(conf, sizeof conf,
             "hostname = \"mail.here.example\"\n"
             "domains = { \"here.example\", \"also.example\" }\n"
             "store { path = \"%s\" }\n"
             "inboxes { path = \"%s/inboxes\" }\n",
             t->path, t->path);
    if (config_parse(span_of(conf), "conf", &notes, &t->config) < 0)
        fail_msg("%s", notes.count ? notes.at[0].text : "?");
    config_notes_free(&notes);
    home_open(t);
    return t;
}

/* What stands in the store is read again. */
static inline void home_reopen(struct home *t)
{
    home_close(t);
    home_open(t);
}

static inline void home_free(struct home **t)
{
    home_close(*t);
    config_free(&(*t)->config);
    fixture_wipe((*t)->path);
    free(*t);
    *t = NULL;
}

/* The house of the test that runs. */
static struct home *t;

static inline int home_setup(void **state)
{
    (void)state;
    t = home_new();
    return 0;
}

static inline int home_teardown(void **state)
{
    (void)state;
    home_free(&t);
    return 0;
}

#endif
