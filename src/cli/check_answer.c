#include "cli/check_answer.h"

#include "cli/check_evidence.h"
#include "cli/check_findings.h"
#include "cli/check_machine.h"
#include "cli/check_repeat.h"
#include "cli/check_report.h"
#include "cli/command.h"
#include "cli/verdict_view.h"

#include <stdio.h>

static void print_people(const struct check *c)
{
    struct span evidence[CHECK_EVIDENCE_MAX];
    struct arena *a = arena_new();
    size_t n = check_evidence(c, a, evidence);

    if (c->o.explain) {
        printf("\nFindings; the rule that fired: %s\n", c->set.verdict.rule);
        check_findings_print(&c->findings, stdout);
    }
    putchar('\n');
    if (c->o.repeat || c->o.watch) {
        check_repeat_print(c, stdout);
        putchar('\n');
    }
    verdict_view_head(&c->set, stdout);
    for (size_t i = 0; i < n; i++)
        verdict_view_line(stdout, i ? "" : "Evidence", evidence[i]);
    verdict_view_doubts(&c->set, stdout);
    arena_free(&a);
}

int check_answer(const struct check *c)
{
    struct error e = {0};

    if (c->o.json)
        check_machine_print(c, stdout);
    else
        print_people(c);
    if (c->o.report && check_report_write(c, c->o.report, &e) < 0)
        return command_error("check", EX_CANTCREAT, "%s", e.words);
    return verdict_exit(&c->set.verdict);
}
