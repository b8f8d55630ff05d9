/* explain_command: `port26 explain`: what a text about mail that did not go through means. */
#ifndef PORT26_CLI_EXPLAIN_COMMAND_H
#define PORT26_CLI_EXPLAIN_COMMAND_H

int explain_command_run(int argc, const char **argv);

#endif
