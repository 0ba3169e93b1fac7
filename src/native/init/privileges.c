#include "privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/rlimits.h"
#include "../common/seccomp.h"
#include "../common/syscalls.h"
#include "directories.h"

/* linux/keyctl.h */
#define JOIN_SESSION_KEYRING 1
#define CAPABILITIES_MAX 64
#define BIT(capability) (1ull << (capability))

/* Docker's default list. */
static const uint64_t kept_capabilities =
	BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_KILL) | BIT(CAP_SETGID) |
	BIT(CAP_SETUID) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_NET_RAW) | BIT(CAP_SYS_CHROOT) |
	BIT(CAP_MKNOD) | BIT(CAP_AUDIT_WRITE) | BIT(CAP_SETFCAP);

static int set_rlimits(const struct sw_launch *launch, void (*warn)(const char *text), struct sw_error *error)
{
	char text[128];
	for (size_t i = 0; i < launch->rlimit_count; i++) {
		int result = sw_rlimit_set(&launch->rlimits[i], error);
		if (result < 0)
			return result;
		if (result == 1) {
			snprintf(text, sizeof text, "rlimit %s lowered to what the daemon has (no CAP_SYS_RESOURCE)",
				 sw_rlimit_name(launch->rlimits[i].resource));
			warn(text);
		}
	}
	return 0;
}

static int drop_bounding_set(struct sw_error *error)
{
	for (int capability = 0; capability < CAPABILITIES_MAX; capability++) {
		if (kept_capabilities & BIT(capability))
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
			if (errno == EINVAL) /* past the last one that this kernel knows */
				return 0;
			return sw_fail(error, errno, "drop a capability from the bounding set", NULL);
		}
	}
	return 0;
}

static int set_identity(const struct identity *identity, struct sw_error *error)
{
	if (setgroups(identity->group_count, identity->groups) < 0)
		return sw_fail(error, errno, "set supplementary groups", NULL);
	if (setresgid(identity->gid, identity->gid, identity->gid) < 0)
		return sw_fail(error, errno, "set group", NULL);
	if (setresuid(identity->uid, identity->uid, identity->uid) < 0)
		return sw_fail(error, errno, "set user", NULL);
	return 0;
}

/* Root keeps the default list as far as we have it; for another user set_identity has cleared everything. */
static int set_capabilities(struct sw_error *error)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &header, data) < 0)
		return sw_fail(error, errno, "read capabilities", NULL);
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(kept_capabilities >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return sw_fail(error, errno, "set capabilities", NULL);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return sw_fail(error, errno, "clear ambient capabilities", NULL);
	return 0;
}

static int enter_workdir(const char *workdir, struct sw_error *error)
{
	if (chdir(workdir) == 0)
		return 0;
	if (errno != ENOENT)
		return sw_fail(error, errno, "enter the working directory", workdir);
	int result = make_directories(workdir, error);
	if (result < 0)
		return result;
	return chdir(workdir) < 0 ? sw_fail(error, errno, "enter the working directory", workdir) : 0;
}

/* The pipes belong to who writes them, so that /dev/stdout can be opened. Terminals, files and sockets stay as they are. */
static int own_streams(const struct identity *identity, struct sw_error *error)
{
	struct stat status;
	for (int stream = 0; stream < 3; stream++)
		if (fstat(stream, &status) == 0 && S_ISFIFO(status.st_mode) &&
		    fchown(stream, identity->uid, identity->gid) < 0)
			return sw_fail(error, errno, "hand over a standard stream", NULL);
	return 0;
}

int privileges_drop(const struct sw_launch *launch, const struct identity *identity, const char *workdir,
		    void (*warn)(const char *text), struct sw_error *error)
{
	int result = set_rlimits(launch, warn, error);
	/* The daemon's session keyring stays outside; kernels without keys have none. */
	if (result == 0 && syscall(SYS_keyctl, JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		result = sw_fail(error, errno, "join a session keyring", NULL);
	if (result == 0)
		result = enter_workdir(workdir, error);
	if (result == 0)
		result = own_streams(identity, error);
	if (result == 0)
		result = drop_bounding_set(error);
	if (result == 0)
		result = set_identity(identity, error);
	if (result == 0)
		result = set_capabilities(error);
	if (result == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		result = sw_fail(error, errno, "set no_new_privs", NULL);
	return result == 0 ? sw_seccomp_load(error) : result;
}
