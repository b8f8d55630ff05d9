/* capture: what a command writes to stdout and stderr. */
#ifndef PORT26_TEST_CAPTURE_H
#define PORT26_TEST_CAPTURE_H

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

struct capture {
    int saved[2];
    FILE *file;
};

static inline void capture_begin(struct capture *c)
{
    fflush(stdout);
    fflush(stderr);
    c->file = tmpfile();
    assert(c->file);
    for (int i = 0; i < 2; i++) {
        c->saved[i] = dup(i + 1);
        dup2(fileno(c->file), i + 1);
    }
}

/* What was written since capture_begin, in order. */
static inline void capture_end(struct capture *c, char *buf, size_t cap)
{
    size_t n;

    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        dup2(c->saved[i], i + 1);
        close(c->saved[i]);
    }
    rewind(c->file);
    n = fread(buf, 1, cap - 1, c->file);
    buf[n] = '\0';
    fclose(c->file);
}

#endif
