/* clean: what strangers call themselves (a network's name, a server's words) as text that is safe
 * on a terminal and in a file of lines. */
#ifndef PORT26_PLACE_CLEAN_H
#define PORT26_PLACE_CLEAN_H

#include "base/span.h"

/* Copies s to out (size octets, NUL included), what is not printable as \xNN, cut between
 * characters. Cleaning what is clean changes nothing. */
void clean_copy(char *out, size_t size, struct span s);

#endif
