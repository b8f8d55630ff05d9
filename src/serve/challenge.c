#include "serve/challenge.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool challenge_token_ok(struct span token)
{
    for (size_t i = 0; i < token.len; i++) {
        char c = token.at[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_';

        if (!fine)
            return false;
    }
    return token.len > 0 && token.len <= CHALLENGE_TOKEN;
}

/* The size was looked at before; a file that grows meanwhile is refused. */
static bool read_all(int fd, struct text *out)
{
    char *room = text_room(out, CHALLENGE_MAX + 1);
    ssize_t n = 1;

    while (room && n > 0 && out->len <= CHALLENGE_MAX) {
        do
            n = read(fd, out->at + out->len, CHALLENGE_MAX + 1 - out->len);
        while (n < 0 && errno == EINTR);
        if (n > 0)
            out->len += (size_t)n;
    }
    return room && n == 0;
}

bool challenge_read(const char *webroot, struct span token, struct text *out)
{
    struct text path = TEXT_INIT(8192);
    struct stat st;
    bool ok = *webroot && challenge_token_ok(token) &&
              text_addf(&path, "%s%s%.*s", webroot, CHALLENGE_PATH, SPAN_ARG(token));
    int fd = ok ? open(text_cstr(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;

    ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
         st.st_size <= CHALLENGE_MAX;
    text_init(out, CHALLENGE_MAX + 1);
    ok = ok && read_all(fd, out);
    if (fd >= 0)
        close(fd);
    text_free(&path);
    return ok;
}
