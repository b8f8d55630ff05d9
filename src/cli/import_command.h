/* import_command: `port26 account import`: many accounts from another system's list. */
#ifndef PORT26_CLI_IMPORT_COMMAND_H
#define PORT26_CLI_IMPORT_COMMAND_H

int import_command_run(int argc, const char **argv);

#endif
