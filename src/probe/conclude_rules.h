/* conclude_rules: what the rules of conclude.c share. For this folder only. */
#ifndef PORT26_PROBE_CONCLUDE_RULES_H
#define PORT26_PROBE_CONCLUDE_RULES_H

#include "probe/conclude.h"

enum { CONCLUDE_DOORS_MAX = 24 };

/* What rules look at: the findings, and what is asked often. */
struct facts {
    const struct findings *f;
    const struct findings_door *best;
    bool control; /* some door of the control opened: it can witness */
    struct conclusions *out;
    /* The doors for sending, in the order they are recommended: those known to all, then what else
     * was looked at, then 443; ends with 0. */
    unsigned doors[CONCLUDE_DOORS_MAX + 1];
};

/* Those every provider has: only they can be compared with another provider's. */
bool conclude_standard(unsigned port);
/* Does the user use this door, as far as we know? */
bool conclude_matters(const struct facts *k, unsigned port);

/* The row that tells most about that port, of all its addresses, or NULL: one that speaks before
 * one that opened before one that did not. */
const struct findings_door *conclude_door(const struct facts *k, enum findings_who who,
                                          unsigned port);
/* Its state; DOOR_UNTRIED when there is none. */
enum findings_state conclude_state(const struct facts *k, enum findings_who who, unsigned port);
/* How many of conclude_doors are open there. */
unsigned conclude_open(const struct facts *k, enum findings_who who);
/* Anything of the web or of another host came through. */
bool conclude_web(const struct facts *k);
/* How far the user's server is, by the sweep of an open door; 0: unknown. */
unsigned conclude_distance(const struct facts *k);

void conclude_port(struct conclusion *c, unsigned port);
void conclude_other(struct conclusion *c, const char *words);
void conclude_doubt(struct facts *k, const char *sentence);

/* Was this concluded before, about that port (0: whatever it is about)? */
bool conclude_said(const struct facts *k, const char *id, unsigned port);

/* Each tells whether its cause holds, and fills ports, other, reply and cause where it knows. */
typedef bool conclude_rule(struct facts *k, struct conclusion *c);

/* conclude_path.c: is there a way at all? */
conclude_rule conclude_offline, conclude_portal, conclude_lies, conclude_no_resolver,
    conclude_no_name, conclude_ipv6, conclude_much_loss, conclude_loss;
/* conclude_way.c: who shuts the doors? */
conclude_rule conclude_local, conclude_isp_only, conclude_all_shut, conclude_down,
    conclude_down_first, conclude_dropped, conclude_reset, conclude_forbidden, conclude_not_there,
    conclude_used_to_open, conclude_elsewhere, conclude_hosting;
/* conclude_talk.c: who speaks there, and what? */
conclude_rule conclude_intercepted, conclude_masked, conclude_stripped, conclude_read_along,
    conclude_clock, conclude_mode, conclude_certificate, conclude_big_packets, conclude_tls_fails,
    conclude_greeting, conclude_takes_few, conclude_mute, conclude_mail, conclude_held,
    conclude_login, conclude_user_form, conclude_no_auth, conclude_oauth_only, conclude_spa_only,
    conclude_needs_tls, conclude_no_starttls;

#endif
