#include "exec.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../common/cleanup.h"
#include "../common/program.h"
#include "../common/report.h"
#include "../common/signals.h"
#include "../common/syscalls.h"
#include "join.h"

static const struct join_streams own_streams = { -1, -1, -1, -1, -1 };

static int wait_for(pid_t pid)
{
	int status;
	if (SW_RETRY(waitpid(pid, &status, 0)) < 0)
		return SW_EXIT_SETUP_FAILED;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(const struct exec_options *options, struct sw_error *error)
{
	struct join join;
	SW_AUTOCLOSE int self = sw_pidfd_open(getpid());
	if (self < 0)
		return sw_fail(error, errno, "open a process descriptor", NULL);
	int pid = join_open(options, &join, error);
	if (pid == 0)
		pid = join_start(&join, options, &own_streams, self, error);
	join_close(&join);
	return pid < 0 ? pid : wait_for(pid);
}

int exec_in_container(int count, char **arguments)
{
	struct sw_error error = { 0 };
	struct exec_options options;
	int code = -1;
	SW_AUTOFREE const char **env_items = calloc((size_t)count + 1, sizeof *env_items);
	if (!env_items)
		return SW_EXIT_SETUP_FAILED;
	/* Before anything of the container is near: nobody inside may look into this process. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	sw_signals_reset();
	if (sw_program_protect("swarm-init", arguments - 2, &error) == 0 &&
	    exec_options_parse(count, arguments, env_items, &options, &error) == 0)
		code = run(&options, &error);
	if (code >= 0)
		return code;
	fprintf(stderr, "swarm: %s\n", error.message);
	return SW_EXIT_SETUP_FAILED;
}
