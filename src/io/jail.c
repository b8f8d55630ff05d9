#include "io/jail.h"

#include "base/memory.h"
#include "io/jail_parts.h"
#include "io/sanitize.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CAPABILITY_WORDS = 2 };

/* The search for leaks looks at the process from a second one, which no jail allows. A process in
 * jail is one that cannot be dumped. */
SANITIZE_LEAKS_UNLESS(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0)

static int capabilities(long call, struct __user_cap_data_struct *data)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};

    return (int)syscall(call, &header, data);
}

/* Also without root: systemd may have lent us one to bind low ports. The bounding set can be
 * emptied only with CAP_SETPCAP; without it there is nothing to gain from the set either. */
static int drop_capabilities(struct error *e)
{
    struct __user_cap_data_struct none[CAPABILITY_WORDS] = {0}, left[CAPABILITY_WORDS] = {0};

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (capabilities(SYS_capset, none) != 0 || capabilities(SYS_capget, left) != 0)
        return error_sys(e, errno, "Cannot give up the process's capabilities");
    for (int i = 0; i < CAPABILITY_WORDS; i++)
        if (left[i].effective || left[i].permitted || left[i].inheritable)
            return error_set(e, ERROR_PERMANENT,
                             "The process still has capabilities after giving them up; start it "
                             "without a security module that forbids this.");
    return 0;
}

static void empty_bounding_set(void)
{
    for (int c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
        prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
}

static bool is_only(uid_t uid, gid_t gid)
{
    uid_t ru, eu, su;
    gid_t rg, eg, sg;

    if (getresuid(&ru, &eu, &su) != 0 || getresgid(&rg, &eg, &sg) != 0)
        return false;
    return ru == uid && eu == uid && su == uid && rg == gid && eg == gid && sg == gid &&
           setuid(0) != 0;
}

static int become(const char *user, struct error *e)
{
    const struct passwd *p = user && *user ? getpwnam(user) : NULL;

    if (!p)
        return error_set(e, ERROR_INPUT,
                         "There is no user \"%s\" to run as. Create it (adduser --system) or name "
                         "another one in the configuration.",
                         user ? user : "");
    if (p->pw_uid == 0)
        return error_set(e, ERROR_INPUT,
                         "Running as \"%s\" would keep root's powers. Name an ordinary user in the "
                         "configuration.",
                         user);
    empty_bounding_set();
    if (initgroups(user, p->pw_gid) != 0 || setresgid(p->pw_gid, p->pw_gid, p->pw_gid) != 0 ||
        setresuid(p->pw_uid, p->pw_uid, p->pw_uid) != 0)
        return error_sys(e, errno, "Cannot change to user \"%s\"", user);
    if (!is_only(p->pw_uid, p->pw_gid))
        return error_set(e, ERROR_PERMANENT,
                         "Changed to user \"%s\", but the way back to root is still open.", user);
    return 0;
}

int jail_user(const char *user, struct error *e)
{
    if (geteuid() == 0 && become(user, e) != 0)
        return -1;
    return drop_capabilities(e);
}

/* The keeper's hard limit stays: the listeners it starts again need more than itself. */
static int set_limits(enum jail_role role, unsigned max_files, struct error *e)
{
    const struct rlimit none = {0, 0};
    struct rlimit files;

    if (setrlimit(RLIMIT_CORE, &none) != 0 || getrlimit(RLIMIT_NOFILE, &files) != 0)
        return error_sys(e, errno, "Cannot set the process's limits");
    if (max_files < files.rlim_max) {
        files.rlim_cur = max_files;
        if (role != JAIL_KEEPER)
            files.rlim_max = max_files;
    } else {
        files.rlim_cur = files.rlim_max;
    }
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        return error_sys(e, errno, "Cannot limit the number of open files");
    return 0;
}

int jail_enter(enum jail_role role, const struct jail_path *paths, unsigned max_files,
               struct error *e)
{
    int r;

    /* Reads the time zone's file while it can be read. */
    tzset();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return error_sys(e, errno, "Cannot give up gaining privileges");
    if (set_limits(role, max_files, e) != 0)
        return -1;
    r = jail_paths(role, paths, e);
    if (r < 0 || jail_calls(role, e) != 0)
        return -1;
    return r;
}
