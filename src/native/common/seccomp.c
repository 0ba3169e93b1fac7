#include "seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "syscalls.h"

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "no seccomp profile for this architecture"
#endif

#define SECCOMP_ERRNO(code) (SECCOMP_RET_ERRNO | (code))
/* Both architectures are little-endian: the low half of an argument comes first. */
#define FIRST_ARGUMENT offsetof(struct seccomp_data, args[0])
#define NAMESPACE_FLAGS 0x7e020000u /* CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET */
#define ALL_ONES 0xffffffffu

struct interval {
	uint32_t first;
	uint8_t action;
};

struct program {
	struct sock_filter *code;
	size_t count, capacity;
};

static size_t emit(struct program *program, uint16_t code, uint8_t yes, uint8_t no, uint32_t value)
{
	if (program->count < program->capacity)
		program->code[program->count] = (struct sock_filter){ code, yes, no, value };
	return program->count++;
}

static void emit_return(struct program *program, uint32_t value)
{
	emit(program, BPF_RET | BPF_K, 0, 0, value);
}

static void emit_load(struct program *program, uint32_t offset)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

static void emit_personality(struct program *program)
{
	/* PER_LINUX, PER_LINUX32, UNAME26 with each, and the question what it is. */
	static const uint32_t harmless[] = { 0, 0x8, 0x20000, 0x20008, ALL_ONES };
	const uint8_t count = sizeof harmless / sizeof *harmless;
	emit_load(program, FIRST_ARGUMENT);
	for (uint8_t i = 0; i < count; i++)
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(count - i), 0, harmless[i]);
	emit_return(program, SECCOMP_ERRNO(EPERM));
	emit_return(program, SECCOMP_RET_ALLOW);
}

static void emit_action(struct program *program, uint8_t action)
{
	switch (action) {
	case SW_ALLOW:
		return emit_return(program, SECCOMP_RET_ALLOW);
	case SW_ABSENT:
		return emit_return(program, SECCOMP_ERRNO(ENOSYS));
	case SW_PERSONALITY:
		return emit_personality(program);
	case SW_CLONE:
		emit_load(program, FIRST_ARGUMENT);
		emit(program, BPF_JMP | BPF_JSET | BPF_K, 1, 0, NAMESPACE_FLAGS);
		emit_return(program, SECCOMP_RET_ALLOW);
		return emit_return(program, SECCOMP_ERRNO(EPERM));
	case SW_SOCKET:
		emit_load(program, FIRST_ARGUMENT);
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AF_VSOCK);
		emit_return(program, SECCOMP_RET_ALLOW);
		return emit_return(program, SECCOMP_ERRNO(EPERM));
	default:
		return emit_return(program, SECCOMP_ERRNO(EPERM));
	}
}

/* Binary search over intervals[low..high]; the accumulator holds the number. A conditional jump reaches 255
 * instructions, so each one skips over an unconditional jump to the upper half. */
static void emit_search(struct program *program, const struct interval *intervals, size_t low, size_t high)
{
	if (low == high)
		return emit_action(program, intervals[low].action);
	size_t middle = (low + high + 1) / 2;
	emit(program, BPF_JMP | BPF_JGE | BPF_K, 0, 1, intervals[middle].first);
	size_t jump = emit(program, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_search(program, intervals, low, middle - 1);
	if (jump < program->capacity)
		program->code[jump].k = (uint32_t)(program->count - jump - 1);
	emit_search(program, intervals, middle, high);
}

static size_t intervals_of(const uint8_t actions[SW_SECCOMP_NUMBERS], struct interval *intervals)
{
	size_t count = 0;
	for (uint32_t number = 0; number < SW_SECCOMP_NUMBERS; number++)
		if (count == 0 || intervals[count - 1].action != actions[number])
			intervals[count++] = (struct interval){ number, actions[number] };
	if (intervals[count - 1].action != SW_ABSENT)
		intervals[count++] = (struct interval){ SW_SECCOMP_NUMBERS, SW_ABSENT };
	return count;
}

int sw_seccomp_compile(const uint8_t actions[SW_SECCOMP_NUMBERS], struct sock_filter *code, size_t capacity)
{
	struct interval intervals[SW_SECCOMP_NUMBERS + 1];
	struct program program = { code, 0, capacity };
	size_t count = intervals_of(actions, intervals);
	emit_load(&program, offsetof(struct seccomp_data, arch));
	emit(&program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, OWN_ARCHITECTURE);
	emit_return(&program, SECCOMP_RET_KILL_PROCESS);
	emit_load(&program, offsetof(struct seccomp_data, nr));
	emit_search(&program, intervals, 0, count - 1);
	return program.count > capacity ? -E2BIG : (int)program.count;
}

int sw_seccomp_load(struct sw_error *error)
{
	uint8_t actions[SW_SECCOMP_NUMBERS];
	struct sock_filter code[SW_SECCOMP_INSTRUCTIONS_MAX];
	sw_seccomp_profile(actions);
	int count = sw_seccomp_compile(actions, code, SW_SECCOMP_INSTRUCTIONS_MAX);
	if (count < 0)
		return sw_fail(error, -count, "compile the seccomp filter", NULL);
	struct sock_fprog program = { (unsigned short)count, code };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return sw_fail(error, errno, "load the seccomp filter", NULL);
	return 0;
}
