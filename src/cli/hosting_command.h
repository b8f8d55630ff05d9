/* hosting_command: `port26 host`, `port26 domain`, `port26 alias`: who is here besides accounts. */
#ifndef PORT26_CLI_HOSTING_COMMAND_H
#define PORT26_CLI_HOSTING_COMMAND_H

int hosting_command_host_ls(int argc, const char **argv);
int hosting_command_host_show(int argc, const char **argv);
int hosting_command_host_add(int argc, const char **argv);
int hosting_command_host_set(int argc, const char **argv);
int hosting_command_host_lock(int argc, const char **argv);
int hosting_command_host_unlock(int argc, const char **argv);
int hosting_command_host_rm(int argc, const char **argv);

int hosting_command_domain_ls(int argc, const char **argv);
int hosting_command_domain_add(int argc, const char **argv);
int hosting_command_domain_set(int argc, const char **argv);
int hosting_command_domain_rm(int argc, const char **argv);

int hosting_command_alias_ls(int argc, const char **argv);
int hosting_command_alias_add(int argc, const char **argv);
int hosting_command_alias_set(int argc, const char **argv);
int hosting_command_alias_rm(int argc, const char **argv);

#endif
