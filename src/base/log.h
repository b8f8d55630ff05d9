/* log: one line per event, key=value or JSON. Values are escaped: no peer's text makes a second
 * line or reaches a terminal. Secrets are never passed here (P8). When the target blocks, lines are
 * dropped and counted, mail goes on (HOSTILE fault 41). Any thread may write; log_open comes before
 * there are others.
 *
 *     log_event(LOG_INFO, "message.accepted", LOG_ID(&id), LOG_STR("door", door), LOG_NUM("size",
 * n)); */
#ifndef PORT26_BASE_LOG_H
#define PORT26_BASE_LOG_H

#include "base/id.h"
#include "base/span.h"

/* Names carry a number as syslog does: RFC 5424 table 2. */
enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };
enum log_target { LOG_TO_STDERR, LOG_TO_JOURNAL, LOG_TO_SYSLOG };
enum log_form { LOG_KEYVALUE, LOG_JSON };

struct log_field {
    const char *key;
    struct span text;
    int64_t number;
    const struct id *id;
};

#define LOG_SPAN(k, s) ((struct log_field){.key = (k), .text = (s)})
#define LOG_STR(k, s)  ((struct log_field){.key = (k), .text = span_of(s)})
#define LOG_NUM(k, n)  ((struct log_field){.key = (k), .number = (int64_t)(n), .text = {NULL, 1}})
#define LOG_ID(i)      ((struct log_field){.key = "id", .id = (i)})
#define log_event(level, event, ...)                                                               \
    log_write(level, event, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})

/* `process` stands on every line ("keeper", "listener", ...). For journal and syslog the socket is
 * opened here, before the jail. Lines above `least` are not written. Where systemd has connected
 * stderr to the journal (JOURNAL_STREAM, systemd.exec(5)), LOG_TO_STDERR is LOG_TO_JOURNAL: lines
 * keep their level, and the time is not told twice. */
void log_open(const char *process, enum log_target target, enum log_form form,
              enum log_level least);
/* `fields` ends with a row whose key is NULL. */
/* Lines are lost while the target blocks; the next one that can be written is preceded by a
 * "log.dropped" that tells how many. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#endif
