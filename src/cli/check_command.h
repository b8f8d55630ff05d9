/* check_command: `port26 check`. */
#ifndef PORT26_CLI_CHECK_COMMAND_H
#define PORT26_CLI_CHECK_COMMAND_H

int check_command_run(int argc, const char **argv);

#endif
