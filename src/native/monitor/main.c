/* swarm-monitor run|restore <container directory> or stand <container directory> <v2 cgroup> <first id or 0>, started by spawnDetached or
 * spawnConnected: standard error is the complaints file and descriptor 3 the control socket. Survives the daemon; ends when its container has. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/number.h"
#include "../common/userns.h"
#include "attach.h"
#include "complain.h"
#include "monitor.h"
#include "outputs.h"

#define CONTROL_FD 3

static struct monitor monitor = { .lock = -1, .input = { .descriptor = -1, .slave = -1 }, .guard = { .timer = -1 }, .signal_fd = -1, .report_fd = -1, .starter = -1 };

/* A listening socket, or one connection that is there already. */
static int open_control(struct sw_error *error)
{
	int listening = 0;
	socklen_t size = sizeof listening;
	if (getsockopt(CONTROL_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0)
		return sw_refuse(error, EBADF, "find the control socket", "descriptor 3 is not a socket");
	if (fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(CONTROL_FD, F_SETFL, O_NONBLOCK) < 0)
		return sw_fail(error, errno, "set the control socket", NULL);
	if (listening)
		control_listen(&monitor.control, CONTROL_FD);
	else
		control_connect(&monitor.control, CONTROL_FD);
	return 0;
}

/* SIGCHLD and SIGTERM arrive in the loop; a closed pipe or terminal is no reason to end. */
static int open_signals(struct sw_error *error)
{
	sigset_t taken;
	sigemptyset(&taken);
	sigaddset(&taken, SIGCHLD);
	sigaddset(&taken, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	sigprocmask(SIG_BLOCK, &taken, NULL);
	monitor.signal_fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
	return monitor.signal_fd < 0 ? sw_fail(error, errno, "open a signal descriptor", NULL) : 0;
}

static int read_launch(struct sw_error *error)
{
	monitor.lock = open("launch", O_RDONLY | O_CLOEXEC);
	if (monitor.lock < 0)
		return sw_fail(error, errno, "open the launch file", NULL);
	if (flock(monitor.lock, LOCK_EX | LOCK_NB) < 0)
		return sw_refuse(error, EBUSY, "lock the launch file", "another monitor has this container");
	/* Empty while it stands ready. */
	if (monitor.standing_cgroup2)
		return 0;
	int result = sw_launch_read(monitor.lock, &monitor.launch, error);
	monitor.epoch = monitor.launch.epoch;
	monitor.guard.wanted = monitor.launch.guarded;
	return result;
}

static int prepare(const char *directory, struct sw_error *error)
{
	monitor.directory = directory;
	umask(0);
	if (chdir(directory) < 0)
		return sw_fail(error, errno, "enter", directory);
	int result = open_control(error);
	if (result == 0)
		result = read_launch(error);
	if (result == 0)
		result = open_signals(error);
	if (result == 0)
		result = log_open(&monitor.logs[0], "stdout", directory, error);
	if (result == 0)
		result = log_open(&monitor.logs[1], "stderr", directory, error);
	attach_listen(&monitor);
	if (result == 0 && !monitor.standing_cgroup2)
		outputs_bound(&monitor);
	/* Processes that a restored container leaves behind come to us, not to the host's first process. */
	if (result == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		result = sw_fail(error, errno, "become subreaper", NULL);
	return result;
}

typedef int beginning(struct monitor *monitor, struct sw_error *error);

/* NULL: not an argument list of ours. */
static beginning *beginning_of(int count, char **arguments)
{
	uint64_t base;
	if (count < 3 || arguments[2][0] != '/')
		return NULL;
	if (count == 3 && strcmp(arguments[1], "run") == 0)
		return container_run;
	monitor.restored = count == 3 && strcmp(arguments[1], "restore") == 0;
	if (monitor.restored)
		return container_restore;
	if (count != 5 || strcmp(arguments[1], "stand") != 0 || arguments[3][0] != '/' ||
	    sw_parse_number(arguments[4], &base) < 0 || (base > 0 && base < SW_USERNS_IDS) || base > UINT32_MAX - SW_USERNS_IDS)
		return NULL;
	monitor.standing_cgroup2 = arguments[3];
	monitor.standing_base = arguments[4];
	return container_stand;
}

int main(int count, char **arguments)
{
	struct sw_error error = { 0 };
	beginning *begin = beginning_of(count, arguments);
	if (!begin) {
		monitor_complain("usage: swarm-monitor run|restore <container directory> | stand <container directory> <cgroup> <first id or 0>");
		return 2;
	}
	if (prepare(arguments[2], &error) < 0) {
		monitor_complain("%s", error.message);
		return 1;
	}
	if (begin(&monitor, &error) < 0)
		monitor_fail(&monitor, &error);
	if (monitor_loop(&monitor, &error) < 0) {
		monitor_complain("%s", error.message);
		return 1;
	}
	return 0;
}
