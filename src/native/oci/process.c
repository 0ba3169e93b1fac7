#include "process.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "../common/rlimits.h"
#include "../common/syscalls.h"
#include "../init/identity.h"
#include "../init/workload.h"

/* linux/keyctl.h, linux/ioprio.h */
#define JOIN_SESSION_KEYRING 1
#define IO_PRIORITY_OF_PROCESS 1
#define CAPABILITIES_MAX 64
#define BIT(capability) (1ull << (capability))

static int set_rlimits(const struct plan_process *process, void (*warn)(const char *text), struct sw_error *error)
{
	char text[128];
	for (size_t i = 0; i < process->rlimit_count; i++) {
		int result = sw_rlimit_set(&process->rlimits[i], error);
		if (result < 0)
			return result;
		if (result == 1) {
			snprintf(text, sizeof text, "rlimit %s lowered to what this process has (no CAP_SYS_RESOURCE)",
				 sw_rlimit_name(process->rlimits[i].resource));
			warn(text);
		}
	}
	return 0;
}

static int set_scheduling(const struct plan_process *process, struct sw_error *error)
{
	if (process->has_personality && personality((unsigned long)process->personality) < 0)
		return sw_fail(error, errno, "set the personality", NULL);
	if (process->has_io_priority &&
	    syscall(SYS_ioprio_set, IO_PRIORITY_OF_PROCESS, 0, (int)process->io_priority) < 0)
		return sw_fail(error, errno, "set the I/O priority", NULL);
	return 0;
}

static int read_capabilities(struct plan_capabilities *own, struct sw_error *error)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &header, data) < 0)
		return sw_fail(error, errno, "read capabilities", NULL);
	own->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	own->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	own->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	return 0;
}

static int write_capabilities(const struct plan_capabilities *wanted, struct sw_error *error)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){ (uint32_t)(wanted->effective >> (32 * i)),
							   (uint32_t)(wanted->permitted >> (32 * i)),
							   (uint32_t)(wanted->inheritable >> (32 * i)) };
	return syscall(SYS_capset, &header, data) < 0 ? sw_fail(error, errno, "set capabilities", NULL) : 0;
}

static int limit_bounding_set(uint64_t wanted, struct sw_error *error)
{
	for (int capability = 0; capability < CAPABILITIES_MAX; capability++) {
		if (wanted & BIT(capability))
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
			if (errno == EINVAL) /* past the last one that this kernel knows */
				return 0;
			return sw_fail(error, errno, "drop a capability from the bounding set", NULL);
		}
	}
	return 0;
}

static int raise_ambient(uint64_t wanted, struct sw_error *error)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return sw_fail(error, errno, "clear ambient capabilities", NULL);
	for (unsigned long capability = 0; capability < CAPABILITIES_MAX; capability++)
		if ((wanted & BIT(capability)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
			return sw_fail(error, errno, "raise an ambient capability", NULL);
	return 0;
}

/* Cut down to what we have ourselves, with a word where that is less than asked for. */
static int reachable(const struct plan_capabilities *asked, struct plan_capabilities *wanted,
		     void (*warn)(const char *text), struct sw_error *error)
{
	struct plan_capabilities own = { 0 };
	char text[96];
	int result = read_capabilities(&own, error);
	if (result < 0)
		return result;
	*wanted = *asked;
	uint64_t missing = (asked->permitted | asked->effective) & ~own.permitted;
	if (missing) {
		snprintf(text, sizeof text, "capabilities 0x%llx are not ours to give", (unsigned long long)missing);
		warn(text);
	}
	wanted->permitted &= own.permitted;
	wanted->effective &= wanted->permitted;
	wanted->inheritable &= own.permitted | own.inheritable;
	wanted->ambient &= wanted->permitted & wanted->inheritable;
	return 0;
}

static int set_user(const struct plan_process *process, struct sw_error *error)
{
	/* A user namespace may refuse setgroups(2) altogether: then there is nothing to set either. */
	if (setgroups(process->group_count, process->groups) < 0 && (errno != EPERM || process->group_count > 0))
		return sw_fail(error, errno, "set supplementary groups", NULL);
	if (setresgid(process->gid, process->gid, process->gid) < 0)
		return sw_fail(error, errno, "set group", NULL);
	if (setresuid(process->uid, process->uid, process->uid) < 0)
		return sw_fail(error, errno, "set user", NULL);
	return 0;
}

/* Pipes belong to who writes them, so that /dev/stdout can be opened. Terminals, files and sockets stay as they are. */
static void own_streams(const struct plan_process *process)
{
	struct stat status;
	for (int stream = 0; stream < 3; stream++)
		if (fstat(stream, &status) == 0 && S_ISFIFO(status.st_mode) &&
		    (status.st_uid != process->uid || status.st_gid != process->gid) &&
		    fchown(stream, process->uid, process->gid) < 0)
			continue; /* from outside a user namespace: not ours */
}

/* A directory that is reached through a leaked descriptor of the host has no name in the root (CVE-2024-21626). */
static int enter_directory(const char *path, struct sw_error *error)
{
	char name[PATH_MAX];
	if (chdir(path) < 0)
		return sw_fail(error, errno, "enter the working directory (process.cwd)", path);
	long size = syscall(SYS_getcwd, name, sizeof name);
	if (size < 0 || *name != '/')
		return sw_refuse(error, EXDEV, "enter", "process.cwd %s lies outside the container's root", path);
	return 0;
}

static int set_privileges(const struct plan_process *process, const struct sw_seccomp *filter,
			  void (*warn)(const char *text), struct sw_error *error)
{
	struct plan_capabilities wanted = { 0 };
	int result = reachable(&process->capabilities, &wanted, warn, error);
	if (result == 0)
		result = limit_bounding_set(wanted.bounding, error);
	if (result == 0 && !process->no_new_privs)
		result = sw_seccomp_load(filter, error);
	/* Without it the change of user would take all capabilities at once. */
	if (result == 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		result = sw_fail(error, errno, "keep capabilities", NULL);
	/* A directory that root may not enter (a file system of a user) is entered as the user. */
	int entered = result < 0 ? result : enter_directory(process->cwd, error);
	if (entered == 0 || entered == -EACCES)
		result = set_user(process, error);
	else
		result = entered;
	if (result == 0 && entered < 0)
		result = enter_directory(process->cwd, error);
	if (result == 0)
		result = write_capabilities(&wanted, error);
	if (result == 0)
		result = raise_ambient(wanted.ambient, error);
	if (result == 0 && process->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		result = sw_fail(error, errno, "set no_new_privs", NULL);
	return result;
}

int process_set_oom_score(const struct plan_process *process, struct sw_error *error)
{
	char text[16];
	if (!process->has_oom_score_adj)
		return 0;
	snprintf(text, sizeof text, "%d", process->oom_score_adj);
	return sw_write_file("/proc/self/oom_score_adj", text, error);
}

int process_seal(const struct plan_process *process, const struct sw_seccomp *filter, struct sw_error *error)
{
	return process->no_new_privs ? sw_seccomp_load(filter, error) : 0;
}

int process_prepare(const struct plan_process *process, const struct sw_seccomp *filter, void (*warn)(const char *text),
		    struct sw_error *error)
{
	int result = set_rlimits(process, warn, error);
	if (result == 0)
		result = set_scheduling(process, error);
	/* The caller's session keyring stays outside; kernels without keys have none. */
	if (result == 0 && !process->keeps_keyring && syscall(SYS_keyctl, JOIN_SESSION_KEYRING, NULL) < 0 &&
	    errno != ENOSYS && errno != EPERM)
		result = sw_fail(error, errno, "join a session keyring", NULL);
	if (result < 0)
		return result;
	own_streams(process);
	result = set_privileges(process, filter, warn, error);
	umask(process->has_umask ? process->umask : 0022);
	if (result == 0 && sw_close_range(3 + process->preserved, ~0u, SW_CLOSE_RANGE_CLOEXEC) < 0)
		result = sw_fail(error, errno, "close descriptors", NULL);
	return result;
}

const char **process_environment(const struct plan_process *process)
{
	static const struct sw_strings nothing;
	struct sw_error ignored = { 0 };
	struct identity identity = { .home = "/" };
	char user[32];
	snprintf(user, sizeof user, "%u:%u", (unsigned)process->uid, (unsigned)process->gid);
	if (!process->env.count || !workload_variable(process->env.items, "HOME"))
		identity_find(user, &identity, &ignored);
	return workload_environment(&process->env, &nothing, identity.home);
}

static int check(const char *path)
{
	struct stat status;
	if (stat(path, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static int search(const char *name, const char *path)
{
	char candidate[PATH_MAX];
	int worst = -ENOENT;
	for (; path; path = path[strcspn(path, ":")] ? path + strcspn(path, ":") + 1 : NULL) {
		int size = (int)strcspn(path, ":");
		int length = snprintf(candidate, sizeof candidate, "%.*s%s%s", size, path, size ? "/" : "", name);
		int result = length < (int)sizeof candidate ? check(candidate) : -ENOENT;
		if (result == 0)
			return 0;
		if (result == -EACCES)
			worst = result;
	}
	return worst;
}

int process_find(const struct plan_process *process, const char *const *environment, struct sw_error *error)
{
	const char *name = process->args.items[0];
	bool has_slash = strchr(name, '/');
	int result = has_slash ? check(name) : search(name, workload_variable(environment, "PATH"));
	if (result == 0)
		return 0;
	if (result == -ENOENT && !has_slash)
		return sw_refuse(error, ENOENT, "find program",
				 "process.args: executable file `%s` not found in $PATH: No such file or directory", name);
	return sw_refuse(error, -result, "find program", "process.args: cannot execute `%s`: %s", name, strerror(-result));
}
