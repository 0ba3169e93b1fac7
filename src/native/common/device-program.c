#include "device-program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "syscalls.h"

#define LOAD_ATTEMPTS_MAX 8

void sw_device_emit(struct sw_device_program *program, uint8_t code, uint8_t target, uint8_t source, int16_t offset,
		    int32_t value)
{
	if (program->count < SW_DEVICE_INSTRUCTIONS_MAX)
		program->code[program->count] = (struct bpf_insn){ code, target, source, offset, value };
	program->count++;
}

void sw_device_emit_answer(struct sw_device_program *program, int32_t answer)
{
	sw_device_emit(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, answer);
	sw_device_emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

void sw_device_program_begin(struct sw_device_program *program)
{
	program->count = 0;
	sw_device_emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0, 0);
	sw_device_emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	sw_device_emit(program, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	sw_device_emit(program, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	sw_device_emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, 4, 0);
	sw_device_emit(program, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, 8, 0);
}

int sw_device_program_load(const struct sw_device_program *program, const char *name, struct sw_error *error)
{
	union bpf_attr load;
	int loaded = -1;
	if (program->count > SW_DEVICE_INSTRUCTIONS_MAX)
		return sw_fail(error, E2BIG, "make the device filter", NULL);
	memset(&load, 0, sizeof load);
	load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	load.insns = (uint64_t)(uintptr_t)program->code;
	load.insn_cnt = program->count;
	load.license = (uint64_t)(uintptr_t) "Apache-2.0";
	snprintf(load.prog_name, sizeof load.prog_name, "%s", name);
	/* The verifier gives up when a signal is pending: bpf(2) says EAGAIN. */
	for (int attempt = 0; attempt < LOAD_ATTEMPTS_MAX && loaded < 0 && (attempt == 0 || errno == EAGAIN); attempt++)
		loaded = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
	return loaded < 0 ? sw_fail(error, errno, "load the device filter", "(CONFIG_CGROUP_BPF)") : loaded;
}
