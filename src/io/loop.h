/* loop: one event loop per process (libuv inside this folder only), and timers on it. */
#ifndef PORT26_IO_LOOP_H
#define PORT26_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct timer;

/* One loop for the calling process. */
struct loop *loop_new(void);
/* Frees it; every fiber must have ended and every handle been freed. Nulls the pointer. */
void loop_free(struct loop **l);
/* Runs until loop_stop, or until nothing is left to wait for. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* Milliseconds as clock_now() gave them at the start of this turn of the loop: cheap, for
 * deadlines. */
int64_t loop_now(const struct loop *l);

/* Calls fn once, `ms` from now, from the loop (not inside a fiber). timer_set again moves it. */
struct timer *timer_new(struct loop *l, void (*fn)(void *arg), void *arg);
void timer_set(struct timer *t, int64_t ms);
void timer_stop(struct timer *t);
void timer_free(struct timer **t);

/* Calls fn(signal, arg) from the loop when the signal arrives. Stays until the loop is freed. */
void loop_signal(struct loop *l, int signal, void (*fn)(int signal, void *arg), void *arg);
/* Calls fn from the loop in the next turn. May be called from fn itself. Not thread-safe. */
void loop_later(struct loop *l, void (*fn)(void *arg), void *arg);

/* A raw descriptor watched for reading: fn is called from the loop whenever it is readable. Stays
 * until freed; the descriptor remains the caller's. */
struct watch;
struct watch *watch_new(struct loop *l, int fd, void (*readable)(void *arg), void *arg);
/* Also calls `writable` while set (NULL: no more). */
void watch_writable(struct watch *w, void (*writable)(void *arg));
void watch_pause(struct watch *w, bool paused);
void watch_free(struct watch **w);

#endif
