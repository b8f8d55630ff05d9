/* `port26 domain keys|rotate|unsign`: the DKIM keys of a domain; `domain dns`: the records it
 * should publish; `domain check`: what it does publish. */
#ifndef PORT26_CLI_ZONE_COMMAND_H
#define PORT26_CLI_ZONE_COMMAND_H

int zone_command_keys(int argc, const char **argv);
int zone_command_rotate(int argc, const char **argv);
int zone_command_unsign(int argc, const char **argv);

#endif
