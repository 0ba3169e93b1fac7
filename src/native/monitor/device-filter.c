#include "device-filter.h"

#include <string.h>

#include "../common/cleanup.h"
#include "../common/device-program.h"
#include "../common/syscalls.h"

#define ANY UINT32_MAX

/* Characters only; reading, writing and making. Source: runc libcontainer/specconv AllowedDevices. */
static const struct {
	uint32_t major, minor;
} allowed[] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 }, { 5, 0 }, { 5, 2 }, { 136, ANY } };

/* Leads on unless register `source` is `value`; the distance is set by emit_device. */
static void emit_unless(struct sw_device_program *program, uint8_t source, uint32_t value)
{
	sw_device_emit(program, BPF_JMP | BPF_JNE | BPF_K, source, 0, 0, (int32_t)value);
}

/* Answers yes for this device and an access that is all granted. */
static void emit_device(struct sw_device_program *program, const struct sw_device *device)
{
	uint32_t start = program->count, granted = (device->read ? BPF_DEVCG_ACC_READ : 0) |
						   (device->write ? BPF_DEVCG_ACC_WRITE : 0) |
						   (device->make ? BPF_DEVCG_ACC_MKNOD : 0);
	emit_unless(program, BPF_REG_2, device->is_block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	emit_unless(program, BPF_REG_4, device->major);
	emit_unless(program, BPF_REG_5, device->minor);
	sw_device_emit(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_3, 0, 0);
	sw_device_emit(program, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_6, 0, 0, (int32_t)~granted);
	emit_unless(program, BPF_REG_6, 0);
	sw_device_emit_answer(program, 1);
	for (uint32_t at = start; at < program->count && at < SW_DEVICE_INSTRUCTIONS_MAX; at++)
		if (program->code[at].code == (BPF_JMP | BPF_JNE | BPF_K))
			program->code[at].off = (int16_t)(program->count - at - 1);
}

static void build(struct sw_device_program *program, const struct sw_security *security)
{
	sw_device_program_begin(program);
	for (size_t i = 0; security && i < security->device_count; i++)
		emit_device(program, &security->devices[i]);
	/* Making a node is harmless: opening it is judged again. */
	sw_device_emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_3, 0, 2, BPF_DEVCG_ACC_MKNOD);
	sw_device_emit_answer(program, 1);
	sw_device_emit(program, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_2, 0, 2, BPF_DEVCG_DEV_CHAR);
	sw_device_emit_answer(program, 0);
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
		int16_t rest = allowed[i].minor == ANY ? 2 : 3;
		sw_device_emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, rest, (int32_t)allowed[i].major);
		if (allowed[i].minor != ANY)
			sw_device_emit(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 2, (int32_t)allowed[i].minor);
		sw_device_emit_answer(program, 1);
	}
	sw_device_emit_answer(program, 0);
}

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int is_attached(int cgroup2)
{
	union bpf_attr query;
	memset(&query, 0, sizeof query);
	query.query.target_fd = (uint32_t)cgroup2;
	query.query.attach_type = BPF_CGROUP_DEVICE;
	return bpf(BPF_PROG_QUERY, &query) == 0 && query.query.prog_cnt > 0;
}

int device_filter_load(const struct sw_security *security, struct sw_error *error)
{
	struct sw_device_program program;
	build(&program, security);
	return sw_device_program_load(&program, "swarm_devices", error);
}

int device_filter_put(int cgroup2, int loaded, struct sw_error *error)
{
	union bpf_attr attach;
	memset(&attach, 0, sizeof attach);
	attach.target_fd = (uint32_t)cgroup2;
	attach.attach_bpf_fd = (uint32_t)loaded;
	attach.attach_type = BPF_CGROUP_DEVICE;
	attach.attach_flags = BPF_F_ALLOW_MULTI;
	return bpf(BPF_PROG_ATTACH, &attach) < 0 ? sw_fail(error, errno, "attach the device filter", NULL) : 0;
}

int device_filter_attach(int cgroup2, const struct sw_security *security, struct sw_error *error)
{
	if (security->every_device || is_attached(cgroup2))
		return 0;
	SW_AUTOCLOSE int loaded = device_filter_load(security, error);
	return loaded < 0 ? loaded : device_filter_put(cgroup2, loaded, error);
}
