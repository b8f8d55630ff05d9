/* status_command: how the mail of this computer fares just now: where we are, which way out is
 * open, what waits for what and why. */
#ifndef PORT26_CLI_STATUS_COMMAND_H
#define PORT26_CLI_STATUS_COMMAND_H

int status_command_run(int argc, const char **argv);

#endif
