/* senders: before mail first goes by a relay that is asked only because of this network: does the
 * sender's domain allow that (SPF, DMARC)? It warns and never blocks: nobody but the receivers
 * decides. */
#ifndef PORT26_SERVE_SENDERS_H
#define PORT26_SERVE_SENDERS_H

#include "conf/config.h"

struct dns;
struct senders;

enum {
    SENDERS_MAX = 256, /* pairs of relay and domain remembered */
    SENDERS_DNS_MS = 5000,
};

/* `config` and `dns` outlive it. `warn` gets one line of text. */
struct senders *senders_new(const struct config *config, struct dns *dns,
                            void (*warn)(void *arg, const char *text), void *arg);
/* NULL is fine; nulls the pointer. */
void senders_free(struct senders **s);
/* On a fiber; asks DNS the first time, and again after a day. `arg` is a struct senders
 * (detour_hear). */
void senders_about(void *arg, struct span relay, struct span sender);

#endif
