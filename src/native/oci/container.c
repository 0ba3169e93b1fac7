#include "container.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "../common/in-root.h"
#include "../common/signals.h"
#include "../common/syscalls.h"
#include "../init/workload.h"
#include "channel.h"
#include "console.h"
#include "devices.h"
#include "hooks.h"
#include "mounts.h"
#include "outcome.h"
#include "process.h"
#include "root.h"

static int channel_of_warnings = -1;

static void warn(const char *text)
{
	channel_tell(channel_of_warnings, CHANNEL_WARNING, 0, text);
}

/* Root of the new user namespace, as soon as its mappings are there. */
static int enter_user_namespace(const struct birth *birth, struct sw_error *error)
{
	const struct plan_namespace *user = plan_namespace(birth->plan, CLONE_NEWUSER);
	if (!user)
		return 0;
	int result = user->path ? 0 : channel_ask(birth->channel, CHANNEL_WANTS_MAPS, error);
	if (result == 0 && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		result = sw_fail(error, errno, "become root of the user namespace", "(linux.uidMappings, gidMappings map no 0)");
	return result;
}

/* Those with a path; the user and pid namespaces were joined before this process was made. */
static int join_namespaces(const struct plan *plan, struct sw_error *error)
{
	for (size_t i = 0; i < plan->namespace_count; i++) {
		const struct plan_namespace *namespace = &plan->namespaces[i];
		if (!namespace->path || namespace->flag == CLONE_NEWUSER || namespace->flag == CLONE_NEWPID)
			continue;
		SW_AUTOCLOSE int file = open(namespace->path, O_RDONLY | O_CLOEXEC);
		if (file < 0 || setns(file, (int)namespace->flag) < 0)
			return sw_fail(error, errno, "join namespace (linux.namespaces)", namespace->path);
	}
	return 0;
}

static int loopback_up(const struct plan *plan, struct sw_error *error)
{
	const struct plan_namespace *network = plan_namespace(plan, CLONE_NEWNET);
	struct ifreq request = { .ifr_name = "lo" };
	if (!network || network->path)
		return 0;
	SW_AUTOCLOSE int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any < 0 || ioctl(any, SIOCGIFFLAGS, &request) < 0)
		return sw_fail(error, errno, "find the loopback interface", NULL);
	request.ifr_flags |= IFF_UP;
	return ioctl(any, SIOCSIFFLAGS, &request) < 0 ? sw_fail(error, errno, "set loopback up", NULL) : 0;
}

/* Through the host's /proc, before any name of the container is looked at. */
static int set_sysctls(const struct plan *plan, struct sw_error *error)
{
	char path[512];
	for (size_t i = 0; i < plan->sysctl_count; i++) {
		snprintf(path, sizeof path, "/proc/sys/%s", plan->sysctls[i].key);
		int result = sw_write_file(path, plan->sysctls[i].value, error);
		if (result < 0)
			return result;
	}
	return 0;
}

static int enter_namespaces(struct birth *birth, struct sw_error *error)
{
	const struct plan *plan = birth->plan;
	const struct plan_namespace *cgroup = plan_namespace(plan, CLONE_NEWCGROUP);
	int result = sw_cgroup1_join(&birth->cgroup1, error);
	if (result == 0)
		result = enter_user_namespace(birth, error);
	/* Now that every hierarchy is right: the namespace's roots are where we are. */
	if (result == 0 && cgroup && !cgroup->path && unshare(CLONE_NEWCGROUP) < 0)
		result = sw_fail(error, errno, "unshare the cgroup namespace", NULL);
	if (result == 0)
		result = join_namespaces(plan, error);
	if (result == 0)
		result = loopback_up(plan, error);
	if (result == 0 && plan->hostname && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
		result = sw_fail(error, errno, "set hostname", plan->hostname);
	if (result == 0 && plan->domainname && setdomainname(plan->domainname, strlen(plan->domainname)) < 0)
		result = sw_fail(error, errno, "set domainname", plan->domainname);
	return result == 0 ? set_sysctls(plan, error) : result;
}

/* A working directory that is absent is made, as runc and crun do. */
static void make_working_directory(const struct plan *plan, int root)
{
	struct sw_error ignored;
	if (!plan->process.cwd)
		return;
	int directory = in_root_open(root, plan->process.cwd, true, &ignored);
	sw_close(&directory);
}

static int build_root(const struct birth *birth, struct sw_error *error)
{
	const struct plan *plan = birth->plan;
	SW_AUTOCLOSE int root = root_take(plan, error);
	int result = root < 0 ? root : mounts_make(plan, root, error);
	if (result == 0)
		result = devices_make(plan, root, error);
	if (result < 0)
		return result;
	make_working_directory(plan, root);
	result = channel_ask(birth->channel, CHANNEL_WANTS_HOOKS, error);
	if (result == 0)
		result = hooks_run(plan, PLAN_CREATE_CONTAINER, "creating", getpid(), error);
	if (result == 0)
		result = root_enter(plan, root, error);
	if (result == 0 && plan->process.terminal)
		result = console_open(&plan->process, birth->console, true, error);
	sw_close(&root);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (result == 0 && root < 0)
		result = sw_fail(error, errno, "open", "/");
	if (result == 0)
		result = mounts_hide(plan, root, error);
	return result == 0 ? root_finish(plan, error) : result;
}

/* Who starts the container is told why it does not run; the program closes the connection by being executed. */
static int execute(struct birth *birth, const char *const *environment, struct sw_error *error)
{
	const struct plan *plan = birth->plan;
	int code = SW_EXIT_SETUP_FAILED;
	SW_AUTOCLOSE int connection = (int)SW_RETRY(accept4(birth->start, NULL, NULL, SOCK_CLOEXEC));
	if (connection < 0)
		return code;
	sw_close(&birth->start);
	if (hooks_run(plan, PLAN_START_CONTAINER, "created", getpid(), error) == 0 &&
	    process_seal(&plan->process, &birth->seccomp, error) == 0)
		code = workload_execute(plan->process.args.items, environment, error);
	sw_write_all(connection, error->message, strlen(error->message));
	return code;
}

/* A configuration without a process makes a container that others can join, and that is never started. */
static int build(struct birth *birth, const char ***environment, struct sw_error *error)
{
	const struct plan_process *process = &birth->plan->process;
	int result = enter_namespaces(birth, error);
	if (result == 0)
		result = build_root(birth, error);
	if (result < 0 || process->args.count == 0)
		return result;
	result = process_prepare(process, &birth->seccomp, warn, error);
	if (result < 0)
		return result;
	*environment = process_environment(process);
	return *environment ? process_find(process, *environment, error) :
			      sw_fail(error, ENOMEM, "prepare the environment", NULL);
}

void container_become(struct birth *birth)
{
	struct sw_error error = { 0 };
	channel_of_warnings = birth->channel;
	outcome_close();
	sw_signals_reset();
	setsid();
	umask(0022);
	const char **environment = NULL;
	if (build(birth, &environment, &error) < 0) {
		channel_tell(birth->channel, CHANNEL_FAILED, error.code, error.message);
		_exit(SW_EXIT_SETUP_FAILED);
	}
	sw_close(&birth->console);
	channel_tell(birth->channel, CHANNEL_CREATED, 0, "");
	sw_close(&birth->channel);
	_exit(execute(birth, environment, &error));
}
