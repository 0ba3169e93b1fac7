/* One monitor: the parent of one container, outside its namespaces and cgroups. main.c picks how the container comes to
 * life (container.c runs one; restore fills the same fields from a checkpoint), loop.c then keeps it until its end. */
#ifndef SW_MONITOR_H
#define SW_MONITOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../common/launch.h"
#include "control.h"
#include "exit-record.h"
#include "guard.h"
#include "input.h"
#include "log-stream.h"

enum phase {
	PHASE_CREATING, /* the init is building */
	PHASE_STANDING, /* the namespaces are there; waits for `launch`: the launch file to be written, the network to get its link */
	PHASE_CREATED,	/* everything but the first instruction */
	PHASE_STARTING, /* told to execute */
	PHASE_RUNNING,
	PHASE_ENDED, /* to be recorded, then told */
};

struct monitor {
	const char *directory;
	char moved[4096]; /* what `directory` became: a container that stood ready is moved to its place */
	struct sw_launch launch;
	/* The launch file, locked while this monitor has the container: a second one is refused. */
	int lock;
	enum phase phase;
	const char *standing_cgroup2; /* the cgroup of a container that stands ready */
	const char *standing_base;    /* first id of the user namespace that it stands in; "0": none */
	pid_t standing_pid; /* who waits for `launch` in the namespaces of the container, where that is another than `pid` */
	pid_t pid; /* the container's first process, a child of the monitor */
	/* Highest epoch seen; `start` with a lower one is refused. */
	uint64_t epoch;
	struct guard guard;
	struct log_stream logs[2]; /* standard output (with a terminal: all output), standard error */
	struct input input;
	struct control control;
	int signal_fd;
	/* criu while it restores the container; 0 once it has ended and for a container that was run. */
	pid_t builder;
	bool restored;
	/* The pair with the init (report.h); -1 once the workload has been executed. */
	int report_fd;
	/* Connection that waits for the answer to `start`; -1: none. */
	int starter;
	/* Monotonic milliseconds at which what is held back is told; 0: nothing is. */
	uint64_t tell_at_ms;
	uint64_t oom_kills_before;
	/* What the init said about its failure. */
	bool failed;
	/* Who asked for it went while it was being made: nobody will launch or start it. */
	bool orphaned;
	struct exit_record exit;
};

/* Starts the init in new namespaces and its cgroups: pid, logs[].pipe and report_fd are set. */
int container_run(struct monitor *monitor, struct sw_error *error);

/* The same before the launch file is written, in standing_cgroup2. */
int container_stand(struct monitor *monitor, struct sw_error *error);

/* What a container that stands waited for is there (the launch file of one that stood ready is read): lets the init or criu go on. */
int container_launch(struct monitor *monitor, struct sw_error *error);

/* It is built: the end of a passing one does not wait for its network to be taken down, as it does not for its mounts. */
void container_hold_network(const struct monitor *monitor);

/* Starts criu with the arguments of <directory>/restore: builder, logs[].pipe and report_fd are set, pid when the copy is whole. */
int container_restore(struct monitor *monitor, struct sw_error *error);

/* The container could not be started: its end, to be recorded by the loop. */
void monitor_fail(struct monitor *monitor, const struct sw_error *error);

/* Until the container has ended, the record is durable and everybody has been told. */
int monitor_loop(struct monitor *monitor, struct sw_error *error);

/* The line for `state`, without line feed. */
void monitor_state(const struct monitor *monitor, char *line, size_t size);

#endif
