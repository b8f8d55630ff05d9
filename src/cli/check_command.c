#include "cli/check_command.h"

#include "base/memory.h"
#include "cli/check_answer.h"
#include "cli/check_board.h"
#include "cli/check_options.h"
#include "cli/check_repeat.h"
#include "cli/check_run.h"
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>

static int look(struct check *c)
{
    int status;

    if (c->o.repeat || c->o.watch)
        return check_repeat_run(c);
    if (c->board)
        check_board_begin(c->board, "");
    status = check_run_look(c);
    if (c->board)
        check_board_end(c->board);
    return status;
}

static int run(struct check *c)
{
    int status = check_options_read(&c->o);

    if (status == EX_OK)
        status = check_run_prepare(c);
    if (status != EX_OK)
        return status;
    if (!c->o.json) {
        printf("%s (%s)\n", c->found.host, c->found.how);
        if (!c->o.watch)
            c->board = check_board_new(c->loop, &c->now, stdout);
    }
    status = look(c);
    return status == EX_OK ? check_answer(c) : status;
}

int check_command_run(int argc, const char **argv)
{
    struct check *c = memory_alloc(sizeof *c);
    struct poptOption options[CHECK_OPTIONS_ROWS];
    const struct command_rules rules = {
        .options = options,
        .least = 1,
        .most = 1,
        .examples = "  port26 check you@example.com\n"
                    "  port26 check mail.example.com --port 25 --client outlook\n"
                    "  port26 check you@example.com --send\n"
                    "  port26 check mail.example.com --repeat 20 --report check.html\n"
                    "Exit status: 0 nothing wrong; who can repair it: 10 you, 11 the network,\n"
                    "12 the mail provider, 13 the recipient's side, 14 not known.\n"};
    struct command_call call;
    int status;

    c->o.pause = c->o.password_fd = -1;
    check_options_table(&c->o, options);
    status = command_options(&call, argc, argv, &rules);
    if (status == COMMAND_GO_ON) {
        c->o.target = call.args[0];
        status = run(c);
        command_end(&call);
    }
    check_run_free(c);
    free(c);
    return status;
}
