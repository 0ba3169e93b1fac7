/* The compiled filter, run by a small classic-BPF interpreter, gives for every number what the profile says. */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "common/seccomp.h"
#include "harness.h"

#if defined(__x86_64__)
#define OWN AUDIT_ARCH_X86_64
#define FOREIGN AUDIT_ARCH_I386
#else
#define OWN AUDIT_ARCH_AARCH64
#define FOREIGN AUDIT_ARCH_ARM
#endif
#define BAD_PROGRAM 0xdeadbeefu
#define REFUSED (SECCOMP_RET_ERRNO | EPERM)
#define ABSENT (SECCOMP_RET_ERRNO | ENOSYS)

static struct sock_filter code[SW_SECCOMP_INSTRUCTIONS_MAX];
static int count;

/* The instructions that a seccomp filter may have and that we emit (linux/filter.h). */
static uint32_t interpret(const struct seccomp_data *data)
{
	uint32_t accumulator = 0;
	for (int at = 0; at >= 0 && at < count; at++) {
		const struct sock_filter *i = &code[at];
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k > sizeof *data - 4)
				return BAD_PROGRAM;
			memcpy(&accumulator, (const char *)data + i->k, 4);
			break;
		case BPF_JMP | BPF_JA:
			at += (int)i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += accumulator == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += accumulator >= i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			at += accumulator & i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			return BAD_PROGRAM;
		}
	}
	return BAD_PROGRAM;
}

static uint32_t answer(uint32_t number, uint64_t argument)
{
	struct seccomp_data data = { .nr = (int)number, .arch = OWN, .args = { argument } };
	return interpret(&data);
}

static uint32_t expected(uint8_t action)
{
	switch (action) {
	case SW_REFUSE:
		return REFUSED;
	case SW_ABSENT:
		return ABSENT;
	default: /* argument checks let 0 pass */
		return SECCOMP_RET_ALLOW;
	}
}

static void gives_the_table(void)
{
	uint8_t actions[SW_SECCOMP_NUMBERS];
	int wrong = 0;
	sw_seccomp_profile(actions);
	count = sw_seccomp_compile(actions, code, SW_SECCOMP_INSTRUCTIONS_MAX);
	CHECK(count > 0);
	for (uint32_t number = 0; number < SW_SECCOMP_NUMBERS; number++)
		wrong += answer(number, 0) != expected(actions[number]);
	CHECK(wrong == 0);
	CHECK(answer(SW_SECCOMP_NUMBERS, 0) == ABSENT && answer(0x40000000, 0) == ABSENT && answer(~0u, 0) == ABSENT);
	CHECK(sw_seccomp_compile(actions, code, 50) == -E2BIG);
	count = sw_seccomp_compile(actions, code, SW_SECCOMP_INSTRUCTIONS_MAX);
}

static void knows_the_cases(void)
{
	struct seccomp_data foreign = { .nr = SYS_read, .arch = FOREIGN };
	CHECK(interpret(&foreign) == SECCOMP_RET_KILL_PROCESS);
	CHECK(answer(SYS_read, 0) == SECCOMP_RET_ALLOW);
	CHECK(answer(SYS_mount, 0) == REFUSED && answer(SYS_unshare, 0) == REFUSED && answer(SYS_bpf, 0) == REFUSED);
	CHECK(answer(SYS_keyctl, 0) == REFUSED && answer(SYS_init_module, 0) == REFUSED && answer(SYS_setns, 0) == REFUSED);
	CHECK(answer(425, 0) == REFUSED); /* io_uring_setup */
	CHECK(answer(435, 0) == ABSENT);  /* clone3 */
	CHECK(answer(SYS_clone, CLONE_VM | CLONE_THREAD) == SECCOMP_RET_ALLOW);
	CHECK(answer(SYS_clone, CLONE_NEWUSER) == REFUSED && answer(SYS_clone, CLONE_NEWNS | CLONE_VM) == REFUSED);
	CHECK(answer(SYS_personality, 0xffffffff) == SECCOMP_RET_ALLOW && answer(SYS_personality, 8) == SECCOMP_RET_ALLOW);
	CHECK(answer(SYS_personality, 0x0040000) == REFUSED); /* ADDR_NO_RANDOMIZE */
	CHECK(answer(SYS_socket, AF_INET) == SECCOMP_RET_ALLOW && answer(SYS_socket, AF_VSOCK) == REFUSED);
}

/* Every second number allowed: the widest tree, with jumps past 255 instructions. */
static void compiles_the_worst_profile(void)
{
	uint8_t actions[SW_SECCOMP_NUMBERS];
	int wrong = 0;
	for (int i = 0; i < SW_SECCOMP_NUMBERS; i++)
		actions[i] = i % 2 ? SW_ALLOW : SW_REFUSE;
	count = sw_seccomp_compile(actions, code, SW_SECCOMP_INSTRUCTIONS_MAX);
	CHECK(count > 1000);
	for (uint32_t number = 0; number < SW_SECCOMP_NUMBERS; number++)
		wrong += answer(number, 0) != expected(actions[number]);
	CHECK(wrong == 0 && answer(SW_SECCOMP_NUMBERS, 0) == ABSENT);
}

void run_seccomp(void)
{
	gives_the_table();
	knows_the_cases();
	compiles_the_worst_profile();
}
