#include "device-rules.h"

#include <linux/bpf.h>
#include <string.h>

#include "../common/cleanup.h"
#include "../common/syscalls.h"
#include "../monitor/device-filter.h"

/* The longest rule: type, access (two), major, minor, answer (two). */
#define INSTRUCTIONS_PER_RULE 7
#define RULES_MAX 256
#define INSTRUCTIONS_MAX (RULES_MAX * INSTRUCTIONS_PER_RULE + 16)
#define ANY UINT32_MAX
#define ALL_ACCESS (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

struct program {
	struct bpf_insn code[INSTRUCTIONS_MAX];
	uint32_t count;
};

static void emit(struct program *program, uint8_t code, uint8_t target, uint8_t source, int16_t offset, int32_t value)
{
	program->code[program->count++] = (struct bpf_insn){ code, target, source, offset, value };
}

static void emit_answer(struct program *program, int32_t answer)
{
	emit(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, answer);
	emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* r2 type, r3 access, r4 major, r5 minor, from struct bpf_cgroup_dev_ctx. */
static void emit_loads(struct program *program)
{
	emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0, 0);
	emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	emit(program, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	emit(program, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, 4, 0);
	emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, 8, 0);
}

/* An allowing rule fits when it covers every kind of access that is asked for, a refusing one when it names any of them. */
static void emit_access_test(struct program *program, const struct plan_device_rule *rule)
{
	uint32_t mask = rule->allow ? ALL_ACCESS & ~rule->access : rule->access;
	uint8_t skips_when = rule->allow ? BPF_JNE : BPF_JEQ;
	emit(program, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_3, 0, 0);
	emit(program, BPF_ALU | BPF_AND | BPF_K, BPF_REG_0, 0, 0, (int32_t)mask);
	emit(program, BPF_JMP | skips_when | BPF_K, BPF_REG_0, 0, 0, 0);
}

static void emit_rule(struct program *program, const struct plan_device_rule *rule)
{
	uint32_t first = program->count;
	if (rule->type != ANY)
		emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 0, (int32_t)rule->type);
	if (rule->access != ALL_ACCESS)
		emit_access_test(program, rule);
	if (rule->major != ANY)
		emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, (int32_t)rule->major);
	if (rule->minor != ANY)
		emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, (int32_t)rule->minor);
	emit_answer(program, rule->allow);
	/* Each test that does not hold goes on with the next rule. */
	for (uint32_t i = first; i + 2 < program->count; i++)
		if (BPF_CLASS(program->code[i].code) == BPF_JMP)
			program->code[i].off = (int16_t)(program->count - i - 1);
}

/* The last rule that fits decides, so they are asked backwards; without one nothing is allowed. */
static int build(const struct plan *plan, struct program *program, struct sw_error *error)
{
	program->count = 0;
	if (plan->device_rule_count > RULES_MAX)
		return sw_refuse(error, E2BIG, "make the device filter", "make the device filter: %zu rules, wanted at most %d",
				 plan->device_rule_count, RULES_MAX);
	emit_loads(program);
	for (size_t i = plan->device_rule_count; i-- > 0;) {
		const struct plan_device_rule *rule = &plan->device_rules[i];
		emit_rule(program, rule);
		/* The verifier refuses what can never be reached. */
		if (rule->type == ANY && rule->major == ANY && rule->minor == ANY && rule->access == ALL_ACCESS)
			return 0;
	}
	emit_answer(program, 0);
	return 0;
}

int device_rules_attach(const struct plan *plan, int cgroup2, struct sw_error *error)
{
	struct program program;
	union bpf_attr load;
	if (plan->device_rule_count == 0)
		return 0;
	int result = build(plan, &program, error);
	if (result < 0)
		return result;
	memset(&load, 0, sizeof load);
	load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	load.insns = (uint64_t)(uintptr_t)program.code;
	load.insn_cnt = program.count;
	load.license = (uint64_t)(uintptr_t) "Apache-2.0";
	memcpy(load.prog_name, "swarm_oci_dev", 14);
	SW_AUTOCLOSE int loaded = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
	if (loaded < 0)
		return sw_fail(error, errno, "load the device filter", "(CONFIG_CGROUP_BPF)");
	return device_filter_put(cgroup2, loaded, error);
}
