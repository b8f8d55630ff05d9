/* `port26 domain keys|rotate|unsign`: the DKIM keys of a domain; `domain dns`: the records it
 * should publish; `domain check`: what it does publish. */
#ifndef PORT26_CLI_ZONE_COMMAND_H
#define PORT26_CLI_ZONE_COMMAND_H

int zone_command_keys(int argc, const char **argv);
int zone_command_rotate(int argc, const char **argv);
int zone_command_unsign(int argc, const char **argv);
int zone_command_dns(int argc, const char **argv);
/* EX_OK when all that is required is right, EX_UNAVAILABLE when some of it is not, EX_TEMPFAIL when
 * the DNS did not tell. */
int zone_command_check(int argc, const char **argv);

#endif
