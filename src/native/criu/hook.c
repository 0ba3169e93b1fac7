/* The points at which CRIU waits for us.
 * pre-dump: the clock of the downtime starts; nothing is frozen yet. Whoever gave up meanwhile is obeyed here and in post-dump: criu
 *   then fails and lets the tasks go as they were, which a criu that is killed while it works inside them cannot.
 * post-dump: the image is whole, the tasks still held by criu. First act: freeze the cgroup, so that they stay stopped through
 *   any crash of criu or daemon. Then the link goes down: criu opens its network lock when it ends, and packets that the
 *   frozen sockets acknowledged would be lost to the copy.
 *   A file that is open under a name that is gone, but has another one, stands in the image as `link_remap.<n>` beside it. criu
 *   deletes these links when it ends, and the copy needs them: each gets a second name, and the line `remaps` is said.
 * setup-namespaces: those of a copy with a user namespace are there, and nothing in them. Loopback and kernel parameters of its network are
 *   made here; then waits for the monitor's word that it has its link too: sockets get their addresses next.
 * post-restore: the copy is whole and has not run one instruction. Waits for the monitor's word; without it criu kills the copy.
 * post-resume: it runs. */
#include "hook.h"

#include <fcntl.h>
#include <ftw.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "../common/launch.h"
#include "../common/loopback.h"
#include "../common/report.h"
#include "../common/syscalls.h"
#include "../common/sysctls.h"

/* Standard error is the log of whoever started criu. */
static int complain(const struct sw_error *error)
{
	dprintf(STDERR_FILENO, "swarm-criu: %s\n", error->message);
	return 1;
}

/* criu closes everything but the standard streams before it executes us: a copy of its own descriptor. -1 on failure. */
static int borrow(int descriptor)
{
	SW_AUTOCLOSE int criu = sw_pidfd_open(getppid());
	return criu < 0 ? -1 : sw_pidfd_getfd(criu, descriptor);
}

/* A reader that is gone (the daemon was killed) is no reason to fail: the freeze stands, the record decides. */
static void tell(const char *line)
{
	SW_AUTOCLOSE int pipe_end = borrow(SW_CRIU_REPORT_FD);
	if (pipe_end >= 0)
		sw_write_all(pipe_end, line, strlen(line));
}

static int link_down(const char *name, struct sw_error *error)
{
	struct ifreq request = { 0 };
	SW_AUTOCLOSE int host = borrow(SW_CRIU_HOST_NET_FD);
	if (host < 0 || setns(host, CLONE_NEWNET) < 0)
		return sw_fail(error, errno, "enter the host's network namespace", NULL);
	SW_AUTOCLOSE int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	if (socket_fd < 0 || ioctl(socket_fd, SIOCGIFFLAGS, &request) < 0)
		return sw_fail(error, errno, "find link", name);
	request.ifr_flags = (short)(request.ifr_flags & ~IFF_UP);
	return ioctl(socket_fd, SIOCSIFFLAGS, &request) < 0 ? sw_fail(error, errno, "set link down", name) : 0;
}

static bool is_given_up(void)
{
	char path[4096];
	const char *images = getenv("CRTOOLS_IMAGE_DIR");
	snprintf(path, sizeof path, "%s/" SW_CRIU_GIVE_UP, images ? images : "");
	return access(path, F_OK) == 0;
}

static int before_dump(void)
{
	struct timespec now;
	char line[64];
	if (is_given_up())
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(line, sizeof line, "freezing %lld%09ld\n", (long long)now.tv_sec, now.tv_nsec);
	tell(line);
	return 0;
}

static int keep_remap(const char *path, const struct stat *about, int type, struct FTW *at)
{
	char kept[4096];
	if (type != FTW_F || !S_ISREG(about->st_mode) || strncmp(path + at->base, "link_remap.", 11) != 0)
		return 0;
	snprintf(kept, sizeof kept, "%s" SW_CRIU_KEPT, path);
	return link(path, kept);
}

/* The upper layer is only searched when the image speaks of remaps at all. */
static int keep_remaps(const char *upper, struct sw_error *error)
{
	char path[4096];
	struct stat about;
	const char *images = getenv("CRTOOLS_IMAGE_DIR");
	snprintf(path, sizeof path, "%s/remap-fpath.img", images ? images : "");
	if (stat(path, &about) < 0)
		return 0;
	if (nftw(upper, keep_remap, 16, FTW_PHYS | FTW_MOUNT) != 0)
		return sw_fail(error, errno, "keep the link remaps in", upper);
	tell("remaps\n");
	return 0;
}

static int after_dump(void)
{
	struct sw_error error = { 0 };
	char path[4096];
	const char *cgroup = getenv(SW_CRIU_CGROUP), *link = getenv(SW_CRIU_LINK), *upper = getenv(SW_CRIU_UPPER);
	if (!cgroup || !link || !upper || is_given_up())
		return 1;
	snprintf(path, sizeof path, "%s/cgroup.freeze", cgroup);
	if (sw_write_file(path, "1", &error) < 0)
		return complain(&error);
	if (*link && link_down(link, &error) < 0)
		return complain(&error);
	if (keep_remaps(upper, &error) < 0)
		return complain(&error);
	tell("frozen\n");
	return 0;
}

static int report(int socket_fd, uint32_t kind, int32_t code)
{
	struct sw_report message = { .kind = kind, .code = code };
	return SW_RETRY(send(socket_fd, &message, sizeof message, MSG_NOSIGNAL)) == sizeof message ? 0 : 1;
}

static int read_launch(const char *directory, struct sw_launch *launch, struct sw_error *error)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/launch", directory);
	SW_AUTOCLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
	return file < 0 ? sw_fail(error, errno, "open", path) : sw_launch_read(file, launch, error);
}

static int enter_network(const char *pid, struct sw_error *error)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%s/ns/net", pid);
	SW_AUTOCLOSE int theirs = open(path, O_RDONLY | O_CLOEXEC);
	return theirs < 0 || setns(theirs, CLONE_NEWNET) < 0 ? sw_fail(error, errno, "enter the network of", path) : 0;
}

static int make_network(const char *directory, const char *pid, bool *has_link, struct sw_error *error)
{
	struct sw_launch launch;
	int result = read_launch(directory, &launch, error);
	if (result < 0)
		return result;
	result = enter_network(pid, error);
	if (result == 0)
		result = sw_loopback_up(error);
	/* The others are in the image. */
	if (result == 0)
		result = sw_sysctls_set(&launch.security, "net/", error);
	*has_link = launch.network_later;
	sw_launch_free(&launch);
	return result;
}

static int wait_for(int monitor, char wanted)
{
	char answer = 0;
	return SW_RETRY(recv(monitor, &answer, 1, 0)) == 1 && answer == wanted ? 0 : 1;
}

static int with_namespaces(void)
{
	struct sw_error error = { 0 };
	bool has_link;
	const char *pid = getenv("CRTOOLS_INIT_PID"), *directory = getenv(SW_CRIU_DIRECTORY);
	if (!directory || !pid)
		return 0;
	SW_AUTOCLOSE int monitor = borrow(SW_CRIU_REPORT_FD);
	if (make_network(directory, pid, &has_link, &error) < 0)
		return complain(&error);
	if (!has_link)
		return 0;
	return report(monitor, SW_STANDING, atoi(pid)) == 0 ? wait_for(monitor, SW_LAUNCH_BYTE) : 1;
}

static int after_restore(void)
{
	const char *pid = getenv("CRTOOLS_INIT_PID");
	SW_AUTOCLOSE int monitor = borrow(SW_CRIU_REPORT_FD);
	return pid && report(monitor, SW_READY, atoi(pid)) == 0 ? wait_for(monitor, SW_START_BYTE) : 1;
}

static int after_resume(void)
{
	SW_AUTOCLOSE int monitor = borrow(SW_CRIU_REPORT_FD);
	return report(monitor, SW_RUNNING, 0);
}

int hook_run(const char *action)
{
	if (strcmp(action, "pre-dump") == 0)
		return before_dump();
	if (strcmp(action, "post-dump") == 0)
		return after_dump();
	if (strcmp(action, "setup-namespaces") == 0)
		return with_namespaces();
	if (strcmp(action, "post-restore") == 0)
		return after_restore();
	if (strcmp(action, "post-resume") == 0)
		return after_resume();
	return 0;
}
