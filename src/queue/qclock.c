#include "queue/qclock.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

/* "<queue time> <clock_now> <wall> <boot>", decimal. */
static bool read_saved(struct span saved, int64_t number[3], struct span *boot)
{
    for (int i = 0; i < 3; i++) {
        uint64_t n;

        if (!span_u64(span_word(&saved), INT64_MAX, &n))
            return false;
        number[i] = (int64_t)n;
    }
    *boot = span_word(&saved);
    return true;
}

/* On the same boot exactly what has passed; else the calendar's word for it, within a day. */
static int64_t passed(const int64_t number[3], bool same_boot, int64_t now, int64_t wall)
{
    int64_t ms = same_boot ? now - number[1] : wall - number[2];

    if (ms < 0)
        return 0;
    return !same_boot && ms > CLOCK_DAY ? CLOCK_DAY : ms;
}

void qclock_start(struct qclock *c, struct span saved, struct span boot, int64_t now, int64_t wall)
{
    int64_t number[3];
    struct span before;

    *c = (struct qclock){.base = CLOCK_DAY, .since = now};
    span_cstr(span_head(boot, QCLOCK_BOOT), c->boot, sizeof c->boot);
    if (read_saved(saved, number, &before))
        c->base = number[0] + passed(number, boot.len && span_eq(before, boot), now, wall);
}

int64_t qclock_at(const struct qclock *c, int64_t now)
{
    return c->base + (now - c->since);
}

void qclock_save(const struct qclock *c, int64_t now, int64_t wall, struct text *out)
{
    text_addf(out, "%lld %lld %lld %s", (long long)qclock_at(c, now), (long long)now,
              (long long)wall, c->boot);
}

void qclock_boot(char boot[QCLOCK_BOOT + 1])
{
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    size_t n = 0;

    if (f) {
        n = fread(boot, 1, QCLOCK_BOOT, f);
        fclose(f);
    }
    boot[n] = '\0';
}
