/* eBPF that answers whether a cgroup may use a device: what the monitor's fixed list and OCI's rules share. */
#ifndef SW_DEVICE_PROGRAM_H
#define SW_DEVICE_PROGRAM_H

#include <linux/bpf.h>
#include <stdint.h>

#include "error.h"

/* 256 rules of OCI at eight each are the most. */
#define SW_DEVICE_INSTRUCTIONS_MAX (256 * 8 + 16)

struct sw_device_program {
	struct bpf_insn code[SW_DEVICE_INSTRUCTIONS_MAX];
	uint32_t count;
};

/* Empties it and puts into r2 the type, r3 the access, r4 the major and r5 the minor number (struct bpf_cgroup_dev_ctx). */
void sw_device_program_begin(struct sw_device_program *program);
/* One too many is not written, and the program is refused when it is loaded. */
void sw_device_emit(struct sw_device_program *program, uint8_t code, uint8_t target, uint8_t source, int16_t offset,
		    int32_t value);
/* Ends it: 1 allows. */
void sw_device_emit_answer(struct sw_device_program *program, int32_t answer);
/* Gives its descriptor. */
int sw_device_program_load(const struct sw_device_program *program, const char *name, struct sw_error *error);

#endif
