/* serve_command: run the server, ask how it is, make it read its configuration again. */
#ifndef PORT26_CLI_SERVE_COMMAND_H
#define PORT26_CLI_SERVE_COMMAND_H

int serve_command_run(int argc, const char **argv);
int serve_command_reload(int argc, const char **argv);

#endif
