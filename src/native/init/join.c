#include "join.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/descriptors.h"
#include "../common/file.h"
#include "../common/oom-score.h"
#include "../common/report.h"
#include "../common/syscalls.h"
#include "identity.h"
#include "privileges.h"
#include "terminal.h"
#include "workload.h"

/* The pid namespace holds for children only, so the parent enters it; the command's process enters the others itself. */
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP)

/* Where the command's process tells what keeps it from its command. */
static int failure = STDERR_FILENO;
/* Of a standby, while it has no caller who could be told. */
static bool is_mute;

static void complain(const char *text)
{
	if (is_mute)
		_exit(SW_EXIT_SETUP_FAILED);
	dprintf(failure, "swarm: %s\n", text);
}

static int read_launch(const char *directory, struct sw_launch *launch, struct sw_error *error)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/launch", directory);
	SW_AUTOCLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
	return file < 0 ? sw_fail(error, errno, "open", path) : sw_launch_read(file, launch, error);
}

int join_open(const struct exec_options *options, struct join *join, struct sw_error *error)
{
	*join = (struct join){ .cgroup2 = -1, .pidfd = -1, .namespaces = NAMESPACES | (int)sw_clone_newtime() };
	int result = read_launch(options->directory, &join->launch, error);
	if (result < 0)
		return result;
	result = sw_seccomp_read(join->launch.security.seccomp, &join->seccomp, error);
	if (result < 0)
		return result;
	join->pidfd = sw_pidfd_open(options->pid);
	if (join->pidfd < 0)
		return sw_fail(error, errno, "find the container's process", NULL);
	join->cgroup2 = sw_cgroup2_open(join->launch.cgroup2, error);
	if (join->cgroup2 < 0)
		return join->cgroup2;
	result = sw_cgroup2_check_member(join->cgroup2, options->pid, error);
	return result == 0 ? sw_cgroup1_open(&join->launch, &join->cgroup1, error) : result;
}

void join_close(struct join *join)
{
	for (size_t i = 0; i < join->cgroup1.count; i++)
		sw_close(&join->cgroup1.tasks[i]);
	join->cgroup1.count = 0;
	sw_close(&join->cgroup2);
	sw_close(&join->pidfd);
	free(join->seccomp.code);
	join->seccomp.code = NULL;
	sw_launch_free(&join->launch);
}

/* ---- in the new process ---- */

static int enter(const struct join *join, struct sw_error *error)
{
	struct sw_cgroup1 cgroups = join->cgroup1;
	int result = sw_cgroup1_join(&cgroups, error);
	/* By the host's /proc, as long as it is there. */
	if (result == 0)
		result = oom_score_adjust(&join->launch.security, complain, error);
	if (result == 0 && setns(join->pidfd, join->namespaces) < 0)
		result = sw_fail(error, errno, "join the container's namespaces", NULL);
	return result;
}

static int arrange_streams(const struct join_streams *streams, struct sw_error *error)
{
	if ((streams->input >= 0 && dup2(streams->input, STDIN_FILENO) < 0) ||
	    (streams->output >= 0 && dup2(streams->output, STDOUT_FILENO) < 0) ||
	    (streams->complaint >= 0 && dup2(streams->complaint, STDERR_FILENO) < 0))
		return sw_fail(error, errno, "set the standard streams", NULL);
	return 0;
}

/* PR_SET_PDEATHSIG does not see a death before it. */
static bool has_ended(int pidfd)
{
	struct pollfd polled = { pidfd, POLLIN, 0 };
	return poll(&polled, 1, 0) > 0;
}

/* What else is open is the host's: as working directory it would be a way out (CVE-2024-21626). */
static int close_all_but(int kept[], size_t count)
{
	unsigned first = 3;
	for (size_t round = 0; round < count; round++) {
		/* The lowest of those from `first` on. */
		int next = -1;
		for (size_t i = 0; i < count; i++)
			if (kept[i] >= (int)first && (next < 0 || kept[i] < next))
				next = kept[i];
		if (next < 0)
			break;
		if ((unsigned)next > first && sw_close_range(first, (unsigned)next - 1, 0) < 0)
			return -1;
		first = (unsigned)next + 1;
	}
	return sw_close_range(first, ~0u, 0);
}

static int hand_over_terminal(int socket, const struct exec_options *options, uid_t owner, struct sw_error *error)
{
	SW_AUTOCLOSE int master = -1;
	int result = terminal_take(&options->size, owner, &master, error);
	if (result < 0)
		return result;
	result = sw_descriptors_send(socket, "T", 1, &master, 1);
	return result < 0 ? sw_fail(error, -result, "hand over the terminal", NULL) : 0;
}

/* `standby`: NULL for a command. */
static int prepare(const struct join *join, const struct exec_options *options, const struct join_streams *streams,
		   int caller, const struct standby_end *standby, struct identity *identity, struct sw_error *error)
{
	const char *user = options->user ? options->user : join->launch.user;
	const char *workdir = options->workdir ? options->workdir : join->launch.workdir;
	uint32_t base = join->launch.security.userns_base;
	struct sw_userns userns = { base ? join->pidfd : -1, base, -1 };
	int result = arrange_streams(streams, error);
	if (result == 0)
		result = enter(join, error);
	if (result == 0 && standby)
		standby_look(&standby->told->seen);
	if (result == 0)
		result = identity_find(user, identity, error);
	if (result == 0 && streams->terminal >= 0) {
		result = hand_over_terminal(streams->terminal, options, base + identity->uid, error);
		if (result == 0)
			failure = STDERR_FILENO;
	}
	/* Pidfds and a pipe: no directories. */
	if (result == 0 && close_all_but((int[]){ join->pidfd, caller, failure, standby ? standby->socket : -1 }, 4) < 0)
		result = sw_fail(error, errno, "close descriptors", NULL);
	if (result == 0 && standby) {
		result = standby_enter(workdir, &standby->told->seen);
		workdir = ".";
	}
	return result == 0 ?
		       privileges_drop(&join->launch, &join->seccomp, &userns, identity, workdir, complain, error) :
		       result;
}

/* Everything but the command itself. */
static int become_member(const struct join *join, const struct exec_options *options, const struct join_streams *streams,
			 int caller, const struct standby_end *standby, struct identity *identity, struct sw_error *error)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	umask(0022);
	int result = prepare(join, options, streams, caller, standby, identity, error);
	/* After the change of user, which would clear it. */
	if (result == 0 && caller >= 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		result = sw_fail(error, errno, "tie the process to its caller", NULL);
	return result;
}

/* Comes back with an exit code only when the command was not executed. */
static int execute(const struct join *join, const struct exec_options *options, const char *home, int caller,
		   struct sw_error *error)
{
	const char **environment = workload_environment(&join->launch.env, &options->env, home);
	if (!environment || sw_close_range(3, ~0u, SW_CLOSE_RANGE_CLOEXEC) < 0) {
		sw_fail(error, errno, "prepare the command", NULL);
		return SW_EXIT_SETUP_FAILED;
	}
	if (caller >= 0 && has_ended(caller))
		return SW_EXIT_SETUP_FAILED;
	return workload_execute(options->command, environment, error);
}

static int become_command(const struct join *join, const struct exec_options *options, const struct join_streams *streams,
			  int caller, struct sw_error *error)
{
	struct identity identity;
	if (become_member(join, options, streams, caller, NULL, &identity, error) < 0)
		return SW_EXIT_SETUP_FAILED;
	return execute(join, options, identity.home, caller, error);
}

/* Of the calls between the request and the command, those that a filter may refuse; execve is the command's own. */
static bool may_wait(int socket)
{
	char byte;
	int descriptors[SW_DESCRIPTORS_MAX];
	size_t count;
	return sw_descriptors_receive(socket, &byte, 1, MSG_DONTWAIT, descriptors, &count) == -EAGAIN &&
	       dup2(socket, socket) == socket && sw_close_range(3, ~0u, SW_CLOSE_RANGE_CLOEXEC) == 0;
}

static int take_request(const struct standby_end *standby, struct sw_error *error)
{
	int descriptors[SW_DESCRIPTORS_MAX];
	size_t count;
	ssize_t size = sw_descriptors_receive(standby->socket, standby->bytes, SERVE_REQUEST_BYTES_MAX, 0, descriptors, &count);
	/* Nobody needs it any more. */
	if (size <= 0 || count < 2)
		_exit(0);
	struct join_streams streams = { count == 3 ? descriptors[2] : -1, descriptors[0], descriptors[1], -1, -1 };
	int result = arrange_streams(&streams, error);
	is_mute = false;
	return result == 0 ? serve_request_decode(standby->bytes, (size_t)size, standby->request, error) : result;
}

static int stand_by(const struct join *join, int caller, const struct standby_end *standby, struct sw_error *error)
{
	const struct exec_options plain = { 0 };
	const struct join_streams none = { -1, -1, -1, -1, -1 };
	struct identity identity;
	is_mute = true;
	if (dup2(STDIN_FILENO, STDOUT_FILENO) < 0 || dup2(STDIN_FILENO, STDERR_FILENO) < 0 ||
	    become_member(join, &plain, &none, caller, standby, &identity, error) < 0 || has_ended(caller))
		return SW_EXIT_SETUP_FAILED;
	close(caller);
	close(join->pidfd);
	if (!may_wait(standby->socket))
		return SW_EXIT_SETUP_FAILED;
	standby->told->uid = identity.uid;
	standby->told->gid = identity.gid;
	if (sw_descriptors_send(standby->socket, standby->told, sizeof *standby->told, NULL, 0) < 0 ||
	    take_request(standby, error) < 0)
		return SW_EXIT_SETUP_FAILED;
	return execute(join, &standby->request->options, identity.home, -1, error);
}

static pid_t clone_into(const struct join *join, struct sw_error *error)
{
	struct sw_clone_args args = {
		.flags = SW_CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)join->cgroup2,
	};
	if (setns(join->pidfd, CLONE_NEWPID) < 0)
		return sw_fail(error, errno, "join the container's process ids", NULL);
	pid_t pid = sw_clone3(&args);
	return pid < 0 ? sw_fail(error, errno, "clone into", join->launch.cgroup2) : pid;
}

pid_t join_start(const struct join *join, const struct exec_options *options, const struct join_streams *streams, int caller,
		 struct sw_error *error)
{
	pid_t pid = clone_into(join, error);
	if (pid != 0)
		return pid;
	if (streams->failure >= 0)
		failure = streams->failure;
	else if (streams->terminal >= 0)
		failure = streams->terminal;
	int code = become_command(join, options, streams, caller, error);
	complain(error->message);
	_exit(code);
}

pid_t join_stand_by(const struct join *join, int caller, const struct standby_end *standby, struct sw_error *error)
{
	pid_t pid = clone_into(join, error);
	if (pid != 0)
		return pid;
	int code = stand_by(join, caller, standby, error);
	complain(error->message);
	_exit(code);
}
