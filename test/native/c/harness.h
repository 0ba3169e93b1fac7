/* A test program without a framework: each file has one `run_…` function of checks; main prints the closing line. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stdio.h>

extern int passed, failed;

#define CHECK(condition)                                                                   \
	do {                                                                               \
		if (condition) {                                                           \
			passed++;                                                          \
		} else {                                                                   \
			failed++;                                                          \
			printf("FAILED %s:%d: %s\n", __FILE__, __LINE__, #condition);      \
		}                                                                          \
	} while (0)

void run_launch(void);
void run_seccomp(void);
void run_log(void);
void run_control(void);
void run_exit_record(void);
void run_identity(void);
void run_workload(void);
void run_overlay(void);
void run_plan(void);
void run_tar_entry(void);
void run_exec(void);

#endif
