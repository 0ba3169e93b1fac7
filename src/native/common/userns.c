#include "userns.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "file.h"
#include "syscalls.h"

static const char step[] = "make a user namespace";

const struct sw_userns sw_userns_none = { -1, 0, -1 };

/* In the numbers of the host's /proc, whatever pid namespace we are in. */
static int pid_outside(int pidfd, char pid[16], struct sw_error *error)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
	SW_AUTOCLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = file < 0 ? -1 : SW_RETRY(read(file, text, sizeof text - 1));
	if (size < 0)
		return sw_fail(error, errno, step, path);
	text[size] = 0;
	const char *line = strstr(text, "\nPid:\t");
	if (!line || sscanf(line, "\nPid:\t%15[0-9]", pid) != 1)
		return sw_refuse(error, ESRCH, step, "the process of the user namespace has no number in /proc");
	return 0;
}

static int map_ids(const char *pid, uint32_t base, struct sw_error *error)
{
	char path[64], line[64];
	snprintf(line, sizeof line, "0 %u %u", base, SW_USERNS_IDS);
	snprintf(path, sizeof path, "/proc/%s/gid_map", pid);
	int result = sw_write_file(path, line, error);
	snprintf(path, sizeof path, "/proc/%s/uid_map", pid);
	return result == 0 ? sw_write_file(path, line, error) : result;
}

static int open_namespace(const char *pid, const char *name, struct sw_error *error)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%s/ns/%s", pid, name);
	int namespace = open(path, O_RDONLY | O_CLOEXEC);
	return namespace < 0 ? sw_fail(error, errno, step, path) : namespace;
}

/* Of the process that they were made with. */
static int take_namespaces(int pidfd, int owned, struct sw_userns *userns, struct sw_error *error)
{
	char pid[16];
	int result = pid_outside(pidfd, pid, error);
	if (result == 0)
		result = map_ids(pid, userns->base, error);
	if (result < 0)
		return result;
	userns->fd = open_namespace(pid, "user", error);
	if (userns->fd < 0 || !owned)
		return userns->fd < 0 ? userns->fd : 0;
	userns->mounts = open_namespace(pid, "mnt", error);
	if (userns->mounts < 0)
		return userns->mounts;
	return setns(pidfd, owned & ~CLONE_NEWNS) < 0 ? sw_fail(error, errno, step, "its namespaces") : 0;
}

/* Namespaces are made with a process in them; they stay as long as their descriptors. */
int sw_userns_make(uint32_t base, int owned, struct sw_userns *userns, struct sw_error *error)
{
	SW_AUTOCLOSE int pidfd = -1;
	if (owned)
		owned |= (int)sw_clone_newtime();
	struct sw_clone_args args = {
		.flags = CLONE_NEWUSER | SW_CLONE_PIDFD | (uint64_t)owned,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	*userns = (struct sw_userns){ -1, base, -1 };
	if (base == 0)
		return 0;
	pid_t pid = sw_clone3(&args);
	if (pid == 0)
		for (;;)
			pause();
	if (pid < 0)
		return sw_fail(error, errno, step, NULL);
	int result = take_namespaces(pidfd, owned, userns, error);
	sw_pidfd_send_signal(pidfd, SIGKILL);
	SW_RETRY(waitpid(pid, NULL, 0));
	return result;
}

int sw_userns_enter_mounts(struct sw_userns *userns, struct sw_error *error)
{
	if (userns->mounts < 0)
		return 0;
	if (setns(userns->mounts, CLONE_NEWNS) < 0)
		return sw_fail(error, errno, "enter the mount namespace", NULL);
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? sw_fail(error, errno, "make mounts private", NULL) : 0;
}

int sw_userns_map_tree(const struct sw_userns *userns, int tree, bool recursive, struct sw_error *error)
{
	struct sw_mount_attr attributes = { .attr_set = SW_ATTR_IDMAP, .userns_fd = (uint64_t)userns->fd };
	unsigned flags = SW_AT_EMPTY_PATH | (recursive ? SW_AT_RECURSIVE : 0);
	if (userns->fd < 0)
		return 0;
	if (syscall(SW_NR_MOUNT_SETATTR, tree, "", flags, &attributes, sizeof attributes) < 0)
		return sw_fail(error, errno, "map the ids of a mount", NULL);
	return 0;
}

/* setfsuid takes the capabilities for files away with the host's root: they are made effective again. */
static int raise_effective(struct sw_error *error)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &header, data) < 0)
		return sw_fail(error, errno, "read capabilities", NULL);
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted;
	return syscall(SYS_capset, &header, data) < 0 ? sw_fail(error, errno, "set capabilities", NULL) : 0;
}

int sw_userns_assume(const struct sw_userns *userns, struct sw_error *error)
{
	if (userns->fd < 0)
		return 0;
	setfsgid(userns->base);
	setfsuid(userns->base);
	return raise_effective(error);
}

int sw_userns_resume(const struct sw_userns *userns, struct sw_error *error)
{
	if (userns->fd < 0)
		return 0;
	setfsgid(0);
	setfsuid(0);
	return raise_effective(error);
}

int sw_userns_act(const struct sw_userns *userns, bool is_its, struct sw_error *error)
{
	uint32_t id = is_its ? userns->base : 0;
	if (userns->fd < 0)
		return 0;
	/* The group is changed by the host's root, either way. */
	if ((!is_its && seteuid(id) < 0) || setegid(id) < 0 || (is_its && seteuid(id) < 0))
		return sw_fail(error, errno, "act as the root of the user namespace", NULL);
	/* Another user makes a process undumpable, and its /proc the root's alone. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return raise_effective(error);
}

int sw_userns_enter(const struct sw_userns *userns, struct sw_error *error)
{
	if (userns->fd < 0)
		return 0;
	if (setns(userns->fd, CLONE_NEWUSER) < 0)
		return sw_fail(error, errno, "enter the user namespace", NULL);
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return sw_fail(error, errno, "become root of the user namespace", NULL);
	return 0;
}
