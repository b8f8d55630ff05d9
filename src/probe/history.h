/* history: what earlier runs of the check saw, for what one look cannot tell: "since Tuesday port
 * 25 no longer opens here" (N19), "it works at home, not here" (N20), "3 of 10 connections die".
 * Kept as one small file in the user's state directory. */
#ifndef PORT26_PROBE_HISTORY_H
#define PORT26_PROBE_HISTORY_H

#include "base/error.h"
#include "place/known.h"
#include "probe/findings.h"

/* $PORT26_STATE, else $XDG_STATE_HOME/port26, else ~/.local/state/port26; "" when there is no home.
 * out: PATH_MAX octets. */
void history_folder(char *out, size_t size);
/* Reads what is kept; never fails because there is nothing. A file that does not read is put aside
 * under another name ("places.broken"), *e tells, and the history goes on with what could be read
 * of it. The caller frees it with known_free. */
struct known *history_open(const char *folder, struct error *e);
/* Writes it, all or nothing, readable by its owner alone; makes the folder. Two runs at once lose
 * neither's results: it reads again under a lock (waiting a second for it at most), adds what `f`
 * saw, and replaces *k by that. Doors are called "host:port"; one door is one try in a run,
 * whatever addresses it has. 0, or -1 and *e. */
int history_note(const char *folder, struct known **k, const struct place *p,
                 const struct findings *f, int64_t now, struct error *e);
/* Fills f->past from what was known before this run. Pure but for f. */
void history_look(const struct known *k, const struct place *p, struct findings *f, int64_t now);

#endif
