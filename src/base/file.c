#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { PIECE = 16384 };

int file_write(int fd, struct span s)
{
    while (s.len) {
        ssize_t n = write(fd, s.at, s.len);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            s = span_from(s, (size_t)n);
    }
    return 0;
}

int file_read(int fd, struct text *out)
{
    char piece[PIECE];

    for (;;) {
        ssize_t n = read(fd, piece, sizeof piece);

        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0 && !text_add(out, (struct span){piece, (size_t)n}))
            return -EFBIG;
    }
}

int file_replace(const char *file, const char *fresh, struct span s)
{
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int rc = fd < 0 ? -errno : file_write(fd, s);

    if (fd >= 0)
        close(fd);
    return rc == 0 && rename(fresh, file) < 0 ? -errno : rc;
}
