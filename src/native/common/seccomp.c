#include "seccomp.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "cleanup.h"
#include "file.h"

static const char step[] = "read the seccomp program";

int sw_seccomp_read(const char *path, struct sw_seccomp *program, struct sw_error *error)
{
	char *bytes;
	size_t size;
	*program = (struct sw_seccomp){ 0 };
	if (!path)
		return 0;
	SW_AUTOCLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return sw_fail(error, errno, step, path);
	int result = sw_read_all(file, BPF_MAXINSNS * sizeof *program->code, &bytes, &size);
	if (result < 0)
		return sw_fail(error, -result, step, path);
	program->code = (struct sock_filter *)bytes;
	program->count = size / sizeof *program->code;
	if (size == 0 || size % sizeof *program->code != 0) {
		free(bytes);
		program->code = NULL;
		return sw_refuse(error, EINVAL, step, "%s: %zu bytes are no program", step, size);
	}
	return 0;
}

int sw_seccomp_load(const struct sw_seccomp *program, struct sw_error *error)
{
	struct sock_fprog loaded = { (unsigned short)program->count, program->code };
	if (!program->code)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &loaded) < 0)
		return sw_fail(error, errno, "load the seccomp filter", NULL);
	return 0;
}
