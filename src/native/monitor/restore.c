/* Starts criu for a container that comes from a checkpoint. The child makes what only the container shall see (root overlay in a
 * mount namespace of its own, cgroups, network namespace) and becomes criu; <directory>/restore holds the
 * arguments. When the copy is whole, the hook reports its pid and waits for `start`; when criu has ended, the copy's first
 * process is our child, because we are its nearest subreaper. */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "../common/cgroup.h"
#include "../common/cleanup.h"
#include "../common/criu.h"
#include "../common/overlay.h"
#include "../common/report.h"
#include "../common/syscalls.h"
#include "../common/sysctls.h"
#include "../criu/hook.h"
#include "device-directory.h"
#include "device-filter.h"
#include "monitor.h"
#include "oom.h"
#include "outputs.h"

/* Descriptors that the arguments of criu name (runtime/checkpoint/criu-command.ts). */
#define OUTPUT_FD 7
#define COMPLAINT_FD 8

struct parts {
	int cgroup2;
	int outputs[2];
	int report;
};

/* CRIU asks the kernel for features over loopback. */
static int loopback_up(struct sw_error *error)
{
	struct ifreq request = { .ifr_name = "lo" };
	SW_AUTOCLOSE int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any < 0 || ioctl(any, SIOCGIFFLAGS, &request) < 0)
		return sw_fail(error, errno, "find loopback", NULL);
	request.ifr_flags |= IFF_UP;
	return ioctl(any, SIOCSIFFLAGS, &request) < 0 ? sw_fail(error, errno, "set loopback up", NULL) : 0;
}

static int enter_network(const char *path, struct sw_error *error)
{
	if (!path)
		return unshare(CLONE_NEWNET) < 0 ? sw_fail(error, errno, "make a network namespace", NULL) :
						   loopback_up(error);
	SW_AUTOCLOSE int netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
		return sw_fail(error, errno, "enter network namespace", path);
	return 0;
}

static int arrange_descriptors(const struct parts *parts, struct sw_error *error)
{
	/* Sources above every target, so that no dup2 overwrites one that is still needed. */
	int report = fcntl(parts->report, F_DUPFD_CLOEXEC, 10);
	int output = fcntl(parts->outputs[0], F_DUPFD_CLOEXEC, 10);
	int complaint = fcntl(parts->outputs[1], F_DUPFD_CLOEXEC, 10);
	if (dup2(report, SW_CRIU_REPORT_FD) < 0 || dup2(output, OUTPUT_FD) < 0 || dup2(complaint, COMPLAINT_FD) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return sw_fail(error, errno, "arrange descriptors", NULL);
	if (sw_close_range(4, OUTPUT_FD - 1, SW_CLOSE_RANGE_CLOEXEC) < 0 ||
	    sw_close_range(COMPLAINT_FD + 1, ~0u, SW_CLOSE_RANGE_CLOEXEC) < 0)
		return sw_fail(error, errno, "close descriptors", NULL);
	return 0;
}

static int build(struct monitor *monitor, const struct parts *parts, struct criu_command *command,
		 struct sw_error *error)
{
	/* The verdict of a move refuses user namespaces. */
	const struct sw_userns none = { -1, 0 };
	struct sw_cgroup1 cgroups;
	int result = sw_cgroup1_open(&monitor->launch, &cgroups, error);
	if (result == 0)
		result = sw_cgroup1_join(&cgroups, error);
	if (result == 0)
		result = enter_network(monitor->launch.netns, error);
	/* The others are in the image. */
	if (result == 0)
		result = sw_sysctls_set(&monitor->launch.security, "net/", error);
	if (result == 0 && unshare(CLONE_NEWCGROUP) < 0)
		result = sw_fail(error, errno, "make a cgroup namespace", NULL);
	if (result == 0)
		result = criu_private_mounts(error);
	if (result == 0)
		result = sw_overlay_mount(&monitor->launch, monitor->directory, &none, error);
	if (result == 0)
		result = arrange_descriptors(parts, error);
	return result < 0 ? result : criu_execute(command->items, error);
}

static void become_criu(struct monitor *monitor, const struct parts *parts, struct criu_command *command)
{
	struct sw_error error = { 0 };
	struct sw_report report = { .kind = SW_FAILED, .code = SW_EXIT_SETUP_FAILED };
	build(monitor, parts, command, &error);
	snprintf(report.text, sizeof report.text, "Cannot restore: %.200s", error.message);
	/* Either is the report socket, depending on how far it got. */
	if (send(parts->report, &report, sizeof report, MSG_NOSIGNAL) < 0)
		send(SW_CRIU_REPORT_FD, &report, sizeof report, MSG_NOSIGNAL);
	_exit(SW_EXIT_SETUP_FAILED);
}

static int spawn(struct monitor *monitor, const struct parts *parts, struct criu_command *command,
		 struct sw_error *error)
{
	struct sw_clone_args args = {
		.flags = SW_CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)parts->cgroup2,
	};
	pid_t pid = sw_clone3(&args);
	if (pid == 0)
		become_criu(monitor, parts, command);
	if (pid < 0)
		return sw_fail(error, errno, "clone a process into", monitor->launch.cgroup2);
	monitor->builder = pid;
	return 0;
}

static int open_parts(struct monitor *monitor, struct parts *parts, struct sw_error *error)
{
	parts->cgroup2 = sw_cgroup2_open(monitor->launch.cgroup2, error);
	if (parts->cgroup2 < 0)
		return parts->cgroup2;
	int result = sw_cgroup2_check_empty(parts->cgroup2, error);
	if (result == 0)
		result = outputs_make(monitor, parts->outputs, error);
	if (result == 0)
		result = report_pair_make(&monitor->report_fd, &parts->report, error);
	return result < 0 ? result : device_filter_attach(parts->cgroup2, &monitor->launch.security, error);
}

static void close_parts(struct parts *parts)
{
	sw_close(&parts->cgroup2);
	sw_close(&parts->outputs[0]);
	sw_close(&parts->outputs[1]);
	sw_close(&parts->report);
}

int container_restore(struct monitor *monitor, struct sw_error *error)
{
	struct parts parts = { -1, { -1, -1 }, -1 };
	struct criu_command command = { 0 };
	char path[4096];
	snprintf(path, sizeof path, "%s/restore", monitor->directory);
	int result = criu_command_read(path, &command, error);
	if (result == 0)
		result = device_directory_make(monitor->directory, error);
	if (result == 0)
		result = open_parts(monitor, &parts, error);
	if (result == 0) {
		monitor->oom_kills_before = oom_kills(&monitor->launch);
		result = spawn(monitor, &parts, &command, error);
	}
	close_parts(&parts);
	criu_command_free(&command);
	return result;
}
