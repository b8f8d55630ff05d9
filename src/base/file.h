/* file: whole files through descriptors. */
#ifndef PORT26_BASE_FILE_H
#define PORT26_BASE_FILE_H

#include "base/text.h"

/* Writes all of s; syncs nothing. 0 or a negative errno. */
int file_write(int fd, struct span s);
/* Adds what is left of the file to `out`. 0; -EFBIG when it is more than fits; another negative
 * errno. */
int file_read(int fd, struct text *out);
/* Writes `s` (mode 0600) as `fresh`, which then takes the place of `file`: whole or not at all for
 * who reads it, but without waiting for the disk, so not for what must survive a power cut. No link
 * is followed. 0 or a negative errno. */
int file_replace(const char *file, const char *fresh, struct span s);

#endif
