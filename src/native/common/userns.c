#include "userns.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "file.h"
#include "syscalls.h"

static const char step[] = "make a user namespace";

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

static int open_namespace(int pidfd, uint32_t base, struct sw_error *error)
{
	char pid[16], path[64];
	int result = pid_outside(pidfd, pid, error);
	if (result == 0)
		result = map_ids(pid, base, error);
	if (result < 0)
		return result;
	snprintf(path, sizeof path, "/proc/%s/ns/user", pid);
	int namespace = open(path, O_RDONLY | O_CLOEXEC);
	return namespace < 0 ? sw_fail(error, errno, step, path) : namespace;
}

/* A namespace is made with a process in it; it stays as long as its descriptor. */
int sw_userns_make(uint32_t base, struct sw_userns *userns, struct sw_error *error)
{
	SW_AUTOCLOSE int pidfd = -1;
	struct sw_clone_args args = {
		.flags = CLONE_NEWUSER | SW_CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	*userns = (struct sw_userns){ -1, base };
	if (base == 0)
		return 0;
	pid_t pid = sw_clone3(&args);
	if (pid == 0)
		for (;;)
			pause();
	if (pid < 0)
		return sw_fail(error, errno, step, NULL);
	int result = open_namespace(pidfd, base, error);
	sw_pidfd_send_signal(pidfd, SIGKILL);
	SW_RETRY(waitpid(pid, NULL, 0));
	if (result >= 0)
		userns->fd = result;
	return result < 0 ? result : 0;
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
