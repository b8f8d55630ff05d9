/* send_command: a message from a person or a script. */
#ifndef PORT26_CLI_SEND_COMMAND_H
#define PORT26_CLI_SEND_COMMAND_H

int send_command_run(int argc, const char **argv);

#endif
