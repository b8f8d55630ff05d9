/* setup_command: makes this computer a relay for one mail account: finds the provider's doors,
 * verifies the login, writes the configuration, and tells what to enter in the mail program. */
#ifndef PORT26_CLI_SETUP_COMMAND_H
#define PORT26_CLI_SETUP_COMMAND_H

int setup_command_run(int argc, const char **argv);

#endif
