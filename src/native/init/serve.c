#include "serve.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../common/cleanup.h"
#include "../common/descriptors.h"
#include "../common/file.h"
#include "../common/program.h"
#include "../common/report.h"
#include "../common/signals.h"
#include "../common/syscalls.h"
#include "join.h"
#include "known.h"
#include "relay.h"
#include "serve-request.h"
#include "session.h"

#define EVENTS_FD 3

/* Large, and one of a kind: not on the stack. */
static struct session sessions[SESSIONS_MAX];
static struct relay *relays[RELAYS_MAX];
static struct known containers[KNOWN_MAX];
static struct serve_request request;
static char bytes[SERVE_REQUEST_BYTES_MAX];
static int requests = -1, signals = -1, self = -1;

/* ---- answers ---- */

static void tell_end(uint64_t id, int code)
{
	char line[64];
	int size = snprintf(line, sizeof line, "%llu exit %d\n", (unsigned long long)id, code);
	sw_write_all(EVENTS_FD, line, (size_t)size);
}

static void end(uint64_t id, int code)
{
	struct relay *relay = relay_by_id(relays, id);
	if (relay)
		relay_end(relay);
	tell_end(id, code);
}

/* ---- requests ---- */

/* What the descriptors of a request are, by their number (native.ts). */
static void streams_of(const int *descriptors, size_t count, struct join_streams *streams)
{
	*streams = (struct join_streams){ -1, -1, -1, -1, -1 };
	if (count == 3)
		streams->input = descriptors[2];
	if (count >= 2) {
		streams->output = descriptors[0];
		streams->complaint = descriptors[1];
	} else if (count == 1 && request.options.size.rows > 0) {
		streams->terminal = descriptors[0];
	} else if (count == 1) {
		streams->failure = descriptors[0];
	}
}

static void complain(const struct join_streams *streams, const char *text)
{
	int to = streams->complaint >= 0 ? streams->complaint :
		 streams->failure >= 0	 ? streams->failure :
		 streams->terminal >= 0	 ? streams->terminal :
					   STDERR_FILENO;
	dprintf(to, "swarm: %s\n", text);
}

/* The caller's stream stays here; the command gets a socket for its terminal instead. */
static int add_relay(struct join_streams *streams, struct sw_error *error)
{
	int pair[2];
	int stream = fcntl(streams->terminal, F_DUPFD_CLOEXEC, 0);
	if (stream < 0 || fcntl(stream, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		int code = errno;
		sw_close(&stream);
		return sw_fail(error, code, "make a socket for the terminal", NULL);
	}
	streams->failure = streams->terminal;
	streams->terminal = pair[1];
	if (relay_add(relays, request.id, stream, pair[0]))
		return 0;
	return sw_refuse(error, EAGAIN, "make a terminal", "%d terminals are open already", RELAYS_MAX);
}

static int start(const struct join_streams *streams, bool detached, struct sw_error *error)
{
	struct session *session = session_place(sessions);
	struct known *known;
	if (!session)
		return sw_refuse(error, EAGAIN, "start", "%d commands run already", SESSIONS_MAX);
	int pid = known_find(containers, &request.options, &known, error);
	if (pid < 0)
		return pid;
	int cgroup2 = fcntl(known->join.cgroup2, F_DUPFD_CLOEXEC, 0);
	if (cgroup2 < 0)
		return sw_fail(error, errno, "keep the cgroup", NULL);
	known->wants_standby = request.options.next;
	pid = standby_use(&known->standby, &known->join, &request, streams);
	if (pid == 0)
		pid = join_start(&known->join, &request.options, streams, detached ? -1 : self, error);
	if (pid < 0)
		sw_close(&cgroup2);
	else
		*session = (struct session){ request.id, pid, cgroup2, detached };
	return pid;
}

/* `result` of reading the request. */
static void exec(int result, struct sw_error *error, const int *descriptors, size_t count)
{
	struct join_streams streams;
	streams_of(descriptors, count, &streams);
	bool detached = streams.failure >= 0, terminal = streams.terminal >= 0;
	if (result == 0 && terminal)
		result = add_relay(&streams, error);
	if (result == 0)
		result = start(&streams, detached, error);
	if (result < 0) {
		complain(&streams, error->message);
		end(request.id, SW_EXIT_SETUP_FAILED);
	}
	if (terminal && streams.failure >= 0)
		sw_close(&streams.terminal);
}

static void obey(size_t size, const int *descriptors, size_t count)
{
	struct sw_error error = { 0 };
	int result = serve_request_decode(bytes, size, &request, &error);
	if (result == 0 && request.kind == SERVE_KILL) {
		const struct session *session = session_by_id(sessions, request.id);
		if (session)
			session_kill(session);
		return;
	}
	if (result == 0 && request.kind == SERVE_RESIZE) {
		const struct relay *relay = relay_by_id(relays, request.id);
		if (relay)
			relay_resize(relay, &request.options.size);
		return;
	}
	if (result == 0 || count > 0)
		exec(result, &error, descriptors, count);
}

/* False when the daemon has gone. */
static bool take_request(void)
{
	int descriptors[SW_DESCRIPTORS_MAX];
	size_t count;
	ssize_t size = sw_descriptors_receive(requests, bytes, sizeof bytes, 0, descriptors, &count);
	if (size > 0)
		obey((size_t)size, descriptors, count);
	/* What one container is told is not for a process that waits in another. */
	if (size > 0)
		memset(bytes, 0, (size_t)size);
	for (size_t i = 0; i < count; i++)
		close(descriptors[i]);
	return size > 0 || size == -EMSGSIZE;
}

/* ---- ends ---- */

static void take_ends(void)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;
	while (SW_RETRY(read(signals, &info, sizeof info)) == sizeof info)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct session *session = session_by_pid(sessions, pid);
		if (!session) {
			known_reaped(containers, pid);
			continue;
		}
		end(session->id, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
		session_forget(session);
	}
}

/* ---- life ---- */

static int open_signals(struct sw_error *error)
{
	sigset_t taken;
	sw_signals_reset();
	sigemptyset(&taken);
	sigaddset(&taken, SIGCHLD);
	sigprocmask(SIG_BLOCK, &taken, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
	return signals < 0 ? sw_fail(error, errno, "open a signal descriptor", NULL) : 0;
}

static int open_requests(struct sw_error *error)
{
	char byte;
	size_t count;
	int descriptors[SW_DESCRIPTORS_MAX];
	if (fcntl(EVENTS_FD, F_SETFD, FD_CLOEXEC) < 0)
		return sw_fail(error, errno, "find the daemon's socket", NULL);
	ssize_t size = sw_descriptors_receive(EVENTS_FD, &byte, 1, 0, descriptors, &count);
	if (size != 1 || count != 1)
		return sw_refuse(error, EPROTO, "find the daemon's socket", "the daemon sent no socket for requests");
	requests = descriptors[0];
	self = sw_pidfd_open(getpid());
	return self < 0 ? sw_fail(error, errno, "open a process descriptor", NULL) : 0;
}

enum { AT_REQUESTS, AT_SIGNALS, AT_KNOWN, AT_RELAYS = AT_KNOWN + KNOWN_POLLED, AT_END = AT_RELAYS + RELAY_POLLED * RELAYS_MAX };

/* Gives how many are polled. */
static nfds_t arm(struct pollfd *polled)
{
	nfds_t count = AT_RELAYS;
	polled[AT_REQUESTS] = (struct pollfd){ requests, POLLIN, 0 };
	polled[AT_SIGNALS] = (struct pollfd){ signals, POLLIN, 0 };
	known_arm(containers, polled + AT_KNOWN);
	for (int i = 0; i < RELAYS_MAX; i++)
		if (relays[i]) {
			relay_arm(relays[i], polled + count);
			count += RELAY_POLLED;
		}
	return count;
}

static void handle_relays(const struct pollfd *polled)
{
	for (int i = 0; i < RELAYS_MAX; i++)
		if (relays[i]) {
			relay_handle(relays[i], polled);
			polled += RELAY_POLLED;
		}
}

static void remove_done(void)
{
	for (int i = 0; i < RELAYS_MAX; i++)
		if (relays[i] && relay_is_done(relays[i]))
			relay_remove(&relays[i]);
}

static void loop(void)
{
	static struct pollfd polled[AT_END];
	for (;;) {
		if (poll(polled, arm(polled), known_wait_ms(containers)) < 0 && errno != EINTR)
			return;
		/* First: requests and ends may change the tables that `polled` was made from. */
		known_handle(containers, polled + AT_KNOWN);
		handle_relays(polled + AT_RELAYS);
		if (polled[AT_SIGNALS].revents)
			take_ends();
		if (polled[AT_REQUESTS].revents && !take_request())
			return;
		remove_done();
		known_make_standbys(containers, self, bytes, &request);
	}
}

int serve(char **arguments)
{
	struct sw_error error = { 0 };
	/* Before anything of a container is near: nobody inside may look into this process. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (sw_program_protect("swarm-init", arguments, &error) < 0 || open_signals(&error) < 0 ||
	    open_requests(&error) < 0) {
		fprintf(stderr, "swarm: %s\n", error.message);
		return 1;
	}
	/* Executed from a memory file, the process would be called after its descriptor. */
	prctl(PR_SET_NAME, "swarm-exec", 0, 0, 0);
	loop();
	for (int i = 0; i < SESSIONS_MAX; i++)
		if (sessions[i].pid != 0 && !sessions[i].detached)
			session_kill(&sessions[i]);
	return 0;
}
