/* Starts the init of a new container: pipes, device filter, one clone3 into the v2 cgroup and all namespaces. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../common/cgroup.h"
#include "../common/cleanup.h"
#include "../common/program.h"
#include "../common/report.h"
#include "../common/syscalls.h"
#include "device-directory.h"
#include "device-filter.h"
#include "monitor.h"
#include "oom.h"
#include "outputs.h"

/* Besides the time namespace, with which clocks that count from the boot go on after a move (CRIU sets their offsets).
 * CLONE_NEWCGROUP would take the monitor's cgroups as root: the init unshares that one when it is in its own. */
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC)

/* What the child needs, all close-on-exec. */
struct parts {
	int cgroup2, program, launch;
	int outputs[2]; /* write ends */
	int report;
};

/* Descriptors 1 and 2 last: they may hold what the others come from no more. */
static void become_init(const struct parts *parts, const struct monitor *monitor)
{
	static char *environment[] = { NULL };
	const char *how = monitor->standing_cgroup2 ? "stand" : "create";
	char *arguments[] = { "swarm-init", (char *)how, (char *)monitor->directory, (char *)monitor->standing_base, NULL };
	/* Sources above every target, so that no dup2 overwrites one that is still needed. */
	int program = fcntl(parts->program, F_DUPFD_CLOEXEC, 10);
	int report = fcntl(parts->report, F_DUPFD, 10), launch = fcntl(parts->launch, F_DUPFD, 10);
	int output = fcntl(parts->outputs[0], F_DUPFD, 10), complaint = fcntl(parts->outputs[1], F_DUPFD, 10);
	if (program < 0 || dup2(report, SW_REPORT_FD) < 0 || dup2(launch, SW_LAUNCH_FD) < 0 || dup2(output, 1) < 0 ||
	    dup2(complaint, 2) < 0 || sw_close_range(5, ~0u, SW_CLOSE_RANGE_CLOEXEC) < 0)
		_exit(SW_EXIT_SETUP_FAILED);
	syscall(SYS_execveat, program, "", arguments, environment, AT_EMPTY_PATH);
	_exit(SW_EXIT_SETUP_FAILED);
}

/* Those that a user namespace owns are made with it by the init. */
static uint64_t namespaces_of(const struct monitor *monitor)
{
	const char *base = monitor->standing_base;
	if (base ? strcmp(base, "0") != 0 : monitor->launch.security.userns_base != 0)
		return CLONE_NEWPID;
	return CLONE_NEWPID | sw_clone_newtime() | NAMESPACES | (monitor->launch.netns ? 0 : CLONE_NEWNET);
}

static int spawn(struct monitor *monitor, const struct parts *parts, struct sw_error *error)
{
	struct sw_clone_args args = {
		.flags = namespaces_of(monitor) | CLONE_VFORK | SW_CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)parts->cgroup2,
	};
	pid_t pid = sw_clone3(&args);
	if (pid == 0)
		become_init(parts, monitor);
	if (pid < 0)
		return sw_fail(error, errno, "clone the container's first process", NULL);
	monitor->pid = pid;
	return 0;
}

static int open_parts(struct monitor *monitor, struct parts *parts, struct sw_error *error)
{
	parts->launch = openat(AT_FDCWD, "launch", O_RDONLY | O_CLOEXEC);
	if (parts->launch < 0)
		return sw_fail(error, errno, "open the launch file", NULL);
	parts->cgroup2 = sw_cgroup2_open(monitor->standing_cgroup2 ? monitor->standing_cgroup2 : monitor->launch.cgroup2,
					 error);
	if (parts->cgroup2 < 0)
		return parts->cgroup2;
	int result = sw_cgroup2_check_empty(parts->cgroup2, error);
	if (result < 0)
		return result;
	parts->program = sw_program_open("swarm-init", error);
	if (parts->program < 0)
		return parts->program;
	result = outputs_make(monitor, parts->outputs, error);
	return result < 0 ? result : report_pair_make(&monitor->report_fd, &parts->report, error);
}

static void close_parts(struct parts *parts)
{
	sw_close(&parts->cgroup2);
	sw_close(&parts->program);
	sw_close(&parts->launch);
	sw_close(&parts->outputs[0]);
	sw_close(&parts->outputs[1]);
	sw_close(&parts->report);
}

/* For the rest of our life; without it the end only takes longer. */
static void hold(const struct monitor *monitor, const char *namespace)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)monitor->pid, namespace);
	int ignored = open(path, O_RDONLY | O_CLOEXEC);
	(void)ignored;
}

/* Whoever waits for the end of a passing container does not wait for its mounts to be taken down: that happens when we end. Those of a
 * user namespace come from the init. */
static void hold_mounts(const struct monitor *monitor)
{
	if (monitor->launch.passing && !monitor->launch.security.userns_base)
		hold(monitor, "mnt");
}

void container_hold_network(const struct monitor *monitor)
{
	if (monitor->launch.passing)
		hold(monitor, "net");
}

static int begin(struct monitor *monitor, struct sw_error *error)
{
	struct parts parts = { -1, -1, -1, { -1, -1 }, -1 };
	int result = device_directory_make(monitor->directory, error);
	if (result == 0)
		result = device_nodes_make(monitor->directory, &monitor->launch.security, error);
	if (result == 0)
		result = open_parts(monitor, &parts, error);
	if (result == 0)
		result = device_filter_attach(parts.cgroup2, &monitor->launch.security, error);
	if (result == 0)
		result = spawn(monitor, &parts, error);
	close_parts(&parts);
	return result;
}

int container_run(struct monitor *monitor, struct sw_error *error)
{
	monitor->phase = PHASE_CREATING;
	monitor->oom_kills_before = oom_kills(&monitor->launch);
	int result = begin(monitor, error);
	if (result == 0)
		hold_mounts(monitor);
	return result;
}

int container_stand(struct monitor *monitor, struct sw_error *error)
{
	monitor->phase = PHASE_CREATING;
	return begin(monitor, error);
}

/* By its name in the working directory, which moved along: whoever looks for the container finds its monitor there. */
static int listen_here(struct control *control, struct sw_error *error)
{
	static const struct sockaddr_un address = { AF_UNIX, "monitor.sock" };
	SW_AUTOCLOSE int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made < 0)
		return sw_fail(error, errno, "make the control socket", NULL);
	if (bind(made, (const struct sockaddr *)&address, sizeof address) < 0 || chmod(address.sun_path, 0600) < 0 ||
	    listen(made, CONTROL_CLIENTS_MAX) < 0)
		return sw_fail(error, errno, "bind the control socket", NULL);
	control->listener = made;
	made = -1;
	return 0;
}

static int take_launch(struct monitor *monitor, struct sw_error *error)
{
	if (!getcwd(monitor->moved, sizeof monitor->moved))
		return sw_fail(error, errno, "find the container directory", NULL);
	monitor->directory = monitor->moved;
	int result = sw_launch_read(monitor->lock, &monitor->launch, error);
	if (result < 0)
		return result;
	if (strcmp(monitor->launch.cgroup2, monitor->standing_cgroup2) != 0)
		return sw_refuse(error, EINVAL, "launch", "the container stands ready in another cgroup than it is to run in");
	if (monitor->launch.security.userns_base != strtoul(monitor->standing_base, NULL, 10))
		return sw_refuse(error, EINVAL, "launch", "the container stands ready in another user namespace than it is to run in");
	monitor->epoch = monitor->launch.epoch;
	monitor->guard.wanted = monitor->launch.guarded;
	monitor->oom_kills_before = oom_kills(&monitor->launch);
	outputs_bound(monitor);
	if (!monitor->launch.passing)
		result = listen_here(&monitor->control, error);
	if (result == 0)
		hold_mounts(monitor);
	return result;
}

int container_launch(struct monitor *monitor, struct sw_error *error)
{
	int result = monitor->standing_cgroup2 ? take_launch(monitor, error) : 0;
	if (result < 0)
		return result;
	monitor->phase = PHASE_CREATING;
	/* When the init is dead already, SIGCHLD tells. */
	send(monitor->report_fd, &(char){ SW_LAUNCH_BYTE }, 1, MSG_NOSIGNAL);
	return 0;
}
