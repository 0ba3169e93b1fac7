#include "device-rules.h"

#include "../common/cleanup.h"
#include "../common/device-program.h"
#include "../monitor/device-filter.h"

#define RULES_MAX 256
#define ANY UINT32_MAX
#define ALL_ACCESS (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

/* An allowing rule fits when it covers every kind of access that is asked for, a refusing one when it names any of them. */
static void emit_access_test(struct sw_device_program *program, const struct plan_device_rule *rule)
{
	uint32_t mask = rule->allow ? ALL_ACCESS & ~rule->access : rule->access;
	uint8_t skips_when = rule->allow ? BPF_JNE : BPF_JEQ;
	sw_device_emit(program, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_3, 0, 0);
	sw_device_emit(program, BPF_ALU | BPF_AND | BPF_K, BPF_REG_0, 0, 0, (int32_t)mask);
	sw_device_emit(program, BPF_JMP | skips_when | BPF_K, BPF_REG_0, 0, 0, 0);
}

static void emit_rule(struct sw_device_program *program, const struct plan_device_rule *rule)
{
	uint32_t first = program->count;
	if (rule->type != ANY)
		sw_device_emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 0, (int32_t)rule->type);
	if (rule->access != ALL_ACCESS)
		emit_access_test(program, rule);
	if (rule->major != ANY)
		sw_device_emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, (int32_t)rule->major);
	if (rule->minor != ANY)
		sw_device_emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, (int32_t)rule->minor);
	sw_device_emit_answer(program, rule->allow);
	/* Each test that does not hold goes on with the next rule. */
	for (uint32_t i = first; i + 2 < program->count && i < SW_DEVICE_INSTRUCTIONS_MAX; i++)
		if (BPF_CLASS(program->code[i].code) == BPF_JMP)
			program->code[i].off = (int16_t)(program->count - i - 1);
}

/* The last rule that fits decides, so they are asked backwards; without one nothing is allowed. */
static int build(const struct plan *plan, struct sw_device_program *program, struct sw_error *error)
{
	sw_device_program_begin(program);
	if (plan->device_rule_count > RULES_MAX)
		return sw_refuse(error, E2BIG, "make the device filter", "make the device filter: %zu rules, wanted at most %d",
				 plan->device_rule_count, RULES_MAX);
	for (size_t i = plan->device_rule_count; i-- > 0;) {
		const struct plan_device_rule *rule = &plan->device_rules[i];
		emit_rule(program, rule);
		/* The verifier refuses what can never be reached. */
		if (rule->type == ANY && rule->major == ANY && rule->minor == ANY && rule->access == ALL_ACCESS)
			return 0;
	}
	sw_device_emit_answer(program, 0);
	return 0;
}

int device_rules_attach(const struct plan *plan, int cgroup2, struct sw_error *error)
{
	struct sw_device_program program;
	if (plan->device_rule_count == 0)
		return 0;
	int result = build(plan, &program, error);
	if (result < 0)
		return result;
	SW_AUTOCLOSE int loaded = sw_device_program_load(&program, "swarm_oci_dev", error);
	if (loaded < 0)
		return loaded;
	return device_filter_put(cgroup2, loaded, error);
}
