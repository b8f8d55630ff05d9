/* sendmail_command: what programs know as /usr/sbin/sendmail, and its siblings. */
#ifndef PORT26_CLI_SENDMAIL_COMMAND_H
#define PORT26_CLI_SENDMAIL_COMMAND_H

/* Its options are not popt's: sendmail_options.h. Exit statuses are those programs know: EX_OK only
 * after the durable commit; EX_TEMPFAIL: keep it and try again. */
int sendmail_command_run(int argc, const char **argv);
int sendmail_command_newaliases(int argc, const char **argv);

#endif
