/* check_board: the doors of the server on a terminal, filling in while the check looks, redrawn in
 * place. It reads the findings whenever it draws and keeps nothing of them. */
#ifndef PORT26_CLI_CHECK_BOARD_H
#define PORT26_CLI_CHECK_BOARD_H

#include "io/loop.h"
#include "probe/findings.h"

#include <stdio.h>

struct check_board;

/* NULL when `to` is no terminal on which lines can be redrawn, or too small. `f` must live as long
 * as the board. */
struct check_board *check_board_new(struct loop *l, const struct findings *f, FILE *to);
/* A look begins; `title` stands above the doors ("run 3 of 10"; "" for none). */
void check_board_begin(struct check_board *b, const char *title);
/* Something changed: the argument observe's progress takes. */
void check_board_changed(void *board, const struct findings_door *d);
/* Draws the last state; the next begin draws over it. */
void check_board_end(struct check_board *b);
/* The cursor stays below the last state. NULL is fine; nulls the pointer. */
void check_board_free(struct check_board **b);

#endif
