/* usage_gate: who may change a Maildir now, and who counts it. Many may change one at the same
 * time; while one counts it nobody changes it, so that what was counted and what the store knows
 * are about the same moment. Other programs are not stopped by this. Loop thread only. */
#ifndef PORT26_ACCOUNT_USAGE_GATE_H
#define PORT26_ACCOUNT_USAGE_GATE_H

#include "base/span.h"

struct usage_gate;

struct usage_gate *usage_gate_new(void);
/* Nobody may be inside; who waits is forgotten. Nulls the pointer. */
void usage_gate_free(struct usage_gate **g);

typedef void usage_gate_fn(void *arg);
/* One who changes these accounts' Maildirs (empty names and repeated ones are fine; they must live
 * until go). go(arg) is called when nobody counts any of them, perhaps at once; from then on until
 * usage_gate_leave nobody does. */
void usage_gate_enter(struct usage_gate *g, const struct span *accounts, size_t n,
                      usage_gate_fn *go, void *arg);
/* The same at once or not at all: false when one of them is being counted. */
bool usage_gate_try(struct usage_gate *g, const struct span *accounts, size_t n);
/* Ends it for one account; call it for each of them. An empty name is fine. */
void usage_gate_leave(struct usage_gate *g, struct span account);

/* How many change it now. */
unsigned usage_gate_inside(const struct usage_gate *g, struct span account);

/* go(arg) when the last who changes it has left; who comes after this call waits. False: somebody
 * counts it already, or waits to. */
bool usage_gate_count(struct usage_gate *g, struct span account, usage_gate_fn *go, void *arg);
/* Counted, or given up (also while still waiting). */
void usage_gate_counted(struct usage_gate *g, struct span account);

#endif
