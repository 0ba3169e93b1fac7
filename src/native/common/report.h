/* What the init, or criu's hook for a restored container, tells the monitor, and the one thing the monitor answers: a
 * SOCK_SEQPACKET pair, one record a message. After SW_READY the init waits for the byte 'S'; then it executes the workload,
 * which closes the socket. The hook gives the pid of the restored first process as `code` of SW_READY and waits alike. An init that
 * stands ready (`stand`) says SW_STANDING and waits for the byte 'L' before it reads the launch file; one with `network-later` does so after it
 * has read it, and the hook when a restored container has its namespaces. */
#ifndef SW_REPORT_H
#define SW_REPORT_H

#include <stdint.h>

enum sw_report_kind {
	SW_READY = 1,
	SW_WARNING = 2, /* text goes to the monitor's standard error */
	SW_FAILED = 3,	/* the init ends with `code`; text says why */
	SW_INPUT = 5,	 /* comes with the writing end of standard input */
	SW_TERMINAL = 6, /* comes with the master of the terminal */
	SW_STANDING = 7, /* the namespaces are there, nothing else; waits for the byte 'L'. `code`: its pid, where the monitor does not know it */
	SW_RUNNING = 4, /* a restored container runs (an init says so by executing the workload) */
};

struct sw_report {
	uint32_t kind;
	int32_t code;
	char text[256];
};

#define SW_START_BYTE 'S'
#define SW_LAUNCH_BYTE 'L'
/* Descriptors of the init in `create` mode: standard output and error are the container's pipes. */
#define SW_REPORT_FD 3
#define SW_LAUNCH_FD 4

#define SW_EXIT_SETUP_FAILED 125
#define SW_EXIT_NOT_EXECUTABLE 126
#define SW_EXIT_NOT_FOUND 127

#endif
