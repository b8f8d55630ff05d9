#include "clients/mta_sts.h"

#include "base/clock.h"

#include <inttypes.h>

bool mta_sts_write(const struct config_mta_sts *c, struct text *out)
{
    if (c->mode == CONFIG_STS_OFF)
        return false;
    text_addf(out, "version: STSv1\r\nmode: %s\r\n", config_sts_name(c->mode));
    for (size_t i = 0; i < c->mx.count; i++)
        text_addf(out, "mx: %s\r\n", c->mx.at[i]);
    text_addf(out, "max_age: %" PRId64 "\r\n", c->max_age / CLOCK_SECOND);
    return !out->full;
}
