/* account_command: who may log in. */
#ifndef PORT26_CLI_ACCOUNT_COMMAND_H
#define PORT26_CLI_ACCOUNT_COMMAND_H

#include <jansson.h>

int account_command_add(int argc, const char **argv);
int account_command_passwd(int argc, const char **argv);
int account_command_set(int argc, const char **argv);
int account_command_lock(int argc, const char **argv);
int account_command_unlock(int argc, const char **argv);
int account_command_show(int argc, const char **argv);
int account_command_release(int argc, const char **argv);
int account_command_rm(int argc, const char **argv);
int account_command_ls(int argc, const char **argv);
int account_command_export(int argc, const char **argv);

/* Prints what an account or hosting account has sent, as the keeper tells it ("sent"). */
void account_command_print_sent(const json_t *sent);
/* The limits that were set for it ("sending", "messages"), and those that hold ("sent"). */
void account_command_print_sending(const json_t *o);
/* The same for what it stores ("stored"). */
void account_command_print_stored(const json_t *stored);

#endif
