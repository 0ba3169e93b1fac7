#include "exec.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/cgroup.h"
#include "../common/cleanup.h"
#include "../common/signals.h"
#include "../common/syscalls.h"
#include "../init/workload.h"
#include "channel.h"
#include "console.h"
#include "outcome.h"
#include "pid-file.h"
#include "process.h"

struct entry {
	const struct plan *plan;
	struct sw_cgroup1 cgroup1;
	struct sw_seccomp seccomp;
	uint64_t namespaces; /* those that the container does not share with us */
	int process, channel, console;
};

static int channel_of_warnings = -1;

static void warn(const char *text)
{
	channel_tell(channel_of_warnings, CHANNEL_WARNING, 0, text);
}

/* Joining one's own namespace is refused for some kinds and costs for the others. */
static int find_namespaces(pid_t pid, uint64_t *flags, struct sw_error *error)
{
	static const struct {
		const char *name;
		uint64_t flag;
	} kinds[] = { { "user", CLONE_NEWUSER }, { "mnt", CLONE_NEWNS },   { "uts", CLONE_NEWUTS },
		      { "ipc", CLONE_NEWIPC },	 { "net", CLONE_NEWNET },  { "cgroup", CLONE_NEWCGROUP },
		      { "pid", CLONE_NEWPID },	 { "time", SW_CLONE_NEWTIME } };
	*flags = 0;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		char own[48], other[48];
		struct stat ours, theirs;
		snprintf(own, sizeof own, "/proc/self/ns/%s", kinds[i].name);
		snprintf(other, sizeof other, "/proc/%d/ns/%s", (int)pid, kinds[i].name);
		if (stat(own, &ours) < 0)
			continue; /* the kernel has no such namespaces */
		if (stat(other, &theirs) < 0)
			return sw_fail(error, errno, "read the container's namespaces", other);
		if (ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev)
			*flags |= kinds[i].flag;
	}
	return 0;
}

static int enter(struct entry *entry, struct sw_error *error)
{
	uint64_t wanted = entry->namespaces & ~(uint64_t)CLONE_NEWPID;
	int result = sw_cgroup1_join(&entry->cgroup1, error);
	if (result == 0 && wanted && setns(entry->process, (int)wanted) < 0)
		result = sw_fail(error, errno, "join the container's namespaces", NULL);
	if (result == 0 && (wanted & CLONE_NEWUSER) && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		result = sw_fail(error, errno, "become root of the user namespace", NULL);
	return result;
}

static int become(struct entry *entry, struct sw_error *error)
{
	const struct plan_process *process = &entry->plan->process;
	int result = enter(entry, error);
	if (result == 0 && process->terminal)
		result = console_open(process, entry->console, false, error);
	if (result == 0)
		result = process_prepare(process, &entry->seccomp, warn, error);
	const char **environment = result == 0 ? process_environment(process) : NULL;
	if (result == 0 && !environment)
		result = sw_fail(error, ENOMEM, "prepare the environment", NULL);
	if (result == 0)
		result = process_find(process, environment, error);
	if (result == 0)
		result = process_seal(process, &entry->seccomp, error);
	return result < 0 ? SW_EXIT_SETUP_FAILED : workload_execute(process->args.items, environment, error);
}

static _Noreturn void run(struct entry *entry)
{
	struct sw_error error = { 0 };
	channel_of_warnings = entry->channel;
	outcome_close();
	sw_signals_reset();
	setsid();
	umask(0022);
	int code = become(entry, &error);
	channel_tell(entry->channel, CHANNEL_FAILED, error.code, error.message);
	_exit(code);
}

/* Until the program is executed, which closes the other end. */
static int follow(int channel, struct sw_error *error)
{
	for (;;) {
		struct sw_report report;
		int result = channel_read(channel, &report, error);
		if (result <= 0)
			return result;
		if (report.kind != CHANNEL_WARNING)
			return sw_refuse(error, report.code ? report.code : EPROTO, "exec", "%s", report.text);
		outcome_warn(report.text);
	}
}

static int open_entry(struct entry *entry, int directory, struct sw_error *error)
{
	pid_t pid;
	const struct sw_launch places = { .cgroup1 = entry->plan->cgroup1 };
	entry->process = pid_file_open(directory, &pid, error);
	if (entry->process < 0)
		return entry->process;
	int result = find_namespaces(pid, &entry->namespaces, error);
	if (result == 0)
		result = sw_cgroup1_open(&places, &entry->cgroup1, error);
	if (result == 0)
		result = sw_seccomp_read(entry->plan->process.seccomp, &entry->seccomp, error);
	if (result == 0)
		result = process_set_oom_score(&entry->plan->process, error);
	if (result == 0 && (entry->namespaces & CLONE_NEWPID) && setns(entry->process, CLONE_NEWPID) < 0)
		result = sw_fail(error, errno, "join the container's process ids", NULL);
	return result;
}

pid_t exec_start(const struct plan *plan, int directory, int console, struct sw_error *error)
{
	int ends[2];
	struct entry entry = { .plan = plan, .console = console, .process = -1 };
	SW_AUTOCLOSE int cgroup2 = open(plan->cgroup2, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup2 < 0)
		return sw_fail(error, errno, "open cgroup", plan->cgroup2);
	int result = open_entry(&entry, directory, error);
	if (result == 0)
		result = channel_make(ends, error);
	if (result < 0)
		return result;
	struct sw_clone_args args = {
		.flags = SW_CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup2,
	};
	pid_t pid = sw_clone3(&args);
	if (pid == 0) {
		close(ends[0]);
		entry.channel = ends[1];
		run(&entry);
	}
	int code = errno;
	close(ends[1]);
	SW_AUTOCLOSE int channel = ends[0];
	sw_close(&entry.process);
	if (pid < 0)
		return sw_fail(error, code, "clone into", plan->cgroup2);
	result = follow(channel, error);
	if (result == 0 && plan->pid_file)
		result = pid_file_tell(plan->pid_file, pid, error);
	if (result == 0)
		return pid;
	kill(pid, SIGKILL);
	SW_RETRY(waitpid(pid, NULL, 0));
	return result;
}
