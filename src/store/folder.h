/* folder: the folder a store lives in: whose it is, who holds it, and the bodies that are files:
 *
 *     <path>/lock            held by flock while a process has the store open
 *     <path>/body/<xx>/<id>  <xx>: two characters of the id's time, so that bodies that come
 *                            together share a folder and its sync
 *
 * A body is written to an unnamed file, synced, and only then given its name, and its folder is
 * synced, all before the row that names it is committed (R1). A name without a row is an orphan:
 * its accept never came to the 250. */
#ifndef PORT26_STORE_FOLDER_H
#define PORT26_STORE_FOLDER_H

#include "base/error.h"
#include "base/id.h"

struct folder;

/* Makes the folder when it is missing, checks that it, its lock and its database are ours and no
 * links (HOSTILE 115 to 117), takes the lock. */
int folder_open(const char *path, struct folder **out, struct error *e);
/* Gives the lock back; nulls the pointer. */
void folder_close(struct folder **f);
/* The real path, free of links. */
const char *folder_path(const struct folder *f);
/* An unnamed file for a body. Any thread. */
int folder_body_file(const struct folder *f, struct error *e);
/* Octets and inodes free for us; UINT64_MAX inodes where the file system does not count them. Any
 * thread. */
int folder_free(const struct folder *f, uint64_t *octets, uint64_t *inodes, struct error *e);
/* Syncs the file and gives it its name; the folder's own sync may wait for folder_sync. A file that
 * is not one of folder_body_file's is copied into one first. */
int folder_body_keep(struct folder *f, const struct id *id, int fd, uint64_t size, struct error *e);
/* Syncs the folders that got new names since the last call. */
int folder_sync(struct folder *f, struct error *e);
/* Opens for reading; -1 with *e, e->sys ENOENT when there is none or it is no regular file of ours.
 */
int folder_body_open(const struct folder *f, const struct id *id, struct error *e);
bool folder_body_there(const struct folder *f, const struct id *id);
void folder_body_remove(const struct folder *f, const struct id *id);
/* Calls fn for every body that is there; fn may remove it. Names that are no ids are left alone and
 * counted. */
int folder_bodies(const struct folder *f, void (*fn)(void *arg, const struct id *id), void *arg,
                  unsigned *strange, struct error *e);

#endif
