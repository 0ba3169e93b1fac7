#include "create.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/cgroup.h"
#include "../common/cleanup.h"
#include "../common/descriptors.h"
#include "../common/loopback.h"
#include "../common/oom-score.h"
#include "../common/report.h"
#include "../common/signals.h"
#include "../common/syscalls.h"
#include "../common/sysctls.h"
#include "console.h"
#include "identity.h"
#include "privileges.h"
#include "root.h"
#include "terminal.h"
#include "workload.h"

static void report(uint32_t kind, int32_t code, const char *text)
{
	struct sw_report message = { .kind = kind, .code = code };
	snprintf(message.text, sizeof message.text, "%s", text);
	send(SW_REPORT_FD, &message, sizeof message, MSG_NOSIGNAL);
}

static void warn(const char *text)
{
	report(SW_WARNING, 0, text);
}

/* False when the monitor has gone away: a container that nobody will start ends. */
static bool wait_for(char wanted)
{
	char byte = 0;
	return SW_RETRY(recv(SW_REPORT_FD, &byte, 1, 0)) == 1 && byte == wanted;
}

/* The namespaces are there: until the daemon says that all the others have done what they had to do with them. */
static void stand_by(void)
{
	report(SW_STANDING, 0, "");
	if (!wait_for(SW_LAUNCH_BYTE))
		_exit(SW_EXIT_SETUP_FAILED);
}

/* The daemon's namespace has its loopback up already; a new one (clone flag of the monitor, or the user namespace's) has not. One who stood
 * ready has had his own since then: the daemon may have given it a name and a link. */
static int enter_network(const struct sw_launch *launch, bool standing, struct sw_error *error)
{
	if (standing)
		return 0;
	if (launch->network_later) {
		int result = sw_loopback_up(error);
		if (result == 0)
			stand_by();
		return result;
	}
	if (!launch->netns)
		return sw_loopback_up(error);
	SW_AUTOCLOSE int namespace = open(launch->netns, O_RDONLY | O_CLOEXEC);
	if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0)
		return sw_fail(error, errno, "join network namespace", launch->netns);
	return 0;
}

static int enter_cgroups(const struct sw_launch *launch, struct sw_error *error)
{
	struct sw_cgroup1 cgroups;
	int result = sw_cgroup1_open(launch, &cgroups, error);
	if (result == 0)
		result = sw_cgroup1_join(&cgroups, error);
	/* Now that every hierarchy is right: the namespace's roots are where we are. */
	if (result == 0 && unshare(CLONE_NEWCGROUP) < 0)
		result = sw_fail(error, errno, "unshare the cgroup namespace", NULL);
	return result;
}

/* Of the container's own /dev, so that a checkpoint can open it again. */
static int open_null(struct sw_error *error)
{
	int null = open("/dev/null", O_RDONLY);
	if (null < 0)
		return sw_fail(error, errno, "open /dev/null", NULL);
	if (null != 0 && (dup2(null, 0) < 0 || close(null) < 0))
		return sw_fail(error, errno, "set standard input", NULL);
	return 0;
}

static int send_descriptor(uint32_t kind, int descriptor, struct sw_error *error)
{
	struct sw_report message = { .kind = kind };
	int result = sw_descriptors_send(SW_REPORT_FD, &message, sizeof message, &descriptor, 1);
	return result < 0 ? sw_fail(error, -result, "hand over the standard streams", NULL) : 0;
}

/* Its other end is the monitor's. */
static int open_terminal(uid_t owner, struct sw_error *error)
{
	/* Until somebody who attaches says better. */
	static const struct terminal_size size = { 24, 80 };
	SW_AUTOCLOSE int master = -1;
	int result = terminal_take(&size, owner, &master, error);
	if (result == 0)
		result = console_show(error);
	return result == 0 ? send_descriptor(SW_TERMINAL, master, error) : result;
}

static int open_input(struct sw_error *error)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return sw_fail(error, errno, "make a pipe for standard input", NULL);
	SW_AUTOCLOSE int reading = ends[0];
	SW_AUTOCLOSE int writing = ends[1];
	if (dup2(reading, STDIN_FILENO) < 0)
		return sw_fail(error, errno, "set standard input", NULL);
	return send_descriptor(SW_INPUT, writing, error);
}

static int open_streams(const struct sw_launch *launch, const struct identity *identity, struct sw_error *error)
{
	if (launch->terminal)
		return open_terminal(launch->security.userns_base + identity->uid, error);
	return launch->input ? open_input(error) : open_null(error);
}

/* One that stood ready has it already. Where the launch file names a network namespace that one stays. */
static int make_user_namespace(const struct sw_launch *launch, bool standing, struct sw_userns *userns, struct sw_error *error)
{
	if (standing)
		return 0;
	return sw_userns_make(launch->security.userns_base, SW_USERNS_OWNED & ~(launch->netns ? CLONE_NEWNET : 0), userns, error);
}

static int set_parameters(const struct sw_launch *launch, const struct sw_userns *userns, struct sw_error *error)
{
	if (launch->security.sysctl_count == 0)
		return 0;
	int result = sw_userns_act(userns, true, error);
	if (result == 0)
		result = sw_sysctls_set(&launch->security, "", error);
	return result == 0 ? sw_userns_act(userns, false, error) : result;
}

static int build(const char *directory, bool standing, struct sw_launch *launch, struct identity *identity,
		 struct sw_userns *userns, struct sw_error *error)
{
	struct sw_seccomp seccomp;
	int result = sw_launch_read(SW_LAUNCH_FD, launch, error);
	close(SW_LAUNCH_FD);
	if (result == 0)
		result = sw_seccomp_read(launch->security.seccomp, &seccomp, error);
	if (result == 0)
		result = make_user_namespace(launch, standing, userns, error);
	if (result == 0)
		result = oom_score_adjust(&launch->security, warn, error);
	if (result == 0)
		result = enter_cgroups(launch, error);
	if (result == 0)
		result = enter_network(launch, standing, error);
	if (result == 0 && sethostname(launch->hostname, strlen(launch->hostname)) < 0)
		result = sw_fail(error, errno, "set the host name", launch->hostname);
	if (result == 0)
		result = set_parameters(launch, userns, error);
	if (result == 0)
		result = root_build(launch, directory, userns, error);
	if (result == 0)
		result = identity_find(launch->user, identity, error);
	if (result == 0)
		result = open_streams(launch, identity, error);
	if (result == 0)
		workload_look(launch->args.items[0], &launch->env);
	return result == 0 ? privileges_drop(launch, &seccomp, userns, identity, launch->workdir, warn, error) : result;
}

/* Until it is known which container this is. What it is to be built in has its place by then. */
static int stand(char directory[PATH_MAX], uint32_t base, struct sw_userns *userns, struct sw_error *error)
{
	int result = sw_userns_make(base, SW_USERNS_OWNED, userns, error);
	if (result == 0)
		result = sw_loopback_up(error);
	if (result < 0)
		return result;
	stand_by();
	return getcwd(directory, PATH_MAX) ? 0 : sw_fail(error, errno, "find the container directory", NULL);
}

static int fail(int code, const char *prefix, const struct sw_error *error)
{
	char text[256];
	snprintf(text, sizeof text, "%s%s", prefix, error->message);
	report(SW_FAILED, code, text);
	return code;
}

/* Whoever waits for the end of a passing container does not wait for its mounts to be taken down: the monitor holds them. */
static void report_ready(const struct sw_launch *launch, const struct sw_userns *userns)
{
	struct sw_report message = { .kind = SW_READY };
	if (!launch->passing || userns->mounts < 0 ||
	    sw_descriptors_send(SW_REPORT_FD, &message, sizeof message, &userns->mounts, 1) < 0)
		report(SW_READY, 0, "");
}

int create_container(const char *directory, bool standing, uint32_t base)
{
	char place[PATH_MAX];
	struct sw_error error = { 0 };
	struct sw_launch launch;
	struct identity identity;
	struct sw_userns userns = sw_userns_none;
	const struct sw_strings nothing = { 0 };
	fcntl(SW_REPORT_FD, F_SETFD, FD_CLOEXEC);
	/* Executed from a memory file, the process would be called after its descriptor. */
	prctl(PR_SET_NAME, "swarm-init", 0, 0, 0);
	sw_signals_reset();
	setsid();
	umask(0022);
	if ((standing && stand(place, base, &userns, &error) < 0) ||
	    build(standing ? place : directory, standing, &launch, &identity, &userns, &error) < 0)
		return fail(SW_EXIT_SETUP_FAILED, "Cannot create: ", &error);
	const char **environment = workload_environment(&launch.env, &nothing, identity.home);
	if (!environment)
		return fail(SW_EXIT_SETUP_FAILED, "Cannot create: out of memory", &error);
	report_ready(&launch, &userns);
	if ((!launch.passing || launch.when_told) && !wait_for(SW_START_BYTE))
		return SW_EXIT_SETUP_FAILED;
	int code = workload_execute(launch.args.items, environment, &error);
	return fail(code, "", &error);
}
