/* The default seccomp filter: Docker's default list for a container without extra capabilities, compiled as a binary
 * search over intervals of system call numbers, which loads in a tenth of the time of libseccomp's linear form. */
#ifndef SW_SECCOMP_H
#define SW_SECCOMP_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define SW_SECCOMP_INSTRUCTIONS_MAX 4096
/* Numbers from here on are unknown to the profile: ENOSYS, so that programs fall back (x32 calls too: they start at 2^30). */
#define SW_SECCOMP_NUMBERS 512

enum sw_seccomp_action {
	SW_REFUSE, /* EPERM */
	SW_ALLOW,
	SW_ABSENT,	/* ENOSYS */
	SW_CLONE,	/* allowed without namespace flags in the first argument */
	SW_PERSONALITY, /* allowed for the harmless values of Docker's list */
	SW_SOCKET,	/* allowed except AF_VSOCK, which reaches the host past every network namespace */
};

/* One action for each number below SW_SECCOMP_NUMBERS. */
void sw_seccomp_profile(uint8_t actions[SW_SECCOMP_NUMBERS]);

/* Gives the number of instructions, or -E2BIG. */
int sw_seccomp_compile(const uint8_t actions[SW_SECCOMP_NUMBERS], struct sock_filter *program, size_t capacity);

/* Profile, compile, load. Needs no_new_privs. */
int sw_seccomp_load(struct sw_error *error);

#endif
