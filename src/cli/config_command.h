/* config_command: "port26 config ...". */
#ifndef PORT26_CLI_CONFIG_COMMAND_H
#define PORT26_CLI_CONFIG_COMMAND_H

/* See command.h for the contract of all three. */
int config_command_check(int argc, const char **argv);
int config_command_show(int argc, const char **argv);
int config_command_manual(int argc, const char **argv);

#endif
