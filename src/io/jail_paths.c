/* jail_paths: Landlock. Its header of the oldest kernel we build on does not know what later
 * kernels can do, so the numbers beyond ABI 1 stand here; what the running kernel does not know is
 * not asked of it. */
#include "base/memory.h"
#include "io/jail_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ABI_NONE = 0, ABI_MAX = 6 };

#define FS(name)  ((uint64_t)LANDLOCK_ACCESS_FS_##name)
#define REFER     (UINT64_C(1) << 13)
#define TRUNCATE  (UINT64_C(1) << 14)
#define IOCTL_DEV (UINT64_C(1) << 15)

#define READ (FS(READ_FILE) | FS(READ_DIR))
#define WRITE                                                                                      \
    (READ | FS(WRITE_FILE) | FS(REMOVE_DIR) | FS(REMOVE_FILE) | FS(MAKE_DIR) | FS(MAKE_REG) |      \
     FS(MAKE_SOCK) | FS(MAKE_FIFO) | REFER | TRUNCATE)
#define EXECUTE (FS(READ_FILE) | FS(EXECUTE))
/* What can be said of a file, as opposed to a directory. */
#define OF_FILE (FS(READ_FILE) | FS(WRITE_FILE) | FS(EXECUTE) | TRUNCATE | IOCTL_DEV)

#define NET_TCP (UINT64_C(1) << 0 | UINT64_C(1) << 1) /* bind, connect */
#define SCOPES  (UINT64_C(1) << 0 | UINT64_C(1) << 1) /* abstract sockets, signals */

struct ruleset {
    uint64_t fs, net, scoped;
};

/* What each ABI has learned to forbid, and how long its struct is. */
struct abi {
    uint64_t fs, net, scoped;
    size_t size;
};

static const struct abi abis[ABI_MAX + 1] = {
    [1] = {.fs = (UINT64_C(1) << 13) - 1, .size = 8},
    [2] = {.fs = (UINT64_C(1) << 14) - 1, .size = 8},
    [3] = {.fs = (UINT64_C(1) << 15) - 1, .size = 8},
    [4] = {.fs = (UINT64_C(1) << 15) - 1, .net = NET_TCP, .size = 16},
    [5] = {.fs = (UINT64_C(1) << 16) - 1, .net = NET_TCP, .size = 16},
    [6] = {.fs = (UINT64_C(1) << 16) - 1, .net = NET_TCP, .scoped = SCOPES, .size = 24},
};

struct always {
    const char *path;
    uint64_t access;
};

/* The keeper starts its children again, under its own rules: the dynamic linker has to find the
 * libraries. */
static const struct always keeper_paths[] = {
    {"/lib", READ},       {"/lib64", READ},         {"/usr/lib", READ},
    {"/usr/lib64", READ}, {"/usr/local/lib", READ}, {"/etc/ld.so.cache", READ},
    {"/dev/null", WRITE}, {"/dev/urandom", READ},   {"/proc/self/exe", EXECUTE},
};

static const struct always courier_paths[] = {{"/dev/null", WRITE}, {"/dev/urandom", READ}};

/* A path that is not there gives no rule: nothing below it can be reached, also later. */
static int allow(int rules, const char *path, uint64_t access, uint64_t known, struct error *e)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access & known};
    struct stat st;
    int r = 0, fd = open(path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : error_sys(e, errno, "Cannot open %s to keep access to it", path);
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed_access &= OF_FILE;
    rule.parent_fd = fd;
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
        r = error_sys(e, errno, "Cannot keep access to %s", path);
    close(fd);
    return r;
}

static int allow_table(int rules, const struct always *table, size_t n, uint64_t known,
                       struct error *e)
{
    for (size_t i = 0; i < n; i++)
        if (allow(rules, table[i].path, table[i].access, known, e) != 0)
            return -1;
    return 0;
}

/* The dynamic linker our binary names: to start it, the kernel starts that. */
static int find_linker(struct dl_phdr_info *info, size_t size, void *found)
{
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_INTERP)
            *(const char **)found = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    return 1; /* the first is the program itself */
}

static int allow_role(int rules, enum jail_role role, uint64_t known, struct error *e)
{
    const char *linker = NULL;

    if (role == JAIL_COURIER)
        return allow_table(rules, courier_paths, COUNT(courier_paths), known, e);
    if (role == JAIL_LISTENER)
        return 0;
    if (allow_table(rules, keeper_paths, COUNT(keeper_paths), known, e) != 0)
        return -1;
    dl_iterate_phdr(find_linker, &linker);
    return linker ? allow(rules, linker, EXECUTE, known, e) : 0;
}

/* Network and scopes are not for the keeper: its couriers inherit its walls. A courier binds and
 * connects by trade. */
static struct ruleset handled(enum jail_role role, const struct abi *abi)
{
    return (struct ruleset){
        .fs = abi->fs,
        .net = role == JAIL_LISTENER ? abi->net : 0,
        .scoped = role == JAIL_KEEPER ? 0 : abi->scoped,
    };
}

static int fill_and_close_door(int rules, enum jail_role role, const struct jail_path *paths,
                               uint64_t known, struct error *e)
{
    if (allow_role(rules, role, known, e) != 0)
        return -1;
    for (; paths && paths->path; paths++)
        if (allow(rules, paths->path, paths->write ? WRITE : READ, known, e) != 0)
            return -1;
    if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
        return error_sys(e, errno, "Cannot limit the process to its files (Landlock)");
    return 0;
}

int jail_paths(enum jail_role role, const struct jail_path *paths, struct error *e)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    struct ruleset r;
    int rules, result;

    if (abi <= ABI_NONE) {
        bool missing = abi >= 0 || errno == ENOSYS || errno == EOPNOTSUPP;

        error_sys(e, errno,
                  "%s, so the process is not limited to its own files; the other walls stand",
                  missing ? "This kernel has no Landlock (5.13 or later, enabled with lsm=landlock)"
                          : "Landlock is forbidden here, as some containers do it: allow their "
                            "processes the system calls landlock_*");
        return 1;
    }
    abi = abi < ABI_MAX ? abi : ABI_MAX;
    r = handled(role, &abis[abi]);
    rules = (int)syscall(SYS_landlock_create_ruleset, &r, abis[abi].size, 0);
    if (rules < 0)
        return error_sys(e, errno, "Cannot limit the process to its files (Landlock)");
    result = fill_and_close_door(rules, role, paths, abis[abi].fs, e);
    close(rules);
    return result;
}
