/* queue_command: look at the queue and act on it. */
#ifndef PORT26_CLI_QUEUE_COMMAND_H
#define PORT26_CLI_QUEUE_COMMAND_H

int queue_command_ls(int argc, const char **argv);
int queue_command_show(int argc, const char **argv);
int queue_command_retry(int argc, const char **argv);
int queue_command_hold(int argc, const char **argv);
int queue_command_release(int argc, const char **argv);
int queue_command_rm(int argc, const char **argv);

#endif
