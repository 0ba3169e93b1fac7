/* The life of a monitor after its container's first process exists: relays output, answers, waits for the end. One
 * poll(2); timers are the end of a lease and that of a passing container that has just begun. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/descriptors.h"
#include "../common/file.h"
#include "../common/report.h"
#include "attach.h"
#include "command.h"
#include "complain.h"
#include "hostname.h"
#include "lease.h"
#include "monitor.h"
#include "oom.h"

/* Known to model.ts. */
#define ORPHANED "Its daemon ended before it was started"

enum { AT_GUARD, AT_SIGNAL, AT_REPORT, AT_LOGS, AT_INPUT = AT_LOGS + 2, AT_LISTENER, AT_CLIENTS, AT_END = AT_CLIENTS + CONTROL_CLIENTS_MAX };

void monitor_state(const struct monitor *monitor, char *line, size_t size)
{
	if (monitor->phase == PHASE_ENDED) {
		int used = snprintf(line, size, "state exited ");
		exit_record_format(&monitor->exit, line + used, size - (size_t)used);
		return;
	}
	const char *name = monitor->phase == PHASE_STANDING ? "standing" :
			   monitor->phase != PHASE_RUNNING  ? "created" :
			   monitor->guard.frozen	    ? "frozen" :
							      "running";
	bool other = monitor->phase == PHASE_STANDING && monitor->standing_pid > 0;
	snprintf(line, size, "state %s %d", name, (int)(other ? monitor->standing_pid : monitor->pid));
}

/* With what is held back. */
static void tell(struct monitor *monitor)
{
	monitor->tell_at_ms = 0;
	control_flush_all(&monitor->control);
}

static void announce(struct monitor *monitor)
{
	char line[400];
	monitor_state(monitor, line, sizeof line);
	control_hold_all(&monitor->control, line);
	tell(monitor);
}

void monitor_fail(struct monitor *monitor, const struct sw_error *error)
{
	monitor->phase = PHASE_ENDED;
	monitor->exit.code = SW_EXIT_SETUP_FAILED;
	snprintf(monitor->exit.text, sizeof monitor->exit.text, "Cannot create: %s", error->message);
}

static void answer_starter(struct monitor *monitor, const char *format, const char *text)
{
	char line[400];
	if (monitor->starter < 0)
		return;
	snprintf(line, sizeof line, format, text);
	control_hold(&monitor->control.clients[monitor->starter], line);
	monitor->starter = -1;
}

/* ---- the init ---- */

static void take_failure(struct monitor *monitor, const struct sw_report *report)
{
	monitor->failed = true;
	monitor->exit.code = report->code;
	snprintf(monitor->exit.text, sizeof monitor->exit.text, "%s", report->text);
	answer_starter(monitor, "error start %s", monitor->exit.text);
}

/* Whoever waits for the end of a passing container is not woken for a beginning that is over at once. */
#define BEGINNING_MS 2

static void begin_running(struct monitor *monitor)
{
	char line[400];
	monitor->phase = PHASE_RUNNING;
	guard_note(&monitor->guard, "run");
	answer_starter(monitor, "ok start%s", "");
	if (!monitor->launch.passing)
		return announce(monitor);
	monitor_state(monitor, line, sizeof line);
	control_hold_all(&monitor->control, line);
	monitor->tell_at_ms = sw_monotonic_ms() + BEGINNING_MS;
}

/* The socket closed: by execve when the init had been told to start, else by its death, which SIGCHLD tells. */
static void end_report(struct monitor *monitor)
{
	sw_close(&monitor->report_fd);
	if (!monitor->failed && !monitor->restored && monitor->phase == PHASE_STARTING)
		begin_running(monitor);
}

/* With a terminal everything comes through it, and the pipes end with the init's ends of them. */
static void take_descriptors(struct monitor *monitor, uint32_t kind, const int *descriptors, size_t count)
{
	size_t used = count == 1 && (kind == SW_INPUT || kind == SW_TERMINAL) ? 1 : 0;
	if (used)
		input_open(&monitor->input, descriptors[0], kind == SW_TERMINAL);
	if (used && kind == SW_TERMINAL) {
		sw_close(&monitor->logs[0].pipe);
		monitor->logs[0].pipe = fcntl(descriptors[0], F_DUPFD_CLOEXEC, 0);
		monitor->logs[0].terminal = true;
	}
	/* The mounts of a passing container are held for the rest of our life. */
	if (count == 1 && kind == SW_READY && monitor->launch.passing)
		used = 1;
	for (size_t i = used; i < count; i++)
		close(descriptors[i]);
}

/* Its end tells why: the next daemon runs it anew (node/restart.ts). */
static void give_up(struct monitor *monitor)
{
	bool stands = monitor->phase == PHASE_STANDING && monitor->standing_pid > 0;
	pid_t pid = stands ? monitor->standing_pid : monitor->pid;
	monitor->orphaned = true;
	if (pid > 0)
		kill(pid, SIGKILL);
}

static void take_reports(struct monitor *monitor)
{
	struct sw_report report;
	while (monitor->report_fd >= 0) {
		int descriptors[SW_DESCRIPTORS_MAX];
		size_t count;
		ssize_t size = sw_descriptors_receive(monitor->report_fd, &report, sizeof report, MSG_DONTWAIT, descriptors,
						      &count);
		if (size == -EAGAIN)
			return;
		if (count > 0)
			take_descriptors(monitor, size == sizeof report ? report.kind : 0, descriptors, count);
		if (size != sizeof report)
			return end_report(monitor);
		report.text[sizeof report.text - 1] = 0;
		if (report.kind == SW_FAILED) {
			take_failure(monitor, &report);
		} else if (report.kind == SW_WARNING) {
			monitor_complain("%s", report.text);
		} else if (report.kind == SW_STANDING && monitor->phase == PHASE_CREATING) {
			monitor->phase = PHASE_STANDING;
			monitor->standing_pid = report.code;
			if (monitor->orphaned)
				give_up(monitor);
			else
				announce(monitor);
		} else if (report.kind == SW_READY && monitor->phase == PHASE_CREATING) {
			bool begins = monitor->launch.passing && !monitor->launch.when_told;
			monitor->phase = begins ? PHASE_STARTING : PHASE_CREATED;
			monitor->orphaned = false;
			if (monitor->restored)
				monitor->pid = report.code;
			container_hold_network(monitor);
			if (!begins)
				announce(monitor);
		} else if (report.kind == SW_RUNNING && monitor->phase == PHASE_STARTING) {
			begin_running(monitor);
		}
	}
}

/* ---- commands ---- */

static const char *start_refusal(const struct monitor *monitor, uint64_t epoch, char *text, size_t size)
{
	if (epoch < monitor->epoch)
		snprintf(text, size, "fenced: epoch %llu is older than %llu", (unsigned long long)epoch,
			 (unsigned long long)monitor->epoch);
	else if (!guard_allows(&monitor->guard))
		snprintf(text, size, "unleased: its lease is over, wanted one");
	else if (monitor->phase != PHASE_CREATED)
		snprintf(text, size, "the container is %s, wanted created",
			 monitor->phase == PHASE_CREATING ? "not ready" : "started");
	else
		return NULL;
	return text;
}

static void start(struct monitor *monitor, int index, const struct command *command)
{
	char refusal[128], line[160];
	uint64_t epoch = command->number;
	int named = 0;
	if (start_refusal(monitor, epoch, refusal, sizeof refusal)) {
		snprintf(line, sizeof line, "error start %s", refusal);
		return control_send(&monitor->control.clients[index], line);
	}
	if (command->text[0])
		named = hostname_give(monitor->pid, command->text);
	if (named < 0) {
		snprintf(line, sizeof line, "error start it cannot be given its name: %s", strerror(-named));
		return control_send(&monitor->control.clients[index], line);
	}
	monitor->epoch = epoch;
	monitor->phase = PHASE_STARTING;
	monitor->starter = index;
	/* When the init is dead already, SIGCHLD tells. */
	send(monitor->report_fd, &(char){ SW_START_BYTE }, 1, MSG_NOSIGNAL);
}

/* The container directory has been moved to its place and the launch file written, or the network has its link. */
static void launch(struct monitor *monitor, struct client *client)
{
	struct sw_error error = { 0 };
	if (monitor->phase != PHASE_STANDING)
		return control_send(client, "error launch the container does not stand ready");
	if (container_launch(monitor, &error) == 0)
		return control_send(client, "ok launch");
	kill(monitor->pid, SIGKILL);
	monitor->failed = true;
	monitor_fail(monitor, &error);
}

/* Our own child, not reaped yet: its pid is its own. */
static void send_signal(struct monitor *monitor, struct client *client, int number)
{
	char line[160];
	if (monitor->pid > 0 && kill(monitor->pid, number) == 0)
		return control_send(client, "ok signal");
	snprintf(line, sizeof line, "error signal %s", monitor->pid > 0 ? strerror(errno) : "no process");
	control_send(client, line);
}

static void drain(struct monitor *monitor, struct client *client)
{
	char line[160];
	int result = log_drain(&monitor->logs[0]);
	int second = log_drain(&monitor->logs[1]);
	if (result == 0)
		result = second;
	if (result == 0)
		return control_send(client, "ok drain");
	snprintf(line, sizeof line, "error drain %s", strerror(-result));
	control_send(client, line);
}

static void obey(struct monitor *monitor, int index, const char *line)
{
	struct client *client = &monitor->control.clients[index];
	struct command command = command_parse(line);
	switch (command.kind) {
	case COMMAND_LAUNCH:
		return launch(monitor, client);
	case COMMAND_START:
		return start(monitor, index, &command);
	case COMMAND_SIGNAL:
		return send_signal(monitor, client, (int)command.number);
	case COMMAND_LEASE:
		return lease_take(monitor, client, &command);
	case COMMAND_THAW:
		return lease_thaw(monitor, client);
	case COMMAND_DRAIN:
		return drain(monitor, client);
	case COMMAND_PING:
		return control_send(client, "ok ping");
	case COMMAND_ATTACH:
		return attach_begin(monitor, client);
	case COMMAND_UNKNOWN:
		return control_send(client, "error unknown command");
	}
}

/* A connection has ended. */
static void left(struct monitor *monitor, int index)
{
	if (monitor->starter == index)
		monitor->starter = -1;
	/* Nobody else knows of a container that was made ahead for a caller to come. */
	bool ahead = monitor->phase == PHASE_STANDING || (monitor->standing_cgroup2 && !monitor->launch.bytes) ||
		     (monitor->launch.when_told && monitor->phase < PHASE_STARTING);
	if (ahead)
		give_up(monitor);
	else if (monitor->phase == PHASE_CREATING)
		monitor->orphaned = true;
}

static void serve(struct monitor *monitor, int index, short events)
{
	struct client *client = &monitor->control.clients[index];
	char line[CONTROL_LINE_MAX];
	if (client->attachment)
		return attach_serve(monitor, client, events);
	if (events & POLLOUT)
		control_flush(client);
	if (client->socket < 0 || !(events & (POLLIN | POLLHUP | POLLERR)))
		return;
	bool open = control_read(client);
	while (client->socket >= 0 && !client->attachment && control_next_line(client, line))
		obey(monitor, index, line);
	if (!open)
		left(monitor, index);
}

static void welcome(struct monitor *monitor)
{
	char line[400];
	int index = control_accept(&monitor->control);
	if (index < 0 || monitor->phase == PHASE_CREATING)
		return;
	monitor_state(monitor, line, sizeof line);
	control_send(&monitor->control.clients[index], line);
}

/* ---- the end ---- */

static void take_end(struct monitor *monitor, int status)
{
	take_reports(monitor);
	if (!monitor->failed) {
		exit_record_from_status(&monitor->exit, status);
		if (monitor->phase < PHASE_STARTING)
			snprintf(monitor->exit.text, sizeof monitor->exit.text, "%s",
				 monitor->orphaned ? ORPHANED : "The init ended before the start");
	}
	monitor->phase = PHASE_ENDED;
	monitor->pid = 0;
}

/* criu ended. Well: the copy runs, as our child from now on. Else what it made must not stay. */
static void take_builder_end(struct monitor *monitor, int status)
{
	struct sw_error ignored;
	char path[PATH_MAX];
	take_reports(monitor);
	monitor->builder = 0;
	if (monitor->phase == PHASE_RUNNING || monitor->phase == PHASE_ENDED)
		return;
	if (status == 0 && monitor->phase == PHASE_STARTING)
		return begin_running(monitor);
	snprintf(path, sizeof path, "%s/cgroup.kill", monitor->launch.cgroup2);
	sw_write_file(path, "1", &ignored);
	if (!monitor->failed) {
		monitor->failed = true;
		monitor->exit.code = SW_EXIT_SETUP_FAILED;
		snprintf(monitor->exit.text, sizeof monitor->exit.text, "Cannot restore: criu ended with status %d", status);
		answer_starter(monitor, "error start %s", monitor->exit.text);
	}
	monitor->phase = PHASE_ENDED;
	monitor->pid = 0;
}

static void take_signals(struct monitor *monitor)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;
	while (SW_RETRY(read(monitor->signal_fd, &info, sizeof info)) == sizeof info)
		if (info.ssi_signo == SIGTERM && monitor->pid > 0)
			kill(monitor->pid, SIGTERM);
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == monitor->builder)
			take_builder_end(monitor, status);
		else if (pid == monitor->pid)
			take_end(monitor, status);
}

#define STAY_MS_MAX 2000

/* Taking down what we hold is in the way of the next start: who was told says when, by letting go of us. */
static void stay(const struct control *control)
{
	struct pollfd polled[CONTROL_CLIENTS_MAX];
	nfds_t count = 0;
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].socket >= 0)
			polled[count++] = (struct pollfd){ control->clients[i].socket, 0, 0 };
	if (count > 0)
		poll(polled, count, STAY_MS_MAX);
}

/* Who is told may start a new monitor of this container at once: lock and socket name go first. The record is whole by
 * then; only a power cut in the moment until it is synced can take it (the file is then empty or absent). Of a container that
 * nobody else will ask for there is none. */
static int finish(struct monitor *monitor, struct sw_error *error)
{
	bool recorded = monitor->launch.bytes && !monitor->launch.passing;
	int result = 0;
	guard_note(&monitor->guard, "end");
	log_finish(&monitor->logs[0]);
	log_finish(&monitor->logs[1]);
	monitor->exit.time_ms = sw_now_ms();
	monitor->exit.oom = oom_kills(&monitor->launch) > monitor->oom_kills_before;
	/* The working directory: a container that was made ahead has been moved to its place. */
	if (recorded)
		result = exit_record_write(&monitor->exit, ".", error);
	if (!monitor->launch.passing)
		unlink("monitor.sock");
	sw_close(&monitor->lock);
	struct pollfd listener = { monitor->control.listener, POLLIN, 0 };
	while (poll(&listener, 1, 0) > 0 && control_accept(&monitor->control) >= 0)
		;
	announce(monitor);
	if (result == 0 && recorded)
		result = exit_record_sync(".", error);
	attach_finish(monitor);
	if (monitor->launch.passing)
		stay(&monitor->control);
	return result;
}

/* ---- the loop ---- */

static void arm(const struct monitor *monitor, struct pollfd *polled)
{
	polled[AT_GUARD] = (struct pollfd){ monitor->guard.timer, POLLIN, 0 };
	polled[AT_SIGNAL] = (struct pollfd){ monitor->signal_fd, POLLIN, 0 };
	polled[AT_REPORT] = (struct pollfd){ monitor->report_fd, POLLIN, 0 };
	for (int i = 0; i < 2; i++)
		polled[AT_LOGS + i] = (struct pollfd){ monitor->logs[i].pipe, POLLIN, 0 };
	polled[AT_INPUT] = (struct pollfd){ monitor->input.size ? monitor->input.descriptor : -1, POLLOUT, 0 };
	polled[AT_LISTENER] = (struct pollfd){ monitor->control.listener, POLLIN, 0 };
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		const struct client *client = &monitor->control.clients[i];
		bool waits = client->output_size > 0 && !monitor->tell_at_ms;
		short events = client->attachment ? attach_events(monitor, client) : (short)(POLLIN | (waits ? POLLOUT : 0));
		/* Without anything to wait for, one that hung up would wake us for ever. */
		polled[AT_CLIENTS + i] = (struct pollfd){ events ? client->socket : -1, events, 0 };
	}
}

static void handle(struct monitor *monitor, const struct pollfd *polled)
{
	if (polled[AT_GUARD].revents && lease_end(monitor))
		announce(monitor);
	if (polled[AT_REPORT].revents)
		take_reports(monitor);
	for (int i = 0; i < 2; i++)
		if (polled[AT_LOGS + i].revents)
			log_relay(&monitor->logs[i]);
	if (polled[AT_INPUT].revents)
		attach_resume(monitor);
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (polled[AT_CLIENTS + i].revents && monitor->control.clients[i].socket >= 0)
			serve(monitor, i, polled[AT_CLIENTS + i].revents);
	if (polled[AT_LISTENER].revents)
		welcome(monitor);
	if (polled[AT_SIGNAL].revents)
		take_signals(monitor);
}

/* Whose end a send found out: no event tells of it any more. */
static void take_lost(struct monitor *monitor)
{
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control_take_lost(&monitor->control.clients[i]))
			left(monitor, i);
}

/* For poll(2). */
static int patience_ms(const struct monitor *monitor)
{
	uint64_t now_ms = monitor->tell_at_ms ? sw_monotonic_ms() : 0;
	if (!monitor->tell_at_ms)
		return -1;
	return monitor->tell_at_ms > now_ms ? (int)(monitor->tell_at_ms - now_ms) : 0;
}

int monitor_loop(struct monitor *monitor, struct sw_error *error)
{
	struct pollfd polled[AT_END];
	while (monitor->phase != PHASE_ENDED) {
		int timeout = patience_ms(monitor);
		if (timeout == 0) {
			tell(monitor);
			timeout = -1;
		}
		take_lost(monitor);
		arm(monitor, polled);
		int ready = poll(polled, AT_END, timeout);
		if (ready < 0 && errno != EINTR)
			return sw_fail(error, errno, "wait for events", NULL);
		if (ready > 0)
			handle(monitor, polled);
	}
	return finish(monitor, error);
}
