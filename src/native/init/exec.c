#include "exec.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/cgroup.h"
#include "../common/cleanup.h"
#include "../common/number.h"
#include "../common/file.h"
#include "../common/program.h"
#include "../common/report.h"
#include "../common/signals.h"
#include "../common/syscalls.h"
#include "exec-options.h"
#include "identity.h"
#include "oom-score.h"
#include "privileges.h"
#include "workload.h"

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP)

struct target {
	struct sw_launch launch;
	struct sw_cgroup1 cgroup1;
	int cgroup2, pidfd;
	int caller; /* pidfd of the process outside that waits for the command */
};

static void complain(const char *text)
{
	dprintf(STDERR_FILENO, "swarm: %s\n", text);
}

/* The container may look at our process while it is being joined: execute ourselves again from a read-only mount first. */
static int protect(char **arguments, struct sw_error *error)
{
	char *environment[] = { NULL };
	if (sw_program_is_protected())
		return 0;
	SW_AUTOCLOSE int program = sw_program_open("swarm-init", error);
	if (program < 0)
		return program;
	syscall(SYS_execveat, program, "", arguments, environment, AT_EMPTY_PATH);
	return sw_fail(error, errno, "execute the protected program", NULL);
}

/* A pid is only believed when the container's own cgroup holds it: it may have been given to another process. */
static int check_member(const struct target *target, pid_t pid, struct sw_error *error)
{
	char wanted[16];
	SW_AUTOFREE char *list = NULL;
	size_t size;
	SW_AUTOCLOSE int file = openat(target->cgroup2, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return sw_fail(error, errno, "list the container's processes", NULL);
	int result = sw_read_all(file, 16 * 1024 * 1024, &list, &size);
	if (result < 0)
		return sw_fail(error, -result, "list the container's processes", NULL);
	snprintf(wanted, sizeof wanted, "%d", (int)pid);
	for (const char *line = list; *line; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") == strlen(wanted) && strncmp(line, wanted, strlen(wanted)) == 0)
			return 0;
	return sw_refuse(error, ESRCH, "find the container", "process %s is not of this container", wanted);
}

static int read_launch(const char *directory, struct sw_launch *launch, struct sw_error *error)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/launch", directory);
	SW_AUTOCLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
	return file < 0 ? sw_fail(error, errno, "open", path) : sw_launch_read(file, launch, error);
}

/* Everything that has a name on the host. */
static int open_target(const struct exec_options *options, struct target *target, struct sw_error *error)
{
	int result = read_launch(options->directory, &target->launch, error);
	if (result < 0)
		return result;
	target->pidfd = sw_pidfd_open(options->pid);
	if (target->pidfd < 0)
		return sw_fail(error, errno, "find the container's process", NULL);
	target->cgroup2 = sw_cgroup2_open(&target->launch, error);
	if (target->cgroup2 < 0)
		return target->cgroup2;
	target->caller = sw_pidfd_open(getpid());
	if (target->caller < 0)
		return sw_fail(error, errno, "open a process descriptor", NULL);
	result = oom_score_adjust(&target->launch.security, complain, error);
	if (result == 0)
		result = check_member(target, options->pid, error);
	return result == 0 ? sw_cgroup1_open(&target->launch, &target->cgroup1, error) : result;
}

/* PR_SET_PDEATHSIG does not see a death before it. */
static bool has_ended(int pidfd)
{
	struct pollfd polled = { pidfd, POLLIN, 0 };
	return poll(&polled, 1, 0) > 0;
}

/* In the new process. Comes back with an exit code only when the command was not executed. */
static int become_command(struct target *target, const struct exec_options *options, struct sw_error *error)
{
	struct identity identity;
	const char *user = options->user ? options->user : target->launch.user;
	const char *workdir = options->workdir ? options->workdir : target->launch.workdir;
	sw_signals_reset();
	setsid();
	umask(0022);
	int result = sw_cgroup1_join(&target->cgroup1, error);
	if (result == 0)
		result = identity_find(user, &identity, error);
	if (result == 0)
		result = privileges_drop(&target->launch, &identity, workdir, complain, error);
	/* After the change of user, which would clear it. */
	if (result == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		result = sw_fail(error, errno, "tie the process to its caller", NULL);
	if (result < 0)
		return SW_EXIT_SETUP_FAILED;
	const char **environment = workload_environment(&target->launch.env, &options->env, identity.home);
	if (!environment || sw_close_range(3, ~0u, SW_CLOSE_RANGE_CLOEXEC) < 0) {
		sw_fail(error, errno, "prepare the command", NULL);
		return SW_EXIT_SETUP_FAILED;
	}
	if (has_ended(target->caller))
		return SW_EXIT_SETUP_FAILED;
	return workload_execute(options->command, environment, error);
}

static int wait_for(pid_t pid)
{
	int status;
	if (SW_RETRY(waitpid(pid, &status, 0)) < 0)
		return SW_EXIT_SETUP_FAILED;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(struct target *target, const struct exec_options *options, struct sw_error *error)
{
	struct sw_clone_args args = {
		.flags = SW_CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)target->cgroup2,
	};
	if (setns(target->pidfd, NAMESPACES) < 0) {
		sw_fail(error, errno, "join the container's namespaces", NULL);
		return SW_EXIT_SETUP_FAILED;
	}
	pid_t pid = sw_clone3(&args);
	if (pid < 0) {
		sw_fail(error, errno, "clone into", target->launch.cgroup2);
		return SW_EXIT_SETUP_FAILED;
	}
	if (pid > 0)
		return wait_for(pid);
	int code = become_command(target, options, error);
	complain(error->message);
	_exit(code);
}

int exec_in_container(int count, char **arguments)
{
	struct sw_error error = { 0 };
	struct exec_options options;
	struct target target = { .cgroup2 = -1, .pidfd = -1, .caller = -1 };
	int code = SW_EXIT_SETUP_FAILED;
	SW_AUTOFREE const char **env_items = calloc((size_t)count + 1, sizeof *env_items);
	if (!env_items)
		return code;
	/* Before anything of the container is near: nobody inside may look into this process. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (protect(arguments - 2, &error) == 0 &&
	    exec_options_parse(count, arguments, env_items, &options, &error) == 0 &&
	    open_target(&options, &target, &error) == 0)
		code = run(&target, &options, &error);
	if (error.code)
		complain(error.message);
	return code;
}
