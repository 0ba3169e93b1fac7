#include "lease.h"

#include <signal.h>
#include <stdio.h>

#include "complain.h"

void lease_take(struct monitor *monitor, struct client *client, const struct command *command)
{
	struct sw_error error = { 0 };
	char line[300];
	if (!monitor->guard.wanted)
		return control_send(client, "error lease the container needs none");
	if (command->number < monitor->epoch) {
		snprintf(line, sizeof line, "error lease fenced: epoch %llu is older than %llu", (unsigned long long)command->number,
			 (unsigned long long)monitor->epoch);
		return control_send(client, line);
	}
	monitor->epoch = command->number;
	if (guard_extend(&monitor->guard, command->until, &error) == 0)
		return control_send(client, "ok lease");
	snprintf(line, sizeof line, "error lease %.200s", error.message);
	control_send(client, line);
}

/* Whoever froze it. Nobody but us thaws a container that needs a lease: between a look at the clock and the freezer a daemon can
 * be stopped for any time. */
void lease_thaw(struct monitor *monitor, struct client *client)
{
	struct sw_error error = { 0 };
	char line[300];
	if (!guard_allows(&monitor->guard))
		return control_send(client, "error thaw unleased: its lease is over, wanted one");
	if (monitor->phase < PHASE_STARTING)
		return control_send(client, "ok thaw");
	if (guard_freeze(&monitor->guard, monitor->launch.cgroup2, false, &error) == 0)
		return control_send(client, "ok thaw");
	snprintf(line, sizeof line, "error thaw %.200s", error.message);
	control_send(client, line);
}

/* The lease may be over: nothing of the container runs from here on. One that has not begun is refused its start. */
bool lease_end(struct monitor *monitor)
{
	struct sw_error error = { 0 };
	if (!guard_is_over(&monitor->guard) || monitor->phase < PHASE_STARTING || monitor->guard.frozen)
		return false;
	if (guard_freeze(&monitor->guard, monitor->launch.cgroup2, true, &error) < 0) {
		monitor_complain("A container whose lease is over is killed, for it cannot be frozen: %s", error.message);
		kill(monitor->pid, SIGKILL);
		return false;
	}
	return true;
}
