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
#include "console.h"
#include "create.h"
#include "exec.h"
#include "foreground.h"
#include "hooks.h"
#include "outcome.h"
#include "pid-file.h"
#include "start.h"

/* Where the terminal goes: to the caller's socket, or (in the foreground) to us; -1 without one. */
static int open_console(const struct plan *plan, int *own_end, struct sw_error *error)
{
	int ends[2];
	*own_end = -1;
	if (!plan->process.terminal)
		return -1;
	if (plan->process.console_socket)
		return console_connect(plan->process.console_socket, error);
	int result = foreground_pair(ends, error);
	if (result < 0)
		return result;
	*own_end = ends[0];
	return ends[1];
}

static int create_only(const struct plan *plan, int directory, struct sw_error *error)
{
	int own_end;
	int console = open_console(plan, &own_end, error);
	return error->code || create(plan, directory, console, error) < 0 ? SW_EXIT_SETUP_FAILED : 0;
}

static int wait_in_foreground(pid_t pid, int own_end, struct sw_error *error)
{
	SW_AUTOCLOSE int master = own_end < 0 ? -1 : foreground_receive(own_end, error);
	outcome_close();
	return foreground_wait(pid, master);
}

/* Create, start, wait: the exit code is the container's. */
static int run(const struct plan *plan, int directory, struct sw_error *error)
{
	int own_end;
	foreground_begin();
	int console = open_console(plan, &own_end, error);
	pid_t pid = error->code ? -1 : create(plan, directory, console, error);
	if (pid < 0 || start(plan, directory, pid, error) < 0) {
		if (pid > 0)
			kill(pid, SIGKILL);
		return SW_EXIT_SETUP_FAILED;
	}
	return wait_in_foreground(pid, own_end, error);
}

static int exec(const struct plan *plan, int directory, bool detached, struct sw_error *error)
{
	int own_end;
	if (!detached)
		foreground_begin();
	int console = open_console(plan, &own_end, error);
	pid_t pid = error->code ? -1 : exec_start(plan, directory, console, error);
	if (pid < 0)
		return SW_EXIT_SETUP_FAILED;
	return detached ? 0 : wait_in_foreground(pid, own_end, error);
}

static int start_created(const struct plan *plan, int directory, struct sw_error *error)
{
	pid_t pid;
	SW_AUTOCLOSE int process = pid_file_open(directory, &pid, error);
	return process < 0 || start(plan, directory, pid, error) < 0 ? SW_EXIT_SETUP_FAILED : 0;
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
	bool is_exec = count == 6 && strcmp(action, "exec") == 0;
	if (plan_read(directory, is_exec ? arguments[4] : "plan", &plan, error) < 0)
		return SW_EXIT_SETUP_FAILED;
	if (is_exec)
		return exec(&plan, directory, strcmp(arguments[5], "detached") == 0, error);
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
				"       swarm-oci kill <directory> <descriptor of the answers> <signal>\n"
				"       swarm-oci exec <directory> <descriptor of the answers> <plan> attached|detached\n");
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
