/* The container's standard output and error: two pipes to the monitor. Their inode numbers, by which CRIU names them in an
 * image, are written to <directory>/pipes as "<stdout> <stderr>\n". */
#ifndef SW_OUTPUTS_H
#define SW_OUTPUTS_H

#include "monitor.h"

/* Read ends go to monitor->logs[].pipe, write ends (close-on-exec) to the caller, also when it fails half-way. */
int outputs_make(struct monitor *monitor, int write_ends[2], struct sw_error *error);

/* A SOCK_SEQPACKET pair for reports (common/report.h), both ends close-on-exec. */
int report_pair_make(int *ours, int *theirs, struct sw_error *error);

/* Bounds the logs as the launch file says. */
void outputs_bound(struct monitor *monitor);

#endif
