/* places_command: the networks this machine has been in, and how the relays' doors fared there. */
#ifndef PORT26_CLI_PLACES_COMMAND_H
#define PORT26_CLI_PLACES_COMMAND_H

#include <jansson.h>

int places_command_ls(int argc, const char **argv);
int places_command_forget(int argc, const char **argv);
int places_command_name(int argc, const char **argv);

/* Where we are, the relays' doors here, and what waits for what: parts of an answer to "status". */
void places_command_status(const json_t *answer);

#endif
