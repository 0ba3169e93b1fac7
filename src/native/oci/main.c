/* swarm-oci: the native half of `swarm oci`. Started by src/oci with the container's directory, which holds the plan. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "../common/cleanup.h"
#include "../common/number.h"
#include "../common/program.h"
#include "../common/report.h"
#include "../common/syscalls.h"
#include "create.h"
#include "foreground.h"
#include "hooks.h"
#include "outcome.h"
#include "pid-file.h"
#include "start.h"

static int create_only(const struct plan *plan, int directory, struct sw_error *error)
{
	return create(plan, directory, error) < 0 ? SW_EXIT_SETUP_FAILED : 0;
}

/* Create, start, wait: the exit code is the container's. */
static int run(const struct plan *plan, int directory, struct sw_error *error)
{
	foreground_begin();
	pid_t pid = create(plan, directory, error);
	SW_AUTOCLOSE int process = pid < 0 ? -1 : sw_pidfd_open(pid);
	if (process < 0 || start(plan, directory, process, pid, error) < 0) {
		if (pid > 0)
			kill(pid, SIGKILL);
		return SW_EXIT_SETUP_FAILED;
	}
	outcome_close();
	return foreground_wait(pid);
}

static int start_created(const struct plan *plan, int directory, struct sw_error *error)
{
	pid_t pid;
	SW_AUTOCLOSE int process = pid_file_open(directory, &pid, error);
	return process < 0 || start(plan, directory, process, pid, error) < 0 ? SW_EXIT_SETUP_FAILED : 0;
}

static int run_poststop(const struct plan *plan, struct sw_error *error)
{
	return hooks_run(plan, PLAN_POSTSTOP, "stopped", 0, error) < 0 ? SW_EXIT_SETUP_FAILED : 0;
}

static int send_signal(int directory, const char *number, struct sw_error *error)
{
	uint64_t signal;
	pid_t pid;
	if (sw_parse_number(number, &signal) < 0 || signal > 64)
		return sw_fail(error, EINVAL, "send signal", number);
	SW_AUTOCLOSE int process = pid_file_open(directory, &pid, error);
	if (process < 0)
		return process;
	return sw_pidfd_send_signal(process, (int)signal) < 0 ? sw_fail(error, errno, "send signal", number) : 0;
}

static int act(int count, char **arguments, int directory, struct sw_error *error)
{
	struct plan plan;
	const char *action = arguments[1];
	if (count == 5 && strcmp(action, "kill") == 0)
		return send_signal(directory, arguments[4], error) < 0 ? SW_EXIT_SETUP_FAILED : 0;
	if (plan_read(directory, "plan", &plan, error) < 0)
		return SW_EXIT_SETUP_FAILED;
	if (strcmp(action, "create") == 0)
		return create_only(&plan, directory, error);
	if (strcmp(action, "run") == 0)
		return run(&plan, directory, error);
	if (strcmp(action, "start") == 0)
		return start_created(&plan, directory, error);
	if (strcmp(action, "poststop") == 0)
		return run_poststop(&plan, error);
	sw_refuse(error, EINVAL, "act", "unknown action %s", action);
	return SW_EXIT_SETUP_FAILED;
}

int main(int count, char **arguments)
{
	struct sw_error error = { 0 };
	uint64_t pipe;
	if (count < 4 || sw_parse_number(arguments[3], &pipe) < 0 || pipe > INT_MAX) {
		fprintf(stderr, "usage: swarm-oci create|run|start|poststop <directory> <descriptor of the answers>\n"
				"       swarm-oci kill <directory> <descriptor of the answers> <signal>\n");
		return 2;
	}
	outcome_open((int)pipe);
	/* Nobody inside may look into this process or those that come from it before they are the container's own. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	SW_AUTOCLOSE int directory = -1;
	int code = SW_EXIT_SETUP_FAILED;
	if (sw_program_protect("swarm-oci", arguments, &error) == 0) {
		/* It had to survive the exec that protects. */
		outcome_keep();
		directory = open(arguments[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		code = directory < 0 ? SW_EXIT_SETUP_FAILED : act(count, arguments, directory, &error);
		if (directory < 0)
			sw_fail(&error, errno, "open", arguments[2]);
	}
	if (error.code)
		outcome_fail(error.message);
	return code;
}
