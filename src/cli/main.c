/* main: the list of commands. How to add one stands in command.h. */
#include "base/log.h"
#include "base/memory.h"
#include "cli/account_command.h"
#include "cli/check_command.h"
#include "cli/command.h"
#include "cli/config_command.h"
#include "cli/explain_command.h"
#include "cli/hosting_command.h"
#include "cli/import_command.h"
#include "cli/places_command.h"
#include "cli/queue_command.h"
#include "cli/quota_command.h"
#include "cli/send_command.h"
#include "cli/sendmail_command.h"
#include "cli/serve_command.h"
#include "cli/setup_command.h"
#include "cli/settings_command.h"
#include "cli/status_command.h"
#include "cli/zone_command.h"

#include <locale.h>
#include <stdio.h>

static const struct command commands[] = {
    {"serve", "[-c FILE]", "Run the server in the foreground.", serve_command_run, NULL},
    {"status", "[--json | --watch]", "Tell which way mail leaves, what waits for what, and why.",
     status_command_run, NULL},
    {"explain", "[TEXT | FILE]",
     "Tell what a server's reply, a bounce or an error window means, and what to do.",
     explain_command_run, NULL},
    {"check", "ADDRESS | SERVER [--port N]",
     "Find out why mail cannot be sent, and who can repair it.", check_command_run, NULL},
    {"settings", "ADDRESS [--client PROGRAM]",
     "Tell the settings that a mail program needs for sending.", settings_command_run, NULL},
    {"setup", "ADDRESS [--server HOST]",
     "Make this computer a relay for a mail account: find the doors, verify, write the settings.",
     setup_command_run, NULL},
    {"send", "--to ADDRESS [--subject TEXT] [FILE]", "Send a text, or a whole message with --raw.",
     send_command_run, NULL},
    {"sendmail", "[OPTION...] [ADDRESS...]",
     "Take a message from standard input, as programs expect of sendmail.", sendmail_command_run,
     "sendmail"},
    {"newaliases", "", "Do nothing: there is no table of aliases.", sendmail_command_newaliases,
     "newaliases"},
    {"queue ls", "[--json]", "List the messages that have not ended.", queue_command_ls, "mailq"},
    {"queue show", "ID", "Tell the whole story of a message.", queue_command_show, NULL},
    {"queue retry", "ID | --all", "Try again now.", queue_command_retry, NULL},
    {"queue hold", "ID [--reason TEXT]", "Stop a message until it is released.", queue_command_hold,
     NULL},
    {"queue release", "ID", "Let a held message go on.", queue_command_release, NULL},
    {"queue rm", "ID [--reason TEXT]", "Remove a message; nobody is told but the log.",
     queue_command_rm, NULL},
    {"places", "[--json]", "List the networks this machine was in and their open doors.",
     places_command_ls, NULL},
    {"places forget", "KEY", "Forget one of them.", places_command_forget, NULL},
    {"places name", "KEY [NAME]", "Call one of them by a name of your own.", places_command_name,
     NULL},
    {"host ls", "[--json]", "List the hosting accounts.", hosting_command_host_ls, NULL},
    {"host show", "NAME", "Tell what a hosting account owns and may do.", hosting_command_host_show,
     NULL},
    {"host add", "NAME [--quota SIZE]", "Make a hosting account: a customer with a quota.",
     hosting_command_host_add, NULL},
    {"host set", "NAME [--quota SIZE]", "Change its quota and limits.", hosting_command_host_set,
     NULL},
    {"host lock", "NAME", "Let none of its accounts log in or send.", hosting_command_host_lock,
     NULL},
    {"host unlock", "NAME", "Take the lock away.", hosting_command_host_unlock, NULL},
    {"host rm", "NAME", "Remove a hosting account that owns nothing any more.",
     hosting_command_host_rm, NULL},
    {"domain ls", "[--json]", "List the domains whose mail comes here.", hosting_command_domain_ls,
     NULL},
    {"domain add", "NAME [--host NAME]", "Take mail for a domain.", hosting_command_domain_add,
     NULL},
    {"domain set", "NAME [--catch-all ADDRESS]", "Change its owner or its catch-all.",
     hosting_command_domain_set, NULL},
    {"domain rm", "NAME", "Take no more mail for a domain.", hosting_command_domain_rm, NULL},
    {"alias ls", "[--json]", "List the addresses that stand for others.", hosting_command_alias_ls,
     NULL},
    {"alias add", "ADDRESS TARGET...", "Make an address that stands for others.",
     hosting_command_alias_add, NULL},
    {"alias set", "ADDRESS TARGET...", "Change whom it stands for.", hosting_command_alias_set,
     NULL},
    {"alias rm", "ADDRESS", "Remove it.", hosting_command_alias_rm, NULL},
    {"account ls", "[--json]", "List the accounts.", account_command_ls, NULL},
    {"account add", "NAME [--alias ADDRESS]", "Make an account: a login and its inbox.",
     account_command_add, NULL},
    {"account import", "FILE [--format FORMAT]", "Add many accounts from a list, all or none.",
     import_command_run, NULL},
    {"account export", "", "Print logins, with their hashes, for a Dovecot that serves IMAP.",
     account_command_export, NULL},
    {"account passwd", "NAME", "Change an account's password.", account_command_passwd, NULL},
    {"account set", "NAME [--quota SIZE]", "Change an account's quota, limits, owner or addresses.",
     account_command_set, NULL},
    {"account show", "NAME", "Tell all about an account but its password.", account_command_show,
     NULL},
    {"account lock", "NAME", "Let an account neither log in nor send; its mail is kept.",
     account_command_lock, NULL},
    {"account unlock", "NAME", "Take the lock away.", account_command_unlock, NULL},
    {"account release", "NAME [--remove-from ADDRESS]",
     "Let go what is held because its password looked stolen.", account_command_release, NULL},
    {"account rm", "NAME", "Remove an account; its inbox stays on the disk.", account_command_rm,
     NULL},
    {"domain dns", "DOMAIN [--zone | --json]", "Print the DNS records that a domain should have.",
     zone_command_dns, NULL},
    {"domain check", "DOMAIN [--json]",
     "Compare them with what the DNS holds: right, missing, wrong, and what to publish.",
     zone_command_check, NULL},
    {"domain keys", "DOMAIN [--json]", "List the DKIM keys of a domain and the state each is in.",
     zone_command_keys, NULL},
    {"domain rotate", "DOMAIN",
     "Make new DKIM keys; they sign when `domain check` has seen them published.",
     zone_command_rotate, NULL},
    {"domain unsign", "DOMAIN",
     "Forget the DKIM keys of a domain: its mail is not signed any more.", zone_command_unsign,
     NULL},
    {"quota ls", "[--json]", "List how much every account and hosting account stores, and may.",
     quota_command_ls, NULL},
    {"quota show", "NAME [--json]", "Tell it of one account or hosting account.",
     quota_command_show, NULL},
    {"quota recount", "NAME | --all", "Count what is in the mailboxes, and correct what is wrong.",
     quota_command_recount, NULL},
    {"quota reset", "NAME", "Let an account or hosting account send anew, as if nothing was sent.",
     quota_command_reset, NULL},
    {"config reload", "",
     "Make the server read its configuration again; a bad one changes nothing.",
     serve_command_reload, NULL},
    {"config check", "[FILE] [--json]", "Read a configuration and tell all that is wrong with it.",
     config_command_check, NULL},
    {"config show", "[--changed]", "Print the settings in force, in the form of the file.",
     config_command_show, NULL},
    {"config manual", "", "Print the section of settings for the manual page, in roff.",
     config_command_manual, NULL},
};

int main(int argc, const char **argv)
{
    int status;

    log_open("port26", LOG_TO_STDERR, LOG_KEYVALUE, LOG_WARNING); /* the server opens its own */
    setlocale(LC_CTYPE, ""); /* widths of characters in tables; nothing else depends on it */
    status = command_run(commands, COUNT(commands), argc, argv);
    if (fflush(stdout) == EOF && status == EX_OK)
        status = command_error("", EX_IOERR, "cannot write to standard output");
    return status;
}
