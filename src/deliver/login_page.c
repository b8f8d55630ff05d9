#include "deliver/login_page.h"

#include "base/clock.h"
#include "base/memory.h"
#include "http/portal.h"
#include "io/fiber.h"
#include "route/path.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_TIME = 3 * 1000, CONNECT_TIME = 3 * 1000, ASK_TIME = 8 * 1000 };

/* One series of questions; it may outlive the page that wanted it. */
struct asker {
    struct login_page *page; /* NULL: given up */
    struct fiber *fiber;
    struct loop *loop;
    struct dns *dns;
    char host[256];
};

struct login_page {
    struct loop *loop;
    struct dns *dns;
    char host[256];
    void (*told)(void *arg, const char *words, bool asked);
    void *arg;
    struct asker *asker;
    int64_t quiet; /* not asked before */
    char words[PORTAL_WORDS];
};

struct login_page *login_page_new(struct loop *l, struct dns *dns, const char *host,
                                  void (*told)(void *arg, const char *words, bool asked), void *arg)
{
    struct login_page *p = memory_alloc(sizeof *p);

    *p = (struct login_page){.loop = l, .dns = dns, .told = told, .arg = arg};
    if (!span_cstr(span_of(host), p->host, sizeof p->host))
        p->host[0] = '\0';
    return p;
}

static void give_up(struct login_page *p)
{
    if (!p->asker)
        return;
    p->asker->page = NULL;
    fiber_cancel(p->asker->fiber);
    p->asker = NULL;
}

void login_page_free(struct login_page **p)
{
    if (!*p)
        return;
    give_up(*p);
    free(*p);
    *p = NULL;
}

/* ---- asking ---- */

static enum portal_answer ask_at(const struct asker *a, struct sockaddr_storage *at, int64_t until,
                                 char words[PORTAL_WORDS])
{
    int64_t soon = clock_now() + CONNECT_TIME;
    enum portal_answer answer = PORTAL_SAYS_NOTHING;
    struct stream *s = NULL;

    path_set_port(at, PORTAL_PORT);
    if (stream_connect(a->loop, (const struct sockaddr *)at, NULL, soon < until ? soon : until,
                       &s) == 0)
        answer = portal_ask(&s, span_of(a->host), until, words);
    stream_abort(&s);
    return answer;
}

static enum portal_answer ask(const struct asker *a, char words[PORTAL_WORDS])
{
    int64_t until = clock_now() + ASK_TIME;
    enum portal_answer answer = PORTAL_SAYS_NOTHING;
    struct dns_address_list found = {0};
    struct arena *arena = arena_new();

    words[0] = '\0';
    if (dns_address(a->dns, span_of(a->host), clock_now() + NAME_TIME, arena, &found) == DNS_OK)
        for (size_t i = found.count; i-- > 0 && !answer;) /* IPv4 stands at the end: it first */
            answer = ask_at(a, &found.address[i], until, words);
    arena_free(&arena);
    return answer;
}

static void set_words(struct login_page *p, const char *words, bool asked)
{
    if (strcmp(p->words, words) == 0)
        return;
    memcpy(p->words, words, strlen(words) + 1);
    p->told(p->arg, p->words, asked);
}

/* Whoever answers nothing for once has not let us in. */
static bool stays(const struct login_page *p, enum portal_answer answer)
{
    return answer == PORTAL_SAYS_LOGIN || (answer == PORTAL_SAYS_NOTHING && p->words[0]);
}

static void ended(struct login_page *p, enum portal_answer answer)
{
    p->asker = NULL;
    p->quiet = clock_now() + (answer == PORTAL_SAYS_FREE ? LOGIN_PAGE_QUIET : LOGIN_PAGE_MUTE);
    set_words(p, "", true);
}

/* Until there is none, or nobody wants to know any more. */
static void run(void *arg)
{
    struct asker *a = arg;
    int64_t begun = clock_now();
    enum portal_answer answer = PORTAL_SAYS_LOGIN;

    while (a->page && stays(a->page, answer)) {
        char words[PORTAL_WORDS];

        answer = ask(a, words);
        if (a->page && answer == PORTAL_SAYS_LOGIN)
            set_words(a->page, words, true);
        if (a->page && stays(a->page, answer))
            fiber_sleep(clock_now() - begun < LOGIN_PAGE_SOON ? LOGIN_PAGE_AGAIN
                                                              : LOGIN_PAGE_LATER);
    }
    if (a->page)
        ended(a->page, answer);
    free(a);
}

void login_page_ask(struct login_page *p)
{
    if (!p->host[0] || p->asker || clock_now() < p->quiet)
        return;
    p->asker = memory_alloc(sizeof *p->asker);
    *p->asker = (struct asker){.page = p, .loop = p->loop, .dns = p->dns};
    memcpy(p->asker->host, p->host, sizeof p->host);
    p->asker->fiber = fiber_start(p->loop, run, p->asker);
}

void login_page_gone(struct login_page *p)
{
    give_up(p);
    p->quiet = 0;
    set_words(p, "", false);
}

const char *login_page_words(const struct login_page *p)
{
    return p->words[0] ? p->words : NULL;
}
