#include "maildir/vsize.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 64 << 10 };

void vsize_add(struct vsize *v, struct span s)
{
    const char *at = s.at, *end = s.at + s.len, *lf;

    if (!s.len)
        return;
    for (; (lf = memchr(at, '\n', (size_t)(end - at))); at = lf + 1)
        v->bare += (lf == s.at ? v->last : lf[-1]) != '\r';
    v->size += s.len;
    v->last = end[-1];
}

int vsize_read(struct vsize *v, int fd)
{
    char *buf = memory_alloc(PIECE);
    int rc = 0;

    *v = (struct vsize){0};
    for (;;) {
        ssize_t n = pread(fd, buf, PIECE, (off_t)v->size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = -errno;
        if (n <= 0)
            break;
        vsize_add(v, (struct span){buf, (size_t)n});
    }
    free(buf);
    return rc;
}

uint64_t vsize_virtual(const struct vsize *v)
{
    return v->size + v->bare;
}

uint64_t vsize_sent(const struct vsize *v)
{
    return vsize_virtual(v) + (v->size && v->last != '\n' ? 2 : 0);
}
