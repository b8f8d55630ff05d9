#include "conf/config.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_FILE_MAX = 4096 };

static int check_file(const char *path, const struct stat *st, struct error *e)
{
    if (!S_ISREG(st->st_mode))
        return error_set(e, ERROR_INPUT, "%s is no regular file: name the file with the password",
                         path);
    if (st->st_uid != 0 && geteuid() != 0 && st->st_uid != geteuid())
        return error_set(e, ERROR_INPUT,
                         "%s belongs to somebody else, who could read the password: chown it to "
                         "root",
                         path);
    if (st->st_mode & (S_IROTH | S_IWOTH | S_IWGRP))
        return error_set(e, ERROR_INPUT,
                         "%s may be read or changed by others, so the password in it is no secret: "
                         "chmod 600 it, and change the password if others have been here",
                         path);
    return 0;
}

static int first_line(const char *path, struct span whole, struct text *out, struct error *e)
{
    struct span line = SPAN_NONE;

    span_cut(&whole, '\n', &line);
    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    if (!line.len)
        return error_set(e, ERROR_INPUT, "the first line of %s is empty: write the password there",
                         path);
    if (memchr(line.at, '\0', line.len))
        return error_set(e, ERROR_INPUT, "%s holds a NUL octet: is it a password file?", path);
    if (!text_add(out, line))
        return error_set(e, ERROR_INPUT, "the first line of %s is too long for a password", path);
    return 0;
}

int config_secret(const char *path, struct text *out, struct error *e)
{
    char buf[SECRET_FILE_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), result = -1;
    struct stat st;
    ssize_t n;

    if (fd < 0)
        return error_sys(e, errno, "cannot open the password file %s", path);
    if (fstat(fd, &st) < 0) {
        error_sys(e, errno, "cannot look at the password file %s", path);
    } else if (check_file(path, &st, e) == 0) {
        n = read(fd, buf, sizeof buf);
        if (n < 0)
            error_sys(e, errno, "cannot read the password file %s", path);
        else
            result = first_line(path, (struct span){buf, (size_t)n}, out, e);
    }
    memory_wipe(buf, sizeof buf);
    close(fd);
    return result;
}
