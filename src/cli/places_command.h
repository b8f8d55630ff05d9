/* places_command: the networks this machine has been in, and how the relays' doors fared there. */
#ifndef PORT26_CLI_PLACES_COMMAND_H
#define PORT26_CLI_PLACES_COMMAND_H

int places_command_ls(int argc, const char **argv);
int places_command_forget(int argc, const char **argv);
int places_command_name(int argc, const char **argv);

#endif
