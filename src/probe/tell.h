/* tell: conclusions in words: the verdict form that check and explain share. */
#ifndef PORT26_PROBE_TELL_H
#define PORT26_PROBE_TELL_H

#include "probe/conclude.h"
#include "probe/remedy.h"

/* The words for settings that stand for what was seen: how a door begins, and what its mechanisms
 * (separated by blanks) mean for the SPA switch. */
enum steps_sealing tell_sealing(enum findings_mode mode);
enum steps_spa tell_spa(const char *mechanisms);
/* Fills *out; its texts live in the arena (and in f, c, where they are static or kept as long). */
void tell_set(const struct findings *f, const struct conclusions *c, enum steps_program program,
              struct verdict_set *out, struct arena *a);

#endif
