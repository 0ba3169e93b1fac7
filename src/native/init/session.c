#include "session.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "../common/syscalls.h"

/* Processes may fork while they are looked for. */
#define KILL_ROUNDS_MAX 16
#define PROCESSES_BYTES_MAX (16 * 1024 * 1024)

struct session *session_place(struct session sessions[SESSIONS_MAX])
{
	return session_by_pid(sessions, 0);
}

struct session *session_by_pid(struct session sessions[SESSIONS_MAX], pid_t pid)
{
	for (int i = 0; i < SESSIONS_MAX; i++)
		if (sessions[i].pid == pid)
			return &sessions[i];
	return NULL;
}

struct session *session_by_id(struct session sessions[SESSIONS_MAX], uint64_t id)
{
	for (int i = 0; i < SESSIONS_MAX; i++)
		if (sessions[i].pid != 0 && sessions[i].id == id)
			return &sessions[i];
	return NULL;
}

/* Through a descriptor, and asked again once it is held: the number may be another process's by then. */
static bool kill_member(pid_t pid, pid_t session)
{
	if (getsid(pid) != session)
		return false;
	SW_AUTOCLOSE int process = sw_pidfd_open(pid);
	return process >= 0 && getsid(pid) == session && sw_pidfd_send_signal(process, SIGKILL) == 0;
}

/* True when there was one that is not the leader. */
static bool kill_members(const struct session *session)
{
	SW_AUTOFREE char *list = NULL;
	size_t size;
	bool found = false;
	SW_AUTOCLOSE int file = openat(session->cgroup2, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (file < 0 || sw_read_all(file, PROCESSES_BYTES_MAX, &list, &size) < 0)
		return false;
	for (char *at = list, *end; *at; at = end) {
		pid_t pid = (pid_t)strtol(at, &end, 10);
		if (end == at)
			break;
		if (pid > 0 && pid != session->pid && kill_member(pid, session->pid))
			found = true;
		if (*end == '\n')
			end++;
	}
	return found;
}

void session_kill(const struct session *session)
{
	kill(session->pid, SIGKILL);
	for (int round = 0; round < KILL_ROUNDS_MAX && kill_members(session); round++)
		;
}

void session_forget(struct session *session)
{
	sw_close(&session->cgroup2);
	*session = (struct session){ .cgroup2 = -1 };
}
