#include "standby.h"

#include <linux/capability.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/descriptors.h"
#include "../common/file.h"

#define BIT(capability) (1ull << (capability))
/* Into other processes, whose memory a standby has from its server: not in a user namespace of its own. */
#define LOOKS_INTO_OTHERS                                                                                    \
	(BIT(CAP_SYS_PTRACE) | BIT(CAP_SYS_RAWIO) | BIT(CAP_SYS_MODULE) | BIT(CAP_PERFMON) | BIT(CAP_BPF) | \
	 BIT(CAP_CHECKPOINT_RESTORE))

/* The server asks for names in its root: a file system that hangs must not be there. */
static bool may_hang(const struct sw_launch *launch)
{
	for (size_t i = 0; i < launch->volume_count; i++)
		if (launch->volumes[i].kind == SW_VOLUME_HOST_PATH)
			return true;
	return launch->security.capabilities.bounding & BIT(CAP_SYS_ADMIN);
}

bool standby_may_be(const struct join *join)
{
	const struct sw_security *security = &join->launch.security;
	return !may_hang(&join->launch) &&
	       (security->userns_base != 0 || !(security->capabilities.bounding & LOOKS_INTO_OTHERS));
}

int standby_make(struct standby *standby, const struct join *join, int caller, char *bytes, struct serve_request *request,
		 struct sw_error *error)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return sw_fail(error, errno, "make a socket pair", NULL);
	SW_AUTOCLOSE int ours = pair[0];
	SW_AUTOCLOSE int theirs = pair[1];
	const struct standby_end end = { theirs, &standby->told, bytes, request };
	pid_t pid = join_stand_by(join, caller, &end, error);
	if (pid < 0)
		return pid;
	*standby = (struct standby){ .pid = pid, .socket = ours, .until_ms = sw_monotonic_ms() + STANDBY_MS_MAX };
	ours = -1;
	return 0;
}

bool standby_hear(struct standby *standby)
{
	ssize_t size = recv(standby->socket, &standby->told, sizeof standby->told, MSG_DONTWAIT);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	standby->is_ready = size == sizeof standby->told;
	return standby->is_ready;
}

/* The pipes belong to who writes them (privileges.c): the process itself may not change that any more. */
static bool own_stream(int stream, const struct standby_told *told, uint32_t first)
{
	struct stat status;
	return stream < 0 || (fstat(stream, &status) == 0 &&
			      (!S_ISFIFO(status.st_mode) || fchown(stream, first + told->uid, first + told->gid) == 0));
}

static bool hand_over(const struct standby *standby, const struct join *join, const struct serve_request *request,
		      const struct join_streams *streams)
{
	const int descriptors[] = { streams->output, streams->complaint, streams->input };
	uint32_t first = join->launch.security.userns_base;
	for (size_t i = 0; i < 3; i++)
		if (!own_stream(descriptors[i], &standby->told, first))
			return false;
	return sw_descriptors_send(standby->socket, request->bytes, request->size, descriptors, streams->input < 0 ? 2 : 3) == 0;
}

pid_t standby_use(struct standby *standby, const struct join *join, const struct serve_request *request,
		  const struct join_streams *streams)
{
	const struct exec_options *options = &request->options;
	if (standby->pid == 0 || options->user || options->workdir || streams->output < 0 || streams->complaint < 0)
		return 0;
	if (!standby->is_ready && (!standby_hear(standby) || !standby->is_ready))
		return 0;
	pid_t pid = standby->pid;
	if (!standby_is_same(pid, join->launch.workdir, &standby->told.seen) || !hand_over(standby, join, request, streams)) {
		standby_drop(standby);
		return 0;
	}
	sw_close(&standby->socket);
	standby->pid = 0;
	return pid;
}

void standby_drop(struct standby *standby)
{
	if (standby->pid == 0)
		return;
	kill(standby->pid, SIGKILL);
	sw_close(&standby->socket);
	standby->pid = 0;
}
