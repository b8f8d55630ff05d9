/* disk: reading files from a fiber. What lies in the page cache comes at once; for what the disk
 * must be asked for, a thread waits, and of the loop only this fiber. */
#ifndef PORT26_IO_DISK_H
#define PORT26_IO_DISK_H

#include "io/loop.h"

#include <sys/types.h>

struct disk;

/* Its threads start with the first read that needs one: after the jail is shut (docs/why/jail.md).
 */
struct disk *disk_new(struct loop *l);
/* Waits for reads under way. Nulls the pointer; NULL is fine. */
void disk_free(struct disk **d);
/* As pread, from a fiber: at least 1 octet, 0 at the file's end, or a negative errno. Once a thread
 * reads it is waited for, also when the fiber was cancelled: -ECANCELED comes from the wait for a
 * free thread only. */
ssize_t disk_read(struct disk *d, int fd, char *buf, size_t n, off_t at);

#endif
