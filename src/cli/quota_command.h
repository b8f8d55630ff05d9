/* quota_command: `port26 quota ls`, `show`, `recount`. */
#ifndef PORT26_CLI_QUOTA_COMMAND_H
#define PORT26_CLI_QUOTA_COMMAND_H

int quota_command_ls(int argc, const char **argv);
int quota_command_show(int argc, const char **argv);
int quota_command_recount(int argc, const char **argv);
int quota_command_reset(int argc, const char **argv);

#endif
