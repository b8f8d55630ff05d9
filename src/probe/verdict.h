/* verdict: what is wrong, who can repair it, and the one setting to change. Check and explain end
 * in the same form; --json prints it as it stands here (issue and manual: "For machines"). Plain
 * data: whoever makes it owns the arena that its spans live in. */
#ifndef PORT26_PROBE_VERDICT_H
#define PORT26_PROBE_VERDICT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"
#include "mail/cause.h"

/* The causes of docs/check.md by their ids; names in tables and tests. */
#define VERDICT_ID_MAX 8
#define VERDICT_OK     "OK"
/* Nothing known fits. */
#define VERDICT_UNKNOWN "unknown"

enum { VERDICT_STEPS_MAX = 16, VERDICT_ALSO_MAX = 8, VERDICT_DOUBTS_MAX = 8 };

struct verdict {
    const char *id;       /* "N8", "A1", "M7", ..., "OK", "unknown"; static */
    enum cause cause;     /* CAUSE_NONE: no class applies, "class" is "" */
    enum owner owner;     /* OWNER_NONE: nobody needs to, or nobody knows */
    const char *rule;     /* name of the rule that fired, for --explain; static or in the arena */
    struct span sentence; /* what is wrong, in plain words */
    struct span setting;  /* the one setting to change; empty when there is none */
    struct span steps[VERDICT_STEPS_MAX];
    size_t step_count;
};

/* One run of check, or one text explained. What was seen (findings, doors) its maker keeps. */
struct verdict_set {
    struct verdict verdict;
    struct verdict also[VERDICT_ALSO_MAX]; /* further verdicts, the surest first */
    size_t also_count;
    struct span not_ruled_out[VERDICT_DOUBTS_MAX];
    size_t doubt_count;
    uint64_t elapsed_ms;
};

/* Each copies the words into the arena; past the maximum they are dropped. */
void verdict_step(struct verdict *v, struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void verdict_doubt(struct verdict_set *set, struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A further verdict, unless its id is the main one's or already there. */
void verdict_also(struct verdict_set *set, const struct verdict *v);
/* The name of the cause, "" when none applies. */
const char *verdict_class(const struct verdict *v);

/* Exit status of check and explain, by who can repair it: 0 OK, 10 you, 11 network, 12 provider,
 * 13 recipient, 14 nobody needs to or nobody knows. */
enum {
    VERDICT_EXIT_OK = 0,
    VERDICT_EXIT_YOU = 10,
    VERDICT_EXIT_NETWORK = 11,
    VERDICT_EXIT_PROVIDER = 12,
    VERDICT_EXIT_RECIPIENT = 13,
    VERDICT_EXIT_UNKNOWN = 14,
};
int verdict_exit(const struct verdict *v);

#endif
