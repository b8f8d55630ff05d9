/* session: one client at a door: its fiber, and the house's answers to the protocol engine, most of
 * them asked from the keeper. */
#ifndef PORT26_SERVE_SESSION_H
#define PORT26_SERVE_SESSION_H

#include "conf/config.h"
#include "io/listen.h"
#include "post/channel.h"
#include "smtp/smtp_server.h"

struct meter;
struct tls_context;
struct tls_sni;
struct session;
struct users;

/* What sessions of one process share; the listener keeps it. */
struct session_house {
    struct loop *loop;
    struct channel *keeper;
    struct disk *disk; /* by which messages are read for POP3 */
    const struct config *config;
    struct users *users; /* whom doors trust; NULL: nobody */
    /* Whose certificate signs profiles for Apple's devices; NULL: nobody's. */
    struct tls_context *signer;
    struct tls_sni *sni;       /* certificates for further names; NULL: none */
    struct meter *turned_away; /* by network: who came too often a moment ago */
    bool draining;             /* read by the engines */
    bool ask_all;              /* every recipient is the keeper's to judge */
    struct session *first;
    unsigned count;
    uint64_t mailboxes; /* opened so far: their numbers */
    /* Called when one ended. */
    void (*ended)(void *arg);
    void *arg;
};

struct session_door {
    struct session_house *house;
    const struct config_door *config;
    struct tls_context *tls;              /* NULL: none */
    struct smtp_server_settings settings; /* what all its clients have in common */
};

/* Starts one for an accepted connection (takes over fd and peer). */
void session_start(const struct session_door *door, int fd, const struct sockaddr_storage *from,
                   struct listen_peer *peer);
/* Sessions that wait idle end now with 421; those with a message under way after it, or, when
 * patience is over, now as well (set house->draining before). Only a message that the keeper has
 * is always waited for. */
void session_hurry(struct session_house *h, bool patience_over);

#endif
