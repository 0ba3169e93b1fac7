#include "hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "../common/signals.h"
#include "../common/syscalls.h"

#define MS_PER_S 1000

static const char *const names[PLAN_HOOK_KINDS] = {
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
};

/* The plan's text of the state begins behind status and pid. */
static int state_file(const struct plan *plan, const char *status, pid_t pid, struct sw_error *error)
{
	SW_AUTOCLOSE int file = memfd_create("state", MFD_CLOEXEC);
	if (file < 0 || dprintf(file, "{\"status\":\"%s\",", status) < 0 ||
	    (pid > 0 && dprintf(file, "\"pid\":%d,", (int)pid) < 0) ||
	    sw_write_all(file, plan->state, strlen(plan->state)) < 0 || lseek(file, 0, SEEK_SET) < 0)
		return sw_fail(error, errno, "write the state for a hook", NULL);
	int result = file;
	file = -1;
	return result;
}

static void become_hook(const struct plan_hook *hook, int state)
{
	static const char *none[] = { NULL };
	const char *own[] = { hook->path, NULL };
	const char **args = hook->args.count ? hook->args.items : own;
	sw_signals_reset();
	if (dup2(state, STDIN_FILENO) < 0 || sw_close_range(3, ~0u, SW_CLOSE_RANGE_CLOEXEC) < 0)
		_exit(125);
	execve(hook->path, (char *const *)args, (char *const *)(hook->env.count ? hook->env.items : none));
	_exit(errno == ENOENT ? 127 : 126);
}

static int wait_for(pid_t child, const struct plan_hook *hook, struct sw_error *error)
{
	int status;
	struct pollfd polled = { sw_pidfd_open(child), POLLIN, 0 };
	int timeout_ms = hook->timeout_s == 0 || hook->timeout_s > INT32_MAX / MS_PER_S ? -1 : (int)hook->timeout_s * MS_PER_S;
	bool late = polled.fd >= 0 && SW_RETRY(poll(&polled, 1, timeout_ms)) == 0;
	sw_close(&polled.fd);
	if (late)
		kill(child, SIGKILL);
	if (SW_RETRY(waitpid(child, &status, 0)) < 0)
		return sw_fail(error, errno, "wait for hook", hook->path);
	const char *name = names[hook->kind];
	if (late)
		return sw_refuse(error, ETIMEDOUT, "run hook", "%s hook %s: not done after %llu s", name, hook->path,
				 (unsigned long long)hook->timeout_s);
	if (WIFSIGNALED(status))
		return sw_refuse(error, ECANCELED, "run hook", "%s hook %s: ended by signal %d", name, hook->path,
				 WTERMSIG(status));
	if (WEXITSTATUS(status) == 0)
		return 0;
	return sw_refuse(error, ECANCELED, "run hook", "%s hook %s: exit code %d", name, hook->path, WEXITSTATUS(status));
}

static int run(const struct plan *plan, const struct plan_hook *hook, const char *status, pid_t pid,
	       struct sw_error *error)
{
	SW_AUTOCLOSE int state = state_file(plan, status, pid, error);
	if (state < 0)
		return state;
	pid_t child = fork();
	if (child == 0)
		become_hook(hook, state);
	return child < 0 ? sw_fail(error, errno, "start hook", hook->path) : wait_for(child, hook, error);
}

int hooks_run(const struct plan *plan, enum plan_hook_kind kind, const char *status, pid_t pid, struct sw_error *error)
{
	int result = 0;
	for (size_t i = 0; i < plan->hook_count && result == 0; i++)
		if (plan->hooks[i].kind == kind)
			result = run(plan, &plan->hooks[i], status, pid, error);
	return result;
}
