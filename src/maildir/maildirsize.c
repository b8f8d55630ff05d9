#include "maildir/maildirsize.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

/* More than all disks hold; so no sum of a file's lines overflows. */
static const uint64_t most = UINT64_C(1) << 50;

static bool read_number(struct span word, int64_t *out)
{
    bool minus = word.len && word.at[0] == '-';
    uint64_t value;

    if (!span_u64(span_from(word, minus ? 1 : 0), most, &value))
        return false;
    *out = minus ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool add_line(struct span line, struct maildirsize *sum)
{
    struct span octets = span_word(&line), messages = span_word(&line);
    int64_t o, m;

    if (span_trim(line).len || !read_number(octets, &o) || !read_number(messages, &m))
        return false;
    sum->octets += o;
    sum->messages += m;
    return sum->octets <= (int64_t)most && sum->octets >= -(int64_t)most &&
           sum->messages <= (int64_t)most && sum->messages >= -(int64_t)most;
}

/* "1000S,20C" or nothing: digits and a letter, with commas. */
static bool good_quota(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.at[i] >= '0' && s.at[i] <= '9') || (s.at[i] >= 'A' && s.at[i] <= 'Z') ||
              s.at[i] == ','))
            return false;
    return true;
}

bool maildirsize_parse(struct span text, struct maildirsize *out)
{
    struct span line;

    *out = (struct maildirsize){0};
    if (!text.len || text.at[text.len - 1] != '\n')
        return false;
    text = span_head(text, text.len - 1);
    span_cut(&text, '\n', &out->quota);
    if (!good_quota(out->quota) || !text.at)
        return false;
    while (span_cut(&text, '\n', &line))
        if (!add_line(line, out))
            return false;
    return out->octets >= 0 && out->messages >= 0;
}

void maildirsize_write(struct text *out, const struct maildirsize *in)
{
    text_add(out, in->quota);
    text_addf(out, "\n%" PRId64 " %" PRId64 "\n", in->octets, in->messages);
}

int maildirsize_open(int top, struct stat *s)
{
    int fd = openat(top, "maildirsize", O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int sys;

    if (fd < 0)
        return -1;
    sys = fstat(fd, s) < 0 ? errno : !S_ISREG(s->st_mode) || s->st_uid != geteuid() ? EINVAL : 0;
    if (!sys)
        return fd;
    close(fd);
    errno = sys;
    return -1;
}
