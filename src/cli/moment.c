#include "cli/moment.h"

#include <stdio.h>
#include <stdlib.h>

bool moment_read(const char *iso, time_t *out)
{
    struct tm tm = {0};

    if (sscanf(iso, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec) != 6)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    *out = timegm(&tm);
    return true;
}

const char *moment_local(const char *iso, char *buf, size_t cap)
{
    struct tm at;
    time_t t;
    int zone;

    buf[0] = '\0';
    if (!moment_read(iso, &t) || !localtime_r(&t, &at))
        return buf;
    zone = (int)(at.tm_gmtoff / 60);
    snprintf(buf, cap, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", at.tm_year + 1900, at.tm_mon + 1,
             at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec, zone < 0 ? '-' : '+', abs(zone) / 60,
             abs(zone) % 60);
    return buf;
}
