/* check_cell: how far a door let us come, in a few words: for the board, the evidence and the
 * report. */
#ifndef PORT26_CLI_CHECK_CELL_H
#define PORT26_CLI_CHECK_CELL_H

#include "probe/findings.h"

enum check_mood { MOOD_WAIT, MOOD_GOOD, MOOD_BAD, MOOD_PLAIN };

struct check_cell {
    enum check_mood mood;
    char words[200]; /* printable: "open 12 ms, TLSv1.3, certificate ok, login ok" */
};

enum check_cell_form {
    CELL_LIVE,  /* more may come */
    CELL_DONE,  /* nothing more will be seen of it */
    CELL_SHORT, /* without the time, so that doors that fare alike read alike */
};

/* The row that stands for this port and family: of several addresses the one that came farthest;
 * NULL when there is none. */
const struct findings_door *check_cell_door(const struct findings *f, enum findings_who who,
                                            unsigned port, int family);
/* d NULL: no words. */
void check_cell(const struct findings *f, const struct findings_door *d, enum check_cell_form form,
                struct check_cell *out);
/* The ports tried at somebody, each once, the customary ones first. Returns how many. */
enum { CHECK_CELL_PORTS = 24 };
size_t check_cell_ports(const struct findings *f, enum findings_who who,
                        unsigned out[CHECK_CELL_PORTS]);
/* "192.0.2.1", "" when the family is none of the internet's. */
void check_cell_address(const struct sockaddr_storage *a, char out[INET6_ADDRSTRLEN]);

#endif
