/* settings_command: which settings a mail program needs for sending from an address. */
#ifndef PORT26_CLI_SETTINGS_COMMAND_H
#define PORT26_CLI_SETTINGS_COMMAND_H

int settings_command_run(int argc, const char **argv);

#endif
