/* Starts criu for a container that comes from a checkpoint. The child makes what only the container shall see (root overlay in a
 * mount namespace of its own, cgroups, network namespace) and becomes criu; <directory>/restore holds the
 * arguments. A copy with a user namespace gets that and those that it owns from criu, because only what is made in it can be its own: the
 * hook reports when they are there, and waits until the daemon has given the network its link. When the copy is whole, the hook reports its pid and waits for `start`; when criu has ended, the copy's first
 * process is our child, because we are its nearest subreaper. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../common/cgroup.h"
#include "../common/cleanup.h"
#include "../common/criu.h"
#include "../common/loopback.h"
#include "../common/oom-score.h"
#include "../common/report.h"
#include "../common/rlimits.h"
#include "../common/syscalls.h"
#include "../common/sysctls.h"
#include "../criu/hook.h"
#include "device-directory.h"
#include "device-filter.h"
#include "monitor.h"
#include "oom.h"
#include "outputs.h"
#include "restored-mounts.h"

/* Descriptors that the arguments of criu name (runtime/checkpoint/criu-command.ts). */
#define OUTPUT_FD 7
#define COMPLAINT_FD 8

struct parts {
	int cgroup2;
	int outputs[2];
	int report;
};

static int enter_network(const char *path, struct sw_error *error)
{
	/* CRIU asks the kernel for features over loopback. */
	if (!path)
		return unshare(CLONE_NEWNET) < 0 ? sw_fail(error, errno, "make a network namespace", NULL) :
						   sw_loopback_up(error);
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

/* criu makes the namespaces itself where a user namespace owns them, and its hook sees to the network (criu/hook.c). */
static int make_network(const struct sw_launch *launch, const char *directory, struct sw_error *error)
{
	if (launch->security.userns_base)
		return setenv(SW_CRIU_DIRECTORY, directory, 1) < 0 ? sw_fail(error, errno, "set the environment", NULL) : 0;
	int result = enter_network(launch->netns, error);
	/* The others are in the image. */
	return result == 0 ? sw_sysctls_set(&launch->security, "net/", error) : result;
}

static void complain(const char *text)
{
	dprintf(STDERR_FILENO, "swarm-monitor: %s\n", text);
}

/* What only the host's root may do: a copy in a user namespace can only keep it. */
static int give_rights(const struct sw_launch *launch, struct sw_error *error)
{
	if (!launch->security.userns_base)
		return 0;
	for (size_t i = 0; i < launch->rlimit_count; i++)
		sw_rlimit_raise(&launch->rlimits[i]);
	return launch->security.oom_score_adj < 0 ? oom_score_adjust(&launch->security, complain, error) : 0;
}

static int build(struct monitor *monitor, const struct parts *parts, struct criu_command *command,
		 struct sw_error *error)
{
	struct sw_cgroup1 cgroups;
	int result = sw_cgroup1_open(&monitor->launch, &cgroups, error);
	if (result == 0)
		result = sw_cgroup1_join(&cgroups, error);
	if (result == 0)
		result = make_network(&monitor->launch, monitor->directory, error);
	if (result == 0)
		result = give_rights(&monitor->launch, error);
	if (result == 0 && unshare(CLONE_NEWCGROUP) < 0)
		result = sw_fail(error, errno, "make a cgroup namespace", NULL);
	if (result == 0)
		result = criu_private_mounts(error);
	if (result == 0)
		result = restored_mounts_make(&monitor->launch, monitor->directory, error);
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
