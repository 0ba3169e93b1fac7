#include "capabilities.h"

#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "../common/cleanup.h"
#include "../common/syscalls.h"

#define CAPABILITIES_MAX 64
#define BIT(capability) (1ull << (capability))

/* In the order of their numbers, linux/capability.h. */
static const char *const names[] = {
	"CHOWN",	"DAC_OVERRIDE",	  "DAC_READ_SEARCH", "FOWNER",	   "FSETID",	    "KILL",	    "SETGID",
	"SETUID",	"SETPCAP",	  "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN",	    "NET_RAW",
	"IPC_LOCK",	"IPC_OWNER",	  "SYS_MODULE",	     "SYS_RAWIO",  "SYS_CHROOT",    "SYS_PTRACE",   "SYS_PACCT",
	"SYS_ADMIN",	"SYS_BOOT",	  "SYS_NICE",	     "SYS_RESOURCE", "SYS_TIME",    "SYS_TTY_CONFIG", "MKNOD",
	"LEASE",	"AUDIT_WRITE",	  "AUDIT_CONTROL",   "SETFCAP",	   "MAC_OVERRIDE",  "MAC_ADMIN",    "SYSLOG",
	"WAKE_ALARM",	"BLOCK_SUSPEND",  "AUDIT_READ",	     "PERFMON",	   "BPF",	    "CHECKPOINT_RESTORE",
};

static int get(struct __user_cap_data_struct data[2], struct sw_error *error)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	return syscall(SYS_capget, &header, data) < 0 ? sw_fail(error, errno, "read capabilities", NULL) : 0;
}

static int set(uint64_t permitted, uint64_t effective, uint64_t inheritable, struct sw_error *error)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){ (uint32_t)(effective >> (32 * i)),
							   (uint32_t)(permitted >> (32 * i)),
							   (uint32_t)(inheritable >> (32 * i)) };
	return syscall(SYS_capset, &header, data) < 0 ? sw_fail(error, errno, "set capabilities", NULL) : 0;
}

static void tell_missing(uint64_t missing, void (*warn)(const char *text))
{
	char text[128];
	for (size_t capability = 0; capability < sizeof names / sizeof *names; capability++)
		if (missing & BIT(capability)) {
			snprintf(text, sizeof text, "capability CAP_%s left out: the daemon does not have it itself",
				 names[capability]);
			warn(text);
		}
}

static int drop_bounding_set(uint64_t kept, struct sw_error *error)
{
	for (int capability = 0; capability < CAPABILITIES_MAX; capability++) {
		if (kept & BIT(capability))
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
			if (errno == EINVAL) /* past the last one that this kernel knows */
				return 0;
			return sw_fail(error, errno, "drop a capability from the bounding set", NULL);
		}
	}
	return 0;
}

int capabilities_limit(struct sw_capabilities *sets, void (*warn)(const char *text), struct sw_error *error)
{
	struct __user_cap_data_struct data[2];
	int result = get(data, error);
	if (result < 0)
		return result;
	uint64_t present = data[0].permitted | (uint64_t)data[1].permitted << 32;
	tell_missing(sets->permitted & ~present, warn);
	sets->permitted &= present;
	sets->effective &= present;
	sets->inheritable &= present;
	sets->ambient &= present;
	return drop_bounding_set(sets->bounding, error);
}

int capabilities_keep(const struct sw_capabilities *sets, uid_t uid, struct sw_error *error)
{
	if (uid == 0 || sets->inheritable == 0)
		return 0;
	return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ? sw_fail(error, errno, "keep capabilities", NULL) : 0;
}

static int raise_ambient(uint64_t ambient, struct sw_error *error)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return sw_fail(error, errno, "clear ambient capabilities", NULL);
	for (int capability = 0; capability < CAPABILITIES_MAX; capability++)
		if ((ambient & BIT(capability)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
			return sw_fail(error, errno, "raise an ambient capability", NULL);
	return 0;
}

int capabilities_set(const struct sw_capabilities *sets, uid_t uid, struct sw_error *error)
{
	bool root = uid == 0;
	int result = set(root ? sets->permitted : sets->ambient, root ? sets->effective : sets->ambient,
			 sets->inheritable, error);
	return result == 0 ? raise_ambient(sets->ambient, error) : result;
}
