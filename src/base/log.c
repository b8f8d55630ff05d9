#include "base/log.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A line stays below PIPE_BUF, so that a write after poll() said "room" neither blocks nor mixes
 * with another process's line. */
enum { LINE_MAX_BYTES = 3800, FACILITY_MAIL = 2 << 3 };

static struct {
    char process[24];
    int fd;
    enum log_target target;
    enum log_form form;
    enum log_level least;
    _Atomic uint64_t dropped, told; /* lines lost; how many of them a later line has told */
} state = {.fd = STDERR_FILENO, .least = LOG_INFO, .process = "port26"};

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"", "", "", "error", "warning", "notice", "info", "debug"};

    return names[level];
}

/* Both targets take datagrams that block or fail at once; a stream to stderr is written as it is.
 */
static int connect_datagram(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    strncpy(un.sun_path, path, sizeof un.sun_path - 1);
    if (connect(fd, (struct sockaddr *)&un, sizeof un) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The variable tells device and inode of what systemd gave us; stderr may be another file since. */
static bool journal_reads_stderr(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *process, enum log_target target, enum log_form form, enum log_level least)
{
    static const char *const paths[] = {NULL, "/run/systemd/journal/socket", "/dev/log"};
    int fd;

    if (target == LOG_TO_STDERR && journal_reads_stderr())
        target = LOG_TO_JOURNAL;
    fd = paths[target] ? connect_datagram(paths[target]) : -1;
    if (state.fd != STDERR_FILENO)
        close(state.fd);
    strncpy(state.process, process, sizeof state.process - 1);
    state.target = fd < 0 ? LOG_TO_STDERR : target;
    state.fd = fd < 0 ? STDERR_FILENO : fd;
    state.form = form;
    state.least = least;
}

static void add_json_string(struct text *t, struct span s)
{
    struct text safe = TEXT_INIT(LINE_MAX_BYTES);

    text_add_safe(&safe, s);
    text_addc(t, '"');
    for (size_t i = 0; i < safe.len; i++) {
        if (safe.at[i] == '"' || safe.at[i] == '\\')
            text_addc(t, '\\');
        text_addc(t, safe.at[i]);
    }
    text_addc(t, '"');
    text_free(&safe);
}

static bool plain(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] <= ' ' || (unsigned char)s.at[i] >= 0x7f ||
            strchr("\"\\=", s.at[i]))
            return false;
    return s.len > 0;
}

static void add_value(struct text *t, const struct log_field *f, bool json)
{
    char buf[ID_TEXT + 1];

    if (f->id) {
        id_text(f->id, buf);
        text_addf(t, json ? "\"%s\"" : "%s", buf);
    } else if (!f->text.at && f->text.len == 1) {
        text_addf(t, "%lld", (long long)f->number);
    } else if (!json && plain(f->text)) {
        text_add(t, f->text);
    } else {
        add_json_string(t, f->text);
    }
}

static void add_head(struct text *t, enum log_level level, const char *event)
{
    char when[32];

    clock_iso(clock_wall(), when, sizeof when);
    if (state.form == LOG_JSON)
        text_addf(t, "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"event\":\"%s\"", when,
                  level_name(level), state.process, event);
    else if (state.target == LOG_TO_STDERR)
        text_addf(t, "%s %s %s %s", when, level_name(level), state.process, event);
    else
        text_addf(t, "%s %s", state.process, event);
}

static bool emit(struct text *line, enum log_level level)
{
    struct text out = TEXT_INIT(LINE_MAX_BYTES + 256);
    struct pollfd room = {.fd = state.fd, .events = POLLOUT};
    ssize_t n;

    errno = 0;
    if (state.target == LOG_TO_JOURNAL)
        text_addf(&out, "PRIORITY=%d\nSYSLOG_IDENTIFIER=port26\nMESSAGE=", level);
    else if (state.target == LOG_TO_SYSLOG)
        text_addf(&out, "<%d>port26[%d]: ", FACILITY_MAIL | (int)level, (int)getpid());
    text_add(&out, text_span(line));
    text_addc(&out, '\n');
    do
        n = poll(&room, 1, 0) == 1 ? write(state.fd, out.at, out.len) : -1;
    while (n < 0 && errno == EINTR);
    text_free(&out);
    return n >= 0;
}

static bool put_line(enum log_level level, const char *event, const struct log_field *fields)
{
    struct text line = TEXT_INIT(LINE_MAX_BYTES);
    bool json = state.form == LOG_JSON, written;

    add_head(&line, level, event);
    for (const struct log_field *f = fields; f->key; f++) {
        text_addf(&line, json ? ",\"%s\":" : " %s=", f->key);
        add_value(&line, f, json);
    }
    if (json)
        text_addc(&line, '}');
    written = emit(&line, level);
    text_free(&line);
    return written;
}

/* Whoever reads the log again must see that something is missing. */
static void tell_dropped(void)
{
    uint64_t lost = state.dropped - state.told;
    const struct log_field fields[] = {LOG_NUM("lines", lost), {.key = NULL}};

    if (lost && put_line(LOG_WARNING, "log.dropped", fields))
        state.told += lost;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if (level > state.least)
        return;
    tell_dropped();
    if (!put_line(level, event, fields))
        state.dropped++;
}
