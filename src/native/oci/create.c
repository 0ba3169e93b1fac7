#include "create.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "../common/syscalls.h"
#include "channel.h"
#include "container.h"
#include "device-rules.h"
#include "hooks.h"
#include "idmap.h"
#include "outcome.h"
#include "pid-file.h"
#include "process.h"
#include "start.h"

/* Made by clone3 itself; the cgroup namespace by the container when it is in its cgroups, the time namespace by us. */
#define CLONED (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUSER)

static uint64_t new_namespaces(const struct plan *plan)
{
	uint64_t flags = 0;
	for (size_t i = 0; i < plan->namespace_count; i++)
		if (!plan->namespaces[i].path)
			flags |= plan->namespaces[i].flag & CLONED;
	return flags;
}

/* Of the next child: pid and time namespaces cannot be entered by a process itself. */
static int prepare_child_namespaces(const struct plan *plan, struct sw_error *error)
{
	const struct plan_namespace *pid = plan_namespace(plan, CLONE_NEWPID);
	const struct plan_namespace *time = plan_namespace(plan, SW_CLONE_NEWTIME);
	if (pid && pid->path) {
		SW_AUTOCLOSE int file = open(pid->path, O_RDONLY | O_CLOEXEC);
		if (file < 0 || setns(file, CLONE_NEWPID) < 0)
			return sw_fail(error, errno, "join namespace (linux.namespaces)", pid->path);
	}
	if (!time || time->path)
		return 0;
	if (unshare((int)SW_CLONE_NEWTIME) < 0)
		return sw_fail(error, errno, "unshare the time namespace", NULL);
	for (size_t i = 0; i < plan->clock_offsets.count; i++) {
		int result = sw_write_file("/proc/self/timens_offsets", plan->clock_offsets.items[i], error);
		if (result < 0)
			return result;
	}
	return 0;
}

static int run_hooks(const struct plan *plan, pid_t pid, struct sw_error *error)
{
	int result = hooks_run(plan, PLAN_PRESTART, "creating", pid, error);
	return result == 0 ? hooks_run(plan, PLAN_CREATE_RUNTIME, "creating", pid, error) : result;
}

/* 1 when the container is made. */
static int serve(const struct plan *plan, pid_t pid, int channel, const struct sw_report *report, struct sw_error *error)
{
	int result = 0;
	switch ((enum channel_kind)report->kind) {
	case CHANNEL_CREATED:
		return 1;
	case CHANNEL_WARNING:
		outcome_warn(report->text);
		return 0;
	case CHANNEL_WANTS_MAPS:
		result = idmap_write(pid, &plan->uid_maps, &plan->gid_maps, error);
		break;
	case CHANNEL_WANTS_HOOKS:
		result = run_hooks(plan, pid, error);
		break;
	default:
		return sw_refuse(error, report->code ? report->code : EPROTO, "create", "%s", report->text);
	}
	return result == 0 ? channel_answer(channel, error) : result;
}

static int follow(const struct plan *plan, pid_t pid, int channel, struct sw_error *error)
{
	for (;;) {
		struct sw_report report;
		int result = channel_read(channel, &report, error);
		if (result == 0)
			return sw_refuse(error, ECHILD, "create", "the container's first process ended early");
		if (result > 0)
			result = serve(plan, pid, channel, &report, error);
		if (result != 0)
			return result < 0 ? result : 0;
	}
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	SW_RETRY(waitpid(pid, NULL, 0));
}

static int open_birth(const struct plan *plan, int cgroup2, struct birth *birth, struct sw_error *error)
{
	const struct sw_launch places = { .cgroup1 = plan->cgroup1 };
	int result = sw_cgroup2_check_empty(cgroup2, error);
	if (result == 0)
		result = sw_cgroup1_open(&places, &birth->cgroup1, error);
	if (result == 0)
		result = sw_seccomp_read(plan->process.seccomp, &birth->seccomp, error);
	if (result == 0)
		result = device_rules_attach(plan, cgroup2, error);
	if (result == 0)
		result = idmap_take(plan, error);
	if (result == 0)
		result = process_set_oom_score(&plan->process, error);
	return result;
}

static void be_born(struct birth *birth, const int ends[2], int listening)
{
	close(ends[0]);
	birth->channel = ends[1];
	birth->start = listening;
	container_become(birth);
}

/* A user namespace that exists must be entered before the others are made, so that they belong to it, and nobody comes back from
 * there: a helper goes in, makes the container's first process a child of ours, tells its pid and ends. */
static _Noreturn void enter_and_clone(const struct plan_namespace *user, struct birth *birth, const int ends[2], int listening,
				      int told, struct sw_clone_args *args)
{
	struct sw_error error = { 0 };
	SW_AUTOCLOSE int file = open(user->path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || setns(file, CLONE_NEWUSER) < 0)
		sw_fail(&error, errno, "join namespace (linux.namespaces)", user->path);
	else if (prepare_child_namespaces(birth->plan, &error) == 0) {
		args->flags |= CLONE_PARENT;
		args->exit_signal = 0; /* the helper's */
		pid_t pid = sw_clone3(args);
		if (pid == 0)
			be_born(birth, ends, listening);
		if (pid > 0)
			channel_tell(told, CHANNEL_PID, pid, "");
		else
			sw_fail(&error, errno, "clone the container's first process into", birth->plan->cgroup2);
	}
	if (error.code)
		channel_tell(told, CHANNEL_FAILED, error.code, error.message);
	_exit(0);
}

static pid_t clone_helped(const struct plan_namespace *user, struct birth *birth, const int ends[2], int listening,
			  struct sw_clone_args *args, struct sw_error *error)
{
	struct sw_report report;
	int own[2];
	int result = channel_make(own, error);
	if (result < 0)
		return result;
	pid_t helper = fork();
	if (helper == 0)
		enter_and_clone(user, birth, ends, listening, own[1], args);
	int code = errno;
	SW_AUTOCLOSE int answers = own[0];
	close(own[1]);
	if (helper < 0)
		return sw_fail(error, code, "make a process", NULL);
	result = channel_read(answers, &report, error);
	SW_RETRY(waitpid(helper, NULL, 0));
	if (result > 0 && report.kind == CHANNEL_PID)
		return report.code;
	if (result > 0)
		return sw_refuse(error, report.code ? report.code : EPROTO, "create", "%s", report.text);
	return result < 0 ? result : sw_fail(error, ECHILD, "make the container's first process", NULL);
}

static pid_t clone_first(struct birth *birth, const int ends[2], int listening, int cgroup2, struct sw_error *error)
{
	const struct plan_namespace *user = plan_namespace(birth->plan, CLONE_NEWUSER);
	struct sw_clone_args args = {
		.flags = new_namespaces(birth->plan) | SW_CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup2,
	};
	if (user && user->path)
		return clone_helped(user, birth, ends, listening, &args, error);
	int result = prepare_child_namespaces(birth->plan, error);
	pid_t pid = result < 0 ? result : sw_clone3(&args);
	if (pid == 0)
		be_born(birth, ends, listening);
	return pid < 0 && result == 0 ?
		       sw_fail(error, errno, "clone the container's first process into", birth->plan->cgroup2) :
		       pid;
}

pid_t create(const struct plan *plan, int directory, int console, struct sw_error *error)
{
	int ends[2];
	struct birth birth = { .plan = plan, .console = console };
	SW_AUTOCLOSE int cgroup2 = open(plan->cgroup2, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup2 < 0)
		return sw_fail(error, errno, "open cgroup", plan->cgroup2);
	int result = open_birth(plan, cgroup2, &birth, error);
	SW_AUTOCLOSE int listening = result < 0 ? -1 : start_listen(directory, error);
	if (result == 0)
		result = listening < 0 ? listening : channel_make(ends, error);
	if (result < 0)
		return result;
	pid_t pid = clone_first(&birth, ends, listening, cgroup2, error);
	close(ends[1]);
	SW_AUTOCLOSE int channel = ends[0];
	if (pid < 0)
		return pid;
	result = follow(plan, pid, channel, error);
	if (result == 0)
		result = pid_file_write(directory, pid, error);
	if (result == 0 && plan->pid_file)
		result = pid_file_tell(plan->pid_file, pid, error);
	if (result == 0)
		return pid;
	end(pid);
	return result;
}
