/* fiber: stacks and switches.
 *
 *     [guard page | stack, growing down ............ | struct fiber]
 *
 * One mapping per fiber; the struct stands at its top, on the page the stack touches anyway, so an
 * idle session costs the pages it has touched and nothing else. Fibers that ended are kept for the
 * next ones, up to a bound. The switch is always between the loop and a fiber, never between two
 * fibers: who runs next is the task queue's business alone. */
#include "io/fiber.h"

#include "base/clock.h"
#include "base/memory.h"
#include "io/deadline.h"
#include "io/park.h"
#include "io/sanitize.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    MAP_BYTES = 256 * 1024,
    SPARE_WARM = 64,   /* ended fibers kept with their memory */
    SPARE_COLD = 1024, /* and with their address space only */
};

/* Boost.Context's C entry points; its headers are C++. */
typedef void *fcontext_t;
struct transfer {
    fcontext_t from;
    void *data;
};
struct transfer jump_fcontext(fcontext_t to, void *data);
fcontext_t make_fcontext(void *stack_top, size_t size, void (*fn)(struct transfer t));

struct fiber {
    struct task task;         /* first member: the queue's name for it */
    struct deadline deadline; /* of the present wait */
    struct fiber *next;       /* while it rests among the spares */
    struct loop *loop;
    fcontext_t context;
    void (*fn)(void *arg);
    void *arg;
    void *fake_stack; /* AddressSanitizer's */
    bool queued, waiting, woken, cancelled, ended;
};

struct fibers {
    fcontext_t loop_context;
    const void *loop_stack;
    size_t loop_stack_size;
    void *loop_fake_stack;
    struct fiber *spare;
    unsigned spares, live;
};

/* The one hidden variable: contracts as fiber_self() and the depth of the calls between a fiber's
 * start and its waits rule out handing it down. */
static _Thread_local struct fiber *running;

static char *stack_bottom(const struct fiber *f)
{
    return (char *)(f + 1) - MAP_BYTES;
}

static size_t stack_size(void)
{
    return MAP_BYTES - sizeof(struct fiber);
}

/* Back to the loop; returns when the fiber's task runs again. */
static void switch_out(struct fiber *f)
{
    struct fibers *all = f->loop->fibers;
    struct transfer t;

    SANITIZE_LEAVE(f->ended ? NULL : &f->fake_stack, all->loop_stack, all->loop_stack_size);
    t = jump_fcontext(all->loop_context, NULL);
    SANITIZE_ENTER(f->fake_stack, &all->loop_stack, &all->loop_stack_size);
    all->loop_context = t.from;
}

static void body(struct transfer t)
{
    struct fiber *f = t.data;
    struct fibers *all = f->loop->fibers;

    SANITIZE_ENTER(NULL, &all->loop_stack, &all->loop_stack_size);
    all->loop_context = t.from;
    f->fn(f->arg);
    f->ended = true;
    switch_out(f);
    abort();
}

static void unmap(struct deadline *d)
{
    struct fiber *f = (struct fiber *)((char *)d - offsetof(struct fiber, deadline));
    char *at = stack_bottom(f);

    SANITIZE_FORGET(at, MAP_BYTES);
    munmap(at, MAP_BYTES);
}

static void put_away(struct fiber *f)
{
    struct fibers *all = f->loop->fibers;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *at = stack_bottom(f);

    all->live--;
    deadline_stop(&f->deadline);
    if (all->spares == SPARE_COLD) {
        deadline_close(&f->deadline, unmap);
        return;
    }
    /* The page with the struct itself stays. */
    if (all->spares >= SPARE_WARM)
        madvise(at + page, MAP_BYTES - 2 * page, MADV_DONTNEED);
    f->next = all->spare;
    all->spare = f;
    all->spares++;
}

static void run(struct task *t)
{
    struct fiber *f = (struct fiber *)t;
    struct fibers *all = f->loop->fibers;

    f->queued = f->waiting = false;
    running = f;
    SANITIZE_LEAVE(&all->loop_fake_stack, stack_bottom(f), stack_size());
    f->context = jump_fcontext(f->context, f).from;
    SANITIZE_ENTER(all->loop_fake_stack, NULL, NULL);
    running = NULL;
    if (f->ended)
        put_away(f);
}

static void queue(struct fiber *f)
{
    if (f->queued)
        return;
    f->queued = true;
    turn_task(f->loop, &f->task);
}

static void passed(struct deadline *d)
{
    struct fiber *f = (struct fiber *)((char *)d - offsetof(struct fiber, deadline));

    if (f->waiting)
        queue(f);
}

static struct fiber *map_new(struct loop *l)
{
    char *at = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    struct fiber *f;

    if (at == MAP_FAILED || mprotect(at, (size_t)sysconf(_SC_PAGESIZE), PROT_NONE) != 0) {
        perror("port26: no memory for another fiber (vm.max_map_count bounds them too)");
        abort();
    }
    f = (struct fiber *)(at + MAP_BYTES) - 1;
    f->loop = l;
    deadline_init(&f->deadline, l, passed);
    return f;
}

static void free_all(struct fibers **all)
{
    struct fiber *f;

    assert((*all)->live == 0);
    while ((f = (*all)->spare)) {
        (*all)->spare = f->next;
        deadline_close(&f->deadline, unmap);
    }
    free(*all);
    *all = NULL;
}

static struct fiber *take(struct loop *l)
{
    struct fibers *all = l->fibers;
    struct fiber *f = all->spare;

    all->live++;
    if (!f)
        return map_new(l);
    all->spare = f->next;
    all->spares--;
    SANITIZE_FORGET(stack_bottom(f), stack_size());
    f->woken = f->cancelled = f->ended = f->waiting = false;
    f->fake_stack = NULL;
    return f;
}

struct fiber *fiber_start(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct fiber *f;

    assert(fn);
    if (!l->fibers) {
        l->fibers = memory_alloc(sizeof *l->fibers);
        l->fibers_free = free_all;
    }
    f = take(l);
    f->fn = fn;
    f->arg = arg;
    f->task.run = run;
    f->context = make_fcontext(f, stack_size(), body);
    queue(f);
    return f;
}

struct fiber *fiber_self(void)
{
    return running;
}

struct loop *fiber_loop(void)
{
    assert(running);
    return running->loop;
}

int fiber_wait(int64_t deadline)
{
    struct fiber *f = running;

    assert(f);
    if (!f->cancelled && !f->woken) {
        if (clock_now() >= deadline)
            return -ETIMEDOUT;
        f->waiting = true;
        if (deadline != CLOCK_NEVER)
            deadline_set(&f->deadline, deadline);
        switch_out(f);
        deadline_clear(&f->deadline);
    }
    if (f->cancelled)
        return -ECANCELED;
    if (!f->woken)
        return -ETIMEDOUT;
    f->woken = false;
    return 0;
}

void fiber_wake(struct fiber *f)
{
    f->woken = true;
    if (f->waiting)
        queue(f);
}

void fiber_cancel(struct fiber *f)
{
    f->cancelled = true;
    if (f->waiting)
        queue(f);
}

bool fiber_cancelled(void)
{
    assert(running);
    return running->cancelled;
}

/* A wake meant for a later wait must not be lost in a sleep. */
int fiber_sleep(int64_t ms)
{
    int64_t until = clock_now() + ms;
    bool woken = false;
    int r;

    if (ms <= 0)
        fiber_yield();
    while ((r = fiber_wait(until)) == 0)
        woken = true;
    if (woken)
        running->woken = true;
    return r == -ETIMEDOUT ? 0 : r;
}

unsigned fiber_count(const struct loop *l)
{
    return l->fibers ? l->fibers->live : 0;
}

void fiber_park(void)
{
    struct fiber *f = running;

    assert(f);
    if (!f->woken) {
        f->waiting = true;
        switch_out(f);
    }
    f->woken = false;
}

void fiber_yield(void)
{
    struct fiber *f = running;

    assert(f);
    queue(f);
    switch_out(f);
}
