#include "serve/challenge.h"

#include "base/file.h"

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

bool challenge_read(const char *webroot, struct span token, struct text *out)
{
    struct text path = TEXT_INIT(8192);
    struct stat st;
    bool ok = *webroot && challenge_token_ok(token) &&
              text_addf(&path, "%s%s%.*s", webroot, CHALLENGE_PATH, SPAN_ARG(token));
    int fd = ok ? open(text_cstr(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;

    ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
         st.st_size <= CHALLENGE_MAX;
    text_init(out, CHALLENGE_MAX); /* one that grows meanwhile is refused */
    ok = ok && file_read(fd, out) == 0;
    if (fd >= 0)
        close(fd);
    text_free(&path);
    return ok;
}
